#include "src/schemes/digital_schemes.hpp"

#include "src/schemes/digital_work.hpp"
#include "src/schemes/float_row_scores.hpp"
#include "src/schemes/row_kernels.hpp"

namespace attohm {

void record_dense_work(std::span<const AttentionHead> heads, int operand_bits,
                       SampleContext& context) {
    for (const AttentionHead& head : heads) {
        const HeadShape shape = head_shape(head);
        OpList ops = dense_attention_ops(shape, operand_bits, !head.bias.empty());
        file_work(digital_work(shape, std::move(ops), operand_bits, shape.allowed_pairs), context);
    }
}

void record_dense_work(const HeadShape& shape, int operand_bits, SampleContext& context) {
    file_work(digital_work(shape, dense_attention_ops(shape, operand_bits), operand_bits,
                           shape.allowed_pairs),
              context);
}

bool ExactScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    if (operand_bits_) record_dense_work(shape, *operand_bits_, context);
    return operand_bits_.has_value();
}

void ExactScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                            SampleContext& context) const {
    Scheme::attention(layer, heads, out, context);
    if (operand_bits_) record_dense_work(heads, *operand_bits_, context);
}

ThresholdScheme::ThresholdScheme(const SchemeInputs& inputs, const Settings& settings)
    : CalibratedScheme(inputs, settings, Uses::scores),
      keep_settings_(load_keep_settings(settings, false)) {}

void ThresholdScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                     SampleContext& context) const {
    const HeadCalibration& calibrated = calibration(head.layer, head.head);
    DecisionMeter meter(head, calibrated.threshold, calibrated.score_sigma, inputs_.metrics);
    FloatRowScores scores(head);
    KeptAttention kept(head, keep_settings_, scores, head.v, 1.0F);
    const auto rows = static_cast<std::size_t>(head.valid_q);
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        scores.load(first, count);
        for (std::size_t t = first; t < first + count; ++t) {
            const float* score = scores.row(t);
            const std::uint8_t* keep = meter.reference(t, score);
            meter.add(t, {score, keep, keep, nullptr});
            meter.add_mass(t, score, kept.row(t, keep, out.row(t)));
        }
    }
    HeadReport report;
    meter.finish(report);
    file(head, kept, std::move(report), HeadWork{}, context);
}

ThresholdQScheme::ThresholdQScheme(const SchemeInputs& inputs, const Settings& settings)
    : CalibratedScheme(inputs, settings, Uses::codes),
      keep_settings_(load_keep_settings(settings, false)) {}

void ThresholdQScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                      SampleContext& context) const {
    const HeadCalibration& calibrated = calibration(head.layer, head.head);
    const ScoreCodes codes = make_codes(code_settings_, scales_of(head), head);
    const IntegerKeys keys(codes.m.view(), codes.largest_m);
    const ThresholdDac dac(dac_settings_.bits, dac_settings_.range_steps.value_or(calibrated.n_fs),
                           Volt{});
    const RowThresholds thresholds = row_thresholds(codes, calibrated.threshold, dac);
    DecisionMeter meter(head, calibrated.threshold, calibrated.score_sigma, inputs_.metrics);
    FloatRowScores scores(head);
    const IntegerRowScores recompute(codes, codes.k8);
    KeptAttention kept(head, keep_settings_, recompute, codes.v8.view(), codes.v_step);
    Matrix<float> z(kQueryBlock, codes.m.rows());
    std::vector<std::uint8_t> keep(codes.m.rows());
    const auto rows = static_cast<std::size_t>(head.valid_q);
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        scores.load(first, count);
        integer_scores(code_settings_, codes, keys, first, count, z.view().top(count));
        for (std::size_t t = first; t < first + count; ++t) {
            const float* score = scores.row(t);
            meter.reference(t, score);
            decide_codes(z.row(t - first), thresholds.steps[t], static_cast<float>(calibrated.n_fs),
                         keep.data(), head.key_end(t));
            meter.apply_mask(t, keep.data());
            meter.add(t, {score, keep.data(), keep.data(), nullptr});
            meter.add_mass(t, score, kept.row(t, keep.data(), out.row(t)));
        }
    }
    HeadReport report;
    meter.finish(report);
    report.events.q_clipped = codes.q_clipped;
    report.events.k_clipped = codes.k_clipped;
    report.events.v_clipped = codes.v_clipped;
    report.events.q_low_clipped = codes.q_low_clipped;
    report.events.threshold_clamped = thresholds.clamped;
    file(head, kept, std::move(report), HeadWork{}, context);
}

}  // namespace attohm
