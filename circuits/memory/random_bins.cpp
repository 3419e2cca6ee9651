#include "circuits/memory/random_bins.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

RandomBins::RandomBins(int count) : count_(count), largest_(0.0) {
    ATTOHM_CHECK_LT(0, count);
    if (count > 1)
        largest_ = boost::math::quantile(boost::math::normal(), (count - 0.375) / (count + 0.25));
}

double RandomBins::fullest(double things) const {
    if (count_ == 1 || things <= 1.0) return things;
    const double n = count_, mean = things / n;
    const double fullest =
        mean + largest_ * std::sqrt(mean * (1.0 - 1.0 / n)) + (largest_ * largest_ - 1.0) / 6.0;
    return std::clamp(fullest, std::max(1.0, mean), things);
}

}  // namespace attohm
