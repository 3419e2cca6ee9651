#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <vector>

#include "crossbar/device/slow_noise.hpp"
#include "crossbar/fit/reads_fit.hpp"

/// The likelihood behind reads_fit.hpp.
namespace attohm::fit {

/// The spectral law's parameters; variances relative, abs2 in uS^2.
struct SpectralLaw {
    bool slow = false, relative = true, absolute = false;  ///< terms that are in
    double amplitude = 0.0;
    double exponent = 1.0;
    double rel2 = 0.0;
    double abs2 = 0.0;
};

/// What is fitted: natural logs of A at the reference frequency, rel2, abs2; g as it is.
constexpr std::size_t kSpectralTerms = 4;
struct SpectralFit {
    SpectralLaw law;
    double log_likelihood = 0.0;
    double reference_Hz = 1.0;  ///< where ln A and g are least correlated
    /// ln (A f_ref^-g), g, ln rel2, ln abs2; rows of absent terms are 0.
    std::array<std::array<double, kSpectralTerms>, kSpectralTerms> covariance{};
    bool by_cells = false;
    double excess = 1.0;
};

class SpectralLikelihood {
  public:
    /// The records have to outlive it. Args: band: f_low_Hz and f_high_Hz of the card to be.
    SpectralLikelihood(const std::vector<ReadRecord>& records, double spacing_s,
                       double integration_s, const Bounds& band_Hz);
    /// Args: start: which terms, and where to begin.
    SpectralFit maximise(SpectralLaw start) const;

    static constexpr double kExponentLow = 0.5;  ///< what a card can hold
    static constexpr double kExponentHigh = 1.5;

  private:
    struct Score;
    struct Shape;
    Score score_of(const SpectralLaw& law, bool by_record) const;
    Shape shape_of(double exponent, std::size_t samples) const;

    const std::vector<ReadRecord>* records_;
    double spacing_ = 0.0;
    Bounds band_;
    double reference_ = 0.0;
    /// By number of reads: [component][frequency], spectrum of a component of unit variance.
    std::map<std::size_t, std::vector<std::vector<double>>> units_;
};

/// Expected periodogram, one-sided, of a record of N reads a spacing apart, each averaged over T,
/// of a process with covariance e^(-rate |t|): with x = rate T, q = e^(-rate spacing) and
/// z = q e^(2 pi i f spacing),
///     2 spacing (c0 + 2 c Re[z / (1 - z) (1 - (1 - z^N) / (N (1 - z)))]),
///     c0 = 2 (x - 1 + e^-x) / x^2,  c = 2 (cosh x - 1) / x^2.
/// It holds what folds back from above half the sampling rate and what leaks from below the
/// record's own lowest frequency. Args: integration <= spacing.
double component_periodogram(double frequency, double rate, double spacing, double integration,
                             std::size_t samples);

/// The same of a card's whole ladder.
double ladder_periodogram(const SlowNoise& noise, double frequency, double spacing,
                          double integration, std::size_t samples);

}  // namespace attohm::fit
