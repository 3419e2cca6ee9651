#include "crossbar/fit/statistics.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

constexpr double kTail = 0.5 * (1.0 - kConfidence);
constexpr double kLackOfFit = 0.001;

}  // namespace

double normal_cdf(double z) {
    return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

double normal_quantile(double probability) {
    return boost::math::quantile(boost::math::normal_distribution<>(), probability);
}

double student_quantile(double probability, double dof) {
    return boost::math::quantile(boost::math::students_t_distribution<>(dof), probability);
}

double chi_square_tail(double x, double dof) {
    if (dof <= 0.0 || x <= 0.0) return 1.0;
    return boost::math::cdf(
        boost::math::complement(boost::math::chi_squared_distribution<>(dof), x));
}

double mean_of(std::span<const double> values) {
    ATTOHM_CHECK(!values.empty());
    double sum = 0.0;
    for (const double v : values) sum += v;
    return sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
    ATTOHM_CHECK(values.size() >= 2);
    const double mean = mean_of(values);
    double sum = 0.0;
    for (const double v : values) sum += (v - mean) * (v - mean);
    return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double median_of(std::vector<double> values) {
    ATTOHM_CHECK(!values.empty());
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

double robust_deviation(const std::vector<double>& values) {
    const double middle = median_of(values);
    std::vector<double> distance;
    for (const double v : values) distance.push_back(std::abs(v - middle));
    const double mad = median_of(distance);
    return mad > 0.0 ? 1.4826 * mad : 1.2533 * mean_of(distance);
}

Estimate mean_estimate(std::span<const double> values) {
    const double n = static_cast<double>(values.size());
    const double mean = mean_of(values);
    const double half =
        student_quantile(1.0 - kTail, n - 1.0) * deviation_of(values) / std::sqrt(n);
    return {mean, {mean - half, mean + half}};
}

Estimate sigma_estimate(std::span<const double> values) {
    const double dof = static_cast<double>(values.size()) - 1.0;
    const boost::math::chi_squared_distribution<> law(dof);
    const double s = deviation_of(values);
    return {s,
            {s * std::sqrt(dof / boost::math::quantile(law, 1.0 - kTail)),
             s * std::sqrt(dof / boost::math::quantile(law, kTail))}};
}

Estimate sigma_estimate_any_law(std::span<const double> values) {
    const double n = static_cast<double>(values.size());
    const double s = deviation_of(values);
    if (s <= 0.0 || n < 4.0) return sigma_estimate(values);
    // ln s without one value each, from sums: the pseudo-values' own spread.
    const double mean = mean_of(values);
    const double sum = s * s * (n - 1.0);
    std::vector<double> left;
    for (const double v : values) {
        const double rest = std::max(sum - (v - mean) * (v - mean) * n / (n - 1.0), 1e-12 * sum);
        left.push_back(0.5 * std::log(rest / (n - 2.0)));
    }
    const double error = deviation_of(left) * (n - 1.0) / std::sqrt(n);
    const double half = student_quantile(1.0 - kTail, n - 1.0) * error;
    return {s, {s * std::exp(-half), s * std::exp(half)}};
}

double sigma_expected(std::size_t n) {
    const double k = static_cast<double>(n);
    return std::sqrt(2.0 / (k - 1.0)) * std::exp(std::lgamma(0.5 * k) - std::lgamma(0.5 * k - 0.5));
}

double sigma_error(std::size_t n) {
    const double expected = sigma_expected(n);
    return std::sqrt(std::max(1.0 - expected * expected, 0.0));
}

Estimate share_estimate(std::size_t k, std::size_t n) {
    ATTOHM_CHECK(n > 0 && k <= n);
    using Beta = boost::math::beta_distribution<>;
    const double a = static_cast<double>(k), b = static_cast<double>(n - k);
    return {a / (a + b),
            {k == 0 ? 0.0 : boost::math::quantile(Beta(a, b + 1.0), kTail),
             k == n ? 1.0 : boost::math::quantile(Beta(a + 1.0, b), 1.0 - kTail)}};
}

Normality check_normality(std::vector<double> values) {
    ATTOHM_CHECK(values.size() >= 8);
    std::sort(values.begin(), values.end());
    const double n = static_cast<double>(values.size());
    const double mean = mean_of(values), s = deviation_of(values);
    if (s <= 0.0) return {};
    double a2 = 0.0, along = 0.0, quantiles = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double rank = static_cast<double>(i);
        const double low = normal_cdf((values[i] - mean) / s);
        const double high = normal_cdf(-(values[values.size() - 1 - i] - mean) / s);
        a2 -= (2.0 * rank + 1.0) / n *
              (std::log(std::max(low, 1e-300)) + std::log(std::max(high, 1e-300)));
        const double q = normal_quantile((rank + 0.625) / (n + 0.25));
        along += q * (values[i] - mean);
        quantiles += q * q;
    }
    const double a = (a2 - n) * (1.0 + 0.75 / n + 2.25 / (n * n));
    double p = 0.0;
    if (a >= 0.6)
        p = std::exp(1.2937 - 5.709 * a + 0.0186 * a * a);
    else if (a > 0.34)
        p = std::exp(0.9177 - 4.279 * a - 1.38 * a * a);
    else if (a > 0.2)
        p = 1.0 - std::exp(-8.318 + 42.796 * a - 59.938 * a * a);
    else
        p = 1.0 - std::exp(-13.436 + 101.14 * a - 223.73 * a * a);
    // The formula's own parabola turns round far out, where p is nothing anyway.
    if (a > 13.0) p = 0.0;
    return {a, std::clamp(p, 0.0, 1.0), along / (std::sqrt(quantiles * (n - 1.0)) * s)};
}

double Polynomial::at(double x) const {
    double sum = 0.0;
    for (std::size_t k = coefficients.size(); k-- > 0;) sum = sum * x + coefficients[k];
    return sum;
}

double Polynomial::error_at(double x) const {
    const std::size_t n = coefficients.size();
    double sum = 0.0, left = 1.0;
    for (std::size_t i = 0; i < n; ++i, left *= x) {
        double right = 1.0;
        for (std::size_t j = 0; j < n; ++j, right *= x) sum += left * right * covariance[i * n + j];
    }
    return std::sqrt(std::max(sum, 0.0));
}

Bounds Polynomial::bounds_at(double x) const {
    const double half = normal_quantile(1.0 - kTail) * error_at(x);
    return {at(x) - half, at(x) + half};
}

std::vector<Bounds> Polynomial::coefficient_bounds() const {
    const std::size_t n = coefficients.size();
    std::vector<Bounds> bounds;
    for (std::size_t k = 0; k < n; ++k) {
        const double half = normal_quantile(1.0 - kTail) * std::sqrt(covariance[k * n + k]);
        bounds.push_back({coefficients[k] - half, coefficients[k] + half});
    }
    return bounds;
}

double Polynomial::least_over(double low, double high) const {
    constexpr int kSteps = 512;
    double least = at(low);
    for (int i = 1; i <= kSteps; ++i) {
        const double share = static_cast<double>(i) / kSteps;
        least = std::min(least, at(low * (1.0 - share) + high * share));
    }
    return least;
}

std::string Polynomial::text(const std::string& unit) const {
    std::string out;
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
        const double c = coefficients[k];
        const std::string power = k == 0 ? "" : k == 1 ? " G" : fmt::format(" G^{}", k);
        out += fmt::format("{}{:.4g}{}", k == 0 ? (c < 0 ? "-" : "") : (c < 0 ? " - " : " + "),
                           std::abs(c), power);
    }
    return out + (unit.empty() ? "" : " " + unit);
}

Polynomial fit_polynomial(std::span<const WeightedPoint> points, int degree) {
    const auto rows = static_cast<Eigen::Index>(points.size());
    const Eigen::Index terms = degree + 1;
    ATTOHM_CHECK_LE(terms, rows);
    // In x / scale the powers are of one size.
    double scale = 0.0;
    for (const WeightedPoint& p : points) scale = std::max(scale, std::abs(p.x));
    if (scale == 0.0) scale = 1.0;
    Eigen::MatrixXd design(rows, terms);
    Eigen::VectorXd values(rows);
    for (Eigen::Index i = 0; i < rows; ++i) {
        const WeightedPoint& p = points[static_cast<std::size_t>(i)];
        ATTOHM_CHECK(p.sigma > 0.0);
        double power = 1.0 / p.sigma;
        for (Eigen::Index k = 0; k < terms; ++k, power *= p.x / scale) design(i, k) = power;
        values(i) = p.y / p.sigma;
    }
    const Eigen::VectorXd solution = design.colPivHouseholderQr().solve(values);
    const Eigen::MatrixXd covariance = (design.transpose() * design).inverse();
    Polynomial law;
    law.coefficients.clear();
    law.covariance.clear();
    for (Eigen::Index k = 0; k < terms; ++k)
        law.coefficients.push_back(solution(k) / std::pow(scale, k));
    for (Eigen::Index i = 0; i < terms; ++i)
        for (Eigen::Index j = 0; j < terms; ++j)
            law.covariance.push_back(covariance(i, j) / std::pow(scale, i + j));
    law.chi2 = (design * solution - values).squaredNorm();
    law.dof = static_cast<double>(rows - terms);
    law.fit_p = law.dof > 0.0 ? chi_square_tail(law.chi2, law.dof) : 1.0;
    return law;
}

PolynomialChoice choose_polynomial(std::span<const WeightedPoint> points, int most) {
    PolynomialChoice choice;
    const int highest = std::min(most, static_cast<int>(points.size()) - 1);
    std::vector<Polynomial> laws;
    for (int degree = 0; degree <= highest; ++degree) {
        laws.push_back(fit_polynomial(points, degree));
        choice.chi2_by_degree.push_back(laws.back().chi2);
    }
    int chosen = 0;
    for (int degree = 1; degree <= highest; ++degree) {
        const std::size_t d = static_cast<std::size_t>(degree);
        const double drop = choice.chi2_by_degree[d - 1] - choice.chi2_by_degree[d];
        if (chi_square_tail(drop, 1.0) < kSignificance) chosen = degree;
    }
    choice.law = laws[static_cast<std::size_t>(chosen)];
    choice.fits = choice.law.fit_p >= kLackOfFit;
    return choice;
}

}  // namespace attohm::fit
