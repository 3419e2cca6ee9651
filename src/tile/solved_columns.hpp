#pragma once

#include <vector>

#include "crossbar/array/array_columns.hpp"
#include "crossbar/wires/nonlinear_solve.hpp"
#include "src/tile/tile_core.hpp"

namespace attohm {

/// Currents of arrays behind wires whose cells are not linear: no transfer matrix exists, so every
/// read of every array is solved, with the white noise of its cells drawn cell by cell. Exact in
/// law, and slow: a nodal solve per array and step (a fraction of a second for 64 x 256 cells).
/// Source: physics.md sections 3 and 4 (per cell).
/// Not modelled: conductances that noise would take below 0 (they are 0).
class SolvedColumns {
  public:
    explicit SolvedColumns(const TileCore& core) : core_(core) {}

    /// Whether a tile has to solve its reads.
    static bool needed(const TileCircuits& circuits, const Device& device);

    /// Adds the outputs of one step (or unit pulse) of one query.
    /// Args:
    ///   number: of step, pulse and part 0 among the reads of a query, for the draws; part p is
    ///           number + p
    ///   lines:  what drives the word lines of every group, codes [r, d]; t: its row
    ///   changes: of the conductances by noise with memory, dG [planes][n + groups, d], or empty
    ///   out:    [parts][planes][n + groups] column currents in codes times dG
    void read(std::uint64_t query, std::uint64_t number, const LineInputs& lines, std::size_t t,
              const std::vector<Matrix<float>>& changes,
              std::vector<std::vector<std::vector<double>>>& out) const;

  private:
    Matrix<double> noisy_array(const ArrayColumns& columns, std::uint64_t query,
                               std::uint64_t number,
                               const std::vector<Matrix<float>>& changes) const;

    const TileCore& core_;
};

}  // namespace attohm
