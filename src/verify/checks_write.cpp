#include <algorithm>
#include <cmath>
#include <vector>

#include "src/verify/checks.hpp"
#include "src/verify/moments.hpp"

/// What a write leaves in the cells, and what they are afterwards.
namespace attohm {

namespace {

constexpr std::size_t kRows = 128, kColumnsEach = 128;
constexpr double kShares[] = {0.0, 0.25, 0.5, 0.75, 1.0};

/// Blocks of columns, each of one target; one write event.
struct Blocks {
    std::vector<double> target_S;
    std::vector<std::vector<double>> written_S;  ///< column by column
};

Blocks write_blocks(const Bench& bench) {
    Blocks blocks;
    for (const double share : kShares)
        blocks.target_S.push_back(bench.card.g_min_S +
                                  share * (bench.card.g_max_S - bench.card.g_min_S));
    Matrix<double> target(kRows, kColumnsEach * blocks.target_S.size());
    for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t c = 0; c < target.cols(); ++c)
            target(r, c) = blocks.target_S[c / kColumnsEach];
    }
    const Matrix<double> g =
        bench.model.program(only_programming(bench.model.device), target.view(), bench.site(10), {})
            .conductance_S;
    blocks.written_S.resize(blocks.target_S.size());
    for (std::size_t c = 0; c < g.cols(); ++c) {
        for (std::size_t r = 0; r < kRows; ++r)
            blocks.written_S[c / kColumnsEach].push_back(g(r, c));
    }
    return blocks;
}

/// The card's law at a target, clipped as it says, in siemens.
Moments programming_law(const CardNumbers& card, double target_S) {
    return law_moments(
        [&](double z) { return card.clipped(card.programming.written(target_S * 1e6, z) / 1e6); });
}

void judge_rate(const std::string& name, double count, double n, double rate, Judge& judge) {
    if (rate == 0.0) {
        judge.within(name, count / n, 0.0, 0.0);
        return;
    }
    // A band of half of the rate could not tell a halved rate.
    judge.statistic(name, count / n, rate, std::sqrt(rate * (1.0 - rate) / n), 0.45 * rate);
}

}  // namespace

Outcome check_programming(const Bench& bench) {
    const Blocks blocks = write_blocks(bench);
    Judge judge;
    for (std::size_t b = 0; b < blocks.target_S.size(); ++b) {
        const double target = blocks.target_S[b];
        const Moments law = programming_law(bench.card, target);
        const Moments got = sample_moments(blocks.written_S[b]);
        const auto n = static_cast<double>(blocks.written_S[b].size());
        const double sigma = std::sqrt(law.variance), slack = 1e-5 * sigma + 1e-9 * target;
        judge.statistic(fmt::format("mean at {:.4g} uS, uS", target * 1e6), got.mean * 1e6,
                        law.mean * 1e6, law.mean_error(n) * 1e6,
                        (0.2 * sigma + 1e-6 * target) * 1e6, slack * 1e6);
        if (sigma <= 1e-9 * target) {
            judge.within(fmt::format("spread at {:.4g} uS, uS", target * 1e6),
                         std::sqrt(got.variance) * 1e6, 0.0, 1e-6 * target * 1e6);
            continue;
        }
        judge.statistic(fmt::format("variance / law at {:.4g} uS", target * 1e6),
                        got.variance / law.variance, 1.0, law.variance_error(n) / law.variance, 0.5,
                        1e-4);
    }
    return judge.outcome();
}

Outcome check_cells_independent(const Bench& bench) {
    if (bench.model.device.programming.none()) return Judge::absent("cells are written exactly");
    const Blocks blocks = write_blocks(bench);
    std::vector<double> down, next_down, across, next_across;
    for (std::size_t b = 0; b < blocks.target_S.size(); ++b) {
        const Moments law = programming_law(bench.card, blocks.target_S[b]);
        const std::vector<double>& g = blocks.written_S[b];
        const auto unit = [&](std::size_t i) {
            return (g[i] - law.mean) / std::sqrt(law.variance);
        };
        for (std::size_t i = 0; i + kRows < g.size(); ++i) {
            down.push_back(unit(i));
            next_down.push_back(unit(i + 1));
            across.push_back(unit(i));
            next_across.push_back(unit(i + kRows));
        }
    }
    const double error = 1.0 / std::sqrt(static_cast<double>(down.size()));
    Judge judge;
    judge.statistic("correlation of neighbours in a column", mean_product(down, next_down), 0.0,
                    error, 0.2);
    judge.statistic("correlation of neighbours in a row", mean_product(across, next_across), 0.0,
                    error, 0.2);
    return judge.outcome();
}

namespace {

/// The normal that each cell drew until `age`, by the card's law; nothing if most were clipped.
std::vector<double> relaxation_draws(const Bench& bench, const Matrix<double>& written,
                                     double target_S, double age_s) {
    const Matrix<double> target = filled(written.rows(), written.cols(), target_S);
    const Matrix<double> aged = bench.model
                                    .program(only_relaxation(bench.model.device), target.view(),
                                             bench.site(11), Second::from_value(age_s))
                                    .conductance_S;
    const double log_age = std::log(age_s / bench.card.measured_at_s);
    std::vector<double> z;
    for (std::size_t i = 0; i < written.size(); ++i)
        z.push_back(
            bench.card.relaxation->draw(written.data()[i] * 1e6, aged.data()[i] * 1e6, log_age).z);
    return z;
}

}  // namespace

Outcome check_relaxation(const Bench& bench) {
    const CardNumbers& card = bench.card;
    if (!card.relaxation) return Judge::absent("no section relaxation");
    const double oldest = std::min(card.age_high_s, card.measured_at_s * 1e6);
    if (!(oldest > card.measured_at_s * 1.5)) return Judge::absent("the card knows one age only");
    // The highest level is furthest from the floor.
    const double target_S = std::isinf(card.ceiling_S) ? card.g_max_S : bench.middle_S();
    const Matrix<double> target = filled(kRows, kColumnsEach, target_S);
    const Matrix<double> written =
        bench.model.program(only_programming(bench.model.device), target.view(), bench.site(11), {})
            .conductance_S;
    Judge judge;
    std::vector<double> first;
    for (int k = 1; k <= 3; ++k) {
        const double age_s = card.measured_at_s * std::pow(oldest / card.measured_at_s, k / 3.0);
        const std::vector<double> z =
            relaxation_draws(bench, written, target_S, age_s * (1 - 1e-12));
        const Moments got = sample_moments(z);
        const auto n = static_cast<double>(z.size());
        const std::string when = fmt::format("at {:.3g} s", age_s);
        judge.statistic("mean draw " + when, got.mean, 0.0, 1.0 / std::sqrt(n), 0.2, 1e-4);
        judge.statistic("variance / law " + when, got.variance, 1.0, std::sqrt(2.0 / n), 0.5, 1e-4);
        if (k == 1) {
            first = z;
            continue;
        }
        // One draw per write event: the same cell at two ages is one path.
        double apart = 0.0;
        for (std::size_t i = 0; i < z.size(); ++i)
            apart = std::max(apart, std::abs(z[i] - first[i]));
        judge.within("largest difference of a cell's draw from that at the first age, " + when,
                     apart, 0.0, 1e-3);
    }
    return judge.outcome();
}

Outcome check_stuck_rates(const Bench& bench) {
    if (!bench.card.stuck || bench.card.stuck->low_rate + bench.card.stuck->high_rate == 0.0)
        return Judge::absent("no cell is stuck");
    const CardNumbers::Stuck& stuck = *bench.card.stuck;
    const double least = std::min(stuck.low_rate > 0.0 ? stuck.low_rate : 1.0,
                                  stuck.high_rate > 0.0 ? stuck.high_rate : 1.0);
    // 5 sigma within 0.45 of the rate need n p > 124; clusters and lines fluctuate more.
    const bool clustered = bench.model.device.stuck.spatial != StuckSpatial::independent;
    const double wanted = (clustered ? 4000.0 : 400.0) / least;
    const double cells_each = 256.0 * 256.0;
    const auto arrays = static_cast<std::uint64_t>(
        std::clamp(std::ceil(wanted / cells_each), clustered ? 64.0 : 8.0, 256.0));
    const Device device = only_stuck(bench.model.device);
    const Matrix<double> target = filled(256, 256, bench.middle_S());
    std::vector<double> lows, highs;
    double low = 0.0, high = 0.0;
    for (std::uint64_t chip = 0; chip < arrays; ++chip) {
        const Matrix<double> g =
            bench.model.program(device, target.view(), bench.site(12, chip), {}).conductance_S;
        double low_here = 0.0, high_here = 0.0;
        for (std::size_t i = 0; i < g.size(); ++i) {
            // By what the cell shows, not by what the model says of it.
            low_here += std::abs(g.data()[i] / stuck.low_S - 1.0) < 1e-6 ? 1.0 : 0.0;
            high_here += std::abs(g.data()[i] / stuck.high_S - 1.0) < 1e-6 ? 1.0 : 0.0;
        }
        low += low_here;
        high += high_here;
        lows.push_back(low_here / cells_each);
        highs.push_back(high_here / cells_each);
    }
    Judge judge;
    if (!clustered) {
        const double n = cells_each * static_cast<double>(arrays);
        judge_rate("rate of cells at the low resistance", low, n, stuck.low_rate, judge);
        judge_rate("rate of cells at the high resistance", high, n, stuck.high_rate, judge);
        return judge.outcome();
    }
    // Arrays are independent, cells of one are not; 64 of them say how much their rates differ.
    const auto n = static_cast<double>(arrays);
    for (const auto& [name, rates, rate] :
         {std::tuple("low", &lows, stuck.low_rate), std::tuple("high", &highs, stuck.high_rate)}) {
        const Moments got = sample_moments(*rates);
        judge.statistic(fmt::format("rate of cells at the {} resistance", name), got.mean, rate,
                        got.mean_error(n - 1.0), rate == 0.0 ? 0.0 : 0.45 * rate);
    }
    return judge.outcome();
}

Outcome check_temperature(const Bench& bench) {
    if (!bench.card.temperature) return Judge::absent("no section temperature");
    const CardNumbers::TemperatureNumbers& law = *bench.card.temperature;
    Judge judge;
    for (const double warmer : {0.0, 5.0}) {
        Device device = quiet(bench.model.device);
        device.temperature_law = bench.model.device.temperature_law;
        device.temperature = Kelvin::from_value(law.reference_K + warmer);
        for (const double g : {bench.card.g_min_S, bench.card.g_max_S}) {
            const Matrix<double> target = filled(1, 1, g);
            const double got =
                bench.model.program(device, target.view(), bench.site(), {}).conductance_S(0, 0);
            constexpr double kBoltzmann_eV = 8.617333262e-5;
            const double kelvin = law.reference_K + warmer;
            const double factor = g >= law.crossover_S
                                      ? 1.0 + law.alpha * warmer
                                      : std::exp(-law.activation_eV / kBoltzmann_eV *
                                                 (1.0 / kelvin - 1.0 / law.reference_K));
            judge.within(fmt::format("G({:.4g} K) / G of {:.4g} uS", kelvin, g * 1e6), got / g,
                         factor, 1e-9);
        }
    }
    return judge.outcome();
}

Outcome check_cell_current(const Bench& bench) {
    if (!bench.card.nonlinear) return Judge::absent("the cell is linear");
    // The cell alone: a selector in series would take its share of the voltage.
    Device device = bench.model.device;
    device.cell.selector = {};
    const double g = bench.middle_S(), v_ref = bench.card.v_ref_V;
    const auto current = [&](double volt) {
        return bench.model.cell_current(device, Siemens::from_value(g), Volt::from_value(volt))
            .value();
    };
    Judge judge;
    judge.within("I / (G V) at v_ref", current(v_ref) / (g * v_ref), 1.0, 1e-9);
    judge.within("I(-v_ref) / I(v_ref)", current(-v_ref) / current(v_ref), -1.0, 1e-9);
    double last = 0.0;
    for (int k = 1; k <= 20; ++k) {
        const double now = current(v_ref * k / 20.0);
        judge.holds(fmt::format("current rises up to {:.3g} V", v_ref * k / 20.0), now >= last);
        last = now;
    }
    return judge.outcome();
}

}  // namespace attohm
