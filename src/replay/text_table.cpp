#include "src/replay/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace attohm {

std::string TextTable::text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        if (widths.size() < row.size()) widths.resize(row.size(), 0);
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line(indent_, ' ');
        for (std::size_t i = 0; i < row.size(); ++i)
            line += i == 0 ? fmt::format("{:<{}}", row[i], widths[i])
                           : fmt::format("  {:>{}}", row[i], widths[i]);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string number_text(double value, int digits) {
    if (std::isnan(value)) return "unknown";
    if (std::isinf(value)) return "unbounded";
    return fmt::format("{:.{}g}", value, digits);
}

std::string decimal_text(double value, int decimals) {
    return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, decimals);
}

std::string engineering_text(double value, std::string_view unit) {
    if (!std::isfinite(value)) return number_text(value);
    if (value == 0.0) return fmt::format("0 {}", unit);
    constexpr std::array<std::string_view, 13> kPrefixes = {"a", "f", "p", "n", "u", "m", "",
                                                            "k", "M", "G", "T", "P", "E"};
    constexpr int kUnitPrefix = 6;
    int step = static_cast<int>(std::floor(std::log10(std::abs(value)) / 3.0));
    // 999.6 reads as 1.00 of the next prefix.
    if (std::abs(value) / std::pow(1000.0, step) >= 999.5) ++step;
    step = std::clamp(step, -kUnitPrefix, static_cast<int>(kPrefixes.size()) - 1 - kUnitPrefix);
    const double scaled = value / std::pow(1000.0, step);
    const int decimals = std::abs(scaled) >= 99.95 ? 0 : std::abs(scaled) >= 9.995 ? 1 : 2;
    return fmt::format("{:.{}f} {}{}", scaled, decimals,
                       kPrefixes[static_cast<std::size_t>(step + kUnitPrefix)], unit);
}

std::string wrapped_list(const std::vector<std::string>& words, std::size_t indent,
                         std::size_t width) {
    const std::string margin(indent, ' ');
    std::string text;
    std::string line = margin;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string word = words[i] + (i + 1 < words.size() ? "," : "");
        const bool is_first = line.size() == indent;
        if (!is_first && line.size() + 1 + word.size() > width) {
            text += line + "\n";
            line = margin + word;
        } else {
            line += (is_first ? "" : " ") + word;
        }
    }
    return line.size() > indent ? text + line + "\n" : text;
}

}  // namespace attohm
