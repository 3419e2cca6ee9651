#include "crossbar/wires/settling.hpp"

#include <fmt/format.h>

#include <Eigen/Sparse>
#include <Eigen/SparseCholesky>
#include <cmath>

#include "crossbar/wires/line_network.hpp"
#include "crossbar/wires/wire_network.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

namespace {

using SparseMatrix = Eigen::SparseMatrix<double>;
using Vector = Eigen::VectorXd;

void require_capacitance(const char* name, Farad capacitance) {
    const double farad = capacitance.value();
    if (std::isfinite(farad) && farad >= 0.0) return;
    throw UserError(fmt::format("a {} capacitance out of range", name), "lines",
                    fmt::format("{} F", farad), "finite and at least 0 F");
}

/// The linear circuit with capacitances: C dv/dt + Y v = b.
class RcNetwork {
  public:
    RcNetwork(MatrixView<const double> conductance, const WireResistances& wires,
              const LineCapacitances& capacitances);

    /// Sense currents long after the step of `v_in`, and their first moments (ampere seconds).
    struct Response {
        std::vector<double> current, moment;
    };
    Response step(const std::vector<double>& v_in) const;

  private:
    /// Calls f(a, b, siemens) for every wire and every cell.
    template <class F>
    void for_branches(F f) const {
        for (const WireBranch& wire : network_.branches()) f(wire.a, wire.b, wire.siemens);
        for (std::size_t i = 0; i < network_.rows(); ++i)
            for (std::size_t j = 0; j < network_.columns(); ++j)
                f(network_.row(i, j), network_.column(i, j), conductance_(i, j));
    }
    /// Current into sense circuit j for voltages v of the unknown nodes, v_in of the inputs.
    double sense_current(std::size_t j, const Vector& v, const std::vector<double>& v_in) const;

    MatrixView<const double> conductance_;
    WireResistances wires_;
    LineNetwork network_;
    Vector capacitance_;
    Eigen::SimplicialLDLT<SparseMatrix> factors_;
};

RcNetwork::RcNetwork(MatrixView<const double> conductance, const WireResistances& wires,
                     const LineCapacitances& capacitances)
    : conductance_(conductance),
      wires_(wires),
      network_(conductance.rows, conductance.cols, wires) {
    const auto size = static_cast<Eigen::Index>(network_.unknowns());
    capacitance_ = Vector::Zero(size);
    const auto load = [this](NodeId node, Farad farad) {
        if (node >= 0) capacitance_[node] += farad.value();
    };
    for (std::size_t i = 0; i < conductance.rows; ++i) {
        load(network_.driver(i), capacitances.driver);
        if (wires.drive == Drive::both_sides) load(network_.far_driver(i), capacitances.driver);
    }
    for (std::size_t j = 0; j < conductance.cols; ++j) load(network_.sense(j), capacitances.sense);
    for (std::size_t i = 0; i < conductance.rows; ++i) {
        for (std::size_t j = 0; j < conductance.cols; ++j) {
            load(network_.row(i, j), capacitances.row);
            load(network_.column(i, j), capacitances.column);
        }
    }
    if (size == 0) return;

    std::vector<Eigen::Triplet<double>> entries;
    for_branches([&entries](NodeId a, NodeId b, double siemens) {
        if (a >= 0) entries.emplace_back(a, a, siemens);
        if (b >= 0) entries.emplace_back(b, b, siemens);
        if (a < 0 || b < 0) return;
        entries.emplace_back(a, b, -siemens);
        entries.emplace_back(b, a, -siemens);
    });
    SparseMatrix matrix(size, size);
    matrix.setFromTriplets(entries.begin(), entries.end());
    factors_.compute(matrix);
    if (factors_.info() != Eigen::Success)
        throw UserError("the network is singular", "conductance and wire resistances",
                        fmt::format("{} x {} cells", conductance.rows, conductance.cols),
                        "resistances and conductances within 15 decades of each other");
}

double RcNetwork::sense_current(std::size_t j, const Vector& v,
                                const std::vector<double>& v_in) const {
    const auto at = [&](NodeId node) {
        if (node >= 0) return v[node];
        return is_input(node) ? v_in[row_of_input(node)] : 0.0;
    };
    if (wires_.sense.value() != 0.0) return at(network_.sense(j)) / wires_.sense.value();
    if (wires_.column.value() != 0.0)
        return at(network_.column(network_.rows() - 1, j)) / wires_.column.value();
    // The column is the virtual ground itself.
    double sum = 0.0;
    for (std::size_t i = 0; i < network_.rows(); ++i)
        sum += conductance_(i, j) * at(network_.row(i, j));
    return sum;
}

RcNetwork::Response RcNetwork::step(const std::vector<double>& v_in) const {
    Vector b = Vector::Zero(capacitance_.size());
    for_branches([&](NodeId from, NodeId to, double siemens) {
        if (from >= 0 && is_input(to)) b[from] += siemens * v_in[row_of_input(to)];
        if (to >= 0 && is_input(from)) b[to] += siemens * v_in[row_of_input(from)];
    });
    Vector last = b, lag = b;
    if (b.size() > 0) {
        last = factors_.solve(b);
        lag = factors_.solve(capacitance_.cwiseProduct(last));
    }
    Response response;
    const std::vector<double> rest(v_in.size(), 0.0);
    for (std::size_t j = 0; j < network_.columns(); ++j) {
        response.current.push_back(sense_current(j, last, v_in));
        // The inputs themselves do not lag.
        response.moment.push_back(sense_current(j, lag, rest));
    }
    return response;
}

}  // namespace

Second Settling::settle_time(int bits) const {
    return slowest * (std::log(2.0) * static_cast<double>(bits + 1));
}

Settling settling(MatrixView<const double> conductance, const WireResistances& wires,
                  const LineCapacitances& capacitances) {
    check_conductances(conductance);
    require_capacitance("row", capacitances.row);
    require_capacitance("column", capacitances.column);
    require_capacitance("driver", capacitances.driver);
    require_capacitance("sense", capacitances.sense);
    const std::size_t rows = conductance.rows, columns = conductance.cols;
    const RcNetwork network(conductance, wires, capacitances);

    Settling found;
    const RcNetwork::Response all = network.step(std::vector<double>(rows, 1.0));
    for (std::size_t j = 0; j < columns; ++j)
        found.together.push_back(all.current[j] > 0.0 ? all.moment[j] / all.current[j] : 0.0);

    found.pair = Matrix<double>(columns, rows, 0.0);
    parallel_for(rows, [&](std::size_t i) {
        std::vector<double> unit(rows, 0.0);
        unit[i] = 1.0;
        const RcNetwork::Response one = network.step(unit);
        for (std::size_t j = 0; j < columns; ++j)
            if (conductance(i, j) > 0.0) found.pair(j, i) = one.moment[j] / one.current[j];
    });
    for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t i = 0; i < rows; ++i) {
            if (found.pair(j, i) <= found.slowest.value()) continue;
            found.slowest = Second::from_value(found.pair(j, i));
            found.row = i;
            found.column = j;
        }
    }
    return found;
}

}  // namespace attohm
