#include "src/report/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace attohm {

namespace {

/// "1234567" -> "1 234 567" (narrow no-break spaces), whole numbers of five digits and more.
std::string group_digits(const std::string& whole) {
    const std::size_t first = whole.starts_with('-') ? 1 : 0;
    if (whole.size() - first < 5) return whole;
    std::string out;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        if (i > first && (whole.size() - i) % 3 == 0) out += "\u202f";
        out += whole[i];
    }
    return out;
}

}  // namespace

double rounded(double value, int digits) {
    if (!std::isfinite(value) || value == 0.0) return value;
    return std::strtod(fmt::format("{:.{}e}", value, digits - 1).c_str(), nullptr);
}

std::string format_figure(double value, int digits) {
    if (std::isnan(value)) return "unknown";
    if (std::isinf(value)) return value > 0.0 ? "\u221e" : "-\u221e";
    if (value == 0.0) return "0";
    const double round = rounded(value, digits);
    const double size = std::abs(round);
    if (size < 1e-4 || size >= 1e9) return fmt::format("{:.{}g}", round, digits);
    const int exponent = static_cast<int>(std::floor(std::log10(size)));
    const int decimals = std::max(0, digits - 1 - exponent);
    if (decimals == 0) return group_digits(fmt::format("{:.0f}", round));
    return fmt::format("{:.{}f}", round, decimals);
}

std::string format_count(std::int64_t count) {
    return group_digits(fmt::format("{}", count));
}

SiScale si_scale(double largest) {
    static constexpr std::array<std::string_view, 9> kPrefixes = {"a", "f", "p", "n", "\u00b5",
                                                                  "m", "",  "k", "M"};
    const double size = std::abs(largest);
    if (!(size > 0.0) || !std::isfinite(size)) return {};
    const int step = static_cast<int>(std::floor(std::log10(rounded(size, 3)) / 3.0 + 1e-12));
    const int index = std::clamp(step + 6, 0, static_cast<int>(kPrefixes.size()) - 1);
    return {std::string(kPrefixes.at(static_cast<std::size_t>(index))),
            std::pow(10.0, -3 * (index - 6))};
}

std::string format_si(double value, std::string_view unit, int digits) {
    const SiScale scale = si_scale(value);
    return fmt::format("{} {}{}", format_figure(value * scale.factor, digits), scale.prefix, unit);
}

std::string format_interval(const Interval& i, int decimals) {
    return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", i.value, decimals, i.low, decimals, i.high,
                       decimals);
}

std::string format_change(const Interval& i, int decimals) {
    return fmt::format("{:+.{}f} [{:+.{}f}, {:+.{}f}]", i.value, decimals, i.low, decimals, i.high,
                       decimals);
}

std::string html_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace attohm
