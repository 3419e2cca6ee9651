#pragma once

#include <span>
#include <string>
#include <vector>

/// The statistics that the fits share. All intervals are at 0.95.
namespace attohm::fit {

constexpr double kConfidence = 0.95;
/// Significance at which a term, a part or a law is taken to be there.
constexpr double kSignificance = 0.01;

struct Bounds {
    double low = 0.0;
    double high = 0.0;
    bool holds(double value) const { return low <= value && value <= high; }
};

struct Estimate {
    double value = 0.0;
    Bounds bounds;
};

double normal_cdf(double z);
double normal_quantile(double probability);
double student_quantile(double probability, double dof);
/// P(chi-square with `dof` > x).
double chi_square_tail(double x, double dof);

double mean_of(std::span<const double> values);
/// Args: at least two values; divided by n - 1.
double deviation_of(std::span<const double> values);
double median_of(std::vector<double> values);
/// Spread that outliers do not move: 1.4826 x the median distance from the median; where more than
/// half of the values are equal, 1.2533 x the mean distance.
double robust_deviation(const std::vector<double>& values);

/// Mean with its t interval. Args: at least two values.
Estimate mean_estimate(std::span<const double> values);
/// Standard deviation with its chi-square interval (normal values). Args: at least two values.
Estimate sigma_estimate(std::span<const double> values);
/// The same without assuming a law: ln s by the delete-one jackknife, t interval.
Estimate sigma_estimate_any_law(std::span<const double> values);
/// Expected sample deviation of n normal values with sigma 1, and its standard deviation.
double sigma_expected(std::size_t n);
double sigma_error(std::size_t n);

/// A share k / n with its exact (Clopper-Pearson) interval.
Estimate share_estimate(std::size_t k, std::size_t n);

/// Whether values are normal with unknown mean and deviation.
/// Source: Anderson-Darling A*2 and its p-value by D'Agostino and Stephens, Goodness-of-Fit
/// Techniques, 1986, table 4.9 (case 3). q_correlation: of the ordered values with normal
/// quantiles at (i - 0.375) / (n + 0.25).
struct Normality {
    double a2 = 0.0;
    double p = 1.0;
    double q_correlation = 1.0;
};
/// Args: at least eight values.
Normality check_normality(std::vector<double> values);

/// y = value +- sigma at x.
struct WeightedPoint {
    double x = 0.0;
    double y = 0.0;
    double sigma = 0.0;
};

/// A polynomial by weighted least squares, constant first; covariance from the given sigmas.
struct Polynomial {
    std::vector<double> coefficients = {0.0};
    std::vector<double> covariance = {0.0};  ///< row by row
    double chi2 = 0.0;                       ///< weighted sum of squares left
    double dof = 0.0;
    double fit_p = 1.0;  ///< P(chi-square >= chi2): small where the law does not fit

    double at(double x) const;
    /// Standard deviation of at(x).
    double error_at(double x) const;
    Bounds bounds_at(double x) const;
    std::vector<Bounds> coefficient_bounds() const;
    double least_over(double low, double high) const;
    std::string text(const std::string& unit) const;
};
/// Args: more points than `degree`; sigmas > 0.
Polynomial fit_polynomial(std::span<const WeightedPoint> points, int degree);

/// The degree chosen by `choose_polynomial`, with what spoke for it.
struct PolynomialChoice {
    Polynomial law;
    std::vector<double> chi2_by_degree;
    bool fits = true;  ///< not rejected at 0.001
};
/// The largest degree of which the last term lowers chi-square significantly (at 0.01), up to
/// `most` and points - 1; a law whose own chi-square is rejected at 0.001 does not fit.
PolynomialChoice choose_polynomial(std::span<const WeightedPoint> points, int most);

}  // namespace attohm::fit
