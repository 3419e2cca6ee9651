// Speed of the cost side on one core, best of several repetitions: evaluations of a layer on a
// machine from its Work, with and without Selections, plans and tallies included, nothing cached
// between layers.

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/work/op_builder.hpp"

namespace {

using namespace attohm;

constexpr int kRepetitions = 15;
constexpr int kHeads = 12;

/// Processor seconds per call of the best repetition.
double seconds(int calls, const std::function<void()>& call) {
    double best = std::numeric_limits<double>::infinity();
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
        const std::clock_t start = std::clock();
        for (int i = 0; i < calls; ++i) call();
        const auto ticks = static_cast<double>(std::clock() - start);
        best = std::min(best, ticks / CLOCKS_PER_SEC / calls);
    }
    return best;
}

struct Head {
    HeadWork work;
    Selection selection;
};

/// Heads of `layers` layers of BERT-base.
std::vector<Head> heads_of(int layers, int tokens, int bits) {
    std::vector<Head> heads(static_cast<std::size_t>(layers) * kHeads);
    for (std::size_t i = 0; i < heads.size(); ++i) {
        HeadShape& s = heads[i].work.shape;
        s.layer = static_cast<int>(i) / kHeads;
        s.head = s.kv_head = static_cast<int>(i) % kHeads;
        s.n_q = s.n_k = s.valid_q = s.valid_k = tokens;
        s.d = s.dv = 64;
        s.allowed_pairs = std::int64_t{tokens} * tokens;
        OperandBits& b = heads[i].work.bits;
        b.q = b.k = b.v = bits;
        heads[i].work.ops = dense_attention_ops(s, bits);
        heads[i].selection.shape = s;
    }
    return heads;
}

/// Kept sets that a query shares with the one before it for the most part.
Selection kept_quarter(const HeadShape& shape, std::uint64_t seed) {
    constexpr double kKept = 0.25, kStay = 0.75;
    const Stream stream(seed, Purpose::sampling);
    Selection selection;
    selection.shape = shape;
    selection.row_begin.push_back(0);
    std::vector<char> before(static_cast<std::size_t>(shape.valid_k), 0);
    std::uint64_t draw = 0;
    for (int query = 0; query < shape.valid_q; ++query) {
        for (std::uint32_t key = 0; key < before.size(); ++key) {
            const double stay = before[key] != 0 ? kStay : 0.0;
            before[key] = stream.below(draw++, stay + (1.0 - kStay) * kKept) ? 1 : 0;
            if (before[key] != 0) selection.keys.push_back(key);
        }
        selection.row_begin.push_back(static_cast<std::uint32_t>(selection.keys.size()));
    }
    return selection;
}

/// What a SPRINT head that kept these keys counts.
void count_sprint(Head& head) {
    HeadWork& w = head.work;
    const HeadShape& s = w.shape;
    w.ops = {};
    w.bits.k_msb = w.bits.q_line = 4;
    w.kept_pairs = static_cast<std::int64_t>(head.selection.keys.size());
    w[Event::in_memory_mac] = std::int64_t{s.valid_q} * s.valid_k * s.d;
    w[Event::array_read] = w[Event::threshold_conversion] = std::int64_t{s.valid_q} * 3;
    w[Event::dac_conversion] = std::int64_t{s.valid_q} * s.d;
    w[Event::comparator_decision] = std::int64_t{s.valid_q} * s.valid_k;
    w[Event::copy_q] = w[Event::read_p] = w[Event::softmax_row] = s.valid_q;
    w[Event::slc_bit_write] = slc_bits_written(w);
    w[Event::mlc_cell_write] = std::int64_t{2} * s.valid_k * s.d;
    w[Event::qk_mac] = w.kept_pairs * s.d;
    w[Event::softmax_element] = w.kept_pairs;
    w[Event::sv_mac] = w.kept_pairs * s.dv;
    w.cell = {2e-14, 5e-12, 4e-14, 50e-9, 60e-9};
    w[Physical::mlc_write_pulses] = 10.0 * static_cast<double>(w[Event::mlc_cell_write]);
}

void run(const CostEngine& engine, const std::vector<Head>& heads) {
    SamplePlanner planner = engine.planner();
    for (const Head& head : heads) planner.consume(head.work, head.selection);
    if (planner.finish().machines.empty()) throw InvariantError("nothing was planned");
}

void report(const std::string& what, double evaluations_per_s, double asked) {
    fmt::print("{:52} {:12.0f} /s, asked {:.0f}\n", what, evaluations_per_s, asked);
}

void time_engines() {
    constexpr double kAsked = 10000.0;
    const std::vector<Head> heads = heads_of(12, 384, 8);
    for (const char* plan : {"operators", "dense", "unfused", "flat"})
        for (const char* machine : {"vitality-64x64", "sanger-64x16", "flat-cloud"}) {
            const CostEngine engine(load_machines({machine}), {plan, {}, {}}, {});
            const double s = seconds(10, [&] { run(engine, heads); });
            report(fmt::format("{}, {}: layers of 384 tokens", machine, plan), 12.0 / s, kAsked);
            // Twelve equal layers of a network that this engine has not seen.
            const std::vector<Machine> loaded = load_machines({machine});
            const double anew = seconds(10, [&] { run({loaded, {plan, {}, {}}, {}}, heads); });
            report(fmt::format("{}, {}: the same for the first time", machine, plan), 12.0 / anew,
                   kAsked);
        }
}

void time_sprint() {
    std::vector<Head> heads = heads_of(1, 384, 8);
    for (std::size_t i = 0; i < heads.size(); ++i) {
        heads[i].selection = kept_quarter(heads[i].work.shape, i);
        count_sprint(heads[i]);
    }
    const std::vector<std::vector<std::string>> baselines = {{},
                                                             {"dense", "mask-only", "dense-tiled"}};
    for (const char* machine : {"sprint-s", "sprint-m", "sprint-l"})
        for (const auto& others : baselines) {
            const CostEngine engine(load_machines({machine}), {"sprint", others, {}}, {});
            const double s = seconds(20, [&] { run(engine, heads); });
            report(fmt::format("{}, sprint{}: layers with Selections", machine,
                               others.empty() ? "" : " and its baselines"),
                   1.0 / s, 1000.0);
        }
}

void time_long() {
    const std::vector<Head> heads = heads_of(12, 4096, 16);
    const CostEngine engine(load_machines({"flat-cloud"}), {"flat", {"unfused"}, {}}, {});
    const double s = seconds(1, [&] {
        SamplePlanner planner = engine.planner();
        for (const Head& head : heads) planner.consume(head.work, head.selection);
        const std::vector<SampleCost> costs = {planner.finish()};
        if (engine.accumulate(costs).size() != 1) throw InvariantError("one machine was asked for");
    });
    fmt::print("{:52} {:12.4f} s, asked below 1\n", "144 heads of 4,096 tokens, flat and unfused",
               s);
}

/// What `attohm price` does with a stored sample.
SampleCost price(const CostEngine& engine, const StoredSample& sample) {
    SamplePlanner planner = engine.planner();
    for (const StoredHead& head : sample.heads) planner.consume(head.work, *head.kept);
    return planner.finish();
}

StoredSample stored(std::vector<Head> heads) {
    WorkRecorder recorder;
    for (std::size_t i = 0; i < heads.size(); ++i) {
        heads[i].selection = kept_quarter(heads[i].work.shape, i);
        count_sprint(heads[i]);
        recorder.head(heads[i].work, heads[i].selection);
    }
    return recorder.finish();
}

void time_stored() {
    std::vector<Head> heads = heads_of(1, 384, 8);
    for (std::size_t i = 0; i < heads.size(); ++i)
        heads[i].selection = kept_quarter(heads[i].work.shape, i);
    const double summary = seconds(5, [&] {
        SelectionSummarizer summarizer;
        for (const Head& head : heads)
            if (summarizer.summarise(head.selection).rows() != 384)
                throw InvariantError("a row was lost");
    });
    fmt::print("{:52} {:12.4f} ms\n", "summary of a head of 384 tokens, a quarter kept",
               1e3 * summary / kHeads);
    const StoredSample sample = stored(std::move(heads));
    for (const char* machine : {"sprint-s", "sprint-m", "sprint-l"}) {
        const CostEngine engine(load_machines({machine}), {"sprint", {}, {}}, {});
        const double s = seconds(20, [&] { price(engine, sample); });
        report(fmt::format("{}, sprint: layers from stored work", machine), 1.0 / s, 10000.0);
    }
    // All layers alike: one is summarised.
    StoredSample layer = stored(heads_of(1, 4096, 8));
    StoredSample all;
    for (int i = 0; i < 12; ++i)
        for (StoredHead head : layer.heads) {
            head.work.shape.layer = i;
            all.heads.push_back(std::move(head));
        }
    const CostEngine engine(load_machines({"sprint-s"}), {"sprint", {}, {}}, {});
    const double s = seconds(1, [&] {
        const std::vector<SampleCost> costs = {price(engine, all)};
        if (engine.accumulate(costs).size() != 1) throw InvariantError("one machine was asked for");
    });
    fmt::print("{:52} {:12.4f} s, asked below 1\n", "144 heads of 4,096 tokens from stored work",
               s);
}

}  // namespace

int main() {
    time_stored();
    time_engines();
    time_sprint();
    time_long();
    return 0;
}
