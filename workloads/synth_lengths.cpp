#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/base/error.hpp"
#include "workloads/synth_plan.hpp"

namespace attohm {

namespace {

/// Difference of neighbouring roundings: integers whose sums stay within 1/2 of step * count.
std::int64_t spread_evenly(double step, std::int64_t index) {
    return std::llround(step * static_cast<double>(index + 1)) -
           std::llround(step * static_cast<double>(index));
}

double normal_quantile(double p) {
    double low = -40.0, high = 40.0;
    for (int i = 0; i < 100; ++i) {
        const double middle = 0.5 * (low + high);
        (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

std::vector<int> fixed_lengths(double mean, int count) {
    std::vector<int> lengths;
    for (int s = 0; s < count; ++s) lengths.push_back(static_cast<int>(spread_evenly(mean, s)));
    return lengths;
}

/// Lengths at `middle` + the quantiles, within 2 .. tokens.
std::vector<double> placed(const std::vector<double>& quantiles, double middle, int tokens) {
    std::vector<double> lengths;
    for (const double q : quantiles)
        lengths.push_back(std::clamp(middle + q, 2.0, static_cast<double>(tokens)));
    return lengths;
}

double sum_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Whole numbers whose sum is that of the values, each within 1 of its value.
std::vector<int> rounded(const std::vector<double>& values) {
    std::vector<int> whole;
    double carried = 0.0;
    for (const double value : values) {
        whole.push_back(static_cast<int>(std::llround(value + carried)));
        carried += value - whole.back();
    }
    return whole;
}

void shuffle(const SynthSpec& spec, bool calibration, std::vector<int>& lengths) {
    const Stream draws(
        spec.seed, Purpose::synth_content,
        {std::uint64_t{1} << 32U, calibration ? std::uint64_t{1} : std::uint64_t{0}});
    for (std::size_t i = lengths.size(); i-- > 1;) {
        const auto j = static_cast<std::size_t>(draws.uniform(i) * static_cast<double>(i + 1));
        std::swap(lengths[i], lengths[std::min(j, i)]);
    }
}

std::vector<double> quantiles_of(const SynthSpec& spec, int tokens, int count) {
    const bool uniform = spec.lengths.kind == Lengths::Kind::uniform;
    const double widest = std::min(spec.padding, 1.0 - spec.padding - 2.0 / tokens);
    constexpr double kNormalSpread = 0.1;
    const double spread = tokens * spec.lengths.spread.value_or(uniform ? widest : kNormalSpread);
    if (uniform && spread > tokens * widest + 1e-9)
        refuse_synth("the spread of uniform lengths leaves what there is",
                     fmt::format("{}", spread / tokens), fmt::format("0 to {:.6g}", widest));
    std::vector<double> quantiles;
    for (int s = 0; s < count; ++s) {
        const double p = (s + 0.5) / count;
        quantiles.push_back(spread * (uniform ? 2.0 * p - 1.0 : normal_quantile(p)));
    }
    return quantiles;
}

}  // namespace

std::vector<int> sample_lengths(const SynthSpec& spec, int tokens, int count, bool calibration) {
    if (count == 0) return {};
    const double mean = tokens * (1.0 - spec.padding);
    std::vector<int> lengths;
    if (spec.lengths.kind == Lengths::Kind::fixed) {
        lengths = fixed_lengths(mean, count);
    } else if (spec.lengths.kind == Lengths::Kind::list) {
        for (int s = 0; s < count; ++s)
            lengths.push_back(
                spec.lengths.list[static_cast<std::size_t>(s) % spec.lengths.list.size()]);
    } else {
        const std::vector<double> quantiles = quantiles_of(spec, tokens, count);
        double low = -2.0 * tokens, high = 3.0 * tokens;
        for (int i = 0; i < 100; ++i) {
            const double middle = 0.5 * (low + high);
            (sum_of(placed(quantiles, middle, tokens)) < mean * count ? low : high) = middle;
        }
        lengths = rounded(placed(quantiles, 0.5 * (low + high), tokens));
        shuffle(spec, calibration, lengths);
    }
    for (const int n : lengths) {
        if (n < 2)
            refuse_synth("padding leaves fewer than two real tokens",
                         fmt::format("{}", spec.padding),
                         fmt::format("at most {}", 1.0 - 2.0 / tokens));
        if (n > tokens)
            refuse_synth("a length exceeds the tokens", std::to_string(n),
                         fmt::format("2 to {}", tokens));
    }
    return lengths;
}

}  // namespace attohm
