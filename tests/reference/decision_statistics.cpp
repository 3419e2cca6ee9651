#include "tests/reference/decision_statistics.hpp"

#include <boost/math/special_functions/erf.hpp>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

BinomialBand binomial_band(std::span<const double> probabilities) {
    double expected = 0.0;
    double variance = 0.0;
    for (const double p : probabilities) {
        expected += p;
        variance += p * (1.0 - p);
    }
    return {expected, std::sqrt(variance)};
}

BinomialBand binomial_band(std::int64_t draws, double probability) {
    const double n = static_cast<double>(draws);
    return {n * probability, std::sqrt(n * probability * (1.0 - probability))};
}

std::vector<BinomialBand> key_bands(const Matrix<double>& probabilities,
                                    const Matrix<std::uint8_t>& allowed) {
    std::vector<BinomialBand> bands;
    for (std::size_t key = 0; key < probabilities.cols(); ++key) {
        std::vector<double> column;
        for (std::size_t query = 0; query < probabilities.rows(); ++query)
            if (allowed(query, key) != 0) column.push_back(probabilities(query, key));
        bands.push_back(binomial_band(column));
    }
    return bands;
}

BinomialBand difference_band(const BinomialBand& a, const BinomialBand& b) {
    return {a.expected - b.expected, std::hypot(a.sigma, b.sigma)};
}

double deviation(const BinomialBand& band, double observed) {
    const double difference = observed - band.expected;
    if (band.sigma > 0.0) return difference / band.sigma;
    const double slack = 1e-9 * std::fmax(1.0, std::abs(band.expected));
    if (std::abs(difference) <= slack) return 0.0;
    return std::copysign(HUGE_VAL, difference);
}

bool judgeable(const BinomialBand& band) {
    return band.sigma >= 5.0;
}

double sidak_sigmas(double sigmas, std::size_t comparisons) {
    ATTOHM_CHECK_LT(std::size_t{0}, comparisons);
    // Two-sided tail of one comparison, then of each, without the cancellation of 1 - (1 -
    // p)^(1/n).
    const double family = std::erfc(sigmas / std::sqrt(2.0));
    const double each = -std::expm1(std::log1p(-family) / static_cast<double>(comparisons));
    return std::sqrt(2.0) * boost::math::erfc_inv(each);
}

}  // namespace attohm
