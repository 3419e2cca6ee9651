#include "circuits/adc_histogram.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

AdcHistogram::AdcHistogram(const Adc& adc) : lowest_(adc.lowest_code()) {
    ATTOHM_CHECK(adc.spec().bits.has_value());
    counts_.resize(static_cast<std::size_t>(adc.largest_code() - lowest_) + 1);
}

void AdcHistogram::add(const Adc::Reading& reading) {
    ATTOHM_CHECK_LE(lowest_, reading.code);
    counts_.at(static_cast<std::size_t>(reading.code - lowest_)) += 1;
    conversions_ += 1;
    clipped_ += reading.clipped ? 1 : 0;
}

AdcHistogram& AdcHistogram::operator+=(const AdcHistogram& other) {
    ATTOHM_CHECK_EQ(lowest_, other.lowest_);
    ATTOHM_CHECK_EQ(counts_.size(), other.counts_.size());
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    conversions_ += other.conversions_;
    clipped_ += other.clipped_;
    return *this;
}

std::int64_t AdcHistogram::count(std::int32_t code) const {
    ATTOHM_CHECK_LE(lowest_, code);
    return counts_.at(static_cast<std::size_t>(code - lowest_));
}

double AdcHistogram::clip_rate() const {
    ATTOHM_CHECK_LT(0, conversions_);
    return static_cast<double>(clipped_) / static_cast<double>(conversions_);
}

double AdcHistogram::codes_used() const {
    const auto used = std::count_if(counts_.begin(), counts_.end(), [](auto n) { return n > 0; });
    return static_cast<double>(used) / static_cast<double>(counts_.size());
}

}  // namespace attohm
