#pragma once

#include <cstdint>
#include <vector>

#include "circuits/adc.hpp"

namespace attohm {

/// How often each code came out, and how often the input lay beyond the range. Counts add over
/// threads and heads in any order.
class AdcHistogram {
  public:
    /// For converters with the codes of `adc`. Throws: InvariantError for an ideal one.
    explicit AdcHistogram(const Adc& adc);

    void add(const Adc::Reading& reading);
    /// Throws: InvariantError where the codes are others.
    AdcHistogram& operator+=(const AdcHistogram& other);
    bool operator==(const AdcHistogram&) const = default;

    std::int64_t count(std::int32_t code) const;
    std::int64_t conversions() const { return conversions_; }
    std::int64_t clipped() const { return clipped_; }
    /// Fraction. Throws: InvariantError without conversions.
    double clip_rate() const;
    /// Codes that came out at least once, over all codes there are.
    double codes_used() const;
    std::int32_t lowest_code() const { return lowest_; }
    const std::vector<std::int64_t>& counts() const { return counts_; }

  private:
    std::int32_t lowest_;
    std::vector<std::int64_t> counts_;  ///< by code from the lowest on
    std::int64_t conversions_ = 0;
    std::int64_t clipped_ = 0;
};

}  // namespace attohm
