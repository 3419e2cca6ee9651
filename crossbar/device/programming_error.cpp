#include "crossbar/device/programming_error.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kMicro = 1e-6;

/// y at x on straight lines between the points (xs, ys). Throws: UserError outside.
double interpolate(const std::vector<double>& xs, const std::vector<double>& ys, double x) {
    // A last bit of the unit conversion does not put a level outside.
    constexpr double kRounding = 1e-9;
    if (!(x >= xs.front() * (1.0 - kRounding) && x <= xs.back() * (1.0 + kRounding))) {
        throw UserError(
            "target conductance outside the card's table", "programming.target_uS",
            fmt::format("{:.6g} uS", x / kMicro),
            fmt::format("{:.6g} to {:.6g} uS", xs.front() / kMicro, xs.back() / kMicro));
    }
    const auto above = std::upper_bound(xs.begin(), xs.end(), x);
    const std::size_t k =
        std::clamp<std::size_t>(static_cast<std::size_t>(above - xs.begin()), 1, xs.size() - 1);
    const double t = (x - xs[k - 1]) / (xs[k] - xs[k - 1]);
    return ys[k - 1] + t * (ys[k] - ys[k - 1]);
}

}  // namespace

Siemens ProgrammingError::raw_sigma(Siemens target) const {
    const double g = target.value();
    switch (law) {
        case ProgrammingLaw::polynomial:
            return Siemens::from_value(polynomial(sigma_coefficients, g));
        case ProgrammingLaw::table:
            return Siemens::from_value(interpolate(table_target_S, table_sigma_S, g));
        case ProgrammingLaw::log_normal:
            return Siemens::from_value(g * polynomial(sigma_coefficients, g));
    }
    return {};
}

Siemens ProgrammingError::bias(Siemens target) const {
    const double g = target.value();
    double b = 0.0;
    if (law == ProgrammingLaw::table) {
        if (!table_bias_S.empty()) b = interpolate(table_target_S, table_bias_S, g);
    } else {
        b = polynomial(bias_coefficients, g);
    }
    return Siemens::from_value(b) * scale;
}

ProgrammingError::Level ProgrammingError::level(Siemens target) const {
    Level result;
    result.mean = (target + bias(target)).value();
    if (law == ProgrammingLaw::log_normal) {
        result.mean = std::max(result.mean, 0.0);
        result.sigma_ln = scale * std::max(polynomial(sigma_coefficients, target.value()), 0.0);
    } else {
        result.sigma = scale * std::max(raw_sigma(target).value(), 0.0);
    }
    return result;
}

Siemens ProgrammingError::sigma(Siemens target) const {
    const Level at = level(target);
    if (law != ProgrammingLaw::log_normal) return Siemens::from_value(at.sigma);
    return Siemens::from_value(at.mean * std::sqrt(std::expm1(at.sigma_ln * at.sigma_ln)));
}

double ProgrammingError::Level::written(double z) const {
    if (sigma_ln == 0.0) return mean + sigma * z;
    return mean * std::exp(sigma_ln * (z - 0.5 * sigma_ln));
}

Siemens ProgrammingError::written(Siemens target, double z) const {
    return Siemens::from_value(level(target).written(z));
}

void ProgrammingError::written(std::span<const double> targets, std::span<const double> z,
                               std::span<double> out) const {
    ATTOHM_CHECK_EQ(targets.size(), z.size());
    ATTOHM_CHECK_EQ(targets.size(), out.size());
    for (std::size_t i = 0; i < targets.size(); ++i)
        out[i] = level(Siemens::from_value(targets[i])).written(z[i]);
}

bool ProgrammingError::none() const {
    if (scale == 0.0) return true;
    return all_zero(sigma_coefficients) && all_zero(bias_coefficients) && all_zero(table_sigma_S) &&
           all_zero(table_bias_S);
}

namespace {

/// Calls `check` at many targets from g_min to g_max.
void over_range(const ConductanceRange& range, const std::function<void(Siemens)>& check) {
    constexpr int kSteps = 256;
    for (int i = 0; i <= kSteps; ++i)
        check(range.min + (range.max - range.min) * (static_cast<double>(i) / kSteps));
}

/// A law that turns negative inside the card's own range is a slip of the fit, not a noiseless
/// level.
void require_positive(const ProgrammingError& law, const ConductanceRange& range,
                      const std::string& where) {
    over_range(range, [&](Siemens target) {
        const double sigma = law.raw_sigma(target).value() / kMicro;
        if (sigma >= 0.0) return;
        throw UserError("programming sigma is negative inside the conductance range", where,
                        fmt::format("{:.4g} uS at {:.4g} uS", sigma, target.value() / kMicro),
                        "sigma >= 0 from g_min to g_max");
    });
    if (law.law != ProgrammingLaw::log_normal) return;
    over_range(range, [&](Siemens target) {
        const double mean = target.value() + polynomial(law.bias_coefficients, target.value());
        if (mean >= 0.0) return;
        throw UserError(
            "the bias takes a log-normal mean below zero", where,
            fmt::format("{:.4g} uS at {:.4g} uS", mean / kMicro, target.value() / kMicro),
            "target + bias >= 0 from g_min to g_max");
    });
}

std::vector<double> table_column(const Settings& card, std::string_view key, std::size_t size) {
    std::vector<double> column = card.reals(key, {-1e7, 1e7});
    if (column.size() != size) {
        throw UserError(fmt::format("`{}` has another length than the targets", key),
                        card.entry(key).where, fmt::format("{} numbers", column.size()),
                        fmt::format("{} numbers", size));
    }
    for (double& x : column) x *= kMicro;
    return column;
}

void load_table(const Settings& card, const ConductanceRange& range, ProgrammingError& error) {
    constexpr std::string_view kTargets = "programming.target_uS";
    error.table_target_S = table_column(card, kTargets, card.reals(kTargets).size());
    const std::vector<double>& targets = error.table_target_S;
    const std::string where = card.entry(kTargets).where;
    if (targets.size() < 2 || targets.front() < 0.0 ||
        std::adjacent_find(targets.begin(), targets.end(), std::greater_equal<>()) !=
            targets.end()) {
        throw UserError("targets of the programming table do not increase", where,
                        fmt::format("[{}]", fmt::join(card.texts(kTargets), ", ")),
                        "two or more conductances, increasing, not negative");
    }
    error.table_sigma_S = table_column(card, "programming.sigma_uS", targets.size());
    if (card.has("programming.bias_uS"))
        error.table_bias_S = table_column(card, "programming.bias_uS", targets.size());
    constexpr double kRounding = 1e-9;
    if (targets.front() > range.min.value() * (1.0 + kRounding) ||
        targets.back() < range.max.value() * (1.0 - kRounding)) {
        throw UserError(
            "the programming table does not cover the conductance range", where,
            fmt::format("{:.6g} to {:.6g} uS", targets.front() / kMicro, targets.back() / kMicro),
            fmt::format("{:.6g} to {:.6g} uS or more", range.min.value() / kMicro,
                        range.max.value() / kMicro));
    }
}

/// The key that holds sigma; reads it.
std::string load_sigma(const Settings& card, const ConductanceRange& range,
                       ProgrammingError& error) {
    if (error.law == ProgrammingLaw::log_normal) {
        const std::string key = "programming.sigma_ln_coefficients";
        error.sigma_coefficients = load_polynomial(card, key, 1.0, kMicro);
        return key;
    }
    const std::string relative = "programming.sigma_over_gmax_coefficients";
    const std::string absolute = "programming.sigma_uS_coefficients";
    if (card.has(relative) && card.has(absolute)) {
        throw UserError("the programming sigma is given twice", card.entry(relative).where,
                        absolute + " and " + relative, "one of the two");
    }
    if (!card.has(relative)) {
        error.sigma_coefficients = load_polynomial(card, absolute, kMicro, kMicro);
        return absolute;
    }
    const double g_max = range.max.value();
    error.sigma_coefficients = load_polynomial(card, relative, g_max, g_max);
    return relative;
}

}  // namespace

ProgrammingError load_programming(const Settings& experiment, const Settings& card,
                                  const ConductanceRange& range) {
    ProgrammingError error;
    error.scale = load_scale(experiment, "device.programming.scale", card, "programming");
    if (!has_section(card, "programming")) return error;
    const std::string law = card.choice("programming.law", {"polynomial", "table", "log-normal"});
    error.measured_at = Second::from_value(card.real("programming.measured_at_s", {0.0, 1e12}));
    std::string key = "programming.sigma_uS";
    if (law == "table") {
        error.law = ProgrammingLaw::table;
        load_table(card, range, error);
    } else {
        error.law = law == "polynomial" ? ProgrammingLaw::polynomial : ProgrammingLaw::log_normal;
        key = load_sigma(card, range, error);
        if (card.has("programming.bias_uS_coefficients"))
            error.bias_coefficients =
                load_polynomial(card, "programming.bias_uS_coefficients", kMicro, kMicro);
    }
    require_positive(error, range, card.entry(key).where);
    return error;
}

}  // namespace attohm
