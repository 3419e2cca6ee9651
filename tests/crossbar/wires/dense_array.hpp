#pragma once

#include <Eigen/Dense>
#include <map>
#include <numeric>
#include <vector>

#include "crossbar/wires/wire_array.hpp"

/// The plain twin of the wire solver: every node and every resistance of the picture in
/// wire_array.hpp, nodes of 0 ohm merged by name, one dense solve in long double.
namespace attohm::test {

using Real = long double;
using DenseMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

class DenseArray {
  public:
    DenseArray(MatrixView<const double> conductance, const WireResistances& wires)
        : g_(conductance), rows_(conductance.rows), columns_(conductance.cols) {
        // Names: 0 is 0 V, 1 .. rows the inputs, then row nodes, column nodes, and whatever lies
        // between two resistances.
        parent_.resize(1 + rows_ + 2 * rows_ * columns_);
        std::iota(parent_.begin(), parent_.end(), std::size_t{0});
        const Real row = wires.row.value(), column = wires.column.value();
        const Real driver = wires.driver.value(), sense = wires.sense.value();
        for (std::size_t i = 0; i < rows_; ++i) {
            const std::size_t output = extra();
            resistor(1 + i, output, driver);
            resistor(output, row_node(i, 0), row);
            for (std::size_t j = 1; j < columns_; ++j)
                resistor(row_node(i, j - 1), row_node(i, j), row);
            if (wires.drive == Drive::one_side) continue;
            const std::size_t far = extra();
            resistor(1 + i, far, driver);
            resistor(far, row_node(i, columns_ - 1), row);
        }
        for (std::size_t j = 0; j < columns_; ++j) {
            const std::size_t foot = extra();
            for (std::size_t i = 1; i < rows_; ++i) {
                resistor(column_node(i - 1, j), column_node(i, j), column);
            }
            resistor(column_node(rows_ - 1, j), foot, column);
            resistor(foot, 0, sense);
        }
        solve();
    }

    /// [columns, rows]
    DenseMatrix transfer() const { return currents_; }

    /// dT_ji/dG_ij as h v, from the same solves.
    DenseMatrix own() const {
        DenseMatrix result(columns_, rows_);
        for (std::size_t i = 0; i < rows_; ++i) {
            for (std::size_t j = 0; j < columns_; ++j) {
                // v of the own input; h = 1 - what the cell's own injection does not reach, found
                // as the current into output j per ampere from row node to column node.
                result(j, i) = reach(i, j) * drop(i, j, i);
            }
        }
        return result;
    }

    /// ||G^1/2 R G^1/2||_2 by a dense eigenvalue problem.
    Real coupling() const {
        const std::size_t cells = rows_ * columns_;
        DenseMatrix incidence = DenseMatrix::Zero(unknowns_, cells);
        for (std::size_t i = 0; i < rows_; ++i) {
            for (std::size_t j = 0; j < columns_; ++j) {
                const Real root = std::sqrt(static_cast<Real>(g_(i, j)));
                add(incidence, row_node(i, j), i * columns_ + j, root);
                add(incidence, column_node(i, j), i * columns_ + j, -root);
            }
        }
        if (unknowns_ == 0) return 0;
        const DenseMatrix r = incidence.transpose() * y_.ldlt().solve(incidence);
        return Eigen::SelfAdjointEigenSolver<DenseMatrix>(r).eigenvalues().maxCoeff();
    }

    Real drop(std::size_t i, std::size_t j, std::size_t input) const {
        return voltage(row_node(i, j), input) - voltage(column_node(i, j), input);
    }

  private:
    struct Wire {
        std::size_t a, b;
        Real g;
    };
    std::size_t row_node(std::size_t i, std::size_t j) const {
        return 1 + rows_ + i * columns_ + j;
    }
    std::size_t column_node(std::size_t i, std::size_t j) const {
        return 1 + rows_ + (rows_ + i) * columns_ + j;
    }
    std::size_t extra() {
        parent_.push_back(parent_.size());
        return parent_.size() - 1;
    }
    /// The lowest name of a merged node: given voltages have the lowest.
    std::size_t find(std::size_t node) const {
        while (parent_[node] != node) node = parent_[node];
        return node;
    }
    void resistor(std::size_t a, std::size_t b, Real ohm) {
        if (ohm > 0) {
            wires_.push_back({a, b, 1 / ohm});
            return;
        }
        a = find(a);
        b = find(b);
        parent_[std::max(a, b)] = std::min(a, b);
    }
    bool given(std::size_t node) const { return find(node) <= rows_; }
    int unknown(std::size_t node) const { return number_.at(find(node)); }
    void add(DenseMatrix& m, std::size_t node, std::size_t column, Real value) const {
        if (!given(node)) m(unknown(node), static_cast<int>(column)) += value;
    }

    void solve() {
        for (std::size_t i = 0; i < rows_; ++i) {
            for (std::size_t j = 0; j < columns_; ++j) {
                wires_.push_back({row_node(i, j), column_node(i, j), static_cast<Real>(g_(i, j))});
            }
        }
        for (std::size_t node = 0; node < parent_.size(); ++node) {
            if (!given(node) && find(node) == node) number_[node] = unknowns_++;
        }
        y_ = DenseMatrix::Zero(unknowns_, unknowns_);
        DenseMatrix b = DenseMatrix::Zero(unknowns_, static_cast<int>(rows_));
        for (const Wire& wire : wires_) {
            for (const auto& [here, there] :
                 {std::pair{wire.a, wire.b}, std::pair{wire.b, wire.a}}) {
                if (given(here)) continue;
                y_(unknown(here), unknown(here)) += wire.g;
                if (!given(there)) {
                    y_(unknown(here), unknown(there)) -= wire.g;
                } else if (find(there) > 0) {
                    b(unknown(here), static_cast<int>(find(there)) - 1) += wire.g;
                }
            }
        }
        if (unknowns_ > 0) {
            factor_ = y_.ldlt();
            u_ = factor_.solve(b);
        }
        currents_ = DenseMatrix::Zero(static_cast<int>(columns_), static_cast<int>(rows_));
        for (std::size_t input = 0; input < rows_; ++input) {
            for (std::size_t i = 0; i < rows_; ++i) {
                for (std::size_t j = 0; j < columns_; ++j) {
                    currents_(static_cast<int>(j), static_cast<int>(input)) +=
                        static_cast<Real>(g_(i, j)) * drop(i, j, input);
                }
            }
        }
    }

    Real voltage(std::size_t node, std::size_t input) const {
        if (given(node)) return find(node) == input + 1 ? 1 : 0;
        return u_(unknown(node), static_cast<int>(input));
    }

    /// Current into output j when one ampere flows from the row node to the column node of (i, j).
    Real reach(std::size_t i, std::size_t j) const {
        Real through = 1;
        if (unknowns_ == 0) return through;
        DenseMatrix push = DenseMatrix::Zero(unknowns_, 1);
        add(push, row_node(i, j), 0, -1);
        add(push, column_node(i, j), 0, 1);
        const DenseMatrix u = factor_.solve(push);
        const auto at = [&](std::size_t node) {
            return given(node) ? Real{0} : u(unknown(node), 0);
        };
        for (std::size_t k = 0; k < rows_; ++k) {
            through += static_cast<Real>(g_(k, j)) * (at(row_node(k, j)) - at(column_node(k, j)));
        }
        return through;
    }

    MatrixView<const double> g_;
    std::size_t rows_, columns_;
    std::vector<std::size_t> parent_;
    std::vector<Wire> wires_;
    std::map<std::size_t, int> number_;
    int unknowns_ = 0;
    DenseMatrix y_, u_, currents_;
    Eigen::LDLT<DenseMatrix> factor_;
};

}  // namespace attohm::test
