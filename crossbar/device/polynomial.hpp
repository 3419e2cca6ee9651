#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace attohm {

/// Coefficients a law of a card may have at most.
inline constexpr std::size_t kPolynomialTerms = 4;

/// sum_k c_k x^k, constant first; 0 without coefficients.
inline double polynomial(std::span<const double> coefficients, double x) {
    double sum = 0.0;
    for (std::size_t k = coefficients.size(); k-- > 0;) sum = sum * x + coefficients[k];
    return sum;
}

/// Whether every coefficient is 0.
inline bool all_zero(std::span<const double> coefficients) {
    for (const double c : coefficients) {
        if (c != 0.0) return false;
    }
    return true;
}

}  // namespace attohm
