#pragma once

#include <cstdint>
#include <vector>

#include "src/base/random.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// A threshold current made by a column of cells of the same array kind: k of its cells are driven
/// at V, so that I(k) = V sum_(i<k) G_i, one step of the threshold a cell. Beside an ideal source
/// it
///   - dissipates V^2 t sum_(i<k) G_i in each read, once for all keys of the array, and
///   - is off by the cells it is made of: static, shared by all keys of the array,
///     sd(I(k)) = V sigma_G sqrt(k).
/// It follows temperature and drift of the cells it is compared with, which a source does not.
/// Source: replica biasing; the algebra is ours. Not modelled: wires of the column, read noise
/// (crossbar/array/draws.hpp has it for reference columns), cells rewritten later.
class ReplicaColumn {
  public:
    /// Args: g: every cell's target; sigma: of its programming error; statics: the array's own
    ///   stream (reference_programming_stream): cell i is off by sigma normal(i), never below 0.
    /// Throws: UserError without cells, or for a conductance or sigma that cannot be.
    ReplicaColumn(std::size_t cells, Siemens g, Siemens sigma, Volt v, const Stream& statics);

    /// Args: k: cells driven. Throws: InvariantError beyond the column.
    Ampere current(std::size_t k) const;
    Ampere ideal_current(std::size_t k) const;
    Joule read_energy(std::size_t k, Second time) const;
    std::size_t cells() const { return sums_.size() - 1; }

  private:
    Siemens g_;
    Volt v_;
    std::vector<double> sums_;  ///< [cells + 1] siemens: of the first k cells
};

}  // namespace attohm
