#include "src/base/text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// "010" is 8 to one reader and 10 to another, so it is nothing to us.
bool has_leading_zero(std::string_view text) {
    if (!text.empty() && text.front() == '-') text.remove_prefix(1);
    return text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

}  // namespace

std::optional<double> parse_real(std::string_view text) {
    if (text.empty() || has_leading_zero(text)) return std::nullopt;
    double value = 0.0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
    if (text.empty() || has_leading_zero(text)) return std::nullopt;
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::string format_real(double value) {
    return fmt::format("{}", value);
}

std::string read_text_file(const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw UserError("cannot read the file", path, "a directory", "a readable text file");
    std::ifstream stream(path, std::ios::binary);
    if (!stream)
        throw UserError(
            "cannot read the file", path,
            std::filesystem::exists(path, ignored) ? "a file that may not be read" : "no such file",
            "a readable text file");
    std::ostringstream content;
    content << stream.rdbuf();
    if (stream.bad())
        throw UserError("cannot read the file", path, "a read error", "a readable text file");
    return std::move(content).str();
}

}  // namespace attohm
