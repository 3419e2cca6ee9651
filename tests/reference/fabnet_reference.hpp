#pragma once

#include <span>

#include "src/base/matrix.hpp"

/// Slow, obvious twins in double of Fourier mixing and butterfly products.
namespace attohm::reference {

/// Re(sum over t and c of x_tc e^(-2 pi i (t a / N + c b / D))), sum by sum.
Matrix<double> mixed_tokens(MatrixView<const float> x);

/// The dense matrix of a butterfly: the product of one sparse factor per stage, the first stage
/// rightmost. Args: weights: [m, length / 2, 2, 2] in the order of the stages.
Matrix<double> butterfly_matrix(std::span<const float> weights, std::size_t length, bool widening);

/// First `outputs` rows of the stacked matrices times the zero-padded x, plus b (or nothing).
/// Args: weights: [copies, m, length / 2, 2, 2].
Matrix<double> butterfly_layer(std::span<const float> weights, std::size_t copies,
                               std::size_t length, bool widening, const Matrix<double>& x,
                               std::span<const float> b, std::size_t outputs);

}  // namespace attohm::reference
