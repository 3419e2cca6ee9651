#include "crossbar/fit/reads_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <map>
#include <unsupported/Eigen/FFT>

#include "crossbar/fit/whittle.hpp"
#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

constexpr std::size_t kLeastReads = 64;
constexpr double kSpacingError = 1e-3;  ///< of the spacing
constexpr double kStateSpan = 1.5;      ///< largest over smallest G to tell rel from abs
constexpr double kNormal95 = 1.959963984540054;

struct RawRecord {
    std::vector<std::size_t> rows;
};

/// Rows of a cell in the order of time, evenly spaced.
void check_times(const MeasuredTable& table, RawRecord& raw, double& spacing) {
    const auto time = table.column("time");
    std::stable_sort(raw.rows.begin(), raw.rows.end(),
                     [&](std::size_t a, std::size_t b) { return time[a] < time[b]; });
    const std::size_t n = raw.rows.size();
    const std::size_t first = raw.rows.front();
    const std::string who = cell_text(cell_of(table, first));
    if (n < kLeastReads)
        throw UserError("a record is too short", table.place(first, "time"),
                        fmt::format("{} reads of {}", n, who),
                        fmt::format("at least {} reads of a cell", kLeastReads));
    const double own = (time[raw.rows.back()] - time[first]) / static_cast<double>(n - 1);
    if (spacing == 0.0) spacing = own;
    for (std::size_t i = 1; i < n; ++i) {
        const double step = time[raw.rows[i]] - time[raw.rows[i - 1]];
        if (!(std::abs(step - spacing) <= kSpacingError * spacing))
            throw UserError(
                "the reads are not evenly spaced", table.place(raw.rows[i], "time"),
                fmt::format("{:g} s after the read before of {}", step, who),
                fmt::format("{:g} s within {} of it, in every record", spacing, kSpacingError));
    }
}

/// |DFT|^2 as a one-sided density: mean square = sum over j of I_j / (N spacing).
std::vector<double> periodogram(const std::vector<double>& values, double spacing) {
    Eigen::FFT<double> fft;
    std::vector<std::complex<double>> spectrum;
    fft.fwd(spectrum, values);
    std::vector<double> out;
    const double n = static_cast<double>(values.size());
    for (std::size_t j = 1; 2 * j < values.size(); ++j)
        out.push_back(2.0 * spacing / n * std::norm(spectrum[j]));
    return out;
}

/// Whether a record jumps between two levels: split at the largest gain of k-means in one
/// dimension; levels at least five of their own deviations apart, the rarer one held for 0.05 of
/// the reads and more, and hardly a read in the middle third between them (a wandering mean has
/// many there).
bool on_two_levels(std::vector<double> values) {
    constexpr double kApart = 5.0, kRarer = 0.05, kBetween = 0.06;
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    double sum = 0.0, best = -1.0, left = 0.0;
    for (const double v : values) sum += v;
    std::size_t split = 0;
    for (std::size_t i = 1; i < n; ++i) {
        left += values[i - 1];
        const double a = static_cast<double>(i), b = static_cast<double>(n - i);
        const double gain = left * left / a + (sum - left) * (sum - left) / b;
        if (gain > best) {
            best = gain;
            split = i;
        }
    }
    const auto rarer = static_cast<double>(std::min(split, n - split));
    if (rarer < kRarer * static_cast<double>(n) || split < 2 || n - split < 2) return false;
    const std::span<const double> low(values.data(), split), high(values.data() + split, n - split);
    const double within =
        std::sqrt(0.5 * (std::pow(deviation_of(low), 2) + std::pow(deviation_of(high), 2)));
    const double bottom = mean_of(low), apart = mean_of(high) - bottom;
    const auto between = std::count_if(values.begin(), values.end(), [&](double v) {
        return v > bottom + apart / 3.0 && v < bottom + 2.0 * apart / 3.0;
    });
    return apart > kApart * within &&
           static_cast<double>(between) < kBetween * static_cast<double>(n);
}

ReadRecord make_record(const MeasuredTable& table, const RawRecord& raw, double spacing) {
    ReadRecord record;
    record.cell = cell_of(table, raw.rows.front());
    const auto conductance = table.column("conductance");
    for (const std::size_t i : raw.rows) record.relative.push_back(conductance[i]);
    record.mean_uS = mean_of(record.relative);
    const auto [least, most] = std::minmax_element(record.relative.begin(), record.relative.end());
    if (*least == *most || record.mean_uS <= 0.0)
        throw UserError("a record does not vary", table.place(raw.rows.front(), "conductance"),
                        fmt::format("{} reads of {:g} uS of {}", raw.rows.size(), record.mean_uS,
                                    cell_text(record.cell)),
                        "reads with their noise, as measured, of a conductance above 0");
    for (double& v : record.relative) v = v / record.mean_uS - 1.0;
    record.periodogram = periodogram(record.relative, spacing);
    record.two_levels = on_two_levels(record.relative);
    return record;
}

void read_records(const MeasuredTable& table, ReadsFit& fit) {
    std::map<CellId, RawRecord> raw;
    const auto integration = table.column("integration_time");
    fit.integration_s = integration.front();
    for (std::size_t i = 0; i < table.rows(); ++i) {
        raw[cell_of(table, i)].rows.push_back(i);
        if (integration[i] != fit.integration_s)
            throw UserError("reads of several lengths in one fit",
                            table.place(i, "integration_time"),
                            fmt::format("{:g} s", integration[i]),
                            fmt::format("{:g} s, as in the first row", fit.integration_s));
    }
    std::size_t longest = 0;
    fit.conductance_uS = {std::numeric_limits<double>::infinity(), 0.0};
    for (auto& [cell, record] : raw) {
        check_times(table, record, fit.spacing_s);
        fit.records.push_back(make_record(table, record, fit.spacing_s));
        const ReadRecord& made = fit.records.back();
        fit.samples += made.relative.size();
        longest = std::max(longest, made.relative.size());
        fit.conductance_uS.low = std::min(fit.conductance_uS.low, made.mean_uS);
        fit.conductance_uS.high = std::max(fit.conductance_uS.high, made.mean_uS);
        fit.two_level_records += made.two_levels ? 1 : 0;
    }
    if (fit.integration_s > fit.spacing_s * (1.0 + kSpacingError))
        throw UserError(
            "a read lasts longer than the spacing of the reads", table.place(0, "integration_time"),
            fmt::format("{:g} s", fit.integration_s), fmt::format("at most {:g} s", fit.spacing_s));
    fit.f_low_Hz = 1.0 / (static_cast<double>(longest) * fit.spacing_s);
    fit.f_high_Hz = 0.5 / fit.spacing_s;
}

/// Where to begin: white from the upper half of the spectrum, 1/f from what is above it below.
SpectralLaw start_of(const ReadsFit& fit) {
    double upper = 0.0, lower = 0.0, uppers = 0.0, lowers = 0.0;
    for (const ReadRecord& r : fit.records) {
        const std::size_t n = r.periodogram.size();
        for (std::size_t j = 0; j < n; ++j) {
            const double f = static_cast<double>(j + 1) /
                             (static_cast<double>(r.relative.size()) * fit.spacing_s);
            if (2 * j >= n) {
                upper += r.periodogram[j];
                uppers += 1.0;
            } else if (j < 4 || 16 * j < n) {
                lower += r.periodogram[j] * f;
                lowers += 1.0;
            }
        }
    }
    SpectralLaw law;
    law.rel2 = upper / uppers / (2.0 * fit.spacing_s);
    law.amplitude = std::max(lower / lowers, 1e-30);
    return law;
}

/// The terms that the data speak for.
SpectralFit choose_terms(const ReadsFit& fit, double& slow_gain) {
    const SpectralLikelihood likelihood(fit.records, fit.spacing_s, fit.integration_s,
                                        {fit.f_low_Hz, fit.f_high_Hz});
    const SpectralLaw start = start_of(fit);
    const bool spans = fit.conductance_uS.high >= kStateSpan * fit.conductance_uS.low;
    const double middle = std::sqrt(fit.conductance_uS.low * fit.conductance_uS.high);
    const auto run = [&](bool slow, bool relative, bool absolute) {
        SpectralLaw law = start;
        law.slow = slow;
        law.relative = relative;
        law.absolute = absolute;
        law.abs2 = start.rel2 * middle * middle;
        if (relative && absolute) {
            law.rel2 *= 0.5;
            law.abs2 *= 0.5;
        }
        return likelihood.maximise(law);
    };
    const auto best_white = [&](bool slow) {
        SpectralFit best = run(slow, true, false);
        if (!spans) return best;
        const SpectralFit other = run(slow, false, true);
        const SpectralFit both = run(slow, true, true);
        if (other.log_likelihood > best.log_likelihood) best = other;
        const double gain = 2.0 * (both.log_likelihood - best.log_likelihood);
        return chi_square_tail(gain, 1.0) < kSignificance ? both : best;
    };
    const SpectralFit white = best_white(false);
    const SpectralFit with_slow = best_white(true);
    slow_gain = 2.0 * (with_slow.log_likelihood - white.log_likelihood);
    return chi_square_tail(slow_gain, 2.0) < kSignificance ? with_slow : white;
}

Estimate from_log(double value, double log_variance, double share) {
    const double half = kNormal95 * std::sqrt(log_variance) * share;
    return {value, {value * std::exp(-half), value * std::exp(half)}};
}

void take_estimates(const SpectralFit& spectral, ReadsFit& fit) {
    const auto& c = spectral.covariance;
    const SpectralLaw& law = spectral.law;
    if (law.relative) fit.sigma_rel = from_log(std::sqrt(law.rel2), c[2][2], 0.5);
    if (law.absolute) fit.sigma_abs_uS = from_log(std::sqrt(law.abs2), c[3][3], 0.5);
    fit.slow = law.slow;
    fit.by_cells = spectral.by_cells;
    fit.excess = spectral.excess;
    if (!law.slow) return;
    const double half = kNormal95 * std::sqrt(c[1][1]);
    fit.exponent = {law.exponent, {law.exponent - half, law.exponent + half}};
    // ln A = ln A(f_ref) + g ln f_ref.
    const double l = std::log(spectral.reference_Hz);
    fit.amplitude_rel2 =
        from_log(law.amplitude, c[0][0] + 2.0 * l * c[0][1] + l * l * c[1][1], 1.0);
}

/// Periodograms averaged over records and twelve bins per decade.
void average_spectrum(ReadsFit& fit) {
    struct Bin {
        double frequency = 0.0, measured = 0.0, law = 0.0, count = 0.0;
    };
    std::map<int, Bin> bins;
    for (const ReadRecord& r : fit.records) {
        for (std::size_t j = 0; j < r.periodogram.size(); ++j) {
            const double f = static_cast<double>(j + 1) /
                             (static_cast<double>(r.relative.size()) * fit.spacing_s);
            Bin& bin = bins[static_cast<int>(std::floor(12.0 * std::log10(f / fit.f_low_Hz)))];
            bin.frequency += std::log(f);
            bin.measured += r.periodogram[j];
            bin.law += fit.spectrum_at(f, r.mean_uS, r.relative.size());
            bin.count += 1.0;
        }
    }
    for (const auto& [index, bin] : bins) {
        const double half = kNormal95 / std::sqrt(bin.count);
        const double mean = bin.measured / bin.count;
        fit.spectrum.push_back({std::exp(bin.frequency / bin.count),
                                mean,
                                {mean * std::exp(-half), mean * std::exp(half)},
                                bin.law / bin.count});
    }
}

void add_notes(ReadsFit& fit) {
    fit.notes.push_back(
        "Random telegraph noise is not fitted; what there is of it is in the 1/f and white parts.");
    fit.notes.push_back(fmt::format(
        "The white part is that of reads of {:.3g} s; a read a hundred times shorter is "
        "taken as ten times as noisy, which these records do not show.",
        fit.integration_s));
    if (fit.two_level_records > 0)
        fit.notes.push_back(
            fmt::format("{} of {} records jump between two levels: telegraph noise "
                        "is there, and these cells have no 1/f law of their own.",
                        fit.two_level_records, fit.records.size()));
    if (!fit.slow)
        fit.notes.push_back(fmt::format("No 1/f part is resolved between {:.3g} and {:.3g} Hz.",
                                        fit.f_low_Hz, fit.f_high_Hz));
    if (fit.slow && (fit.exponent.value <= SpectralLikelihood::kExponentLow ||
                     fit.exponent.value >= SpectralLikelihood::kExponentHigh))
        fit.notes.push_back(
            "The exponent stands at the end of what a card can hold (0.5 to 1.5): "
            "the spectrum is steeper or flatter.");
    if (fit.conductance_uS.high < kStateSpan * fit.conductance_uS.low)
        fit.notes.push_back(
            fmt::format("The records span {:.3g} to {:.3g} uS: too little to tell "
                        "noise relative to G from noise in uS; read as relative.",
                        fit.conductance_uS.low, fit.conductance_uS.high));
    if (fit.by_cells)
        fit.notes.push_back(
            fmt::format("Cells differ more than one law allows (factor {:.2f}); the "
                        "card has one law for all, intervals are by the cells' "
                        "spread.",
                        fit.excess));
}

}  // namespace

SlowNoise ReadsFit::slow_noise() const {
    SlowNoise noise;
    noise.amplitude_rel2 = slow ? amplitude_rel2.value : 0.0;
    noise.exponent = slow ? exponent.value : 1.0;
    noise.f_low = Hertz::from_value(f_low_Hz);
    noise.f_high = Hertz::from_value(f_high_Hz);
    return noise;
}

double ReadsFit::spectrum_at(double frequency_Hz, double conductance_uS_at,
                             std::size_t reads) const {
    const double white =
        sigma_rel.value * sigma_rel.value + std::pow(sigma_abs_uS.value / conductance_uS_at, 2);
    return 2.0 * spacing_s * white +
           ladder_periodogram(slow_noise(), frequency_Hz, spacing_s, integration_s, reads);
}

ReadsFit fit_reads(const MeasuredTable& table) {
    ReadsFit fit;
    fit.source = table.source();
    read_records(table, fit);
    take_estimates(choose_terms(fit, fit.slow_gain), fit);
    average_spectrum(fit);
    add_notes(fit);
    return fit;
}

}  // namespace attohm::fit
