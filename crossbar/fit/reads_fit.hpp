#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crossbar/device/slow_noise.hpp"
#include "crossbar/fit/measured.hpp"
#include "crossbar/fit/statistics.hpp"

/// Read noise from records of many reads: white against 1/f.
namespace attohm::fit {

/// Law: the card's own. 1/f^g is the ladder of crossbar/device/slow_noise.hpp, from one over the
/// length of the longest record to half the sampling rate f_s; white noise has one variance per
/// read. Evenly spaced reads, each averaged over the integration time T, show the one-sided
/// spectrum
///     S(f) = sum over the ladder of its expected periodograms + 2 (rel^2 + (abs / G)^2) / f_s.
/// The expected periodogram (component_periodogram in whittle.hpp) is exact for a record of N
/// reads: it holds what folds back from above f_s / 2 and what leaks from below 1 / length.
/// Fit: Whittle likelihood sum ln S + I / S over the Fourier frequencies up to f_s / 2, scored to
/// the maximum, I the periodogram of the record without its mean.
/// What fluctuates faster than the ladder (a decade above f_s / 2) is white here.
/// The 1/f part is there where it raises the likelihood significantly (two more parameters, 0.01),
/// the absolute white part likewise, and only where records differ in G by a factor of 1.5.
/// Intervals: from the curvature of the likelihood; where cells differ more among each other than
/// one common law allows (0.01), from the spread of the cells' own scores instead.
/// Source: Whittle, J. R. Stat. Soc. B 15 (1953) 125; with expected periodograms: Sykulski, Olhede,
/// Guillaumin, Lilly, Early, Biometrika 106 (2019) 251.
/// Not modelled: random telegraph noise (records on two levels are counted and left out of
/// nothing), drift of the mean within a record, spectra of their own per cell.
struct ReadRecord {
    CellId cell;
    double mean_uS = 0.0;
    std::vector<double> relative;     ///< dG/G, in the order of time
    std::vector<double> periodogram;  ///< one-sided, of dG/G, at j = 1, 2, ...
    bool two_levels = false;
};

/// Mean over records and neighbouring frequencies, for a figure.
struct SpectrumPoint {
    double frequency_Hz = 0.0;
    double measured = 0.0;  ///< 1/Hz
    Bounds bounds;          ///< of the mean, chi-square
    double by_law = 0.0;    ///< 1/Hz, the same average of the law
};

struct ReadsFit {
    std::string source;
    std::vector<ReadRecord> records;
    std::size_t samples = 0;
    double spacing_s = 0.0;
    double integration_s = 0.0;
    double f_low_Hz = 0.0;  ///< 1 / length of the longest record
    double f_high_Hz = 0.0;
    Bounds conductance_uS;  ///< of the records' means
    Estimate sigma_rel;     ///< of one read of `integration_s`
    Estimate sigma_abs_uS;
    bool slow = false;        ///< whether 1/f is resolved
    Estimate amplitude_rel2;  ///< A in Hz^(g-1)
    Estimate exponent;
    double slow_gain = 0.0;  ///< twice the gain in log-likelihood by the 1/f part
    bool by_cells = false;   ///< intervals from the spread between cells
    double excess = 1.0;     ///< spread of the cells' scores over what one law allows
    std::size_t two_level_records = 0;
    std::vector<SpectrumPoint> spectrum;
    std::vector<std::string> notes;

    /// The slow noise as the card has it; amplitude 0 where none is resolved.
    SlowNoise slow_noise() const;
    /// Expected periodogram of a record of `reads` reads at conductance G. Args: G in uS.
    double spectrum_at(double frequency_Hz, double conductance_uS, std::size_t reads) const;
};

/// Throws: UserError naming row and column: a record of fewer than 64 reads, uneven spacing, reads
/// of several lengths, a read longer than the spacing, a record without any variation or with mean
/// zero.
ReadsFit fit_reads(const MeasuredTable& table);

}  // namespace attohm::fit
