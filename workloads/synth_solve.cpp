#include <algorithm>
#include <cmath>
#include <compare>
#include <functional>
#include <numbers>
#include <span>
#include <vector>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "workloads/synth_head.hpp"
#include "workloads/synth_kernels.hpp"

namespace attohm {

namespace {

constexpr std::size_t kQueryBlock = 256;                   ///< rows of scores formed at a time
constexpr std::size_t kHeldScores = std::size_t{1} << 23;  ///< at most this many are kept in memory
constexpr std::size_t kBins = 16384;
constexpr double kGapWindow = 5e-4;   ///< ranks around the asked one in which a gap may be chosen
constexpr float kRounding = 1e-6F;    ///< of a score, as a fraction of the range of scores
constexpr double kGoodEnough = 2e-3;  ///< relative error of new keys at which the search stops
constexpr int kEvaluations = 24;

/// A row of scores over the keys that its query may see, and the row before it.
struct ScoreRow {
    std::span<const float> scores;
    std::span<const float> before;  ///< empty for the first query of a sample
};

/// The scores of a head over all samples, formed block by block from q and k; held when they are
/// few.
class HeadScores {
  public:
    HeadScores(const SynthSpec& spec, const SynthPlace& place, const SynthTarget& target)
        : spec_(spec), place_(place), valid_(target.valid), content_(spec) {
        const auto d = static_cast<std::size_t>(spec.head_dim);
        std::size_t total = 0;
        for (std::size_t s = 0; s < valid_.size(); ++s) {
            const auto n = static_cast<std::size_t>(valid_[s]);
            place_.sample = static_cast<int>(s);
            keys_.emplace_back(static_cast<std::size_t>(spec.tokens), d);
            queries_.emplace_back(n, d);
            content_.keys(place_, keys_.back().view());
            total += n * n;
        }
        held_ = total <= kHeldScores;
        if (held_) scores_.resize(total);
    }

    void set(const QueryProcess& process) {
        for (std::size_t s = 0; s < valid_.size(); ++s) {
            place_.sample = static_cast<int>(s);
            content_.queries(place_, process, queries_[s].view());
        }
        fresh_ = true;
    }

    /// Calls f for every row of every sample, in order.
    void for_each_row(const std::function<void(const ScoreRow&)>& f) {
        std::size_t offset = 0;
        for (std::size_t s = 0; s < valid_.size(); ++s) {
            const auto n = static_cast<std::size_t>(valid_[s]);
            std::vector<float> last;  // the last row of the block before
            for (std::size_t first = 0; first < n; first += kQueryBlock) {
                const std::size_t count = std::min(kQueryBlock, n - first);
                const MatrixView<const float> block = form(s, first, count, offset);
                for (std::size_t i = 0; i < count; ++i) f(row_of(block, first, i, last));
                last.assign(block.row(count - 1), block.row(count - 1) + block.cols);
                offset += count * block.cols;
            }
        }
        fresh_ = false;
    }

    /// Pairs that causality and padding allow.
    std::int64_t pairs() const {
        std::int64_t total = 0;
        for (const std::int64_t n : valid_) total += spec_.causal ? n * (n + 1) / 2 : n * n;
        return total;
    }

    /// A number that nearly every |score| stays below.
    float range() const {
        double largest = 0.0;
        for (const Matrix<float>& q : queries_)
            for (std::size_t i = 0; i < q.rows(); ++i) {
                double sum = 0.0;
                for (std::size_t c = 0; c < q.cols(); ++c)
                    sum += static_cast<double>(q(i, c)) * static_cast<double>(q(i, c));
                largest = std::max(largest, sum);
            }
        // 6 standard deviations of q.k for keys of about unit variance.
        return static_cast<float>(6.0 * std::sqrt(largest / static_cast<double>(spec_.head_dim)));
    }

  private:
    MatrixView<const float> form(std::size_t s, std::size_t first, std::size_t count,
                                 std::size_t offset) {
        const auto n = static_cast<std::size_t>(valid_[s]);
        const std::size_t keys = spec_.causal ? first + count : n;
        if (!held_ && scores_.size() < count * keys) scores_.resize(count * keys);
        const MatrixView<float> block(scores_.data() + (held_ ? offset : 0), count, keys);
        const float scale = 1.0F / std::sqrt(static_cast<float>(spec_.head_dim));
        if (fresh_ || !held_)
            sgemm_nt(scale, queries_[s].view().rows_from(first, count), keys_[s].view().top(keys),
                     0.0F, block);
        return block;
    }

    ScoreRow row_of(MatrixView<const float> block, std::size_t first, std::size_t i,
                    std::span<const float> last) const {
        const std::size_t query = first + i;
        const std::size_t end = spec_.causal ? query + 1 : block.cols;
        ScoreRow row{{block.row(i), end}, {}};
        const std::size_t end_before = spec_.causal ? query : block.cols;
        if (i > 0) row.before = {block.row(i - 1), end_before};
        if (i == 0 && query > 0) row.before = last.first(end_before);
        return row;
    }

    const SynthSpec& spec_;
    SynthPlace place_;
    const std::vector<int>& valid_;
    SynthContent content_;
    std::vector<Matrix<float>> keys_;     ///< per sample, [tokens, d]
    std::vector<Matrix<float>> queries_;  ///< per sample, [valid, d]
    AlignedVector<float> scores_;
    bool held_ = false;
    bool fresh_ = false;
};

struct Edges {
    std::size_t first, last;  ///< bins
    std::int64_t above;       ///< scores in bins above `last`
};

/// The bin that holds the score of rank `kept` (counted from the top), widened to at least one
/// occupied bin on either side, so that a gap between two different scores lies inside.
Edges bins_around(std::span<const std::uint32_t> counts, std::int64_t kept) {
    std::size_t bin = counts.size() - 1;
    std::int64_t above = 0;
    while (bin > 0 && above + counts[bin] < kept) above += counts[bin--];
    Edges edges{bin, bin, above};
    while (edges.first > 0 && counts[--edges.first] == 0) {
    }
    while (edges.last + 1 < counts.size()) {
        ++edges.last;
        edges.above -= counts[edges.last];
        if (counts[edges.last] != 0) break;
    }
    return edges;
}

/// Middle of the gap below the n-th of descending scores; above the lower one in floats too.
float middle_below(std::span<const float> descending, std::size_t n) {
    const float upper = descending[n - 1], lower = descending[n];
    const float middle = lower + 0.5F * (upper - lower);
    return middle > lower ? middle : upper;
}

/// A threshold that about `kept` scores reach: in the widest gap near that rank. Equal queries make
/// equal scores up to rounding; then it is the nearest gap wider than that.
/// Args: descending: scores around the rank; above: how many are higher still; rounding: gaps below
///   it may come from the order of sums alone.
float threshold_in_gap(std::span<const float> descending, std::int64_t above, std::int64_t kept,
                       float rounding) {
    const auto window = static_cast<std::int64_t>(kGapWindow * static_cast<double>(kept));
    /// Worse first: too narrow, then ranks outside the window, then narrowness.
    struct Merit {
        bool narrow;
        std::int64_t distance;
        float minus_gap;
        auto operator<=>(const Merit&) const = default;
    };
    std::size_t best = 0;
    Merit best_merit{};
    for (std::size_t n = 1; n < descending.size(); ++n) {
        const float gap = descending[n - 1] - descending[n];
        if (!(gap > 0.0F)) continue;
        const std::int64_t rank = above + static_cast<std::int64_t>(n);
        const std::int64_t outside = std::max<std::int64_t>(std::abs(rank - kept) - window, 0);
        const Merit merit{gap < rounding, outside, -gap};
        if (best != 0 && !(merit < best_merit)) continue;
        best = n;
        best_merit = merit;
    }
    ATTOHM_CHECK_LT(std::size_t{0}, best);
    return middle_below(descending, best);
}

float quantile_threshold(HeadScores& scores, std::int64_t kept) {
    std::vector<std::uint32_t> counts(kBins, 0);
    const float range = scores.range();
    const ScoreBins bins{-range, static_cast<float>(kBins) / (2.0F * range), counts};
    scores.for_each_row([&](const ScoreRow& row) { bins.add(row.scores); });
    const Edges edges = bins_around(counts, kept);
    std::vector<float> near;
    scores.for_each_row([&](const ScoreRow& row) {
        for (const float score : row.scores) {
            const std::size_t bin = bins.bin(score);
            if (bin >= edges.first && bin <= edges.last) near.push_back(score);
        }
    });
    std::sort(near.begin(), near.end(), std::greater<>());
    return threshold_in_gap(near, edges.above, kept, kRounding * range);
}

/// Threshold and realised counts for one correlation.
SynthHead evaluate(HeadScores& scores, const QueryProcess& process, const SynthTarget& target) {
    scores.set(process);
    SynthHead head;
    head.process = process;
    head.threshold = quantile_threshold(scores, target.kept);
    double fractions = 0.0;
    std::int64_t queries = 0;
    scores.for_each_row([&](const ScoreRow& row) {
        head.kept += count_kept(row.scores, head.threshold);
        if (row.before.empty()) return;
        // A key that a causal query sees for the first time was not kept before.
        const std::size_t seen = row.before.size();
        const std::int64_t fresh = count_new(row.scores.first(seen), row.before, head.threshold) +
                                   count_kept(row.scores.subspan(seen), head.threshold);
        fractions += static_cast<double>(fresh) / static_cast<double>(row.scores.size());
        ++queries;
    });
    head.new_keys = fractions / static_cast<double>(queries);
    return head;
}

/// Correlation of neighbouring scores cos(angle) = share + (1 - share) correlation.
QueryProcess process_at(double angle, double share) {
    const double correlation = (std::cos(angle) - share) / (1.0 - share);
    return {share, std::clamp(correlation, -1.0, 1.0)};
}

/// Bracketed search for the angle at which new keys are as asked. They grow with the angle, nearly
/// in proportion while it is small.
class AngleSearch {
  public:
    explicit AngleSearch(double asked) : asked_(asked), low_error_(-asked) {}

    /// The angle to try after `angle` gave `realised`.
    double next(double angle, double realised) {
        const double error = realised - asked_;
        (error < 0.0 ? low_ : high_) = angle;
        (error < 0.0 ? low_error_ : high_error_) = error;
        high_known_ = high_known_ || error >= 0.0;
        ++steps_;
        if (!high_known_) return std::min(2.0 * angle, 0.5 * (angle + high_));
        // Every third step halves the bracket, so that a crooked curve cannot stall the secant.
        if (steps_ % 3 == 0) return 0.5 * (low_ + high_);
        return low_ + (high_ - low_) * low_error_ / (low_error_ - high_error_);
    }

  private:
    double asked_;
    double low_ = 0.0, high_ = std::numbers::pi;
    double low_error_, high_error_ = 0.0;
    bool high_known_ = false;
    int steps_ = 0;
};

}  // namespace

SynthHead solve_head(const SynthSpec& spec, const SynthPlace& place, const SynthTarget& target) {
    HeadScores scores(spec, place, target);
    ATTOHM_CHECK(target.kept > 0 && target.kept < scores.pairs());
    // A fixed direction bounds how fast scores can change: less of it where much change is asked.
    const double reach = 0.4 * (1.0 + std::cos(target.first_angle));
    const double share = std::min(SynthContent(spec).fixed_share(place), reach);
    double angle = target.first_angle;
    SynthHead best = evaluate(scores, process_at(angle, share), target);
    if (!target.new_keys) return best;

    const double asked = *target.new_keys;
    const auto error_of = [asked](const SynthHead& head) {
        return std::abs(head.new_keys - asked);
    };
    AngleSearch search(asked);
    double realised = best.new_keys;
    for (int i = 1; i < kEvaluations && error_of(best) > kGoodEnough * asked; ++i) {
        angle = search.next(angle, realised);
        const SynthHead now = evaluate(scores, process_at(angle, share), target);
        realised = now.new_keys;
        if (error_of(now) < error_of(best)) best = now;
    }
    return best;
}

}  // namespace attohm
