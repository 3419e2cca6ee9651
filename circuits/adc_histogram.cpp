#include "circuits/adc_histogram.hpp"

#include <algorithm>

#include "src/base/ceil_div.hpp"
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
    if (!reading.clipped) return;
    clipped_ += 1;
    clipped_low_ +=
        std::int64_t{reading.code} - lowest_ < largest_code() - std::int64_t{reading.code};
}

AdcHistogram& AdcHistogram::operator+=(const AdcHistogram& other) {
    ATTOHM_CHECK_EQ(lowest_, other.lowest_);
    ATTOHM_CHECK_EQ(counts_.size(), other.counts_.size());
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    conversions_ += other.conversions_;
    clipped_ += other.clipped_;
    clipped_low_ += other.clipped_low_;
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

std::int32_t AdcHistogram::lowest_used() const {
    const auto used = std::find_if(counts_.begin(), counts_.end(), [](auto n) { return n > 0; });
    ATTOHM_CHECK(used != counts_.end());
    return lowest_ + static_cast<std::int32_t>(used - counts_.begin());
}

std::int32_t AdcHistogram::largest_used() const {
    const auto used = std::find_if(counts_.rbegin(), counts_.rend(), [](auto n) { return n > 0; });
    ATTOHM_CHECK(used != counts_.rend());
    return largest_code() - static_cast<std::int32_t>(used - counts_.rbegin());
}

std::vector<std::int64_t> AdcHistogram::bins(int most) const {
    ATTOHM_CHECK_LT(0, most);
    const auto codes = counts_.size();
    const std::size_t used = std::min(static_cast<std::size_t>(most), codes);
    std::vector<std::int64_t> bins(static_cast<std::size_t>(most), 0);
    for (std::size_t c = 0; c < codes; ++c) bins[c * used / codes] += counts_[c];
    return bins;
}

std::int64_t AdcHistogram::first_code(std::int64_t lowest, std::int64_t codes, int most, int bin) {
    const std::int64_t used = std::min<std::int64_t>(most, codes);
    return lowest + ceil_div(std::int64_t{bin} * codes, used);
}

double AdcHistogram::codes_used() const {
    const auto used = std::count_if(counts_.begin(), counts_.end(), [](auto n) { return n > 0; });
    return static_cast<double>(used) / static_cast<double>(counts_.size());
}

}  // namespace attohm
