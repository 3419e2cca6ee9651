// Bodies of the vector mathematics, included once per SIMD level inside a namespace of its own.
// ATTOHM_VECTOR_BITS (128, 256, 512) is the level's vector width: GCC does not redefine __AVX2__
// and the like under a target pragma.
//
// Rules: no library calls, no contraction, every float operation in the order written. Polynomials
// are minimax fits of our own; the error named beside each is the fit's, before rounding.

#define ATTOHM_INLINE static inline __attribute__((always_inline))

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kExpLowest = -87.33654f;    ///< exp of it is the smallest normal float
constexpr float kExpHighest = 88.722f;      ///< exp of it is nearly the largest float
constexpr float kLn2High = 0.693359375f;    ///< nine bits, so that n * kLn2High is exact
constexpr float kLn2Low = -2.12194440e-4f;  ///< ln 2 - kLn2High
constexpr float kRounder = 12582912.0f;  ///< 1.5 2^23: adding it rounds to an integer, half to even

// ---- One element ----

/// exp(x) for kExpLowest <= x <= kExpHighest; anything else gives a number without meaning.
ATTOHM_INLINE float exp_within_range(float x) {
    const float shifted = x * 1.44269504f + kRounder;
    const float n = shifted - kRounder;
    const float r = (x - n * kLn2High) - n * kLn2Low;
    // exp(r) = 1 + r + r^2 q(r), |r| <= ln(2) / 2, relative error 3.1e-9.
    float q = 0.00138144649f;
    q = q * r + 0.00836878084f;
    q = q * r + 0.0416683927f;
    q = q * r + 0.166665196f;
    q = q * r + 0.49999994f;
    const float mantissa = (q * (r * r) + r) + 1.0f;
    // n sits in the low bits of `shifted`; adding it to the exponent field multiplies by 2^n.
    return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, mantissa) +
                                         (__builtin_bit_cast(std::uint32_t, shifted) << 23));
}

ATTOHM_INLINE float exp_of(float x) {
    float y = exp_within_range(x);
    y = x < kExpLowest ? 0.0f : y;
    y = x > kExpHighest ? kInfinity : y;
    return x == x ? y : x;
}

ATTOHM_INLINE float log_of(float x) {
    const bool tiny = x < 0x1p-126f;
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, tiny ? x * 0x1p23f : x);
    // x = m 2^e with m within [sqrt(1/2), sqrt(2)).
    const std::uint32_t exponent = (bits - 0x3f3504f3u) & 0xff800000u;
    const float u = __builtin_bit_cast(float, bits - exponent) - 1.0f;
    const float e =
        static_cast<float>(static_cast<std::int32_t>(exponent)) * 0x1p-23f - (tiny ? 23.0f : 0.0f);
    // log(1 + u) = u - u^2 / 2 + u^3 q(u), relative error 5.9e-9.
    float q = -0.0763442963f;
    q = q * u + 0.127615497f;
    q = q * u - 0.131601945f;
    q = q * u + 0.142017618f;
    q = q * u - 0.166233569f;
    q = q * u + 0.200012267f;
    q = q * u - 0.250008225f;
    q = q * u + 0.333333313f;
    const float square = u * u;
    float y = (q * u * square + e * kLn2Low) - 0.5f * square;
    y = (u + y) + e * kLn2High;
    y = x > 0.0f ? y : kNaN;
    y = x == 0.0f ? -kInfinity : y;
    return x == kInfinity ? x : y;
}

/// Phi(-a) = exp(-a^2 / 2) t q(t) with t = 1 / (1 + 0.35 a): q is smooth on all of [0, 13.3],
/// relative error 3.2e-8. The larger half is 1 - Phi(-a).
ATTOHM_INLINE float normal_cdf_of(float x) {
    const float a = x < 0.0f ? -x : x;
    const float t = 1.0f / (1.0f + 0.35f * a);
    const float s = t - 0.5f;
    float q = -0.0291151199f;
    q = q * s + 0.0273584314f;
    q = q * s + 0.0441683494f;
    q = q * s - 0.0561349094f;
    q = q * s - 0.0817409307f;
    q = q * s + 0.0818706825f;
    q = q * s + 0.284395814f;
    q = q * s + 0.34299162f;
    q = q * s + 0.253244281f;
    const float exponent = -0.5f * (a * a);
    const float tail = exp_within_range(exponent < kExpLowest ? kExpLowest : exponent) * (q * t);
    const float lower = exponent < kExpLowest ? 0.0f : tail;
    return x < 0.0f ? lower : 1.0f - lower;
}

/// Product rounded to an integer, half to even. Beyond the range only "outside" matters, so it is
/// bounded first, which keeps the addition of kRounder exact.
ATTOHM_INLINE float round_within(float product, float lo, float hi) {
    float y = product < lo - 1.0f ? lo - 1.0f : product;
    y = y > hi + 1.0f ? hi + 1.0f : y;
    return (y + kRounder) - kRounder;
}

// ---- Reductions over 16 fixed lanes ----

constexpr std::size_t kSumLanes = 16;
constexpr std::size_t kPartLanes = ATTOHM_VECTOR_BITS / 32;
constexpr std::size_t kParts = kSumLanes / kPartLanes;
typedef float Part __attribute__((vector_size(ATTOHM_VECTOR_BITS / 8)));

ATTOHM_INLINE Part load(const float* data) {
    Part part;
    std::memcpy(&part, data, sizeof part);
    return part;
}

/// Largest of `whole` data (a multiple of 16) and one strip of 16; NaN is passed over.
static float max_of(const float* data, std::size_t whole, const float* strip) {
    Part best[kParts];
    for (std::size_t p = 0; p < kParts; ++p) {
        const Part first = load(strip + p * kPartLanes);
        best[p] = first == first ? first : Part{} - kInfinity;
    }
    for (std::size_t k = 0; k < whole; k += kSumLanes) {
        for (std::size_t p = 0; p < kParts; ++p) {
            const Part v = load(data + k + p * kPartLanes);
            best[p] = v > best[p] ? v : best[p];
        }
    }
    float lanes[kSumLanes];
    std::memcpy(lanes, best, sizeof lanes);
    for (std::size_t half = kSumLanes / 2; half > 0; half /= 2)
        for (std::size_t l = 0; l < half; ++l)
            lanes[l] = lanes[l + half] > lanes[l] ? lanes[l + half] : lanes[l];
    return lanes[0];
}

/// Sum of `whole` data (a multiple of 16) and one strip of 16: element k goes to lane k mod 16, the
/// strip last, and the lanes are added in a fixed tree.
static float sum_of(const float* data, std::size_t whole, const float* strip) {
    Part sums[kParts] = {};
    for (std::size_t k = 0; k < whole; k += kSumLanes)
        for (std::size_t p = 0; p < kParts; ++p) sums[p] += load(data + k + p * kPartLanes);
    for (std::size_t p = 0; p < kParts; ++p) sums[p] += load(strip + p * kPartLanes);
    float lanes[kSumLanes];
    std::memcpy(lanes, sums, sizeof lanes);
    for (std::size_t half = kSumLanes / 2; half > 0; half /= 2)
        for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
    return lanes[0];
}

// ---- Spans ----
// Whole strips of 16 in place, the rest through a padded strip: short rows stay vectorised.

constexpr std::size_t kStrip = 16;

static void exp_all(float* x, std::size_t count) {
    const std::size_t whole = count / kStrip * kStrip;
    for (std::size_t k = 0; k < whole; ++k) x[k] = exp_of(x[k]);
    if (whole == count) return;
    float strip[kStrip] = {};
    std::memcpy(strip, x + whole, (count - whole) * sizeof *x);
    for (float& value : strip) value = exp_of(value);
    std::memcpy(x + whole, strip, (count - whole) * sizeof *x);
}

static void log_all(float* x, std::size_t count) {
    const std::size_t whole = count / kStrip * kStrip;
    for (std::size_t k = 0; k < whole; ++k) x[k] = log_of(x[k]);
    if (whole == count) return;
    float strip[kStrip] = {};
    std::memcpy(strip, x + whole, (count - whole) * sizeof *x);
    for (float& value : strip) value = log_of(value);
    std::memcpy(x + whole, strip, (count - whole) * sizeof *x);
}

static void normal_cdf_all(const float* x, float* out, std::size_t count) {
    const std::size_t whole = count / kStrip * kStrip;
#pragma GCC ivdep
    for (std::size_t k = 0; k < whole; ++k) out[k] = normal_cdf_of(x[k]);
    if (whole == count) return;
    float strip[kStrip] = {};
    std::memcpy(strip, x + whole, (count - whole) * sizeof *x);
    for (float& value : strip) value = normal_cdf_of(value);
    std::memcpy(out + whole, strip, (count - whole) * sizeof *x);
}

static double normal_cdf_sum_all(const float* x, std::size_t count) {
    constexpr std::size_t kBlock = 512;
    alignas(64) float values[kBlock];
    const float nothing[kStrip] = {};
    double total = 0.0;
    for (std::size_t base = 0; base < count; base += kBlock) {
        const std::size_t size = count - base < kBlock ? count - base : kBlock;
        normal_cdf_all(x + base, values, size);
        const std::size_t padded = (size + kStrip - 1) / kStrip * kStrip;
        for (std::size_t k = size; k < padded; ++k) values[k] = 0.0f;
        total += static_cast<double>(sum_of(values, padded, nothing));
    }
    return total;
}

/// A row cut into whole strips in place and a padded copy of the rest.
struct Row {
    float* data;
    std::size_t whole;
    float* strip;
};

ATTOHM_INLINE void exp_less_max(float* data, std::size_t count, float max) {
    if (max == -kInfinity) {  // nothing but masked entries, or NaN among them
        for (std::size_t k = 0; k < count; ++k) data[k] = data[k] == data[k] ? 0.0f : data[k];
    } else {
        for (std::size_t k = 0; k < count; ++k) data[k] = exp_of(data[k] - max);
    }
}

static SoftmaxTotals exp_padded_row(const Row& row) {
    const float max = max_of(row.data, row.whole, row.strip);
    exp_less_max(row.data, row.whole, max);
    exp_less_max(row.strip, kStrip, max);
    return {max, sum_of(row.data, row.whole, row.strip)};
}

static SoftmaxTotals exp_row_all(float* data, std::size_t count) {
    if (count == 0) return {-kInfinity, 0.0f};
    float strip[kStrip];
    for (float& value : strip) value = -kInfinity;
    const Row row{data, count / kStrip * kStrip, strip};
    std::memcpy(strip, data + row.whole, (count - row.whole) * sizeof *data);
    const SoftmaxTotals totals = exp_padded_row(row);
    std::memcpy(data + row.whole, strip, (count - row.whole) * sizeof *data);
    return totals;
}

static void softmax_row_all(float* data, std::size_t count) {
    if (count == 0) return;
    float strip[kStrip];
    for (float& value : strip) value = -kInfinity;
    const Row row{data, count / kStrip * kStrip, strip};
    std::memcpy(strip, data + row.whole, (count - row.whole) * sizeof *data);
    const SoftmaxTotals totals = exp_padded_row(row);
    const float scale = totals.sum == 0.0f ? 0.0f : 1.0f / totals.sum;
    for (std::size_t k = 0; k < row.whole; ++k) data[k] *= scale;
    for (float& value : strip) value *= scale;
    std::memcpy(data + row.whole, strip, (count - row.whole) * sizeof *data);
}

static std::int64_t quantise_all(const float* x, float inv_step, float lo, float hi, float* codes,
                                 std::size_t count) {
    constexpr std::size_t kBlock = 1024;
    std::int64_t clipped = 0;
    for (std::size_t base = 0; base < count; base += kBlock) {
        const std::size_t end = count - base < kBlock ? count : base + kBlock;
        std::int32_t outside = 0;
#pragma GCC ivdep
        for (std::size_t k = base; k < end; ++k) {
            const float code = round_within(x[k] * inv_step, lo, hi);
            const float above_lo = code < lo ? lo : code;
            const float inside = above_lo > hi ? hi : above_lo;
            outside += code == inside ? 0 : 1;
            codes[k] = inside;
        }
        clipped += outside;
    }
    return clipped;
}

static void narrow_to_int8(const float* codes, float nan_code, std::int8_t* out,
                           std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        const float code = codes[k] == codes[k] ? codes[k] : nan_code;
        out[k] = static_cast<std::int8_t>(static_cast<std::int32_t>(code));
    }
}

static void narrow_to_int16(const float* codes, float nan_code, std::int16_t* out,
                            std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        const float code = codes[k] == codes[k] ? codes[k] : nan_code;
        out[k] = static_cast<std::int16_t>(static_cast<std::int32_t>(code));
    }
}

constexpr VmathKernels kVmathKernels{
    .exp = exp_all,
    .log = log_all,
    .normal_cdf = normal_cdf_all,
    .normal_cdf_sum = normal_cdf_sum_all,
    .normal_cdf_one = normal_cdf_of,
    .exp_row = exp_row_all,
    .softmax_row = softmax_row_all,
    .quantise = quantise_all,
    .narrow_to_int8 = narrow_to_int8,
    .narrow_to_int16 = narrow_to_int16,
};

#undef ATTOHM_INLINE
