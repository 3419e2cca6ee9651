#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "src/verify/checks.hpp"
#include "src/verify/moments.hpp"
#include "src/verify/spectrum.hpp"

/// Noise of reads: moments, independence, spectrum.
namespace attohm {

namespace {

constexpr std::size_t kRows = 8, kColumns = 64, kReads = 1024;

/// Reads of equal cells with unequal inputs, less their mean, in units of the card's spread.
std::vector<double> white_draws(const Bench& bench, double g_S, double read_time_s) {
    const Matrix<double> g = filled(kRows, kColumns, g_S);
    Matrix<double> v(kReads, kRows);
    double mean = 0.0, variance = 0.0;
    for (std::size_t r = 0; r < kRows; ++r) {
        const double volt = bench.volt() * (r + 1.0) / kRows * (r % 2 == 0 ? 1.0 : -0.5);
        for (std::size_t b = 0; b < kReads; ++b) v(b, r) = volt;
        mean += volt * g_S;
        variance += volt * volt * bench.card.white->variance(g_S, read_time_s);
    }
    const Matrix<float> current =
        bench.model.read(only_white(bench.model.device), g.view(), v.view(),
                         read_settings(bench, read_time_s, kReads));
    std::vector<double> z;
    for (std::size_t i = 0; i < current.size(); ++i)
        z.push_back((static_cast<double>(current.data()[i]) - mean) / std::sqrt(variance));
    return z;
}

bool silent(const CardNumbers& card) {
    return !card.white || (card.white->relative == 0.0 && card.white->absolute_S == 0.0);
}

}  // namespace

Outcome check_read_noise(const Bench& bench) {
    if (silent(bench.card)) return Judge::absent("reads have no white noise");
    Judge judge;
    for (const double g : {bench.card.g_min_S, bench.middle_S(), bench.card.g_max_S}) {
        for (const double longer : {1.0, 4.0}) {
            const double time = bench.card.white->time_s * longer;
            if (!(bench.card.white->variance(g, time) > 0.0)) continue;
            const std::vector<double> z = white_draws(bench, g, time);
            const Moments got = sample_moments(z);
            const auto n = static_cast<double>(z.size());
            const std::string where = fmt::format("of {:.4g} uS in {:.3g} ns", g * 1e6, time * 1e9);
            // What float32 leaves of a sum, in units of the noise.
            const double rounding = 1e-6 * g / std::sqrt(bench.card.white->variance(g, time));
            judge.statistic("mean / sigma " + where, got.mean, 0.0, 1.0 / std::sqrt(n), 0.2,
                            rounding);
            judge.statistic("variance / law " + where, got.variance, 1.0, std::sqrt(2.0 / n), 0.3,
                            rounding);
            judge.statistic("fourth moment / 3 " + where,
                            got.fourth / (3.0 * got.variance * got.variance), 1.0,
                            std::sqrt(96.0 / n) / 3.0, 0.3, rounding);
        }
    }
    return judge.outcome();
}

Outcome check_reads_independent(const Bench& bench) {
    if (silent(bench.card)) return Judge::absent("reads have no white noise");
    const std::vector<double> z = white_draws(bench, bench.card.g_max_S, bench.card.white->time_s);
    const Moments moments = sample_moments(z);
    std::vector<double> draw, next_read, next_column;
    for (std::size_t i = 0; i + kColumns < z.size(); ++i) {
        const auto unit = [&](std::size_t k) {
            return (z[k] - moments.mean) / std::sqrt(moments.variance);
        };
        draw.push_back(unit(i));
        next_read.push_back(unit(i + kColumns));
        next_column.push_back(unit(i + 1));
    }
    const double error = 1.0 / std::sqrt(static_cast<double>(draw.size()));
    Judge judge;
    judge.statistic("correlation of a read and the next one", mean_product(draw, next_read), 0.0,
                    error, 0.2);
    judge.statistic("correlation of a column and the next one", mean_product(draw, next_column),
                    0.0, error, 0.2);
    return judge.outcome();
}

namespace {

/// Relative fluctuations [reads, cells] of cells that are read back to back.
Matrix<double> slow_record(const Bench& bench, double read_time_s, std::size_t reads,
                           std::size_t cells) {
    const Matrix<double> g = filled(1, cells, bench.middle_S());
    const Matrix<double> v = filled(reads, 1, bench.volt());
    const Matrix<float> current =
        bench.model.read(only_slow(bench.model.device), g.view(), v.view(),
                         read_settings(bench, read_time_s, reads));
    Matrix<double> record(reads, cells);
    const double right = bench.volt() * bench.middle_S();
    for (std::size_t i = 0; i < record.size(); ++i)
        record.data()[i] = static_cast<double>(current.data()[i]) / right - 1.0;
    return record;
}

}  // namespace

Outcome check_slow_spectrum(const Bench& bench) {
    if (!bench.card.slow || bench.card.slow->amplitude == 0.0)
        return Judge::absent("no slow noise");
    const CardNumbers::Slow& slow = *bench.card.slow;
    constexpr std::size_t kLength = 2048, kCells = 512, kFirst = 4, kLast = kLength / 20;
    // The lowest frequency a decade above f_low, or the highest a decade below f_high.
    const double longest = kFirst / (kLength * 10.0 * slow.low_Hz);
    const double shortest = 1.0 / (20.0 * 0.1 * slow.high_Hz);
    Judge judge;
    if (!(longest >= shortest)) {
        judge.refuse("spectrum", "the band is too narrow: f_high must be 5,000 f_low at least");
        return judge.outcome();
    }
    for (const double interval : {longest, shortest}) {
        const Spectrum spectrum = measure_spectrum(
            slow_record(bench, interval, kLength, kCells).view(), interval, kFirst, kLast);
        // Mean of S f^g / A over the frequencies, which is 1, and the slope of ln S.
        double ratio = 0.0;
        std::vector<double> x, y;
        for (std::size_t k = 0; k < spectrum.frequency_Hz.size(); ++k) {
            const double law = slow.amplitude * std::pow(spectrum.frequency_Hz[k], -slow.exponent);
            ratio += spectrum.density[k] / law / double(spectrum.frequency_Hz.size());
            x.push_back(std::log(spectrum.frequency_Hz[k]));
            y.push_back(std::log(spectrum.density[k]));
        }
        const LineFit line = fit_line(x, y, 1.0 / std::sqrt(double(kCells)));
        const auto n = static_cast<double>(kCells * x.size());
        const std::string where = fmt::format("from {:.3g} to {:.3g} Hz", spectrum.frequency_Hz[0],
                                              spectrum.frequency_Hz.back());
        // The ladder's ripple and ends, and what the split calls white: 0.04 of S.
        judge.statistic("S(f) f^g / A " + where, ratio, 1.0, 1.0 / std::sqrt(n), 0.3, 0.04);
        judge.statistic("slope of ln S " + where, line.slope, -slow.exponent, line.slope_error, 0.3,
                        0.03);
    }
    return judge.outcome();
}

Outcome check_telegraph(const Bench& bench) {
    if (!bench.card.telegraph || bench.card.telegraph->traps == 0.0 ||
        bench.card.telegraph->step == 0.0)
        return Judge::absent("no telegraph noise");
    const CardNumbers::Telegraph& law = *bench.card.telegraph;
    constexpr std::size_t kCells = 65536;
    const double t0 = bench.card.measured_at_s;
    const double age = std::min(bench.card.age_high_s, t0 + 10.0 / law.rate_low);
    // So short that no trap moves within it.
    PlainReadSettings settings = read_settings(bench, std::min(1e-8, 1e-3 / law.rate_high), 1);
    settings.age = Second::from_value(age);
    const Matrix<double> g = filled(1, kCells, bench.middle_S());
    const Matrix<double> v = filled(1, 1, bench.volt());
    const Matrix<float> current =
        bench.model.read(only_telegraph(bench.model.device), g.view(), v.view(), settings);
    std::vector<double> change;
    for (std::size_t c = 0; c < kCells; ++c)
        change.push_back(static_cast<double>(current(0, c)) / (bench.volt() * bench.middle_S()) -
                         1.0);
    const Moments got = sample_moments(change);
    const double variance = law.variance(age, t0);
    Judge judge;
    judge.statistic("mean dG/G", got.mean, 0.0, std::sqrt(variance / kCells),
                    0.2 * std::sqrt(variance), 1e-6);
    // A step is at most the whole conductance, which the closed form does not know.
    judge.statistic("variance of dG/G / law", got.variance / variance, 1.0,
                    got.variance_error(kCells) / variance, 0.5, 0.02);
    return judge.outcome();
}

}  // namespace attohm
