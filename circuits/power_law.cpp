#include "circuits/power_law.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

double PowerLaw::at(double x) const {
    return y_0 * std::pow(x / x_0, exponent);
}

PowerLaw fit_power_law(std::span<const double> x, std::span<const double> y) {
    ATTOHM_CHECK(x.size() >= 2);
    ATTOHM_CHECK_EQ(x.size(), y.size());
    const auto n = static_cast<double>(x.size());
    double mean_x = 0.0, mean_y = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        ATTOHM_CHECK(x[i] > 0.0 && y[i] > 0.0);
        mean_x += std::log(x[i]) / n;
        mean_y += std::log(y[i]) / n;
    }
    double covariance = 0.0, variance = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double dx = std::log(x[i]) - mean_x;
        covariance += dx * (std::log(y[i]) - mean_y);
        variance += dx * dx;
    }
    ATTOHM_CHECK(variance > 0.0);
    PowerLaw law;
    law.exponent = covariance / variance;
    law.x_0 = x.front();
    // Two points are met to the last bit at the first of them.
    law.y_0 =
        x.size() == 2 ? y.front() : std::exp(mean_y + law.exponent * (std::log(law.x_0) - mean_x));
    return law;
}

ScalingLaw::ScalingLaw(const Settings& settings, const std::string& size_key,
                       const std::string& value_key, double si_factor)
    : name_(value_key) {
    sizes_ = settings.reals(size_key, kPositive);
    values_ = settings.reals(value_key, kPositive);
    const SettingsEntry& entry = settings.entry(value_key);
    if (sizes_.size() < 2 || sizes_.size() != values_.size())
        throw UserError(fmt::format("`{}` and `{}` do not pair up", size_key, value_key),
                        entry.where, fmt::format("{} and {} values", sizes_.size(), values_.size()),
                        "one value per size, two or more");
    const auto fall = std::adjacent_find(sizes_.begin(), sizes_.end(), std::greater_equal<>());
    if (fall != sizes_.end())
        throw UserError(fmt::format("`{}` does not rise", size_key), settings.entry(size_key).where,
                        fmt::format("{} before {}", fall[0], fall[1]), "rising values");
    for (double& value : values_) value *= si_factor;
    source_ = entry.source.empty() ? "given by the user at " + entry.where : entry.source;
    mark_ = entry.mark;
    fit_ = fit_power_law(sizes_, values_);

    const std::vector<double> exponents = settings.reals("digital.fit_exponents", {-10.0, 10.0});
    if (exponents.size() != 2)
        throw UserError("`digital.fit_exponents` is no range",
                        settings.entry("digital.fit_exponents").where,
                        fmt::format("{} values", exponents.size()), "lowest and highest");
    if (!(fit_.exponent >= exponents[0] && fit_.exponent <= exponents[1]))
        throw UserError(
            fmt::format("`{}` over `{}` has an exponent no circuit has", value_key, size_key),
            entry.where, fmt::format("{:.3f}", fit_.exponent),
            fmt::format("{} to {}; is a value in another unit?", format_real(exponents[0]),
                        format_real(exponents[1])));
    const double allowed = settings.real("digital.fit_residual_ratio", {0.0, 1.0});
    if (worst_residual() > allowed)
        throw UserError(
            fmt::format("`{}` over `{}` is no power law", value_key, size_key), entry.where,
            fmt::format("a residual of {:.1e}", worst_residual()),
            fmt::format("at most {}; is a value in another unit?", format_real(allowed)));
}

Cited ScalingLaw::fitted(double value, const char* how) const {
    return {value, fmt::format("{}, {}, exponent {:.3f}", source_, how, fit_.exponent),
            weaker(mark_, Mark::fitted)};
}

Cited ScalingLaw::law(double size) const {
    return fitted(fit_.at(size), "by a power law through the points");
}

Cited ScalingLaw::at(double size) const {
    const auto point = std::find(sizes_.begin(), sizes_.end(), size);
    if (point == sizes_.end() || !goes_through_points()) return law(size);
    return {values_[static_cast<std::size_t>(point - sizes_.begin())], source_, mark_};
}

Cited ScalingLaw::between_points(double size) const {
    if (size < sizes_.front())
        return fitted(values_.front() * std::pow(size / sizes_.front(), fit_.exponent),
                      "below its points by the power law");
    if (size > sizes_.back())
        return fitted(values_.back() * std::pow(size / sizes_.back(), fit_.exponent),
                      "above its points by the power law");
    std::size_t i = 0;
    while (size > sizes_[i + 1]) ++i;
    for (const std::size_t end : {i, i + 1})
        if (size == sizes_[end]) return {values_[end], source_, mark_};
    const double share = std::log(size / sizes_[i]) / std::log(sizes_[i + 1] / sizes_[i]);
    return {values_[i] * std::pow(values_[i + 1] / values_[i], share),
            source_ + ", straight lines between the points in log-log",
            weaker(mark_, Mark::fitted)};
}

std::vector<double> ScalingLaw::residuals() const {
    std::vector<double> found;
    for (std::size_t i = 0; i < sizes_.size(); ++i)
        found.push_back(fit_.at(sizes_[i]) / values_[i] - 1.0);
    return found;
}

double ScalingLaw::worst_residual() const {
    double worst = 0.0;
    for (const double residual : residuals()) worst = std::max(worst, std::abs(residual));
    return worst;
}

Mark weaker(Mark a, Mark b) {
    const auto rank = [](Mark mark) {
        switch (mark) {
            case Mark::cited:
                return 0;
            case Mark::choice:
                return 1;
            case Mark::fitted:
                return 2;
            case Mark::assumed:
                return 3;
        }
        return 3;
    };
    return rank(a) >= rank(b) ? a : b;
}

}  // namespace attohm
