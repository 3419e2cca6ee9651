#include "src/schemes/sprint.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/schemes/row_kernels.hpp"
#include "src/schemes/sprint_work.hpp"
#include "src/tile/threshold_gain.hpp"
#include "src/tile/tile_check.hpp"

namespace attohm {

namespace {

/// An ideal converter settles as the finest there is.
constexpr int kFinestBits = 16;

}  // namespace

SprintScheme::SprintScheme(const SchemeInputs& inputs, const Settings& settings)
    : CalibratedScheme(inputs, settings, Uses::codes),
      analog_(load_analog_settings(settings)),
      keep_settings_(load_keep_settings(settings, true)) {
    if (code_settings_.split == SplitMode::round && keep_settings_.k_msb == KMsb::stored) {
        throw UserError("a rounded K code does not hold the MSBs that the recompute needs",
                        settings.entry("recompute.k_msb").where,
                        "split.mode: round with recompute.k_msb: stored",
                        "recompute.k_msb: slc-copy | ideal, or split.mode: msb | sign-magnitude");
    }
    const auto where = [&](std::string_view key) { return settings.entry(key).where; };
    if (analog_.mapping.cell_bits && !code_settings_.k_bits) {
        throw UserError("a real-valued level cannot be cut into digits", where("mapping.cell_bits"),
                        "a number with bits.k: ideal", "mapping.cell_bits: whole, or bits.k: 1..8");
    }
    const Mapping map = mapping();
    const TileCircuits circuits = tile_circuits(analog_, code_settings_, map, 1.0,
                                                static_cast<std::size_t>(inputs_.model.head_dim));
    check_tile(circuits, map, analog_.device, where);
    const bool adc = analog_.readout == Readout::adc;
    stored_digits_.resize(static_cast<std::size_t>(inputs_.model.layers * inputs_.model.heads));
    settle_time_ = settle_time(analog_, map,
                               (adc ? analog_.adc.bits : dac_settings_.bits).value_or(kFinestBits))
                       .value_or(Second{});
    conversion_time_ = analog_.conversion_time(WordLineDrive(circuits.drive).steps());
    const Second integration = WordLineDrive(circuits.drive).read_time();
    const Second read = query_time(circuits.drive);
    if (analog_.timing.read_interval.value_or(read) < read) {
        const std::string of = analog_.adc.timing ? fmt::format(" ({:.6g} ns of it conversions)",
                                                                (read - integration).value() * 1e9)
                                                  : "";
        throw UserError(
            "queries come faster than a read takes", where("timing.read_interval_ns"),
            fmt::format("{:.6g} ns", analog_.timing.read_interval->value() * 1e9),
            fmt::format("at least {:.6g} ns{}, or back-to-back", read.value() * 1e9, of));
    }
}

Second SprintScheme::query_time(const DriveSettings& drive) const {
    const WordLineDrive lines(drive);
    return lines.read_time() + analog_.conversion_time(lines.steps());
}

Mapping SprintScheme::mapping() const {
    return {analog_.device.g_min, analog_.device.g_max, code_settings_.k_bits, analog_.mapping};
}

void SprintScheme::calibrate(int layer, int head, std::span<const AttentionHead> samples) {
    CalibratedScheme::calibrate(layer, head, samples);
    if (analog_.calibration == ThresholdCalibration::none) return;
    MeanDigits digits(mapping());
    for (const AttentionHead& sample : samples) {
        digits.add(make_codes(code_settings_, scales_of(sample), sample).m.view());
    }
    stored_digits_.at(static_cast<std::size_t>(layer * inputs_.model.heads + head)) =
        digits.values();
}

DrawSite SprintScheme::draw_site(const AttentionHead& head, const SampleContext& context) const {
    DrawSite site;
    site.seed = inputs_.seed;
    site.chip = inputs_.chip;
    site.sample = static_cast<std::uint64_t>(context.sample);
    site.layer = static_cast<std::uint64_t>(head.layer);
    site.kv_head = static_cast<std::uint64_t>(head.kv_head);
    site.head = static_cast<std::uint64_t>(head.window * inputs_.model.heads + head.head);
    if (analog_.placement == Placement::own) {
        // The windows of a head are written into the same arrays, one after another.
        const auto kv_heads = static_cast<std::uint64_t>(inputs_.model.kv_heads);
        site.bank = site.layer * kv_heads + site.kv_head % kv_heads;
    }
    return site;
}

/// Heads that share their keys read them one after the other.
ReadSchedule SprintScheme::schedule(const AttentionHead& head, Second read_time) const {
    ReadSchedule schedule;
    schedule.write_interval = analog_.timing.write_interval;
    schedule.delay = analog_.timing.delay;
    schedule.read_interval = analog_.timing.read_interval.value_or(read_time);
    const auto queries = static_cast<std::size_t>(head.valid_q);
    const auto group = static_cast<std::size_t>(inputs_.model.heads / inputs_.model.kv_heads);
    schedule.first_read = static_cast<std::size_t>(head.head) % group * queries;
    schedule.reads_in_all = group * queries;
    return schedule;
}

Matrix<std::int16_t> SprintScheme::recompute_codes(const ScoreCodes& codes, const SprintTile& tile,
                                                   const Mapping& map,
                                                   std::int64_t& level_errors) const {
    if (keep_settings_.k_msb != KMsb::stored || !code_settings_.k_bits) return codes.k8;
    Matrix<float> sensed(codes.m.rows(), codes.m.cols());
    level_errors = sense_levels(tile.keys(), map, codes.m.view(), sensed.view());
    return rejoin_msb(code_settings_, codes, sensed);
}

/// What one head accumulates.
struct SprintScheme::HeadRun {
    TileTotals totals;
    SprintTile& tile;
    const ScoreCodes& codes;
    std::int64_t thresholds_clamped = 0;
    std::int64_t level_errors = 0;
    /// Whether the trims of the chip are booked here: once for every set of arrays, with the first
    /// head that reads them (shared placement: of the first layer).
    bool books_trims = false;
    /// Whether the gains are: once for every set of keys, whose levels they follow.
    bool books_gains = false;
};

void SprintScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                  SampleContext& context) const {
    const HeadCalibration& calibrated = calibration(head.layer, head.head);
    const ScoreCodes codes = make_codes(code_settings_, scales_of(head), head);
    const Mapping map = mapping();
    TileCircuits circuits = tile_circuits(analog_, code_settings_, map, calibrated.n_fs, head.d());
    const ThresholdDac dac(dac_settings_.bits, dac_settings_.range_steps.value_or(calibrated.n_fs),
                           analog_.threshold_noise);
    circuits.threshold_dac = dac;
    circuits.stored_digits =
        stored_digits_[static_cast<std::size_t>(head.layer * inputs_.model.heads + head.head)];
    circuits.schedule = schedule(head, query_time(circuits.drive));
    SprintTile tile(circuits, map, analog_.device, draw_site(head, context), codes.m.view(),
                    head.n_k());
    const RowThresholds thresholds = row_thresholds(codes, calibrated.threshold, dac);
    HeadRun run{{}, tile, codes, thresholds.clamped};
    run.books_gains = head.first_of_kv_head;
    run.books_trims = analog_.placement == Placement::own ? head.first_of_kv_head
                                                          : head.layer == 0 && head.head == 0;
    const Matrix<std::int16_t> k8 = recompute_codes(codes, tile, map, run.level_errors);

    const IntegerKeys integer_keys(codes.m.view(), codes.largest_m);
    const IntegerRowScores recompute(codes, k8);
    KeptAttention kept(head, keep_settings_, recompute, codes.v8.view(), codes.v_step);
    DecisionMeter meter(head, calibrated.threshold, calibrated.score_sigma, inputs_.metrics,
                        analog_.arrays.shape.slots());
    const bool full = meter.level() == MetricsLevel::full;
    const std::size_t n = codes.m.rows(), rows = codes.nq.rows();
    Matrix<float> score, z, p_keep, p_marginal;
    Matrix<std::uint8_t> keep;
    score.resize(kQueryBlock, n);
    z.resize(kQueryBlock, n);
    p_keep.resize(full ? kQueryBlock : 0, n);
    p_marginal.resize(full ? kQueryBlock : 0, n);
    keep.resize(kQueryBlock, n);
    std::vector<std::uint8_t> quant(n);
    std::vector<std::uint32_t> key_end(rows);
    for (std::size_t t = 0; t < rows; ++t) key_end[t] = static_cast<std::uint32_t>(head.key_end(t));
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        // The two digital references of the same Q and K.
        sgemm_nt(head.scale, {head.q.row(first), count, head.d(), head.q.stride}, head.k.top(n),
                 0.0F, score.view().top(count));
        integer_scores(code_settings_, codes, integer_keys, first, count, z.view().top(count));
        // The array and its comparators.
        const CountedKeys counted{std::span(key_end).subspan(first, count),
                                  head.mask_rows(first, count)};
        run.totals += tile.decide(first, {codes.nq.row(first), count, head.d()},
                                  std::span(thresholds.steps).subspan(first, count), counted,
                                  keep.view().top(count),
                                  full ? p_keep.view().top(count) : MatrixView<float>{},
                                  full ? p_marginal.view().top(count) : MatrixView<float>{});
        // Digital back end, query by query.
        for (std::size_t t = first; t < first + count; ++t) {
            const std::size_t r = t - first;
            meter.reference(t, score.row(r));
            decide_codes(z.row(r), thresholds.steps[t], static_cast<float>(calibrated.n_fs),
                         quant.data(), head.key_end(t));
            meter.apply_mask(t, quant.data());
            meter.apply_mask(t, keep.row(r));
            meter.add(t, {score.row(r), quant.data(), keep.row(r), full ? p_keep.row(r) : nullptr,
                          full ? p_marginal.row(r) : nullptr});
            meter.add_mass(t, score.row(r), kept.row(t, keep.row(r), out.row(t)));
        }
    }
    HeadReport report;
    meter.finish(report);
    record_events(run, calibrated, report);
    const ReadCounts reads = read_counts(analog_, map, circuits.drive, head.d());
    report.events.columns_read = report.decisions.valid * reads.columns;
    report.events.conversions = report.decisions.valid * reads.key_conversions;
    file(head, kept, std::move(report), record_work(head, codes, tile.keys(), map, run.totals),
         context);
}

namespace {

void record_codes(const TileTotals& totals, HeadReport& report) {
    report.events.adc_clipped = totals.adc_clipped;
    const auto& codes = totals.adc_codes;
    if (!codes || codes->conversions() == 0) return;
    report.events.adc_clipped_low = codes->clipped_low();
    report.adc_codes = codes->bins(HeadReport::kAdcBins);
    report.adc_code_first = codes->lowest_code();
    report.adc_code_last = codes->largest_code();
    report.adc_code_used_first = codes->lowest_used();
    report.adc_code_used_last = codes->largest_used();
}

}  // namespace

void SprintScheme::record_events(const HeadRun& run, const HeadCalibration& calibrated,
                                 HeadReport& report) const {
    HeadEvents& events = report.events;
    events.q_clipped = run.codes.q_clipped;
    events.k_clipped = run.codes.k_clipped;
    events.v_clipped = run.codes.v_clipped;
    events.q_low_clipped = run.codes.q_low_clipped;
    events.threshold_clamped = run.thresholds_clamped;
    events.sense_clipped = run.totals.sense_clipped;
    events.column_clipped = run.totals.column_clipped;
    record_codes(run.totals, report);
    events.undecided = run.totals.undecided;
    const CellCounts& cells = run.tile.keys().counts;
    events.conductance_floored = cells.floored;
    events.conductance_ceiled = cells.ceiled;
    events.cells = cells.cells;
    events.stuck_cells = cells.stuck;
    events.age_clamped = cells.age_clamped;
    events.verify_failed = cells.verify.failed;
    events.trim_clamped = run.tile.trim_clamped();
    const auto queries = static_cast<std::int64_t>(run.codes.nq.rows());
    events.rows_output = run.tile.path() == ReadPath::output ? queries : 0;
    events.rows_cells = run.tile.path() == ReadPath::cells ? queries : 0;
    events.rows_column = run.tile.path() == ReadPath::column ? queries : 0;
    events.level_errors = run.level_errors;
    // Volts and integer steps as scaled scores, by the mean step of the queries.
    double u = 0.0;
    for (const double step : run.codes.u) u += step;
    if (!run.codes.u.empty()) u /= static_cast<double>(run.codes.u.size());
    const double volts_per_step = analog_.v_fs.value() / calibrated.n_fs;
    report.lsb_score = u;
    report.settle_time_s = settle_time_.value();
    report.step_time_s = analog_.drive.step_time.value();
    report.conversion_time_s = conversion_time_.value();
    report.calibration_measurements = (run.books_trims ? run.tile.trim_measurements() : 0) +
                                      (run.books_gains ? run.tile.gain_measurements() : 0);
    report.decision_times = run.totals.times.bins();
    report.wire_residual = run.tile.keys().wire_residual;
    report.wire_coupling = run.tile.keys().wire_coupling;
    report.offset_sigma_V = analog_.comparator.offset_sigma.value();
    report.volts_per_score = u > 0.0 ? volts_per_step / u : 0.0;
    report.offset_sigma_score = analog_.comparator.offset_sigma.value() / volts_per_step * u;
    if (run.totals.decisions > 0) {
        report.noise_sigma_score =
            std::sqrt(run.totals.noise_variance / static_cast<double>(run.totals.decisions)) * u;
    }
}

HeadWork SprintScheme::record_work(const AttentionHead& head, const ScoreCodes& codes,
                                   const ProgrammedKeys& keys, const Mapping& map,
                                   const TileTotals& totals) const {
    DriveSettings drive = analog_.drive;
    drive.q_bits = code_settings_.q_bits;
    drive.q_levels = code_settings_.q_levels();
    const std::size_t steps = WordLineDrive(drive).steps();
    HeadWork work = sprint_work({head, codes, keys, analog_, map, code_settings_.k_bits,
                                 code_settings_.q_bits, keep_settings_.k_msb == KMsb::slc_copy,
                                 steps, read_counts(analog_, map, drive, head.d())});
    work[Physical::in_memory_cell_J] = totals.cell_J;
    work[Physical::in_memory_driver_J] = totals.driver_J;
    return work;
}

}  // namespace attohm
