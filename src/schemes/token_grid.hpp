#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/settings.hpp"
#include "workloads/trace.hpp"

/// Where the tokens of an image stand.
namespace attohm {

/// `prefix` tokens (class, distillation), then rows x columns patches, row by row.
struct TokenGrid {
    int prefix = 0;
    int rows = 0;
    int columns = 0;

    bool known() const { return rows > 0 && columns > 0; }
    int tokens() const { return prefix + rows * columns; }
};

/// Whole numbers of a setting, one or a list, from `low` on.
/// Throws: UserError naming the key. Args: allowed: for the message.
std::vector<int> whole_numbers(const Settings& settings, const std::string& key, int low,
                               const std::string& allowed);
/// Exactly two of them, from 1 on.
std::pair<int, int> two_numbers(const Settings& settings, const std::string& key,
                                const std::string& allowed);

/// `trace`, then nothing; or [rows, columns].
std::optional<TokenGrid> load_token_grid(const Settings& settings, const std::string& key);

/// The grid that a user or the trace gives for a layer, with the trace's prefix.
/// Args: key: "mait.grid". Throws: UserError naming scheme, layer and how to give one.
TokenGrid require_token_grid(std::string_view scheme, const std::string& key,
                             const std::optional<TokenGrid>& given, const ModelInfo& model,
                             std::string_view trace_path, int layer);
/// Throws: UserError: a layer of so many queries and keys does not fit the grid.
[[noreturn]] void refuse_token_grid(std::string_view scheme, const std::string& key,
                                    const TokenGrid& grid, std::string_view trace_path, int layer,
                                    int queries, int keys);

}  // namespace attohm
