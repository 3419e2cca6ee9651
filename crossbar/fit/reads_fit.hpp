#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crossbar/fit/measured.hpp"
#include "crossbar/fit/statistics.hpp"

/// Read noise from records of many reads: white against 1/f.
namespace attohm::fit {

/// Spectrum of dG/G that evenly spaced reads of a cell show, one-sided, f_s = 1 / spacing, T the
/// integration time of one read:
///     S(f) = A sum_k |f + k f_s|^-g sinc^2((f + k f_s) T) + 2 (rel^2 + (abs / G)^2) / f_s
/// over |f + k f_s| <= 5 f_s: noise beyond half the sampling rate folds back, one decade of it (a
/// card's slow noise ends one decade beyond its band); what folds from above is counted as white.
/// Fit: Whittle likelihood sum ln S + I / S over the Fourier frequencies 1/(N spacing) up to
/// f_s / 2, scored to the maximum. I is the periodogram of the record without its mean; its
/// expectation lies above S by what the record's finite length leaks from below:
///     E[I_j] / S(f_j) - 1 = (2 M j^(g-2) + (pi g / 2) tan(pi g / 2) / j) / pi^2,
///     M = -(2 pi)^(g-1) Gamma(1-g) sin(pi g / 2) / 2,
/// which is part of the fit (within 0.01 at j = 1, 0.001 from j = 2 on for 0.8 <= g <= 1.5).
/// The 1/f part is there where it raises the likelihood significantly (two more parameters, 0.01),
/// the absolute white part likewise, and only where records differ in G by a factor of 1.5.
/// Intervals: from the curvature of the likelihood; where cells differ more among each other than
/// one common law allows (0.01), from the spread of the cells' own scores instead.
/// Source: Whittle, J. R. Stat. Soc. B 15 (1953) 125.
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

    /// Law at a record of conductance G, folded as above. Args: G in uS.
    double spectrum_at(double frequency_Hz, double conductance_uS) const;
};

/// Throws: UserError naming row and column: a record of fewer than 64 reads, uneven spacing, reads
/// of several lengths, a read longer than the spacing, a record without any variation or with mean
/// zero.
ReadsFit fit_reads(const MeasuredTable& table);

}  // namespace attohm::fit
