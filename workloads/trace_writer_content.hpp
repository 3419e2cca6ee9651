#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/base/sha256.hpp"

namespace attohm {

/// Writes groups and datasets and hashes them on the way (the definition is in trace_writer.hpp).
class ContentWriter {
  public:
    struct Attribute {
        std::string name;
        H5Value value;
        bool is_flag = false;  ///< an integer stored as uint8
    };
    using Attributes = std::vector<Attribute>;
    static Attribute flag(std::string name, bool value) {
        return {std::move(name), std::int64_t{value ? 1 : 0}, true};
    }

    explicit ContentWriter(H5Group root) : root_(std::move(root)) {}

    void group(const std::string& path, Attributes attributes = {});
    void floats(const std::string& path, const H5Shape& shape, std::span<const float> values,
                Attributes attributes = {});
    void halves(const std::string& path, const H5Shape& shape,
                std::span<const std::uint16_t> values);
    void integers(const std::string& path, const H5Shape& shape,
                  std::span<const std::int64_t> values);
    void integers(const std::string& path, const H5Shape& shape,
                  std::span<const std::int32_t> values);
    /// Compressed: masks have few distinct values.
    void bytes(const std::string& path, const H5Shape& shape, std::span<const std::uint8_t> values);
    std::string hash() const { return hash_.hex(); }

  private:
    void add_number(std::int64_t value);
    void add_text(const std::string& text);
    void describe(const std::string& path, Attributes& attributes);
    void add_elements(const char* dtype, const H5Shape& shape, std::span<const std::byte> bytes);

    H5Group root_;
    Sha256 hash_;
};

}  // namespace attohm
