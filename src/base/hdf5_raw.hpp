#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/hdf5.hpp"

/// Datasets and attributes moved between files as they are stored: no conversion, any fixed-size
/// type, part by part. Every failure is a UserError that names file and path.
namespace attohm {

/// A stored type.
struct H5RawType {
    std::string numpy;                   ///< as NumPy writes it: "<f4", "|u1", "|S12", "|V8"
    std::size_t bytes = 0;               ///< of one element
    std::shared_ptr<const void> handle;  ///< the library's

    static H5RawType float16();
    static H5RawType float32();
    static H5RawType uint8();
    /// Fixed-length UTF-8.
    static H5RawType text(std::size_t size);
};

/// Part of a dataset: on each axis `count` indices from `start` on.
struct H5Block {
    H5Shape start;
    H5Shape count;

    std::size_t elements() const { return shape_elements(count); }
};

class H5RawReader {
  public:
    /// Args: dataset: as H5Group::dataset gives it. Texts of variable length become fixed.
    /// Throws: UserError for types that only mean something inside their file (references) or whose
    /// size varies.
    explicit H5RawReader(const H5Group& dataset);
    ~H5RawReader();
    H5RawReader(const H5RawReader&) = delete;
    H5RawReader& operator=(const H5RawReader&) = delete;

    const H5Shape& shape() const { return shape_; }
    const H5RawType& type() const { return type_; }
    /// Level it is compressed with; 0: not.
    int gzip() const { return gzip_; }
    /// Elements of a block in C order. Args: out: of its size.
    void read(const H5Block& block, std::span<std::byte> out) const;

  private:
    struct Open;
    void read_texts(const H5Group& dataset);

    std::unique_ptr<Open> open_;
    H5Shape shape_;
    H5RawType type_;
    int gzip_ = 0;
    std::vector<std::byte> texts_;  ///< of variable length in the file
};

class H5RawWriter {
  public:
    /// Creates a dataset; its groups exist.
    H5RawWriter(const H5Group& root, std::string_view path, const H5RawType& type,
                const H5Shape& shape, const H5Layout& layout);
    ~H5RawWriter();
    H5RawWriter(const H5RawWriter&) = delete;
    H5RawWriter& operator=(const H5RawWriter&) = delete;

    void write(const H5Block& block, std::span<const std::byte> values) const;

  private:
    struct Open;
    std::unique_ptr<Open> open_;
};

/// An attribute that is no single number or text.
struct H5RawAttribute {
    H5RawType type;
    H5Shape shape;
    std::vector<std::byte> bytes;
};

/// Throws: UserError as H5RawReader.
H5RawAttribute read_raw_attribute(const H5Group& object, std::string_view name);
void write_raw_attribute(const H5Group& object, std::string_view name,
                         const H5RawAttribute& attribute);
std::vector<std::string> attribute_names(const H5Group& object);  ///< sorted

}  // namespace attohm
