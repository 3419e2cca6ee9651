#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "crossbar/array/key_cells.hpp"

/// What an array does to an input: the keys of one head as the columns' currents see them.
namespace attohm {

/// Programmed keys, normalised: conductances in units of dG ("levels"), n keys of d elements. With
/// a voltage of x_i codes on word line i the output of key j is sum_i x_i mean_ji, less what noise
/// adds. The outputs of key arrays with wires are linear in the inputs as well: `mean` then comes
/// from the exact transfer matrix and `variance` from its sensitivities (wire_array.hpp).
struct ProgrammedKeys {
    /// [n, d] sum over planes of weight G / dG, less the reference: m exactly where nothing went
    /// wrong.
    Matrix<float> mean;
    /// [n, d] white variance of one step, sum over planes of (weight dT/dG s)^2 / dG^2; empty when
    /// uniform.
    Matrix<float> variance;
    double uniform_variance = 0.0;  ///< when `variance` is empty
    /// [groups, d] the same of the reference columns; empty without.
    Matrix<float> reference_variance;

    std::vector<CellPlane> cells;  ///< the cells themselves
    /// [planes] [n (+ groups), d] column current per volt in dG; empty: the cells' conductances.
    std::vector<Matrix<float>> transfer;
    /// [planes] d transfer / d conductance of the own cell; empty: 1.
    std::vector<Matrix<float>> own;
    double read_relative = 0.0;  ///< white read noise of one cell: s^2 = (read_relative G)^2 ...
    double read_absolute = 0.0;  ///< ... + read_absolute^2, in levels

    /// [d] sum over the columns of the conductances on a word line, siemens, references and columns
    /// that were reset included.
    std::vector<double> row_conductance_S;
    CellCounts counts;
    double wire_residual = 0.0;  ///< largest of the arrays; 0 without wires
    double wire_coupling = 0.0;  ///< k of the first-order noise (wire_array.hpp), largest

    const Matrix<float>& column(std::size_t plane) const {
        return transfer.empty() ? cells[plane].conductance : transfer[plane];
    }
    /// Replaces the columns of a plane and moves the means of the keys with them.
    void shift_column(std::size_t plane, const Matrix<float>& columns, const ArrayShape& shape);
    const float* own_row(std::size_t plane, std::size_t row) const {
        return own.empty() ? nullptr : own[plane].row(row);
    }
};

/// How the cells are looked at.
struct ReadState {
    std::span<const double> age_s;  ///< [n] since each key's own write
    Second step_time = {};          ///< integration time of one step, for the white noise
    Volt step_voltage = {};         ///< across a cell; decides what a selector in series takes
    double extra_relative_variance = 0.0;  ///< of slow noise that a step cannot tell from white
};

/// Keys of one write event at their ages, behind selectors and wires.
/// Throws: InvariantError for wires with cells whose current is not linear in the voltage.
/// Source: physics.md sections 2 to 4.
ProgrammedKeys programmed_keys(const KeyCells& cells, MatrixView<const float> levels,
                               const Mapping& mapping, const Device& device,
                               const ArraySettings& arrays, const ReadState& state);

/// K levels as the sense amplifiers see them, column by column against ideal references, without
/// read noise: m^ = clamp(round_half_even(sum of digits), -n_max, n_max - 1), a sliced level digit
/// by digit.
/// Returns: how many differ from `levels`.
std::int64_t sense_levels(const ProgrammedKeys& keys, const Mapping& mapping,
                          MatrixView<const float> levels, MatrixView<float> sensed);

}  // namespace attohm
