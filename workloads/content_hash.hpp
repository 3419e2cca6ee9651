#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "src/base/sha256.hpp"
#include "workloads/element_source.hpp"
#include "workloads/stored_objects.hpp"

namespace attohm {

/// content_sha256 of a trace: of every group and dataset below the root, in ascending order of
/// their paths, the path; its attributes in ascending order of name, each as name, a letter (i, f,
/// s) and int64, float64 or text; for a dataset its type as NumPy writes it ("<f4"), rank and sizes
/// as int64, and the elements as stored, in C order. Numbers are little-endian; each path, name,
/// text and type ends in a zero byte; the order is that of the UTF-8 bytes. An attribute that is no
/// single value: the letter a, type, rank, sizes, elements. Root attributes (producer, date, the
/// hash itself) are outside it, and so is how things are stored: chunks, filters, widths of
/// attributes. docs/trace_format.md says the same; workloads/export has it in Python.
class ContentHash {
  public:
    void path(std::string_view path) { text(path); }
    /// Args: object: the holder, in a file where `attribute` is stored under `name`.
    void attribute(const H5Group& object, const std::string& name,
                   const StoredAttribute& attribute);
    /// A dataset's type, sizes and elements, block by block, after its attributes.
    /// Args: also: called with every block that was hashed.
    using Also = std::function<void(const H5Block& block, std::span<const std::byte> bytes)>;
    void dataset(const ElementSource& source, const Also& also = {});
    std::string hex() const { return hash_.hex(); }

  private:
    void text(std::string_view text);
    void number(std::int64_t value);
    void value(const H5Value& value);
    void sizes(std::string_view dtype, const H5Shape& shape);

    Sha256 hash_;
};

/// The hash of what a file holds, read block by block. Throws: UserError for what cannot be read.
std::string content_sha256(const H5Group& root);

}  // namespace attohm
