#include "circuits/comparator.hpp"

#include <cmath>
#include <limits>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// P(X >= x) for X ~ N(mean, sigma^2); a step at the mean without noise.
double reaches(double x, double mean, double sigma) {
    if (sigma == 0.0) return mean >= x ? 1.0 : 0.0;
    return 0.5 * std::erfc((x - mean) / (sigma * std::sqrt(2.0)));
}

/// P(X > x).
double exceeds(double x, double mean, double sigma) {
    return sigma == 0.0 ? (mean > x ? 1.0 : 0.0) : reaches(x, mean, sigma);
}

}  // namespace

Second DecisionTiming::decision_time(Volt overdrive) const {
    const double size = std::abs(overdrive.value());
    if (size == 0.0) return Second::from_value(std::numeric_limits<double>::infinity());
    if (size >= swing.value()) return fixed;
    return fixed + regeneration * std::log(swing.value() / size);
}

Volt DecisionTiming::metastable_window() const {
    return swing * std::exp(-((available - fixed) / regeneration).value());
}

bool DecisionTiming::undecided(Volt overdrive) const {
    return std::abs(overdrive.value()) < metastable_window().value();
}

void DecisionTiming::check(const char* where) const {
    const auto refuse = [where](const char* what, double got, const char* allowed) {
        throw UserError(what, where, fmt::format("{:.4g}", got), allowed);
    };
    // Written so that NaN is refused too.
    if (!(fixed.value() >= 0.0))
        refuse("fixed time of a decision (s)", fixed.value(), "at least 0");
    if (!(regeneration.value() > 0.0))
        refuse("regeneration time of a comparator (s)", regeneration.value(), "above 0");
    if (!(swing.value() > 0.0)) refuse("swing of a comparator (V)", swing.value(), "above 0");
    if (!(available >= fixed))
        refuse("time available for a decision (s)", available.value(),
               "at least the fixed time of a decision");
}

Volt Comparator::hysteresis_shift(LastDecision last) const {
    if (last == LastDecision::none || reset == HysteresisReset::every) return {};
    return last == LastDecision::kept ? hysteresis * -0.5 : hysteresis * 0.5;
}

LastDecision Comparator::remembered(bool kept, bool same_head) const {
    if (reset == HysteresisReset::every) return LastDecision::none;
    if (reset == HysteresisReset::head && !same_head) return LastDecision::none;
    return kept ? LastDecision::kept : LastDecision::pruned;
}

Volt Comparator::metastable_window() const {
    return timing ? timing->metastable_window() : Volt{};
}

Comparator::Decision Comparator::decide(Volt overdrive, bool coin) const {
    if (!timing || !timing->undecided(overdrive)) return {overdrive.value() >= 0.0, false};
    return {undecided == Undecided::coin ? coin : undecided == Undecided::keep, true};
}

double Comparator::keep_probability(Volt mean, Volt sigma) const {
    const double m = mean.value(), s = sigma.value(), window = metastable_window().value();
    const double certain = reaches(window, m, s);
    if (window == 0.0 || undecided == Undecided::prune) return certain;
    const double not_pruned = exceeds(-window, m, s);
    return undecided == Undecided::keep ? not_pruned : 0.5 * (certain + not_pruned);
}

double Comparator::undecided_probability(Volt mean, Volt sigma) const {
    const double m = mean.value(), s = sigma.value(), window = metastable_window().value();
    if (window == 0.0) return 0.0;
    return exceeds(-window, m, s) - reaches(window, m, s);
}

}  // namespace attohm
