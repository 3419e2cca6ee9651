#include "crossbar/fit/card_writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm::fit {

namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out + "\"";
}

std::string value_text(const CardLeaf& leaf) {
    if (leaf.is_list) return fmt::format("[{}]", fmt::join(leaf.values, ", "));
    ATTOHM_CHECK_EQ(leaf.values.size(), std::size_t{1});
    return leaf.values.front();
}

}  // namespace

std::string card_number(double value) {
    if (value == 0.0) return "0";
    const auto rounded = parse_real(fmt::format("{:.5e}", value));
    ATTOHM_CHECK(rounded.has_value());
    return format_real(*rounded);
}

const std::vector<std::string>& card_sections() {
    static const std::vector<std::string> sections = {
        "conductance", "validity",   "programming", "verify",    "relaxation",
        "temperature", "read_noise", "slow_noise",  "telegraph", "stuck",
        "iv",          "selector",   "write"};
    return sections;
}

std::string card_yaml(const std::vector<CardLeaf>& leaves, std::string_view comment) {
    std::string text;
    while (!comment.empty()) {
        const std::size_t end = comment.find('\n');
        text += fmt::format("# {}\n", comment.substr(0, end));
        comment.remove_prefix(end == std::string_view::npos ? comment.size() : end + 1);
    }
    for (const CardLeaf& leaf : leaves)
        ATTOHM_CHECK(std::count(card_sections().begin(), card_sections().end(), leaf.section) == 1);
    for (const std::string& section : card_sections()) {
        bool begun = false;
        for (const CardLeaf& leaf : leaves) {
            if (leaf.section != section) continue;
            if (!begun) text += section + ":\n";
            begun = true;
            text += fmt::format("  {}: {{value: {}, mark: {}, source: {}, help: {}}}\n", leaf.key,
                                value_text(leaf), mark_name(leaf.mark), quoted(leaf.source),
                                quoted(leaf.help));
        }
    }
    return text;
}

}  // namespace attohm::fit
