// Bodies of the product kernels, included once per SIMD level inside a namespace of its own.
// A tile of outputs stays in registers while the rows pass: kTileTwo queries (mean and variance) or
// kTileOne queries (mean alone) by two vectors of columns, which is what the registers of the level
// hold.

#define ATTOHM_INLINE static inline __attribute__((always_inline))

#if ATTOHM_VECTOR_BITS == 512
typedef __m512 Vector;
constexpr std::size_t kTileTwo = 6, kTileOne = 12;
ATTOHM_INLINE Vector load(const float* p) {
    return _mm512_loadu_ps(p);
}
ATTOHM_INLINE Vector spread(float x) {
    return _mm512_set1_ps(x);
}
ATTOHM_INLINE Vector fused(Vector a, Vector b, Vector c) {
    return _mm512_fmadd_ps(a, b, c);
}
// The masked form with all lanes on: GCC 12 warns about its own header for the plain one.
ATTOHM_INLINE Vector root(Vector x) {
    return _mm512_maskz_sqrt_ps(0xffff, x);
}
#elif ATTOHM_VECTOR_BITS == 256
typedef __m256 Vector;
constexpr std::size_t kTileTwo = 3, kTileOne = 6;
ATTOHM_INLINE Vector load(const float* p) {
    return _mm256_loadu_ps(p);
}
ATTOHM_INLINE Vector spread(float x) {
    return _mm256_set1_ps(x);
}
ATTOHM_INLINE Vector fused(Vector a, Vector b, Vector c) {
    return _mm256_fmadd_ps(a, b, c);
}
ATTOHM_INLINE Vector root(Vector x) {
    return _mm256_sqrt_ps(x);
}
#else
typedef float Vector __attribute__((vector_size(16)));
constexpr std::size_t kTileTwo = 3, kTileOne = 6;
ATTOHM_INLINE Vector load(const float* p) {
    Vector x;
    std::memcpy(&x, p, sizeof x);
    return x;
}
ATTOHM_INLINE Vector spread(float x) {
    return Vector{x, x, x, x};
}
ATTOHM_INLINE Vector fused(Vector a, Vector b, Vector c) {
    Vector x;
    for (int l = 0; l < 4; ++l) x[l] = __builtin_fmaf(a[l], b[l], c[l]);
    return x;
}
ATTOHM_INLINE Vector root(Vector x) {
    for (int l = 0; l < 4; ++l) x[l] = __builtin_sqrtf(x[l]);
    return x;
}
#endif

constexpr std::size_t kLanes = sizeof(Vector) / sizeof(float);
constexpr std::size_t kTileColumns = 2 * kLanes;

ATTOHM_INLINE void store(Vector x, float* out) {
    std::memcpy(out, &x, sizeof x);
}

/// kQueries outputs by two vectors of columns, from query `first` and column `column` on.
template <std::size_t kQueries>
ATTOHM_INLINE void one_tile(const PanelInputs& in, std::size_t first, const float* panel,
                            std::size_t column, float* mean, std::size_t stride) {
    const float* v = in.v + first * in.v_stride;
    Vector sum[kQueries][2] = {};
    for (std::size_t r = 0; r < in.rows; ++r) {
        const Vector g0 = load(panel + r * kPanelColumns + column);
        const Vector g1 = load(panel + r * kPanelColumns + column + kLanes);
#pragma GCC unroll 12
        for (std::size_t q = 0; q < kQueries; ++q) {
            const Vector x = spread(v[q * in.v_stride + r]);
            sum[q][0] = fused(x, g0, sum[q][0]);
            sum[q][1] = fused(x, g1, sum[q][1]);
        }
    }
#pragma GCC unroll 12
    for (std::size_t q = 0; q < kQueries; ++q) {
        float* out = mean + (first + q) * stride + column;
        store(sum[q][0], out);
        store(sum[q][1], out + kLanes);
    }
}

template <std::size_t kQueries>
ATTOHM_INLINE void two_tile(const PanelInputs& in, std::size_t first, const float* panel,
                            std::size_t column, float* mean, std::size_t mean_stride, float* sigma,
                            std::size_t sigma_stride) {
    const float* v = in.v + first * in.v_stride;
    const float* squares = in.squares + first * in.rows;
    Vector sum[kQueries][2] = {}, variance[kQueries][2] = {};
    for (std::size_t r = 0; r < in.rows; ++r) {
        const float* row = panel + 2 * r * kPanelColumns + column;
        const Vector g0 = load(row), g1 = load(row + kLanes);
#pragma GCC unroll 12
        for (std::size_t q = 0; q < kQueries; ++q) {
            const Vector x = spread(v[q * in.v_stride + r]);
            sum[q][0] = fused(x, g0, sum[q][0]);
            sum[q][1] = fused(x, g1, sum[q][1]);
        }
        const Vector s0 = load(row + kPanelColumns), s1 = load(row + kPanelColumns + kLanes);
#pragma GCC unroll 12
        for (std::size_t q = 0; q < kQueries; ++q) {
            const Vector x = spread(squares[q * in.rows + r]);
            variance[q][0] = fused(x, s0, variance[q][0]);
            variance[q][1] = fused(x, s1, variance[q][1]);
        }
    }
#pragma GCC unroll 12
    for (std::size_t q = 0; q < kQueries; ++q) {
        float* out = mean + (first + q) * mean_stride + column;
        store(sum[q][0], out);
        store(sum[q][1], out + kLanes);
        float* roots = sigma + (first + q) * sigma_stride + column;
        store(root(variance[q][0]), roots);
        store(root(variance[q][1]), roots + kLanes);
    }
}

static void one_product(const PanelInputs& in, const float* panel, float* mean,
                        std::size_t stride) {
    for (std::size_t column = 0; column < kPanelColumns; column += kTileColumns) {
        std::size_t q = 0;
        for (; q + kTileOne <= in.queries; q += kTileOne)
            one_tile<kTileOne>(in, q, panel, column, mean, stride);
        for (; q + 2 <= in.queries; q += 2) one_tile<2>(in, q, panel, column, mean, stride);
        for (; q < in.queries; ++q) one_tile<1>(in, q, panel, column, mean, stride);
    }
}

static void two_products(const PanelInputs& in, const float* panel, float* mean,
                         std::size_t mean_stride, float* sigma, std::size_t sigma_stride) {
    for (std::size_t column = 0; column < kPanelColumns; column += kTileColumns) {
        std::size_t q = 0;
        for (; q + kTileTwo <= in.queries; q += kTileTwo)
            two_tile<kTileTwo>(in, q, panel, column, mean, mean_stride, sigma, sigma_stride);
        for (; q < in.queries; ++q)
            two_tile<1>(in, q, panel, column, mean, mean_stride, sigma, sigma_stride);
    }
}

static void squares(const float* x, float* out, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) out[k] = x[k] * x[k];
}

/// Sum of the squares of n numbers, lane l those at l, l + 16, ...; a lane beyond the end adds 0.
ATTOHM_INLINE float sum_of_squares(const float* x, std::size_t n) {
    constexpr std::size_t kWide = 16;
    Vector lanes[kWide / kLanes] = {};
    float last[kWide] = {};
    std::memcpy(last, x + n / kWide * kWide, n % kWide * sizeof *x);
    for (std::size_t k = 0; k + kWide <= n; k += kWide) {
#pragma GCC unroll 4
        for (std::size_t l = 0; l < kWide / kLanes; ++l) {
            const Vector part = load(x + k + l * kLanes);
            lanes[l] = fused(part, part, lanes[l]);
        }
    }
#pragma GCC unroll 4
    for (std::size_t l = 0; l < kWide / kLanes; ++l) {
        const Vector part = load(last + l * kLanes);
        lanes[l] = fused(part, part, lanes[l]);
    }
    typedef float Quarter __attribute__((vector_size(16)));
    Quarter q[4];
    std::memcpy(q, lanes, sizeof q);
    const Quarter sum = (q[0] + q[2]) + (q[1] + q[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static void one_sigma(const PanelInputs& in, float s, std::size_t columns, float* sigma,
                      std::size_t stride) {
    for (std::size_t q = 0; q < in.queries; ++q) {
        const float value = s * __builtin_sqrtf(sum_of_squares(in.v + q * in.v_stride, in.rows));
        for (std::size_t c = 0; c < columns; ++c) sigma[q * stride + c] = value;
    }
}

constexpr NoisyProductKernels kNoisyProductKernels{
    .one_product = one_product,
    .two_products = two_products,
    .squares = squares,
    .one_sigma = one_sigma,
};

#undef ATTOHM_INLINE
