#pragma once

#include <span>

#include "src/base/matrix.hpp"

/// Rotary position embedding.
namespace attohm {

/// The first `dim` elements of a query or key, taken as dim/2 pairs, turn by position *
/// theta^(-2i/dim) in pair i; the others stay. Pairs are (i, i + dim/2), or (2i, 2i + 1) where
/// interleaved.
/// Source: Su et al., "RoFormer", arXiv 2104.09864, section 3.2, eq. 15 (interleaved); GPT-NeoX and
/// Llama pair the two halves.
struct Rotary {
    double theta = 0.0;
    int dim = 0;  ///< even, at most the width of a head
    bool interleaved = false;
};

/// Turns every row of x by its position. Angles in double, products in float32.
/// Args: positions: one for each row; x: [N, d], d >= dim.
/// Throws: UserError for a position below 0 (a package of tokens has none).
void rotate(const Rotary& rotary, std::span<const int> positions, MatrixView<float> x);

}  // namespace attohm
