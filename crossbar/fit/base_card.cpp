#include "crossbar/fit/base_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "crossbar/device/device.hpp"
#include "src/base/text.hpp"

namespace attohm::fit {

namespace {

void set_values(std::vector<CardLeaf>& leaves, const std::string& key,
                const std::vector<double>& values, const std::string& how) {
    for (CardLeaf& leaf : leaves) {
        if (leaf.key != key) continue;
        leaf.values.clear();
        for (const double v : values) leaf.values.push_back(card_number(v));
        leaf.source += how;
    }
}

}  // namespace

BaseCard::BaseCard(const std::string& name_or_path)
    : name_(is_card_file(name_or_path) ? std::filesystem::path(name_or_path).filename().string()
                                       : name_or_path),
      settings_(device_card(name_or_path)) {}

bool BaseCard::has_section(const std::string& section) const {
    const auto keys = settings_.keys();
    return std::any_of(keys.begin(), keys.end(),
                       [&](const std::string& k) { return k.starts_with(section + "."); });
}

std::optional<double> BaseCard::number(const std::string& key) const {
    if (!settings_.has(key)) return std::nullopt;
    const SettingsEntry& entry = settings_.entry(key);
    return entry.is_list ? std::nullopt : parse_real(entry.values.front());
}

CardLeaf BaseCard::leaf(const std::string& key) const {
    const SettingsEntry& entry = settings_.entry(key);
    const std::size_t dot = key.find('.');
    return {key.substr(0, dot),
            key.substr(dot + 1),
            entry.values,
            entry.is_list,
            Mark::assumed,
            fmt::format("card {}{}{}", name_, entry.source.empty() ? "" : ": ", entry.source),
            entry.help};
}

std::vector<CardLeaf> BaseCard::section(const std::string& section) const {
    std::vector<CardLeaf> leaves;
    for (const std::string& key : settings_.keys())
        if (key.starts_with(section + ".")) leaves.push_back(leaf(key));
    return leaves;
}

std::vector<CardLeaf> BaseCard::relaxation(double t0_s, double g_max_uS) const {
    std::vector<CardLeaf> leaves = section("relaxation");
    const double own_t0 = number("programming.measured_at_s").value_or(t0_s);
    const double own_max = number("conductance.g_max_uS").value_or(g_max_uS);
    const bool log_time = settings_.text("relaxation.law") == "log-time";
    if (log_time && t0_s != own_t0) {
        std::vector<double> s0 = settings_.reals("relaxation.sigma_uS_coefficients");
        const std::vector<double> s1 = settings_.reals("relaxation.sigma_uS_per_ln_coefficients");
        s0.resize(std::max(s0.size(), s1.size()), 0.0);
        for (std::size_t k = 0; k < s1.size(); ++k) s0[k] += s1[k] * std::log(t0_s / own_t0);
        set_values(leaves, "sigma_uS_coefficients", s0,
                   fmt::format("; moved from {:g} s to {:g} s", own_t0, t0_s));
    }
    if (!log_time && g_max_uS != own_max) {
        for (const char* key : {"nu_coefficients", "nu_sigma_coefficients"}) {
            std::vector<double> nu = settings_.reals(std::string("relaxation.") + key);
            for (std::size_t k = 0; k < nu.size(); ++k)
                nu[k] *= std::pow(g_max_uS / own_max, static_cast<double>(k));
            set_values(leaves, key, nu,
                       fmt::format("; from G / {:g} uS to G / {:g} uS", own_max, g_max_uS));
        }
    }
    return leaves;
}

std::vector<std::string> BaseCard::warnings(const Bounds& range) const {
    std::vector<std::string> texts = {fmt::format(
        "What was not measured is assumed to be as in card {}; its leaves say so.", name_)};
    const std::string key = "validity.conductance_uS";
    if (!settings_.has(key)) return texts;
    const std::vector<double> own = settings_.reals(key);
    if (range.low < own[0] || range.high > own[1])
        texts.push_back(fmt::format(
            "Card {} speaks of {:g} to {:g} uS; what is taken from it is used from {:g} to {:g} "
            "uS.",
            name_, own[0], own[1], range.low, range.high));
    return texts;
}

}  // namespace attohm::fit
