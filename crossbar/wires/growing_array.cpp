#include "crossbar/wires/growing_array.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/wires/kron_reduction.hpp"
#include "crossbar/wires/wire_solve.hpp"

namespace attohm {

namespace {

constexpr std::size_t kFirstColumns = 128;

std::size_t padded(std::size_t n) {
    return (n + kKronPanel - 1) / kKronPanel * kKronPanel;
}

/// Rows a power of two apart would share a few sets of the cache.
std::size_t spread(std::size_t stride) {
    return stride % 64 == 0 ? stride + kKronPanel : stride;
}

const KronKernels& kernels() {
    static const KronKernels& best = kron_kernels(best_simd_level());
    return best;
}

/// Entry (k, j) of a front's panels.
double& panel_entry(const KronPanels& front, std::size_t k, std::size_t j) {
    return front.data[j / kKronPanel * front.stride() + k * kKronPanel + j % kKronPanel];
}

/// Panels for the inverse of an m x m matrix.
KronPanels inverse_front(AlignedVector<double>& memory, std::size_t m) {
    memory.resize(m * 2 * m + m);
    return {memory.data(), memory.data() + 2 * m * m, m, 2 * m / kKronPanel};
}

}  // namespace

GrowingArray::GrowingArray(std::size_t rows, const WireResistances& wires)
    : wires_(wires), rows_(rows), m_(padded(rows)), ld_(spread(m_)) {
    if (wires.drive == Drive::both_sides) {
        throw UserError("a growing array cannot be driven from both sides", "drive", "both_sides",
                        "one_side: the far driver would move with every column");
    }
    static_cast<void>(make_wire_network(rows, 1, wires));
    load_.resize(m_ * ld_);
    step_.resize(m_ * ld_);
    reserve(kFirstColumns);
    // Nothing but the drivers yet.
    for (std::size_t i = 0; i < rows_; ++i) {
        state_[i * stride_ + i] = wires.driver.value();
        state_[i * stride_ + m_ + i] = 1.0;
    }
}

GrowingArray::GrowingArray(MatrixView<const double> conductance, const WireResistances& wires)
    : GrowingArray(conductance.rows, wires) {
    check_conductances(conductance);
    reserve(conductance.cols + 1);
    start(conductance);
}

MatrixView<const double> GrowingArray::transfer() const {
    return {transfer_.data(), columns_, rows_, ld_};
}

void GrowingArray::reserve(std::size_t columns) {
    if (columns <= capacity_) return;
    const std::size_t capacity = padded(std::max(columns, 2 * capacity_));
    const std::size_t stride = spread(2 * m_ + capacity);
    decltype(state_) state(m_ * stride, 0.0);
    for (std::size_t i = 0; i < m_ && stride_ > 0; ++i) {
        std::copy_n(state_.data() + i * stride_, stride_, state.data() + i * stride);
    }
    state_ = std::move(state);
    next_.assign(m_ * stride, 0.0);
    transfer_.resize(capacity * ld_, 0.0);
    capacity_ = capacity;
    stride_ = stride;
}

void GrowingArray::start(MatrixView<const double> conductance) {
    const WireNetwork net = make_wire_network(rows_, conductance.cols, wires_);
    columns_ = conductance.cols;
    if (wires_.none()) {
        for (std::size_t j = 0; j < columns_; ++j) {
            for (std::size_t i = 0; i < rows_; ++i) transfer_[j * ld_ + i] = conductance(i, j);
        }
        return;
    }
    KronReduction reduction(net, FarEnds::ports);
    reduction.reduce(conductance, true);
    reduction.transfer({transfer_.data(), columns_, rows_, ld_});
    // Without an input node the rows' far ends are the inputs themselves.
    if (!net.has_input) return;

    // Z = inverse of what the ports see; then A = Z N_input, H^T = Z N_output, T += H N_input.
    const std::size_t far = reduction.terminals().offset[kRight];
    const std::size_t ports = reduction.terminals().ports;
    const KronPanels front = inverse_front(panels_, m_);
    std::fill_n(front.data, m_ * m_, 0.0);
    std::fill_n(front.inverse, m_, 1.0);
    std::fill(next_.begin(), next_.end(), 0.0);
    for (std::size_t i = 0; i < rows_; ++i) {
        double sum = 0.0;
        for (std::size_t p = 0; p < ports; ++p) {
            if (p != far + i) sum += reduction.between(far + i, p);
        }
        front.inverse[i] = sum;
        for (std::size_t k = i + 1; k < rows_; ++k) {
            panel_entry(front, i, k) = reduction.between(far + i, far + k);
        }
        double* row = next_.data() + i * stride_;
        for (std::size_t k = 0; k < rows_; ++k) {
            row[m_ + k] = reduction.between(far + i, reduction.input(k));
        }
        for (std::size_t j = 0; j < columns_; ++j) {
            row[2 * m_ + j] = reduction.between(far + i, reduction.output(j));
        }
    }
    kernels().invert(front, load_.data(), ld_);
    for (std::size_t i = 0; i < m_; ++i) {
        double* row = state_.data() + i * stride_;
        std::fill_n(row, stride_, 0.0);
        if (i < rows_) std::copy_n(load_.data() + i * ld_, rows_, row);
    }
    kernels().multiply(load_.data(), ld_, next_.data() + m_, stride_, m_, m_ + capacity_, m_,
                       state_.data() + m_, stride_);
    kernels().multiply(state_.data() + 2 * m_, stride_, next_.data() + m_, stride_,
                       padded(columns_), m_, m_, transfer_.data(), ld_);
}

void GrowingArray::append(std::span<const double> conductance) {
    ATTOHM_CHECK_EQ(conductance.size(), rows_);
    Matrix<double> column(rows_, 1);
    std::copy(conductance.begin(), conductance.end(), column.data());
    check_conductances(column.view());
    reserve(columns_ + 1);

    if (wires_.row.value() + wires_.driver.value() > 0.0) {
        move_ports(conductance);
    } else {
        // The rows are the inputs, whatever loads them.
        column_currents(conductance, state_.data() + m_, load_.data());
    }
    double* last = transfer_.data() + columns_ * ld_;
    std::fill_n(last, m_, 0.0);
    for (std::size_t i = 0; i < rows_; ++i) {
        for (std::size_t k = 0; k < m_; ++k) last[k] -= load_[i * ld_ + k];
    }
    ++columns_;
}

/// Takes the state behind a new column and its load from the earlier columns; load_ = -M A.
void GrowingArray::move_ports(std::span<const double> conductance) {
    // The segment in front of the new column: Z becomes P.
    for (std::size_t i = 0; i < rows_; ++i) state_[i * stride_ + i] += wires_.row.value();
    solve_load(conductance);
    solve_step(conductance);

    // Z' = Q'P, A' = Q'A, H' = H Q.
    const std::size_t used = 2 * m_ + padded(columns_);
    for (std::size_t i = 0; i < m_; ++i) std::fill_n(next_.data() + i * stride_, used, 0.0);
    kernels().multiply(step_.data(), ld_, state_.data(), stride_, m_, used, m_, next_.data(),
                       stride_);
    // What the new column adds to H: the currents of P per ampere, summed down the column.
    for (std::size_t i = 0; i < rows_; ++i) {
        double sum = 0.0;
        const double* p = state_.data() + i * stride_;
        for (std::size_t k = 0; k < rows_; ++k) sum += p[k] * panels_.data()[k];
        next_[i * stride_ + 2 * m_ + columns_] = sum;
    }

    // T -= H (M A); the currents M A follow from the new row nodes.
    column_currents(conductance, next_.data() + m_, load_.data());
    kernels().multiply(state_.data() + 2 * m_, stride_, load_.data(), ld_, padded(columns_), m_, m_,
                       transfer_.data(), ld_);
    std::swap(state_, next_);
}

/// load_ = M, from I + g^1/2 (P + K^-1) g^1/2.
void GrowingArray::solve_load(std::span<const double> g) {
    const KronPanels front = inverse_front(panels_, m_);
    std::fill_n(front.data, m_ * m_, 0.0);
    std::fill_n(front.inverse, m_, 1.0);
    const double r_column = wires_.column.value(), r_sense = wires_.sense.value();
    std::vector<double> root(m_, 0.0);
    for (std::size_t i = 0; i < rows_; ++i) root[i] = std::sqrt(g[i]);
    for (std::size_t i = 0; i < rows_; ++i) {
        const double* p = state_.data() + i * stride_;
        front.inverse[i] =
            1.0 + g[i] * (p[i] + r_sense + r_column * static_cast<double>(rows_ - i));
        for (std::size_t k = i + 1; k < rows_; ++k) {
            const double shared = r_sense + r_column * static_cast<double>(rows_ - k);
            panel_entry(front, i, k) = -root[i] * (p[k] + shared) * root[k];
        }
    }
    kernels().invert(front, load_.data(), ld_);
    for (std::size_t i = 0; i < m_; ++i) {
        for (std::size_t k = 0; k < m_; ++k) load_[i * ld_ + k] *= root[i] * root[k];
    }
}

/// step_ = Q = 1 - M P = M (1/g + K^-1), and the row sums of M at the start of panels_.
void GrowingArray::solve_step(std::span<const double> g) {
    const double r_column = wires_.column.value(), r_sense = wires_.sense.value();
    double* sums = panels_.data();
    std::vector<double> below(m_, 0.0), voltage(m_, 0.0);
    // The next state is not begun yet: its first columns are scratch.
    double* rows = next_.data();
    for (std::size_t i = rows_; i < m_; ++i) std::fill_n(rows + i * stride_, m_, 0.0);
    // Rows of Q' = (1/g + K^-1) M from the foot up: `voltage` is K^-1 M, `below` what flows there.
    for (std::size_t i = 0; i < rows_; ++i) {
        for (std::size_t k = 0; k < m_; ++k) below[k] += load_[i * ld_ + k];
    }
    std::copy_n(below.data(), m_, sums);
    for (std::size_t k = 0; k < m_; ++k) voltage[k] = r_sense * below[k];
    for (std::size_t i = rows_; i-- > 0;) {
        const double* load = load_.data() + i * ld_;
        double* to = rows + i * stride_;
        const double resistance = g[i] > 0.0 ? 1.0 / g[i] : 0.0;
        for (std::size_t k = 0; k < m_; ++k) {
            voltage[k] += r_column * below[k];
            to[k] = voltage[k] + resistance * load[k];
            below[k] -= load[k];
        }
        if (g[i] > 0.0) continue;
        // An open cell: its row of 1 - P M.
        for (std::size_t k = 0; k < m_; ++k) to[k] = 0.0;
        for (std::size_t l = 0; l < rows_; ++l) {
            const double p = state_[i * stride_ + l];
            for (std::size_t k = 0; k < m_; ++k) to[k] -= p * load_[l * ld_ + k];
        }
        to[i] += 1.0;
    }
    for (std::size_t i = 0; i < m_; i += kKronPanel) {
        for (std::size_t k = 0; k < m_; ++k) {
            for (std::size_t lane = 0; lane < kKronPanel; ++lane) {
                step_[k * ld_ + i + lane] = rows[(i + lane) * stride_ + k];
            }
        }
    }
}

/// out [m][m] = -(current of each cell of the new column) when its row nodes are at `nodes`
/// [m][stride], one column per input.
void GrowingArray::column_currents(std::span<const double> g, const double* nodes,
                                   double* out) const {
    const WireNetwork net = make_wire_network(rows_, 1, wires_);
    std::fill_n(out, m_ * ld_, 0.0);
    std::vector<double> foot(m_, 0.0);
    if (net.column_is_node && net.has_foot) {
        double all = net.foot;
        for (std::size_t i = 0; i < rows_; ++i) {
            all += g[i];
            for (std::size_t k = 0; k < m_; ++k) foot[k] += g[i] * nodes[i * stride_ + k];
        }
        for (std::size_t k = 0; k < m_; ++k) foot[k] /= all;
    }
    if (net.column_is_node) {
        for (std::size_t i = 0; i < rows_; ++i) {
            for (std::size_t k = 0; k < m_; ++k) {
                out[i * ld_ + k] = g[i] * (foot[k] - nodes[i * stride_ + k]);
            }
        }
        return;
    }
    // Down the chain: out holds what is left of the equation of each node, then upwards its
    // voltage.
    std::vector<double> pivot(rows_);
    double above = 0.0;
    for (std::size_t i = 0; i < rows_; ++i) {
        const double down = i + 1 == rows_ ? net.foot : net.column;
        pivot[i] = g[i] + above + down;
        const double pass = i == 0 ? 0.0 : net.column / pivot[i - 1];
        const double* before = i == 0 ? foot.data() : out + (i - 1) * ld_;
        for (std::size_t k = 0; k < m_; ++k) {
            out[i * ld_ + k] = g[i] * nodes[i * stride_ + k] + pass * before[k];
        }
        // In series: what the nodes above let through, seen from the next one.
        above = down * (g[i] + above) / pivot[i];
    }
    for (std::size_t i = rows_; i-- > 0;) {
        for (std::size_t k = 0; k < m_; ++k) {
            const double v = (out[i * ld_ + k] + net.column * foot[k]) / pivot[i];
            foot[k] = v;
            out[i * ld_ + k] = g[i] * (v - nodes[i * stride_ + k]);
        }
    }
}

}  // namespace attohm
