#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Small text helpers: numbers parsed whole, files read whole.
namespace attohm {

/// The finite number that `text` spells from its first to its last character, or nothing: "1.5uS",
/// "1_000", "010", "+1", "inf", "nan" and anything beyond the range of double are no numbers.
std::optional<double> parse_real(std::string_view text);

/// The same for whole numbers: "1.0", "1e3" and "010" are none.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// Shortest text that reads back as the same number: "0.001", "1e+22", "1".
std::string format_real(double value);

/// Whole content of a file.
/// Throws: UserError when it cannot be read.
std::string read_text_file(const std::string& path);

}  // namespace attohm
