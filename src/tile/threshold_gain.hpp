#pragma once

#include <vector>

#include "crossbar/array/mapping.hpp"
#include "src/base/matrix.hpp"

namespace attohm {

class TileCore;

/// Mean digit that the cells of every plane hold, over the keys added: what a calibration knows of
/// the levels that will be stored. Digits of keys lie well below the middle of the range in a pair,
/// where half of them are 0, and about the middle in an offset column.
class MeanDigits {
  public:
    explicit MeanDigits(const Mapping& mapping);

    /// Args: levels: [n, d] integer levels (real where the mapping is ideal).
    void add(MatrixView<const float> levels);
    /// [planes], in dG above G_min; 0 without keys.
    std::vector<double> values() const;

  private:
    Mapping mapping_;
    std::vector<double> sums_;
    double cells_ = 0.0;
};

/// What a column gives of its nominal output, known without knowing which key it stores: the gain
/// of every key [n], or of every array of keys, that the threshold is multiplied with. With x_p the
/// mean digit of plane p (TileCircuits::stored_digits, of the calibration samples):
///     cells   slope of the mean conductance after relaxation, temperature and selector between
///             x_p / 2 and 3 x_p / 2 (the largest digit at most), over the planes by |weight|
///     wires   sum_i T_i / sum_i G_i of the columns of a key in an array whose cells all hold the
///             mean digit of their plane, references level 0, over the planes by |weight|
///     drive   least-squares slope of value(c) over all codes c
/// Source: own derivation from physics.md sections 2 to 4.
/// Not modelled: noise of the measurement, codes of the gain (it is taken as a real number), what
/// the keys of one array are off the mean of the calibration samples, faulty cells.
std::vector<float> threshold_gains(const TileCore& core);

}  // namespace attohm
