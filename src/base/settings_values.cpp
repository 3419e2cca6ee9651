#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/nearest_keys.hpp"
#include "src/base/settings.hpp"
#include "src/base/text.hpp"

/// The getters of Settings: text to numbers and words, and back to resolved YAML.
namespace attohm {

namespace {

std::string quoted(const std::string& text) {
    return "`" + text + "`";
}

std::string range_text(std::string_view kind, Range range) {
    const bool low = std::isfinite(range.low);
    const bool high = std::isfinite(range.high);
    if (low && high)
        return fmt::format("{} from {} to {}", kind, format_real(range.low),
                           format_real(range.high));
    if (low) return fmt::format("{} of at least {}", kind, format_real(range.low));
    if (high) return fmt::format("{} of at most {}", kind, format_real(range.high));
    return std::string(kind);
}

double checked_real(std::string_view key, const std::string& text, const std::string& where,
                    Range range, std::string_view also) {
    const std::optional<double> value = parse_real(text);
    if (!value)
        throw UserError(fmt::format("`{}` is not a number", key), where, quoted(text),
                        range_text("a finite number like 0.2 or 1e-3, without a unit", range) +
                            std::string(also));
    if (*value < range.low || *value > range.high)
        throw UserError(fmt::format("`{}` is out of range", key), where, quoted(text),
                        range_text("a number", range) + std::string(also));
    return *value;
}

std::int64_t checked_integer(std::string_view key, const std::string& text,
                             const std::string& where, Range range, std::string_view also) {
    const std::optional<std::int64_t> value = parse_integer(text);
    if (!value)
        throw UserError(
            fmt::format("`{}` is not a whole number", key), where, quoted(text),
            range_text("a whole number like 8 (no leading zero)", range) + std::string(also));
    // Wide enough that 2^53 + 1 is above 2^53.
    const auto wide = static_cast<long double>(*value);
    if (wide < static_cast<long double>(range.low) || wide > static_cast<long double>(range.high))
        throw UserError(fmt::format("`{}` is out of range", key), where, quoted(text),
                        range_text("a whole number", range) + std::string(also));
    return *value;
}

bool is_safe_plain(const std::string& text) {
    static constexpr std::string_view kOther = "_./()+-^";
    if (text.empty() || text == "-" || text == "~" || text == "null" || text == "Null" ||
        text == "NULL")
        return false;
    if (text.front() == '-' && !parse_real(text)) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOther.find(c) != std::string_view::npos;
    });
}

/// A scalar such that YAML reads it back; numbers in their shortest form.
std::string yaml_scalar(const std::string& text) {
    if (!parse_integer(text))
        if (const std::optional<double> value = parse_real(text)) return format_real(*value);
    if (is_safe_plain(text)) return text;
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20U) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out + "\"";
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : known) {
        std::size_t distance = edit_distance(word, candidate);
        // A key written without its section: `card` for `device.card`.
        const std::size_t dot = candidate.rfind('.');
        if (dot != std::string::npos && word.find('.') == std::string_view::npos)
            distance = std::min(
                distance, edit_distance(word, std::string_view(candidate).substr(dot + 1)) + 1);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

bool Settings::has(std::string_view key) const {
    return entries_.find(key) != entries_.end();
}

const SettingsEntry& Settings::entry(std::string_view key) const {
    const auto it = entries_.find(key);
    if (it != entries_.end()) return it->second;
    const std::string guess = nearest(key, keys());
    // The place where the user seems to have misspelt it, or of what stands beside it.
    std::string where = fmt::format("{}", fmt::join(documents_, ", "));
    const auto beside = entries_.lower_bound(key.substr(0, key.rfind('.') + 1));
    if (!guess.empty() && entries_.find(guess)->second.user && !read_.contains(guess))
        where = entries_.find(guess)->second.where;
    else if (guess.empty() && key.find('.') != std::string_view::npos && beside != entries_.end() &&
             beside->first.starts_with(key.substr(0, key.rfind('.') + 1)))
        where = beside->second.where;
    throw UserError(fmt::format("missing key `{}`", key), where,
                    guess.empty() ? "no such key" : "no such key (there is `" + guess + "`)",
                    fmt::format("`{}: value`", key));
}

const SettingsEntry& Settings::scalar(std::string_view key) const {
    const SettingsEntry& found = entry(key);
    read_.emplace(key);
    if (found.is_list)
        throw UserError(fmt::format("`{}` is a list", key), found.where,
                        fmt::format("[{}]", fmt::join(found.values, ", ")), "a single value");
    return found;
}

double Settings::real(std::string_view key, Range range) const {
    const SettingsEntry& found = scalar(key);
    return checked_real(key, found.values[0], found.where, range, "");
}

std::int64_t Settings::integer(std::string_view key, Range range) const {
    const SettingsEntry& found = scalar(key);
    return checked_integer(key, found.values[0], found.where, range, "");
}

bool Settings::boolean(std::string_view key) const {
    const SettingsEntry& found = scalar(key);
    const std::string& text = found.values[0];
    if (text != "true" && text != "false")
        throw UserError(fmt::format("`{}` is neither true nor false", key), found.where,
                        quoted(text), "true or false");
    return text == "true";
}

std::string Settings::text(std::string_view key) const {
    return scalar(key).values[0];
}

std::string Settings::choice(std::string_view key, const std::vector<std::string>& allowed) const {
    const SettingsEntry& found = scalar(key);
    const std::string& text = found.values[0];
    if (std::find(allowed.begin(), allowed.end(), text) != allowed.end()) return text;
    const std::string guess = nearest(text, allowed);
    throw UserError(fmt::format("unknown value of `{}`", key), found.where, quoted(text),
                    fmt::format("{}{}", fmt::join(allowed, ", "),
                                guess.empty() ? "" : " (did you mean `" + guess + "`?)"));
}

std::optional<double> Settings::real_or(std::string_view key, std::string_view word,
                                        Range range) const {
    const SettingsEntry& found = scalar(key);
    if (found.values[0] == word) return std::nullopt;
    return checked_real(key, found.values[0], found.where, range, fmt::format(", or `{}`", word));
}

std::optional<std::int64_t> Settings::integer_or(std::string_view key, std::string_view word,
                                                 Range range) const {
    const SettingsEntry& found = scalar(key);
    if (found.values[0] == word) return std::nullopt;
    return checked_integer(key, found.values[0], found.where, range,
                           fmt::format(", or `{}`", word));
}

std::vector<double> Settings::reals(std::string_view key, Range range) const {
    const SettingsEntry& found = entry(key);
    read_.emplace(key);
    std::vector<double> values;
    for (const std::string& text : found.values)
        values.push_back(checked_real(key, text, found.where, range, " (each item)"));
    return values;
}

std::vector<std::string> Settings::texts(std::string_view key) const {
    const SettingsEntry& found = entry(key);
    read_.emplace(key);
    return found.values;
}

Settings::Call Settings::call(std::string_view key, const std::vector<std::string>& allowed) const {
    const SettingsEntry& found = scalar(key);
    const std::string& text = found.values[0];
    const std::size_t open = text.find('(');
    const bool has_argument = open != std::string::npos && text.back() == ')';
    Call result;
    result.name = has_argument ? text.substr(0, open) : text;
    const auto matches = [&](const std::string& form) {
        const std::size_t form_open = form.find('(');
        return form.substr(0, form_open) == result.name &&
               (form_open != std::string::npos) == has_argument;
    };
    if (std::none_of(allowed.begin(), allowed.end(), matches))
        throw UserError(fmt::format("unknown value of `{}`", key), found.where, quoted(text),
                        fmt::format("{}", fmt::join(allowed, ", ")));
    if (has_argument)
        result.argument = checked_real(key, text.substr(open + 1, text.size() - open - 2),
                                       found.where, {}, " between the parentheses");
    return result;
}

std::string Settings::resolved_yaml(bool only_read) const {
    std::string out;
    for (const auto& [key, entry] : entries_) {
        if (only_read && !read_.contains(key)) continue;
        out += key + ": ";
        if (entry.is_list) {
            std::vector<std::string> items;
            for (const std::string& value : entry.values) items.push_back(yaml_scalar(value));
            out += fmt::format("[{}]", fmt::join(items, ", "));
        } else {
            out += yaml_scalar(entry.values[0]);
        }
        out += "\n";
    }
    return out;
}

}  // namespace attohm
