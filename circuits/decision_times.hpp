#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/base/units.hpp"

namespace attohm {

/// Histogram of decision times: eight bins a decade from 1 ps to 1 us, each closed below and open
/// above, and what lies outside. Decisions without overdrive never end and count as above.
/// Counts add over threads and heads in any order.
class DecisionTimes {
  public:
    static constexpr int kBinsPerDecade = 8;
    static constexpr int kLowestDecade = -12;
    static constexpr int kDecades = 6;
    static constexpr std::size_t kBins = kBinsPerDecade * kDecades;

    void add(Second time, std::int64_t count = 1);
    DecisionTimes& operator+=(const DecisionTimes& other);
    bool operator==(const DecisionTimes&) const = default;

    /// Counts below, of all bins, and above: kBins + 2 numbers.
    std::vector<std::int64_t> bins() const;
    /// Throws: InvariantError unless there are as many as bins() gives.
    static DecisionTimes from_bins(std::span<const std::int64_t> bins);

    std::int64_t count(std::size_t bin) const { return counts_[bin]; }
    std::int64_t below() const { return below_; }
    std::int64_t above() const { return above_; }
    std::int64_t total() const;

    /// Lower edge of a bin; edge(kBins) is the upper edge of the last.
    static Second edge(std::size_t bin);
    /// A time that at least the fraction `p` of the decisions does not exceed: the upper edge of
    /// the first bin that reaches it, infinite where only those above do.
    /// Throws: InvariantError for an empty histogram or p outside 0..1.
    Second quantile_bound(double p) const;

  private:
    std::array<std::int64_t, kBins> counts_{};
    std::int64_t below_ = 0;
    std::int64_t above_ = 0;
};

}  // namespace attohm
