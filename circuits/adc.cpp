#include "circuits/adc.hpp"

#include <algorithm>
#include <cmath>

#include "circuits/adc_histogram.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr int kMaxBits = 16;

void check_architecture(const AdcSpec& spec, const char* where) {
    const AdcErrors& e = spec.errors;
    const AdcArchitecture a = spec.architecture;
    const auto refuse = [&](bool wrong, const char* what, double got, const std::string& allowed) {
        if (wrong) throw UserError(what, where, fmt::format("{}", got), allowed);
    };
    const std::string name(adc_architecture_name(a));
    if (a != AdcArchitecture::ideal_uniform && !spec.bits)
        throw UserError("an ADC of architecture " + name + " has bits", where, "ideal",
                        "a number of bits");
    if (a == AdcArchitecture::flash && *spec.bits > FlashLadder::kMaxBits)
        throw UserError("bits of a flash ADC", where, fmt::format("{}", *spec.bits),
                        fmt::format("up to {}", FlashLadder::kMaxBits));
    // An error that no device of this architecture has would be drawn and never seen.
    const char* const foreign = "error that an ADC of this architecture does not have";
    const std::string none = "0 for " + name;
    refuse(a != AdcArchitecture::sar && e.capacitor_sigma != 0.0, foreign, e.capacitor_sigma, none);
    refuse(a != AdcArchitecture::flash && e.threshold_sigma != 0.0, foreign, e.threshold_sigma,
           none);
    refuse(a != AdcArchitecture::ramp && e.slope_sigma != 0.0, foreign, e.slope_sigma, none);
    refuse(a != AdcArchitecture::ideal_uniform && e.inl_sigma_lsb != 0.0, foreign, e.inl_sigma_lsb,
           none);
    refuse(a == AdcArchitecture::ramp && e.gain_sigma != 0.0, foreign, e.gain_sigma,
           "0 for ramp, whose slope is its gain");
    refuse(e.capacitor_sigma > CapacitorArray::kMaxSigma, "mismatch of a unit capacitor",
           e.capacitor_sigma, fmt::format("up to {}", CapacitorArray::kMaxSigma));
    refuse(e.slope_sigma > 0.15, "error of a ramp's slope", e.slope_sigma, "up to 0.15");
}

}  // namespace

void AdcSpec::check(const char* where) const {
    const int least = range.bipolar ? 2 : 1;
    if (bits && (*bits < least || *bits > kMaxBits))
        throw UserError("bits of an ADC", where, fmt::format("{}", *bits),
                        fmt::format("{} to {}, or ideal", least, kMaxBits));
    if (!(range.full_scale > 0.0) || !std::isfinite(range.full_scale))
        throw UserError("full scale of an ADC", where, fmt::format("{}", range.full_scale),
                        "finite and above 0");
    for (const double sigma :
         {errors.offset_sigma, errors.gain_sigma, errors.inl_sigma_lsb, errors.noise_sigma,
          errors.capacitor_sigma, errors.threshold_sigma, errors.slope_sigma}) {
        if (!(sigma >= 0.0) || !std::isfinite(sigma))
            throw UserError("standard deviation of an ADC's error", where, fmt::format("{}", sigma),
                            "finite and at least 0");
    }
    check_architecture(*this, where);
}

Adc::Adc(const AdcSpec& spec) : spec_(spec) {
    spec.check("adc");
    if (spec.bits) largest_ = (1 << (*spec.bits - (spec.range.bipolar ? 1 : 0))) - 1;
    // Without statics every device is as drawn on paper: no draw is looked at.
    const Stream unused(0, Purpose::adc_static, {});
    if (spec.architecture == AdcArchitecture::sar)
        inside_ = CapacitorArray(*spec.bits, 0.0, unused);
    if (spec.architecture == AdcArchitecture::flash)
        inside_ = FlashLadder(lowest_code(), largest_, 0.0, unused);
}

Adc::Adc(const AdcSpec& spec, const Stream& statics) : Adc(spec) {
    offset_ = spec.errors.offset_sigma * statics.normal(0);
    gain_ = spec.errors.gain_sigma * statics.normal(1);
    if (spec.errors.slope_sigma > 0.0) slope_ = spec.errors.slope_sigma * statics.normal(2);
    if (spec.errors.capacitor_sigma > 0.0)
        inside_ = CapacitorArray(*spec.bits, spec.errors.capacitor_sigma, statics);
    if (spec.errors.threshold_sigma > 0.0) {
        const double steps = spec.errors.threshold_sigma * largest_ / spec.range.full_scale;
        inside_ = FlashLadder(lowest_code(), largest_, steps, statics);
    }
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

std::int32_t Adc::uniform_code(double steps) const {
    const auto code = static_cast<std::int32_t>(std::nearbyint(steps));
    if (inl_.empty()) return code;
    const double moved = std::nearbyint(steps + inl(code));
    return static_cast<std::int32_t>(
        std::clamp(moved, static_cast<double>(lowest_code()), static_cast<double>(largest_)));
}

std::int32_t Adc::code_inside(double steps) const {
    switch (spec_.architecture) {
        case AdcArchitecture::ideal_uniform:
            return uniform_code(steps);
        case AdcArchitecture::ramp:
            return static_cast<std::int32_t>(std::floor(steps + 0.5));
        case AdcArchitecture::flash:
            return std::get<FlashLadder>(inside_).code(steps);
        case AdcArchitecture::sar:
            break;
    }
    const std::int32_t zero = spec_.range.bipolar ? largest_ + 1 : 0;
    const std::int32_t code = std::get<CapacitorArray>(inside_).search(steps + zero) - zero;
    return std::max(code, lowest_code());
}

Adc::Reading Adc::code_from_value(double value) const {
    ATTOHM_CHECK(spec_.bits.has_value());
    const double x = with_errors(value);
    const double inside = std::clamp(x, spec_.range.low(), spec_.range.high());
    // Product first, one division: the value of a code comes back as that code.
    const double steps = inside * largest_ / spec_.range.full_scale;
    return {code_inside(steps), x != inside};
}

double Adc::value_from_code(std::int32_t code) const {
    ATTOHM_CHECK(spec_.bits.has_value());
    return code * spec_.range.full_scale / largest_;
}

std::int64_t Adc::convert(std::span<float> values, std::span<const float> normals,
                          AdcHistogram* histogram) const {
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
        if (histogram != nullptr) histogram->add(reading);
    }
    return clipped;
}

}  // namespace attohm
