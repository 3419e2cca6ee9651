#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/base/matrix.hpp"

/// ViTCoD's fixed masks: pruned from an average attention map, then polarised into keys that many
/// queries want and a sparse rest.
/// Source: HPCA 2023, arXiv 2210.09573; facts from github.com/GATECH-EIC/ViTCoD
/// (Algorithm/deit/gen_mask.py, Hardware/Simulator/reorder.py).
namespace attohm {

/// Keeps, row by row, the fewest of the largest entries whose sum reaches `mass` of the row, and
/// one more; of equals the first. Then everything in the first `prefix` rows and columns.
/// Args: average: [tokens, tokens] average of softmax maps; entries of 0 are never kept by mass.
/// Returns: [tokens, tokens], 1 = attend.
Matrix<std::uint8_t> pruned_mask(MatrixView<const double> average, double mass, std::size_t prefix);

/// A mask with its global keys in front: keys that more than `share` of the queries keep are
/// treated as dense columns.
struct PolarisedMask {
    std::vector<std::uint32_t> globals;   ///< ascending
    std::vector<std::uint8_t> is_global;  ///< per key
};
PolarisedMask polarised(MatrixView<const std::uint8_t> attend, double share);

}  // namespace attohm
