#pragma once

#include <memory>

#include "crossbar/device/cell_iv.hpp"
#include "crossbar/wires/wire_array.hpp"
#include "src/base/matrix.hpp"

namespace attohm {

/// Currents of a batch of inputs, and how they were found.
struct NonlinearCurrents {
    Matrix<double> current;  ///< [batch, columns] amperes into each sense circuit
    double residual = 0.0;   ///< largest, over inputs, of max|net current of a node| / max|b|
    int iterations = 0;      ///< largest over inputs
    int factorisations = 0;  ///< summed over inputs; the shared one is not counted
};

/// An array of non-linear cells, with or without wires, ready to be read.
///
/// The node voltages u make the net current of every node zero:
///
///     Y u + sum_cells p I(G, p'u) = b
///
/// with Y and b of the wires and p the incidence of a cell. Because no current falls with its
/// voltage, this is the minimum of a convex function (the co-content), and Newton's method with a
/// step that is halved until the slope along it is small finds it from anywhere. It starts at the
/// solution of the linear array whose cells carry the current of v_ref (of the largest input, where
/// the law has no v_ref), and steps with that factorisation for as long as each step takes 9/10 off
/// the residual; then it factorises the Jacobian where it stands. It ends when the residual is
/// below kResidual (or what rounding the voltages leaves: 4 eps max(Y_kk) max|v| / max|b|, more
/// than that for segments far below the driver's resistance only) and the last step below kResidual
/// of the largest input.
///
/// Each input is solved on its own: its currents depend neither on the rest of the batch nor on the
/// number of threads.
///
/// A passive array (0T1R) leaks through cells that are not selected: the solve contains it, since
/// all cells are there. Rows at 0 V are rows with input 0.
/// Not modelled: floating lines, capacitance, whatever cell_iv.hpp does not model.
/// Source: physics.md sections 3, 4; Duffin, "Nonlinear networks IIa", Bulletin of the American
/// Mathematical Society 53 (1947) 963, for existence and uniqueness.
class NonlinearArray {
  public:
    static constexpr double kResidual = 1e-12;
    static constexpr int kIterationsMax = 200;

    /// Args: conductance: [rows, columns] siemens at the law's v_ref, finite and >= 0.
    /// Throws: UserError naming row and column of a bad conductance, or a bad resistance.
    NonlinearArray(MatrixView<const double> conductance, const WireResistances& wires,
                   const CellLaw& law);
    ~NonlinearArray();
    NonlinearArray(NonlinearArray&&) noexcept;

    /// Args: v_in: [batch, rows] volts.
    /// Throws: UserError naming row and column of a cell whose voltage ends beyond the law's v_max;
    ///   InvariantError naming node, iteration and residual where it does not converge.
    NonlinearCurrents currents(MatrixView<const double> v_in) const;

    struct State;

  private:
    std::unique_ptr<State> state_;
};

}  // namespace attohm
