#include "crossbar/wires/nonlinear_solve.hpp"

#include <fmt/format.h>

#include <Eigen/Sparse>
#include <Eigen/SparseCholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "crossbar/wires/line_network.hpp"
#include "crossbar/wires/wire_network.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

namespace {

using SparseMatrix = Eigen::SparseMatrix<double>;
using Factors = Eigen::SimplicialLDLT<SparseMatrix>;
using Vector = Eigen::VectorXd;

/// What one input has come to.
struct Outcome {
    std::vector<double> current;
    double residual = 0.0;
    int iterations = 0;
    int factorisations = 0;
};

struct Iterate;

}  // namespace

struct NonlinearArray::State {
    Matrix<double> conductance;
    CellLaw law;
    bool ideal_wires;
    LineNetwork network;
    SparseMatrix wires;       ///< Y, of the unknown voltages
    double rounding = 0.0;    ///< net current per volt that rounded voltages may leave, siemens
    double start_volt = 0.0;  ///< voltage of the linear start; 0 = the largest input of each vector
    Factors start;            ///< of the linear array, where start_volt is not 0

    State(MatrixView<const double> g, const WireResistances& resistances, const CellLaw& cell_law);

    std::span<const double> cells() const { return {conductance.data(), conductance.size()}; }
    Matrix<double> chords(double volt) const;
    /// Y plus cells of these conductances.
    SparseMatrix matrix_with(const Matrix<double>& cell_conductance) const;
    void factorise(Factors& factors, const Matrix<double>& cell_conductance) const;
    Vector injected(std::span<const double> v_in) const;
    void require_inside(const Matrix<double>& across) const;
    /// Node voltages of the linear array whose cells are these chords.
    Vector linear_start(const Factors& factors, const Matrix<double>& chord,
                        std::span<const double> v_in) const;
    void iterate(std::span<const double> v_in, double largest, Iterate& at, Outcome& outcome) const;
    [[noreturn]] void fail(const Iterate& at, const Outcome& outcome) const;
    Outcome solve(std::span<const double> v_in) const;
};

namespace {

double voltage_of(NodeId node, const Vector& u, std::span<const double> v_in) {
    if (node >= 0) return u[node];
    return is_input(node) ? v_in[row_of_input(node)] : 0.0;
}

/// One iterate: node voltages, what the cells carry there, and the net current of each node.
struct Iterate {
    Vector u;
    Matrix<double> across, ampere, differential;
    Vector net;

    Iterate(std::size_t rows, std::size_t columns)
        : across(rows, columns), ampere(rows, columns), differential(rows, columns) {}

    void evaluate(const NonlinearArray::State& array, std::span<const double> v_in);
};

}  // namespace

NonlinearArray::State::State(MatrixView<const double> g, const WireResistances& resistances,
                             const CellLaw& cell_law)
    : conductance(g.rows, g.cols),
      law(cell_law),
      ideal_wires(resistances.none()),
      network(g.rows, g.cols, resistances) {
    check_conductances(g);
    for (std::size_t i = 0; i < g.rows; ++i)
        std::copy(g.row(i), g.row(i) + g.cols, conductance.row(i));
    if (ideal_wires) return;

    std::vector<Eigen::Triplet<double>> entries;
    for (const WireBranch& wire : network.branches()) {
        if (wire.a >= 0) entries.emplace_back(wire.a, wire.a, wire.siemens);
        if (wire.b >= 0) entries.emplace_back(wire.b, wire.b, wire.siemens);
        if (wire.a < 0 || wire.b < 0) continue;
        entries.emplace_back(wire.a, wire.b, -wire.siemens);
        entries.emplace_back(wire.b, wire.a, -wire.siemens);
    }
    const auto size = static_cast<Eigen::Index>(network.unknowns());
    wires.resize(size, size);
    wires.setFromTriplets(entries.begin(), entries.end());
    rounding = 4.0 * std::numeric_limits<double>::epsilon() * wires.diagonal().maxCoeff();

    // A chord of an ohmic law is the same everywhere.
    start_volt = law.iv.v_ref.value();
    if (law.iv.is_linear() && law.selector.law != SelectorLaw::exponential) start_volt = 1.0;
    if (start_volt != 0.0) factorise(start, chords(start_volt));
}

Matrix<double> NonlinearArray::State::chords(double volt) const {
    Matrix<double> chord(conductance.rows(), conductance.cols());
    std::vector<double> volts(chord.size(), volt), slopes(chord.size());
    law.currents(cells(), volts, {chord.data(), chord.size()}, slopes);
    for (std::size_t k = 0; k < chord.size(); ++k) chord.data()[k] /= volt;
    return chord;
}

SparseMatrix NonlinearArray::State::matrix_with(const Matrix<double>& cell_conductance) const {
    std::vector<Eigen::Triplet<double>> entries;
    entries.reserve(4 * cell_conductance.size());
    for (std::size_t i = 0; i < cell_conductance.rows(); ++i) {
        for (std::size_t j = 0; j < cell_conductance.cols(); ++j) {
            const NodeId a = network.row(i, j), b = network.column(i, j);
            const double g = cell_conductance(i, j);
            if (a >= 0) entries.emplace_back(a, a, g);
            if (b >= 0) entries.emplace_back(b, b, g);
            if (a < 0 || b < 0) continue;
            entries.emplace_back(a, b, -g);
            entries.emplace_back(b, a, -g);
        }
    }
    SparseMatrix of_cells(wires.rows(), wires.cols());
    of_cells.setFromTriplets(entries.begin(), entries.end());
    return wires + of_cells;
}

void NonlinearArray::State::factorise(Factors& factors,
                                      const Matrix<double>& cell_conductance) const {
    factors.compute(matrix_with(cell_conductance));
    if (factors.info() != Eigen::Success)
        throw UserError("the network is singular", "conductance and wire resistances",
                        fmt::format("{} x {} cells", network.rows(), network.columns()),
                        "resistances and conductances within 15 decades of each other");
}

Vector NonlinearArray::State::injected(std::span<const double> v_in) const {
    Vector b = Vector::Zero(wires.rows());
    for (const WireBranch& wire : network.branches()) {
        if (wire.a >= 0 && is_input(wire.b)) b[wire.a] += wire.siemens * v_in[row_of_input(wire.b)];
        if (wire.b >= 0 && is_input(wire.a)) b[wire.b] += wire.siemens * v_in[row_of_input(wire.a)];
    }
    return b;
}

namespace {

void Iterate::evaluate(const NonlinearArray::State& array, std::span<const double> v_in) {
    const LineNetwork& network = array.network;
    for (std::size_t i = 0; i < across.rows(); ++i)
        for (std::size_t j = 0; j < across.cols(); ++j)
            across(i, j) =
                voltage_of(network.row(i, j), u, v_in) - voltage_of(network.column(i, j), u, v_in);
    array.law.currents(array.cells(), {across.data(), across.size()},
                       {ampere.data(), ampere.size()}, {differential.data(), differential.size()});
    // Branch by branch, so that what leaves one node enters the next to the last bit.
    net.setZero(u.size());
    for (const WireBranch& wire : network.branches()) {
        const double through =
            wire.siemens * (voltage_of(wire.a, u, v_in) - voltage_of(wire.b, u, v_in));
        if (wire.a >= 0) net[wire.a] += through;
        if (wire.b >= 0) net[wire.b] -= through;
    }
    for (std::size_t i = 0; i < across.rows(); ++i) {
        for (std::size_t j = 0; j < across.cols(); ++j) {
            const NodeId a = network.row(i, j), b = network.column(i, j);
            if (a >= 0) net[a] += ampere(i, j);
            if (b >= 0) net[b] -= ampere(i, j);
        }
    }
}

/// max|b|, b all that the inputs push into the unknown nodes: through wires, and through cells that
/// sit on an input themselves, at the input's voltage.
double largest_injection(const NonlinearArray::State& array, std::span<const double> v_in,
                         const Vector& injected) {
    Vector b = injected.cwiseAbs();
    for (std::size_t i = 0; i < array.network.rows(); ++i) {
        for (std::size_t j = 0; j < array.network.columns(); ++j) {
            const NodeId column = array.network.column(i, j);
            if (!is_input(array.network.row(i, j)) || column < 0) continue;
            const Siemens g = Siemens::from_value(array.conductance(i, j));
            b[column] += std::abs(array.law.current(g, Volt::from_value(v_in[i])).value());
        }
    }
    return b.size() == 0 ? 0.0 : b.maxCoeff();
}

/// Moves along `step`, halving it until the slope of the co-content along it is at most 9/10 of the
/// one at the start. Returns whether the whole step was taken.
bool advance(const NonlinearArray::State& array, std::span<const double> v_in, const Vector& step,
             Iterate& at, Iterate& next) {
    constexpr int kHalvingsMax = 50;
    const double slope = std::abs(step.dot(at.net));
    double length = 1.0;
    for (int halving = 0; halving < kHalvingsMax; ++halving) {
        next.u = at.u + length * step;
        next.evaluate(array, v_in);
        if (std::abs(step.dot(next.net)) <= 0.9 * slope || slope == 0.0) break;
        // At the end the slope is rounding error and cannot be compared.
        if (next.net.cwiseAbs().maxCoeff() <= 2.0 * at.net.cwiseAbs().maxCoeff() &&
            step.cwiseAbs().maxCoeff() <= 1e-13 * next.u.cwiseAbs().maxCoeff())
            break;
        length *= 0.5;
    }
    std::swap(at, next);
    return length == 1.0;
}

}  // namespace

void NonlinearArray::State::fail(const Iterate& at, const Outcome& outcome) const {
    Eigen::Index node = 0;
    at.net.cwiseAbs().maxCoeff(&node);
    throw InvariantError(fmt::format(
        "the non-linear array does not converge: residual {:.3g} at {} after {} iterations",
        outcome.residual, network.describe(static_cast<NodeId>(node)), kIterationsMax));
}

void NonlinearArray::State::require_inside(const Matrix<double>& across) const {
    if (std::isinf(law.iv.v_max)) return;
    for (std::size_t i = 0; i < across.rows(); ++i) {
        for (std::size_t j = 0; j < across.cols(); ++j) {
            const double volt = law.element_voltage(Siemens::from_value(conductance(i, j)),
                                                    Volt::from_value(across(i, j)))
                                    .value();
            if (conductance(i, j) == 0.0 || std::abs(volt) <= law.iv.v_max) continue;
            throw UserError(
                fmt::format("the cell at row {}, column {} sees a voltage outside its I-V law", i,
                            j),
                "iv", fmt::format("{:.6g} V", volt),
                fmt::format("-{0:.6g} V to {0:.6g} V", law.iv.v_max));
        }
    }
}

Vector NonlinearArray::State::linear_start(const Factors& factors, const Matrix<double>& chord,
                                           std::span<const double> v_in) const {
    Vector right = injected(v_in);
    for (std::size_t i = 0; i < chord.rows(); ++i)
        for (std::size_t j = 0; j < chord.cols(); ++j)
            if (is_input(network.row(i, j)) && network.column(i, j) >= 0)
                right[network.column(i, j)] += chord(i, j) * v_in[i];
    return factors.solve(right);
}

void NonlinearArray::State::iterate(std::span<const double> v_in, double largest, Iterate& at,
                                    Outcome& outcome) const {
    std::optional<Factors> own;
    const Matrix<double> chord = chords(start_volt != 0.0 ? start_volt : largest);
    if (start_volt == 0.0) {
        factorise(own.emplace(), chord);
        ++outcome.factorisations;
    }
    at.u = linear_start(own ? *own : start, chord, v_in);
    at.evaluate(*this, v_in);

    const double scale = largest_injection(*this, v_in, injected(v_in));
    const double enough = std::max(kResidual * scale, rounding * largest);
    Iterate next(at.across.rows(), at.across.cols());
    double moved = largest;
    double worst = at.net.cwiseAbs().maxCoeff();
    for (;;) {
        outcome.residual = scale > 0.0 ? worst / scale : 0.0;
        if (worst <= enough && moved <= kResidual * largest) return;
        if (++outcome.iterations > kIterationsMax) fail(at, outcome);
        const Vector step = -(own ? *own : start).solve(at.net);
        const bool whole = advance(*this, v_in, step, at, next);
        moved = step.cwiseAbs().maxCoeff();
        const double now = at.net.cwiseAbs().maxCoeff();
        // A factorisation that no longer fits is made anew where the iteration stands.
        if ((!whole || now > 0.1 * worst) && now > enough) {
            factorise(own.emplace(), at.differential);
            ++outcome.factorisations;
        }
        worst = now;
    }
}

Outcome NonlinearArray::State::solve(std::span<const double> v_in) const {
    Outcome outcome;
    outcome.current.assign(conductance.cols(), 0.0);
    double largest = 0.0;
    for (const double v : v_in) largest = std::max(largest, std::abs(v));
    if (largest == 0.0) return outcome;

    Iterate at(conductance.rows(), conductance.cols());
    if (ideal_wires) {
        // Each cell sees its input.
        at.u = Vector::Zero(0);
        at.evaluate(*this, v_in);
    } else {
        iterate(v_in, largest, at, outcome);
    }
    require_inside(at.across);
    // What the cells of a column let in leaves through its sense circuit.
    for (std::size_t i = 0; i < at.ampere.rows(); ++i)
        for (std::size_t j = 0; j < at.ampere.cols(); ++j) outcome.current[j] += at.ampere(i, j);
    return outcome;
}

NonlinearArray::NonlinearArray(MatrixView<const double> conductance, const WireResistances& wires,
                               const CellLaw& law)
    : state_(std::make_unique<State>(conductance, wires, law)) {}
NonlinearArray::~NonlinearArray() = default;
NonlinearArray::NonlinearArray(NonlinearArray&&) noexcept = default;

NonlinearCurrents NonlinearArray::currents(MatrixView<const double> v_in) const {
    ATTOHM_CHECK_EQ(v_in.cols, state_->conductance.rows());
    std::vector<Outcome> outcomes(v_in.rows);
    parallel_for(v_in.rows, [&](std::size_t batch) {
        outcomes[batch] = state_->solve({v_in.row(batch), v_in.cols});
    });
    NonlinearCurrents found;
    found.current = Matrix<double>(v_in.rows, state_->conductance.cols());
    for (std::size_t batch = 0; batch < v_in.rows; ++batch) {
        const Outcome& one = outcomes[batch];
        std::copy(one.current.begin(), one.current.end(), found.current.row(batch));
        found.residual = std::max(found.residual, one.residual);
        found.iterations = std::max(found.iterations, one.iterations);
        found.factorisations += one.factorisations;
    }
    return found;
}

}  // namespace attohm
