#include "src/schemes/spatten.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "src/base/blas.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/row_kernels.hpp"

namespace attohm {

namespace {

/// What has been found out about the tokens and heads of one sample, layer by layer.
struct Cascade final : SampleState {
    std::vector<double> token_importance;
    std::vector<double> head_importance;
    std::vector<std::uint8_t> tokens;  ///< that are left
    std::vector<std::uint8_t> heads;
};

/// The cascade of this layer: in a closed loop, where every query may look at every key.
Cascade* cascade_of(const AttentionHead& head, SampleContext& context) {
    if (head.causal || !head.mask.empty() || head.n_q() != head.n_k()) return nullptr;
    return dynamic_cast<Cascade*>(context.state.get());
}

std::size_t count_of(double share, std::size_t whole) {
    return static_cast<std::size_t>(std::ceil(share * static_cast<double>(whole) - 1e-9));
}

/// Keeps and counts the pairs of one head.
class SpattenRows {
  public:
    SpattenRows(const AttentionHead& head, ProgressiveScores& scores, Cascade* cascade,
                double share)
        : head_(head),
          scores_(scores),
          cascade_(cascade),
          share_(share),
          sums_(static_cast<std::size_t>(head.valid_k), 0.0),
          allowed_(sums_.size()) {}

    bool is_pruned(std::size_t query) const {
        return cascade_ != nullptr && cascade_->tokens[query] == 0;
    }
    /// Without a cascade and causality, tokens are chosen by what all queries of this head say.
    void look_ahead(std::size_t rows) {
        if (cascade_ != nullptr || head_.causal || share_ >= 1.0) return;
        for (std::size_t first = 0; first < rows; first += kQueryBlock) {
            const std::size_t count = std::min(kQueryBlock, rows - first);
            scores_.load(first, count);
            for (std::size_t t = first; t < first + count; ++t) add(t);
        }
        column_keep_.assign(sums_.size(), 0);
        const std::vector<std::uint8_t> all(sums_.size(), 1);
        keep_largest(sums_, all, count_of(share_, sums_.size()), column_keep_.data());
        counts_.ranked += static_cast<std::int64_t>(sums_.size());
    }
    void decide(std::size_t query, std::uint8_t* keep) {
        const std::size_t n = head_.key_end(query);
        compare_row(scores_.row(query), std::numeric_limits<float>::lowest(), allowed_.data(), n);
        const std::int64_t usable = sum_counts(allowed_.data(), nullptr, n);
        counts_.scored += usable;
        if (scores_.again(query)) counts_.again += usable;
        std::copy_n(allowed_.begin(), n, keep);
        if (cascade_ != nullptr) {
            add(query);
        } else if (!column_keep_.empty()) {
            for (std::size_t j = 0; j < n; ++j) keep[j] = allowed_[j] & column_keep_[j];
        } else if (share_ < 1.0) {
            // What the queries so far say of the keys so far.
            add(query);
            keep_largest({sums_.data(), n}, {allowed_.data(), n},
                         count_of(share_, static_cast<std::size_t>(usable)), keep);
            counts_.ranked += usable;
        }
        const std::int64_t kept = sum_counts(keep, nullptr, n);
        // Rows whose first softmax is not final, or not over the kept keys.
        if (kept < usable || scores_.again(query)) counts_.normalised += kept;
    }
    const SpattenCounts& counts() const { return counts_; }
    std::span<const double> sums() const { return sums_; }

  private:
    void add(std::size_t query) {
        const float* p = scores_.probability(query);
        for (std::size_t j = 0; j < head_.key_end(query); ++j)
            sums_[j] += static_cast<double>(p[j]);
    }

    const AttentionHead& head_;
    ProgressiveScores& scores_;
    Cascade* cascade_;
    double share_;
    std::vector<double> sums_;
    std::vector<std::uint8_t> allowed_, column_keep_;
    SpattenCounts counts_;
};

}  // namespace

SpattenSettings load_spatten_settings(const Settings& settings) {
    SpattenSettings spatten;
    spatten.token_keep = settings.real("spatten.token_keep", {1e-6, 1.0});
    spatten.head_keep = settings.real("spatten.head_keep", {1e-6, 1.0});
    spatten.bits = static_cast<int>(settings.integer("spatten.bits", {3.0, 8.0}));
    spatten.msb_bits = static_cast<int>(
        settings.integer("spatten.msb_bits", {2.0, static_cast<double>(spatten.bits - 1)}));
    spatten.lsb_bound = settings.real("spatten.lsb_bound", {0.0, 2.0});
    return spatten;
}

void keep_largest(std::span<const double> importance, std::span<const std::uint8_t> allowed,
                  std::size_t count, std::uint8_t* keep) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t j = 0; j < importance.size(); ++j) {
        keep[j] = 0;
        if (allowed[j] != 0) order.push_back(j);
    }
    count = std::min(count, order.size());
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(count);
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
        return importance[a] != importance[b] ? importance[a] > importance[b] : a < b;
    };
    if (count < order.size()) std::nth_element(order.begin(), end, order.end(), before);
    for (auto j = order.begin(); j != end; ++j) keep[*j] = 1;
}

ProgressiveScores::ProgressiveScores(const AttentionHead& head, const SpattenSettings& settings,
                                     std::span<const std::uint8_t> alive)
    : head_(head),
      lsb_bound_(settings.lsb_bound),
      alive_(alive),
      msb_(kQueryBlock, static_cast<std::size_t>(head.valid_k)),
      whole_(kQueryBlock, msb_.cols()),
      final_(kQueryBlock, msb_.cols()),
      probability_(kQueryBlock, msb_.cols()),
      again_(kQueryBlock) {
    const CodeScales scales = largest_scales({&head, 1});
    CodedHead codes = code_head(head, scales, settings.bits);
    step_ = codes.score_step;
    q_ = std::move(codes.q);
    k_ = std::move(codes.k);
    // The first bits of k as they are stored, and a narrow copy of q.
    const auto unit = static_cast<float>(1 << (settings.bits - settings.msb_bits));
    k_msb_.resize(k_.rows(), k_.cols());
    for (std::size_t i = 0; i < k_.size(); ++i) k_msb_.data()[i] = std::floor(k_.data()[i] / unit);
    const int levels = symmetric_levels(settings.msb_bits);
    q_msb_.resize(q_.rows(), q_.cols());
    symmetric_codes(head.q, scales.q, levels, q_msb_);
    msb_step_ = head.scale * (scales.q / static_cast<float>(levels)) *
                (scales.k / static_cast<float>(symmetric_levels(settings.bits))) * unit;
}

void ProgressiveScores::load(std::size_t first, std::size_t count) {
    first_ = first;
    sgemm_nt(q_msb_.view().rows_from(first, count), k_msb_.view(), msb_.view().top(count));
    for (std::size_t t = first; t < first + count; ++t) score_msb(t);
    if (std::count(again_.begin(), again_.begin() + static_cast<std::ptrdiff_t>(count), 1) == 0)
        return;
    sgemm_nt(q_.view().rows_from(first, count), k_.view(), whole_.view().top(count));
    for (std::size_t t = first; t < first + count; ++t)
        if (again(t)) score_row(t, whole_.row(t - first), step_);
}

void ProgressiveScores::score_row(std::size_t query, const float* product, float step) {
    const std::size_t n = head_.key_end(query);
    float* score = final_.row(query - first_);
    float* p = probability_.row(query - first_);
    for (std::size_t j = 0; j < n; ++j) score[j] = product[j] * step;
    for (std::size_t j = 0; j < alive_.size() && j < n; ++j)
        if (alive_[j] == 0) score[j] = -std::numeric_limits<float>::infinity();
    for (std::size_t j = 0; j < n && !head_.mask.empty(); ++j)
        if (head_.mask(query, j) == 0) score[j] = -std::numeric_limits<float>::infinity();
    std::copy_n(score, n, p);
    softmax_row({p, n});
}

void ProgressiveScores::score_msb(std::size_t query) {
    const std::size_t row = query - first_, n = head_.key_end(query);
    score_row(query, msb_.row(row), msb_step_);
    const float* p = probability_.row(row);
    const float highest = n > 0 ? *std::max_element(p, p + n) : 0.0F;
    again_[row] = static_cast<double>(highest) < lsb_bound_ ? 1 : 0;
}

void ProgressiveScores::scores(std::size_t query, std::span<const std::uint32_t> keys,
                               float* out) const {
    const float* score = row(query);
    for (std::size_t k = 0; k < keys.size(); ++k) out[k] = score[keys[k]];
}

SpattenScheme::SpattenScheme(const SchemeInputs& inputs, const Settings& settings)
    : SelectionScheme(inputs, settings), settings_(load_spatten_settings(settings)) {}

double SpattenScheme::share(int layer, double last) const {
    const int layers = inputs_.model.layers;
    if (layers < 2) return last;
    return 1.0 - (1.0 - last) * static_cast<double>(layer) / static_cast<double>(layers - 1);
}

bool SpattenScheme::tokens(int layer, MatrixView<const float> x, std::span<const int>,
                           SampleContext& context, TokenStep&) const {
    if (layer != 0) return false;
    auto cascade = std::make_shared<Cascade>();
    cascade->token_importance.assign(x.rows, 0.0);
    cascade->tokens.assign(x.rows, 1);
    cascade->head_importance.assign(static_cast<std::size_t>(inputs_.model.heads), 0.0);
    cascade->heads.assign(cascade->head_importance.size(), 1);
    context.state = std::move(cascade);
    return false;
}

void SpattenScheme::attention(int layer, std::span<const AttentionHead> heads,
                              MatrixView<float> out, SampleContext& context) const {
    Cascade* cascade = heads.empty() ? nullptr : cascade_of(heads.front(), context);
    if (cascade != nullptr) {
        // What the layers before said: padding is not a token, prefix tokens always stay.
        const auto real = static_cast<std::size_t>(heads.front().valid_k);
        std::vector<std::uint8_t> next(cascade->tokens.size(), 0);
        keep_largest({cascade->token_importance.data(), real}, {cascade->tokens.data(), real},
                     count_of(share(layer, settings_.token_keep), real), next.data());
        for (std::size_t j = 0; j < real; ++j)
            if (static_cast<int>(j) < inputs_.model.prefix_tokens) next[j] = 1;
        cascade->tokens = next;
        std::vector<std::uint8_t> heads_left(cascade->heads.size());
        keep_largest(cascade->head_importance, cascade->heads,
                     count_of(share(layer, settings_.head_keep), heads_left.size()),
                     heads_left.data());
        cascade->heads = heads_left;
    }
    SelectionScheme::attention(layer, heads, out, context);
    if (cascade == nullptr) return;
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const MatrixView<float> columns = out.columns(h * heads[h].dv(), heads[h].dv());
        double& sum = cascade->head_importance.at(static_cast<std::size_t>(heads[h].head));
        for (std::size_t t = 0; t < static_cast<std::size_t>(heads[h].valid_q); ++t)
            for (std::size_t c = 0; c < columns.cols; ++c)
                sum += static_cast<double>(std::abs(columns(t, c)));
    }
}

void SpattenScheme::skip_head(const AttentionHead& head, MatrixView<float> out,
                              SampleContext& context) const {
    FloatRowScores none(head);
    KeptAttention kept(head, keep_settings_, none, head.v, 1.0F);
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t)
        std::fill_n(out.row(t), head.dv(), 0.0F);
    file(head, kept, HeadReport{}, OpList{}, settings_.bits, context);
}

void SpattenScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                   SampleContext& context) const {
    Cascade* cascade = cascade_of(head, context);
    if (cascade != nullptr && cascade->heads.at(static_cast<std::size_t>(head.head)) == 0)
        return skip_head(head, out, context);
    const std::span<const std::uint8_t> alive = cascade != nullptr
                                                    ? std::span<const std::uint8_t>(cascade->tokens)
                                                    : std::span<const std::uint8_t>{};
    ProgressiveScores scores(head, settings_, alive);
    SpattenRows rows(head, scores, cascade, share(head.layer, settings_.token_keep));
    KeptAttention kept(head, keep_settings_, scores, head.v, 1.0F);
    HeadReport report;
    const auto count = static_cast<std::size_t>(head.valid_q);
    std::vector<std::uint8_t> keep(static_cast<std::size_t>(head.valid_k));
    rows.look_ahead(count);
    for (std::size_t first = 0; first < count; first += kQueryBlock) {
        const std::size_t block = std::min(kQueryBlock, count - first);
        scores.load(first, block);
        for (std::size_t t = first; t < first + block; ++t) {
            if (rows.is_pruned(t)) {
                std::fill_n(out.row(t), head.dv(), 0.0F);
                continue;
            }
            rows.decide(t, keep.data());
            report.decisions.hw_kept += sum_counts(keep.data(), nullptr, head.key_end(t));
            kept.row(t, keep.data(), out.row(t));
        }
    }
    SpattenCounts counts = rows.counts();
    counts.kept_pairs = kept.kept_pairs();
    counts.fetched = head.valid_k;
    // What this layer has found out is for the next.
    if (cascade != nullptr) {
        for (std::size_t j = 0; j < rows.sums().size(); ++j)
            cascade->token_importance[j] += rows.sums()[j];
        counts.fetched =
            std::accumulate(cascade->tokens.begin(), cascade->tokens.end(), std::int64_t{0});
        counts.ranked = counts.fetched;
    }
    // Keys that are kept by rule pass the last softmax too.
    counts.normalised += counts.kept_pairs - report.decisions.hw_kept;
    OpList ops = spatten_ops(head_shape(head), settings_.bits, settings_.msb_bits, counts);
    file(head, kept, std::move(report), std::move(ops), settings_.bits, context);
}

namespace {

/// So many bits of the keys, of which `fetched` keys come from memory.
TensorInfo key_part(const HeadShape& shape, int bits, std::int64_t fetched) {
    TensorInfo part = dense_tensor(TensorRole::k, std::int64_t{shape.valid_k} * shape.d, bits);
    part.from_memory = true;
    part.stored = fetched * shape.d;
    return part;
}

/// Column sums of the probabilities, and the tokens with the largest. Returns: the list.
TensorId chosen_tokens(OpBuilder& build, const HeadShape& shape, TensorId probabilities,
                       const SpattenCounts& counts) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k;
    const TensorId sums = build.step(OpKind::accumulate, "importance", {m, n}, {probabilities},
                                     build.tensor(TensorRole::statistic, m * n), counts.scored);
    const auto stages =
        std::max<std::int64_t>(1, std::bit_width(static_cast<std::uint64_t>(n - 1)));
    const TensorId mask =
        build.step(OpKind::top_k, "top-k", {m, n * stages}, {sums},
                   dense_tensor(TensorRole::mask, m * n, 1), counts.ranked * stages);
    return build.step(OpKind::pack, "pack", {m, n}, {mask}, kept_list(shape, counts.kept_pairs),
                      counts.kept_pairs);
}

}  // namespace

OpList spatten_ops(const HeadShape& shape, int bits, int msb_bits, const SpattenCounts& counts) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::selection, bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    // MSBs and LSBs of the keys lie apart; LSBs come only where some row asks for them.
    const TensorId k_msb = build.input(key_part(shape, msb_bits, counts.fetched));
    const TensorId k_lsb =
        build.input(key_part(shape, bits - msb_bits, counts.again > 0 ? counts.fetched : 0));
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorInfo score = build.tensor(TensorRole::score, m * n);
    const TensorId narrow = build.step(OpKind::quantise, "q msb", {m, d}, {q},
                                       dense_tensor(TensorRole::q, m * d, msb_bits));
    build.set_bits(msb_bits);
    const TensorId z =
        build.step(OpKind::matmul, "QK msb", {m, n, d}, {narrow, k_msb}, score, counts.scored * d);
    build.set_bits(bits);
    const TensorId p = build.step(OpKind::softmax, "softmax msb", {m, n}, {z},
                                  build.tensor(TensorRole::probability, m * n), counts.scored);
    const TensorId again =
        build.step(OpKind::compare, "bound", {m, 1}, {p}, dense_tensor(TensorRole::mask, m, 1));
    const TensorId whole = build.step(OpKind::matmul, "QK all bits", {m, n, d}, {q, k_lsb, again},
                                      score, counts.again * d);
    const TensorId packed = chosen_tokens(build, shape, p, counts);
    build.set_stage(Stage::attention);
    const TensorId weights = build.step(
        OpKind::softmax, "softmax", {m, n}, {whole, p, packed},
        kept_scores(build, TensorRole::probability, shape, counts.kept_pairs), counts.normalised);
    build.step(OpKind::matmul, "A", {m, dv, n}, {weights, v, packed},
               build.tensor(TensorRole::output, m * dv), counts.kept_pairs * dv);
    return build.finish();
}

SchemeEntry spatten_entry() {
    SchemeEntry entry;
    entry.name = "spatten";
    entry.help = "tokens and heads pruned by accumulated importance, progressive quantisation";
    entry.source = "SpAtten, HPCA 2021, arXiv 2012.09852; github.com/mit-han-lab/spatten";
    entry.equations = {
        "share(l) = 1 - (1 - keep) l / (layers - 1): 1 in the first layer, keep in the last",
        "closed loop, every key visible: before layer l the ceil(share(l) tokens) of largest "
        "importance go on as keys and queries, of those left; prefix tokens always",
        "importance_j += sum over heads and queries of p_ij;  of head h += sum |out_h|; the "
        "ceil(share(l) heads) of largest importance go on, the others give 0",
        "open loop: no layer knows of another: key j by sum_i p_ij of its own head, all heads stay",
        "causal: query i keeps the ceil(share(l) keys) of largest sum_(t <= i) p_tj of its own "
        "head and layer",
        "scores first by q at msb_bits and floor(k^ / 2^(bits - msb_bits)); again with all bits "
        "where max_j p_ij < lsb_bound",
        "out_i = sum_kept softmax(s_i) v,  s as last computed"};
    entry.not_modelled = {
        "a model fine-tuned for pruning: use a trace of one",
        "pruning across layers in the open loop, and of a causal cache: each layer on its own",
        "tokens that leave the network: their rows in projections and MLP are computed and "
        "charged, as are projections of pruned heads; a mean over tokens still sees them",
        "pruning of values by probability (local value pruning)",
        "LSBs of single rows: they come for all keys when one row asks"};
    entry.keys = {"spatten", "empty_row", "always_keep"};
    entry.preset = "presets/spatten.yaml";
    entry.plan = "kept-pairs";
    entry.baselines = {"dense", "allowed-pairs"};
    entry.machine = "equal-512";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<SpattenScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
