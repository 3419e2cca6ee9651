// Bodies of the Kron kernels, included once per SIMD level inside a namespace of its own.
// ATTOHM_VECTOR_BITS (128, 256, 512) is the level's vector width.

#define ATTOHM_INLINE static inline __attribute__((always_inline))

constexpr std::size_t kVecLanes = ATTOHM_VECTOR_BITS / 64;
constexpr std::size_t kParts = kKronPanel / kVecLanes;  ///< vectors in one row of a panel

typedef double Vec __attribute__((vector_size(8 * kVecLanes), may_alias));

/// Rows of a register tile: as many as the level's registers hold.
constexpr std::size_t kTileRows = ATTOHM_VECTOR_BITS == 512 ? 8 : 4;
/// Panels of a register tile.
constexpr std::size_t kTilePanels = ATTOHM_VECTOR_BITS == 512 ? 2 : 1;

ATTOHM_INLINE Vec load(const double* p) {
    return *reinterpret_cast<const Vec*>(p);
}
ATTOHM_INLINE void store(double* p, Vec v) {
    *reinterpret_cast<Vec*>(p) = v;
}

#include "crossbar/wires/kron_lanes.inl"

// ---- panels ----

/// One register tile: c(i, p) += sum over blocks and l < 8 of a(l, i) b(l, p), `p` a panel of
/// eight columns.
struct TileSteps {
    std::size_t a_block, a_l, a_i;  ///< steps through a: block of 8, l, row
    std::size_t b_block, b_l, b_p;  ///< steps through b: block of 8, l, panel
    std::size_t c_i, c_p;           ///< steps through c: row, panel
};

template <std::size_t R, std::size_t P>
ATTOHM_INLINE void tile(const TileSteps s, std::size_t blocks, const double* a, const double* b,
                        double* c) {
    Vec sum[R][P][kParts];
    for (std::size_t i = 0; i < R; ++i) {
        for (std::size_t p = 0; p < P; ++p) {
            for (std::size_t v = 0; v < kParts; ++v) {
                sum[i][p][v] = load(c + i * s.c_i + p * s.c_p + v * kVecLanes);
            }
        }
    }
    for (std::size_t block = 0; block < blocks; ++block) {
        const double* a_l = a;
        const double* b_l = b;
        for (std::size_t l = 0; l < 8; ++l) {
            Vec right[P][kParts];
            for (std::size_t p = 0; p < P; ++p) {
                for (std::size_t v = 0; v < kParts; ++v) {
                    right[p][v] = load(b_l + p * s.b_p + v * kVecLanes);
                }
            }
            for (std::size_t i = 0; i < R; ++i) {
                const double left = a_l[i * s.a_i];
                for (std::size_t p = 0; p < P; ++p) {
                    for (std::size_t v = 0; v < kParts; ++v) sum[i][p][v] += left * right[p][v];
                }
            }
            a_l += s.a_l;
            b_l += s.b_l;
        }
        a += s.a_block;
        b += s.b_block;
    }
    for (std::size_t i = 0; i < R; ++i) {
        for (std::size_t p = 0; p < P; ++p) {
            for (std::size_t v = 0; v < kParts; ++v) {
                store(c + i * s.c_i + p * s.c_p + v * kVecLanes, sum[i][p][v]);
            }
        }
    }
}

/// Eight rows and P panels by register tiles.
template <std::size_t P>
ATTOHM_INLINE void eight_rows(const TileSteps s, std::size_t blocks, const double* a,
                              const double* b, double* c) {
    constexpr std::size_t width = P < kTilePanels ? P : kTilePanels;
    for (std::size_t p = 0; p < P; p += width) {
        for (std::size_t i = 0; i < 8; i += kTileRows) {
            tile<kTileRows, width>(s, blocks, a + i * s.a_i, b + p * s.b_p,
                                   c + i * s.c_i + p * s.c_p);
        }
    }
}

/// Rows 8K .. 8K+7 of one panel, once everything above them is subtracted: divides by the pivots
/// of the diagonal block.
ATTOHM_INLINE void solve_block(const double* diagonal_block, const double* inverse, double* x) {
    Vec rows[8][kParts];
    for (std::size_t i = 0; i < 8; ++i) {
        for (std::size_t v = 0; v < kParts; ++v) rows[i][v] = load(x + i * 8 + v * kVecLanes);
    }
    for (std::size_t i = 0; i < 8; ++i) {
        for (std::size_t v = 0; v < kParts; ++v) {
            rows[i][v] *= inverse[i];
            store(x + i * 8 + v * kVecLanes, rows[i][v]);
        }
        for (std::size_t below = i + 1; below < 8; ++below) {
            const double factor = diagonal_block[i * 8 + below];
            for (std::size_t v = 0; v < kParts; ++v) rows[below][v] += factor * rows[i][v];
        }
    }
}

/// Cholesky of one 8 x 8 diagonal block of which all above is done. `diagonal`: its pivots before.
ATTOHM_INLINE void factor_block(double* block, double* diagonal, double* inverse) {
    for (std::size_t i = 0; i < 8; ++i) {
        const double reciprocal = 1.0 / __builtin_sqrt(diagonal[i]);
        inverse[i] = reciprocal;
        for (std::size_t j = 0; j <= i; ++j) block[i * 8 + j] = 0.0;
        for (std::size_t j = i + 1; j < 8; ++j) {
            block[i * 8 + j] *= reciprocal;
            diagonal[j] -= block[i * 8 + j] * block[i * 8 + j];
        }
        for (std::size_t k = i + 1; k < 8; ++k) {
            for (std::size_t j = k + 1; j < 8; ++j) {
                block[k * 8 + j] += block[i * 8 + k] * block[i * 8 + j];
            }
        }
    }
}

ATTOHM_INLINE double sum_of_eight(const double* v) {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/// Node sums: every row of the front, plus the columns of the eliminated nodes above it.
ATTOHM_INLINE void node_sums(const KronPanels& front, std::size_t used) {
    for (std::size_t k = 0; k < front.rows; ++k) {
        Vec sum[kParts] = {};
        for (std::size_t panel = k / 8; panel < front.panels; ++panel) {
            const double* row = front.data + panel * front.stride() + k * 8;
            for (std::size_t v = 0; v < kParts; ++v) sum[v] += load(row + v * kVecLanes);
        }
        alignas(64) double lanes[8];
        for (std::size_t v = 0; v < kParts; ++v) store(lanes + v * kVecLanes, sum[v]);
        front.inverse[k] = k < used ? sum_of_eight(lanes) : 1.0;
    }
    for (std::size_t panel = 0; panel < front.rows / 8; ++panel) {
        Vec sum[kParts] = {};
        for (std::size_t k = 0; k < (panel + 1) * 8; ++k) {
            const double* row = front.data + panel * front.stride() + k * 8;
            for (std::size_t v = 0; v < kParts; ++v) sum[v] += load(row + v * kVecLanes);
        }
        for (std::size_t v = 0; v < kParts; ++v) {
            double* to = front.inverse + panel * 8 + v * kVecLanes;
            store(to, load(to) + sum[v]);
        }
    }
}

/// What the rows above took from the pivots of panel J.
ATTOHM_INLINE void reduce_pivots(const KronPanels& front, std::size_t panel, double* pivots) {
    const double* data = front.data + panel * front.stride();
    Vec sum[kParts] = {};
    for (std::size_t l = 0; l < panel * 8; ++l) {
        for (std::size_t v = 0; v < kParts; ++v) {
            const Vec x = load(data + l * 8 + v * kVecLanes);
            sum[v] += x * x;
        }
    }
    for (std::size_t v = 0; v < kParts; ++v) {
        store(pivots + v * kVecLanes, load(front.inverse + panel * 8 + v * kVecLanes) - sum[v]);
    }
}

/// Row blocks `from` to `blocks` of P neighbouring panels; they are 0 above.
template <std::size_t P>
ATTOHM_INLINE void factor_columns(const KronPanels& front, std::size_t first, std::size_t from,
                                  std::size_t blocks) {
    const std::size_t stride = front.stride();
    double* x = front.data + first * stride;
    const TileSteps steps = {64, 8, 1, 64, 8, stride, 8, stride};
    for (std::size_t k = from; k < blocks; ++k) {
        const double* above = front.data + k * stride;
        eight_rows<P>(steps, k - from, above + from * 64, x + from * 64, x + k * 64);
        for (std::size_t p = 0; p < P; ++p) {
            solve_block(above + k * 64, front.inverse + k * 8, x + k * 64 + p * stride);
        }
    }
}

/// Cholesky of the eliminated nodes; front.inverse holds their diagonal before.
ATTOHM_INLINE void factor_nodes(const KronPanels& front) {
    const std::size_t blocks = front.rows / 8, stride = front.stride();
    for (std::size_t panel = 0; panel < blocks; ++panel) {
        factor_columns<1>(front, panel, 0, panel);
        double* x = front.data + panel * stride;
        const TileSteps steps = {64, 8, 1, 64, 8, stride, 8, stride};
        eight_rows<1>(steps, panel, x, x, x + panel * 64);
        alignas(64) double pivots[8];
        reduce_pivots(front, panel, pivots);
        factor_block(x + panel * 64, pivots, front.inverse + panel * 8);
    }
}

static void factor(const KronPanels& front, std::size_t used) {
    node_sums(front, used);
    factor_nodes(front);
    const std::size_t blocks = front.rows / 8;
    std::size_t panel = blocks;
    for (; panel + 2 <= front.panels; panel += 2) factor_columns<2>(front, panel, 0, blocks);
    if (panel < front.panels) factor_columns<1>(front, panel, 0, blocks);
}

static void invert(const KronPanels& front, double* c, std::size_t ld) {
    factor_nodes(front);
    const std::size_t blocks = front.rows / 8, stride = front.stride();
    double* x = front.data + blocks * stride;
    for (std::size_t p = 0; p < blocks; ++p) {
        for (std::size_t k = 0; k < front.rows * 8; ++k) x[p * stride + k] = 0.0;
        for (std::size_t k = 0; k < 8; ++k) x[p * stride + (p * 8 + k) * 8 + k] = 1.0;
        for (std::size_t i = 0; i < 8; ++i) {
            for (std::size_t k = 0; k < ld; ++k) c[(p * 8 + i) * ld + k] = 0.0;
        }
    }
    // A column of the identity is 0 above its own row, and stays so.
    std::size_t p = 0;
    for (; p + 2 <= blocks; p += 2) factor_columns<2>(front, blocks + p, p, blocks);
    if (p < blocks) factor_columns<1>(front, blocks + p, p, blocks);
    const TileSteps steps = {64, 8, 1, 64, 8, stride, ld, 8};
    for (std::size_t j = 0; j < blocks; j += 2) {
        const double* from = x + j * 64;
        for (std::size_t i = 0; i < blocks && i < j + 2; ++i) {
            double* to = c + i * 8 * ld + j * 8;
            if (j + 2 <= blocks) {
                eight_rows<2>(steps, blocks - j, from + i * stride, from + j * stride, to);
            } else {
                eight_rows<1>(steps, blocks - j, from + i * stride, from + j * stride, to);
            }
        }
    }
    for (std::size_t i = 0; i < front.rows; ++i) {
        for (std::size_t j = 0; j < i; ++j) c[i * ld + j] = c[j * ld + i];
    }
}

constexpr std::size_t kDepthBlocks = 32;  ///< rows of a panel pair that stay in the first cache

static void update(const KronPanels& front, std::size_t i0, std::size_t i1, std::size_t j0,
                   std::size_t j1, bool upper, double* c, std::size_t ld) {
    const std::size_t stride = front.stride(), blocks = front.rows / 8;
    const double* x = front.data + blocks * stride;
    const TileSteps steps = {64, 8, 1, 64, 8, stride, ld, 8};
    for (std::size_t first = 0; first < blocks; first += kDepthBlocks) {
        const std::size_t depth = blocks - first < kDepthBlocks ? blocks - first : kDepthBlocks;
        const double* here = x + first * 64;
        for (std::size_t j = j0; j < j1; j += 2) {
            const bool pair = j + 2 <= j1;
            const std::size_t last = upper && j + 2 < i1 ? j + 2 : i1;
            for (std::size_t i = i0; i < last; ++i) {
                double* to = c + i * 8 * ld + j * 8;
                if (pair) {
                    eight_rows<2>(steps, depth, here + i * stride, here + j * stride, to);
                } else {
                    eight_rows<1>(steps, depth, here + i * stride, here + j * stride, to);
                }
            }
        }
    }
}

static void substitute(const KronPanels& front, double* x, std::size_t ld, std::size_t width) {
    const std::size_t stride = front.stride();
    const TileSteps steps = {stride, 1, 8, 8 * ld, ld, 8, ld, 8};
    for (std::size_t k = front.rows / 8; k-- > 0;) {
        double* rows = x + k * 8 * ld;
        for (std::size_t i = 0; i < 8; ++i) {
            for (std::size_t c = 0; c < width; ++c) rows[i * ld + c] = 0.0;
        }
        const std::size_t blocks = front.panels - k - 1;
        const double* a = front.data + (k + 1) * stride + k * 64;
        const double* b = x + (k + 1) * 8 * ld;
        std::size_t c = 0;
        for (; c + 16 <= width; c += 16) eight_rows<2>(steps, blocks, a, b + c, rows + c);
        if (c < width) eight_rows<1>(steps, blocks, a, b + c, rows + c);
        const double* diagonal = front.data + k * stride + k * 64;
        for (std::size_t i = 8; i-- > 0;) {
            for (std::size_t below = i + 1; below < 8; ++below) {
                const double factor = diagonal[i * 8 + below];
                for (std::size_t j = 0; j < width; ++j) {
                    rows[i * ld + j] += factor * rows[below * ld + j];
                }
            }
            const double reciprocal = front.inverse[k * 8 + i];
            for (std::size_t j = 0; j < width; ++j) rows[i * ld + j] *= reciprocal;
        }
    }
}

static void substitute_one(const KronPanels& front, double* x) {
    const std::size_t stride = front.stride();
    for (std::size_t k = front.rows / 8; k-- > 0;) {
        Vec sum[8][kParts] = {};
        for (std::size_t panel = k + 1; panel < front.panels; ++panel) {
            const double* rows = front.data + panel * stride + k * 64;
            for (std::size_t v = 0; v < kParts; ++v) {
                const Vec from = load(x + panel * 8 + v * kVecLanes);
                for (std::size_t i = 0; i < 8; ++i) {
                    sum[i][v] += load(rows + i * 8 + v * kVecLanes) * from;
                }
            }
        }
        const double* diagonal = front.data + k * stride + k * 64;
        for (std::size_t i = 8; i-- > 0;) {
            alignas(64) double lanes[8];
            for (std::size_t v = 0; v < kParts; ++v) store(lanes + v * kVecLanes, sum[i][v]);
            double total = sum_of_eight(lanes);
            for (std::size_t below = i + 1; below < 8; ++below) {
                total += diagonal[i * 8 + below] * x[k * 8 + below];
            }
            x[k * 8 + i] = total * front.inverse[k * 8 + i];
        }
    }
}

static void multiply(const double* at, std::size_t lda, const double* b, std::size_t ldb,
                     std::size_t m, std::size_t n, std::size_t k, double* c, std::size_t ldc) {
    const TileSteps steps = {8 * lda, lda, 1, 8 * ldb, ldb, 8, ldc, 8};
    for (std::size_t first = 0; first < k / 8; first += kDepthBlocks) {
        const std::size_t left = k / 8 - first;
        const std::size_t depth = left < kDepthBlocks ? left : kDepthBlocks;
        const double* a_here = at + first * 8 * lda;
        const double* b_here = b + first * 8 * ldb;
        for (std::size_t j = 0; j < n; j += 16) {
            for (std::size_t i = 0; i < m; i += 8) {
                double* to = c + i * ldc + j;
                if (j + 16 <= n) {
                    eight_rows<2>(steps, depth, a_here + i, b_here + j, to);
                } else {
                    eight_rows<1>(steps, depth, a_here + i, b_here + j, to);
                }
            }
        }
    }
}

constexpr KronKernels kKronKernels = {eliminate_lanes, add_lanes,      substitute_lanes,
                                      factor,          invert,         update,
                                      substitute,      substitute_one, multiply};

#undef ATTOHM_INLINE
