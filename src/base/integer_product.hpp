#pragma once

#include <cstdint>
#include <span>

#include "src/base/matrix.hpp"

/// Exact products of small integers: C = A B^T for codes whose dot products fit 16 bits, or 24.
/// Integer arithmetic has no rounding, so every path, block size and SIMD level gives the same
/// bytes.
namespace attohm {

/// The keys of an integer product, held twice: 16-bit codes with keys side by side (for the narrow
/// kernel) and the float matrix (for BLAS, exact below 2^24).
class IntegerKeys {
  public:
    IntegerKeys() = default;
    /// Args: codes: [n, d] integer-valued floats; largest: the largest |code| in it.
    IntegerKeys(MatrixView<const float> codes, int largest);

    std::size_t keys() const { return codes_.rows(); }
    std::size_t depth() const { return codes_.cols(); }
    int largest() const { return largest_; }
    const Matrix<float>& codes() const { return codes_; }
    const Matrix<std::int16_t>& packed() const { return packed_; }  ///< [d, keys rounded up to 64]

  private:
    Matrix<float> codes_;
    Matrix<std::int16_t> packed_;
    int largest_ = 0;
};

/// products[t, j] = sum_i queries[t, i] keys[j, i], as floats that hold the exact integer.
/// Args:
///   queries: [r, d] integer-valued floats, |.| <= largest_query
///   products: [r, n], any stride
/// Throws: UserError when d * largest_query * largest_key >= 2^24, where a float could no longer
/// hold
///   the sum (says which bit widths to lower).
void integer_product(MatrixView<const float> queries, int largest_query, const IntegerKeys& keys,
                     MatrixView<float> products);

/// out[k] = step * (query . rows[keys[k]]) over int16 codes with exact 32-bit sums.
/// Args: query: [rows.cols]; rows: [n, depth], fastest when depth is a multiple of 32 (pad with
/// zeros).
void integer_dots(const std::int16_t* query, MatrixView<const std::int16_t> rows,
                  std::span<const std::uint32_t> keys, float step, float* out);

}  // namespace attohm
