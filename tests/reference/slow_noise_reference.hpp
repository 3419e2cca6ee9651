#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "crossbar/device/slow_noise.hpp"
#include "crossbar/device/telegraph.hpp"
#include "src/base/matrix.hpp"
#include "src/base/random.hpp"

/// Twins of slow and telegraph noise: every component and trap of every cell on a fine grid of
/// time, each with its own normals, no gain, no closed form of an average.
namespace attohm {

struct SlowReferencePass {
    double read_time = 0.0;
    double read_interval = 0.0;
    std::size_t reads = 0;
    int steps_per_read = 0;  ///< of the fine grid within one read
    double age = 0.0;        ///< at the first read
};

/// y[cell, read]: sum over components of sigma (average of x over the read), less x(reference age)
/// where there is one; 0 for reads that begin up to it. The average is the trapezoid over the grid.
Matrix<double> slow_noise_reference(const std::vector<SlowComponent>& components,
                                    const std::optional<double>& reference_age,
                                    const SlowReferencePass& pass, const Stream& stream,
                                    std::size_t cells);

/// share[trap, read] of a read in the occupied state, a trap of this rate and occupancy started in
/// equilibrium; the state moves at grid points only.
Matrix<double> telegraph_reference(double rate, double occupancy, const SlowReferencePass& pass,
                                   const Stream& stream, std::size_t traps);

}  // namespace attohm
