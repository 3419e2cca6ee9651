#include "crossbar/device/cell_iv.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// p(x) = 1 + a2 x + a3 x^2 + ..., and d(x p(x))/dx.
struct Polynomial {
    double value = 1.0;
    double slope = 1.0;
};

Polynomial polynomial_at(std::span<const double> coefficients, double x) {
    Polynomial p;
    double power = 1.0;
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
        power *= x;
        p.value += coefficients[k] * power;
        p.slope += static_cast<double>(k + 2) * coefficients[k] * power;
    }
    return p;
}

/// Segment of a table that holds x; the last one also holds what lies beyond.
std::size_t segment_of(std::span<const double> points, double x) {
    const auto above = std::upper_bound(points.begin(), points.end(), x);
    const auto index = static_cast<std::size_t>(above - points.begin());
    return std::clamp<std::size_t>(index, 1, points.size() - 1) - 1;
}

/// s and ds/dV at V >= 0 by one of the four laws: the loop over many is compiled for each.
struct Sample {
    double shape = 0.0;
    double slope = 1.0;
};

Sample sinh_at(const CellIv& iv, double x) {
    const double v0 = iv.v0.value();
    const double scale = iv.v_ref.value() / std::sinh(iv.v_ref.value() / v0);
    return {scale * std::sinh(x / v0), scale / v0 * std::cosh(x / v0)};
}

Sample polynomial_sample(const CellIv& iv, double x) {
    const double scale = polynomial_at(iv.coefficients, iv.v_ref.value()).value;
    const Polynomial p = polynomial_at(iv.coefficients, x);
    return {x * p.value / scale, p.slope / scale};
}

Sample table_at(const CellIv& iv, double x) {
    const std::size_t k = segment_of(iv.v_V, x);
    const double slope = (iv.shape_V[k + 1] - iv.shape_V[k]) / (iv.v_V[k + 1] - iv.v_V[k]);
    return {iv.shape_V[k] + slope * (x - iv.v_V[k]), slope};
}

/// Inside the range by the law, beyond it on the straight line of its end; odd.
template <class Law>
Sample extended(const CellIv& iv, double volt, Law law) {
    const double x = std::min(std::abs(volt), iv.v_max);
    Sample at = law(iv, x);
    at.shape += at.slope * (std::abs(volt) - x);
    at.shape = std::copysign(at.shape, volt);
    return at;
}

Sample sample(const CellIv& iv, double volt) {
    switch (iv.law) {
        case IvLaw::linear:
            return {volt, 1.0};
        case IvLaw::sinh:
            return extended(iv, volt, sinh_at);
        case IvLaw::polynomial:
            return extended(iv, volt, polynomial_sample);
        case IvLaw::table:
            return extended(iv, volt, table_at);
    }
    return {};
}

/// One operating point of element and selector in series.
struct Point {
    double ampere = 0.0;
    double differential = 0.0;
    double element = 0.0;  ///< volts across the memory element
};

/// u of u + V_s(G s(u)) = V for V > 0: Newton inside a bracket.
double element_voltage_of(const CellLaw& law, double g, double volt) {
    constexpr int kStepsMax = 200;
    double low = 0.0, high = volt;
    double u = volt;
    for (int step = 0; step < kStepsMax; ++step) {
        const Sample at = sample(law.iv, u);
        const double excess = (u - volt) + law.selector.drop(g * at.shape);
        if (excess == 0.0) return u;
        (excess < 0.0 ? low : high) = u;
        const double rise = 1.0 + law.selector.drop_slope(g * at.shape) * g * at.slope;
        double next = u - excess / rise;
        // Newton's tangent at 0 V bounds a tiny u from one side; then halve in the logarithm.
        if (!(next > low && next < high))
            next = low > 0.0 ? std::sqrt(low) * std::sqrt(high) : 0.5 * high;
        if (std::abs(next - u) <= CellLaw::kTolerance * next) return next;
        u = next;
    }
    throw InvariantError(
        fmt::format("no joint current of cell and selector at {} S, {} V", g, volt));
}

Point joint_point(const CellLaw& law, double g, double volt) {
    if (law.selector.law == SelectorLaw::none || g == 0.0 || volt == 0.0) {
        const Sample at = sample(law.iv, volt);
        const double conductance = g * at.slope;
        const double ampere = g * at.shape;
        return {ampere, conductance / (1.0 + law.selector.drop_slope(ampere) * conductance), volt};
    }
    Point point;
    if (law.iv.is_linear() && law.selector.law == SelectorLaw::resistance) {
        point.element = volt / (1.0 + g * law.selector.r_on.value());
    } else {
        point.element = std::copysign(element_voltage_of(law, g, std::abs(volt)), volt);
    }
    const Sample at = sample(law.iv, point.element);
    point.ampere = g * at.shape;
    const double conductance = g * at.slope;
    point.differential = conductance / (1.0 + law.selector.drop_slope(point.ampere) * conductance);
    return point;
}

}  // namespace

std::string_view iv_law_name(IvLaw law) {
    switch (law) {
        case IvLaw::linear:
            return "linear";
        case IvLaw::sinh:
            return "sinh";
        case IvLaw::polynomial:
            return "polynomial";
        case IvLaw::table:
            return "table";
    }
    return "";
}

std::string_view selector_law_name(SelectorLaw law) {
    switch (law) {
        case SelectorLaw::none:
            return "none";
        case SelectorLaw::resistance:
            return "resistance";
        case SelectorLaw::exponential:
            return "exponential";
    }
    return "";
}

double CellIv::shape(double volt) const {
    return sample(*this, volt).shape;
}
double CellIv::slope(double volt) const {
    return sample(*this, volt).slope;
}

Ampere CellIv::current(Siemens g, Volt volt) const {
    return Ampere::from_value(g.value() * shape(volt.value()));
}

Siemens CellIv::differential(Siemens g, Volt volt) const {
    return g * slope(volt.value());
}

void CellIv::shapes(std::span<const double> volt, std::span<double> shape,
                    std::span<double> slope) const {
    ATTOHM_CHECK_EQ(volt.size(), shape.size());
    ATTOHM_CHECK_EQ(volt.size(), slope.size());
    const auto all = [&](auto one) {
        for (std::size_t k = 0; k < volt.size(); ++k) {
            const Sample at = one(volt[k]);
            shape[k] = at.shape;
            slope[k] = at.slope;
        }
    };
    switch (law) {
        case IvLaw::linear:
            return all([](double v) { return Sample{v, 1.0}; });
        case IvLaw::sinh:
            return all([this](double v) { return extended(*this, v, sinh_at); });
        case IvLaw::polynomial:
            return all([this](double v) { return extended(*this, v, polynomial_sample); });
        case IvLaw::table:
            return all([this](double v) { return extended(*this, v, table_at); });
    }
}

double Selector::drop(double ampere) const {
    switch (law) {
        case SelectorLaw::none:
            return 0.0;
        case SelectorLaw::resistance:
            return r_on.value() * ampere;
        case SelectorLaw::exponential:
            return v0.value() * std::asinh(ampere / i0.value());
    }
    return 0.0;
}

double Selector::drop_slope(double ampere) const {
    switch (law) {
        case SelectorLaw::none:
            return 0.0;
        case SelectorLaw::resistance:
            return r_on.value();
        case SelectorLaw::exponential:
            return v0.value() / std::hypot(ampere, i0.value());
    }
    return 0.0;
}

void CellLaw::currents(std::span<const double> g, std::span<const double> volt,
                       std::span<double> ampere, std::span<double> differential) const {
    ATTOHM_CHECK_EQ(g.size(), volt.size());
    ATTOHM_CHECK_EQ(g.size(), ampere.size());
    ATTOHM_CHECK_EQ(g.size(), differential.size());
    if (selector.law == SelectorLaw::none) {
        iv.shapes(volt, ampere, differential);
        for (std::size_t k = 0; k < g.size(); ++k) {
            ampere[k] *= g[k];
            differential[k] *= g[k];
        }
        return;
    }
    for (std::size_t k = 0; k < g.size(); ++k) {
        const Point point = joint_point(*this, g[k], volt[k]);
        ampere[k] = point.ampere;
        differential[k] = point.differential;
    }
}

Ampere CellLaw::current(Siemens g, Volt volt) const {
    return Ampere::from_value(joint_point(*this, g.value(), volt.value()).ampere);
}

Volt CellLaw::element_voltage(Siemens g, Volt volt) const {
    return Volt::from_value(joint_point(*this, g.value(), volt.value()).element);
}

}  // namespace attohm
