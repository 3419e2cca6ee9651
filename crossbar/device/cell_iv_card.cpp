#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "crossbar/device/cell_iv.hpp"
#include "crossbar/device/validity.hpp"
#include "src/base/error.hpp"

/// Cell I-V and selector of a card, with what must hold for them.
namespace attohm {

namespace {

constexpr Range kVoltage{1e-6, 100.0};
constexpr std::size_t kTermsMax = 8;      ///< a2 to a9
constexpr double kSinhRange = 500.0;      ///< in v0: sinh(710) is the end of a double
constexpr double kReferenceError = 1e-6;  ///< of a table at v_ref

/// Whether sum c_k t^k >= 0 for 0 <= t <= 1. In Bernstein form a polynomial lies between its
/// smallest and largest coefficient, and its ends are the first and the last: halve until one of
/// the two decides.
bool non_negative_in_bernstein(const std::vector<double>& form, int depth) {
    constexpr int kDepthMax = 40;
    if (form.front() < 0.0 || form.back() < 0.0) return false;
    if (std::all_of(form.begin(), form.end(), [](double c) { return c >= 0.0; })) return true;
    if (depth == kDepthMax) return true;  // it touches 0 there
    std::vector<double> left(form.size()), right = form;
    for (std::size_t level = 0; level < form.size(); ++level) {
        left[level] = right.front();
        for (std::size_t k = 0; k + 1 < form.size() - level; ++k)
            right[k] = 0.5 * (right[k] + right[k + 1]);
    }
    return non_negative_in_bernstein(left, depth + 1) &&
           non_negative_in_bernstein(right, depth + 1);
}

bool non_negative_on_unit(const std::vector<double>& power) {
    const std::size_t degree = power.size() - 1;
    std::vector<double> form(power.size(), 0.0);
    for (std::size_t i = 0; i <= degree; ++i) {
        double ratio = 1.0;  // C(i, k) / C(degree, k)
        for (std::size_t k = 0; k <= i; ++k) {
            form[i] += ratio * power[k];
            if (k < i) ratio *= static_cast<double>(i - k) / static_cast<double>(degree - k);
        }
    }
    return non_negative_in_bernstein(form, 0);
}

/// Whether d(x p(x))/dx >= 0 from 0 to v_max: on [0, 1] and, read backwards, on [1, infinity).
bool never_falls(const std::vector<double>& coefficients, double v_max) {
    std::vector<double> slope = {1.0};
    const double unit = std::isinf(v_max) ? 1.0 : v_max;
    double power = 1.0;
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
        power *= unit;
        slope.push_back(static_cast<double>(k + 2) * coefficients[k] * power);
    }
    if (!non_negative_on_unit(slope)) return false;
    std::reverse(slope.begin(), slope.end());
    return !std::isinf(v_max) || non_negative_on_unit(slope);
}

void load_polynomial(const Settings& card, CellIv& iv) {
    iv.coefficients = card.reals("iv.coefficients", {-1e12, 1e12});
    const std::string& where = card.entry("iv.coefficients").where;
    if (iv.coefficients.empty() || iv.coefficients.size() > kTermsMax)
        throw UserError("`iv.coefficients` has a wrong number of terms", where,
                        fmt::format("{}", iv.coefficients.size()),
                        fmt::format("1 to {} terms: a2, a3, ...", kTermsMax));
    if (never_falls(iv.coefficients, iv.v_max)) return;
    throw UserError("the current of `iv.coefficients` falls while the voltage rises", where,
                    fmt::format("{}", fmt::join(iv.coefficients, ", ")),
                    std::isinf(iv.v_max)
                        ? "dI/dV >= 0 at every voltage (or a `validity.read_V` that ends before)"
                        : fmt::format("dI/dV >= 0 from 0 V to {} V (validity.read_V)", iv.v_max));
}

void load_table(const Settings& card, CellIv& iv) {
    iv.v_V = card.reals("iv.v_V", {0.0, kVoltage.high});
    const std::vector<double> ratio = card.reals("iv.i_over_g_v", {0.0, 1e12});
    const std::string& where = card.entry("iv.i_over_g_v").where;
    if (iv.v_V.size() != ratio.size() || ratio.size() < 2)
        throw UserError("`iv.v_V` and `iv.i_over_g_v` are no table", where,
                        fmt::format("{} voltages, {} currents", iv.v_V.size(), ratio.size()),
                        "as many of one as of the other, at least 2");
    if (iv.v_V.front() != 0.0 || ratio.front() != 0.0)
        throw UserError("the table of `iv` does not start at 0", where,
                        fmt::format("{} at {} V", ratio.front(), iv.v_V.front()),
                        "current 0 at 0 V");
    for (std::size_t k = 1; k < ratio.size(); ++k) {
        if (iv.v_V[k] <= iv.v_V[k - 1])
            throw UserError("`iv.v_V` does not rise", card.entry("iv.v_V").where,
                            fmt::format("{} V after {} V", iv.v_V[k], iv.v_V[k - 1]),
                            "rising voltages");
        if (ratio[k] < ratio[k - 1])
            throw UserError("the current of `iv.i_over_g_v` falls while the voltage rises", where,
                            fmt::format("{} at {} V after {} at {} V", ratio[k], iv.v_V[k],
                                        ratio[k - 1], iv.v_V[k - 1]),
                            "currents that do not fall");
    }
    iv.v_max = std::min(iv.v_max, iv.v_V.back());
    for (const double r : ratio) iv.shape_V.push_back(r * iv.v_ref.value());
}

/// v_ref lies inside the law, and there the cell is the linear one.
void require_reference(const Settings& card, const CellIv& iv) {
    const double v_ref = iv.v_ref.value();
    if (v_ref > iv.v_max)
        throw UserError("`iv.v_ref_V` lies outside the law", card.entry("iv.v_ref_V").where,
                        fmt::format("{} V", v_ref), fmt::format("at most {} V", iv.v_max));
    const double ratio = iv.shape(v_ref) / v_ref;
    if (std::abs(ratio - 1.0) > kReferenceError)
        throw UserError(
            "the table of `iv` is not the linear cell at v_ref", card.entry("iv.i_over_g_v").where,
            fmt::format("{:.9g} at {} V", ratio, v_ref), "1: conductance is I / V at v_ref_V");
}

}  // namespace

CellIv load_cell_iv(const Settings& card) {
    CellIv iv;
    if (!has_section(card, "iv")) return iv;
    const std::string law = card.choice("iv.law", {"linear", "sinh", "polynomial", "table"});
    if (law == "linear" && !card.has("iv.v_ref_V")) return iv;
    iv.v_ref = Volt::from_value(card.real("iv.v_ref_V", kVoltage));
    if (law == "linear") return iv;
    if (card.has("validity.read_V")) {
        for (const double volt : card.reals("validity.read_V"))
            iv.v_max = std::isinf(iv.v_max) ? std::abs(volt) : std::max(iv.v_max, std::abs(volt));
    }
    if (law == "sinh") {
        iv.law = IvLaw::sinh;
        iv.v0 = Volt::from_value(card.real("iv.v0_V", kVoltage));
        iv.v_max = std::min(iv.v_max, kSinhRange * iv.v0.value());
    } else if (law == "polynomial") {
        iv.law = IvLaw::polynomial;
        load_polynomial(card, iv);
    } else {
        iv.law = IvLaw::table;
        load_table(card, iv);
    }
    require_reference(card, iv);
    return iv;
}

Selector load_selector(const Settings& card) {
    Selector selector;
    if (!has_section(card, "selector")) return selector;
    if (card.choice("selector.law", {"resistance", "exponential"}) == "resistance") {
        selector.law = SelectorLaw::resistance;
        selector.r_on = Ohm::from_value(card.real("selector.r_on_ohm", {0.0, 1e12}));
    } else {
        selector.law = SelectorLaw::exponential;
        selector.i0 = Ampere::from_value(card.real("selector.i0_A", {1e-21, 1.0}));
        selector.v0 = Volt::from_value(card.real("selector.v0_V", {1e-4, 100.0}));
    }
    return selector;
}

CellLaw load_cell_law(const Settings& card) {
    return {load_cell_iv(card), load_selector(card)};
}

}  // namespace attohm
