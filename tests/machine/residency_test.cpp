#include "src/machine/plans/residency.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/machine/random_work.hpp"
#include "tests/reference/plan_reference.hpp"

using namespace attohm;
using reference::ReferenceBuffer;

TEST_CASE("four keys in a buffer of two tokens, by hand", "[unit]") {
    const HeadShape shape = test::plain_shape(6, 8);
    // t0 fetches 0 1; t1: 1 hits, 2 replaces 0; t2: 0 replaces 1 (last used at t1, before 2? both
    // at t1: the larger index, 2, goes); t3 keeps three keys: 0 and 1 hit, 3 streams.
    const Selection s = test::selection_of(shape, {{0, 1}, {1, 2}, {0}, {0, 1, 3}, {}, {0, 1}});
    const ResidencyCounts counts = ResidencyReplay(Residency::lru, 2).replay(s);
    CHECK(counts.hits == 1 + 0 + 2 + 2);
    CHECK(counts.misses == 2 + 1 + 1 + 1);
    CHECK(counts.overflow_rows == 1);
    CHECK(counts.streamed == 1);
}

TEST_CASE("a key dropped for one query hits under lru and misses under sld", "[unit]") {
    const HeadShape shape = test::plain_shape(4, 8);
    const Selection s = test::selection_of(shape, {{0, 1}, {1}, {0, 1}, {0, 1}});
    CHECK(ResidencyReplay(Residency::lru, 4).replay(s).misses == 2);
    const ResidencyCounts sld = ResidencyReplay(Residency::sld, 4).replay(s);
    // request = kept(t) and not kept(t-1): 2, 0, 1, 0.
    CHECK(sld.misses == 3);
    CHECK(sld.hits == 1 + 1 + 2);
}

TEST_CASE("a buffer of no tokens misses everything", "[unit]") {
    const HeadShape shape = test::plain_shape(3, 8);
    const Selection s = test::selection_of(shape, {{0}, {0}, {0}});
    for (const Residency policy : {Residency::lru, Residency::sld}) {
        const ResidencyCounts counts = ResidencyReplay(policy, 0).replay(s);
        CHECK(counts.hits == 0);
        CHECK(counts.misses == 3);
        CHECK(counts.overflow_rows == 3);
    }
}

TEST_CASE("a kv head stays warm from query head to query head", "[unit]") {
    HeadShape first = test::plain_shape(2, 8);
    HeadShape second = first;
    second.head = 1;
    second.first_of_kv_head = false;
    ResidencyReplay replay(Residency::lru, 4);
    CHECK(replay.replay(test::selection_of(first, {{0, 1}, {1}})).misses == 2);
    CHECK(replay.replay(test::selection_of(second, {{0, 1}, {0}})).misses == 0);
    // Another kv head starts cold.
    second.kv_head = 1;
    second.first_of_kv_head = true;
    CHECK(replay.replay(test::selection_of(second, {{0, 1}, {0}})).misses == 2);
}

TEST_CASE("the buffer equals its slow twin exactly", "[property]") {
    std::int64_t misses = 0;
    std::int64_t overflows = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        HeadShape shape = test::plain_shape(24 + static_cast<int>(seed % 9), 8);
        shape.valid_k = shape.n_k - static_cast<int>(seed % 4);
        shape.valid_q = shape.n_q - static_cast<int>(seed % 3);
        const double kept = 0.1 + 0.1 * static_cast<double>(seed % 8);
        for (const Residency policy : {Residency::lru, Residency::sld})
            for (const std::int64_t capacity : {0, 1, 3, 8, 15, 64}) {
                ResidencyReplay fast(policy, capacity);
                ReferenceBuffer slow(policy, capacity);
                // Three query heads, the last two of one kv head, then a new kv head.
                for (int head = 0; head < 4; ++head) {
                    shape.head = head;
                    shape.kv_head = head == 3 ? 1 : 0;
                    shape.first_of_kv_head = head == 0 || head == 3;
                    const Selection s = test::random_selection(
                        shape, kept, 0.5, seed * 10 + static_cast<std::uint64_t>(head));
                    const ResidencyCounts a = fast.replay(s);
                    const ResidencyCounts b = slow.replay(s);
                    INFO("seed " << seed << " capacity " << capacity << " head " << head);
                    REQUIRE(a == b);
                    REQUIRE(a.hits + a.misses == static_cast<std::int64_t>(s.keys.size()));
                    misses += a.misses;
                    overflows += a.overflow_rows;
                }
            }
    }
    // The cases were not trivial.
    CHECK(misses > 10000);
    CHECK(overflows > 1000);
}

TEST_CASE("a larger buffer never misses more", "[property]") {
    const HeadShape shape = test::plain_shape(40, 8);
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        const Selection s = test::random_selection(shape, 0.3, 0.6, 1000 + seed);
        for (const Residency policy : {Residency::lru, Residency::sld}) {
            std::int64_t before = ResidencyReplay(policy, 0).replay(s).misses;
            for (std::int64_t capacity = 1; capacity <= 41; ++capacity) {
                const std::int64_t misses = ResidencyReplay(policy, capacity).replay(s).misses;
                INFO("seed " << seed << " capacity " << capacity);
                REQUIRE(misses <= before);
                before = misses;
            }
        }
        // With room for all, lru reads each key that is ever kept once.
        std::vector<bool> ever(40, false);
        for (const std::uint32_t key : s.keys) ever[key] = true;
        CHECK(ResidencyReplay(Residency::lru, 40).replay(s).misses ==
              std::count(ever.begin(), ever.end(), true));
    }
}

TEST_CASE("CORELET slots equal counting each CORELET", "[property]") {
    const HeadShape shape = test::plain_shape(37, 8);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const Selection s = test::random_selection(shape, 0.4, 0.3, 77 + seed);
        for (const int corelets : {1, 2, 3, 4, 7})
            for (int query = 0; query < shape.n_q; ++query) {
                const auto row = s.row(static_cast<std::size_t>(query));
                CHECK(row_slots(row, corelets) == reference::row_slots_reference(row, corelets));
            }
    }
    CHECK(row_slots({}, 4) == 0);
}
