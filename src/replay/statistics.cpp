#include "src/replay/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

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

/// exp of value and ends: the order stays, so quantiles do too.
Interval exponential(const Interval& x) {
    return {std::exp(x.value), std::exp(x.low), std::exp(x.high)};
}

/// Ratio over the samples whose whole is not 0; NaN where there is none.
Interval ratio_over(const std::vector<SampleOutcome>& samples, std::uint64_t seed,
                    std::int64_t TokenScores::*whole, auto part) {
    std::vector<double> parts;
    std::vector<double> wholes;
    for (const SampleOutcome& sample : samples) {
        const TokenScores& tokens = sample.tokens.value();
        if (tokens.*whole == 0) continue;
        parts.push_back(static_cast<double>(part(tokens)));
        wholes.push_back(static_cast<double>(tokens.*whole));
    }
    return parts.empty() ? unknown_interval() : bootstrap_ratio(parts, wholes, seed);
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

Interval bootstrap_ratio(std::span<const double> parts, std::span<const double> wholes,
                         std::uint64_t seed) {
    const std::size_t n = parts.size();
    ATTOHM_CHECK_LT(0U, n);
    ATTOHM_CHECK_EQ(wholes.size(), n);
    const Stream stream(seed, Purpose::bootstrap, {});
    std::vector<std::uint32_t> words(n);
    std::vector<double> ratios(kResamples);
    for (std::size_t r = 0; r < ratios.size(); ++r) {
        stream.words(r * n, words);
        double part = 0.0;
        double whole = 0.0;
        for (const std::uint32_t word : words) {
            const std::size_t i = (std::uint64_t{word} * n) >> 32U;
            part += parts[i];
            whole += wholes[i];
        }
        ratios[r] = part / whole;
    }
    std::sort(ratios.begin(), ratios.end());
    Interval interval = unknown_interval();
    interval.value = std::accumulate(parts.begin(), parts.end(), 0.0) /
                     std::accumulate(wholes.begin(), wholes.end(), 0.0);
    if (n == 1) return interval;
    interval.low = quantile(ratios, kLowQuantile);
    interval.high = quantile(ratios, kHighQuantile);
    return interval;
}

LanguageScore make_language(const std::vector<SampleOutcome>& samples, std::uint64_t seed) {
    ATTOHM_CHECK_LT(0U, samples.size());
    LanguageScore score;
    score.samples = static_cast<std::int64_t>(samples.size());
    double squared_error = 0.0;
    std::int64_t compared = 0;
    for (const SampleOutcome& sample : samples) {
        const TokenScores& tokens = sample.tokens.value();
        score.scored += tokens.scored;
        compared += tokens.compared;
        squared_error += tokens.logit_squared_error;
    }
    using T = TokenScores;
    const auto per_scored = [&](auto part) { return ratio_over(samples, seed, &T::scored, part); };
    score.loss = per_scored([](const T& t) { return t.loss; });
    score.loss_exact = per_scored([](const T& t) { return t.loss_exact; });
    score.loss_difference = per_scored([](const T& t) { return t.loss - t.loss_exact; });
    score.perplexity = exponential(score.loss);
    score.perplexity_exact = exponential(score.loss_exact);
    score.perplexity_ratio = exponential(score.loss_difference);
    score.top1 = per_scored([](const T& t) { return t.right; });
    score.top1_exact = per_scored([](const T& t) { return t.right_exact; });
    score.top1_difference = per_scored([](const T& t) { return t.right - t.right_exact; });
    score.agreement =
        ratio_over(samples, seed, &T::compared, [](const T& t) { return t.agreeing; });
    score.kl = ratio_over(samples, seed, &T::compared, [](const T& t) { return t.kl; });
    score.logit_rms = std::sqrt(squared_error / static_cast<double>(compared));
    return score;
}

namespace {

/// Answers one by one, as values to take means of.
struct Answers {
    std::vector<double> top1, exact, difference, agreement;

    void add(std::int64_t label, int predicted, int predicted_exact) {
        agreement.push_back(predicted == predicted_exact ? 1.0 : 0.0);
        if (label < 0) return;
        top1.push_back(right(predicted, label));
        exact.push_back(right(predicted_exact, label));
        difference.push_back(top1.back() - exact.back());
    }
};

/// Of samples with one answer each. Returns: sum over samples and classes of the squared error.
double add_answers(const std::vector<SampleOutcome>& samples, std::size_t classes,
                   Answers& answers) {
    double squared_error = 0.0;
    for (const SampleOutcome& sample : samples) {
        ATTOHM_CHECK_EQ(sample.logits.size(), classes);
        squared_error += sample.logit_squared_error;
        answers.add(sample.label, sample.predicted, sample.predicted_exact);
    }
    return squared_error;
}

/// Of graphs. Returns: sum over nodes of the mean over classes of the squared error.
double add_nodes(const std::vector<SampleOutcome>& samples, Answers& answers) {
    double squared_error = 0.0;
    for (const SampleOutcome& sample : samples) {
        ATTOHM_CHECK(!sample.nodes.empty());
        for (const NodeOutcome& node : sample.nodes) {
            squared_error += node.logit_squared_error;
            answers.add(node.label, node.predicted, node.predicted_exact);
        }
    }
    return squared_error;
}

}  // namespace

Accuracy make_accuracy(const std::vector<SampleOutcome>& samples, std::uint64_t seed) {
    ATTOHM_CHECK_LT(0U, samples.size());
    Answers answers;
    Accuracy accuracy;
    accuracy.samples = static_cast<std::int64_t>(samples.size());
    if (samples.front().nodes.empty()) {
        const std::size_t classes = samples.front().logits.size();
        ATTOHM_CHECK_LT(0U, classes);
        const double squared_error = add_answers(samples, classes, answers);
        accuracy.logit_rms =
            std::sqrt(squared_error / static_cast<double>(samples.size() * classes));
    } else {
        const double squared_error = add_nodes(samples, answers);
        accuracy.nodes = static_cast<std::int64_t>(answers.agreement.size());
        accuracy.logit_rms = std::sqrt(squared_error / static_cast<double>(accuracy.nodes));
    }
    accuracy.top1 = interval_or_unknown(answers.top1, seed);
    accuracy.top1_exact = interval_or_unknown(answers.exact, seed);
    accuracy.top1_difference = interval_or_unknown(answers.difference, seed);
    accuracy.agreement = bootstrap_mean(answers.agreement, seed);
    return accuracy;
}

namespace {

/// Change of every labelled node of one graph. Throws: InvariantError unless both are of the same.
void add_node_changes(const SampleOutcome& changed, const SampleOutcome& base,
                      std::vector<double>& difference) {
    ATTOHM_CHECK_EQ(changed.nodes.size(), base.nodes.size());
    for (std::size_t i = 0; i < changed.nodes.size(); ++i) {
        const NodeOutcome &now = changed.nodes[i], &before = base.nodes[i];
        ATTOHM_CHECK_EQ(now.node, before.node);
        if (now.label < 0) continue;
        difference.push_back(right(now.predicted, now.label) -
                             right(before.predicted, before.label));
    }
}

}  // namespace

Interval paired_top1_difference(const std::vector<SampleOutcome>& changed,
                                const std::vector<SampleOutcome>& base, std::uint64_t seed) {
    std::map<int, const SampleOutcome*> by_ordinal;
    for (const SampleOutcome& sample : base) by_ordinal.emplace(sample.sample, &sample);
    std::vector<double> difference;
    std::vector<double> tokens;
    for (const SampleOutcome& sample : changed) {
        const auto found = by_ordinal.find(sample.sample);
        if (found == by_ordinal.end()) continue;
        if (sample.tokens && found->second->tokens && sample.tokens->scored > 0) {
            ATTOHM_CHECK_EQ(found->second->tokens->scored, sample.tokens->scored);
            difference.push_back(
                static_cast<double>(sample.tokens->right - found->second->tokens->right));
            tokens.push_back(static_cast<double>(sample.tokens->scored));
        }
        if (!sample.nodes.empty()) add_node_changes(sample, *found->second, difference);
        if (sample.tokens || !sample.nodes.empty() || sample.label < 0) continue;
        ATTOHM_CHECK_EQ(found->second->label, sample.label);
        difference.push_back(right(sample.predicted, sample.label) -
                             right(found->second->predicted, sample.label));
    }
    if (!tokens.empty()) return bootstrap_ratio(difference, tokens, seed);
    return interval_or_unknown(difference, seed);
}

}  // namespace attohm
