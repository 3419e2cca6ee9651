#include "src/base/integer_product_kernel.hpp"

#include <algorithm>
#include <cstring>

#include "src/base/integer_product.hpp"
#include "src/base/simd_clones.hpp"

namespace attohm {

namespace {

constexpr std::size_t kRows = 4;

using Lanes = std::int16_t __attribute__((vector_size(64)));
constexpr std::size_t kLanes = 32;

/// Four query rows against 64 keys. Vectors have names: as elements of an array they would be
/// stored once per step of the depth.
ATTOHM_SIMD_CLONES
void block_product(const std::int16_t* const rows[kRows], const std::int16_t* packed,
                   std::size_t packed_stride, std::size_t depth, std::int16_t* sums) {
    static_assert(kRows == 4);
    Lanes a0 = {}, a1 = {}, b0 = {}, b1 = {}, c0 = {}, c1 = {}, d0 = {}, d1 = {};
    for (std::size_t i = 0; i < depth; ++i) {
        Lanes key0, key1;
        std::memcpy(&key0, packed + i * packed_stride, sizeof(key0));
        std::memcpy(&key1, packed + i * packed_stride + kLanes, sizeof(key1));
        a0 += key0 * rows[0][i];
        a1 += key1 * rows[0][i];
        b0 += key0 * rows[1][i];
        b1 += key1 * rows[1][i];
        c0 += key0 * rows[2][i];
        c1 += key1 * rows[2][i];
        d0 += key0 * rows[3][i];
        d1 += key1 * rows[3][i];
    }
    const Lanes all[kRows * 2] = {a0, a1, b0, b1, c0, c1, d0, d1};
    std::memcpy(sums, all, sizeof(all));
}

ATTOHM_SIMD_CLONES
void widen(const std::int16_t* in, float* out, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) out[j] = static_cast<float>(in[j]);
}

}  // namespace

void narrow_product(MatrixView<const float> queries, const Matrix<std::int16_t>& packed,
                    MatrixView<float> products) {
    static_assert(kProductKeys == 2 * kLanes);
    const std::size_t depth = queries.cols;
    AlignedVector<std::int16_t> codes(kRows * depth);
    alignas(64) std::int16_t sums[kRows * kProductKeys];
    for (std::size_t t = 0; t < queries.rows; t += kRows) {
        const std::size_t rows = std::min(kRows, queries.rows - t);
        const std::int16_t* row_codes[kRows];
        for (std::size_t r = 0; r < kRows; ++r) {
            // Rows beyond the end repeat the last one; their sums are dropped.
            const float* q = queries.row(t + std::min(r, rows - 1));
            for (std::size_t i = 0; i < depth; ++i) {
                codes[r * depth + i] = static_cast<std::int16_t>(q[i]);
            }
            row_codes[r] = codes.data() + r * depth;
        }
        for (std::size_t j = 0; j < products.cols; j += kProductKeys) {
            block_product(row_codes, packed.data() + j, packed.cols(), depth, sums);
            const std::size_t keys = std::min(kProductKeys, products.cols - j);
            for (std::size_t r = 0; r < rows; ++r) {
                widen(sums + r * kProductKeys, products.row(t + r) + j, keys);
            }
        }
    }
}

ATTOHM_SIMD_CLONES
void integer_dots(const std::int16_t* query, MatrixView<const std::int16_t> rows,
                  std::span<const std::uint32_t> keys, float step, float* out) {
    for (std::size_t k = 0; k < keys.size(); ++k) {
        const std::int16_t* key = rows.data + keys[k] * rows.stride;
        std::int32_t sum = 0;
        for (std::size_t i = 0; i < rows.cols; ++i) {
            sum += static_cast<std::int32_t>(query[i]) * static_cast<std::int32_t>(key[i]);
        }
        out[k] = step * static_cast<float>(sum);
    }
}

}  // namespace attohm
