#pragma once

#include <string>
#include <variant>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/base/hdf5_raw.hpp"

/// What a file holds below its root, object by object, whatever it means.
namespace attohm {

struct StoredObject {
    std::string path;  ///< absolute
    H5Group object;
    bool is_dataset = false;
};

/// Everything below the root, in ascending order of the paths (of their bytes).
/// Throws: UserError for groups that contain themselves.
std::vector<StoredObject> stored_objects(const H5Group& root);

/// An attribute: a text, or as it is stored.
using StoredAttribute = std::variant<H5Value, H5RawAttribute>;

/// Texts have many forms and become one; numbers keep their width. Throws: UserError for texts of
/// more than 32 KiB, and for what means nothing outside its file.
StoredAttribute read_attribute(const H5Group& object, const std::string& name);

constexpr std::size_t kLongestText = 32768;

}  // namespace attohm
