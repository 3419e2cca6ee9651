#include <cmath>

#include "src/verify/checks.hpp"

/// The card's own numbers: can they be meant, and did they arrive?
namespace attohm {

namespace {

/// Largest standard deviation of a write between g_min and g_max, uS.
double largest_sigma_uS(const CardNumbers& card) {
    double largest = 0.0;
    constexpr int kSteps = 64;
    for (int k = 0; k <= kSteps; ++k) {
        const double g = (card.g_min_S + (card.g_max_S - card.g_min_S) * k / double(kSteps)) * 1e6;
        const double sigma = card.programming.sigma_of(g);
        largest = std::max(largest, card.programming.law == "log-normal" ? g * sigma : sigma);
    }
    return largest;
}

void bound_conductances(const CardNumbers& card, Judge& judge) {
    // Below 0.5 uS a read of 0.2 V and 10 ns moves fewer than 6,300 electrons: shot noise of 0.013;
    // above 5 mS a cell takes 1 mA at 0.2 V, which no access transistor of its size gives.
    judge.between("g_max, uS", card.g_max_S * 1e6, 0.5, 5000.0);
    // A write pulse of more than 10 mA per cell.
    judge.at_most("current of a write pulse at g_max, A", card.write.pulse_V * card.g_max_S, 0.01);
    if (!card.stuck) return;
    // A cell stuck low is about as conductive as one that is fully on; within a factor of 100.
    judge.between("conductance of a cell stuck low / g_max", card.stuck->low_S / card.g_max_S, 0.01,
                  100.0);
    judge.at_most("stuck high / stuck low, conductances", card.stuck->high_S / card.stuck->low_S,
                  1.0);
}

void bound_noise(const CardNumbers& card, Judge& judge) {
    const double range_uS = (card.g_max_S - card.g_min_S) * 1e6;
    // A spread of half of the range is no writing at all.
    judge.at_most("sigma_p / (g_max - g_min), largest", largest_sigma_uS(card) / range_uS, 0.5);
    if (card.white && card.white->relative > 0.0) {
        judge.at_most("read_noise.sigma_rel", card.white->relative, 0.1);
        // Nyquist: S_I = 4 k T G, so sigma_I / I >= sqrt(2 k T / (G t)) / V at 300 K. No read is
        // quieter; V at most 1 V here.
        constexpr double kThermal = 2.0 * 1.380649e-23 * 300.0;
        const double volt = std::min(1.0, card.read_high_V);
        const double least = std::sqrt(kThermal / (card.g_max_S * card.white->time_s)) / volt;
        judge.at_most("thermal noise of a read / read_noise.sigma_rel",
                      least / card.white->relative, 1.0);
    }
    // A choice, above a 4-Mb HfO2 chip of poor yield: 9.04 % at low, 1.75 % at high resistance
    // (recalled; Chen et al., IEEE Trans. Computers 64 (2015) 180, doi:10.1109/TC.2014.12).
    if (card.stuck)
        judge.at_most("stuck.low_rate + stuck.high_rate",
                      card.stuck->low_rate + card.stuck->high_rate, 0.15);
    if (card.slow && card.slow->amplitude > 0.0) {
        // g = 1: variance A ln(f_high / f_low) of dG/G.
        const double decades = std::log(card.slow->high_Hz / card.slow->low_Hz);
        if (card.slow->exponent == 1.0)
            judge.at_most("sqrt(A ln(f_high / f_low)) of slow noise",
                          std::sqrt(card.slow->amplitude * decades), 0.1);
    }
    if (card.telegraph) judge.at_most("telegraph.step_median_rel", card.telegraph->step, 0.5);
}

void close(Judge& judge, const std::string& quantity, double got, double given) {
    judge.within(quantity, got, given, 1e-9 * std::abs(given));
}

void compare_noise(const Device& device, const CardNumbers& card, Judge& judge) {
    if (card.white) {
        const Second time = Second::from_value(card.white->time_s);
        close(judge, "read_noise.sigma_rel", device.read_noise.relative_at(time),
              card.white->relative);
        close(judge, "read_noise.sigma_abs, S", device.read_noise.absolute_at(time).value(),
              card.white->absolute_S);
    }
    if (card.slow) {
        close(judge, "slow_noise.amplitude_rel2", device.slow_noise.amplitude_rel2,
              card.slow->amplitude);
        close(judge, "slow_noise.f_low, Hz", device.slow_noise.f_low.value(), card.slow->low_Hz);
        close(judge, "slow_noise.f_high, Hz", device.slow_noise.f_high.value(), card.slow->high_Hz);
    }
    if (card.stuck) {
        close(judge, "stuck.low_rate", device.stuck.low_rate, card.stuck->low_rate);
        close(judge, "stuck.high_rate", device.stuck.high_rate, card.stuck->high_rate);
        close(judge, "stuck low, S", device.stuck.conductance(StuckKind::low).value(),
              card.stuck->low_S);
        close(judge, "stuck high, S", device.stuck.conductance(StuckKind::high).value(),
              card.stuck->high_S);
    }
}

}  // namespace

Outcome check_card_bounds(const Bench& bench) {
    Judge judge;
    bound_conductances(bench.card, judge);
    bound_noise(bench.card, judge);
    return judge.outcome();
}

Outcome check_card_numbers(const Bench& bench) {
    const Device& device = bench.model.device;
    const CardNumbers& card = bench.card;
    Judge judge;
    close(judge, "g_min, S", device.g_min.value(), card.g_min_S);
    close(judge, "g_max, S", device.g_max.value(), card.g_max_S);
    close(judge, "g_floor, S", device.g_floor.value(), card.floor_S);
    close(judge, "programming.measured_at, s", device.programming.measured_at.value(),
          card.measured_at_s);
    close(judge, "mlc pulse, V", device.write.mlc_pulse_voltage.value(), card.write.pulse_V);
    close(judge, "mlc pulse, s", device.write.mlc_pulse_time.value(), card.write.pulse_s);
    for (const double share : {0.0, 0.3, 0.7, 1.0}) {
        const double g = card.g_min_S + share * (card.g_max_S - card.g_min_S);
        const double uS = g * 1e6;
        double sigma = card.programming.sigma_of(uS);
        if (card.programming.law == "log-normal")
            sigma = (uS + card.programming.bias_of(uS)) * std::sqrt(std::expm1(sigma * sigma));
        const double got = device.programming.sigma(Siemens::from_value(g)).value() * 1e6;
        judge.within(fmt::format("sigma_p at {:.4g} uS, uS", uS), got, sigma,
                     1e-9 * std::abs(sigma) + 1e-12 * uS);
    }
    compare_noise(device, card, judge);
    return judge.outcome();
}

}  // namespace attohm
