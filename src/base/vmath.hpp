#pragma once

#include <cstdint>
#include <span>

namespace attohm {

// Vector mathematics on float spans. Same bytes at every SIMD level, for any alignment, and
// element by element independent of the span's length (reductions: of the span's length only).

/// x <- exp(x). Relative error below 2e-7. Gives 0 below -87.3365 (no denormals), infinity above
/// 88.722, 0 for -infinity; NaN stays NaN.
void exp_inplace(std::span<float> x);

/// x <- natural logarithm of x. Relative error below 2e-7 (also near 1). 0 gives -infinity,
/// negative numbers and NaN give NaN; denormals are handled.
void log_inplace(std::span<float> x);

/// out[i] = Phi(x[i]), the standard normal distribution function. Absolute error below 2e-7,
/// relative error below 1e-5 in the lower tail down to 1e-37; 0 below about -13.2.
/// `out` may be `x` itself; other overlaps are not allowed.
/// Throws: InvariantError if the sizes differ.
void normal_cdf(std::span<const float> x, std::span<float> out);

/// sum of Phi(x[i]): expected number of events from their normalised margins, without a buffer.
/// Summed in a fixed order (16 float lanes over blocks of 512 elements, blocks in double).
double normal_cdf_sum(std::span<const float> x);

/// One value, the same bits as the vector form.
float normal_cdf(float x);

/// Largest score of a row and the sum of exp(score - max).
struct SoftmaxTotals {
    float max;  ///< -infinity for an empty or fully masked row
    float sum;  ///< 0 for an empty or fully masked row, else at least about 1
};

/// row[i] <- exp(row[i] - max), without normalising: for softmax over kept keys or in pieces.
/// Masked entries (-infinity) give 0. A NaN or +infinity in the row makes the sum NaN.
SoftmaxTotals exp_row(std::span<float> row);

/// row <- softmax(row). Entries of -infinity are masked and give 0; a fully masked row gives zeros.
/// The sum runs in 16 fixed float lanes. A NaN or +infinity makes the whole row NaN.
void softmax_row(std::span<float> row);

/// Quantiser: codes[i] = clip(round_half_even(x[i] * inv_step), lo, hi), as floats.
///
/// Args:
///     inv_step: codes per unit of x (the product is rounded to float, then to an integer with
///         nearbyint's rule: halves to even).
///     lo, hi: code range, |lo|, |hi| <= 2^21.
/// Returns:
///     how many elements were clipped, that is, whose rounded value lies outside lo..hi. NaN counts
///     as clipped and stays NaN.
/// Throws: InvariantError if the sizes differ, lo > hi, or the range is too wide.
std::int64_t quantise_codes(std::span<const float> x, float inv_step, int lo, int hi,
                            std::span<float> codes_as_float);

/// The same with int8 codes; lo and hi must lie in -128..127, NaN becomes lo.
std::int64_t quantise_codes(std::span<const float> x, float inv_step, int lo, int hi,
                            std::span<std::int8_t> codes);

/// The same with int16 codes; lo and hi must lie in -32768..32767, NaN becomes lo.
std::int64_t quantise_codes(std::span<const float> x, float inv_step, int lo, int hi,
                            std::span<std::int16_t> codes);

}  // namespace attohm
