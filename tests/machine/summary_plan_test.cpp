#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/machine/plans/chip_plan.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"

using namespace attohm;

/// Plans from summaries against the same plans from Selections.
namespace {

std::vector<test::HeadCase> random_heads(std::uint64_t seed, int tokens, bool causal) {
    std::vector<test::HeadCase> heads;
    HeadShape shape = test::plain_shape(tokens, 64);
    shape.valid_k = shape.valid_q = tokens - static_cast<int>(seed % 3);
    shape.causal = causal;
    for (int head = 0; head < 4; ++head) {
        shape.layer = head / 2;
        shape.head = head % 2;
        shape.first_of_kv_head = head % 2 == 0;
        Selection s = test::random_selection(shape, 0.3 + 0.2 * static_cast<double>(seed % 3), 0.6,
                                             seed * 7 + static_cast<std::uint64_t>(head));
        if (causal) {
            std::vector<std::vector<std::uint32_t>> rows(static_cast<std::size_t>(shape.n_q));
            for (std::size_t q = 0; q < rows.size(); ++q)
                for (const std::uint32_t key : s.row(q))
                    if (key <= q) rows[q].push_back(key);
            s = test::selection_of(shape, rows);
        }
        heads.push_back(test::head_case(std::move(s)));
    }
    return heads;
}

void check_same(const std::vector<Tally>& a, const std::vector<Tally>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].counts() == b[i].counts());
        CHECK(a[i].measurements() == b[i].measurements());
        CHECK(a[i].traffic == b[i].traffic);
        CHECK(a[i].resources == b[i].resources);
        CHECK(a[i].layers == b[i].layers);
        CHECK(a[i].latency_cycles == b[i].latency_cycles);
        CHECK(a[i].latency_cycles_without_writes == b[i].latency_cycles_without_writes);
        CHECK(a[i].overflow_rows == b[i].overflow_rows);
        CHECK(a[i].buffer_hits == b[i].buffer_hits);
        CHECK(a[i].buffer_misses == b[i].buffer_misses);
    }
}

SampleCost from_summaries(const CostEngine& engine, const StoredSample& sample) {
    SamplePlanner planner = engine.planner();
    for (const StoredHead& head : sample.heads) planner.consume(head.work, *head.kept);
    return planner.finish();
}

}  // namespace

TEST_CASE("a summary prices what its Selection does on every chip", "[property]") {
    for (const bool decode : {false, true})
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
            PlanChoice choice = test::sprint_plans();
            choice.options.phase = decode ? Phase::decode : Phase::prefill;
            CostEngine engine(load_machines(test::sprint_machines()), choice, {});
            engine.keep_work();
            SamplePlanner planner = engine.planner();
            for (const auto& head : random_heads(seed, 150 + 40 * static_cast<int>(seed), decode))
                planner.consume(head.work, head.selection);
            const SampleCost direct = planner.finish();
            REQUIRE(direct.work != nullptr);
            REQUIRE(direct.work->heads.size() == 4);
            const SampleCost stored = from_summaries(engine, *direct.work);
            INFO("seed " << seed << (decode ? " decode" : " prefill"));
            for (std::size_t m = 0; m < direct.machines.size(); ++m)
                check_same(direct.machines[m], stored.machines[m]);
        }
}

TEST_CASE("what a summary cannot say is an error", "[unit]") {
    const auto heads = random_heads(1, 150, false);
    SelectionSummarizer summarizer;
    const SelectionSummary kept = summarizer.summarise(heads[0].selection);
    SprintChip chip = test::chip("sprint-s");
    chip.counts_bank_conflicts = true;
    CHECK_THROWS_WITH(plan_sprint(heads[0].work, kept, chip), Catch::Contains("bank conflicts"));
    chip = test::chip("sprint-s");
    chip.corelets = 3;
    CHECK_THROWS_WITH(plan_sprint(heads[0].work, kept, chip), Catch::Contains("CORELETs"));
    chip = test::chip("sprint-s");
    chip.residency = Residency::sld;
    chip.buffer_bits = (kept.most_kept() - 1) * 64 * 16;
    CHECK_THROWS_WITH(plan_sprint(heads[0].work, kept, chip), Catch::Contains("sld"));
    // Room for the fullest query is enough.
    chip.buffer_bits = kept.most_kept() * 64 * 16;
    ResidencyReplay replay(Residency::sld, kept.most_kept());
    CHECK(plan_sprint(heads[0].work, kept, chip).latency_cycles ==
          plan_sprint(heads[0].work, heads[0].selection, chip, replay).latency_cycles);
}

TEST_CASE("a buffer between two stored capacities: exact counts, time within a tenth",
          "[property]") {
    const auto heads = random_heads(2, 230, false);
    for (const std::int64_t tokens : {48, 90, 100, 180, 200}) {
        SprintChip chip = test::chip("sprint-s");
        chip.buffer_bits = tokens * 64 * 16;
        SelectionSummarizer summarizer;
        ResidencyReplay replay(Residency::lru, tokens);
        for (const auto& head : heads) {
            const ChipTally direct = plan_sprint(head.work, head.selection, chip, replay);
            const ChipTally stored =
                plan_sprint(head.work, summarizer.summarise(head.selection), chip);
            INFO("tokens " << tokens);
            CHECK(direct.counts == stored.counts);
            CHECK(direct.measured_J == stored.measured_J);
            CHECK(static_cast<double>(stored.latency_cycles) ==
                  Approx(static_cast<double>(direct.latency_cycles)).epsilon(0.1));
        }
    }
}
