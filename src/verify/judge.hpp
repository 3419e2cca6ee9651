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

/// A verdict with the quantity that decided it: of all that a check measured, the one that came
/// nearest to the end of its band, or went furthest beyond.
struct Outcome {
    Verdict verdict = Verdict::absent;
    std::string quantity;
    double measured = 0.0;
    double expected = 0.0;
    double band = 0.0;  ///< pass where |measured - expected| <= band
    int measurements = 0;
    std::string note;  ///< why nothing was judged
};

/// Collects the measurements of one check.
class Judge {
  public:
    /// An exact law: |measured - expected| <= tolerance.
    void within(const std::string& quantity, double measured, double expected, double tolerance);

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

    Outcome worst_;
    double ratio_ = -1.0;
    int measurements_ = 0;
};

}  // namespace attohm
