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
    /// Of those, inputs below the range.
    std::int64_t clipped_low() const { return clipped_low_; }
    /// Fraction. Throws: InvariantError without conversions.
    double clip_rate() const;
    /// Codes that came out at least once, over all codes there are.
    double codes_used() const;
    std::int32_t lowest_code() const { return lowest_; }
    std::int32_t largest_code() const {
        return lowest_ + static_cast<std::int32_t>(counts_.size()) - 1;
    }
    /// Lowest and largest code that came out. Throws: InvariantError without conversions.
    std::int32_t lowest_used() const;
    std::int32_t largest_used() const;
    /// The counts in `most` bins or fewer, a code to one bin: with m = min(most, codes) code c lies
    /// in bin floor((c - lowest) m / codes), so that few codes have a bin each. Returns: [most].
    std::vector<std::int64_t> bins(int most) const;
    /// First code of a bin of `codes` codes from `lowest` on; that of bin m is one beyond the last.
    static std::int64_t first_code(std::int64_t lowest, std::int64_t codes, int most, int bin);
    const std::vector<std::int64_t>& counts() const { return counts_; }

  private:
    std::int32_t lowest_;
    std::vector<std::int64_t> counts_;  ///< by code from the lowest on
    std::int64_t conversions_ = 0;
    std::int64_t clipped_ = 0;
    std::int64_t clipped_low_ = 0;
};

}  // namespace attohm
