#pragma once

#include <span>
#include <string>
#include <vector>

#include "circuits/cited.hpp"

namespace attohm {

/// y = y_0 (x / x_0)^p through or near points, by least squares of ln y over ln x.
struct PowerLaw {
    double x_0 = 1.0;
    double y_0 = 1.0;
    double exponent = 0.0;

    double at(double x) const;
};

/// The law of least squared ln(y / law); through both points where there are two.
/// Throws: InvariantError for fewer than two points, sizes that differ or a value that is not
///   positive.
PowerLaw fit_power_law(std::span<const double> x, std::span<const double> y);

/// One family of published figures over a size (width in bits, capacity in KB) and its power law.
///
/// Two points define the law: their residual is 0 by construction. Three or more do not, and each
/// must lie within `digital.fit_residual_ratio` of it. An exponent outside
/// `digital.fit_exponents` is refused too: it is how one figure of two in a wrong unit shows.
class ScalingLaw {
  public:
    /// Args:
    ///   size_key, value_key: lists of equal length; sizes rise
    ///   si_factor: of the values
    /// Throws: UserError on lists that do not pair up or rise, values that are not positive, points
    ///   that do not lie on one power law.
    ScalingLaw(const Settings& settings, const std::string& size_key, const std::string& value_key,
               double si_factor);

    /// What the fit says, marked fitted.
    Cited law(double size) const;
    /// The cited point where the law goes through its points and has one at `size`, else the law.
    Cited at(double size) const;
    /// The cited points, straight lines in log-log between them, the law's exponent beyond them.
    Cited between_points(double size) const;

    /// law(size_i) / value_i - 1 of every point.
    std::vector<double> residuals() const;
    double worst_residual() const;

    const std::string& name() const { return name_; }
    const std::vector<double>& sizes() const { return sizes_; }
    const std::vector<double>& values() const { return values_; }  ///< SI
    const std::string& source() const { return source_; }          ///< of the points
    const PowerLaw& fit() const { return fit_; }
    bool goes_through_points() const { return sizes_.size() == 2; }

  private:
    Cited fitted(double value, const char* how) const;

    std::string name_;
    std::vector<double> sizes_, values_;
    std::string source_;
    Mark mark_ = Mark::choice;
    PowerLaw fit_;
};

/// The mark of a figure made of two: assumed before fitted before choice before cited.
Mark weaker(Mark a, Mark b);

}  // namespace attohm
