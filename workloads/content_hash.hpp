#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/base/hdf5.hpp"
#include "src/base/sha256.hpp"

namespace attohm {

/// content_sha256 of a trace, as defined in trace_writer.hpp: object by object, in ascending order
/// of their paths. What that definition has no word for is hashed too: an attribute that is no
/// single value, as the letter a, type, rank, sizes and elements.
class ContentHash {
  public:
    void path(std::string_view path) { text(path); }
    void attribute(std::string_view name, const H5Value& value);
    void attribute(std::string_view name, std::string_view dtype, const H5Shape& shape,
                   std::span<const std::byte> bytes);
    /// Announces a dataset's elements, which follow in C order.
    void dataset(std::string_view dtype, const H5Shape& shape);
    void elements(std::span<const std::byte> bytes) { hash_.add(bytes); }
    std::string hex() const { return hash_.hex(); }

  private:
    void text(std::string_view text);
    void number(std::int64_t value);

    Sha256 hash_;
};

}  // namespace attohm
