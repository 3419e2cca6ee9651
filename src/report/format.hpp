#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/replay/result.hpp"

/// How numbers and text are written where people read them.
namespace attohm {

/// About `digits` significant digits, plain where that is short: "0.973", "1.2e-07", "12 300".
std::string format_figure(double value, int digits = 3);

/// A whole number, digits in groups of three: "12 300".
std::string format_count(std::int64_t count);

/// With an SI prefix: format_si(1.23e-8, "J") is "12.3 nJ".
std::string format_si(double value, std::string_view unit, int digits = 3);

/// Prefix that brings `largest` to 1..999, and what to multiply by: {"n", 1e9}.
struct SiScale {
    std::string prefix;
    double factor = 1.0;
};
SiScale si_scale(double largest);

/// "0.973 [0.953, 0.990]": value and 0.95 interval.
std::string format_interval(const Interval& interval, int decimals = 3);
/// With a sign: "-0.010 [-0.023, 0.003]".
std::string format_change(const Interval& interval, int decimals = 3);

/// Rounded to `digits` significant digits, so that data stays small.
double rounded(double value, int digits = 6);

/// Text that is safe in HTML content and attributes.
std::string html_escape(std::string_view text);

}  // namespace attohm
