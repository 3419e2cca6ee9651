#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <limits>

#include "src/base/error.hpp"
#include "src/machine/axes.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/machine/plans/chained_plan.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/operator_plan.hpp"
#include "src/work/linear_work.hpp"
#include "tests/machine/engine_cases.hpp"
#include "tests/machine/random_work.hpp"

/// Conservation on all machines in the box and random work.
using namespace attohm;
using attohm::test::EngineCases;

namespace {

/// Heads of two layers with the linear operators around them, random shapes and kept sets.
struct Sample {
    std::vector<test::HeadCase> heads;
    std::vector<LayerWork> layers;
};

Sample random_sample(EngineCases& random) {
    Sample sample;
    const int tokens = static_cast<int>(random.between(1, 70));
    const int width = static_cast<int>(random.between(1, 8) * 8);
    const int heads = static_cast<int>(random.between(1, 4));
    const int padding = static_cast<int>(random.between(0, tokens - 1));
    const int share = random.chance(0.3) ? 2 : 1;
    for (int layer = 0; layer < 2; ++layer) {
        for (int head = 0; head < heads; ++head) {
            HeadShape shape = test::plain_shape(tokens, width);
            shape.layer = layer;
            shape.head = head;
            shape.kv_head = head / share;
            shape.first_of_kv_head = head % share == 0;
            shape.valid_q = shape.valid_k = tokens - padding;
            shape.allowed_pairs = std::int64_t{shape.valid_q} * shape.valid_k;
            const double kept = static_cast<double>(random.between(1, 10)) / 10.0;
            sample.heads.push_back(test::head_case(test::random_selection(
                shape, kept, 0.5, static_cast<std::uint64_t>(random.between(0, 1 << 30)))));
            sample.heads.back().work.ops = dense_attention_ops(shape, 8);
        }
        const auto block = block_shapes(tokens, 64, 64, 64, 128);
        sample.layers.push_back(linear_layer_work(layer, block, 8));
    }
    return sample;
}

std::vector<Tally> plan(const PlanEntry& entry, const Machine& machine, const Sample& sample,
                        std::int64_t batch = 1) {
    PlanOptions options;
    options.batch = batch;
    const auto planner = entry.make(machine, options);
    for (const test::HeadCase& head : sample.heads) {
        planner->head(head.work, head.selection);
        if (&head == &sample.heads.back() || (&head)[1].work.shape.layer != head.work.shape.layer)
            planner->layer(sample.layers[static_cast<std::size_t>(head.work.shape.layer)]);
    }
    return planner->finish();
}

/// Whether a plan may be held to the laws: a model that authors released keeps none, which is why
/// it stands beside plans; one that carries out its own scheme only refuses dense attention.
bool is_bound(const PlanEntry& entry, const Machine& machine, const Sample& sample) {
    try {
        if (entry.make(machine, {})->models_scheme()) return false;
        (void)plan(entry, machine, sample);
        return true;
    } catch (const UserError& error) {
        CHECK_THAT(error.what(), Catch::Contains("such as") || Catch::Contains("operators of") ||
                                     Catch::Contains("no unit for"));
        return false;
    }
}

/// Every plan of every machine in the box over some random samples.
void for_all(std::uint64_t seed,
             const std::function<void(const PlanEntry&, const Machine&, const Sample&)>& check) {
    EngineCases random(seed);
    const std::vector<Machine> machines = load_machines(machine_names());
    int checked = 0;
    for (int i = 0; i < 12; ++i) {
        const Sample sample = random_sample(random);
        for (const Machine& machine : machines)
            for (const PlanEntry& entry : plan_table()) {
                if (entry.machine != machine_kind(machine)) continue;
                if (!is_bound(entry, machine, sample)) continue;
                ++checked;
                INFO(machine.name << ", " << entry.name << ", "
                                  << sample.heads.front().work.shape.n_q << " tokens of "
                                  << sample.heads.front().work.shape.d);
                check(entry, machine, sample);
            }
    }
    // Most plans are for any attention.
    CHECK(checked > 12 * static_cast<int>(machines.size()) * 4);
}

}  // namespace

TEST_CASE("The lines of a ledger are all there is in its total", "[property]") {
    for_all(11, [](const PlanEntry& entry, const Machine& machine, const Sample& sample) {
        for (const Tally& tally : plan(entry, machine, sample)) {
            const std::vector<LedgerLine> lines = price(tally, 1, machine, {});
            double sum = 0.0;
            for (const LedgerLine& line : lines) {
                CHECK(line.count > 0.0);
                CHECK(line.energy.value() >= 0.0);
                if (line.known() && line.energy_source != "physics")
                    CHECK(line.energy.value() == line.count * *line.unit_energy);
                if (!line.known()) CHECK(line.energy.value() == 0.0);
                sum += line.energy.value();
            }
            CHECK(total_energy(lines).value() == sum);
        }
    });
}

TEST_CASE("No unit does more than its peak, and none is busy for longer than the plan takes",
          "[property]") {
    for_all(12, [](const PlanEntry& entry, const Machine& machine, const Sample& sample) {
        for (const Tally& tally : plan(entry, machine, sample)) {
            const std::vector<ResourceInfo> infos = resources_of(machine);
            REQUIRE(infos.size() == tally.resources.size());
            for (std::size_t r = 0; r < infos.size(); ++r) {
                const ResourceUse& use = tally.resources[r];
                INFO(infos[r].name);
                if (infos[r].peak > 0.0)
                    CHECK(static_cast<double>(use.useful) <=
                          infos[r].peak * static_cast<double>(use.busy));
                CHECK(use.busy <= tally.latency_cycles);
            }
            std::int64_t cycles = 0;
            std::vector<std::int64_t> busy(infos.size(), 0);
            for (const LayerUse& layer : tally.layers) {
                cycles += layer.cycles;
                for (std::size_t r = 0; r < busy.size(); ++r) busy[r] += layer.busy[r];
            }
            CHECK(cycles == tally.latency_cycles);
            for (std::size_t r = 0; r < busy.size(); ++r) CHECK(busy[r] == tally.resources[r].busy);
        }
    });
}

TEST_CASE("Schedules of engines keep every unit at its peak and busy for its tasks alone",
          "[property]") {
    EngineCases random(13);
    const std::vector<Machine> machines = load_machines(machine_names());
    for (int i = 0; i < 40; ++i) {
        const Sample sample = random_sample(random);
        for (const Machine& machine : machines) {
            if (machine.engine() == nullptr) continue;
            const Engine& engine = *machine.engine();
            std::vector<PlacedList> heads;
            for (const test::HeadCase& head : sample.heads)
                heads.push_back(
                    place(engine, machine.name, head.work.ops, head.work.shape.first_of_kv_head));
            std::vector<std::int64_t> peak(memory_resource(engine) + 1, 0);
            std::vector<std::int64_t> cycles(peak.size(), 0), useful(peak.size(), 0);
            for (std::size_t u = 0; u < engine.units.size(); ++u) peak[u] = engine.units[u].peak();
            for (const PlacedList& head : heads)
                for (const PlacedOp& op : head.ops) {
                    cycles[static_cast<std::size_t>(op.unit)] += op.cycles;
                    useful[static_cast<std::size_t>(op.unit)] += op.useful;
                }
            const Schedule chained =
                chained_schedule(engine, heads, chained_shape(engine, heads, 2), 1);
            check_peaks(chained, peak);
            const ScheduleTimes chained_times = simulate(chained);
            const OperatorOrder order = operator_order(engine, heads, 1, 0.5);
            check_peaks(order.schedule, peak);
            const LayerPlan ordered = best_operator_order(engine, heads, 1);
            for (std::size_t u = 0; u < engine.units.size(); ++u) {
                CHECK(chained_times.resources[u].busy == cycles[u]);
                CHECK(chained_times.resources[u].useful == useful[u]);
                // Blocks are whole cycles each.
                CHECK(ordered.times.resources[u].busy >= cycles[u]);
                CHECK(ordered.times.resources[u].useful == useful[u]);
            }
        }
    }
}

TEST_CASE("Elements that split for narrow operands do no more than their peak", "[unit]") {
    const Machine machine = load_machine("sanger-64x16");
    const Engine& engine = *machine.engine();
    const auto product = [&](int bits) {
        OpBuilder build(Stage::selection, bits);
        const TensorId q = build.input(TensorRole::q, 128 * 64);
        const TensorId k = build.input(TensorRole::k, 128 * 64);
        build.step(OpKind::matmul, "prediction", {128, 128, 64}, {q, k},
                   build.tensor(TensorRole::score, 128 * 128));
        return place(engine, machine.name, build.finish(), true).ops.front();
    };
    const PlacedOp wide = product(8), narrow = product(4);
    const std::int64_t peak = engine.units[static_cast<std::size_t>(narrow.unit)].peak();
    CHECK(narrow.cycles == (wide.cycles + 3) / 4);
    CHECK(narrow.operations == wide.operations);
    CHECK(wide.useful == wide.operations);
    CHECK(narrow.useful == wide.useful / 4);
    CHECK(narrow.useful <= peak * narrow.cycles);
    // Counted one by one they would be more than the array can do.
    CHECK(narrow.operations > peak * narrow.cycles);
}

TEST_CASE("What travels is the tensors' bytes where nothing is read twice, and never less",
          "[property]") {
    for_all(14, [](const PlanEntry& entry, const Machine& machine, const Sample& sample) {
        if (machine.engine() == nullptr) return;
        std::int64_t q = 0, kv = 0, out = 0, kv_padded = 0;
        for (const test::HeadCase& head : sample.heads) {
            const HeadShape& s = head.work.shape;
            q += 8LL * s.valid_q * s.d;
            out += 8LL * s.valid_q * s.dv;
            if (!s.first_of_kv_head) continue;
            kv += 8LL * s.valid_k * (s.d + s.dv);
            kv_padded += 8LL * s.n_k * (s.d + s.dv);
        }
        const Tally tally = plan(entry, machine, sample).front();
        const std::int64_t kv_read =
            tally[TensorRole::k].read_bits + tally[TensorRole::v].read_bits;
        CHECK(tally[TensorRole::q].read_bits >= q);
        CHECK(kv_read >= kv);
        CHECK(tally[TensorRole::output].written_bits >= out);
        // 200 KB and more hold a head of 70 tokens: each tensor comes and goes once.
        if (entry.name == "operators" || entry.name == "mask-only") {
            CHECK(tally[TensorRole::q].read_bits == q);
            CHECK(kv_read == kv);
            CHECK(tally[TensorRole::output].written_bits == out);
            CHECK(tally[TensorRole::score] == Traffic{});
        }
        if (entry.name == "dense") CHECK(kv_read == kv_padded);
    });
}

TEST_CASE("The whole model is never less than its attention, and a batch reads no more weights",
          "[property]") {
    for_all(15, [](const PlanEntry& entry, const Machine& machine, const Sample& sample) {
        const std::vector<Tally> scopes = plan(entry, machine, sample);
        if (scopes.size() == 1) return;
        const Tally& attention = scopes.at(0);
        const Tally& model = scopes.at(1);
        CHECK(model.latency_cycles >= attention.latency_cycles);
        for (std::size_t t = 0; t < kTensorRoles; ++t) {
            CHECK(model.traffic[t].read_bits >= attention.traffic[t].read_bits);
            CHECK(model.traffic[t].written_bits >= attention.traffic[t].written_bits);
        }
        for (std::size_t r = 0; r < model.resources.size(); ++r)
            CHECK(model.resources[r].busy >= attention.resources[r].busy);
        for (const auto& [id, events] : attention.counts()) CHECK(model.counted(id) >= events);
        const auto joules = [&](const Tally& tally) {
            return total_energy(price(tally, 1, machine, {})).value();
        };
        CHECK(joules(model) >= joules(attention));
        for (const std::int64_t batch : {2, 5}) {
            const Tally together = plan(entry, machine, sample, batch).at(1);
            CHECK(together[TensorRole::weight].read_bits <=
                  batch * model[TensorRole::weight].read_bits);
            CHECK(together[TensorRole::weight].read_bits >= model[TensorRole::weight].read_bits);
        }
    });
}

namespace {

/// Attention of a layer operator by operator, least traffic over all shares of the buffer.
std::int64_t least_traffic(const Engine& engine, const std::vector<PlacedList>& heads) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const double reserve : {0.0, 0.25, 0.5, 0.75, 0.875}) {
        std::int64_t bits = 0;
        for (const Traffic& traffic : operator_order(engine, heads, 1, reserve).traffic)
            bits += traffic.read_bits + traffic.written_bits;
        least = std::min(least, bits);
    }
    return least;
}

}  // namespace

TEST_CASE("More buffer never moves more, faster memory never takes longer", "[property]") {
    EngineCases random(16);
    for (int i = 0; i < 60; ++i) {
        Engine engine = random.engine();
        const Sample sample = random_sample(random);
        std::vector<PlacedList> heads;
        for (const test::HeadCase& head : sample.heads)
            heads.push_back(
                place(engine, "random", head.work.ops, head.work.shape.first_of_kv_head));
        std::int64_t before = std::numeric_limits<std::int64_t>::max();
        for (std::int64_t bits = 1 << 12; bits <= 1 << 24; bits *= 4) {
            engine.buffers.front().bits = bits;
            const std::int64_t traffic = least_traffic(engine, heads);
            CHECK(traffic <= before);
            before = traffic;
        }
        for (const std::int64_t bits : {1 << 13, 1 << 18, 1 << 24}) {
            engine.buffers.front().bits = bits;
            std::int64_t slower = std::numeric_limits<std::int64_t>::max();
            for (const double rate : {1e9, 4e9, 32e9, 256e9}) {
                engine.memory = std::make_shared<Memory>(BandwidthMemory(rate, std::nullopt));
                const std::int64_t cycles = best_order(engine, heads, 1).times.cycles;
                CHECK(cycles <= slower);
                slower = cycles;
            }
        }
    }
}

TEST_CASE("Heads of other operators in one layer are planned group by group", "[property]") {
    EngineCases random(23);
    const std::vector<Machine> machines = load_machines({"vitality-64x64", "linear-attention"});
    const auto entry = std::find_if(plan_table().begin(), plan_table().end(),
                                    [](const PlanEntry& e) { return e.name == "operators"; });
    REQUIRE(entry != plan_table().end());
    for (int i = 0; i < 6; ++i) {
        Sample mixed = random_sample(random);
        // Every second head does without a softmax.
        for (std::size_t h = 1; h < mixed.heads.size(); h += 2) {
            OpBuilder build(Stage::attention, 8);
            const TensorId v = build.input(TensorRole::v, 64);
            build.step(OpKind::accumulate, "sum", {8, 8}, {v}, build.tensor(TensorRole::output, 8));
            mixed.heads[h].work.ops = build.finish();
        }
        for (const Machine& machine : machines) {
            // Apart: only heads with, only heads without.
            std::int64_t cycles = 0;
            for (const bool dense : {true, false}) {
                Sample part = mixed;
                part.layers.assign(part.layers.size(), LayerWork{});
                for (std::size_t h = 0; h < part.heads.size(); ++h)
                    if ((part.heads[h].work.ops.ops.size() > 1) != dense)
                        part.heads[h].work.ops = {};
                cycles += plan(*entry, machine, part).front().latency_cycles;
            }
            CHECK(plan(*entry, machine, mixed).front().latency_cycles == cycles);
        }
    }
}
