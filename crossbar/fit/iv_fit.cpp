#include "crossbar/fit/iv_fit.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

constexpr std::size_t kLeastPoints = 5;
constexpr double kSmallVoltage = 0.1;  ///< of the largest: noise may turn the current round there
constexpr double kAkaike = 10.0;

double log_sinhc(double x) {
    if (x < 1e-3) return x * x / 6.0;
    if (x > 20.0) return x - std::log(2.0 * x);
    return std::log(std::sinh(x) / x);
}

/// d/db of ln sinhc(V sqrt(b)).
double log_sinhc_slope(double volt, double b) {
    const double x = volt * std::sqrt(b);
    if (x < 1e-3) return volt * volt / 6.0;
    return (x / std::tanh(x) - 1.0) / (2.0 * b);
}

/// A shape's logarithm with its derivatives by the parameters.
struct ShapeModel {
    Eigen::Index terms;
    double (*value)(double volt, const Eigen::VectorXd& p);
    void (*slopes)(double volt, const Eigen::VectorXd& p, Eigen::Ref<Eigen::VectorXd> out);
    bool (*allowed)(const Eigen::VectorXd& p, double most);
};

const ShapeModel kSinh = {
    1, [](double v, const Eigen::VectorXd& p) { return log_sinhc(v * std::sqrt(p(0))); },
    [](double v, const Eigen::VectorXd& p, Eigen::Ref<Eigen::VectorXd> out) {
        out(0) = log_sinhc_slope(v, p(0));
    },
    [](const Eigen::VectorXd& p, double) { return p(0) >= 0.0; }};

const ShapeModel kPolynomial = {
    2, [](double v, const Eigen::VectorXd& p) { return std::log(1.0 + p(0) * v + p(1) * v * v); },
    [](double v, const Eigen::VectorXd& p, Eigen::Ref<Eigen::VectorXd> out) {
        const double sum = 1.0 + p(0) * v + p(1) * v * v;
        out(0) = v / sum;
        out(1) = v * v / sum;
    },
    [](const Eigen::VectorXd& p, double most) {
        // d(V + a2 V^2 + a3 V^3)/dV >= 0 from 0 to the largest voltage.
        const auto slope = [&](double v) { return 1.0 + 2.0 * p(0) * v + 3.0 * p(1) * v * v; };
        if (slope(most) < 0.0) return false;
        const double turn = p(1) != 0.0 ? -p(0) / (3.0 * p(1)) : -1.0;
        return turn <= 0.0 || turn >= most || slope(turn) >= 0.0;
    }};

struct ShapeFit {
    Eigen::VectorXd parameters;
    Eigen::MatrixXd covariance;
    double rms = 0.0;
    double sum = 0.0;
    double dof = 0.0;
};

/// Residuals and slopes with every curve's own mean taken off (its ln G).
void centred(const std::vector<IvCurve>& curves, const ShapeModel& model, const Eigen::VectorXd& p,
             Eigen::VectorXd& residual, Eigen::MatrixXd& slopes) {
    Eigen::Index at = 0;
    Eigen::VectorXd own(model.terms);
    for (const IvCurve& curve : curves) {
        const Eigen::Index first = at;
        for (std::size_t i = 0; i < curve.volt.size(); ++i, ++at) {
            residual(at) = curve.log_chord[i] - model.value(curve.volt[i], p);
            model.slopes(curve.volt[i], p, own);
            slopes.row(at) = own.transpose();
        }
        const Eigen::Index n = at - first;
        residual.segment(first, n).array() -= residual.segment(first, n).mean();
        for (Eigen::Index k = 0; k < model.terms; ++k)
            slopes.col(k).segment(first, n).array() -= slopes.col(k).segment(first, n).mean();
    }
}

ShapeFit fit_shape(const std::vector<IvCurve>& curves, std::size_t points, double most,
                   const ShapeModel& model, bool free) {
    constexpr int kRounds = 200;
    const auto rows = static_cast<Eigen::Index>(points);
    ShapeFit fit;
    fit.parameters = Eigen::VectorXd::Zero(model.terms);
    Eigen::VectorXd residual(rows), tried(rows);
    Eigen::MatrixXd slopes(rows, model.terms), other(rows, model.terms);
    centred(curves, model, fit.parameters, residual, slopes);
    double damping = 1e-6;
    for (int round = 0; free && round < kRounds && damping < 1e12; ++round) {
        Eigen::MatrixXd system = slopes.transpose() * slopes;
        system.diagonal() *= 1.0 + damping;
        const Eigen::VectorXd step = system.ldlt().solve(slopes.transpose() * residual);
        Eigen::VectorXd next = fit.parameters + step;
        if (model.terms == 1) next = next.cwiseMax(0.0);
        if (!model.allowed(next, most)) {
            damping = std::max(10.0 * damping, 1e-6);
            continue;
        }
        centred(curves, model, next, tried, other);
        if (!(tried.squaredNorm() <= residual.squaredNorm())) {
            damping = std::max(10.0 * damping, 1e-6);
            continue;
        }
        const double moved = (next - fit.parameters).norm();
        fit.parameters = next;
        residual = tried;
        slopes = other;
        damping *= 0.1;
        if (moved <= 1e-12 * (1.0 + next.norm())) break;
    }
    fit.sum = residual.squaredNorm();
    fit.dof = static_cast<double>(points - curves.size()) -
              (free ? static_cast<double>(model.terms) : 0.0);
    fit.rms = std::sqrt(fit.sum / fit.dof);
    fit.covariance = (slopes.transpose() * slopes).inverse() * (fit.sum / fit.dof);
    return fit;
}

Estimate estimate(const ShapeFit& fit, Eigen::Index k) {
    const double half =
        student_quantile(0.5 + 0.5 * kConfidence, fit.dof) * std::sqrt(fit.covariance(k, k));
    return {fit.parameters(k), {fit.parameters(k) - half, fit.parameters(k) + half}};
}

void read_curves(const MeasuredTable& table, IvFit& fit) {
    const auto volt = table.column("voltage"), ampere = table.column("current");
    double most = 0.0;
    for (const double v : volt) most = std::max(most, std::abs(v));
    std::map<CellId, std::vector<std::size_t>> rows;
    for (std::size_t i = 0; i < table.rows(); ++i) {
        std::vector<std::size_t>& own = rows[cell_of(table, i)];
        if (volt[i] * ampere[i] > 0.0) {
            own.push_back(i);
            continue;
        }
        if (std::abs(volt[i]) > kSmallVoltage * most)
            throw UserError("the current runs against its voltage", table.place(i, "current"),
                            fmt::format("{:g} A at {:g} V", ampere[i], volt[i]),
                            "a current with the sign of the voltage");
        ++fit.left_out;
    }
    fit.volts_V = {most, most};
    for (auto& [cell, own] : rows) {
        std::stable_sort(own.begin(), own.end(), [&](std::size_t a, std::size_t b) {
            return std::abs(volt[a]) < std::abs(volt[b]);
        });
        if (own.size() < kLeastPoints || std::abs(volt[own.front()]) == std::abs(volt[own.back()]))
            throw UserError(
                "a sweep is too short",
                own.empty() ? table.files.front() : table.place(own.front(), "voltage"),
                fmt::format("{} usable points of {}", own.size(), cell_text(cell)),
                fmt::format("at least {} points at two voltages and more", kLeastPoints));
        IvCurve curve;
        curve.cell = cell;
        for (const std::size_t i : own) {
            curve.volt.push_back(std::abs(volt[i]));
            curve.log_chord.push_back(std::log(ampere[i] * 1e6 / volt[i]));
            fit.volts_V.low = std::min(fit.volts_V.low, std::abs(volt[i]));
        }
        fit.points += own.size();
        fit.curves.push_back(std::move(curve));
    }
}

void choose(IvFit& fit, const ShapeFit& sinh, const ShapeFit& polynomial,
            std::optional<IvLaw> asked) {
    const double n = static_cast<double>(fit.points);
    const double f =
        (fit.rms_linear * fit.rms_linear * (sinh.dof + 1.0) - sinh.sum) / (sinh.sum / sinh.dof);
    const bool curved = f > std::pow(student_quantile(1.0 - 0.5 * kSignificance, sinh.dof), 2) &&
                        sinh.parameters(0) > 0.0;
    const double gain = n * std::log(sinh.sum / polynomial.sum) - 2.0;
    const double high = fit.volts_V.high;
    const bool rises = kPolynomial.allowed(polynomial.parameters, high);
    if (asked) {
        fit.law = *asked;
        fit.why = "asked for";
        if (*asked == IvLaw::sinh && sinh.parameters(0) <= 0.0)
            throw UserError("the current bends the other way from a sinh", "--iv-law", "sinh",
                            "polynomial, or linear");
    } else if (!curved && gain <= kAkaike) {
        fit.law = IvLaw::linear;
        fit.why = "no curvature is significant";
    } else if (gain > kAkaike && rises) {
        fit.law = IvLaw::polynomial;
        fit.why = fmt::format("lowers Akaike's criterion by {:.1f} against sinh", gain);
    } else {
        fit.law = IvLaw::sinh;
        fit.why =
            fmt::format("Akaike's criterion of a polynomial is {:+.1f} from that of sinh", -gain);
    }
}

}  // namespace

double middle_voltage(const MeasuredTable& table) {
    double most = 0.0, best = 0.0;
    for (const double v : table.column("voltage")) most = std::max(most, std::abs(v));
    for (const double v : table.column("voltage"))
        if (std::abs(std::abs(v) - 0.5 * most) < std::abs(best - 0.5 * most)) best = std::abs(v);
    return best;
}

double IvFit::sinh_shape(double volt) const {
    const double b = std::max(inverse_square.value, 0.0);
    return volt / v_ref_V *
           std::exp(log_sinhc(volt * std::sqrt(b)) - log_sinhc(v_ref_V * std::sqrt(b)));
}

double IvFit::shape(double volt) const {
    if (law == IvLaw::sinh) return sinh_shape(volt);
    if (law != IvLaw::polynomial) return volt / v_ref_V;
    const auto sum = [&](double v) {
        return 1.0 + coefficients[0].value * v + coefficients[1].value * v * v;
    };
    return volt / v_ref_V * sum(volt) / sum(v_ref_V);
}

IvFit fit_iv(const MeasuredTable& table, double v_ref_V, std::optional<IvLaw> asked) {
    IvFit fit;
    fit.source = table.source();
    fit.v_ref_V = v_ref_V;
    read_curves(table, fit);
    if (!fit.volts_V.holds(v_ref_V))
        throw UserError("v_ref lies outside the sweeps", "--v-ref", fmt::format("{:g} V", v_ref_V),
                        fmt::format("{:g} to {:g} V", fit.volts_V.low, fit.volts_V.high));
    const double most = fit.volts_V.high;
    const ShapeFit linear = fit_shape(fit.curves, fit.points, most, kSinh, false);
    const ShapeFit sinh = fit_shape(fit.curves, fit.points, most, kSinh, true);
    const ShapeFit polynomial = fit_shape(fit.curves, fit.points, most, kPolynomial, true);
    fit.rms_linear = linear.rms;
    fit.rms_sinh = sinh.rms;
    fit.rms_polynomial = polynomial.rms;
    fit.inverse_square = estimate(sinh, 0);
    const auto v0 = [](double b) {
        return b > 0.0 ? 1.0 / std::sqrt(b) : std::numeric_limits<double>::infinity();
    };
    fit.v0_V = {v0(fit.inverse_square.value),
                {v0(fit.inverse_square.bounds.high), v0(fit.inverse_square.bounds.low)}};
    fit.coefficients = {estimate(polynomial, 0), estimate(polynomial, 1)};
    choose(fit, sinh, polynomial, asked);
    for (IvCurve& curve : fit.curves) {
        double sum = 0.0;
        for (std::size_t i = 0; i < curve.volt.size(); ++i)
            sum +=
                curve.log_chord[i] - std::log(fit.shape(curve.volt[i]) * v_ref_V / curve.volt[i]);
        curve.g_uS = std::exp(sum / static_cast<double>(curve.volt.size()));
    }
    if (fit.left_out > 0)
        fit.notes.push_back(
            fmt::format("{} points at 0 V, or near it with the wrong sign, say "
                        "nothing and are left out.",
                        fit.left_out));
    return fit;
}

}  // namespace attohm::fit
