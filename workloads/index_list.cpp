#include "workloads/index_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

constexpr const char* kForm = "ordinals and ranges, each once, e.g. 0,3,10-19";

int parse_ordinal(std::string_view text, const std::string& option, int count) {
    const std::optional<std::int64_t> value = parse_integer(text);
    if (!value || *value < 0)
        throw UserError("not a list of ordinals", option, "\"" + std::string(text) + "\"", kForm);
    if (*value >= count)
        throw UserError("no such ordinal", option, std::to_string(*value),
                        fmt::format("0 to {}", count - 1));
    return static_cast<int>(*value);
}

}  // namespace

std::vector<int> parse_index_list(std::string_view text, const std::string& option, int count) {
    std::vector<int> indices;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const std::string_view part = text.substr(begin, end - begin);
        begin = end + 1;
        const std::size_t dash = part.find('-');
        const int first = parse_ordinal(part.substr(0, dash), option, count);
        const int last = dash == std::string_view::npos
                             ? first
                             : parse_ordinal(part.substr(dash + 1), option, count);
        if (last < first)
            throw UserError("a range runs backwards", option, "\"" + std::string(part) + "\"",
                            kForm);
        for (int index = first; index <= last; ++index) indices.push_back(index);
    }
    std::sort(indices.begin(), indices.end());
    const auto repeated = std::adjacent_find(indices.begin(), indices.end());
    if (repeated != indices.end())
        throw UserError("an ordinal is named twice", option, std::to_string(*repeated), kForm);
    return indices;
}

std::string index_list_text(const std::vector<int>& indices) {
    std::string text;
    for (std::size_t i = 0; i < indices.size();) {
        std::size_t last = i;
        while (last + 1 < indices.size() && indices[last + 1] == indices[last] + 1) ++last;
        text += fmt::format("{}{}", text.empty() ? "" : ",", indices[i]);
        if (last > i) text += fmt::format("{}{}", last == i + 1 ? "," : "-", indices[last]);
        i = last + 1;
    }
    return text;
}

}  // namespace attohm
