#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/base/matrix.hpp"

/// Bands for counts of independent yes-or-no draws: fast path against twin, sample against law.
namespace attohm {

/// A count's mean and standard deviation.
struct BinomialBand {
    double expected = 0.0;
    double sigma = 0.0;
};

/// Number of events among independent draws of the given probabilities.
BinomialBand binomial_band(std::span<const double> probabilities);

/// Number of events among `draws` draws of one probability.
BinomialBand binomial_band(std::int64_t draws, double probability);

/// Band of every column (key) over the rows (queries) where `allowed` is not 0.
std::vector<BinomialBand> key_bands(const Matrix<double>& probabilities,
                                    const Matrix<std::uint8_t>& allowed);

/// Difference of two independent counts.
BinomialBand difference_band(const BinomialBand& a, const BinomialBand& b);

/// (observed - expected) / sigma. A band without width gives 0 for the expected count (to 1e-9 of
/// it, and of 1), else infinity with the sign of the difference.
double deviation(const BinomialBand& band, double observed);

/// Whether a normal band can judge the count at all: a standard deviation of 5 counts or more.
bool judgeable(const BinomialBand& band);

/// Bound in standard deviations for each of `comparisons` independent normal deviations, such that
/// the largest exceeds it as rarely as one exceeds `sigmas` (Sidak).
double sidak_sigmas(double sigmas, std::size_t comparisons);

}  // namespace attohm
