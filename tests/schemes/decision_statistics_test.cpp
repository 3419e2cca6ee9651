#include "tests/reference/decision_statistics.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>

using namespace attohm;

TEST_CASE("the band of a count is the sum of its Bernoulli laws", "[unit]") {
    const std::array<double, 4> p{0.0, 1.0, 0.5, 0.2};
    const BinomialBand band = binomial_band(p);
    CHECK(band.expected == Approx(1.7));
    CHECK(band.sigma == Approx(std::sqrt(0.25 + 0.16)));
    CHECK(binomial_band(100, 0.2).expected == Approx(20.0));
    CHECK(binomial_band(100, 0.2).sigma == Approx(4.0));

    const BinomialBand difference = difference_band({20.0, 3.0}, {15.0, 4.0});
    CHECK(difference.expected == Approx(5.0));
    CHECK(difference.sigma == Approx(5.0));
    CHECK(deviation(difference, -5.0) == Approx(-2.0));
}

TEST_CASE("bands of keys leave out what is not allowed", "[unit]") {
    Matrix<double> p(2, 2, 0.5);
    Matrix<std::uint8_t> allowed(2, 2, 1);
    allowed(0, 1) = 0;
    const auto bands = key_bands(p, allowed);
    REQUIRE(bands.size() == 2);
    CHECK(bands[0].expected == Approx(1.0));
    CHECK(bands[1].expected == Approx(0.5));
}

TEST_CASE("a band without width asks for the exact count", "[unit]") {
    CHECK(deviation({7.0, 0.0}, 7.0) == 0.0);
    CHECK(deviation({7.0, 0.0}, 8.0) == HUGE_VAL);
    CHECK(deviation({7.0, 0.0}, 6.0) == -HUGE_VAL);
    CHECK_FALSE(judgeable({7.0, 0.0}));
    CHECK(judgeable(binomial_band(100, 0.5)));
}

TEST_CASE("many comparisons widen the band", "[unit]") {
    CHECK(sidak_sigmas(5.0, 1) == Approx(5.0));
    const double wider = sidak_sigmas(5.0, 1000);
    const double each = std::erfc(wider / std::sqrt(2.0));
    CHECK(wider > 5.0);
    // P(none of 1000 outside) is P(one inside 5 sigma).
    CHECK(1000.0 * std::log1p(-each) ==
          Approx(std::log1p(-std::erfc(5.0 / std::sqrt(2.0)))).epsilon(1e-6));
}
