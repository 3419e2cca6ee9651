#include "crossbar/wires/wire_coupling.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace attohm {

namespace {

constexpr int kSteps = 300;
constexpr double kTolerance = 1e-4;

/// G^1/2 R_w G^1/2 as an operator on [rows, columns].
class LineOperator {
  public:
    LineOperator(MatrixView<const double> conductance, const WireResistances& wires)
        : rows_(conductance.rows), columns_(conductance.cols), wires_(wires) {
        root_.resize(rows_, columns_);
        for (std::size_t i = 0; i < rows_; ++i) {
            for (std::size_t j = 0; j < columns_; ++j) {
                root_(i, j) = std::sqrt(conductance(i, j));
            }
        }
        scaled_.resize(rows_, columns_);
        sums_.resize(rows_, columns_);
    }

    std::size_t size() const { return rows_ * columns_; }

    void apply(const std::vector<double>& x, std::vector<double>& y) {
        for (std::size_t k = 0; k < x.size(); ++k) scaled_.data()[k] = root_.data()[k] * x[k];
        for (std::size_t i = 0; i < rows_; ++i) apply_row(scaled_.row(i), y.data() + i * columns_);
        add_columns(y.data());
        for (std::size_t k = 0; k < y.size(); ++k) y[k] *= root_.data()[k];
    }

  private:
    /// Voltages on one row line, fed with currents x: the shared resistance of two cells is that
    /// from the driver to the nearer one, less what a second driver takes.
    void apply_row(const double* x, double* y) const {
        const double r_row = wires_.row.value(), r_driver = wires_.driver.value();
        double behind = 0.0, taken = 0.0;
        for (std::size_t j = 0; j < columns_; ++j) {
            behind += x[j];
            taken += (r_driver + r_row * static_cast<double>(j + 1)) * x[j];
        }
        const double length = 2.0 * r_driver + r_row * static_cast<double>(columns_ + 1);
        const bool both = wires_.drive == Drive::both_sides && length > 0.0;
        double voltage = r_driver * behind;
        for (std::size_t j = 0; j < columns_; ++j) {
            voltage += r_row * behind;
            behind -= x[j];
            const double from = r_driver + r_row * static_cast<double>(j + 1);
            y[j] = both ? voltage - from / length * taken : voltage;
        }
    }

    /// The same for the columns, whose driver is the foot below the last row, a row at a time.
    void add_columns(double* y) {
        const double r_column = wires_.column.value(), r_sense = wires_.sense.value();
        // sums(i) = current of rows 0 .. i, which flows through the segment below row i.
        std::copy_n(scaled_.row(0), columns_, sums_.row(0));
        for (std::size_t i = 1; i < rows_; ++i) {
            for (std::size_t j = 0; j < columns_; ++j) {
                sums_(i, j) = sums_(i - 1, j) + scaled_(i, j);
            }
        }
        std::vector<double> voltage(columns_);
        for (std::size_t j = 0; j < columns_; ++j) voltage[j] = r_sense * sums_(rows_ - 1, j);
        for (std::size_t i = rows_; i-- > 0;) {
            for (std::size_t j = 0; j < columns_; ++j) {
                voltage[j] += r_column * sums_(i, j);
                y[i * columns_ + j] += voltage[j];
            }
        }
    }

    std::size_t rows_, columns_;
    WireResistances wires_;
    Matrix<double> root_, scaled_, sums_;
};

double norm(const std::vector<double>& x) {
    double sum = 0.0;
    for (const double v : x) sum += v * v;
    return std::sqrt(sum);
}

/// Largest eigenvalue of the symmetric tridiagonal matrix (diagonal a, off-diagonal b), by
/// bisection on the signs of the pivots.
double largest_eigenvalue(const std::vector<double>& a, const std::vector<double>& b) {
    double low = a[0], high = 0.0;
    for (std::size_t k = 0; k < a.size(); ++k) {
        const double left = k > 0 ? std::abs(b[k - 1]) : 0.0;
        const double right = k + 1 < a.size() ? std::abs(b[k]) : 0.0;
        low = std::max(low, a[k]);
        high = std::max(high, a[k] + left + right);
    }
    const auto above_all = [&](double x) {
        double pivot = x - a[0];
        for (std::size_t k = 1; k < a.size() && pivot > 0.0; ++k) {
            pivot = x - a[k] - b[k - 1] * b[k - 1] / pivot;
        }
        return pivot > 0.0;
    };
    for (int step = 0; step < 60 && high - low > 1e-14 * high; ++step) {
        const double middle = 0.5 * (low + high);
        (above_all(middle) ? high : low) = middle;
    }
    return high;
}

/// Last component of that eigenvalue's unit eigenvector.
double last_component(const std::vector<double>& a, const std::vector<double>& b, double value) {
    // From the last component up; the recurrence grows towards the first ones.
    double here = 1.0, behind = 0.0, sum = 1.0;
    for (std::size_t k = a.size() - 1; k > 0; --k) {
        const double next = k + 1 < a.size() ? b[k] * behind : 0.0;
        const double before = ((value - a[k]) * here - next) / b[k - 1];
        behind = here;
        here = before;
        sum += here * here;
        if (sum > 1e200) return 0.0;
    }
    return 1.0 / std::sqrt(sum);
}

}  // namespace

double wire_coupling(MatrixView<const double> conductance, const WireResistances& wires) {
    LineOperator lines(conductance, wires);
    // All entries of the operator are >= 0: a positive start is never orthogonal to the largest
    // eigenvector.
    std::vector<double> x(lines.size(), 1.0 / std::sqrt(static_cast<double>(lines.size())));
    std::vector<double> before(lines.size(), 0.0), y(lines.size());
    std::vector<double> a, b;
    double largest = 0.0;
    for (int step = 0; step < kSteps; ++step) {
        lines.apply(x, y);
        double overlap = 0.0;
        for (std::size_t k = 0; k < x.size(); ++k) overlap += x[k] * y[k];
        const double last = b.empty() ? 0.0 : b.back();
        for (std::size_t k = 0; k < x.size(); ++k) y[k] -= overlap * x[k] + last * before[k];
        a.push_back(overlap);
        const double rest = norm(y);
        const double value = largest_eigenvalue(a, b);
        const double error = rest * std::abs(last_component(a, b, value));
        largest = value + error;
        if (error <= kTolerance * value || rest <= 1e-300) break;
        b.push_back(rest);
        before.swap(x);
        for (std::size_t k = 0; k < x.size(); ++k) x[k] = y[k] / rest;
    }
    return largest / (1.0 + largest);
}

}  // namespace attohm
