#pragma once

#include <cstdint>
#include <span>

/// Sums over rows of scores: the same at every SIMD level.
namespace attohm {

/// Scores at or above the threshold.
std::int64_t count_kept(std::span<const float> row, float threshold);

/// Scores at or above the threshold now that were below it in the row before.
/// Args: row, before: the same length.
std::int64_t count_new(std::span<const float> row, std::span<const float> before, float threshold);

/// Sum of squares in double, in an order of its own that no SIMD level changes.
double sum_of_squares(std::span<const float> row);

/// Equal bins over [low, low + bins / inverse_width); what lies outside goes to the end bins.
struct ScoreBins {
    float low = 0.0F;
    float inverse_width = 1.0F;
    std::span<std::uint32_t> counts;

    /// Bin of a score; never decreases with the score.
    std::size_t bin(float score) const {
        const float position = (score - low) * inverse_width;
        const float last = static_cast<float>(counts.size() - 1);
        const float clamped = position > 0.0F ? (position < last ? position : last) : 0.0F;
        return static_cast<std::size_t>(static_cast<std::int32_t>(clamped));
    }
    void add(std::span<const float> row) const {
        for (const float score : row) ++counts[bin(score)];
    }
};

}  // namespace attohm
