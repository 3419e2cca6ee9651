#include "tests/verify/planted.hpp"

#include "src/base/text.hpp"

namespace attohm::testing {

namespace {

constexpr const char* kMore = R"(
slow_noise:
  amplitude_rel2: {value: 7.968e-7, mark: assumed, source: test, help: A}
  exponent: {value: 1, mark: assumed, source: test, help: g}
  f_low_Hz: {value: 1, mark: assumed, source: test, help: low}
  f_high_Hz: {value: 2.0e+6, mark: assumed, source: test, help: high}
telegraph:
  traps_mean: {value: 0.7, mark: assumed, source: test, help: per cell}
  step_median_rel: {value: 0.02, mark: assumed, source: test, help: step}
  step_sigma_ln: {value: 0.3, mark: assumed, source: test, help: spread}
  rate_low_Hz: {value: 0.1, mark: assumed, source: test, help: slow}
  rate_high_Hz: {value: 1.0e+5, mark: assumed, source: test, help: fast}
  occupancy: {value: 0.3, mark: assumed, source: test, help: p}
temperature:
  reference_K: {value: 300, mark: assumed, source: test, help: T0}
  crossover_uS: {value: 40, mark: assumed, source: test, help: G_x}
  alpha_per_K: {value: -0.001, mark: assumed, source: test, help: metallic}
  activation_eV: {value: 0.05, mark: assumed, source: test, help: activated}
iv:
  law: {value: sinh, mark: assumed, source: test, help: law}
  v_ref_V: {value: 0.2, mark: assumed, source: test, help: reference}
  v0_V: {value: 0.3, mark: assumed, source: test, help: scale}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    if (at == std::string::npos || text.find(from, at + 1) != std::string::npos)
        throw std::logic_error("not there once: " + from);
    return text.replace(at, from.size(), to);
}

}  // namespace

std::string full_card_text() {
    std::string text = read_text_file("crossbar/device/cards/ibm-cmo-hfox-2pct.yaml");
    text = replaced(text, "low_rate: {value: 0,", "low_rate: {value: 0.02,");
    text = replaced(text, "high_rate: {value: 0,", "high_rate: {value: 0.05,");
    return text + kMore;
}

LoadedCard load_full_card(const std::vector<std::pair<std::string, std::string>>& replacements) {
    std::string text = full_card_text();
    for (const auto& [from, to] : replacements) text = replaced(text, from, to);
    const Settings card = Settings::from_text(text, "full.yaml");
    return {card, load_device(device_experiment("ideal"), card, "full")};
}

std::set<std::string> failures(const CrossbarModel& model, const Settings& card) {
    const std::vector<std::string> failed = verify_model(model, card, 1).failed();
    return {failed.begin(), failed.end()};
}

}  // namespace attohm::testing
