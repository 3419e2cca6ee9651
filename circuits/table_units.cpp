#include "circuits/table_units.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

constexpr std::array<std::string_view, 9> kNeverZero = {"aJ", "fJ", "pJ",  "nJ", "nW",
                                                        "uW", "mW", "um2", "mm2"};
constexpr std::array<std::string_view, 36> kOther = {
    "pA",  "fA",  "fC", "J",  "W",  "m2",  "nm", "um", "mm", "m",  "uV", "mV",
    "V",   "nA",  "uA", "mA", "A",  "ps",  "ns", "us", "ms", "s",  "Hz", "kHz",
    "MHz", "GHz", "aF", "fF", "pF", "ohm", "S",  "uS", "K",  "KB", "MB", "dB"};
/// Words of a plain number. So is a plural, which counts what it names ("banks").
constexpr std::array<std::string_view, 9> kCounts = {
    "bit", "enob", "count", "length", "ratio", "share", "parallel", "window", "postponed"};
/// With one of these a count alone is no unit: an energy of "3 per bit" is none.
constexpr std::array<std::string_view, 22> kQuantities = {
    "energies", "powers", "areas",     "times",       "delays",     "volts",   "joules",  "energy",
    "power",    "area",   "leakage",   "time",        "delay",      "latency", "voltage", "supply",
    "current",  "charge", "frequency", "capacitance", "resistance", "capacity"};
/// Ends that make a quantity a plain number.
constexpr std::array<std::string_view, 4> kRelative = {"ratio", "coefficients", "cycles", "bits"};
/// Coefficients of published fits whose units differ from one to the next; their help says them.
constexpr std::array<std::string_view, 2> kFits = {"adc.survey.energy", "adc.survey.area"};

std::vector<std::string_view> words_of(std::string_view key) {
    key.remove_prefix(key.rfind('.') == std::string_view::npos ? 0 : key.rfind('.') + 1);
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t end = key.find('_');
        words.push_back(key.substr(0, end));
        if (end == std::string_view::npos) return words;
        key.remove_prefix(end + 1);
    }
}

template <std::size_t N>
bool in(const std::array<std::string_view, N>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_number(const SettingsEntry& entry) {
    return !entry.values.empty() &&
           std::all_of(entry.values.begin(), entry.values.end(),
                       [](const std::string& value) { return parse_real(value).has_value(); });
}

}  // namespace

std::string_view key_unit(std::string_view key) {
    if (in(kFits, key)) return "1";
    const std::vector<std::string_view> words = words_of(key);
    // A unit ends the key or stands before "per"; "v_..." and "t_s_..." are symbols.
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool at_end = i + 1 == words.size() || words[i + 1] == "per";
        if (at_end && (in(kNeverZero, words[i]) || in(kOther, words[i]))) return words[i];
    }
    const auto any = [&](const auto& list) {
        return std::any_of(words.begin(), words.end(),
                           [&](std::string_view word) { return in(list, word); });
    };
    if (any(kQuantities)) return any(kRelative) ? "1" : "";
    const bool counts = std::any_of(words.begin(), words.end(), [](std::string_view word) {
        return word.size() > 3 && word.ends_with('s');
    });
    return counts || any(kCounts) ? "1" : "";
}

void require_units(const Settings& table) {
    for (const std::string& key : table.keys()) {
        const SettingsEntry& entry = table.entry(key);
        if (!is_number(entry)) continue;
        const std::string_view unit = key_unit(key);
        if (unit.empty())
            throw UserError("`" + key + "` is a number without a unit", entry.where,
                            entry.values.front(),
                            "a key that ends in its unit: _pJ, _uW, _um2, _ns, _V, _nm, _bits, "
                            "_ratio, ...");
        if (!in(kNeverZero, unit)) continue;
        for (const std::string& value : entry.values)
            if (*parse_real(value) <= 0.0)
                throw UserError("`" + key + "` is no figure", entry.where, value,
                                "above 0; what is not known is left out");
    }
}

}  // namespace attohm
