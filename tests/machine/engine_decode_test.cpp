#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/work/linear_work.hpp"
#include "tests/machine/engine_cases.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/reference/engine_reference.hpp"

/// Decode on engines: one query after another, against key-by-key walks and numbers worked by hand.
using namespace attohm;
using attohm::test::EngineCases;

namespace {

struct Sample {
    std::vector<HeadWork> heads;
    std::vector<LayerWork> layers;
};

Sample causal_sample(int layers, int query_heads, int share, int tokens, int width) {
    Sample sample;
    for (int layer = 0; layer < layers; ++layer) {
        for (int h = 0; h < query_heads; ++h) {
            HeadWork head;
            head.shape = test::plain_shape(tokens, width);
            head.shape.layer = layer;
            head.shape.head = h;
            head.shape.kv_head = h / share;
            head.shape.first_of_kv_head = h % share == 0;
            head.shape.causal = true;
            head.shape.allowed_pairs = std::int64_t{tokens} * (tokens + 1) / 2;
            head.kept_pairs = head.shape.allowed_pairs;
            head.ops = dense_attention_ops(head.shape, 8);
            sample.heads.push_back(head);
        }
        const std::int64_t all = std::int64_t{query_heads} * width;
        sample.layers.push_back(
            linear_layer_work(layer, block_shapes(tokens, all, all, all / share, 2 * all), 8));
    }
    return sample;
}

std::vector<Tally> run(const std::string& plan, const Machine& machine, const Sample& sample,
                       Phase phase, std::int64_t batch = 1) {
    PlanOptions options;
    options.phase = phase;
    options.batch = batch;
    const auto planner = find_plan(plan, MachineKind::engine)->make(machine, options);
    for (std::size_t h = 0; h < sample.heads.size(); ++h) {
        planner->head(sample.heads[h], Selection{});
        const bool last = h + 1 == sample.heads.size() ||
                          sample.heads[h + 1].shape.layer != sample.heads[h].shape.layer;
        if (last)
            planner->layer(sample.layers[static_cast<std::size_t>(sample.heads[h].shape.layer)]);
    }
    return planner->finish();
}

/// A machine of the box with another buffer and a byte per cycle of memory.
Machine with_buffer(const std::string& name, std::int64_t bits) {
    Machine machine = load_machine(name);
    auto& engine = std::get<Engine>(machine.parts);
    REQUIRE(engine.buffers.size() == 1);
    engine.buffers.front().bits = bits;
    return machine;
}

std::int64_t macs(const Engine& engine, const Tally& tally) {
    std::int64_t sum = 0;
    for (std::size_t u = 0; u < engine.units.size(); ++u)
        sum += tally.counted(unit_op(static_cast<int>(u), OpKind::matmul, 8));
    return sum;
}

constexpr std::int64_t kTiny = 40 * 1024 * 8;
constexpr std::int64_t kHuge = std::int64_t{1} << 40;

}  // namespace

TEST_CASE("Decode on engines does what walking it key by key counts", "[property]") {
    EngineCases random(41);
    for (int i = 0; i < 25; ++i) {
        const int share = random.chance(0.4) ? 2 : 1;
        const int heads = static_cast<int>(random.between(1, 2)) * share;
        const int tokens = static_cast<int>(random.between(1, 24));
        const int layers = static_cast<int>(random.between(3, 4));
        const int width = static_cast<int>(random.between(1, 4)) * 8;
        const std::int64_t batch = random.between(2, 3);
        const Sample sample = causal_sample(layers, heads, share, tokens, width);
        const char* plans[] = {"operators", "dense", "mask-only", "unfused", "flat"};
        const std::string plan = plans[random.between(0, 4)];
        const bool roomy = random.chance(0.5);
        // A step fits either way; all K and V of the batch do or, by a byte, do not.
        const std::int64_t cache =
            std::int64_t{layers} * heads / share * batch * tokens * 2 * width * 8;
        const Machine machine = with_buffer("flat-edge", roomy ? kHuge : cache - 8);
        INFO(plan << ", " << tokens << " tokens, " << heads << " heads, batch " << batch
                  << (roomy ? ", roomy" : ", no cache"));
        const std::vector<Tally> scopes = run(plan, machine, sample, Phase::decode, batch);
        const Tally& attention = scopes.at(0);

        reference::WalkedDecode walked;
        for (const HeadWork& head : sample.heads)
            walked += reference::walk_engine_decode(head.shape, 8, batch);
        CHECK(macs(*machine.engine(), attention) == walked.macs);
        CHECK(attention[TensorRole::q].read_bits == walked.q_bits);
        CHECK(attention[TensorRole::output].written_bits == walked.out_bits);
        const bool kept = roomy && plan != "flat";
        CHECK(attention[TensorRole::k].read_bits == (kept ? walked.k_new_bits : walked.k_all_bits));
        CHECK(attention[TensorRole::v].read_bits == (kept ? walked.v_new_bits : walked.v_all_bits));

        // Weights: at every step, or once where everything fits; the batch shares them.
        std::int64_t weights = 0;
        for (const LayerWork& layer : sample.layers)
            for (const TensorInfo& tensor : layer.ops.tensors)
                if (tensor.role == TensorRole::weight) weights += tensor.total_bits();
        const std::int64_t read = scopes.at(1)[TensorRole::weight].read_bits;
        if (roomy) CHECK(read == weights);
        CHECK(read >= weights);
        CHECK(read <= weights * tokens);
    }
}

TEST_CASE("Steps of decode add up: each is the plan of one query over the keys so far",
          "[property]") {
    // Nothing fits: no step knows of another.
    for (const std::string plan : {"operators", "unfused", "flat"}) {
        const Machine machine = with_buffer("flat-edge", 16 * 8);
        const int tokens = 9;
        const Sample sample = causal_sample(2, 2, 1, tokens, 8);
        std::int64_t cycles = 0;
        for (int keys = 1; keys <= tokens; ++keys) {
            Sample step = causal_sample(2, 2, 1, keys, 8);
            for (HeadWork& head : step.heads) {
                head.shape.n_q = head.shape.valid_q = 1;
                head.shape.causal = false;
                head.shape.allowed_pairs = keys;
                head.ops = dense_attention_ops(head.shape, 8);
            }
            step.layers = causal_sample(2, 2, 1, 1, 8).layers;
            cycles += run(plan, machine, step, Phase::prefill).at(1).latency_cycles;
        }
        INFO(plan);
        CHECK(run(plan, machine, sample, Phase::decode).at(1).latency_cycles == cycles);
    }
}

TEST_CASE("One head of two tokens in decode, worked by hand", "[unit]") {
    // flat-edge with 4 x 4 elements that hold outputs, 4 lanes, one pass, a byte per cycle.
    Machine machine = with_buffer("flat-edge", kHuge);
    auto& engine = std::get<Engine>(machine.parts);
    for (EngineUnit& unit : engine.units) {
        unit.rows = unit.columns = 4;
        unit.dataflow = Dataflow::output;
        unit.lanes = 4;
        unit.passes = 1;
    }
    engine.buffers[0].bits_per_cycle = 0;
    engine.memory = std::make_shared<Memory>(BandwidthMemory(engine.clock_Hz, std::nullopt));
    const Sample sample = causal_sample(1, 1, 1, 2, 4);
    // Step 0: q, k, v 4 bytes each; L needs q and k: 8 to 18 (4 cycles and 6 to fill and drain),
    // softmax 18 to 19, A 19 to 26 (1 + 6), out 26 to 30.
    // Step 1: with k and v of one token alone from memory: the same but A 2 + 6: 31.
    const Tally warm = run("operators", machine, sample, Phase::decode).at(0);
    CHECK(warm.latency_cycles == 30 + 31);
    CHECK(warm[TensorRole::k].read_bits == 2 * 4 * 8);
    // A buffer without room for the cache: step 1 loads 8 bytes of k and of v.
    // q 0 to 4, k 4 to 12, v 12 to 20; L 12 to 22, softmax to 23, A 23 to 31, out to 35.
    const Tally cold = run("flat", machine, sample, Phase::decode).at(0);
    CHECK(cold[TensorRole::k].read_bits == (1 + 2) * 4 * 8);
    CHECK(cold.latency_cycles >= 30 + 35);
}

TEST_CASE("Decode is never faster than prefill, and what fits is never read more often",
          "[property]") {
    EngineCases random(42);
    for (int i = 0; i < 10; ++i) {
        const Sample sample = causal_sample(2, 2, 1, static_cast<int>(random.between(2, 40)), 16);
        for (const std::string plan : {"operators", "dense", "mask-only", "unfused", "flat"}) {
            INFO(plan);
            const Machine tiny = with_buffer("flat-edge", kTiny);
            const Machine huge = with_buffer("flat-edge", kHuge);
            const Tally decode = run(plan, huge, sample, Phase::decode).at(1);
            CHECK(decode.latency_cycles >=
                  run(plan, huge, sample, Phase::prefill).at(1).latency_cycles);
            const Tally cold = run(plan, tiny, sample, Phase::decode).at(1);
            for (const TensorRole role : {TensorRole::k, TensorRole::v, TensorRole::weight})
                CHECK(decode[role].read_bits <= cold[role].read_bits);
            // Together is never slower than one after another: weights are read once for all.
            CHECK(run(plan, huge, sample, Phase::decode, 4).at(1).latency_cycles <=
                  4 * decode.latency_cycles);
        }
    }
}

TEST_CASE("Plans that have no step of one query say so by name", "[unit]") {
    const Machine machine = load_machine("sanger-64x65");
    Sample sample = causal_sample(1, 1, 1, 4, 8);
    const auto refused = [&](const std::string& plan, const std::string& words) {
        CHECK_THROWS_WITH(run(plan, machine, sample, Phase::decode), Catch::Contains(words));
    };
    refused("sanger", "plan `sanger` cannot take queries one by one");
    refused("kept-pairs", "plan `kept-pairs` cannot take queries one by one");
    refused("allowed-pairs", "plan `allowed-pairs` cannot take queries one by one");
    Sample other = sample;
    sample.heads[0].ops.ops[0].name = "own";
    refused("operators", "plan `operators` has no step of one query");
    sample = other;
    sample.heads[0].shape.causal = false;
    sample.heads[0].ops = dense_attention_ops(sample.heads[0].shape, 8);
    for (const char* plan : {"operators", "dense", "unfused", "flat"})
        refused(plan, "queries cannot come one by one where they see later keys");
}
