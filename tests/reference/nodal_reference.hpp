#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "crossbar/wires/wire_array.hpp"
#include "src/base/matrix.hpp"

/// Slow, obvious twin of the crossbar solvers: the circuit of wire_array.hpp as a list of two-ended
/// elements, zero resistances as merged nodes, one nodal matrix, one factorisation, one solve per
/// input. Nothing is eliminated by hand.
namespace attohm::reference {

/// What one input vector does to an array. Volts and amperes.
struct NodalSolution {
    Matrix<double> row_voltage;     ///< [rows, columns] node of the row at each cell
    Matrix<double> column_voltage;  ///< [rows, columns] node of the column at each cell
    std::vector<double> current;    ///< [columns] into each sense circuit
    double residual = 0.0;          ///< max|Y u - b| / max|b|
};

class NodalReference {
  public:
    /// Args: conductance: [rows, columns] siemens.
    NodalReference(MatrixView<const double> conductance, const WireResistances& wires);
    ~NodalReference();
    NodalReference(NodalReference&&) noexcept;

    /// Args: v_in: [rows] volts.
    NodalSolution solve(std::span<const double> v_in) const;
    /// [batch, columns] amperes for v_in [batch, rows] volts.
    Matrix<double> currents(MatrixView<const double> v_in) const;
    /// [columns, rows] siemens: one unit input after the other.
    Matrix<double> transfer() const;
    /// Adjoint cell voltages of output k, [rows, columns]: with 1 V in the foot of column k and all
    /// inputs at 0 V, column node minus row node of every cell. Then dI_k / dG_ij = h_ij v_ij, with
    /// v_ij row minus column. The foot is moved as a source of its own, with the same resistances.
    Matrix<double> adjoint(std::size_t output) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Current of one cell: (conductance at its v_ref in siemens, voltage across it) -> amperes.
using CellCurrent = std::function<double(double conductance, double voltage)>;

/// Sense currents [columns] of an array of non-linear cells: each cell is replaced by the resistor
/// that carries its present current, the linear network is solved, and so on (halving the change
/// each time it grows) until no cell voltage moves by more than 1e-13 of the largest input.
/// Throws: InvariantError when it does not settle.
NodalSolution solve_by_secants(MatrixView<const double> conductance, const WireResistances& wires,
                               const CellCurrent& cell, std::span<const double> v_in);

}  // namespace attohm::reference
