#include "src/schemes/elsa.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/row_kernels.hpp"

namespace attohm {

namespace {

/// Cuts that calibration chooses from, over -1..1.
constexpr std::size_t kCuts = 4096;

/// Signs of x projection^T; 0 counts as positive.
Matrix<float> signs(MatrixView<const float> x, std::size_t rows, const Matrix<float>& projection) {
    Matrix<float> hash(rows, projection.rows());
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        sgemm_nt(x.rows_from(first, count), projection.view(), hash.view().rows_from(first, count));
    }
    for (std::size_t i = 0; i < hash.size(); ++i)
        hash.data()[i] = hash.data()[i] >= 0.0F ? 1.0F : -1.0F;
    return hash;
}

class ElsaDecider final : public RowDecider {
  public:
    ElsaDecider(const AttentionHead& head, HashedScores& hashed, double cut)
        : head_(head),
          hashed_(hashed),
          cut_(static_cast<float>(cut)),
          row_(static_cast<std::size_t>(head.valid_k)) {}
    void load(std::size_t first, std::size_t count, const FloatRowScores&) override {
        hashed_.load(first, count);
    }
    void decide(std::size_t query, std::uint8_t* keep) override {
        const std::size_t n = head_.key_end(query);
        hashed_.scores(query, n, row_.data());
        compare_row(row_.data(), cut_, keep, n);
        clear_masked(head_, query, keep);
    }

  private:
    const AttentionHead& head_;
    HashedScores& hashed_;
    float cut_;
    AlignedVector<float> row_;
};

/// Softmax mass by approximate score, and rows that have a key.
struct MassByScore {
    std::array<double, kCuts> mass{};
    double rows = 0.0;
};

void add_mass(const AttentionHead& head, HashedScores& hashed, MassByScore& found) {
    FloatRowScores exact(head);
    AlignedVector<float> row(static_cast<std::size_t>(head.valid_k));
    const auto rows = static_cast<std::size_t>(head.valid_q);
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        exact.load(first, count);
        hashed.load(first, count);
        for (std::size_t t = first; t < first + count; ++t) {
            const std::size_t n = head.key_end(t);
            AlignedVector<float> p(exact.row(t), exact.row(t) + n);
            bool any = false;
            for (std::size_t j = 0; j < n; ++j) {
                any = any || head.allowed(t, j);
                if (!head.allowed(t, j)) p[j] = -std::numeric_limits<float>::infinity();
            }
            softmax_row(p);
            hashed.scores(t, n, row.data());
            for (std::size_t j = 0; j < n; ++j) {
                const double at = (static_cast<double>(row[j]) + 1.0) / 2.0 * kCuts;
                const auto bin = static_cast<std::size_t>(std::max(at, 0.0));
                found.mass[std::min(bin, kCuts - 1)] += static_cast<double>(p[j]);
            }
            found.rows += any ? 1.0 : 0.0;
        }
    }
}

/// Largest of the cuts above which there is enough mass.
double cut_of(const MassByScore& found, double mass) {
    double sum = 0.0;
    for (std::size_t bin = kCuts; bin-- > 0;) {
        sum += found.mass[bin];
        if (sum >= mass * found.rows) return 2.0 * static_cast<double>(bin) / kCuts - 1.0;
    }
    return -1.0;
}

}  // namespace

ElsaSettings load_elsa_settings(const Settings& settings) {
    ElsaSettings elsa;
    elsa.hash_bits = static_cast<int>(settings.integer("elsa.hash_bits", {2.0, 64.0}));
    elsa.angle_bias = settings.real("elsa.angle_bias", {0.0, std::numbers::pi});
    const auto call = settings.call("elsa.cut", {"mass(x)", "value(x)"});
    const double argument = *call.argument;
    if (call.name == "mass") {
        if (argument < 0.0 || argument > 1.0)
            throw UserError("the kept mass is a fraction", settings.entry("elsa.cut").where,
                            fmt::format("mass({})", argument), "0..1");
        elsa.mass = argument;
    }
    elsa.cut = argument;
    elsa.operand_bits = load_operand_bits(settings, "elsa.operand_bits");
    return elsa;
}

Matrix<float> hash_projection(std::uint64_t seed, int layer, int bits, std::size_t d) {
    Matrix<float> projection(static_cast<std::size_t>(bits), d);
    Stream(seed, Purpose::hash_projection, {static_cast<std::uint64_t>(layer)})
        .normals(0, {projection.data(), projection.size()});
    return projection;
}

HashedScores::HashedScores(const AttentionHead& head, const Matrix<float>& projection,
                           double angle_bias)
    : q_(signs(head.q, static_cast<std::size_t>(head.valid_q), projection)),
      k_(signs(head.k, static_cast<std::size_t>(head.valid_k), projection)),
      relative_(static_cast<std::size_t>(head.valid_k)),
      agreement_(kQueryBlock, static_cast<std::size_t>(head.valid_k)) {
    const auto bits = static_cast<double>(projection.rows());
    for (std::size_t distance = 0; distance <= projection.rows(); ++distance) {
        const double angle = std::numbers::pi * static_cast<double>(distance) / bits - angle_bias;
        cosine_.push_back(static_cast<float>(std::cos(std::max(0.0, angle))));
    }
    float largest = 0.0F;
    for (std::size_t j = 0; j < relative_.size(); ++j) {
        float sum = 0.0F;
        for (std::size_t i = 0; i < head.d(); ++i) sum += head.k(j, i) * head.k(j, i);
        relative_[j] = std::sqrt(sum);
        largest = std::max(largest, relative_[j]);
    }
    for (float& norm : relative_) norm = largest > 0.0F ? norm / largest : 0.0F;
}

void HashedScores::load(std::size_t first, std::size_t count) {
    first_ = first;
    sgemm_nt(q_.view().rows_from(first, count), k_.view(), agreement_.view().top(count));
}

void HashedScores::scores(std::size_t query, std::size_t n, float* out) const {
    const float* agreement = agreement_.row(query - first_);
    const auto bits = static_cast<float>(q_.cols());
    for (std::size_t j = 0; j < n; ++j)
        out[j] = cosine_[static_cast<std::size_t>((bits - agreement[j]) * 0.5F)] * relative_[j];
}

ElsaScheme::ElsaScheme(const SchemeInputs& inputs, const Settings& settings)
    : SelectionScheme(inputs, settings), settings_(load_elsa_settings(settings)) {
    cuts_.assign(static_cast<std::size_t>(inputs_.model.layers * inputs_.model.heads),
                 settings_.cut);
}

double ElsaScheme::cut(int layer, int head) const {
    return cuts_.at(static_cast<std::size_t>(layer * inputs_.model.heads + head));
}

void ElsaScheme::calibrate(int layer, int head, std::span<const AttentionHead> samples) {
    if (!settings_.mass) return;
    MassByScore found;
    for (const AttentionHead& sample : samples) {
        HashedScores hashed(sample,
                            hash_projection(inputs_.seed, layer, settings_.hash_bits, sample.d()),
                            settings_.angle_bias);
        add_mass(sample, hashed, found);
    }
    cuts_.at(static_cast<std::size_t>(layer * inputs_.model.heads + head)) =
        cut_of(found, *settings_.mass);
}

void ElsaScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                SampleContext& context) const {
    HashedScores hashed(head,
                        hash_projection(inputs_.seed, head.layer, settings_.hash_bits, head.d()),
                        settings_.angle_bias);
    FloatRowScores scores(head);
    KeptAttention kept(head, keep_settings_, scores, head.v, 1.0F);
    ElsaDecider decider(head, hashed, cut(head.layer, head.head));
    HeadReport report;
    attend(head, decider, scores, kept, out, report);
    report.threshold = cut(head.layer, head.head);
    OpList ops =
        elsa_ops(head_shape(head), settings_.hash_bits, settings_.operand_bits, kept.kept_pairs());
    file(head, kept, std::move(report), std::move(ops), settings_.operand_bits, context);
}

OpList elsa_ops(const HeadShape& shape, int hash_bits, int operand_bits, std::int64_t kept_pairs) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    const std::int64_t pairs = shape.allowed_pairs, b = hash_bits;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::selection, operand_bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorId projection = build.input(TensorRole::weight, b * d);
    // Hashes of one bit a projection, and lengths of the keys.
    const TensorId hash_q = build.step(OpKind::matmul, "hash q", {m, b, d}, {q, projection},
                                       dense_tensor(TensorRole::state, m * b, 1));
    const TensorId hash_k = build.step(OpKind::matmul, "hash k", {n, b, d}, {k, projection},
                                       dense_tensor(TensorRole::state, n * b, 1));
    const TensorId squares = build.step(OpKind::multiply, "k squares", {n, d}, {k},
                                        build.tensor(TensorRole::state, n * d));
    const TensorId sums = build.step(OpKind::accumulate, "k norm", {n, d}, {squares},
                                     build.tensor(TensorRole::statistic, n));
    // Every pair: one comparison of two hashes, a table of cosines, one product, one comparison.
    build.set_bits(hash_bits);
    const int distance_bits = std::bit_width(static_cast<std::uint64_t>(b));
    const TensorId distance =
        build.step(OpKind::compare, "Hamming", {m, n}, {hash_q, hash_k},
                   dense_tensor(TensorRole::index, m * n, distance_bits), pairs);
    build.set_bits(operand_bits);
    const TensorId score = build.step(OpKind::multiply, "cos", {m, n}, {distance, sums},
                                      build.tensor(TensorRole::score, m * n), pairs);
    const TensorId mask = build.step(OpKind::compare, "cut", {m, n}, {score},
                                     dense_tensor(TensorRole::mask, m * n, 1), pairs);
    const TensorId packed =
        build.step(OpKind::pack, "pack", {m, n}, {mask}, kept_list(shape, kept_pairs), kept_pairs);
    return kept_attention_ops(build, shape, {q, k, v, packed, kept_pairs});
}

SchemeEntry elsa_entry() {
    SchemeEntry entry;
    entry.name = "elsa";
    entry.help = "sign random projections estimate scores, exact attention over the larger ones";
    entry.source = "ELSA, ISCA 2021 (mechanism recalled)";
    entry.equations = {
        "h(x) = sign(R x),  R [bits, d] normal, one draw for each layer by the experiment's seed",
        "angle_ij = max(0, pi Hamming(h(q_i), h(k_j)) / bits - angle_bias)",
        "s^_ij = |k_j| cos(angle_ij) / max_j |k_j|   (the length of q is the same for all keys)",
        "keep_ij  iff  s^_ij >= cut(layer, head), among allowed pairs",
        "cut: mass(x): the largest of 4096 whose keys hold a mean softmax mass of x on the "
        "calibration samples",
        "out_i = sum_kept softmax(scale q_i.k) v"};
    entry.not_modelled = {"orthogonal projections and their fast products: R is dense",
                          "one cut for all heads of a layer: each head has its own",
                          "operands of the kept pairs narrower than float32 in the numbers",
                          "the root of a length: charged as its sum of squares",
                          "hashes of shared keys kept between query heads"};
    entry.keys = {"elsa", "empty_row", "always_keep"};
    entry.preset = "presets/elsa.yaml";
    entry.plan = "kept-pairs";
    entry.baselines = {"dense", "allowed-pairs"};
    entry.machine = "equal-512";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<ElsaScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
