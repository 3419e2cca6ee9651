#pragma once

#include <string>
#include <string_view>

/// What one check found.
namespace attohm {

enum class Verdict {
    pass,
    fail,
    absent,  ///< the card has nothing for this check to judge: neither
};
std::string_view verdict_name(Verdict verdict);

/// What a measurement has to be.
enum class Demand {
    near,     ///< expected, within the band
    at_most,  ///< no larger than the band
    between,  ///< from low to high
    holds,    ///< a statement: 1 for true
};

/// A verdict with the quantity that decided it: of all that a check measured, the one that came
/// nearest to the end of its band, or went furthest beyond.
struct Outcome {
    Verdict verdict = Verdict::absent;
    std::string quantity;
    double measured = 0.0;
    double expected = 0.0;
    double band = 0.0;  ///< pass where |measured - expected| <= band
    std::string unit;   ///< of all of them; empty: a plain number
    Demand demand = Demand::near;
    double low = 0.0, high = 0.0;  ///< what is allowed, expected -+ band
    std::string band_from;         ///< why the band is as wide as it is
    int measurements = 0;
    std::string note;  ///< why nothing was judged
};

/// What was measured and found wanting, or not: "0.34; allowed: at most 0.1 (a physical bound)".
std::string judged_text(const Outcome& outcome);

/// Collects the measurements of one check. A quantity ends in its unit where it has one: "energy of
/// a write, J".
class Judge {
  public:
    /// An exact law: |measured - expected| <= tolerance.
    void within(const std::string& quantity, double measured, double expected, double tolerance);

    /// What a number given by somebody can be at most, or between, and still be meant; both
    /// positive.
    void at_most(const std::string& quantity, double value, double limit);
    void between(const std::string& quantity, double value, double low, double high);

    /// A law of large numbers: the band is 5 standard errors, to which `slack` (what the arithmetic
    /// or the law itself leaves open) is added.
    /// Args: most: a band wider than this cannot tell right from wrong, and the check fails.
    void statistic(const std::string& quantity, double measured, double expected,
                   double standard_error, double most, double slack = 0.0);

    /// A statement that holds or does not: measured 1 or 0, expected 1.
    void holds(const std::string& quantity, bool does);

    /// Fails the check whatever was measured.
    void refuse(const std::string& quantity, const std::string& note);

    /// Throws: InvariantError where nothing was measured.
    Outcome outcome() const;

    static Outcome absent(const std::string& note);

  private:
    void keep(double ratio, Outcome candidate);
    void measure(const std::string& quantity, double measured, double expected, double tolerance,
                 Demand demand, const std::string& band_from);

    Outcome worst_;
    double ratio_ = -1.0;
    int measurements_ = 0;
};

}  // namespace attohm
