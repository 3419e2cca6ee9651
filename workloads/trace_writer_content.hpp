#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/base/hdf5.hpp"

namespace attohm {

/// Writes groups and datasets of a trace.
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

    void group(const std::string& path, const Attributes& attributes = {});
    void floats(const std::string& path, const H5Shape& shape, std::span<const float> values,
                const Attributes& attributes = {});
    void halves(const std::string& path, const H5Shape& shape,
                std::span<const std::uint16_t> values);
    void integers(const std::string& path, const H5Shape& shape,
                  std::span<const std::int64_t> values);
    void integers(const std::string& path, const H5Shape& shape,
                  std::span<const std::int32_t> values);
    /// Compressed: masks have few distinct values.
    void bytes(const std::string& path, const H5Shape& shape, std::span<const std::uint8_t> values);

  private:
    H5Group root_;
};

}  // namespace attohm
