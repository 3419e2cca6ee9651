#pragma once

#include <cstdint>
#include <vector>

#include "crossbar/array/draws.hpp"
#include "crossbar/array/levels.hpp"
#include "crossbar/device/device.hpp"
#include "src/base/matrix.hpp"

/// Writing keys into arrays of differential pairs: one key per column, one write event per head.
namespace attohm {

/// Arrays that hold the keys of one head: key j sits in column j % columns of array j / columns.
struct ArrayShape {
    int rows = 0;
    int columns = 0;  ///< keys per array; a differential pair takes two physical columns

    std::size_t arrays(std::size_t keys) const {
        return (keys + static_cast<std::size_t>(columns) - 1) / static_cast<std::size_t>(columns);
    }
};

/// Programmed keys, normalised: conductances in units of dG ("levels"), n keys of d elements.
struct ProgrammedKeys {
    Matrix<float> mean;             ///< [n, d] (G+ - G-) / dG, m exactly where nothing went wrong
    Matrix<float> variance;         ///< [n, d] (s+^2 + s-^2) / dG^2 of one read; empty when uniform
    double uniform_variance = 0.0;  ///< per pair, when `variance` is empty
    double read_relative = 0.0;     ///< white read noise of one cell: s^2 = (read_relative G)^2 ...
    double read_absolute = 0.0;     ///< ... + read_absolute^2, in levels
    Matrix<float> plus;             ///< [n, d] G+ / dG
    Matrix<float> minus;            ///< [n, d] G- / dG
    std::vector<double> row_conductance_S;  ///< [d] sum over keys of G+ + G-, siemens
    std::int64_t floored = 0;               ///< draws below the floor or above the ceiling
    WriteVerifyTotals verify;               ///< of the write loops, where they are simulated
    std::int64_t stuck = 0;                 ///< stuck cells among the cells written
    std::int64_t cells = 0;                 ///< cells written (two per element)
};

/// Programs integer (or `ideal`: real) levels m [n, d].
/// Args:
///   levels:    [n, d] m, |m| <= n_max (ideal: any)
///   read_time: integration time of one read, for the read noise
///   site:      keys of the draws: chip (stuck cells) and write event (programming error)
/// Throws: InvariantError when d > shape.rows (checked earlier against the user's input).
/// Source: physics.md section 3; order per cell: target + sigma_p z (or the
///   verify loop), clip, temperature, stuck.
ProgrammedKeys program_keys(MatrixView<const float> levels, const LevelMap& map,
                            const Device& device, const ArrayShape& shape, Second read_time,
                            const DrawSite& site);

/// K levels as the sense amplifiers see them, without read noise:
/// m^ = clamp(round_half_even((G+ - G-) / dG), -n_max, n_max - 1).
/// Returns: how many differ from `levels`.
std::int64_t sense_levels(const ProgrammedKeys& keys, const LevelMap& map,
                          MatrixView<const float> levels, MatrixView<float> sensed);

}  // namespace attohm
