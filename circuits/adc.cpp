#include "circuits/adc.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {
constexpr int kMaxBits = 16;
}

void AdcSpec::check(const char* where) const {
    const int least = range.bipolar ? 2 : 1;
    if (bits && (*bits < least || *bits > kMaxBits))
        throw UserError("bits of an ADC", where, fmt::format("{}", *bits),
                        fmt::format("{} to {}, or ideal", least, kMaxBits));
    if (!(range.full_scale > 0.0) || !std::isfinite(range.full_scale))
        throw UserError("full scale of an ADC", where, fmt::format("{}", range.full_scale),
                        "finite and above 0");
    for (const double sigma :
         {errors.offset_sigma, errors.gain_sigma, errors.inl_sigma_lsb, errors.noise_sigma}) {
        if (!(sigma >= 0.0) || !std::isfinite(sigma))
            throw UserError("standard deviation of an ADC's error", where, fmt::format("{}", sigma),
                            "finite and at least 0");
    }
}

Adc::Adc(const AdcSpec& spec) : spec_(spec) {
    spec.check("adc");
    if (spec.bits) largest_ = (1 << (*spec.bits - (spec.range.bipolar ? 1 : 0))) - 1;
}

Adc::Adc(const AdcSpec& spec, const Stream& statics) : Adc(spec) {
    offset_ = spec.errors.offset_sigma * statics.normal(0);
    gain_ = spec.errors.gain_sigma * statics.normal(1);
    if (!spec.bits || spec.errors.inl_sigma_lsb == 0.0) return;
    for (std::int32_t code = lowest_code(); code <= largest_; ++code) {
        // Codes may be negative: unsigned addition wraps to the index below the base.
        const std::uint64_t index = kInlBase + static_cast<std::uint64_t>(std::int64_t{code});
        inl_.push_back(spec.errors.inl_sigma_lsb * statics.normal(index));
    }
}

double Adc::inl(std::int32_t code) const {
    ATTOHM_CHECK_LE(lowest_code(), code);
    ATTOHM_CHECK_LE(code, largest_);
    return inl_.empty() ? 0.0 : inl_[static_cast<std::size_t>(code - lowest_code())];
}

Adc::Reading Adc::code_from_value(double value) const {
    ATTOHM_CHECK(spec_.bits.has_value());
    const double x = with_errors(value);
    const double inside = std::clamp(x, spec_.range.low(), spec_.range.high());
    // Product first, one division: the value of a code comes back as that code.
    const double steps = inside * largest_ / spec_.range.full_scale;
    auto code = static_cast<std::int32_t>(std::nearbyint(steps));
    if (!inl_.empty()) {
        const double moved = std::nearbyint(steps + inl(code));
        code = static_cast<std::int32_t>(
            std::clamp(moved, static_cast<double>(lowest_code()), static_cast<double>(largest_)));
    }
    return {code, x != inside};
}

double Adc::value_from_code(std::int32_t code) const {
    ATTOHM_CHECK(spec_.bits.has_value());
    return code * spec_.range.full_scale / largest_;
}

std::int64_t Adc::convert(std::span<float> values, std::span<const float> normals) const {
    const double sigma = spec_.errors.noise_sigma;
    ATTOHM_CHECK(sigma == 0.0 || normals.size() == values.size());
    std::int64_t clipped = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
        double x = static_cast<double>(values[k]);
        if (sigma > 0.0) x += sigma * static_cast<double>(normals[k]);
        if (!spec_.bits) {
            values[k] = static_cast<float>(with_errors(x));
            continue;
        }
        const Reading reading = code_from_value(x);
        values[k] = static_cast<float>(value_from_code(reading.code));
        clipped += reading.clipped ? 1 : 0;
    }
    return clipped;
}

}  // namespace attohm
