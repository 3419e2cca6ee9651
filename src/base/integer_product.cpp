#include "src/base/integer_product.hpp"

#include "src/base/blas.hpp"
#include "src/base/integer_product_kernel.hpp"

namespace attohm {

IntegerKeys::IntegerKeys(MatrixView<const float> codes, int largest)
    : codes_(codes.rows, codes.cols), largest_(largest) {
    const std::size_t padded = (codes.rows + kProductKeys - 1) / kProductKeys * kProductKeys;
    packed_ = Matrix<std::int16_t>(codes.cols, padded, 0);
    for (std::size_t j = 0; j < codes.rows; ++j) {
        const float* row = codes.row(j);
        std::copy(row, row + codes.cols, codes_.row(j));
        for (std::size_t i = 0; i < codes.cols; ++i) {
            packed_(i, j) = static_cast<std::int16_t>(row[i]);
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
