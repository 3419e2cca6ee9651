#include "workloads/synth_softmax.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/vmath.hpp"
#include "workloads/synth_kernels.hpp"

namespace attohm {

SoftmaxRows::SoftmaxRows(HeadScores& scores, int sinks, double gain) {
    std::vector<float> others;
    const auto factor = static_cast<float>(gain);
    scores.for_each_row([&](const ScoreRow& row) {
        const std::size_t in_front = std::min(static_cast<std::size_t>(sinks), row.scores.size());
        Row sums;
        sums.visible = static_cast<double>(row.visible);
        others.resize(row.scores.size() - in_front);
        for (std::size_t j = 0; j < others.size(); ++j)
            others[j] = factor * row.scores[in_front + j];
        double largest = 0.0;
        // A row without other keys, or with forbidden ones only, keeps 0 as its zero point.
        if (std::any_of(others.begin(), others.end(), [](float s) { return s > kForbidden; })) {
            const SoftmaxTotals totals = exp_row(others);
            largest = static_cast<double>(totals.max);
            sums.sum = static_cast<double>(totals.sum);
            sums.squares = sum_of_squares(others);
        }
        for (std::size_t j = 0; j < in_front; ++j) {
            const double e = std::exp(gain * static_cast<double>(row.scores[j]) - largest);
            sums.sink_sum += e;
            sums.sink_squares += e * e;
        }
        rows_.push_back(sums);
    });
}

SoftmaxMeans SoftmaxRows::means(double height) const {
    const double factor = std::exp(height);
    SoftmaxMeans means;
    for (const Row& row : rows_) {
        const double sinks = factor * row.sink_sum;
        const double all = row.sum + sinks;
        const double squares = row.squares + factor * factor * row.sink_squares;
        means.sink_mass += sinks / all;
        means.effective_keys += all * all / squares / row.visible;
    }
    const auto count = static_cast<double>(rows_.size());
    return {means.effective_keys / count, means.sink_mass / count};
}

double SoftmaxRows::sink_height(double mass) const {
    // The mass grows with the height: bisection, far beyond any score on both sides.
    double low = -60.0, high = 60.0;
    for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (low + high);
        (means(middle).sink_mass < mass ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

}  // namespace attohm
