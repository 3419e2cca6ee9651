#include "crossbar/device/temperature.hpp"

#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kBoltzmann_eV_per_K = 8.617333262e-5;  // exact in the SI of 2019, all digits kept
constexpr double kWireReference_K = 300.0;
constexpr double kWirePer_K = 0.00451;

}  // namespace

void Temperature::Factors::apply(Siemens unit, std::span<float> conductance) const {
    const auto at_or_above = static_cast<float>(metallic);
    const auto below = static_cast<float>(activated);
    const auto crossover = static_cast<float>(crossover_S / unit.value());
    for (float& g : conductance) g *= g >= crossover ? at_or_above : below;
}

Temperature::Factors Temperature::at(Kelvin temperature) const {
    const double t = temperature.value(), t0 = reference.value();
    Factors factors;
    factors.crossover_S = crossover.value();
    factors.metallic = 1.0 + alpha_per_K * (t - t0);
    factors.activated = std::exp(-activation_eV / kBoltzmann_eV_per_K * (1.0 / t - 1.0 / t0));
    return factors;
}

double Temperature::factor(Siemens at_reference, Kelvin temperature) const {
    return at(temperature).of(at_reference);
}

std::optional<Temperature> load_temperature_law(const Settings& card) {
    if (!has_section(card, "temperature")) return std::nullopt;
    Temperature law;
    law.reference = Kelvin::from_value(card.real("temperature.reference_K", {1.0, 2000.0}));
    law.crossover = conductance_uS(card, "temperature.crossover_uS");
    law.alpha_per_K = card.real("temperature.alpha_per_K", {-1.0, 1.0});
    law.activation_eV = card.real("temperature.activation_eV", {0.0, 10.0});
    return law;
}

Kelvin load_temperature(const Settings& experiment, const std::optional<Temperature>& law,
                        const Validity& validity) {
    constexpr std::string_view kKey = "device.temperature_K";
    const auto given = experiment.real_or(kKey, "card", {1.0, 2000.0});
    if (!given) return law ? law->reference : wire_reference();
    const std::string where = experiment.entry(kKey).where;
    if (!law) {
        throw UserError("the device card knows nothing of temperature", where,
                        fmt::format("{} K with card {}", *given, validity.card),
                        "card, or a card with a section temperature");
    }
    const Kelvin temperature = Kelvin::from_value(*given);
    validity.require_temperature(temperature);
    if (!(law->at(temperature).metallic > 0.0)) {
        throw UserError(
            "no conductance left at this temperature", where,
            fmt::format("{} K: 1 + alpha (T - T0) = {:.4g}", *given, law->at(temperature).metallic),
            "1 + alpha (T - T0) > 0");
    }
    return temperature;
}

Kelvin wire_reference() {
    return Kelvin::from_value(kWireReference_K);
}

double wire_factor(Kelvin temperature) {
    const double factor = 1.0 + kWirePer_K * (temperature.value() - kWireReference_K);
    if (!(factor > 0.0)) {
        throw UserError("wires have no resistance left at this temperature", "device.temperature_K",
                        fmt::format("{} K", temperature.value()),
                        fmt::format("above {:.1f} K", kWireReference_K - 1.0 / kWirePer_K));
    }
    return factor;
}

}  // namespace attohm
