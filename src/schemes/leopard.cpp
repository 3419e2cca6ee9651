#include "src/schemes/leopard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/schemes/row_kernels.hpp"
#include "src/schemes/selection_scheme.hpp"

namespace attohm {

namespace {

/// Largest that `rest` bits of a magnitude can still add.
float rest_of(int rest) {
    return static_cast<float>((1 << rest) - 1);
}

/// Whole scores of the pairs, in units of the scaled score.
class SerialRowScores final : public RowScores {
  public:
    SerialRowScores(const SerialScores& serial, float step) : serial_(serial), step_(step) {}
    void scores(std::size_t query, std::span<const std::uint32_t> keys, float* out) const override {
        const float* whole = serial_.row(query);
        for (std::size_t k = 0; k < keys.size(); ++k) out[k] = whole[keys[k]] * step_;
    }

  private:
    const SerialScores& serial_;
    float step_;
};

}  // namespace

double integer_limit(double threshold, double score_step) {
    if (score_step == 0.0) return threshold <= 0.0 ? 0.0 : 1.0;
    // Beyond any score, and exact in single precision.
    return std::clamp(std::ceil(threshold / score_step), -8388608.0, 8388608.0);
}

SerialScores::SerialScores(const CodedHead& codes, int bits, double limit)
    : codes_(codes),
      bits_(bits),
      limit_(static_cast<float>(limit)),
      whole_(kQueryBlock, codes.k.rows()),
      bound_(kQueryBlock, codes.k.rows()),
      steps_(kQueryBlock, codes.k.rows()),
      q_sums_(codes.q.rows(), 0.0F) {
    for (std::size_t t = 0; t < codes.q.rows(); ++t)
        for (std::size_t i = 0; i < codes.q.cols(); ++i) q_sums_[t] += std::abs(codes.q(t, i));
    Matrix<float> keys(codes.k.rows(), codes.k.cols());
    for (int rest = bits - 1; rest > 0; --rest) {
        bound_codes(codes.k.data(), rest, keys.data(), keys.size());
        bound_keys_.push_back(keys);
    }
}

void SerialScores::load(std::size_t first, std::size_t count) {
    first_ = first;
    const MatrixView<const float> q = codes_.q.view();
    sgemm_nt(q.rows_from(first, count), codes_.k.view(), whole_.view().top(count));
    // The sign, then each bit of the magnitude that the bound before it asks for.
    std::fill_n(steps_.row(0), count * steps_.cols(), std::uint8_t{1});
    int rest = bits_ - 1;
    for (const Matrix<float>& keys : bound_keys_) {
        sgemm_nt(q.rows_from(first, count), keys.view(), bound_.view().top(count));
        for (std::size_t t = 0; t < count; ++t) {
            const float least = 2.0F * limit_ - rest_of(rest) * q_sums_[first + t];
            count_row(bound_.row(t), least, steps_.row(t), steps_.cols());
        }
        --rest;
    }
}

LeopardScheme::LeopardScheme(const SchemeInputs& inputs, const Settings& settings)
    : CalibratedScheme(inputs, settings, Uses::scores),
      keep_settings_(load_keep_settings(settings, false)),
      bits_(static_cast<int>(settings.integer("leopard.bits", {2.0, 8.0}))) {}

void LeopardScheme::check_exact(const AttentionHead& head) const {
    // Bounds are twice a score.
    const double levels = symmetric_levels(bits_);
    if (2.0 * static_cast<double>(head.d()) * levels * levels < 16777216.0) return;
    throw UserError(
        fmt::format("scheme leopard cannot hold the exact scores of layer {}", head.layer),
        fmt::format("{}:/samples/*/layers/{:02d}/k", inputs_.trace_path, head.layer),
        fmt::format("keys of {} elements, leopard.bits {}", head.d(), bits_),
        "2 d (2^(bits-1) - 1)^2 < 2^24: fewer bits");
}

void LeopardScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                   SampleContext& context) const {
    check_exact(head);
    const HeadCalibration& calibrated = calibration(head.layer, head.head);
    const CodedHead codes = code_head(head, largest_scales({&head, 1}), bits_);
    const double limit = integer_limit(static_cast<double>(calibrated.threshold),
                                       static_cast<double>(codes.score_step));
    SerialScores serial(codes, bits_, limit);
    const SerialRowScores recompute(serial, codes.score_step);
    DecisionMeter meter(head, calibrated.threshold, calibrated.score_sigma, inputs_.metrics);
    FloatRowScores scores(head);
    KeptAttention kept(head, keep_settings_, recompute, head.v, 1.0F);
    const auto rows = static_cast<std::size_t>(head.valid_q);
    std::vector<std::uint8_t> keep(codes.k.rows());
    std::int64_t bit_steps = 0;
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        scores.load(first, count);
        serial.load(first, count);
        for (std::size_t t = first; t < first + count; ++t) {
            const std::size_t n = head.key_end(t);
            meter.reference(t, scores.row(t));
            compare_row(serial.row(t), static_cast<float>(limit), keep.data(), n);
            meter.apply_mask(t, keep.data());
            std::uint8_t* steps = serial.steps(t);
            meter.add(t, {scores.row(t), keep.data(), keep.data(), nullptr});
            const std::span<const std::uint32_t> keys = kept.row(t, keep.data(), out.row(t));
            // Keys that are kept by rule need all their bits after all.
            for (const std::uint32_t key : keys) steps[key] = static_cast<std::uint8_t>(bits_);
            bit_steps += sum_counts(steps, head.mask.empty() ? nullptr : head.mask.row(t), n);
            meter.add_mass(t, scores.row(t), keys);
        }
    }
    HeadReport report;
    meter.finish(report);
    const HeadShape shape = head_shape(head);
    HeadWork work = digital_work(shape, leopard_ops(shape, bits_, bit_steps, kept.kept_pairs()),
                                 bits_, kept.kept_pairs());
    file(head, kept, std::move(report), std::move(work), context);
}

OpList leopard_ops(const HeadShape& shape, int bits, std::int64_t bit_steps,
                   std::int64_t kept_pairs) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::selection, bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorId sums =
        build.step(OpKind::accumulate, "|q|", {m, d}, {q}, build.tensor(TensorRole::statistic, m));
    const TensorId scores =
        build.step(OpKind::matmul, "QK bits", {m, n, d}, {q, k},
                   build.tensor(TensorRole::score, m * n), ceil_div(bit_steps * d, bits));
    const TensorId mask = build.step(OpKind::compare, "stop", {m, n * bits}, {scores, sums},
                                     dense_tensor(TensorRole::mask, m * n, 1), bit_steps);
    const TensorId packed =
        build.step(OpKind::pack, "pack", {m, n}, {mask}, kept_list(shape, kept_pairs), kept_pairs);
    return kept_value_ops(build, shape, scores, {q, k, v, packed, kept_pairs});
}

SchemeEntry leopard_entry() {
    SchemeEntry entry;
    entry.name = "leopard";
    entry.help =
        "learned thresholds; keys bit by bit, a pair stops when it can no longer reach its";
    entry.source = "LeOPArd, ISCA 2022, arXiv 2204.03227 (form of the early stop recalled)";
    entry.equations = {
        "q^ = clamp(round(q L / max|q|), -L, L), k^ alike,  L = 2^(bits-1) - 1",
        "keep_ij  iff  z_ij = q^.k^ >= ceil(Th(layer, head) / (scale max|q| max|k| / L^2))",
        "signs first, then magnitudes from the largest bit: after b bits |k^| is k_b + r, "
        "0 <= r <= w = 2^(bits-1-b) - 1",
        "bound_b = sum_i q^_i s_i k_b,i + w sum_(q^_i s_i > 0) |q^_i|;  stop when it is under the "
        "limit: the decision is that of all bits",
        "bit steps of a pair = 1 + bits of the magnitude looked at;  MACs = d bit steps / bits",
        "out_i = sum_kept softmax(scale max|q| max|k| / L^2 z_i) v"};
    entry.not_modelled = {
        "thresholds co-trained with the weights: those of the trace, or calibrated",
        "adders of a bit-serial unit: a bit step is charged the share of one multiplication",
        "operands narrower than float32 in softmax and V",
        "how dot products of unequal length wait for each other in one row of the array"};
    entry.keys = {"leopard", "threshold.source", "threshold.margin", "empty_row", "always_keep"};
    entry.preset = "presets/leopard.yaml";
    entry.thresholds = true;
    entry.plan = "kept-pairs";
    entry.baselines = {"dense", "allowed-pairs"};
    entry.machine = "equal-512";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<LeopardScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
