#include "src/schemes/salo_element.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm::salo {

namespace {

/// 2^f on quarters of [0, 1): slope f + intercept, in 8 fraction bits.
struct Segment {
    std::int32_t slope;
    std::int32_t intercept;
};

constexpr std::int32_t fixed8(double x) {
    return static_cast<std::int32_t>(x * 256.0 + 0.5);
}

constexpr std::array<Segment, 4> kSegments = {{{fixed8(0.75532268), fixed8(0.99742072)},
                                               {fixed8(0.89775075), fixed8(0.96181372)},
                                               {fixed8(1.06735514), fixed8(0.87701153)},
                                               {fixed8(1.27081757), fixed8(0.72441471)}}};

constexpr int kReciprocalBits = 17;
constexpr int kReciprocalShift = 9;

/// x >> bits, of any sign; 0 once nothing is left of a positive number.
std::int64_t shifted(std::int64_t x, int bits) {
    return x >> std::min(bits, 62);
}

}  // namespace

std::int32_t input_code(float x) {
    const float code = std::nearbyint(x * static_cast<float>(1 << kInputFraction));
    return static_cast<std::int32_t>(std::clamp(code, -256.0F, 255.0F));
}

std::int32_t wrap18(std::int64_t x) {
    constexpr std::int64_t kSpan = std::int64_t{1} << 18;
    const std::int64_t low = ((x % kSpan) + kSpan) % kSpan;
    return static_cast<std::int32_t>(low >= kSpan / 2 ? low - kSpan : low);
}

Power power_of(std::int32_t score) {
    // Bits 10..3 are the fraction of score / 8, bits 15..11 its integer part, signed.
    const std::int32_t fraction = (score >> 3) & 0xFF;
    const std::int32_t integer = (score >> 11) & 0x1F;
    const Segment& segment = kSegments[static_cast<std::size_t>(fraction >> 6)];
    Power power;
    power.mantissa = ((segment.slope * fraction) + (segment.intercept << 8)) >> 9;
    power.exponent = integer >= 16 ? integer - 32 : integer;
    return power;
}

RowSum add(const RowSum& row, const Power& power) {
    // Mantissas have 7 fraction bits, sums 8.
    const std::int64_t one = std::int64_t{power.mantissa} << 1;
    if (row.empty) return {one, power.exponent, false};
    if (row.exponent >= power.exponent)
        return {row.sum + shifted(one, row.exponent - power.exponent), row.exponent, false};
    return {shifted(row.sum, power.exponent - row.exponent) + one, power.exponent, false};
}

WindowResult attend(std::span<const std::int32_t> q,
                    std::span<const std::span<const std::int32_t>> keys,
                    std::span<const std::span<const std::int32_t>> values, std::size_t dv) {
    WindowResult result;
    std::vector<Power> powers;
    for (const std::span<const std::int32_t> k : keys) {
        std::int64_t score = 0;
        for (std::size_t c = 0; c < q.size(); ++c) score = wrap18(score + q[c] * k[c]);
        powers.push_back(power_of(static_cast<std::int32_t>(score)));
        result.sum = add(result.sum, powers.back());
    }
    result.out.assign(dv, 0);
    if (keys.empty()) return result;
    ATTOHM_CHECK_LT(std::int64_t{0}, result.sum.sum);
    const std::int64_t reciprocal = (std::int64_t{1} << kReciprocalBits) / result.sum.sum;
    for (std::size_t j = 0; j < keys.size(); ++j) {
        const std::int64_t product = shifted(reciprocal * powers[j].mantissa, kReciprocalShift);
        const std::int64_t p = shifted(product, result.sum.exponent - powers[j].exponent);
        for (std::size_t c = 0; c < dv; ++c)
            result.out[c] = wrap18(result.out[c] + ((p * values[j][c]) >> 3));
    }
    return result;
}

WindowResult merge(const WindowResult& a, const WindowResult& b) {
    if (a.sum.empty) return b;
    if (b.sum.empty) return a;
    const int exponent = std::max(a.sum.exponent, b.sum.exponent);
    const std::int64_t wa = shifted(a.sum.sum, exponent - a.sum.exponent);
    const std::int64_t wb = shifted(b.sum.sum, exponent - b.sum.exponent);
    WindowResult merged;
    merged.sum = {wa + wb, exponent, false};
    ATTOHM_CHECK_LT(std::int64_t{0}, merged.sum.sum);
    const std::int64_t fa = (wa << kProbabilityFraction) / merged.sum.sum;
    const std::int64_t fb = (wb << kProbabilityFraction) / merged.sum.sum;
    for (std::size_t c = 0; c < a.out.size(); ++c)
        merged.out.push_back(wrap18((fa * a.out[c] + fb * b.out[c]) >> kProbabilityFraction));
    return merged;
}

}  // namespace attohm::salo
