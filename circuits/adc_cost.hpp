#pragma once

#include <string>
#include <vector>

#include "circuits/cited.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// Energy and area of one ADC.
struct AdcCost {
    Cited energy;  ///< J per conversion
    Cited area;    ///< m2
};

/// The best of the ADCs published between 1997 and 2020 as a fit: what a good design of that
/// resolution, rate and node costs. With f in Hz, node in nm:
///     SNDR = 6.02 ENOB + 1.76 dB
///     FOMS = min(a0 - a1 ln f, b0 + b1 ceil(ENOB)) dB
///     E    = exp(c0 + c1 ln(node) - c2 ln(ENOB) - c3) / (2 10^((FOMS - SNDR) / 10))   pJ
///     area = exp(d0 + d1 ln(node) + d2 ln f + d3 ln(E / pJ))                          um2
/// Source: Accelergy-Project/accelergy-adc-plug-in, adc_data/model.yaml, fitted to Murmann's ADC
/// survey. Not modelled: range and supply, drivers and references outside the ADC, leakage,
/// nodes below 16 nm.
class AdcSurveyFit {
  public:
    /// Coefficients and limits from `adc.survey.*`.
    explicit AdcSurveyFit(const Settings& settings);

    /// Args: enob: effective bits; rate: conversions per second; where: what messages name.
    /// Throws: UserError outside the limits of the fit: nothing is extrapolated.
    AdcCost cost(double enob, double node_nm, Hertz rate, const std::string& where) const;

  private:
    struct Limits {
        Range enob, node_nm, rate_Hz;
    };
    double energy_pJ(double enob, double node_nm, double rate_Hz) const;

    std::vector<double> signal_, figure_, energy_, area_;
    Limits limits_;
    std::string source_;
    Mark mark_ = Mark::fitted;
};

/// One published converter: energy is its power over its rate.
struct AdcPoint {
    std::string name;
    int bits = 0;
    double node_nm = 0.0;
    Hertz rate = {};
    AdcCost cost;
};

/// The converters of `adc.points.*`. Throws: UserError for an unknown name (names those there are).
AdcPoint adc_point(const Settings& settings, const std::string& name);
std::vector<std::string> adc_point_names(const Settings& settings);

}  // namespace attohm
