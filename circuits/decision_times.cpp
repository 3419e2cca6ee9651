#include "circuits/decision_times.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/error.hpp"

namespace attohm {

namespace {

using Edges = std::array<double, DecisionTimes::kBins + 1>;

const Edges& edges() {
    static const Edges all = [] {
        Edges e{};
        for (std::size_t bin = 0; bin < e.size(); ++bin) {
            e[bin] = std::pow(10.0, DecisionTimes::kLowestDecade +
                                        static_cast<double>(bin) / DecisionTimes::kBinsPerDecade);
        }
        return e;
    }();
    return all;
}

}  // namespace

Second DecisionTimes::edge(std::size_t bin) {
    return Second::from_value(edges()[bin]);
}

void DecisionTimes::add(Second time, std::int64_t count) {
    ATTOHM_CHECK(!std::isnan(time.value()));
    const Edges& e = edges();
    const auto bin = std::upper_bound(e.begin(), e.end(), time.value()) - e.begin() - 1;
    if (bin < 0) {
        below_ += count;
    } else if (bin >= static_cast<std::ptrdiff_t>(kBins)) {
        above_ += count;
    } else {
        counts_[static_cast<std::size_t>(bin)] += count;
    }
}

DecisionTimes& DecisionTimes::operator+=(const DecisionTimes& other) {
    for (std::size_t bin = 0; bin < kBins; ++bin) counts_[bin] += other.counts_[bin];
    below_ += other.below_;
    above_ += other.above_;
    return *this;
}

std::int64_t DecisionTimes::total() const {
    std::int64_t sum = below_ + above_;
    for (const std::int64_t count : counts_) sum += count;
    return sum;
}

Second DecisionTimes::quantile_bound(double p) const {
    ATTOHM_CHECK(p >= 0.0 && p <= 1.0);
    ATTOHM_CHECK_LT(std::int64_t{0}, total());
    const double wanted = p * static_cast<double>(total());
    std::int64_t seen = below_;
    if (static_cast<double>(seen) >= wanted) return edge(0);
    for (std::size_t bin = 0; bin < kBins; ++bin) {
        seen += counts_[bin];
        if (static_cast<double>(seen) >= wanted) return edge(bin + 1);
    }
    return Second::from_value(std::numeric_limits<double>::infinity());
}

std::vector<std::int64_t> DecisionTimes::bins() const {
    std::vector<std::int64_t> all = {below_};
    all.insert(all.end(), counts_.begin(), counts_.end());
    all.push_back(above_);
    return all;
}

DecisionTimes DecisionTimes::from_bins(std::span<const std::int64_t> bins) {
    ATTOHM_CHECK_EQ(bins.size(), kBins + 2);
    DecisionTimes times;
    times.below_ = bins.front();
    std::copy_n(bins.begin() + 1, kBins, times.counts_.begin());
    times.above_ = bins.back();
    return times;
}

}  // namespace attohm
