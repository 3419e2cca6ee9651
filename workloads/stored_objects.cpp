#include "workloads/stored_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr std::size_t kDeepest = 64;

void collect(const H5Group& group, std::size_t depth, std::vector<StoredObject>& objects) {
    if (depth > kDeepest)
        throw UserError("groups are nested too deeply, or in a circle", group.where(),
                        fmt::format("more than {} levels", kDeepest), "a tree of groups");
    const std::string prefix = group.path() == "/" ? "/" : group.path() + "/";
    for (const std::string& name : group.groups()) {
        const H5Group child = group.group(name);
        objects.push_back({prefix + name, child, false});
        collect(child, depth + 1, objects);
    }
    for (const std::string& name : group.datasets())
        objects.push_back({prefix + name, group.dataset(name), true});
}

}  // namespace

std::vector<StoredObject> stored_objects(const H5Group& root) {
    std::vector<StoredObject> objects;
    collect(root, 0, objects);
    std::sort(objects.begin(), objects.end(),
              [](const StoredObject& a, const StoredObject& b) { return a.path < b.path; });
    return objects;
}

StoredAttribute read_attribute(const H5Group& object, const std::string& name) {
    std::optional<H5Value> value;
    try {
        value = object.value(name);
    } catch (const UserError&) {
        return read_raw_attribute(object, name);
    }
    if (!std::holds_alternative<std::string>(*value)) return read_raw_attribute(object, name);
    if (std::get<std::string>(*value).size() > kLongestText)
        throw UserError("an attribute is too long", object.where_attribute(name),
                        fmt::format("{} bytes", std::get<std::string>(*value).size()),
                        fmt::format("at most {}", kLongestText));
    return *value;
}

}  // namespace attohm
