#include "src/base/integer_product.hpp"

#include <algorithm>

#include "src/base/blas.hpp"
#include "src/base/integer_product_kernel.hpp"

namespace attohm {

IntegerKeys::IntegerKeys(MatrixView<const float> codes, int largest) : largest_(largest) {
    codes_.resize(codes.rows, codes.cols);
    const std::size_t padded = (codes.rows + kProductKeys - 1) / kProductKeys * kProductKeys;
    packed_ = Matrix<std::int16_t>(codes.cols, padded, 0);
    for (std::size_t j = 0; j < codes.rows; ++j) {
        std::copy(codes.row(j), codes.row(j) + codes.cols, codes_.row(j));
    }
    // A block of keys at a time: its rows stay in the first-level cache while lines are written.
    for (std::size_t first = 0; first < codes.rows; first += kProductKeys) {
        const std::size_t count = std::min(kProductKeys, codes.rows - first);
        for (std::size_t i = 0; i < codes.cols; ++i) {
            std::int16_t* line = packed_.row(i) + first;
            for (std::size_t j = 0; j < count; ++j) {
                line[j] = static_cast<std::int16_t>(codes(first + j, i));
            }
        }
    }
}

void integer_product(MatrixView<const float> queries, int largest_query, const IntegerKeys& keys,
                     MatrixView<float> products) {
    ATTOHM_CHECK_EQ(queries.cols, keys.depth());
    ATTOHM_CHECK_EQ(products.cols, keys.keys());
    const std::int64_t bound =
        static_cast<std::int64_t>(keys.depth()) * largest_query * keys.largest();
    if (bound >= (std::int64_t{1} << 24)) {
        throw UserError("integer score too wide for exact single precision", "bits.k, bits.q",
                        fmt::format("d * max|q| * max|k| = {}", bound), "below 2^24 = 16777216");
    }
    if (bound <= 32767) {
        narrow_product(queries, keys.packed(), products);
    } else {
        sgemm_nt(queries, keys.codes().view(), products);
    }
}

}  // namespace attohm
