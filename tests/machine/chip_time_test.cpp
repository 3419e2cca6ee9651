#include <catch2/catch.hpp>

#include <numeric>

#include "src/machine/plans/chip_plan.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"
#include "tests/reference/chip_time_reference.hpp"

using namespace attohm;

namespace {

SprintChip changed(const std::string& name, const std::vector<std::string>& changes) {
    Settings settings = machine_settings(name);
    for (const std::string& change : changes) settings.overlay_assignment(change);
    return *make_machine("changed", settings).sprint();
}

reference::PrefillChip plain(const SprintChip& m, const HeadWork& work) {
    reference::PrefillChip c;
    c.corelets = m.corelets;
    c.buffer_tokens = buffer_tokens(m, work);
    c.residency = m.residency;
    c.fetch_slots = m.fetch_slots;
    c.output_bits = std::int64_t{work.shape.dv} * 16 + 2 * 16;
    return c;
}

void check_same(const ChipTally& t, const reference::ReferencePrefill& twin) {
    CHECK(t.latency_cycles_without_writes == twin.cycles);
    CHECK(t.latency_cycles == twin.cycles + t[Resource::write]);
    CHECK(t[Resource::thresholding] == twin.busy[reference::kArrays]);
    CHECK(t[Resource::reram_read] == twin.busy[reference::kChannel]);
    CHECK(t[Resource::qk_pu] == twin.busy[reference::kQk]);
    CHECK(t[Resource::softmax] == twin.busy[reference::kSoftmax]);
    CHECK(t[Resource::v_pu] == twin.busy[reference::kV]);
    // What nobody is busy with, so that the time of a head is accounted for.
    const std::int64_t busiest = *std::max_element(twin.busy.begin(), twin.busy.end());
    CHECK(t[Resource::fill] == twin.cycles - busiest);
    CHECK(t[Resource::fill] >= 0);
}

HeadShape shape_of(int queries, int keys, int width, bool causal) {
    HeadShape s = test::plain_shape(keys, width);
    s.n_q = s.valid_q = queries;
    s.causal = causal;
    s.allowed_pairs = 0;
    for (int q = 0; q < queries; ++q) s.allowed_pairs += causal ? q + 1 + keys - queries : keys;
    return s;
}

}  // namespace

TEST_CASE("SPRINT in prefill is its tasks played event by event", "[property]") {
    const std::vector<std::vector<std::string>> machines = {{},
                                                            {"machine.residency=sld"},
                                                            {"machine.fetch_slots=1"},
                                                            {"machine.fetch_slots=5"},
                                                            {"machine.buffer_KB=1"},
                                                            {"memory.t_ax_th_cycles=3"}};
    for (const std::string& name : test::sprint_machines())
        for (const auto& changes : machines) {
            const SprintChip m = changed(name, changes);
            for (const int tokens : {1, 2, 40, 150})
                for (const int width : {16, 80})
                    for (const bool other : {false, true}) {
                        HeadShape shape = test::plain_shape(tokens, width);
                        // Padding, bit-serial reads and a copy of the MSBs.
                        if (other && tokens > 2) shape.valid_q = shape.valid_k = tokens - 3;
                        auto c = test::head_case(test::random_selection(
                            shape, 0.3, 0.7, static_cast<std::uint64_t>(tokens + width)));
                        if (other) {
                            c.work.bits.reads_per_decision = 4;
                            c.work.bits.k_msb_copy = true;
                        }
                        CAPTURE(name, changes, tokens, width, other);
                        ResidencyReplay buffer(m.residency, buffer_tokens(m, c.work));
                        reference::PrefillChip twin = plain(m, c.work);
                        twin.t_ax_th = m.memory.t_ax_th_cycles;
                        check_same(plan_sprint(c.work, c.selection, m, buffer),
                                   reference::play_sprint(c.work, c.selection, twin));
                    }
        }
}

TEST_CASE("streams and blocks in prefill are their tasks played event by event", "[property]") {
    for (const int slots : {1, 2, 3})
        for (const char* name : {"sprint-s", "sprint-l"}) {
            const SprintChip m = changed(name, {"machine.fetch_slots=" + std::to_string(slots)});
            for (const bool causal : {false, true})
                for (const int queries : {1, 9, 23})
                    for (const int keys : {23, 30})
                        for (const int width : {16, 80}) {
                            HeadWork work;
                            work.shape = shape_of(queries, keys, width, causal);
                            work.cell = {1e-14, 1e-12, 1e-14, 50e-9, 50e-9};
                            CAPTURE(slots, name, causal, queries, keys, width);
                            const auto twin = plain(m, work);
                            check_same(plan_streamed(work, m, false),
                                       reference::play_streamed(work, twin));
                            for (const int b : {1, 2, 5, 23})
                                for (const int k : {1, 3, 30})
                                    for (const bool keys_outside : {false, true}) {
                                        if (b > queries || k > keys) continue;
                                        CAPTURE(b, k, keys_outside);
                                        ChipTally t = plan_tiled(
                                            work, m, make_tiling(work, m, b, k, keys_outside));
                                        // Spilled outputs are written behind the head.
                                        const std::int64_t spilled =
                                            t[Count::spill_bit_write] == 0
                                                ? 0
                                                : m.memory.write_cycles(t[Count::spill_bit_write],
                                                                        1.0, 50e-9, 1e9);
                                        t[Resource::write] -= spilled;
                                        t.latency_cycles -= spilled;
                                        t.latency_cycles_without_writes -= spilled;
                                        check_same(t, reference::play_tiled(work, twin, b, k,
                                                                            keys_outside));
                                    }
                        }
        }
}

TEST_CASE("a mask thins a baseline's pairs out and loses none", "[property]") {
    const SprintChip m = test::chip("sprint-s");
    for (const bool causal : {false, true})
        for (const std::int64_t pairs : {0, 1, 777, 1000}) {
            HeadWork work;
            work.shape = shape_of(50, 50, 64, causal);
            work.shape.allowed_pairs = pairs;
            work.cell = {1e-14, 1e-12, 1e-14, 50e-9, 50e-9};
            const ChipTally streamed = plan_streamed(work, m, false);
            // One key and its value are two beats, q is one.
            CHECK(streamed[Resource::qk_pu] == pairs);
            CHECK(streamed[Resource::reram_read] == 2 * pairs + 50);
            for (const int k : {7, 50}) {
                const Tiling tiling = make_tiling(work, m, 10, k, false);
                const ChipTally tiled = plan_tiled(work, m, tiling);
                CHECK(tiled[Resource::qk_pu] == pairs);
                CHECK(tiled[Resource::reram_read] == 2 * tiling.kv_tokens_read + 50);
                CHECK(tiled[Resource::v_pu] == pairs + tiling.block_visits - 50);
            }
        }
}

TEST_CASE("a head never takes less than its busiest resource or its longest query", "[property]") {
    for (const std::string& name : test::sprint_machines()) {
        const SprintChip m = test::chip(name);
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            const auto c =
                test::head_case(test::random_selection(test::plain_shape(120, 64), 0.3, 0.8, seed));
            ResidencyReplay buffer(m.residency, buffer_tokens(m, c.work));
            const SprintRows head = sprint_rows(c.work, c.selection, m, buffer);
            const ChainTimes times = sprint_chain(c.work, m);
            const HeadTime time = time_queries(head.rows, times);
            std::int64_t longest = 0, sum = 0;
            for (const QueryRow& row : head.rows) {
                const std::int64_t chain = times.thresholding + times.read_p + row.fetch +
                                           times.fetch_latency + row.qk + row.softmax +
                                           times.softmax_latency + row.v;
                longest = std::max(longest, chain);
                sum += chain;
            }
            CHECK(time.cycles >= longest);
            CHECK(time.cycles <= sum);
            CHECK(time.cycles >= time.busy.qk);
            CHECK(time.cycles >= time.busy.channel);
            CHECK(time.cycles >= time.busy.arrays);
        }
    }
}
