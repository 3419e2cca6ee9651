#include "circuits/circuit_tables.hpp"

#include <filesystem>

#include "src/base/resources.hpp"

namespace attohm {

const Resources& circuit_resources();

std::optional<std::string_view> circuit_table(const std::string& name) {
    return circuit_resources().find("data/" + name + ".yaml");
}

std::vector<std::string> circuit_table_names() {
    std::vector<std::string> names;
    for (const std::string& file : circuit_resources().names("data/"))
        names.push_back(std::filesystem::path(file).stem().string());
    return names;
}

}  // namespace attohm
