#include "src/replay/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "src/base/error.hpp"
#include "src/base/random.hpp"

namespace attohm {

namespace {

constexpr double kLowQuantile = 0.025;
constexpr double kHighQuantile = 0.975;

Interval unknown_interval() {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, nan};
}

/// Quantile of sorted values, linear between order statistics.
double quantile(const std::vector<double>& sorted, double p) {
    const double position = p * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] +
           (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// 1 where the prediction is right.
double right(int predicted, std::int64_t label) {
    return predicted == label ? 1.0 : 0.0;
}

Interval interval_or_unknown(const std::vector<double>& values, std::uint64_t seed) {
    return values.empty() ? unknown_interval() : bootstrap_mean(values, seed);
}

}  // namespace

Interval bootstrap_mean(std::span<const double> values, std::uint64_t seed,
                        std::span<const std::uint64_t> ids) {
    const std::size_t n = values.size();
    ATTOHM_CHECK_LT(0U, n);
    ATTOHM_CHECK_LT(n, std::size_t{1} << 31U);
    const Stream stream(seed, Purpose::bootstrap, ids);
    std::vector<std::uint32_t> words(n);
    std::vector<double> means(kResamples);
    for (std::size_t r = 0; r < means.size(); ++r) {
        stream.words(r * n, words);
        double sum = 0.0;
        for (const std::uint32_t word : words) sum += values[(std::uint64_t{word} * n) >> 32U];
        means[r] = sum / static_cast<double>(n);
    }
    std::sort(means.begin(), means.end());
    double sum = 0.0;
    for (const double value : values) sum += value;
    return {sum / static_cast<double>(n), quantile(means, kLowQuantile),
            quantile(means, kHighQuantile)};
}

Accuracy make_accuracy(const std::vector<SampleOutcome>& samples, std::uint64_t seed) {
    ATTOHM_CHECK_LT(0U, samples.size());
    const std::size_t classes = samples.front().logits.size();
    ATTOHM_CHECK_LT(0U, classes);
    std::vector<double> top1;
    std::vector<double> exact;
    std::vector<double> difference;
    std::vector<double> agreement;
    double squared_error = 0.0;
    for (const SampleOutcome& sample : samples) {
        ATTOHM_CHECK_EQ(sample.logits.size(), classes);
        squared_error += sample.logit_squared_error;
        agreement.push_back(sample.predicted == sample.predicted_exact ? 1.0 : 0.0);
        if (sample.label < 0) continue;
        top1.push_back(right(sample.predicted, sample.label));
        exact.push_back(right(sample.predicted_exact, sample.label));
        difference.push_back(top1.back() - exact.back());
    }
    Accuracy accuracy;
    accuracy.samples = static_cast<std::int64_t>(samples.size());
    accuracy.top1 = interval_or_unknown(top1, seed);
    accuracy.top1_exact = interval_or_unknown(exact, seed);
    accuracy.top1_difference = interval_or_unknown(difference, seed);
    accuracy.agreement = bootstrap_mean(agreement, seed);
    accuracy.logit_rms = std::sqrt(squared_error / static_cast<double>(samples.size() * classes));
    return accuracy;
}

Interval paired_top1_difference(const std::vector<SampleOutcome>& changed,
                                const std::vector<SampleOutcome>& base, std::uint64_t seed) {
    std::map<int, const SampleOutcome*> by_ordinal;
    for (const SampleOutcome& sample : base) by_ordinal.emplace(sample.sample, &sample);
    std::vector<double> difference;
    for (const SampleOutcome& sample : changed) {
        const auto found = by_ordinal.find(sample.sample);
        if (found == by_ordinal.end() || sample.label < 0) continue;
        ATTOHM_CHECK_EQ(found->second->label, sample.label);
        difference.push_back(right(sample.predicted, sample.label) -
                             right(found->second->predicted, sample.label));
    }
    return interval_or_unknown(difference, seed);
}

}  // namespace attohm
