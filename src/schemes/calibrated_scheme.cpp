#include "src/schemes/calibrated_scheme.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/analog_settings.hpp"
#include "src/schemes/mass_statistic.hpp"
#include "src/schemes/order_statistic.hpp"

namespace attohm {

namespace {

/// Calls f(query, scores of keys 0..key_end) over all valid rows of the samples.
template <class F>
void for_each_row(std::span<const AttentionHead> samples, F&& f) {
    for (const AttentionHead& head : samples) {
        const auto rows = static_cast<std::size_t>(head.valid_q);
        const auto keys = static_cast<std::size_t>(head.valid_k);
        Matrix<float> block(kQueryBlock, keys);
        for (std::size_t first = 0; first < rows; first += kQueryBlock) {
            const std::size_t count = std::min(kQueryBlock, rows - first);
            sgemm_nt(head.scale, {head.q.row(first), count, head.d(), head.q.stride},
                     head.k.top(keys), 0.0F, block.view().top(count));
            for (std::size_t t = 0; t < count; ++t) f(head, first + t, block.row(t));
        }
    }
}

std::uint64_t valid_pairs(std::span<const AttentionHead> samples) {
    std::uint64_t pairs = 0;
    for (const AttentionHead& head : samples)
        pairs +=
            static_cast<std::uint64_t>(head.valid_q) * static_cast<std::uint64_t>(head.valid_k);
    return pairs;
}

/// Calls f(|integer score|) over all allowed pairs of a head.
/// Args: in_blocks: a few queries at a time, for heads whose scores are too many to hold.
template <class F>
void for_each_output(const AttentionHead& head, const CodeSettings& settings,
                     const ScoreCodes& codes, bool in_blocks, F&& f) {
    const IntegerKeys keys(codes.m.view(), codes.largest_m);
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const std::size_t step = in_blocks ? std::min(kQueryBlock, rows) : rows;
    Matrix<float> z(step, codes.m.rows());
    for (std::size_t first = 0; first < rows; first += step) {
        const std::size_t count = std::min(step, rows - first);
        integer_scores(settings, codes, keys, first, count, z.view().top(count));
        for (std::size_t t = 0; t < count; ++t)
            for (std::size_t j = 0; j < head.key_end(first + t); ++j)
                if (head.allowed(first + t, j)) f(std::abs(z(t, j)));
    }
}

/// Largest threshold whose keys hold at least `mass` of the softmax on average over rows that have
/// any key.
float mass_threshold(std::span<const AttentionHead> samples, double mass) {
    std::uint64_t rows = 0;
    AlignedVector<float> p;
    const auto each = [&](auto&& take) {
        rows = 0;
        for_each_row(samples, [&](const AttentionHead& head, std::size_t t, const float* score) {
            const std::size_t n = head.key_end(t);
            p.assign(score, score + n);
            for (std::size_t j = 0; j < n; ++j)
                if (!head.allowed(t, j)) p[j] = -std::numeric_limits<float>::infinity();
            softmax_row(p);
            bool any = false;
            for (std::size_t j = 0; j < n; ++j) {
                if (!head.allowed(t, j)) continue;
                take(score[j], p[j]);
                any = true;
            }
            rows += any ? 1 : 0;
        });
    };
    return mass_statistic(each, [&] { return mass * static_cast<double>(rows); });
}

}  // namespace

CalibratedScheme::CalibratedScheme(SchemeInputs inputs, const Settings& settings, Uses uses)
    : inputs_(std::move(inputs)),
      uses_(uses),
      threshold_settings_(load_threshold_settings(settings)) {
    if (threshold_settings_.source == ThresholdSource::trace && !inputs_.thresholds) {
        throw UserError("the trace has no thresholds", inputs_.trace_path + ":/model/thresholds",
                        "threshold.source: trace",
                        "threshold.source: quantile(p) | mass(p) | value(x), as in "
                        "--set \"threshold.source=mass(0.9)\"");
    }
    calibration_.resize(static_cast<std::size_t>(inputs_.model.layers * inputs_.model.heads));
    if (uses_ == Uses::scores) return;
    code_settings_ = load_code_settings(settings);
    full_scale_settings_ = load_full_scale_settings(settings);
    dac_settings_ = load_dac_settings(settings);
    if (full_scale_settings_.mode == FullScale::current) {
        const AnalogSettings analog = load_analog_settings(settings);
        const Mapping map(analog.device.g_min, analog.device.g_max, code_settings_.k_bits,
                          analog.mapping);
        i_lsb_ = analog.i_lsb(map, code_settings_.q_levels());
    }
}

const HeadCalibration& CalibratedScheme::calibration(int layer, int head) const {
    return calibration_.at(static_cast<std::size_t>(layer * inputs_.model.heads + head));
}

float CalibratedScheme::calibrated_threshold(std::span<const AttentionHead> samples) const {
    const AttentionHead& first = samples.front();
    switch (threshold_settings_.source) {
        case ThresholdSource::trace:
            return inputs_.thresholds->at(first.layer, first.head);
        case ThresholdSource::value:
            return static_cast<float>(threshold_settings_.argument);
        case ThresholdSource::mass:
            return mass_threshold(samples, threshold_settings_.argument);
        case ThresholdSource::quantile:
            break;
    }
    const auto each = [&](auto&& take) {
        for_each_row(samples,
                     [&](const AttentionHead& head, std::size_t query, const float* score) {
                         for (std::size_t j = 0; j < head.key_end(query); ++j)
                             if (head.allowed(query, j)) take(score[j]);
                     });
    };
    return order_statistic(valid_pairs(samples), each, [&](std::uint64_t count) {
        const double rank = threshold_settings_.argument * static_cast<double>(count);
        return static_cast<std::uint64_t>(std::min(rank, static_cast<double>(count - 1)));
    });
}

double CalibratedScheme::calibrated_full_scale(const HeadScales& scales,
                                               std::span<const AttentionHead> samples) const {
    const double levels = code_settings_.q_levels();
    const double n_max = 1 << (code_settings_.k_bits.value_or(Mapping::kIdealBits) - 1);
    if (full_scale_settings_.mode == FullScale::worst_case) {
        return static_cast<double>(samples.front().d()) * levels * n_max;
    }
    if (full_scale_settings_.mode == FullScale::current) {
        // A float, as thresholds are: a clipped output and a threshold clamped to it are a tie.
        return static_cast<double>(
            static_cast<float>((full_scale_settings_.current / i_lsb_).value()));
    }
    const bool dynamic = code_settings_.scale == ScaleMethod::dynamic_per_head;
    std::vector<ScoreCodes> codes;
    for (const AttentionHead& head : samples)
        codes.push_back(make_codes(
            code_settings_, dynamic ? head_scales(code_settings_, {&head, 1}) : scales, head));
    const std::uint64_t pairs = valid_pairs(samples);
    const auto each = [&](auto&& take) {
        for (std::size_t s = 0; s < samples.size(); ++s)
            for_each_output(samples[s], code_settings_, codes[s], pairs > kHeldValues, take);
    };
    const auto n_fs = static_cast<double>(order_statistic(pairs, each, [&](std::uint64_t count) {
        return quantile_rank(count, full_scale_settings_.percentile);
    }));
    return n_fs > 0.0 ? n_fs : 1.0;
}

void CalibratedScheme::calibrate(int layer, int head, std::span<const AttentionHead> samples) {
    ATTOHM_CHECK(!samples.empty());
    HeadCalibration& slot =
        calibration_.at(static_cast<std::size_t>(layer * inputs_.model.heads + head));
    slot.threshold = calibrated_threshold(samples) + static_cast<float>(threshold_settings_.margin);
    double sum = 0.0, squares = 0.0, count = 0.0;
    for_each_row(samples, [&](const AttentionHead& sample, std::size_t query, const float* score) {
        for (std::size_t j = 0; j < sample.key_end(query); ++j) {
            if (!sample.allowed(query, j)) continue;
            const auto s = static_cast<double>(score[j]);
            sum += s;
            squares += s * s;
            count += 1.0;
        }
    });
    if (count > 0.0) {
        const double variance = squares / count - (sum / count) * (sum / count);
        slot.score_sigma = variance > 0.0 ? static_cast<float>(std::sqrt(variance)) : 1.0F;
    }
    if (uses_ == Uses::scores) return;
    slot.scales = head_scales(code_settings_, samples);
    slot.n_fs = calibrated_full_scale(slot.scales, samples);
}

HeadScales CalibratedScheme::scales_of(const AttentionHead& head) const {
    if (code_settings_.scale == ScaleMethod::dynamic_per_head) {
        return head_scales(code_settings_, {&head, 1});
    }
    return calibration(head.layer, head.head).scales;
}

void CalibratedScheme::attention(int layer, std::span<const AttentionHead> heads,
                                 MatrixView<float> out, SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        if (!head.bias.empty()) {
            throw UserError(
                fmt::format("scheme {} cannot take an additive bias on the scores", name()),
                fmt::format("{}:/samples/*/layers/{:02d}/bias", inputs_.trace_path, layer),
                "a bias tensor", "layers without bias (mask and causality are fine)");
        }
        const MatrixView<float> columns = out.columns(h * head.dv(), head.dv());
        for (auto t = static_cast<std::size_t>(head.valid_q); t < head.n_q(); ++t) {
            std::fill_n(columns.row(t), head.dv(), 0.0F);
        }
        head_attention(head, columns, context);
    }
}

void CalibratedScheme::file(const AttentionHead& head, KeptAttention& kept, HeadReport report,
                            HeadWork work, SampleContext& context) const {
    report.layer = head.layer;
    report.head = head.head;
    report.empty_rows = kept.empty_rows();
    report.kept_pairs = kept.kept_pairs();
    report.sample = context.sample;
    report.threshold = static_cast<double>(calibration(head.layer, head.head).threshold);
    work.shape = head_shape(head);
    work.kept_pairs = kept.kept_pairs();
    work[Event::qk_mac] = work.kept_pairs * static_cast<std::int64_t>(head.d());
    work[Event::sv_mac] = work.kept_pairs * static_cast<std::int64_t>(head.dv());
    work[Event::softmax_element] = work.kept_pairs;
    work[Event::softmax_row] = head.valid_q;
    if (context.selections != nullptr) {
        context.selections->consume(work, kept.take_selection(work.shape));
    }
    context.reports.push_back(std::move(report));
    context.work.heads.push_back(work);
}

RowThresholds row_thresholds(const ScoreCodes& codes, float threshold, const ThresholdDac& dac) {
    RowThresholds rows;
    rows.steps.resize(codes.u.size());
    for (std::size_t t = 0; t < codes.u.size(); ++t) {
        const double n_th = static_cast<double>(threshold) / codes.u[t] - codes.mu[t];
        const ThresholdDac::Setting setting = dac.set(n_th);
        rows.steps[t] = setting.steps;
        rows.clamped += setting.clamped ? 1 : 0;
    }
    return rows;
}

}  // namespace attohm
