#pragma once

#include <cstdint>

#include "src/machine/engine.hpp"

/// A matrix product on an array of processing elements.
namespace attohm {

/// What out[m, n] = a[m, k] b[k, n] takes on an array. Elements move between array and buffer.
struct ArrayUse {
    Dataflow dataflow = Dataflow::output;
    std::int64_t cycles = 0;
    std::int64_t a_reads = 0;
    std::int64_t b_reads = 0;
    std::int64_t out_writes = 0;  ///< partial sums included
    std::int64_t out_reads = 0;   ///< partial sums that come back
};

/// R x C elements of p multiply-accumulates a cycle each. With tiles() = ceil:
///     output   tiles(m/R) tiles(n/C) ceil(k/p) + R + C - 2; a comes once per column tile, b once
///              per row tile
///     weight   tiles(k/(R p)) tiles(n/C) max(m, R) + R + C - 2; b comes once, a once per column
///              tile, partial sums go out and back once per further tile of k. The next tile of b
///              moves in while the present one works, R cycles at least.
///     input    as weight with a held: tiles(k/(R p)) tiles(m/C) max(n, R) + R + C - 2
///     best     the fewest cycles; of equals the first named
/// A convolution is the same product with the taps of a window along the sum: every tap of every
/// window is read, also where windows overlap.
/// Fill and drain (R + C - 2) are paid once per product: tiles follow each other without a gap.
/// Not modelled: wires of the array, operands that arrive late, utilisation by zeros.
ArrayUse map_matmul(const EngineUnit& array, std::int64_t m, std::int64_t n, std::int64_t k);

}  // namespace attohm
