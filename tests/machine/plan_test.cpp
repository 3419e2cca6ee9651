#include "src/machine/plans/chip_plan.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"
#include "tests/reference/plan_reference.hpp"

using namespace attohm;

namespace {

ChipTally sprint_of(const test::HeadCase& c, const SprintChip& m) {
    ResidencyReplay buffer(m.residency, buffer_tokens(m, c.work));
    return plan_sprint(c.work, c.selection, m, buffer);
}

std::int64_t read_bits(const ChipTally& t) {
    std::int64_t bits = 0;
    for (const Traffic& traffic : t.traffic) bits += traffic.read_bits;
    return bits;
}

}  // namespace

TEST_CASE("buffers of the three machines hold 128, 256 and 512 tokens of 64", "[unit]") {
    HeadWork work;
    work.shape = test::plain_shape(384, 64);
    CHECK(buffer_tokens(test::chip("sprint-s"), work) == 128);
    CHECK(buffer_tokens(test::chip("sprint-m"), work) == 256);
    CHECK(buffer_tokens(test::chip("sprint-l"), work) == 512);
}

TEST_CASE("a tiny head by hand", "[unit]") {
    SprintChip m = test::chip("sprint-s");
    m.fetch_slots = 2;
    const auto c =
        test::head_case(test::selection_of(test::plain_shape(4, 64), {{0, 1}, {1, 2}, {1}, {3}}));
    const ChipTally t = sprint_of(c, m);
    CHECK(t[Count::buffer_miss] == 4);
    CHECK(t[Count::buffer_hit] == 2);
    // Four keys of 64 elements: 4 MSBs from multi-level cells, 4 LSBs, V and all of Q from others.
    CHECK(t[Count::mlc_bit_read] == 4 * 64 * 4);
    CHECK(t[Count::mlc_sense] == 4 * 64 * 15);
    CHECK(t[Count::slc_bit_read] == 4 * 64 * (4 + 8) + 4 * 64 * 8);
    CHECK(t[Count::buffer_bit_write] == 4 * 1024);
    CHECK(t[Count::buffer_bit_read] == 2 * 1024);
    CHECK(t[Count::buffer_streamed] == 0);
    CHECK(t[Count::read_p_bit] == 16);
    CHECK(t[Count::copy_q_bit] == 4 * 64 * 4);
    CHECK(t[Count::dac_unit] == 4 * 64 * 8);
    CHECK(t[Resource::qk_pu] == 6);
    CHECK(t[Resource::v_pu] == 6);
    CHECK(t[Resource::softmax] == 6);
    // CopyQ 10, tAxTh 8, 10 until ReadP's first word.
    CHECK(t[Resource::thresholding] == 4 * 28);
    // q of 512 bits, a token of 768 bits and 64 elements of 15 steps: 3968, 2240, 512 and 2240
    // slots of 512; and one beat of ReadP each.
    CHECK(t[Resource::reram_read] == 8 + 5 + 1 + 5 + 4);
    // SLC 5120 bits in 10 groups of 50 ns; 512 cells in one group of 10 pulses of 60 ns.
    CHECK(t[Resource::write] == 10 * 50 + 600);
    // Query by query, starts and ends; F is usable 10 and S 87 cycles later:
    //     T 0-28    P 28-29    F 58-66 (behind P 1)    QK 76-78    S 78-80     V 167-169
    //     T 29-57   P 57-58    F 87-92 (behind P 2)    QK 102-104  S 104-106   V 193-195
    //     T 58-86   P 86-87    F 169-170 (after V 0)   QK 180-181  S 181-182   V 269-270
    //     T 87-115  P 115-116  F 195-200 (after V 1)   QK 210-211  S 211-212   V 299-300
    CHECK(t.latency_cycles_without_writes == 300);
    CHECK(t.latency_cycles == 300 + 1100);
    CHECK(t[Resource::fill] == 300 - 112);
    CHECK(t[TensorRole::k].read_bits == 4 * 512);
    CHECK(t[TensorRole::k].written_bits == 4 * 512);
}

TEST_CASE("without pruning and with room for all, every key is read once", "[property]") {
    const SprintChip m = test::chip("sprint-l");
    const HeadShape shape = test::plain_shape(100, 64);
    std::vector<std::uint32_t> all(100);
    for (std::uint32_t key = 0; key < 100; ++key) all[key] = key;
    const auto c = test::head_case(
        test::selection_of(shape, std::vector<std::vector<std::uint32_t>>(100, all)));
    const ChipTally t = sprint_of(c, m);
    CHECK(t[Count::buffer_miss] == 100);
    CHECK(t[TensorRole::k].read_bits == 100 * 512);
    CHECK(t[TensorRole::v].read_bits == 100 * 512);
    // Then the tiled baseline moves the same operands.
    const ChipTally tiled = plan_dense_tiled(c.work, m);
    CHECK(tiled[TensorRole::k].read_bits == t[TensorRole::k].read_bits);
    CHECK(tiled[TensorRole::v].read_bits == t[TensorRole::v].read_bits);
    CHECK(tiled[TensorRole::q].read_bits == t[TensorRole::q].read_bits);
    CHECK(tiled[Count::qk_mac] == t[Count::qk_mac]);
    CHECK(tiled[Count::buffer_bit_write] == t[Count::buffer_bit_write]);
    CHECK(tiled[Count::buffer_bit_read] == t[Count::buffer_bit_read]);
}

TEST_CASE("dense streams padding, mask-only does not", "[unit]") {
    SprintChip m = test::chip("sprint-s");
    m.fetch_slots = 2;
    HeadShape shape = test::plain_shape(10, 64);
    shape.valid_q = 6;
    shape.valid_k = 5;
    shape.allowed_pairs = 30;
    auto c =
        test::head_case(test::selection_of(shape, std::vector<std::vector<std::uint32_t>>(10)));
    const ChipTally dense = plan_streamed(c.work, m, true);
    const ChipTally mask = plan_streamed(c.work, m, false);
    CHECK(dense[TensorRole::k].read_bits == 100 * 512);
    CHECK(dense[TensorRole::k].written_bits == 10 * 512);
    CHECK(dense[Count::softmax_row] == 10);
    // Used once, so it never enters the buffer.
    CHECK(dense[Count::buffer_bit_write] == 0);
    CHECK(dense[Count::buffer_bit_read] == 0);
    CHECK(mask[TensorRole::k].read_bits == 30 * 512);
    CHECK(mask[TensorRole::q].read_bits == 6 * 512);
    CHECK(mask[TensorRole::v].written_bits == 5 * 512);
    CHECK(mask[Resource::qk_pu] == 30);
    // A query takes 11 + 10 + 5 + 5 + 87 + 5 = 123 cycles, and the third and fifth each wait for
    // the one two before, as do the fourth and sixth, 11 cycles behind them.
    CHECK(mask.latency_cycles_without_writes == 3 * 123 + 11);
    // A causal machine does not compute the future: 1 + 2 + ... + 10 pairs.
    c.work.shape.causal = true;
    CHECK(plan_streamed(c.work, m, true)[Count::softmax_element] == 55);
    // A later query head of the kv head writes only its queries.
    c.work.shape.first_of_kv_head = false;
    CHECK(plan_streamed(c.work, m, true)[TensorRole::k].written_bits == 0);
    CHECK(plan_streamed(c.work, m, true)[TensorRole::q].written_bits == 10 * 512);
}

TEST_CASE("the tiling found moves no more than any other that fits", "[property]") {
    const SprintChip m = test::chip("sprint-s");
    const double w = m.memory.write_bit.value / m.memory.read_bit.value;
    for (const int tokens : {65, 128, 129, 200, 384, 1000})
        for (const bool causal : {false, true}) {
            HeadWork work;
            work.shape = test::plain_shape(tokens, 64);
            work.shape.causal = causal;
            work.cell.slc_write_s = 50e-9;
            if (causal) work.shape.allowed_pairs = std::int64_t{tokens} * (tokens + 1) / 2;
            const Tiling best = best_tiling(work, m);
            const auto moved = [&](const Tiling& t) {
                return static_cast<double>(t.q_read_bits + t.kv_tokens_read * 1024 +
                                           t.spill_read_bits) +
                       w * static_cast<double>(t.spill_write_bits);
            };
            INFO(tokens << " tokens, query block " << best.query_block);
            // One query at a time, keys streamed: a tiling that always fits.
            const double streamed =
                tokens * 512.0 + 1024.0 * static_cast<double>(causal
                                                                  ? work.shape.allowed_pairs
                                                                  : std::int64_t{tokens} * tokens);
            CHECK(moved(best) <= streamed);
            // Nothing moves less than every tensor once.
            CHECK(moved(best) >= tokens * (512.0 + 1024.0));
            if (tokens <= 128) CHECK(moved(best) == tokens * (512.0 + 1024.0));
            const std::int64_t held =
                best.query_block > 1 ? best.query_block * (512 + 64 * 16 + 32) : 0;
            CHECK(held + best.key_block * 1024 <= m.buffer_bits);
            CHECK(read_bits(plan_dense_tiled(work, m)) ==
                  best.q_read_bits + best.kv_tokens_read * 1024 + best.spill_read_bits);
        }
}

TEST_CASE("the traffic of a tiling equals walking its loops", "[property]") {
    const SprintChip m = test::chip("sprint-s");
    HeadWork work;
    for (const bool causal : {false, true})
        for (const int queries : {1, 7, 12})
            for (const int keys : {12, 17}) {
                work.shape = test::plain_shape(keys, 8);
                work.shape.valid_q = queries;
                work.shape.causal = causal;
                for (int query_block = 1; query_block <= queries; ++query_block)
                    for (int key_block = 1; key_block <= keys; ++key_block)
                        for (const bool keys_outside : {false, true}) {
                            const Tiling t =
                                make_tiling(work, m, query_block, key_block, keys_outside);
                            const auto walked = reference::walk_tiling(work.shape, query_block,
                                                                       key_block, keys_outside);
                            INFO(causal << " " << queries << "x" << keys << " blocks "
                                        << query_block << "x" << key_block << " " << keys_outside);
                            REQUIRE(t.q_read_bits == walked.q_vectors * 64);
                            REQUIRE(t.kv_tokens_read == walked.kv_tokens);
                            REQUIRE(t.spill_write_bits == walked.outputs_written * (8 * 16 + 32));
                            REQUIRE(t.spill_read_bits == walked.outputs_read * (8 * 16 + 32));
                            REQUIRE(t.block_visits == walked.visits);
                        }
            }
}

TEST_CASE("where writes cost next to nothing, outputs are spilled and charged", "[unit]") {
    Settings settings = machine_settings("sprint-s");
    settings.overlay_assignment("memory.write_pJ_per_bit=0.0001");
    settings.overlay_assignment("machine.partial_output_bits=8");
    const SprintChip m = *make_machine("cheap-writes", settings).sprint();
    HeadWork work;
    work.shape = test::plain_shape(1000, 64);
    work.cell = {1e-14, 1e-12, 1e-14, 50e-9, 50e-9};
    const Tiling t = best_tiling(work, m);
    REQUIRE(t.keys_outside);
    REQUIRE(t.spill_write_bits > 0);
    const ChipTally plan = plan_dense_tiled(work, m);
    CHECK(plan[Count::spill_bit_write] == t.spill_write_bits);
    CHECK(plan[TensorRole::partial_output].written_bits == t.spill_write_bits);
    CHECK(plan[Measured::spill_write] == Approx(static_cast<double>(t.spill_write_bits) * 1e-12));
    // Operand writes and spills: groups of 512 cells, 50 cycles each.
    const std::int64_t spill_cycles = (t.spill_write_bits + 511) / 512 * 50;
    CHECK(plan[Resource::write] == 3 * 1000 * 512 / 512 * 50 + spill_cycles);
    CHECK(plan.latency_cycles - plan.latency_cycles_without_writes == 3 * 1000 * 50);
    CHECK(plan.latency_cycles_without_writes >= spill_cycles);
}

TEST_CASE("a single-level copy of the MSBs is written, and read instead of the cells", "[unit]") {
    const SprintChip m = test::chip("sprint-s");
    auto c = test::head_case(test::selection_of(test::plain_shape(2, 64), {{0, 1}, {1}}));
    const ChipTally stored = sprint_of(c, m);
    c.work.bits.k_msb_copy = true;
    c.work[Event::slc_copy_bit_write] = 2 * 64 * 4;
    const ChipTally copied = sprint_of(c, m);
    CHECK(copied[Count::slc_bit_write] == stored[Count::slc_bit_write] + 2 * 64 * 4);
    CHECK(copied[TensorRole::k].written_bits == stored[TensorRole::k].written_bits + 2 * 64 * 4);
    CHECK(copied[Count::mlc_bit_write] == stored[Count::mlc_bit_write]);
    CHECK(copied[Count::mlc_sense] == 0);
    CHECK(copied[Count::slc_bit_read] == stored[Count::slc_bit_read] + stored[Count::mlc_bit_read]);
    CHECK(copied[TensorRole::k].read_bits == stored[TensorRole::k].read_bits);
}

TEST_CASE("keys that find no room pass by the buffer", "[unit]") {
    Settings settings = machine_settings("sprint-s");
    settings.overlay_assignment("machine.buffer_KB=1");
    const SprintChip small = *make_machine("one-kilobyte", settings).sprint();
    const auto c = test::head_case(test::random_selection(test::plain_shape(40, 64), 0.5, 0.5, 3));
    REQUIRE(buffer_tokens(small, c.work) == 8);
    const ChipTally t = sprint_of(c, small);
    REQUIRE(t[Count::buffer_streamed] > 0);
    CHECK(t.overflow_rows > 0);
    CHECK(t[Count::buffer_bit_write] == (t[Count::buffer_miss] - t[Count::buffer_streamed]) * 1024);
    CHECK(t[Count::buffer_hit] + t[Count::buffer_miss] == c.work.kept_pairs);
    CHECK(t[TensorRole::v].read_bits == t[Count::buffer_miss] * 512);
}

TEST_CASE("384 tokens on S: K and V five times", "[unit]") {
    const SprintChip m = test::chip("sprint-s");
    HeadWork work;
    work.shape = test::plain_shape(384, 64);
    const Tiling t = best_tiling(work, m);
    // 131072 bits of buffer, 1568 per query and output, 1024 for a token: at most 82 queries; with
    // ceil(384 / b) = 5 blocks the smallest b is 77, which leaves 10 tokens.
    CHECK_FALSE(t.keys_outside);
    CHECK((384 + t.query_block - 1) / t.query_block == 5);
    CHECK(t.kv_tokens_read == 5 * 384);
    CHECK(t.query_block == 77);
    CHECK(t.key_block == 10);
    CHECK(t.spill_write_bits == 0);
    // 39 key blocks: each query is visited 39 times, its output rescaled 38 times.
    work.shape.allowed_pairs = 384 * 384;
    work.cell.slc_write_s = 50e-9;
    const ChipTally plan = plan_dense_tiled(work, m);
    const std::int64_t visits = 384 * 39;
    CHECK(plan[Count::sv_mac] == 384 * 384 * 64 + (visits - 384) * 64);
    CHECK(plan[Count::softmax_element] == 384 * 384 + visits - 384);
    const std::int64_t output = 64 * 16 + 32;
    CHECK(plan[Count::buffer_bit_read] == (384 * 384 - 5 * 384) * 1024 + visits * (output + 512));
    CHECK(plan[Count::buffer_bit_write] == 5 * 384 * 1024 + visits * output + 384 * 512);
}

TEST_CASE("writes hide behind the rest only where the machine says so", "[unit]") {
    Settings settings = machine_settings("sprint-s");
    settings.overlay_assignment("memory.write_overlap=full");
    const SprintChip hidden = *make_machine("hidden", settings).sprint();
    const auto c = test::head_case(test::selection_of(test::plain_shape(2, 64), {{0}, {1}}));
    const ChipTally t = sprint_of(c, hidden);
    CHECK(t.latency_cycles == std::max(t[Resource::write], t.latency_cycles_without_writes));
    const ChipTally u = sprint_of(c, test::chip("sprint-s"));
    CHECK(u.latency_cycles == u[Resource::write] + u.latency_cycles_without_writes);
    CHECK(t[Resource::write] == u[Resource::write]);
}
