#include "tests/crossbar/fit/synthetic.hpp"

#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <unsupported/Eigen/FFT>

namespace attohm::testing {

namespace {

double polynomial(const std::vector<double>& c, double x) {
    double sum = 0.0, power = 1.0;
    for (const double k : c) {
        sum += k * power;
        power *= x;
    }
    return sum;
}

/// Reads of a process with one-sided spectrum A / f^g, each averaged over T: the spectrum, times
/// sinc^2(f T), made on a grid ten times as fine and eight times as long, then read at every tenth
/// point.
std::vector<double> slow_reads(const ReadsTruth& truth, Dice& dice) {
    constexpr int kFine = 10, kLong = 8;
    const int n = truth.reads * kFine * kLong;
    const double step = truth.spacing_s / kFine;
    std::vector<std::complex<double>> spectrum(static_cast<std::size_t>(n));
    for (int k = 1; 2 * k < n; ++k) {
        const double f = k / (n * step);
        const double x = M_PI * f * truth.integration_s;
        const double sinc = x > 0.0 ? std::sin(x) / x : 1.0;
        const double density = truth.amplitude * std::pow(f, -truth.exponent) * sinc * sinc;
        const double size = 0.5 * std::sqrt(density / (n * step));
        spectrum[static_cast<std::size_t>(k)] = {size * dice.normal(), size * dice.normal()};
        spectrum[static_cast<std::size_t>(n - k)] =
            std::conj(spectrum[static_cast<std::size_t>(k)]);
    }
    Eigen::FFT<double> fft;
    std::vector<std::complex<double>> series;
    fft.inv(series, spectrum);
    std::vector<double> out;
    for (int i = 0; i < truth.reads; ++i)
        out.push_back(series[static_cast<std::size_t>(i * kFine)].real() * n);
    return out;
}

}  // namespace

double Dice::uniform() {
    return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53;
}

double Dice::normal() {
    if (has_kept_) {
        has_kept_ = false;
        return kept_;
    }
    for (;;) {
        const double a = 2.0 * uniform() - 1.0, b = 2.0 * uniform() - 1.0;
        const double r = a * a + b * b;
        if (r >= 1.0 || r == 0.0) continue;
        const double factor = std::sqrt(-2.0 * std::log(r) / r);
        kept_ = b * factor;
        has_kept_ = true;
        return a * factor;
    }
}

std::string programming_csv(const ProgrammingTruth& truth, std::uint64_t seed) {
    Dice dice(seed);
    std::string text = "chip,row,column,target_uS,conductance_uS,age_s\n";
    for (int r = 0; r < truth.rows; ++r) {
        for (int c = 0; c < truth.columns; ++c) {
            const double fate = dice.uniform();
            for (const double target : truth.targets_uS) {
                const double mean = target + polynomial(truth.bias, target);
                const double s = polynomial(truth.sigma, target);
                const double z = dice.normal();
                double g = truth.log_normal ? mean * std::exp(s * z - 0.5 * s * s) : mean + s * z;
                if (fate < truth.low_rate)
                    g = truth.low_uS * (1.0 + 0.002 * z);
                else if (fate < truth.low_rate + truth.high_rate)
                    g = truth.high_uS * (1.0 + 0.002 * z);
                text += fmt::format("0,{},{},{},{:.6f},{}\n", r, c, target, std::max(g, 0.0),
                                    truth.age_s);
            }
        }
    }
    return text;
}

std::string reads_csv(const ReadsTruth& truth, std::uint64_t seed) {
    Dice dice(seed);
    std::string text = "chip,row,column,time_s,conductance_uS,integration_time_s\n";
    for (int k = 0; k < truth.records; ++k) {
        const double share = truth.records > 1 ? k / (truth.records - 1.0) : 0.0;
        const double g = truth.low_uS * std::pow(truth.high_uS / truth.low_uS, share);
        std::vector<double> slow(static_cast<std::size_t>(truth.reads), 0.0);
        if (truth.amplitude > 0.0) slow = slow_reads(truth, dice);
        bool up = false;
        for (int i = 0; i < truth.reads; ++i) {
            if (dice.uniform() < 0.02) up = !up;
            const double relative = slow[static_cast<std::size_t>(i)] +
                                    truth.sigma_rel * dice.normal() +
                                    (up ? truth.telegraph_rel : 0.0);
            const double read = g * (1.0 + relative) + truth.sigma_abs_uS * dice.normal();
            text += fmt::format("0,{},0,{:.9f},{:.8f},{}\n", k, i * truth.spacing_s, read,
                                truth.integration_s);
        }
    }
    return text;
}

std::string retention_csv(const RetentionTruth& truth, std::uint64_t seed) {
    constexpr double kBoltzmann_eV = 8.617333262145179e-5;
    Dice dice(seed);
    std::string text = "chip,row,column,target_uS,temperature_K,age_s,conductance_uS\n";
    for (std::size_t t = 0; t < truth.targets_uS.size(); ++t) {
        const double target = truth.targets_uS[t];
        for (int i = 0; i < truth.cells; ++i) {
            const double written = target + truth.sigma0 * dice.normal(), z = dice.normal();
            const auto at = [&](double age) {
                const double x = std::log(age / truth.ages_s.front());
                const double s = truth.sigma0 + truth.sigma1 * x;
                return written + polynomial(truth.mean_per_ln, target) * x +
                       std::sqrt(s * s - truth.sigma0 * truth.sigma0) * z;
            };
            const auto line = [&](double kelvin, double age, double g) {
                text += fmt::format("1,{},{},{},{},{},{:.6f}\n", t, i, target, kelvin, age, g);
            };
            for (const double age : truth.ages_s) line(truth.reference_K, age, at(age));
            double age = truth.ages_s.back();
            for (const double kelvin : truth.hot_K) {
                age *= 1.1;
                const double factor = target >= truth.crossover_uS
                                          ? 1.0 + truth.alpha_per_K * (kelvin - truth.reference_K)
                                          : std::exp(-truth.activation_eV / kBoltzmann_eV *
                                                     (1.0 / kelvin - 1.0 / truth.reference_K));
                line(kelvin, age, at(age) * factor * (1.0 + truth.read_rel * dice.normal()));
            }
        }
    }
    return text;
}

std::string iv_csv(const IvTruth& truth, std::uint64_t seed) {
    Dice dice(seed);
    std::string text = "chip,row,column,voltage_V,current_A\n";
    for (int k = 0; k < truth.curves; ++k) {
        const double g = 5e-6 * (k + 1);
        for (const double v : truth.volts_V) {
            const double chord = truth.v0_V > 0.0 ? truth.v_ref_V * std::sinh(v / truth.v0_V) /
                                                        std::sinh(truth.v_ref_V / truth.v0_V)
                                                  : v * (1.0 + truth.a2 * v + truth.a3 * v * v) /
                                                        (1.0 + truth.a2 * truth.v_ref_V +
                                                         truth.a3 * truth.v_ref_V * truth.v_ref_V);
            text += fmt::format("0,{},0,{},{:.9e}\n", k, v,
                                g * chord * (1.0 + truth.noise_rel * dice.normal()));
        }
    }
    return text;
}

std::string pulses_csv(const PulsesTruth& truth, std::uint64_t seed) {
    Dice dice(seed);
    std::string text =
        "chip,row,column,pulse,voltage_V,width_ns,conductance_before_uS,conductance_after_uS";
    text += truth.loop ? ",target_uS,accepted\n" : "\n";
    for (int w = 0; w < truth.writes; ++w) {
        const double target = 15.0 + 20.0 * dice.uniform();
        double g = 5.0;
        for (int p = 1; p <= truth.pulses_max; ++p) {
            const double way = g < target ? 1.0 : -1.0;
            const double after = g + way * truth.step_uS + truth.sigma_uS * dice.normal();
            const bool accepted = std::abs(after - target) <= truth.window_uS;
            text += fmt::format("0,{},0,{},{},50,{:.6f},{:.6f}", w, p, 1.5 * way, g, after);
            text += truth.loop ? fmt::format(",{:.6f},{}\n", target, accepted ? 1 : 0) : "\n";
            g = after;
            if (accepted && truth.loop) break;
        }
    }
    return text;
}

std::map<std::string, std::string> measured_example(std::uint64_t seed) {
    ProgrammingTruth programming;
    programming.low_rate = 0.01;
    programming.high_rate = 0.005;
    programming.bias = {0.1, -0.004};
    ReadsTruth reads;
    reads.low_uS = 5.0;
    reads.high_uS = 40.0;
    reads.sigma_abs_uS = 0.02;
    RetentionTruth retention;
    retention.targets_uS = {5, 15, 25, 40};
    retention.sigma0 = 0.7;
    retention.hot_K = {330, 360};
    return {{"programming.csv", programming_csv(programming, seed)},
            {"reads.csv", reads_csv(reads, seed + 1)},
            {"retention.csv", retention_csv(retention, seed + 2)},
            {"iv.csv", iv_csv({}, seed + 3)},
            {"pulses.csv", pulses_csv({}, seed + 4)}};
}

}  // namespace attohm::testing
