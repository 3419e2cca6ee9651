#include "src/schemes/token_grid.hpp"

#include <fmt/format.h>

#include <charconv>

#include "src/base/error.hpp"

namespace attohm {

namespace {

std::string how_to_give(const std::string& key) {
    return fmt::format(
        "--set {}=[rows, columns] of the patches behind the prefix tokens, or a trace whose /model "
        "says grid_h, grid_w and prefix_tokens; or another scheme",
        key);
}

}  // namespace

std::vector<int> whole_numbers(const Settings& settings, const std::string& key, int low,
                               const std::string& allowed) {
    std::vector<int> numbers;
    for (const std::string& text : settings.texts(key)) {
        int value = 0;
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        if (error != std::errc{} || stop != end || value < low)
            throw UserError(fmt::format("unknown value of `{}`", key), settings.entry(key).where,
                            text, allowed);
        numbers.push_back(value);
    }
    return numbers;
}

std::pair<int, int> two_numbers(const Settings& settings, const std::string& key,
                                const std::string& allowed) {
    const std::vector<int> sides = whole_numbers(settings, key, 1, allowed);
    if (sides.size() != 2)
        throw UserError(fmt::format("`{}` needs two numbers", key), settings.entry(key).where,
                        fmt::format("{} of them", sides.size()), allowed);
    return {sides[0], sides[1]};
}

std::optional<TokenGrid> load_token_grid(const Settings& settings, const std::string& key) {
    if (settings.texts(key) == std::vector<std::string>{"trace"}) return {};
    const auto [rows, columns] = two_numbers(settings, key, "trace, or [rows, columns]");
    return TokenGrid{0, rows, columns};
}

TokenGrid require_token_grid(std::string_view scheme, const std::string& key,
                             const std::optional<TokenGrid>& given, const ModelInfo& model,
                             std::string_view trace_path, int layer) {
    TokenGrid grid = given.value_or(TokenGrid{0, model.grid_h, model.grid_w});
    grid.prefix = model.prefix_tokens;
    if (grid.known()) return grid;
    throw UserError(
        fmt::format("scheme {} needs the token grid of layer {}, and the trace has none", scheme,
                    layer),
        fmt::format("{}:/model@grid_h", trace_path), "no grid", how_to_give(key));
}

void refuse_token_grid(std::string_view scheme, const std::string& key, const TokenGrid& grid,
                       std::string_view trace_path, int layer, int queries, int keys) {
    throw UserError(
        fmt::format("scheme {} cannot lay the tokens of layer {} on its grid", scheme, layer),
        fmt::format("{}:/samples/*/layers/{:02d}", trace_path, layer),
        fmt::format("{} queries, {} keys", queries, keys),
        fmt::format("{} prefix + {} x {} patches = {}; {}", grid.prefix, grid.rows, grid.columns,
                    grid.tokens(), how_to_give(key)));
}

}  // namespace attohm
