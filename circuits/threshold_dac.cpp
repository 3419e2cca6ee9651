#include "circuits/threshold_dac.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

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
    setting.code = static_cast<std::int32_t>(code);
    return setting;
}

double ThresholdDac::step() const {
    return bits_ ? range_ / (std::ldexp(1.0, *bits_ - 1) - 1.0) : 0.0;
}

ThresholdInl::ThresholdInl(const ThresholdDac& dac, double sigma_lsb, const Stream& statics) {
    if (!(sigma_lsb >= 0.0) || !std::isfinite(sigma_lsb))
        throw UserError("INL of a threshold DAC", "threshold.inl_sigma_lsb",
                        fmt::format("{}", sigma_lsb), "finite and at least 0");
    if (sigma_lsb == 0.0) return;
    if (!dac.bits())
        throw UserError("an ideal threshold DAC has no codes that could be off",
                        "threshold.inl_sigma_lsb", fmt::format("{}", sigma_lsb),
                        "0, or a number of threshold.dac_bits");
    const std::int32_t largest = (1 << (*dac.bits() - 1)) - 1;
    errors_.assign(static_cast<std::size_t>(2 * largest + 1), 0.0F);
    statics.add_normals(kBase - static_cast<std::uint64_t>(largest),
                        static_cast<float>(sigma_lsb * dac.step()), errors_);
}

float ThresholdInl::steps(std::int32_t code) const {
    if (errors_.empty()) return 0.0F;
    const auto largest = static_cast<std::int32_t>(errors_.size() / 2);
    ATTOHM_CHECK_LE(-largest, code);
    ATTOHM_CHECK_LE(code, largest);
    return errors_[static_cast<std::size_t>(code + largest)];
}

}  // namespace attohm
