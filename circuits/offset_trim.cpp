#include "circuits/offset_trim.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

OffsetTrim::OffsetTrim(int bits, Volt range)
    : bits_(bits), codes_(std::ldexp(1.0, bits)), range_(range) {
    if (bits < 1 || bits > kMaxBits)
        throw UserError("bits of an offset trim", "comparator.calibration", fmt::format("{}", bits),
                        fmt::format("1 to {}", kMaxBits));
    if (!(range.value() > 0.0))
        throw UserError("range of an offset trim", "comparator.calibration",
                        fmt::format("{:.4g} V", range.value()), "above 0 V");
}

OffsetTrim::Trimmed OffsetTrim::trim(Volt offset) const {
    const double range = range_.value(), step = this->step().value();
    const double code =
        std::clamp(std::nearbyint((offset.value() + range) / step), 0.0, codes_ - 1.0);
    Trimmed trimmed;
    trimmed.residual = offset - Volt::from_value(code * step - range);
    trimmed.code = static_cast<std::int32_t>(code);
    trimmed.clamped = std::abs(offset.value()) > range;
    return trimmed;
}

std::int64_t OffsetTrim::trim(std::span<float> offsets, Volt volts_per_unit) const {
    std::int64_t clamped = 0;
    for (float& offset : offsets) {
        const Trimmed trimmed = trim(volts_per_unit * static_cast<double>(offset));
        offset = static_cast<float>((trimmed.residual / volts_per_unit).value());
        clamped += trimmed.clamped ? 1 : 0;
    }
    return clamped;
}

}  // namespace attohm
