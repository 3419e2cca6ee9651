#pragma once

#include <span>
#include <vector>

#include "crossbar/wires/wire_array.hpp"

/// An array that grows by one column at the far end of its rows, as the key cache of a decoder.
///
/// With drive from one side, what came before is a network with one port per row, at the row's last
/// node: open-circuit voltages A per input, resistance Z seen from the ports, output current H per
/// ampere into a port. A new column of cells g with its line's resistance K^-1 (from the foot to
/// the higher of two rows) is a load M = (Z + r_row + 1/g + K^-1)^-1 on the ports, so
///   T -= H M A,  and the same step moves A, Z and H behind the new column.
/// One m x m inverse and four products of that size, m = rows; a solve from the start costs
/// several times ten.
/// Not modelled: columns at the near end, or in the middle; drive from both sides (the far driver
/// moves with every column, so nothing of the earlier solve stays).
namespace attohm {

class GrowingArray {
  public:
    /// An array without columns.
    /// Throws: UserError for drive from both sides, or no rows.
    GrowingArray(std::size_t rows, const WireResistances& wires);
    /// Starts with these columns, solved at once.
    /// Args: conductance: [rows, columns] siemens, at least one column.
    GrowingArray(MatrixView<const double> conductance, const WireResistances& wires);

    /// Adds one column behind the last.
    /// Args: conductance: [rows] siemens, finite and >= 0.
    void append(std::span<const double> conductance);

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    /// [columns, rows] the transfer matrix of all columns so far, as solve_transfer gives it
    /// (within 1e-9 of an entry). Valid until the next append.
    MatrixView<const double> transfer() const;

  private:
    void reserve(std::size_t columns);
    void start(MatrixView<const double> conductance);
    void move_ports(std::span<const double> g);
    void solve_load(std::span<const double> g);
    void solve_step(std::span<const double> g);
    void column_currents(std::span<const double> g, const double* nodes, double* out) const;

    WireResistances wires_;
    std::size_t rows_ = 0, columns_ = 0;
    std::size_t m_ = 0;               ///< rows, padded
    std::size_t ld_ = 0;              ///< stride of matrices with m columns
    std::size_t capacity_ = 0;        ///< columns that there is room for
    std::size_t stride_ = 0;          ///< of the state: 2 m + capacity or more
    AlignedVector<double> state_;     ///< [m][Z | A | H^T]
    AlignedVector<double> next_;      ///< the state behind the new column
    AlignedVector<double> transfer_;  ///< [capacity][m]
    AlignedVector<double> load_;      ///< [m][m] M, then its currents
    AlignedVector<double> step_;      ///< [m][m] Q: x behind = Q' x before
    AlignedVector<double> panels_;    ///< of the inverse
};

}  // namespace attohm
