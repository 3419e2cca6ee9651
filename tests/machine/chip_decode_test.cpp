#include <catch2/catch.hpp>

#include "src/machine/plans/chip_plan.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"
#include "tests/reference/decode_reference.hpp"

using namespace attohm;
using attohm::test::plan_of;
using attohm::test::sprint_plans;

namespace {

HeadShape causal_shape(int tokens, int width, int kv_head = 0, int layer = 0) {
    HeadShape s = test::plain_shape(tokens, width);
    s.causal = true;
    s.kv_head = s.head = kv_head;
    s.layer = layer;
    s.allowed_pairs = std::int64_t{tokens} * (tokens + 1) / 2;
    return s;
}

/// Kept keys at random among those that a query may see.
test::HeadCase causal_case(const HeadShape& shape, double kept, double stay, std::uint64_t seed) {
    const Selection all = test::random_selection(shape, kept, stay, seed);
    std::vector<std::vector<std::uint32_t>> rows;
    for (int query = 0; query < shape.n_q; ++query) {
        rows.emplace_back();
        for (const std::uint32_t key : all.row(static_cast<std::size_t>(query)))
            if (static_cast<int>(key) <= query + shape.valid_k - shape.valid_q)
                rows.back().push_back(key);
    }
    return test::head_case(test::selection_of(shape, rows));
}

reference::DecodeChip plain(const SprintChip& chip) {
    reference::DecodeChip c;
    c.corelets = chip.corelets;
    return c;
}

MachineOutcome decode_outcome(const std::string& machine,
                              const std::vector<test::HeadCase>& heads) {
    PlanChoice choice = sprint_plans();
    choice.options.phase = Phase::decode;
    const CostEngine engine(load_machines({machine}), choice, {});
    SamplePlanner planner = engine.planner();
    for (const test::HeadCase& head : heads) planner.consume(head.work, head.selection);
    const std::vector<SampleCost> costs = {planner.finish()};
    return engine.accumulate(costs).front();
}

}  // namespace

TEST_CASE("two tokens in decode by hand", "[unit]") {
    const SprintChip m = test::chip("sprint-s");
    const auto c = test::head_case(test::selection_of(causal_shape(2, 64), {{0}, {0, 1}}));
    const ChipTally t = decode_sprint(c.work, c.selection, m, nullptr);
    // Three (query, key) pairs, each fetched anew: nothing survives between two tokens.
    CHECK(t[Count::comparator_decision] == 3);
    CHECK(t[Count::in_memory_mac] == 3 * 64);
    CHECK(t[Count::read_p_bit] == 3);
    CHECK(t[Count::buffer_miss] == 3);
    CHECK(t[Count::buffer_hit] == 0);
    CHECK(t[Count::buffer_bit_write] == 0);
    CHECK(t[Count::locality_bit] == 0);
    CHECK(t[TensorRole::k].read_bits == 3 * 512);
    CHECK(t[TensorRole::k].written_bits == 2 * 512);
    // Per token: q, K LSBs and V are 512 + 256 + 512 bits, 3 groups of 50 ns; 128 cells, 600 ns.
    CHECK(t[Resource::write] == 2 * (3 * 50 + 600));
    // CopyQ 10, tAxTh 8, ReadP 10 + 1; fetch of 512 + n (768 + 960) slots.
    const std::int64_t first = 29 + 10 + 5 + 1 + 1 + 87 + 1;
    const std::int64_t second = 29 + 10 + 8 + 2 + 2 + 87 + 2;
    CHECK(t.latency_cycles_without_writes == first + second);
    CHECK(t.latency_cycles == first + second + 2 * 750);
    // Warm: key 0 is there when the second query comes.
    ResidencyReplay warm(Residency::lru, 1000);
    const ChipTally kept = decode_sprint(c.work, c.selection, m, &warm);
    CHECK(kept[Count::buffer_miss] == 2);
    CHECK(kept[Count::buffer_hit] == 1);
    CHECK(kept[Count::buffer_bit_write] == 2 * 1024);
    CHECK(kept[Count::locality_bit] == 3);
    CHECK(kept.latency_cycles == t.latency_cycles - 3);
}

TEST_CASE("decode equals walking it token by token", "[property]") {
    for (const std::string& name : test::sprint_machines()) {
        const SprintChip m = test::chip(name);
        for (const int tokens : {1, 5, 60, 200})
            for (const int width : {16, 64, 80})
                for (const bool first : {true, false}) {
                    HeadShape shape = causal_shape(tokens, width);
                    shape.first_of_kv_head = first;
                    if (tokens == 60) {  // keys that were there before the first query
                        shape.n_q = shape.valid_q = 40;
                        shape.allowed_pairs = 0;
                        for (int q = 0; q < 40; ++q) shape.allowed_pairs += q + 1 + 20;
                    }
                    auto c = causal_case(shape, 0.3, 0.6, static_cast<std::uint64_t>(tokens));
                    // Bit-serial reads, and MSBs of K read from a single-level copy.
                    if (tokens == 60 && width == 64) c.work.bits.reads_per_decision = 4;
                    if (tokens == 60 && width == 16) {
                        c.work.bits.k_msb_copy = true;
                        if (first)
                            c.work[Event::slc_copy_bit_write] = std::int64_t{4} * tokens * width;
                    }
                    CAPTURE(name, tokens, width, first);
                    for (const Residency policy : {Residency::lru, Residency::sld})
                        for (const bool is_warm : {false, true}) {
                            CAPTURE(policy == Residency::sld, is_warm);
                            ResidencyReplay buffer(policy, 1000000);
                            reference::DecodeChip twin = plain(m);
                            twin.is_sld = policy == Residency::sld;
                            const ChipTally t =
                                decode_sprint(c.work, c.selection, m, is_warm ? &buffer : nullptr);
                            const auto w = reference::walk_decode(
                                c.work, c.selection, twin, reference::DecodePlan::sprint, is_warm);
                            CHECK(t[Count::comparator_decision] == w.keys_compared);
                            CHECK(t[Count::in_memory_mac] == w.keys_compared * width);
                            CHECK(t[Count::read_p_bit] == w.keys_compared);
                            CHECK(t[Count::buffer_miss] == w.tokens_fetched);
                            CHECK(t[Count::buffer_hit] == w.tokens_found);
                            CHECK(t[Resource::write] == w.append_cycles);
                            CHECK(t.latency_cycles_without_writes == w.chain_cycles);
                            CHECK(t.latency_cycles == w.chain_cycles + w.append_cycles);
                            CHECK(t[TensorRole::v].read_bits == w.tokens_fetched * width * 8);
                        }
                    const ChipTally streamed = decode_streamed(c.work, m, false);
                    const auto w = reference::walk_decode(c.work, c.selection, plain(m),
                                                          reference::DecodePlan::streamed, false);
                    CHECK(streamed[Count::buffer_miss] == w.tokens_fetched);
                    CHECK(streamed[Resource::write] == w.append_cycles);
                    CHECK(streamed.latency_cycles_without_writes == w.chain_cycles);
                    CHECK(decode_tiled(c.work, m, false).latency_cycles == streamed.latency_cycles);
                    if (!first) continue;
                    const ChipTally tiled = decode_tiled(c.work, m, true);
                    const auto once = reference::walk_decode(c.work, c.selection, plain(m),
                                                             reference::DecodePlan::streamed, true);
                    CHECK(tiled[Count::buffer_miss] == once.tokens_fetched);
                    CHECK(tiled[Count::buffer_hit] == once.tokens_found);
                    CHECK(tiled.latency_cycles_without_writes == once.chain_cycles);
                }
    }
}

TEST_CASE("in decode the buffer is warm only when all heads fit", "[unit]") {
    // S holds 128 tokens of width 64: two heads of 64 fit, two of 65 do not.
    const auto misses = [](int tokens) {
        std::vector<std::vector<std::uint32_t>> rows;
        for (int query = 0; query < tokens; ++query) {
            rows.emplace_back();
            for (int key = 0; key <= query; ++key)
                rows.back().push_back(static_cast<std::uint32_t>(key));
        }
        std::vector<test::HeadCase> heads;
        for (const int layer : {0, 1})
            heads.push_back(
                test::head_case(test::selection_of(causal_shape(tokens, 64, 0, layer), rows)));
        const MachineOutcome outcome = decode_outcome("sprint-s", heads);
        // mask-only streams, whatever fits.
        CHECK(outcome.plans[2].buffer_misses == static_cast<double>(tokens * (tokens + 1)));
        CHECK(outcome.plans[3].buffer_misses == outcome.plans[0].buffer_misses);
        return outcome.plans[0].buffer_misses;
    };
    CHECK(misses(64) == 2.0 * 64);
    CHECK(misses(65) == 65.0 * 66);
}

TEST_CASE("decode needs causal heads and leaves writes as they are", "[unit]") {
    const auto two_sided =
        test::head_case(test::random_selection(test::plain_shape(20, 64), 0.3, 0.5, 1));
    try {
        decode_outcome("sprint-s", {two_sided});
        FAIL("no UserError");
    } catch (const UserError& error) {
        CHECK_THAT(error.what(), Catch::Contains("phase") && Catch::Contains("causal"));
    }
    const auto c = causal_case(causal_shape(300, 64), 0.2, 0.9, 4);
    const MachineOutcome decode = decode_outcome("sprint-s", {c});
    const CostEngine prefill_engine(load_machines({"sprint-s"}), sprint_plans(), {});
    SamplePlanner planner = prefill_engine.planner();
    planner.consume(c.work, c.selection);
    const std::vector<SampleCost> costs = {planner.finish()};
    const MachineOutcome prefill = prefill_engine.accumulate(costs).front();
    for (std::size_t plan = 0; plan < decode.plans.size(); ++plan) {
        CAPTURE(decode.plans[plan].name);
        CHECK(decode.plans[plan].latency_cycles > prefill.plans[plan].latency_cycles);
        const auto written = [plan](const MachineOutcome& o) {
            return (o.pricings[0].plans[plan].energy -
                    o.pricings[0].plans[plan].energy_without_writes)
                .value();
        };
        CHECK(written(decode) == Approx(written(prefill)).epsilon(1e-12));
    }
    CHECK(decode.plans[0].buffer_misses > prefill.plans[0].buffer_misses);
}
