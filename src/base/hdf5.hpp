#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// HDF5 files: one thin pair over the C library. Objects are addressed by path, so no handles but
/// the file's stay open. Every failure is a UserError that names file, path, what was found and
/// what is allowed. All calls are serialised by one lock, so they may come from any thread.
namespace attohm {

using H5Shape = std::vector<std::size_t>;

/// "[2, 65, 64]"
std::string shape_text(const H5Shape& shape);
std::size_t shape_elements(const H5Shape& shape);

/// Value of an attribute, whatever its width: integer, real or text.
using H5Value = std::variant<std::int64_t, double, std::string>;

struct H5DatasetInfo {
    H5Shape shape;                   ///< empty: a scalar
    std::string dtype;               ///< "float16", "uint8", "big-endian float32", "text", ...
    std::uint64_t stored_bytes = 0;  ///< after compression

    std::size_t elements() const { return shape_elements(shape); }
};

/// How a dataset is laid out. The default is contiguous and unfiltered.
struct H5Layout {
    H5Shape chunk;            ///< empty = contiguous; filters need chunks
    bool fletcher32 = false;  ///< checksum of each chunk
    int gzip = 0;             ///< level 1 to 9 (with shuffle), 0 = none

    static constexpr std::size_t kChunkBytes = std::size_t{1} << 20U;
    /// Chunks of whole trailing planes up to about `chunk_bytes` with checksums; contiguous below
    /// 4 KiB.
    static H5Layout standard(const H5Shape& shape, std::size_t element_bytes,
                             std::size_t chunk_bytes = kChunkBytes);
};

class H5Group;

/// An open file; copies share it.
class H5File {
  public:
    /// Opens for reading. Throws: UserError: no file, not HDF5, truncated or damaged.
    static H5File open(const std::string& path);
    /// Creates (or truncates) for writing; no time stamps, so equal content gives equal bytes.
    /// Args: shown_as: the path that messages name, where it differs (see AtomicFile).
    static H5File create(const std::string& path, const std::string& shown_as = "");

    H5Group root() const;
    /// Flushes and closes a file for writing; afterwards no group of it may be used.
    /// Throws: UserError, e.g. when the disk is full.
    void close();

  private:
    friend class H5Group;
    struct State;
    std::shared_ptr<State> state_;
};

/// A group, or any object, of an open file. Names may be paths relative to it ("layers/00/q").
class H5Group {
  public:
    /// Absolute path in the file; "/" is the root.
    const std::string& path() const { return path_; }
    /// "file.h5:/path/name", for messages. An attribute is "file.h5:/path@name".
    std::string where(std::string_view name = "") const;
    std::string where_attribute(std::string_view name) const;

    bool has_group(std::string_view name) const;
    bool has_dataset(std::string_view name) const;
    std::vector<std::string> groups() const;    ///< names, sorted
    std::vector<std::string> datasets() const;  ///< names, sorted
    /// Throws: UserError when there is no such group.
    H5Group group(std::string_view name) const;
    /// The dataset `name`, as the holder of its attributes. Throws: UserError when there is none.
    H5Group dataset(std::string_view name) const;

    // Attributes. Getters throw UserError when missing, of another kind, or not one value.
    bool has_attribute(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    double real(std::string_view name) const;  ///< integers count; never NaN or infinite
    std::string text(std::string_view name) const;
    H5Value value(std::string_view name) const;
    std::map<std::string, H5Value> attributes() const;

    // Datasets. Readers throw UserError when missing, of another type, or of another size than
    // `out`.
    H5DatasetInfo info(std::string_view name) const;
    void read(std::string_view name, std::span<float> out) const;  ///< float32 or float16
    /// `count` indices of the first axis from `first` on; chunks are decoded by several threads.
    void read_slab(std::string_view name, std::size_t first, std::size_t count,
                   std::span<float> out) const;  ///< float32 or float16
    void read_slab(std::string_view name, std::size_t first, std::size_t count,
                   std::span<std::uint8_t> out) const;
    void read(std::string_view name, std::span<double> out) const;  ///< any float up to float64
    void read(std::string_view name, std::span<std::uint8_t> out) const;
    void read(std::string_view name, std::span<std::int32_t> out) const;  ///< any narrower integer
    void read(std::string_view name, std::span<std::int64_t> out) const;  ///< any narrower integer
    std::vector<std::string> read_texts(std::string_view name) const;
    /// One text, of any length.
    std::string read_text(std::string_view name) const;
    /// The elements as stored, in C order, with their type as NumPy writes it ("<f4", "|u1").
    /// Throws: UserError for a type that has none.
    struct Raw {
        std::string dtype;
        std::vector<std::byte> bytes;
    };
    Raw read_raw(std::string_view name) const;

    // Writing. Intermediate groups must exist; an existing name is an invariant error.
    H5Group create_group(std::string_view name) const;
    void set_integer(std::string_view name, std::int64_t value) const;
    void set_flag(std::string_view name, bool value) const;  ///< uint8
    void set_real(std::string_view name, double value) const;
    /// Fixed-length UTF-8. Longer than 32 KiB: write it as a dataset.
    void set_text(std::string_view name, std::string_view value) const;
    void write(std::string_view name, const H5Shape& shape, std::span<const float> values,
               const H5Layout& layout = {}) const;
    void write(std::string_view name, const H5Shape& shape, std::span<const double> values,
               const H5Layout& layout = {}) const;
    void write(std::string_view name, const H5Shape& shape, std::span<const std::uint8_t> values,
               const H5Layout& layout = {}) const;
    void write(std::string_view name, const H5Shape& shape, std::span<const std::int32_t> values,
               const H5Layout& layout = {}) const;
    void write(std::string_view name, const H5Shape& shape, std::span<const std::int64_t> values,
               const H5Layout& layout = {}) const;
    /// Bits of float16 numbers.
    void write_halves(std::string_view name, const H5Shape& shape,
                      std::span<const std::uint16_t> values, const H5Layout& layout = {}) const;
    void write_texts(std::string_view name, const std::vector<std::string>& values) const;
    void write_text(std::string_view name, std::string_view value) const;

  private:
    friend class H5File;
    friend struct H5RawAccess;
    H5Group(std::shared_ptr<H5File::State> state, std::string path)
        : state_(std::move(state)), path_(std::move(path)) {}
    std::string absolute(std::string_view name) const;

    std::shared_ptr<H5File::State> state_;
    std::string path_;
};

}  // namespace attohm
