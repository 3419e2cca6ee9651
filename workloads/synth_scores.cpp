#include "workloads/synth_scores.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <numeric>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "workloads/synth_kernels.hpp"

namespace attohm {

namespace {

constexpr std::size_t kQueryBlock = 256;                   ///< rows of scores formed at a time
constexpr std::size_t kHeldScores = std::size_t{1} << 23;  ///< at most this many are kept in memory
constexpr std::size_t kBins = 16384;
constexpr double kGapWindow = 5e-4;  ///< ranks around the asked one in which a gap may be chosen
constexpr float kRounding = 1e-6F;   ///< of a score, as a fraction of the range of scores

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

}  // namespace

HeadScores::HeadScores(const SynthSpec& spec, const AttentionSize& size, const SynthPlace& place,
                       const std::vector<int>& valid)
    : size_(size), content_(spec, size) {
    const auto d = static_cast<std::size_t>(size.head_dim);
    if (!size.pattern.empty()) {
        visible_.resize(static_cast<std::size_t>(size.n_q));
        for (int i = 0; i < size.n_q; ++i)
            for (int j = 0; j < (size.causal ? i + 1 : size.n_k); ++j)
                visible_[static_cast<std::size_t>(i)] += size.pattern.allows(i, j) ? 1 : 0;
    }
    std::size_t total = 0;
    for (std::size_t s = 0; s < valid.size(); ++s)
        for (int window = 0; window < size.windows; ++window) {
            Block block;
            block.place = place;
            block.place.sample = static_cast<int>(s);
            block.place.window = window;
            const bool all = valid[s] == size.n_k;
            block.n_q = static_cast<std::size_t>(all ? size.n_q : valid[s]);
            block.n_k = static_cast<std::size_t>(valid[s]);
            block.keys = Matrix<float>(static_cast<std::size_t>(size.n_k), d);
            block.queries = Matrix<float>(block.n_q, d);
            content_.keys(block.place, block.keys.view());
            total += block.n_q * block.n_k;
            for (std::size_t i = 0; i < block.n_q; ++i) {
                // Where a pattern is asked for, nothing is padded.
                pairs_ +=
                    visible_.empty() ? static_cast<std::int64_t>(key_end(block, i)) : visible_[i];
            }
            blocks_.push_back(std::move(block));
        }
    held_ = total <= kHeldScores;
    if (held_) scores_.resize(total);
}

void HeadScores::set(const QueryProcess& process) {
    for (Block& block : blocks_) content_.queries(block.place, process, block.queries.view());
    fresh_ = true;
}

void HeadScores::for_each_row(const std::function<void(const ScoreRow&)>& f) {
    std::size_t offset = 0;
    for (Block& block : blocks_) {
        std::vector<float> last;  // the last row of the rows before
        for (std::size_t first = 0; first < block.n_q; first += kQueryBlock) {
            const std::size_t count = std::min(kQueryBlock, block.n_q - first);
            const MatrixView<const float> rows = form(block, first, count, offset);
            for (std::size_t i = 0; i < count; ++i) f(row_of(block, rows, first, i, last));
            last.assign(rows.row(count - 1), rows.row(count - 1) + rows.cols);
            offset += count * rows.cols;
        }
    }
    fresh_ = false;
}

std::size_t HeadScores::key_end(const Block& block, std::size_t query) const {
    return size_.causal ? query + 1 : block.n_k;
}

float HeadScores::range() const {
    double largest = 0.0;
    for (const Block& block : blocks_)
        for (std::size_t i = 0; i < block.queries.rows(); ++i) {
            double sum = 0.0;
            for (std::size_t c = 0; c < block.queries.cols(); ++c)
                sum += static_cast<double>(block.queries(i, c)) *
                       static_cast<double>(block.queries(i, c));
            largest = std::max(largest, sum);
        }
    // 6 standard deviations of q.k for keys of about unit variance.
    return static_cast<float>(6.0 * std::sqrt(largest / static_cast<double>(size_.head_dim)));
}

MatrixView<const float> HeadScores::form(Block& block, std::size_t first, std::size_t count,
                                         std::size_t offset) {
    const std::size_t keys = size_.causal ? first + count : block.n_k;
    if (!held_ && scores_.size() < count * keys) scores_.resize(count * keys);
    const MatrixView<float> scores(scores_.data() + (held_ ? offset : 0), count, keys);
    const float scale = 1.0F / std::sqrt(static_cast<float>(size_.head_dim));
    if (fresh_ || !held_) {
        sgemm_nt(scale, block.queries.view().rows_from(first, count), block.keys.view().top(keys),
                 0.0F, scores);
        if (!visible_.empty()) forbid(block, first, scores);
    }
    return scores;
}

void HeadScores::forbid(const Block& /*block*/, std::size_t first, MatrixView<float> scores) const {
    for (std::size_t i = 0; i < scores.rows; ++i)
        for (std::size_t j = 0; j < scores.cols; ++j)
            if (!size_.pattern.allows(static_cast<int>(first + i), static_cast<int>(j)))
                scores(i, j) = kForbidden;
}

ScoreRow HeadScores::row_of(const Block& block, MatrixView<const float> scores, std::size_t first,
                            std::size_t i, std::span<const float> last) const {
    const std::size_t query = first + i;
    const std::size_t end = size_.causal ? query + 1 : scores.cols;
    ScoreRow row;
    row.scores = {scores.row(i), end};
    const std::size_t end_before = size_.causal ? query : scores.cols;
    if (i > 0) row.before = {scores.row(i - 1), end_before};
    if (i == 0 && query > 0) row.before = last.first(end_before);
    row.visible =
        visible_.empty() ? static_cast<std::int64_t>(key_end(block, query)) : visible_[query];
    row.position = query_position(size_, static_cast<int>(query));
    return row;
}

float HeadScores::threshold(std::int64_t kept) {
    std::vector<std::uint32_t> counts(kBins, 0);
    const float reach = range();
    const ScoreBins bins{-reach, static_cast<float>(kBins) / (2.0F * reach), counts};
    for_each_row([&](const ScoreRow& row) { bins.add(row.scores); });
    const Edges edges = bins_around(counts, kept);
    std::vector<float> near;
    for_each_row([&](const ScoreRow& row) {
        for (const float score : row.scores) {
            const std::size_t bin = bins.bin(score);
            if (bin >= edges.first && bin <= edges.last) near.push_back(score);
        }
    });
    std::sort(near.begin(), near.end(), std::greater<>());
    return threshold_in_gap(near, edges.above, kept, kRounding * reach);
}

}  // namespace attohm
