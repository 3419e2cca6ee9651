#pragma once

#include <array>
#include <cstddef>

#include "crossbar/device/polynomial.hpp"

namespace attohm {

/// A relaxation law at one age, coefficients in the unit of the conductances.
struct RelaxationCell {
    std::array<float, kPolynomialTerms> mean{};      ///< log-time: c L; power: -nu L, of g
    std::array<float, kPolynomialTerms> spread{};    ///< log-time: s0; power: nu_s L
    std::array<float, kPolynomialTerms> spread_l{};  ///< log-time: s1 L
    float low = 0.0F;                                ///< where the coefficients are evaluated
    float high = 0.0F;
};

/// g[i] += mean(g) + sqrt((s0 + s1 L)^2 - s0^2) z[i].
void relax_log_time(const RelaxationCell& law, const float* z, float* g, std::size_t n);

/// exponent[i] = -(nu(g) + nu_s(g) z[i]) L.
void power_exponents(const RelaxationCell& law, const float* g, const float* z, float* exponent,
                     std::size_t n);

}  // namespace attohm
