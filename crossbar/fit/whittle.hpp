#pragma once

#include <array>
#include <cstddef>
#include <vector>

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
    /// The records have to outlive it.
    SpectralLikelihood(const std::vector<ReadRecord>& records, double spacing_s,
                       double integration_s);
    /// Args: start: which terms, and where to begin.
    SpectralFit maximise(SpectralLaw start) const;

    static constexpr double kExponentLow = 0.5;  ///< what a card can hold
    static constexpr double kExponentHigh = 1.5;

  private:
    struct Shape;
    struct Score;
    Shape shape_of(double exponent, std::size_t samples, bool with_slope) const;
    Score score_of(const SpectralLaw& law, bool by_record) const;

    const std::vector<ReadRecord>* records_;
    double spacing_ = 0.0;
    double integration_ = 0.0;
    double reference_ = 0.0;
};

/// sum_k |f + k f_s|^-g sinc^2((f + k f_s) T) over |f + k f_s| <= 5 f_s, and its first term alone.
struct FoldedPower {
    double first = 0.0;
    double others = 0.0;
};
FoldedPower folded_power(double frequency, double exponent, double spacing, double integration);
/// E[I_j] / S(f_j) of an f^-g spectrum: see reads_fit.hpp.
double leakage(double j, double exponent);

}  // namespace attohm::fit
