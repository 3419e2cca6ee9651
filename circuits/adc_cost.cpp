#include "circuits/adc_cost.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

constexpr std::string_view kPoints = "adc.points.";
constexpr double kSquareMicrometre = 1e-12;

std::vector<double> coefficients(const Settings& settings, const std::string& key,
                                 std::size_t count) {
    std::vector<double> values = settings.reals(key);
    if (values.size() != count)
        throw UserError("`" + key + "` has another number of coefficients than the fit",
                        settings.entry(key).where, fmt::format("{}", values.size()),
                        fmt::format("{}", count));
    return values;
}

Range limits(const Settings& settings, const std::string& key) {
    const std::vector<double> ends = coefficients(settings, key, 2);
    return {ends[0], ends[1]};
}

void require_inside(double value, Range range, const char* what, const std::string& where) {
    // NaN is in no range.
    if (value >= range.low && value <= range.high) return;
    throw UserError(std::string(what) + " is outside the ADC survey fit", where, format_real(value),
                    fmt::format("{} to {}", format_real(range.low), format_real(range.high)));
}

}  // namespace

AdcSurveyFit::AdcSurveyFit(const Settings& settings)
    : signal_(coefficients(settings, "adc.survey.sndr_dB", 2)),
      figure_(coefficients(settings, "adc.survey.foms_dB", 4)),
      energy_(coefficients(settings, "adc.survey.energy", 4)),
      area_(coefficients(settings, "adc.survey.area", 4)),
      limits_{limits(settings, "adc.survey.enob"), limits(settings, "adc.survey.node_nm"),
              limits(settings, "adc.survey.rate_Hz")},
      source_(settings.entry("adc.survey.energy").source),
      mark_(settings.entry("adc.survey.energy").mark) {}

double AdcSurveyFit::energy_pJ(double enob, double node_nm, double rate_Hz) const {
    const double sndr = signal_[0] * enob + signal_[1];
    const double figure = std::min(figure_[0] - figure_[1] * std::log(rate_Hz),
                                   figure_[2] + figure_[3] * std::ceil(enob));
    const double size =
        energy_[0] + energy_[1] * std::log(node_nm) - energy_[2] * std::log(enob) - energy_[3];
    return std::exp(size) / (2.0 * std::pow(10.0, (figure - sndr) / 10.0));
}

AdcCost AdcSurveyFit::cost(double enob, double node_nm, Hertz rate,
                           const std::string& where) const {
    require_inside(enob, limits_.enob, "effective number of bits", where);
    require_inside(node_nm, limits_.node_nm, "node (nm)", where);
    require_inside(rate.value(), limits_.rate_Hz, "conversion rate (Hz)", where);
    const double pJ = energy_pJ(enob, node_nm, rate.value());
    const double um2 = std::exp(area_[0] + area_[1] * std::log(node_nm) +
                                area_[2] * std::log(rate.value()) + area_[3] * std::log(pJ));
    return {{pJ * kPico, source_, mark_}, {um2 * kSquareMicrometre, source_, mark_}};
}

std::vector<std::string> adc_point_names(const Settings& settings) {
    std::vector<std::string> names;
    for (const std::string& key : settings.keys()) {
        if (!key.starts_with(kPoints)) continue;
        const std::string name = key.substr(kPoints.size(), key.rfind('.') - kPoints.size());
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

AdcPoint adc_point(const Settings& settings, const std::string& name) {
    const std::vector<std::string> names = adc_point_names(settings);
    if (std::find(names.begin(), names.end(), name) == names.end())
        throw UserError("unknown converter", "adc.points", name,
                        fmt::format("{}", fmt::join(names, ", ")));
    const std::string prefix = std::string(kPoints) + name + ".";
    AdcPoint point;
    point.name = name;
    point.bits = static_cast<int>(settings.integer(prefix + "bits", {1, 16}));
    point.node_nm = settings.real(prefix + "node_nm", {1.0, 1000.0});
    point.rate = Hertz::from_value(settings.real(prefix + "rate_GHz", {1e-9, 1e3}) * 1e9);
    point.cost.energy = cited(settings, prefix + "power_mW", 1e-3 / point.rate.value(), kPositive);
    point.cost.area = cited(settings, prefix + "area_um2", kSquareMicrometre, kPositive);
    return point;
}

}  // namespace attohm
