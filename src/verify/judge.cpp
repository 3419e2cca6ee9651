#include "src/verify/judge.hpp"

#include <cmath>
#include <limits>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kSigmas = 5.0;

}  // namespace

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass:
            return "pass";
        case Verdict::fail:
            return "FAIL";
        case Verdict::absent:
            return "not in this card";
    }
    return "";
}

void Judge::keep(double ratio, Outcome candidate) {
    ++measurements_;
    if (ratio <= ratio_) return;
    ratio_ = ratio;
    worst_ = std::move(candidate);
}

void Judge::within(const std::string& quantity, double measured, double expected,
                   double tolerance) {
    const double off = std::abs(measured - expected);
    const bool good = off <= tolerance;
    double ratio = off == 0.0 ? 0.0 : off / tolerance;
    // Not a number, or 0 / 0: as wrong as can be.
    if (!good && !(ratio > 1.0)) ratio = std::numeric_limits<double>::infinity();
    keep(ratio,
         {good ? Verdict::pass : Verdict::fail, quantity, measured, expected, tolerance, 0, ""});
}

void Judge::statistic(const std::string& quantity, double measured, double expected,
                      double standard_error, double most, double slack) {
    const double band = kSigmas * standard_error + slack;
    if (!(band <= most)) {
        refuse(quantity, fmt::format("sample too small to judge: the band would be {:.3g}, wider "
                                     "than {:.3g}",
                                     band, most));
        return;
    }
    within(quantity, measured, expected, band);
}

void Judge::holds(const std::string& quantity, bool does) {
    within(quantity, does ? 1.0 : 0.0, 1.0, 0.0);
}

void Judge::refuse(const std::string& quantity, const std::string& note) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    keep(std::numeric_limits<double>::infinity(),
         {Verdict::fail, quantity, none, none, none, 0, note});
}

Outcome Judge::outcome() const {
    if (measurements_ == 0) throw InvariantError("a check measured nothing");
    Outcome outcome = worst_;
    outcome.measurements = measurements_;
    return outcome;
}

Outcome Judge::absent(const std::string& note) {
    Outcome outcome;
    outcome.note = note;
    return outcome;
}

}  // namespace attohm
