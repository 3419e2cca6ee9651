#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "src/base/hdf5.hpp"

/// A trace in memory that a test can spoil in one place before it is written, plainly and without
/// a check.
namespace attohm::testing {

/// A group, or a dataset.
struct DraftObject {
    using Values = std::variant<std::monostate, std::vector<float>, std::vector<double>,
                                std::vector<std::uint8_t>, std::vector<std::int32_t>,
                                std::vector<std::int64_t>>;
    std::map<std::string, H5Value> attributes = {};
    H5Shape shape = {};
    Values values = {};  ///< none: a group
};

struct TraceDraft {
    std::map<std::string, DraftObject> objects;  ///< by absolute path; "/" is the root

    DraftObject& at(const std::string& path);  ///< fails the test when there is none
    void set(const std::string& path_at_attribute, const H5Value& value);
    void drop(const std::string& path);  ///< an object with all below it, or "path@attribute"
    void floats(const std::string& path, const H5Shape& shape, float value = 0.5F);
    void integers(const std::string& path, const std::vector<std::int32_t>& values);
    void longs(const std::string& path, const std::vector<std::int64_t>& values);
    void bytes(const std::string& path, const H5Shape& shape, std::uint8_t value);
    void write(const std::string& file) const;
};

/// The small trace with weights, and with one of everything that a sample without tokens may hold:
/// masks, bias, x_in, logits, and layers of the kinds linear, conv2d and graph.
TraceDraft layered_draft();

/// A network of tokens (gated, rotary, grouped queries, normed q and k, scaled branches) without
/// stored layers.
TraceDraft token_draft(const std::string& family);

}  // namespace attohm::testing
