// Bodies of the random-number kernels, included once per SIMD level inside a namespace of its own.
// ATTOHM_VECTOR_BITS (128, 256, 512) is the level's vector width: GCC does not redefine __AVX2__
// and the like under a target pragma.
//
// Rules: no library calls, no contraction, every float operation in the order written.

#define ATTOHM_INLINE static inline __attribute__((always_inline))

// ---- Philox4x32-10 ----

constexpr std::size_t kPhiloxLanes = ATTOHM_VECTOR_BITS / 64;

/// One 32-bit quantity of several blocks, each in the low half of a 64-bit lane. The high halves
/// hold leftovers of products, which nothing reads.
typedef std::uint64_t Lanes __attribute__((vector_size(8 * kPhiloxLanes)));

constexpr std::size_t kGroupBlocks = 8;  ///< blocks made together at every level
constexpr std::size_t kGroupWords = 4 * kGroupBlocks;
constexpr std::uint64_t kLow32 = 0xffffffffu;

/// 64-bit products of the low halves.
ATTOHM_INLINE Lanes product_of_low(Lanes a, Lanes b) {
#if ATTOHM_VECTOR_BITS == 512
    // The masked form with all lanes on: GCC 12 warns about its own header for the plain one.
    return reinterpret_cast<Lanes>(
        _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif ATTOHM_VECTOR_BITS == 256
    return reinterpret_cast<Lanes>(
        _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
    return reinterpret_cast<Lanes>(
        _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
    return (a & kLow32) * (b & kLow32);
#endif
}

/// `groups` * 32 words of blocks first_block, first_block + 1, ..., in the order of the stream.
ATTOHM_INLINE void philox_groups(StreamIdentity id, std::uint64_t first_block, std::size_t groups,
                                 std::uint32_t* out) {
    const Lanes zero{};
    const Lanes multiplier0 = zero + 0xD2511F53u;
    const Lanes multiplier1 = zero + 0xCD9E8D57u;
    Lanes lane_number{};
    for (std::size_t l = 0; l < kPhiloxLanes; ++l) lane_number[l] = l;

    for (std::size_t v = 0; v < groups * (kGroupBlocks / kPhiloxLanes); ++v) {
        const Lanes block = lane_number + (first_block + v * kPhiloxLanes);
        Lanes c0 = block;
        Lanes c1 = block >> 32;
        Lanes c2 = zero + (id.high & kLow32);
        Lanes c3 = zero + (id.high >> 32);
        std::uint32_t key0 = static_cast<std::uint32_t>(id.key);
        std::uint32_t key1 = static_cast<std::uint32_t>(id.key >> 32);
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round) {
            const Lanes product0 = product_of_low(c0, multiplier0);
            const Lanes product1 = product_of_low(c2, multiplier1);
            c0 = (product1 >> 32) ^ c1 ^ (zero + key0);
            c1 = product1;
            c2 = (product0 >> 32) ^ c3 ^ (zero + key1);
            c3 = product0;
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        // Interleave: words 0 and 1 of a block fill one 64-bit lane, words 2 and 3 the next.
        const Lanes front = (c0 & kLow32) | (c1 << 32);
        const Lanes back = (c2 & kLow32) | (c3 << 32);
        Lanes low{};
        Lanes high{};
#if ATTOHM_VECTOR_BITS == 512
        low = __builtin_shuffle(front, back, Lanes{0, 8, 1, 9, 2, 10, 3, 11});
        high = __builtin_shuffle(front, back, Lanes{4, 12, 5, 13, 6, 14, 7, 15});
#elif ATTOHM_VECTOR_BITS == 256
        low = __builtin_shuffle(front, back, Lanes{0, 4, 1, 5});
        high = __builtin_shuffle(front, back, Lanes{2, 6, 3, 7});
#else
        low = Lanes{front[0], back[0]};
        high = Lanes{front[1], back[1]};
#endif
        std::memcpy(out + 4 * kPhiloxLanes * v, &low, sizeof low);
        std::memcpy(out + 4 * kPhiloxLanes * v + 2 * kPhiloxLanes, &high, sizeof high);
    }
}

/// Words at kPhiloxLanes indices of any kind.
ATTOHM_INLINE void philox_at(StreamIdentity id, const std::uint64_t* indices, std::uint32_t* out) {
    const Lanes zero{};
    Lanes index;
    std::memcpy(&index, indices, sizeof index);
    const Lanes block = index >> 2;
    const Lanes word = index & 3u;
    Lanes c0 = block;
    Lanes c1 = block >> 32;
    Lanes c2 = zero + (id.high & kLow32);
    Lanes c3 = zero + (id.high >> 32);
    std::uint32_t key0 = static_cast<std::uint32_t>(id.key);
    std::uint32_t key1 = static_cast<std::uint32_t>(id.key >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
        const Lanes product0 = product_of_low(c0, zero + 0xD2511F53u);
        const Lanes product1 = product_of_low(c2, zero + 0xCD9E8D57u);
        c0 = (product1 >> 32) ^ c1 ^ (zero + key0);
        c1 = product1;
        c2 = (product0 >> 32) ^ c3 ^ (zero + key1);
        c3 = product0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    // Comparisons give all ones or zeros.
    const Lanes chosen =
        (c0 & reinterpret_cast<Lanes>(word == 0)) | (c1 & reinterpret_cast<Lanes>(word == 1)) |
        (c2 & reinterpret_cast<Lanes>(word == 2)) | (c3 & reinterpret_cast<Lanes>(word == 3));
    for (std::size_t l = 0; l < kPhiloxLanes; ++l) out[l] = static_cast<std::uint32_t>(chosen[l]);
}

// ---- One word to one variate ----

ATTOHM_INLINE float uniform_of(std::uint32_t word) {
    return static_cast<float>(static_cast<std::int32_t>(((word >> 9) << 1) | 1u)) * 0x1p-24f;
}

/// Steps from the word to the nearer end of the range, 0 .. 2^31 - 1: the same for w and ~w.
ATTOHM_INLINE std::int32_t steps_to_end(std::uint32_t word) {
    const std::int32_t centred = static_cast<std::int32_t>(word ^ 0x80000000u);
    return 0x7fffffff ^ centred ^ (centred >> 31);
}

/// Below this many steps (|z| > 3.1, one word in 512) the tail formula holds.
constexpr std::int32_t kTailSteps = 1 << 22;

/// log2(1 + u) / u, absolute error of its product with u below 3.1e-7: minimax fit of degree 6,
/// highest power first.
constexpr float kLogTerms[] = {0.170632824f, -0.272697538f, 0.297262907f, -0.35896188f,
                               0.480465025f, -0.721375883f, 1.44269967f};

/// With p the probability beyond the variate: x = 1 - 2p and w = -log2(4 p (1 - p)).
struct HalfLine {
    float x;
    float w;
};

ATTOHM_INLINE HalfLine half_line(std::int32_t steps) {
    const float twice_p = (static_cast<float>(steps) + 0.5f) * 0x1p-31f;
    const float x = (static_cast<float>(steps ^ 0x7fffffff) + 0.5f) * 0x1p-31f;
    const float product = twice_p * (1.0f + x);
    // product = mantissa * 2^exponent, mantissa within [sqrt(1/2), sqrt(2)).
    const std::int32_t bits = __builtin_bit_cast(std::int32_t, product);
    const std::int32_t exponent = (bits - 0x3f3504f3) & static_cast<std::int32_t>(0xff800000u);
    const float u = __builtin_bit_cast(float, bits - exponent) - 1.0f;
    float q = kLogTerms[0];
    for (std::size_t k = 1; k < std::size(kLogTerms); ++k) q = q * u + kLogTerms[k];
    return {x, -(q * u + static_cast<float>(exponent) * 0x1p-23f)};
}

/// Gives the size the sign of the variate: words of the lower half are negative.
ATTOHM_INLINE float with_sign(float size, std::uint32_t word) {
    return __builtin_bit_cast(float,
                              __builtin_bit_cast(std::uint32_t, size) ^ (~word & 0x80000000u));
}

/// Centre: z = x f(w), f analytic in w; minimax fit of degree 9 for w in [0, 8.002], relative error
/// 2.2e-8; highest power first. The form is that of Giles, "Approximating the erfinv function", GPU
/// Computing Gems 2011.
constexpr float kCentreTerms[] = {
    -3.78192783e-10f, 4.64596944e-10f,  5.1814407e-08f,  -4.05996076e-07f, -2.22250628e-06f,
    6.79740406e-05f,  -0.000480261398f, -0.00346930046f, 0.239282146f,     2.21791983f};
ATTOHM_INLINE float normal_centre(std::uint32_t word) {
    const HalfLine half = half_line(steps_to_end(word));
    const float t = half.w - 4.0f;
    float f = kCentreTerms[0];
    for (std::size_t k = 1; k < std::size(kCentreTerms); ++k) f = f * t + kCentreTerms[k];
    return with_sign(half.x * f, word);
}

/// Tail: z is a smooth function of sqrt(w); minimax fit of degree 8 for w in [8, 31.01], relative
/// error 1.2e-8.
ATTOHM_INLINE float normal_tail(std::uint32_t word) {
    const HalfLine half = half_line(steps_to_end(word));
    const float t = __builtin_sqrtf(half.w) - 4.0f;
    float f = -2.5216325e-06f;
    f = f * t + 7.15260148e-06f;
    f = f * t + 1.1677821e-05f;
    f = f * t - 0.000121699064f;
    f = f * t + 0.000525866984f;
    f = f * t - 0.00178171846f;
    f = f * t + 0.00401420239f;
    f = f * t + 1.18471706f;
    f = f * t + 4.47532749f;
    return with_sign(f, word);
}

ATTOHM_INLINE float normal_of(std::uint32_t word) {
    return steps_to_end(word) < kTailSteps ? normal_tail(word) : normal_centre(word);
}

// The centre formula for several vectors side by side: every step of it waits for the one before,
// and a vector by itself leaves the units idle. The operations of a lane are those of
// normal_centre, in its order.

typedef float Reals __attribute__((vector_size(ATTOHM_VECTOR_BITS / 8)));
typedef std::int32_t Integers __attribute__((vector_size(ATTOHM_VECTOR_BITS / 8)));
typedef std::uint32_t Words __attribute__((vector_size(ATTOHM_VECTOR_BITS / 8)));

constexpr std::size_t kRealLanes = ATTOHM_VECTOR_BITS / 32;
constexpr std::size_t kSides = 4;  ///< vectors side by side
constexpr std::size_t kSideWords = kSides * kRealLanes;

#define ATTOHM_SIDES _Pragma("GCC unroll 4") for (std::size_t s = 0; s < kSides; ++s)

/// Whether any lane is not 0.
ATTOHM_INLINE bool any_lane(Integers lanes) {
#if ATTOHM_VECTOR_BITS == 512
    return _mm512_movepi32_mask(reinterpret_cast<__m512i>(lanes)) != 0;
#elif ATTOHM_VECTOR_BITS == 256
    return _mm256_movemask_epi8(reinterpret_cast<__m256i>(lanes)) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_epi8(reinterpret_cast<__m128i>(lanes)) != 0;
#else
    return (lanes[0] | lanes[1] | lanes[2] | lanes[3]) != 0;
#endif
}

/// out = the centre formula of kSideWords words. Returns whether any of them lies in the tail.
ATTOHM_INLINE bool normal_centres(const std::uint32_t* words, float* out) {
    Words word[kSides];
    Integers steps[kSides];
    Reals x[kSides], w[kSides], f[kSides], exponent[kSides];
    ATTOHM_SIDES {
        std::memcpy(&word[s], words + s * kRealLanes, sizeof word[s]);
        const Integers centred = reinterpret_cast<Integers>(word[s] ^ 0x80000000u);
        steps[s] = 0x7fffffff ^ centred ^ (centred >> 31);
        const Reals twice_p = (__builtin_convertvector(steps[s], Reals) + 0.5f) * 0x1p-31f;
        x[s] = (__builtin_convertvector(steps[s] ^ 0x7fffffff, Reals) + 0.5f) * 0x1p-31f;
        w[s] = twice_p * (1.0f + x[s]);
    }
    Integers fewest = steps[0];
    ATTOHM_SIDES fewest = steps[s] < fewest ? steps[s] : fewest;
    ATTOHM_SIDES {
        const Integers bits = reinterpret_cast<Integers>(w[s]);
        const Integers high = (bits - 0x3f3504f3) & static_cast<std::int32_t>(0xff800000u);
        exponent[s] = __builtin_convertvector(high, Reals) * 0x1p-23f;
        w[s] = reinterpret_cast<Reals>(bits - high) - 1.0f;
    }
    ATTOHM_SIDES f[s] = kLogTerms[0] * w[s] + kLogTerms[1];
#pragma GCC unroll 8
    for (std::size_t k = 2; k < std::size(kLogTerms); ++k)
        ATTOHM_SIDES f[s] = f[s] * w[s] + kLogTerms[k];
    ATTOHM_SIDES w[s] = -(f[s] * w[s] + exponent[s]) - 4.0f;
    ATTOHM_SIDES f[s] = kCentreTerms[0] * w[s] + kCentreTerms[1];
#pragma GCC unroll 8
    for (std::size_t k = 2; k < std::size(kCentreTerms); ++k)
        ATTOHM_SIDES f[s] = f[s] * w[s] + kCentreTerms[k];
    ATTOHM_SIDES {
        const Words z = reinterpret_cast<Words>(x[s] * f[s]) ^ (~word[s] & 0x80000000u);
        std::memcpy(out + s * kRealLanes, &z, sizeof z);
    }
    return any_lane(fewest < kTailSteps);
}

/// `count` is a multiple of 64: all lanes by the centre formula, rare tail lanes once more.
static void normals_of(const std::uint32_t* words, float* out, std::size_t count) {
    for (std::size_t base = 0; base < count; base += kSideWords) {
        if (!normal_centres(words + base, out + base)) continue;
        for (std::size_t l = base; l < base + kSideWords; ++l) {
            if (steps_to_end(words[l]) < kTailSteps) out[l] = normal_tail(words[l]);
        }
    }
}

#undef ATTOHM_SIDES

// ---- Ranges of a stream ----

constexpr std::size_t kChunkWords = 1024;  ///< stays in the first-level cache

/// A chunk of words made from whole groups; the wanted ones start at `skip`.
struct Chunk {
    std::size_t skip;    ///< words before the first wanted one
    std::size_t count;   ///< wanted words
    std::size_t filled;  ///< words made, a multiple of 64
};

/// Makes up to a buffer full of words from variate `first` on.
ATTOHM_INLINE Chunk make_chunk(StreamIdentity id, std::uint64_t first, std::size_t wanted,
                               std::uint32_t* buffer) {
    Chunk chunk{};
    chunk.skip = first % 4;
    chunk.count = wanted < kChunkWords - chunk.skip ? wanted : kChunkWords - chunk.skip;
    const std::size_t groups = (chunk.skip + chunk.count + 63) / 64 * (64 / kGroupWords);
    chunk.filled = groups * kGroupWords;
    philox_groups(id, first / 4, groups, buffer);
    return chunk;
}

static void words(StreamIdentity id, std::uint64_t first, std::uint32_t* out, std::size_t count) {
    alignas(64) std::uint32_t buffer[kChunkWords];
    while (count > 0) {
        const Chunk chunk = make_chunk(id, first, count, buffer);
        std::memcpy(out, buffer + chunk.skip, chunk.count * sizeof *out);
        first += chunk.count;
        out += chunk.count;
        count -= chunk.count;
    }
}

static void uniforms(StreamIdentity id, std::uint64_t first, float* out, std::size_t count) {
    alignas(64) std::uint32_t buffer[kChunkWords];
    while (count > 0) {
        const Chunk chunk = make_chunk(id, first, count, buffer);
        for (std::size_t k = 0; k < chunk.count; ++k) out[k] = uniform_of(buffer[chunk.skip + k]);
        first += chunk.count;
        out += chunk.count;
        count -= chunk.count;
    }
}

static void normals(StreamIdentity id, std::uint64_t first, float* out, std::size_t count) {
    alignas(64) std::uint32_t buffer[kChunkWords];
    alignas(64) float z[kChunkWords];
    while (count > 0) {
        const Chunk chunk = make_chunk(id, first, count, buffer);
        normals_of(buffer, z, chunk.filled);
        std::memcpy(out, z + chunk.skip, chunk.count * sizeof *out);
        first += chunk.count;
        out += chunk.count;
        count -= chunk.count;
    }
}

static void normals_at(StreamIdentity id, const std::uint64_t* indices, float* out,
                       std::size_t count) {
    constexpr std::size_t kStrip = 64;
    alignas(64) std::uint64_t strip[kStrip];
    alignas(64) std::uint32_t buffer[kStrip];
    alignas(64) float z[kStrip];
    for (std::size_t base = 0; base < count; base += kStrip) {
        const std::size_t wanted = count - base < kStrip ? count - base : kStrip;
        for (std::size_t l = 0; l < kStrip; ++l) strip[l] = l < wanted ? indices[base + l] : 0;
        for (std::size_t l = 0; l < kStrip; l += kPhiloxLanes) philox_at(id, strip + l, buffer + l);
        normals_of(buffer, z, kStrip);
        std::memcpy(out + base, z, wanted * sizeof *out);
    }
}

static void add_normals(StreamIdentity id, std::uint64_t first, float sigma, float* values,
                        std::size_t count) {
    alignas(64) std::uint32_t buffer[kChunkWords];
    alignas(64) float z[kChunkWords];
    while (count > 0) {
        const Chunk chunk = make_chunk(id, first, count, buffer);
        normals_of(buffer, z, chunk.filled);
        for (std::size_t k = 0; k < chunk.count; ++k) values[k] += sigma * z[chunk.skip + k];
        first += chunk.count;
        values += chunk.count;
        count -= chunk.count;
    }
}

static void add_scaled_normals(StreamIdentity id, std::uint64_t first, const float* sigmas,
                               float* values, std::size_t count) {
    alignas(64) std::uint32_t buffer[kChunkWords];
    alignas(64) float z[kChunkWords];
    while (count > 0) {
        const Chunk chunk = make_chunk(id, first, count, buffer);
        normals_of(buffer, z, chunk.filled);
        for (std::size_t k = 0; k < chunk.count; ++k) values[k] += sigmas[k] * z[chunk.skip + k];
        first += chunk.count;
        sigmas += chunk.count;
        values += chunk.count;
        count -= chunk.count;
    }
}

static void events(StreamIdentity id, std::uint64_t first, std::uint64_t threshold,
                   std::uint8_t* out, std::size_t count) {
    if (threshold > kLow32) {
        for (std::size_t k = 0; k < count; ++k) out[k] = 1;
        return;
    }
    const std::uint32_t bound = static_cast<std::uint32_t>(threshold);
    alignas(64) std::uint32_t buffer[kChunkWords];
    while (count > 0) {
        const Chunk chunk = make_chunk(id, first, count, buffer);
        for (std::size_t k = 0; k < chunk.count; ++k)
            out[k] = buffer[chunk.skip + k] < bound ? 1 : 0;
        first += chunk.count;
        out += chunk.count;
        count -= chunk.count;
    }
}

constexpr RandomKernels kRandomKernels{
    .words = words,
    .uniforms = uniforms,
    .normals = normals,
    .normals_at = normals_at,
    .add_normals = add_normals,
    .add_scaled_normals = add_scaled_normals,
    .events = events,
    .blocks = philox_groups,
    .normals_from_words = normals_of,
    .normal_from_word = normal_of,
    .uniform_from_word = uniform_of,
};

#undef ATTOHM_INLINE
