#include "src/schemes/a3.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "src/base/error.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/row_kernels.hpp"

namespace attohm {

namespace {

/// Iterations of one query. Args: fraction: of its keys.
std::int64_t iterations_of(double fraction, int keys) {
    return static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(keys)));
}

/// Comparisons of a tree over so many.
std::int64_t levels_of(std::int64_t leaves) {
    return std::max<std::int64_t>(1, std::bit_width(static_cast<std::uint64_t>(leaves - 1)));
}

class A3Decider final : public RowDecider {
  public:
    A3Decider(const AttentionHead& head, const A3Settings& settings)
        : head_(head),
          smallest_weight_(settings.smallest_weight),
          iterations_(settings.iterations ? iterations_of(*settings.iterations, head.valid_k) : 0),
          searches_(settings.iterations.has_value()),
          greedy_(static_cast<std::size_t>(head.valid_k), 1.0) {
        if (!searches_) return;
        sorted_.emplace(head);
        search_.emplace(head, *sorted_);
    }
    void load(std::size_t, std::size_t, const FloatRowScores& scores) override {
        scores_ = &scores;
    }
    void decide(std::size_t query, std::uint8_t* keep) override {
        if (searches_) search_->run(query, iterations_, greedy_);
        const float* score = scores_->row(query);
        const std::size_t n = head_.key_end(query);
        for (std::size_t j = 0; j < n; ++j) keep[j] = greedy_[j] > 0.0 ? 1 : 0;
        clear_masked(head_, query, keep);
        float highest = -std::numeric_limits<float>::infinity();
        candidates_ += sum_counts(keep, nullptr, n);
        for (std::size_t j = 0; j < n; ++j)
            highest = std::max(highest, keep[j] != 0 ? score[j] : highest);
        // exp(s - highest) >= smallest weight.
        if (smallest_weight_ == 0.0) return;
        const auto least = highest + static_cast<float>(std::log(smallest_weight_));
        for (std::size_t j = 0; j < n; ++j) keep[j] = score[j] >= least ? keep[j] : 0;
    }
    std::int64_t iterations() const { return iterations_; }
    std::int64_t candidates() const { return candidates_; }

  private:
    const AttentionHead& head_;
    double smallest_weight_;
    std::int64_t iterations_;
    bool searches_;
    std::vector<double> greedy_;
    std::optional<SortedKeys> sorted_;
    std::optional<GreedySearch> search_;
    const FloatRowScores* scores_ = nullptr;
    std::int64_t candidates_ = 0;
};

}  // namespace

A3Settings load_a3_settings(const Settings& settings) {
    A3Settings a3;
    a3.iterations = settings.real_or("a3.iterations", "all", {1e-6, 1e6});
    a3.smallest_weight = settings.real("a3.smallest_weight", {0.0, 1.0});
    a3.operand_bits = load_operand_bits(settings, "a3.operand_bits");
    return a3;
}

SortedKeys::SortedKeys(const AttentionHead& head)
    : order_(head.d(), static_cast<std::size_t>(head.valid_k)),
      values_(order_.rows(), order_.cols()) {
    std::vector<std::pair<float, std::uint32_t>> column(order_.cols());
    for (std::size_t i = 0; i < order_.rows(); ++i) {
        for (std::uint32_t j = 0; j < column.size(); ++j) column[j] = {head.k(j, i), j};
        std::sort(column.begin(), column.end());
        for (std::size_t place = 0; place < column.size(); ++place) {
            values_(i, place) = column[place].first;
            order_(i, place) = column[place].second;
        }
    }
}

/// All positive products of at least `least`, column by column from the end where they are largest.
void GreedySearch::collect(std::size_t query, double sign, double least) {
    found_.clear();
    const std::size_t n = sorted_.keys();
    for (std::size_t i = 0; i < sorted_.columns(); ++i) {
        const double q = sign * static_cast<double>(head_.q(query, i));
        if (q == 0.0) continue;
        const float* values = sorted_.values(i);
        const std::uint32_t* order = sorted_.order(i);
        for (std::size_t r = 0; r < n; ++r) {
            const std::size_t place = q > 0.0 ? n - 1 - r : r;
            const double product = q * static_cast<double>(values[place]);
            if (!(product > 0.0) || product < least) break;
            found_.push_back({product, order[place]});
        }
    }
}

/// A value that at least `count` products reach: the last of so many among each column's first.
double GreedySearch::sure_guess(std::size_t query, std::size_t count, double sign) {
    const std::size_t n = sorted_.keys();
    const std::size_t depth = std::min(n, 2 * count / sorted_.columns() + 1);
    ranked_.clear();
    for (std::size_t i = 0; i < sorted_.columns(); ++i) {
        const double q = sign * static_cast<double>(head_.q(query, i));
        const float* values = sorted_.values(i);
        for (std::size_t r = 0; r < depth; ++r)
            ranked_.push_back(q * static_cast<double>(q > 0.0 ? values[n - 1 - r] : values[r]));
    }
    if (count >= ranked_.size()) return 0.0;
    const auto last = ranked_.begin() + static_cast<std::ptrdiff_t>(count - 1);
    std::nth_element(ranked_.begin(), last, ranked_.end(), std::greater<>());
    return std::max(*last, 0.0);
}

void GreedySearch::take(std::size_t query, std::size_t count, double sign,
                        std::span<double> greedy) {
    double squares = 0.0;
    for (std::size_t i = 0; i < head_.d(); ++i) {
        const auto q = static_cast<double>(head_.q(query, i));
        squares += q * q;
    }
    const double length = std::sqrt(squares);
    // The last query's limit is a guess; where it is too high, a sure one.
    collect(query, sign, 0.95 * guess_ * length);
    if (found_.size() < count) collect(query, sign, sure_guess(query, count, sign));
    double least = 0.0;
    std::size_t equal = found_.size();
    if (count < found_.size()) {
        ranked_.clear();
        for (const Product& product : found_) ranked_.push_back(product.value);
        const auto last = ranked_.begin() + static_cast<std::ptrdiff_t>(count - 1);
        std::nth_element(ranked_.begin(), last, ranked_.end(), std::greater<>());
        least = *last;
        guess_ = length > 0.0 ? least / length : 0.0;
        equal = count;
        for (const Product& product : found_) equal -= product.value > least ? 1 : 0;
    }
    // Of equal ones the lower column's come first.
    for (const Product& product : found_) {
        if (product.value < least) continue;
        if (product.value == least) {
            if (equal == 0) continue;
            --equal;
        }
        greedy[product.key] += sign * product.value;
    }
}

void GreedySearch::run(std::size_t query, std::int64_t iterations, std::span<double> greedy) {
    std::fill(greedy.begin(), greedy.end(), 0.0);
    if (sorted_.keys() == 0 || iterations == 0) return;
    take(query, static_cast<std::size_t>(iterations), 1.0, greedy);
    take(query, static_cast<std::size_t>(iterations), -1.0, greedy);
}

A3Scheme::A3Scheme(const SchemeInputs& inputs, const Settings& settings)
    : SelectionScheme(inputs, settings), settings_(load_a3_settings(settings)) {}

void A3Scheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                              SampleContext& context) const {
    FloatRowScores scores(head);
    KeptAttention kept(head, keep_settings_, scores, head.v, 1.0F);
    A3Decider decider(head, settings_);
    HeadReport report;
    attend(head, decider, scores, kept, out, report);
    // Keys that are kept by rule are scored too.
    const HeadShape shape = head_shape(head);
    const std::int64_t by_rule = kept.kept_pairs() - report.decisions.hw_kept;
    const std::int64_t scored = std::min(shape.allowed_pairs, decider.candidates() + by_rule);
    OpList ops = a3_ops(shape, settings_.operand_bits,
                        {decider.iterations(), decider.candidates(), scored, kept.kept_pairs()});
    file(head, kept, std::move(report), std::move(ops), settings_.operand_bits, context);
}

OpList a3_ops(const HeadShape& shape, int operand_bits, const A3Counts& counts) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::selection, operand_bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorInfo list = kept_list(shape, counts.kept_pairs);
    const TensorInfo bits = dense_tensor(TensorRole::mask, m * n, 1);
    TensorId candidates = kNoTensor;
    if (counts.iterations > 0) {
        // Every column through a merge sort, with its indices beside it.
        const TensorId sorted =
            build.step(OpKind::sort, "sort keys", {d * levels_of(n), n}, {k},
                       dense_tensor(TensorRole::index, d * n, operand_bits + list.bits));
        // Two products an iteration, each through a tree over the columns and into its key.
        const std::int64_t steps = 2 * std::min(counts.iterations, n * d);
        const TensorId products = build.step(OpKind::multiply, "products", {m, steps}, {q, sorted},
                                             build.tensor(TensorRole::statistic, m * steps));
        const TensorId chosen =
            build.step(OpKind::top_k, "queues", {m, steps * levels_of(d)}, {products},
                       build.tensor(TensorRole::statistic, m * steps));
        const TensorId greedy = build.step(OpKind::accumulate, "greedy", {m, steps}, {chosen},
                                           build.tensor(TensorRole::statistic, m * n));
        const TensorId mask =
            build.step(OpKind::compare, "candidates", {m, n}, {greedy}, bits, shape.allowed_pairs);
        candidates =
            build.step(OpKind::pack, "pack candidates", {m, n}, {mask},
                       dense_tensor(TensorRole::index, m * n, list.bits), counts.candidates);
    }
    const TensorId scores = build.step(OpKind::matmul, "L", {m, n, d}, {q, k, candidates},
                                       build.tensor(TensorRole::score, m * n), counts.scored * d);
    const TensorId mask =
        build.step(OpKind::compare, "post", {m, n}, {scores}, bits, counts.scored);
    const TensorId packed =
        build.step(OpKind::pack, "pack", {m, n}, {mask}, list, counts.kept_pairs);
    return kept_value_ops(build, shape, scores, {q, k, v, packed, counts.kept_pairs});
}

SchemeEntry a3_entry() {
    SchemeEntry entry;
    entry.name = "a3";
    entry.help = "greedy search over sorted keys, then a threshold under the row's largest score";
    entry.source = "A3, HPCA 2020 (mechanism recalled)";
    entry.equations = {
        "keys sorted by column; products p_ij,c = q_i,c k_j,c in order, without computing the rest",
        "iterations x keys times: g_ij += the largest product not yet taken, if it is positive;",
        "g_ij += the smallest not yet taken, if it is negative; of equal ones the lower column",
        "candidate_ij  iff  g_ij > 0  (iterations: all: every allowed pair)",
        "keep_ij  iff  candidate and exp(s_ij - max over candidates) >= smallest_weight,  "
        "s = scale q.k",
        "out_i = sum_kept softmax(s_i) v"};
    entry.not_modelled = {
        "the rule that leaves out smallest products while the running sum is negative",
        "a search that knows of masks and causality: it walks over forbidden keys too",
        "sorted keys that are kept between query heads or inferences: sorted for every head",
        "operands of the kept pairs narrower than float32 in the numbers"};
    entry.keys = {"a3", "empty_row", "always_keep"};
    entry.preset = "presets/a3.yaml";
    entry.plan = "kept-pairs";
    entry.baselines = {"dense", "allowed-pairs"};
    entry.machine = "equal-512";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<A3Scheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
