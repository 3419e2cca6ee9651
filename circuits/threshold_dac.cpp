#include "circuits/threshold_dac.hpp"

#include <algorithm>
#include <cmath>

namespace attohm {

ThresholdDac::Setting ThresholdDac::set(double n_th) const {
    Setting setting;
    if (!bits_) {
        setting.steps = static_cast<float>(n_th);
        return setting;
    }
    setting.clamped = std::abs(n_th) > range_;
    const double inside = std::clamp(n_th, -range_, range_);
    const double largest = std::ldexp(1.0, *bits_ - 1) - 1.0;
    const double code = std::clamp(std::nearbyint(inside * largest / range_), -largest, largest);
    // Product first, one division: a code that stands for an integer step is that integer exactly.
    setting.steps = static_cast<float>(code * range_ / largest);
    return setting;
}

}  // namespace attohm
