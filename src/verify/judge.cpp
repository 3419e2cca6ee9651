#include "src/verify/judge.hpp"

#include <cmath>
#include <limits>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kSigmas = 5.0;
constexpr std::string_view kExact = "an exact law, but for rounding";
constexpr std::string_view kBound = "a physical bound, docs/verify.md";

/// "energy of a write, J" -> its unit goes to where units are.
void split_unit(Outcome& outcome) {
    const std::size_t comma = outcome.quantity.rfind(", ");
    if (comma == std::string::npos) return;
    const std::string last = outcome.quantity.substr(comma + 2);
    for (const char* unit : {"S", "uS", "J", "s", "ohm", "A", "Hz"})
        if (last == unit) {
            outcome.unit = unit;
            outcome.quantity.resize(comma);
            return;
        }
}

}  // namespace

std::string judged_text(const Outcome& outcome) {
    const std::string unit = outcome.unit.empty() ? "" : " " + outcome.unit;
    const std::string from = " (" + outcome.band_from + ")";
    if (outcome.demand == Demand::holds)
        return outcome.measured == 1.0 ? "yes" : "no, and it has to be so";
    const std::string got = fmt::format("{:.6g}{}; ", outcome.measured, unit);
    switch (outcome.demand) {
        case Demand::at_most:
            return got + fmt::format("allowed: at most {:.3g}{}{}", outcome.high, unit, from);
        case Demand::between:
            return got + fmt::format("allowed: {:.4g} to {:.4g}{}{}", outcome.low, outcome.high,
                                     unit, from);
        default:
            break;
    }
    if (outcome.band == 0.0)
        return got + fmt::format("it has to be {:.6g}{} exactly", outcome.expected, unit);
    return got + fmt::format("the law gives {:.6g}{}, allowed: +- {:.2g}{}{}", outcome.expected,
                             unit, outcome.band, unit, from);
}

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
    split_unit(worst_);
}

void Judge::measure(const std::string& quantity, double measured, double expected, double tolerance,
                    Demand demand, const std::string& band_from) {
    const double off = std::abs(measured - expected);
    const bool good = off <= tolerance;
    double ratio = off == 0.0 ? 0.0 : off / tolerance;
    // Not a number, or 0 / 0: as wrong as can be.
    if (!good && !(ratio > 1.0)) ratio = std::numeric_limits<double>::infinity();
    Outcome outcome;
    outcome.verdict = good ? Verdict::pass : Verdict::fail;
    outcome.quantity = quantity;
    outcome.measured = measured;
    outcome.expected = expected;
    outcome.band = tolerance;
    outcome.low = expected - tolerance;
    outcome.high = expected + tolerance;
    outcome.demand = demand;
    outcome.band_from = band_from;
    keep(ratio, std::move(outcome));
}

void Judge::within(const std::string& quantity, double measured, double expected,
                   double tolerance) {
    // A size that should vanish has one side only.
    const bool vanishes = expected == 0.0 && measured >= 0.0 && tolerance > 0.0;
    measure(quantity, measured, expected, tolerance, vanishes ? Demand::at_most : Demand::near,
            std::string(kExact));
}

void Judge::at_most(const std::string& quantity, double value, double limit) {
    measure(quantity, value, 0.0, limit, Demand::at_most, std::string(kBound));
}

void Judge::between(const std::string& quantity, double value, double low, double high) {
    // One measurement: how far from the middle on a scale of logarithms, 1 at the ends.
    const double half = 0.5 * std::log(high / low);
    const double off = value > 0.0 ? std::abs(std::log(value / std::sqrt(low * high))) / half
                                   : std::numeric_limits<double>::infinity();
    Outcome outcome;
    outcome.verdict = value >= low && value <= high ? Verdict::pass : Verdict::fail;
    outcome.quantity = quantity;
    outcome.measured = value;
    outcome.expected = 0.5 * (low + high);
    outcome.band = 0.5 * (high - low);
    outcome.low = low;
    outcome.high = high;
    outcome.demand = Demand::between;
    outcome.band_from = kBound;
    keep(off, std::move(outcome));
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
    measure(quantity, measured, expected, band, Demand::near,
            slack > 0.0 ? "5 standard errors and a slack, docs/verify.md"
                        : "5 standard errors of the sample");
}

void Judge::holds(const std::string& quantity, bool does) {
    measure(quantity, does ? 1.0 : 0.0, 1.0, 0.0, Demand::holds, "");
}

void Judge::refuse(const std::string& quantity, const std::string& note) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    Outcome outcome;
    outcome.verdict = Verdict::fail;
    outcome.quantity = quantity;
    outcome.measured = outcome.expected = outcome.band = outcome.low = outcome.high = none;
    outcome.note = note;
    keep(std::numeric_limits<double>::infinity(), std::move(outcome));
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
