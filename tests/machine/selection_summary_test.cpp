#include "src/work/selection_summary.hpp"

#include <catch2/catch.hpp>

#include <numeric>

#include "src/machine/plans/residency.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/reference/reuse_reference.hpp"

using namespace attohm;

namespace {

/// Query heads of two kv heads, four of the first, one of the second; padding in all of them.
std::vector<Selection> random_heads(std::uint64_t seed, int tokens, double kept, double stay) {
    std::vector<Selection> heads;
    HeadShape shape = test::plain_shape(tokens, 8);
    shape.valid_k = shape.n_k - static_cast<int>(seed % 4);
    shape.valid_q = shape.n_q - static_cast<int>(seed % 3);
    for (int head = 0; head < 5; ++head) {
        shape.head = head;
        shape.kv_head = head == 4 ? 1 : 0;
        shape.first_of_kv_head = head == 0 || head == 4;
        heads.push_back(test::random_selection(shape, kept, stay,
                                               seed * 10 + static_cast<std::uint64_t>(head)));
    }
    return heads;
}

struct DensityCase {
    double kept;
    double stay;
};
constexpr DensityCase kDensities[] = {{0.03, 0.0}, {0.03, 0.9}, {0.1, 0.5}, {0.25, 0.75},
                                      {0.5, 0.2},  {0.5, 0.9},  {0.9, 0.0}, {0.9, 0.9}};

}  // namespace

TEST_CASE("reuse distances of four queries, by hand", "[unit]") {
    const HeadShape shape = test::plain_shape(4, 8);
    const Selection s = test::selection_of(shape, {{0, 1}, {1, 2}, {0}, {0, 1, 3}});
    const SelectionSummary summary = SelectionSummarizer().summarise(s);
    // t1: 1 came second into any buffer. t2: 0 is behind 1 and 2. t3: 0 is first, 1 behind it.
    CHECK(summary.reuse == std::vector<std::uint32_t>{1, 2, 1});
    CHECK(summary.kept == std::vector<std::uint32_t>{2, 2, 1, 3});
    CHECK(summary.before == std::vector<std::uint32_t>{0, 1, 0, 1});
    CHECK(summary.kept_pairs() == 8);
    CHECK(summary.most_kept() == 3);
    CHECK(summary.streamed(1) == 4);
    CHECK(summary.overflow_rows(2) == 1);
    CHECK(summary.slots[0] == std::vector<std::uint32_t>{1, 1, 1, 2});
}

TEST_CASE("a summary hits what the replayed buffer hits at every capacity", "[property]") {
    std::int64_t overflows = 0, hits_under_overflow = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed)
        for (const DensityCase& density : kDensities) {
            const auto heads =
                random_heads(seed, 12 + static_cast<int>(seed), density.kept, density.stay);
            SelectionSummarizer summarizer;
            std::vector<SelectionSummary> summaries;
            for (const Selection& head : heads) summaries.push_back(summarizer.summarise(head));
            for (std::int64_t capacity = 0; capacity <= heads[0].shape.n_k + 2; ++capacity) {
                ResidencyReplay replay(Residency::lru, capacity);
                for (std::size_t i = 0; i < heads.size(); ++i) {
                    const ResidencyCounts counts = replay.replay(heads[i]);
                    const SelectionSummary& s = summaries[i];
                    INFO("seed " << seed << " kept " << density.kept << " stay " << density.stay
                                 << " capacity " << capacity << " head " << i);
                    REQUIRE(s.hits(capacity) == counts.hits);
                    REQUIRE(s.kept_pairs() - s.hits(capacity) == counts.misses);
                    REQUIRE(s.streamed(capacity) == counts.streamed);
                    REQUIRE(s.overflow_rows(capacity) == counts.overflow_rows);
                    overflows += counts.overflow_rows;
                    if (counts.overflow_rows > 0) hits_under_overflow += counts.hits;
                }
            }
        }
    // The cases were not trivial.
    CHECK(overflows > 10000);
    CHECK(hits_under_overflow > 100000);
}

TEST_CASE("what a query head does not use keeps its order for the next", "[unit]") {
    HeadShape shape = test::plain_shape(8, 8);
    ResidencyReplay replay(Residency::lru, 3);
    // 1 is older than 5; the second head uses 7 only, which leaves room for 1 and 5; the third
    // needs room for one key and drops the older.
    replay.replay(test::selection_of(shape, {{1}, {5}}));
    shape.first_of_kv_head = false;
    replay.replay(test::selection_of(shape, {{7}, {7}}));
    CHECK(replay.replay(test::selection_of(shape, {{2}, {5}})).hits == 1);
}

TEST_CASE("a summary equals its slow twin distance by distance", "[property]") {
    for (std::uint64_t seed = 0; seed < 5; ++seed)
        for (const DensityCase& density : kDensities) {
            const auto heads = random_heads(seed + 7, 20 + 13 * static_cast<int>(seed),
                                            density.kept, density.stay);
            SelectionSummarizer fast;
            reference::ReuseReference slow;
            for (std::size_t i = 0; i < heads.size(); ++i) {
                const SelectionSummary a = fast.summarise(heads[i]);
                const SelectionSummary b = slow.summarise(heads[i]);
                INFO("seed " << seed << " kept " << density.kept << " stay " << density.stay
                             << " head " << i);
                REQUIRE(a.kept == b.kept);
                REQUIRE(a.reuse == b.reuse);
                REQUIRE(a.row_reuse == b.row_reuse);
                REQUIRE(a.slots == b.slots);
                REQUIRE(a.before == b.before);
            }
        }
}

TEST_CASE("queries of a summary fetch what the replayed buffer fetches", "[property]") {
    std::int64_t between = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const auto heads = random_heads(seed, 150, 0.4, 0.7);
        SelectionSummarizer summarizer;
        std::vector<SelectionSummary> summaries;
        for (const Selection& head : heads) summaries.push_back(summarizer.summarise(head));
        for (const std::int64_t capacity : {0, 17, 32, 50, 64, 90, 128, 149, 150, 256, 1000}) {
            ResidencyReplay replay(Residency::lru, capacity);
            for (std::size_t i = 0; i < heads.size(); ++i) {
                std::vector<std::int64_t> fetched(summaries[i].rows(), 0);
                replay.replay(heads[i], [&](std::size_t query, const auto& keys) {
                    fetched[query] = static_cast<std::int64_t>(keys.size());
                });
                const auto misses = summaries[i].row_misses(capacity);
                INFO("seed " << seed << " capacity " << capacity << " head " << i);
                REQUIRE(std::accumulate(misses.begin(), misses.end(), std::int64_t{0}) ==
                        std::accumulate(fetched.begin(), fetched.end(), std::int64_t{0}));
                if (summaries[i].has_rows_of(capacity))
                    REQUIRE(misses == fetched);
                else
                    ++between;
            }
        }
    }
    CHECK(between > 100);
}

TEST_CASE("the paper's two vectors hit the keys that the query before kept", "[property]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto heads = random_heads(seed, 30, 0.3, 0.6);
        SelectionSummarizer summarizer;
        for (const Selection& head : heads) {
            const SelectionSummary s = summarizer.summarise(head);
            for (const std::int64_t capacity : {s.most_kept(), s.most_kept() + 5}) {
                const auto counts = ResidencyReplay(Residency::sld, capacity).replay(head);
                INFO("seed " << seed);
                REQUIRE(counts.hits == s.kept_before());
                REQUIRE(counts.overflow_rows == 0);
            }
        }
    }
}

TEST_CASE("loads of CORELETs in a summary", "[property]") {
    for (std::uint64_t seed = 0; seed < 10; ++seed)
        for (const Selection& head : random_heads(seed, 70, 0.4, 0.3)) {
            const SelectionSummary s = SelectionSummarizer().summarise(head);
            for (const int corelets : {1, 2, 4, 8}) {
                const auto rows = s.slots_of(corelets);
                REQUIRE(rows.size() == s.rows());
                for (std::size_t query = 0; query < rows.size(); ++query)
                    REQUIRE(rows[query] == row_slots(head.row(query), corelets));
            }
            CHECK(s.slots_of(3).empty());
        }
}
