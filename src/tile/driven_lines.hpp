#pragma once

#include <cstddef>
#include <vector>

#include "circuits/word_line_dac.hpp"
#include "crossbar/array/array_shape.hpp"
#include "crossbar/array/draws.hpp"
#include "src/tile/drive.hpp"

namespace attohm {

/// [r, d] of every group of arrays that hold the same keys; one for all where their word lines
/// carry the same.
using LineInputs = std::vector<Matrix<float>>;

/// Word lines behind DACs with errors: part p of a query drives the lines of array (group, p) by
/// that array's own DACs, all keys of the array alike. Every step is a conversion of its own,
///     x_s = value(n'_s),  n'_s = DAC(n_s) + noise,
/// and the output takes sum_s weight_s x_s, the white variance sum_s weight_s^2 x_s^2, the cells
/// t (V n'_s / L)^2, their drivers t V_supply |V n'_s / L|.
/// Source: physics.md sections 2, 4, 6. Not modelled: errors of one-bit drivers (bit-serial and
/// pulse-width input, refused).
class DrivenLines {
  public:
    /// Without errors nothing is drawn. Args: groups: arrays(n) of the shape; d: length of a key.
    /// Throws: UserError for errors under another coding than amplitude.
    DrivenLines(const WordLineDacErrors& errors, const WordLineDrive& drive,
                const ArrayShape& shape, const DrawSite& site, std::size_t groups, std::size_t d);

    bool none() const { return dacs_.empty(); }
    std::size_t groups() const { return groups_; }

    /// Codes on the lines of one group in one step of queries first, first + 1, ... [r, d].
    void step(std::size_t group, std::size_t first, std::size_t step, MatrixView<const float> codes,
              MatrixView<float> line) const;

  private:
    const WordLineDrive* drive_;
    ArrayShape shape_;
    DrawSite site_;
    std::size_t groups_, d_;
    std::vector<WordLineDac> dacs_;  ///< by physical array
};

}  // namespace attohm
