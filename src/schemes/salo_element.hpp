#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// The fixed-point arithmetic of SALO's processing elements: exponential in base 2 by four line
/// segments, sums with a shared exponent, one reciprocal per row, merging of windows.
/// Source: DAC 2022, arXiv 2206.14550; facts from github.com/sjtu-zhao-lab/SALO at 07252a8
/// (PE.scala, InverseModule.scala, WeightedSumModule.scala). Where the source does not say how a
/// step rounds, bits below the result are dropped (towards minus infinity), and an accumulator or
/// exponent beyond its range wraps; both are ours.
namespace attohm::salo {

constexpr int kInputFraction = 4;        ///< q, k, v: 9 bits
constexpr int kProbabilityFraction = 7;  ///< mantissas and probabilities: 9 bits
constexpr int kSumFraction = 8;          ///< accumulators: 18 bits

/// Nearest 9-bit code with 4 fraction bits, clamped.
std::int32_t input_code(float x);

/// The low 18 bits as a signed number.
std::int32_t wrap18(std::int64_t x);

/// 2^s of a scaled score, as mantissa 2^-7 x mantissa in [1, 2) and exponent.
struct Power {
    std::int32_t mantissa = 0;
    int exponent = 0;
};
/// Args: score: 18-bit accumulator of q.k with 8 fraction bits, before scaling by 1/8.
Power power_of(std::int32_t score);

/// A sum of powers: 2^-8 x sum x 2^exponent.
struct RowSum {
    std::int64_t sum = 0;
    int exponent = 0;
    bool empty = true;
};
RowSum add(const RowSum& row, const Power& power);

/// One window of a row: its sum and its output in accumulators' codes.
struct WindowResult {
    RowSum sum;
    std::vector<std::int32_t> out;  ///< [dv], 8 fraction bits
};
/// Args: q: [d] codes; keys, values: rows of codes, in order.
WindowResult attend(std::span<const std::int32_t> q,
                    std::span<const std::span<const std::int32_t>> keys,
                    std::span<const std::span<const std::int32_t>> values, std::size_t dv);

/// (W1 out1 + W2 out2) / (W1 + W2) with fractions of 7 bits.
WindowResult merge(const WindowResult& a, const WindowResult& b);

}  // namespace attohm::salo
