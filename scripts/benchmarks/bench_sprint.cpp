#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <vector>

#include "src/base/blas.hpp"
#include "src/base/parallel.hpp"
#include "src/base/vmath.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/replay/experiment.hpp"
#include "src/schemes/analog_settings.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/tile/sprint_tile.hpp"
#include "workloads/synth.hpp"
#include "workloads/trace_reader.hpp"

/// SPRINT's replay of bert-base-384 (144 heads, d = 64) against exact float32 attention, one
/// thread, one process, tensors in memory. Exact = two OpenBLAS products per head and the project's
/// own softmax.
namespace {

using namespace attohm;
using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& work) {
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Fastest of several runs: what the machine can do when nothing else disturbs it.
double best_of(int runs, const std::function<void()>& work) {
    double best = 1e300;
    for (int i = 0; i < runs; ++i) best = std::min(best, seconds_of(work));
    return best;
}

struct Heads {
    std::vector<AttentionLayer> layers;
    std::vector<AttentionHead> heads;
};

Heads load_heads(const TraceReader& reader, const Sample& sample) {
    Heads all;
    for (int layer = 0; layer < reader.model().layers; ++layer) {
        all.layers.push_back(reader.layer(sample, layer, false));
    }
    for (const AttentionLayer& layer : all.layers) {
        for (int h = 0; h < reader.model().heads; ++h) {
            all.heads.push_back(head_view(layer, sample.index, h));
        }
    }
    return all;
}

/// Exact attention of all heads: two products and a softmax each.
void run_exact(const Heads& all, Matrix<float>& scores, Matrix<float>& out) {
    for (const AttentionHead& head : all.heads) {
        const auto n = static_cast<std::size_t>(head.valid_k);
        scores.resize(n, n);
        sgemm_nt(head.scale, head.q.top(n), head.k.top(n), 0.0F, scores.view());
        for (std::size_t t = 0; t < n; ++t) softmax_row({scores.row(t), n});
        sgemm_nn(scores.view(), head.v.top(n), out.view().top(n));
    }
}

void run_scheme(const Scheme& scheme, const Heads& all, Matrix<float>& out,
                SelectionSink* sink = nullptr) {
    SampleContext context;
    context.selections = sink;
    for (const AttentionHead& head : all.heads) {
        scheme.attention(head.layer, {&head, 1}, out.view(), context);
    }
}

std::unique_ptr<Scheme> calibrated(const std::string& name, const TraceReader& reader,
                                   const Heads& calibration, MetricsLevel metrics,
                                   const std::vector<std::string>& assignments = {}) {
    Settings settings = experiment_preset();
    for (const std::string& assignment : assignments) settings.overlay_assignment(assignment);
    const SchemeInputs inputs{reader.model(), reader.thresholds(), reader.path(), 1, 0, metrics};
    std::unique_ptr<Scheme> scheme = find_scheme(name).make(inputs, settings);
    for (const AttentionHead& head : calibration.heads) {
        scheme->calibrate(head.layer, head.head, {&head, 1});
    }
    return scheme;
}

/// Where the time of one SPRINT pass goes: its parts by themselves, in order, on the same heads.
struct Phases {
    static constexpr const char* kNames[] = {
        "8-bit and word-line codes", "programming the arrays",       "float reference scores",
        "integer reference scores",  "array products and decisions", "recompute, softmax, V"};
    double seconds[std::size(kNames)] = {};
};

/// One head, phase by phase; thresholds and full scale as the calibrated scheme has them.
void run_phases(const CalibratedScheme& scheme, const Settings& settings, const AttentionHead& head,
                Phases& phases) {
    const CodeSettings code_settings = load_code_settings(settings);
    const AnalogSettings analog = load_analog_settings(settings);
    const KeepSettings keep_settings = load_keep_settings(settings, true);
    const HeadCalibration& calibrated = scheme.calibration(head.layer, head.head);
    const Mapping map(analog.device.g_min, analog.device.g_max, code_settings.k_bits,
                      analog.mapping);
    const auto n = static_cast<std::size_t>(head.valid_k), rows = head.n_q();
    std::size_t phase = 0;
    const auto timed = [&](auto&& work) { phases.seconds[phase++] += seconds_of([&] { work(); }); };
    ScoreCodes codes;
    timed([&] { codes = make_codes(code_settings, calibrated.scales, head); });
    const ThresholdDac dac(8, calibrated.n_fs, Volt{});
    const RowThresholds thresholds = row_thresholds(codes, calibrated.threshold, dac);
    std::optional<SprintTile> tile;
    timed([&] {
        TileCircuits circuits =
            tile_circuits(analog, code_settings, map, calibrated.n_fs, head.d());
        circuits.schedule.reads_in_all = rows;
        tile.emplace(circuits, map, analog.device, DrawSite{}, codes.m.view(), head.n_k());
    });
    Matrix<float> products;
    products.resize(rows, n);
    const auto blocks = [&](auto&& work) {
        for (std::size_t first = 0; first < rows; first += kQueryBlock) {
            work(first, std::min(kQueryBlock, rows - first));
        }
    };
    timed([&] {
        blocks([&](std::size_t first, std::size_t count) {
            sgemm_nt(head.scale, {head.q.row(first), count, head.d()}, head.k.top(n), 0.0F,
                     products.view().rows_from(first, count));
        });
    });
    timed([&] {
        const IntegerKeys keys(codes.m.view(), codes.largest_m);
        blocks([&](std::size_t first, std::size_t count) {
            integer_scores(code_settings, codes, keys, first, count,
                           products.view().rows_from(first, count));
        });
    });
    Matrix<std::uint8_t> keep;
    keep.resize(rows, n);
    const std::vector<std::uint32_t> key_end(rows, static_cast<std::uint32_t>(n));
    timed([&] {
        blocks([&](std::size_t first, std::size_t count) {
            tile->decide(first, {codes.nq.row(first), count, head.d()},
                         std::span(thresholds.steps).subspan(first, count),
                         {std::span(key_end).subspan(first, count), {}},
                         keep.view().rows_from(first, count), {});
        });
    });
    timed([&] {
        const IntegerRowScores recompute(codes, codes.k8);
        KeptAttention kept(head, keep_settings, recompute, codes.v8.view(), codes.v_step);
        for (std::size_t t = 0; t < rows; ++t) kept.row(t, keep.row(t), products.row(t));
    });
}

class Discard final : public SelectionSink {
  public:
    void consume(const Selection& selection) override { kept += selection.keys.size(); }
    std::size_t kept = 0;
};

void line(const char* what, double seconds, std::size_t heads, double exact) {
    fmt::print("  {:<52} {:8.3f} ms/head  {:5.2f} x exact\n", what,
               seconds / static_cast<double>(heads) * 1e3, seconds / exact);
}

}  // namespace

int main(int argc, char** argv) {
    // One thread; nobody spins beside it.
    set_threads(1);
    const int runs = argc > 1 ? std::atoi(argv[1]) : 5;
    const auto folder =
        std::filesystem::temp_directory_path() / fmt::format("attohm-bench-{}", getpid());
    std::filesystem::create_directories(folder);
    const std::string path = (folder / "bert-base-384.h5").string();
    SynthSpec spec = synth_shape("bert-base-384");
    spec.kept = 0.25;
    spec.padding = 0.0;
    spec.samples = 1;
    spec.calibration = 1;
    write_synthetic_trace(spec, path);
    const TraceReader reader(path);
    Heads calibration = load_heads(reader, reader.calibration_sample(0));
    Heads all;
    const double read_s = best_of(2, [&] { all = load_heads(reader, reader.sample(0)); });
    const std::size_t n = all.heads.front().n_k(), d = all.heads.front().d();
    const std::size_t heads = all.heads.size();

    Matrix<float> scores(n, n), out(n, d);
    const double exact_s = best_of(runs, [&] { run_exact(all, scores, out); });
    const double softmax_s = best_of(runs, [&] {
        for (std::size_t h = 0; h < heads; ++h) {
            for (std::size_t t = 0; t < n; ++t) softmax_row({scores.row(t), n});
        }
    });
    const double flops = 4.0 * static_cast<double>(n * n * d * heads);
    fmt::print("bert-base-384: {} heads, {} tokens, d = {}, kept {:.3f}, one thread, OpenBLAS {}\n",
               heads, n, d, spec.kept, blas_core_type());
    fmt::print("  reading the file: {:.3f} s ({:.0f} MB)\n", read_s,
               static_cast<double>(3 * heads * n * d * 4) / 1e6);
    fmt::print("  exact: {:.3f} ms/head; products {:.1f} GFLOP/s; softmax {:.3f} ns/element\n",
               exact_s / static_cast<double>(heads) * 1e3, flops / (exact_s - softmax_s) / 1e9,
               softmax_s / static_cast<double>(heads * n * n) * 1e9);

    const auto sprint = calibrated("sprint", reader, calibration, MetricsLevel::counts);
    const auto full = calibrated("sprint", reader, calibration, MetricsLevel::full);
    const auto threshold = calibrated("threshold", reader, calibration, MetricsLevel::counts);
    const auto quantised = calibrated("threshold-q", reader, calibration, MetricsLevel::counts);
    Discard discard;
    const double sprint_s = best_of(runs, [&] { run_scheme(*sprint, all, out, &discard); });
    line("sprint (decisions counted, Selections)", sprint_s, heads, exact_s);
    line("threshold", best_of(runs, [&] { run_scheme(*threshold, all, out); }), heads, exact_s);
    line("threshold-q", best_of(runs, [&] { run_scheme(*quantised, all, out); }), heads, exact_s);
    line("sprint, metrics.level: full", best_of(runs, [&] { run_scheme(*full, all, out); }), heads,
         exact_s);
    const CostEngine engine(load_machines({"sprint-s", "sprint-m", "sprint-l"}),
                            {"sprint", {"dense", "mask-only", "dense-tiled"}, {}}, EnergyOptions{});
    line("sprint, planned on three machines",
         best_of(runs,
                 [&] {
                     SamplePlanner planner = engine.planner();
                     run_scheme(*sprint, all, out, &planner);
                     planner.finish();
                 }),
         heads, exact_s);
    Phases best;
    std::fill(std::begin(best.seconds), std::end(best.seconds), 1e300);
    const auto& calibrated_sprint = dynamic_cast<const CalibratedScheme&>(*sprint);
    const Settings settings = experiment_preset();
    for (int i = 0; i < runs; ++i) {
        Phases phases;
        for (const AttentionHead& head : all.heads)
            run_phases(calibrated_sprint, settings, head, phases);
        for (std::size_t p = 0; p < std::size(best.seconds); ++p) {
            best.seconds[p] = std::min(best.seconds[p], phases.seconds[p]);
        }
    }
    fmt::print("where sprint's time goes, parts run by themselves:\n");
    for (std::size_t p = 0; p < std::size(best.seconds); ++p) {
        line(Phases::kNames[p], best.seconds[p], heads, exact_s);
    }
    fmt::print("ratio sprint / exact = {:.3f} (bound asked: 3, goal: 2.2)\n", sprint_s / exact_s);
    std::filesystem::remove_all(folder);
    return 0;
}
