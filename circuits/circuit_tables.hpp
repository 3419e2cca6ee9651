#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attohm {

/// The cited tables of circuits/data, by name ("sprint-reram").
std::optional<std::string_view> circuit_table(const std::string& name);
std::vector<std::string> circuit_table_names();

}  // namespace attohm
