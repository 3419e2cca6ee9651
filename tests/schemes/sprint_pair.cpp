#include "tests/schemes/sprint_pair.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "src/base/random.hpp"
#include "src/tile/threshold_gain.hpp"

namespace attohm {

namespace {

std::string bits_text(const std::optional<int>& bits) {
    return bits ? fmt::format("{}", *bits) : "ideal";
}

const char* name_of(ReferenceSplit split) {
    switch (split) {
        case ReferenceSplit::floor_msb:
            return "msb";
        case ReferenceSplit::round:
            return "round";
        case ReferenceSplit::sign_magnitude:
            return "sign-magnitude";
    }
    return "";
}

const char* name_of(ReferenceKMsb source) {
    switch (source) {
        case ReferenceKMsb::stored:
            return "stored";
        case ReferenceKMsb::slc_copy:
            return "slc-copy";
        case ReferenceKMsb::ideal:
            return "ideal";
    }
    return "";
}

const char* name_of(ReferenceEmptyRow rule) {
    switch (rule) {
        case ReferenceEmptyRow::dense:
            return "dense";
        case ReferenceEmptyRow::top1_digital:
            return "top1-digital";
        case ReferenceEmptyRow::self:
            return "self";
        case ReferenceEmptyRow::zero:
            return "zero";
    }
    return "";
}

}  // namespace

std::string card_text(const PairDesign& design) {
    // A read of a quarter of the card's integration time has twice its sigma.
    std::string text;
    const auto leaf = [&](const char* key, const std::string& value) {
        text += fmt::format("{}: {}\n", key, value);
    };
    const auto number = [&](const char* key, double value) {
        leaf(key, fmt::format("{:.17g}", value));
    };
    number("conductance.g_min_uS", design.g_min_uS);
    number("conductance.g_max_uS", design.g_max_uS);
    number("conductance.g_floor_uS", design.g_floor_uS);
    leaf("conductance.g_ceil_uS", "none");
    leaf("programming.law", "polynomial");
    leaf("programming.sigma_uS_coefficients", fmt::format("[{}]", fmt::join(design.sigma_uS, ",")));
    number("programming.measured_at_s", 1.0);
    number("read_noise.sigma_rel", design.read_rel / 2.0);
    number("read_noise.sigma_abs_uS", design.read_abs_uS / 2.0);
    number("read_noise.integration_time_ns", design.read_time_ns * 4.0);
    number("stuck.low_rate", design.stuck_low_rate);
    number("stuck.low_resistance_ohm", design.stuck_low_ohm);
    number("stuck.high_rate", design.stuck_high_rate);
    number("stuck.high_resistance_ohm", design.stuck_high_ohm);
    leaf("stuck.spatial", "independent");
    number("write.mlc_pulse_V", 1.5);
    number("write.mlc_pulse_ns", 50.0);
    number("write.mlc_pulses_mean", 8.0);
    number("write.verify_V", 0.2);
    number("write.verify_ns", 10.0);
    number("write.slc_pulse_V", 1.4);
    number("write.slc_pulse_ns", 40.0);
    return text;
}

std::string write_card(const std::string& text) {
    static const testing::TemporaryDirectory directory;
    static int count = 0;
    const std::string path = directory.file(fmt::format("card{}.yaml", count++));
    std::ofstream(path) << text;
    return path;
}

Settings pair_settings(const PairDesign& design, const std::string& card_path) {
    Settings settings = scheme_preset();
    const auto set = [&](const std::string& key, const std::string& value) {
        settings.overlay(key, {value}, false, "test");
    };
    const auto number = [&](const std::string& key, double value) {
        set(key, fmt::format("{:.17g}", value));
    };
    set("quant.scale", design.scale);
    number("quant.percentile", design.percentile);
    set("threshold.source", design.threshold);
    number("threshold.margin", design.margin);
    set("threshold.dac_bits", bits_text(design.dac_bits));
    if (design.range_steps) set("threshold.range", fmt::format("steps({})", *design.range_steps));
    number("threshold.noise_sigma_V", design.threshold_noise_V);
    set("bits.k", bits_text(design.k_bits));
    set("bits.q", bits_text(design.q_bits));
    set("split.mode", name_of(design.split));
    set("split.midpoint", design.midpoint ? "true" : "false");
    set("placement", design.placement);
    set("array.rows", std::to_string(design.rows));
    set("array.columns", std::to_string(design.columns));
    number("drive.v_read_V", design.v_read_V);
    number("drive.v_supply_V", design.v_supply_V);
    number("drive.read_time_ns", design.read_time_ns);
    number("sense.v_fs_V", design.v_fs_V);
    set("sense.full_scale", design.full_scale);
    number("sense.percentile", design.sense_percentile);
    set("sense.i_max_A", design.i_max_A ? fmt::format("{:.17g}", *design.i_max_A) : "ideal");
    number("comparator.offset_sigma_V", design.offset_V);
    number("comparator.noise_sigma_V", design.noise_V);
    set("device.card", card_path);
    set("recompute.k_msb", name_of(design.k_msb));
    set("empty_row", name_of(design.empty_row));
    std::vector<std::string> kept;
    for (const std::size_t key : design.always_keep) kept.push_back(std::to_string(key));
    settings.overlay("always_keep", kept, true, "test");
    return settings;
}

SprintReferenceSettings reference_settings(const PairDesign& design, double n_fs) {
    SprintReferenceSettings twin;
    twin.k_bits = design.k_bits;
    twin.q_bits = design.q_bits;
    twin.split = design.split;
    twin.midpoint = design.midpoint;
    twin.threshold_bits = design.dac_bits;
    twin.threshold_range = design.range_steps;
    twin.G_min_S = design.g_min_uS * 1e-6;
    twin.G_max_S = design.g_max_uS * 1e-6;
    twin.G_floor_S = design.g_floor_uS * 1e-6;
    twin.programming_sigma_S = [coefficients = design.sigma_uS](double G_S) {
        double sigma_uS = 0.0;
        for (std::size_t k = 0; k < coefficients.size(); ++k) {
            sigma_uS += coefficients[k] * std::pow(G_S * 1e6, static_cast<double>(k));
        }
        return std::max(sigma_uS, 0.0) * 1e-6;
    };
    twin.read_sigma_rel = design.read_rel;
    twin.read_sigma_S = design.read_abs_uS * 1e-6;
    twin.stuck_low_rate = design.stuck_low_rate;
    twin.stuck_high_rate = design.stuck_high_rate;
    twin.stuck_low_ohm = design.stuck_low_ohm;
    twin.stuck_high_ohm = design.stuck_high_ohm;
    twin.V_read_V = design.v_read_V;
    twin.V_dd_V = design.v_supply_V;
    twin.t_read_s = design.read_time_ns * 1e-9;
    twin.v_fs_V = design.v_fs_V;
    twin.n_fs = n_fs;
    twin.i_max_A = design.i_max_A;
    twin.comparator_offset_V = design.offset_V;
    twin.comparator_noise_V = design.noise_V;
    twin.threshold_noise_V = design.threshold_noise_V;
    twin.array_rows = static_cast<std::size_t>(design.rows);
    twin.array_columns = static_cast<std::size_t>(design.columns);
    twin.k_msb = design.k_msb;
    twin.empty_row = design.empty_row;
    twin.always_keep = design.always_keep;
    return twin;
}

// -- inputs ---------------------------------------------------------------------------------------

AttentionLayer random_layer(const LayerSpec& spec, std::uint64_t seed, int layer) {
    AttentionLayer data;
    data.layer = layer;
    data.n_q = spec.n_q;
    data.n_k = spec.n_k;
    data.valid_q = spec.valid_q < 0 ? spec.n_q : spec.valid_q;
    data.valid_k = spec.valid_k < 0 ? spec.n_k : spec.valid_k;
    data.causal = spec.causal;
    data.scale = 1.0F / std::sqrt(static_cast<float>(spec.d));
    std::uint64_t tensor = 0;
    const auto fill = [&](Tensor3& x, int planes, int rows, int cols) {
        x.resize(static_cast<std::size_t>(planes), static_cast<std::size_t>(rows),
                 static_cast<std::size_t>(cols));
        Stream(seed, Purpose::synth_content, {tensor++}).normals(0, x.data);
    };
    fill(data.q, spec.heads, spec.n_q, spec.d);
    fill(data.k, spec.kv_heads, spec.n_k, spec.d);
    fill(data.v, spec.kv_heads, spec.n_k, spec.dv);
    if (spec.mask) {
        const Stream stream(seed, Purpose::synth_content, {tensor});
        data.mask_planes = 1;
        data.mask.resize(static_cast<std::size_t>(spec.n_q * spec.n_k));
        for (std::size_t i = 0; i < data.mask.size(); ++i) data.mask[i] = stream.word(i) % 3 != 0;
    }
    return data;
}

std::vector<LayerSpec> awkward_layers() {
    return {
        {2, 2, 40, 40, 32, 32, false, -1, -1, false},
        {4, 2, 37, 37, 20, 24, false, 31, 31, true},  // shared kv heads, padding, mask
        {2, 1, 70, 70, 33, 40, true, -1, -1, false},  // causal, more queries than a block
        {1, 1, 20, 50, 64, 64, true, -1, 45, true},   // older keys, padding, mask
        {1, 1, 130, 30, 7, 65, false, 129, -1, false},
        {1, 1, 33, 21, 16, 8, true, -1, -1, false},  // queries before the first key
    };
}

ModelInfo model_of(const std::vector<AttentionLayer>& layers) {
    ModelInfo model;
    model.name = "random";
    model.family = "other";
    model.layers = static_cast<int>(layers.size());
    const AttentionLayer& first = layers.front();
    model.heads = static_cast<int>(first.q.planes);
    model.kv_heads = static_cast<int>(first.k.planes);
    model.head_dim = static_cast<int>(first.q.cols);
    model.v_head_dim = static_cast<int>(first.v.cols);
    return model;
}

// -- runs -----------------------------------------------------------------------------------------

void KeptSelections::consume(const HeadWork& work, const Selection& selection) {
    works.push_back(work);
    selections.push_back(selection);
}

std::unique_ptr<Scheme> make_calibrated(const std::string& name, const Settings& settings,
                                        const std::vector<AttentionLayer>& layers,
                                        const PairInputs& inputs) {
    SchemeInputs scheme_inputs;
    scheme_inputs.model = model_of(layers);
    scheme_inputs.seed = inputs.seed;
    scheme_inputs.chip = inputs.chip;
    scheme_inputs.metrics = inputs.metrics;
    auto scheme = find_scheme(name).make(scheme_inputs, settings);
    for (const AttentionLayer& layer : layers) {
        for (int h = 0; h < scheme_inputs.model.heads; ++h) {
            const AttentionHead head = head_view(layer, 0, h);
            scheme->calibrate(layer.layer, h, {&head, 1});
        }
    }
    return scheme;
}

SchemeRun run_scheme(const Scheme& scheme, const AttentionLayer& layer, int sample) {
    std::vector<AttentionHead> heads;
    for (std::size_t h = 0; h < layer.q.planes; ++h) {
        heads.push_back(head_view(layer, sample, static_cast<int>(h)));
    }
    const std::size_t dv = layer.v.cols;
    // What was there before must not matter.
    Matrix<float> out(static_cast<std::size_t>(layer.n_q), heads.size() * dv, -777.0F);
    KeptSelections sink;
    SampleContext context;
    context.sample = sample;
    context.selections = &sink;
    scheme.attention(layer.layer, heads, out.view(), context);
    SchemeRun run;
    for (std::size_t h = 0; h < heads.size(); ++h) {
        Matrix<float> own(out.rows(), dv);
        for (std::size_t t = 0; t < out.rows(); ++t) {
            std::copy_n(out.row(t) + h * dv, dv, own.row(t));
        }
        run.out.push_back(std::move(own));
    }
    run.reports = std::move(context.reports);
    run.works = std::move(context.work.heads);
    run.selections = std::move(sink.selections);
    return run;
}

Matrix<std::uint8_t> selected(const Selection& selection) {
    Matrix<std::uint8_t> kept(static_cast<std::size_t>(selection.shape.n_q),
                              static_cast<std::size_t>(selection.shape.n_k));
    for (std::size_t t = 0; t < kept.rows(); ++t) {
        for (const std::uint32_t key : selection.row(t)) kept(t, key) = 1;
    }
    return kept;
}

double relative_error(const Matrix<float>& a, const Matrix<double>& b) {
    ATTOHM_CHECK_EQ(a.rows(), b.rows());
    ATTOHM_CHECK_EQ(a.cols(), b.cols());
    double largest = 0.0, error = 0.0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        largest = std::max(largest, std::abs(b.data()[i]));
        error = std::max(error, std::abs(static_cast<double>(a.data()[i]) - b.data()[i]));
    }
    return largest > 0.0 ? error / largest : error;
}

DrawSite pair_site(const AttentionHead& head, const PairInputs& inputs, int sample, int kv_heads) {
    DrawSite site;
    site.seed = inputs.seed;
    site.chip = inputs.chip;
    site.bank = static_cast<std::uint64_t>(head.layer * kv_heads + head.kv_head);
    site.sample = static_cast<std::uint64_t>(sample);
    site.layer = static_cast<std::uint64_t>(head.layer);
    site.kv_head = static_cast<std::uint64_t>(head.kv_head);
    site.head = static_cast<std::uint64_t>(head.head);
    return site;
}

SprintReferenceResult run_twin(const Scheme& scheme, const PairDesign& design,
                               const AttentionHead& head, const PairInputs& inputs, int sample,
                               int kv_heads, std::uint64_t repeat) {
    const auto& calibrated = dynamic_cast<const CalibratedScheme&>(scheme);
    const HeadCalibration& own = calibrated.calibration(head.layer, head.head);
    const SprintReferenceScales scales{static_cast<double>(own.scales.q),
                                       static_cast<double>(own.scales.k),
                                       static_cast<double>(own.scales.v)};
    return sprint_reference(head, static_cast<double>(own.threshold),
                            reference_settings(design, own.n_fs), scales,
                            pair_site(head, inputs, sample, kv_heads), repeat);
}

PairTile make_pair_tile(const Settings& settings, const HeadCalibration& calibrated,
                        const AttentionHead& head, const DrawSite& site) {
    const CodeSettings numbers = load_code_settings(settings);
    const AnalogSettings analog = load_analog_settings(settings);
    ScoreCodes codes = make_codes(numbers, calibrated.scales, head);
    const Mapping map(analog.device.g_min, analog.device.g_max, numbers.k_bits, analog.mapping);
    TileCircuits circuits = tile_circuits(analog, numbers, map, calibrated.n_fs, head.d());
    circuits.threshold_noise = Volt::from_value(settings.real("threshold.noise_sigma_V"));
    circuits.schedule.write_interval = analog.timing.write_interval;
    circuits.schedule.delay = analog.timing.delay;
    circuits.schedule.read_interval = WordLineDrive(circuits.drive).read_time();
    circuits.schedule.reads_in_all = static_cast<std::size_t>(head.valid_q);
    MeanDigits stored(map);
    stored.add(codes.m.view());
    circuits.stored_digits = stored.values();
    SprintTile tile(circuits, map, analog.device, site, codes.m.view(), head.n_k());
    return {std::move(codes), map, std::move(tile)};
}

}  // namespace attohm
