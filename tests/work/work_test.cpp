#include "src/work/work.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "src/base/error.hpp"
#include "tests/machine/random_work.hpp"

using namespace attohm;

TEST_CASE("every event and physical total has its own name, unit and help", "[property]") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kEvents; ++i) {
        const EventInfo& info = event_info(static_cast<Event>(i));
        CHECK(names.insert(info.name).second);
        CHECK_FALSE(info.unit.empty());
        CHECK_FALSE(info.help.empty());
    }
    for (std::size_t i = 0; i < kPhysicals; ++i)
        CHECK(names.insert(physical_info(static_cast<Physical>(i)).name).second);
    CHECK(event_info(Event::slc_bit_write).name == "slc_bit_write");
}

TEST_CASE("totals add over heads", "[unit]") {
    Work work;
    for (int head = 1; head <= 3; ++head) {
        HeadWork h;
        h[Event::qk_mac] = head * 10;
        h[Physical::mlc_write_J] = head * 0.5;
        work.heads.push_back(h);
    }
    CHECK(total(work, Event::qk_mac) == 60);
    CHECK(total(work, Physical::mlc_write_J) == 3.0);
}

TEST_CASE("a kv head is written once and padding never", "[unit]") {
    HeadWork work;
    work.shape = test::plain_shape(10, 8);
    work.shape.valid_q = 6;
    work.shape.valid_k = 5;
    work.bits.k_msb = 3;
    // Q 6 x 8 x 8, K LSBs 5 x 8 x 5, V 5 x 8 x 8; K MSBs 5 x 8 x 3.
    CHECK(slc_bits_written(work) == 384 + 200 + 320);
    CHECK(mlc_bits_written(work) == 120);
    work.shape.first_of_kv_head = false;
    CHECK(slc_bits_written(work) == 384);
    CHECK(mlc_bits_written(work) == 0);
}

TEST_CASE("work that contradicts its shape is refused", "[unit]") {
    const HeadShape shape = test::plain_shape(4, 8);
    const auto good = test::head_case(test::selection_of(shape, {{0, 1}, {1}, {}, {3}}));
    CHECK_NOTHROW(check_head_work(good.work, good.selection));
    for (const Event event : {Event::qk_mac, Event::sv_mac, Event::softmax_element,
                              Event::slc_bit_write, Event::slc_copy_bit_write}) {
        auto bad = good;
        ++bad.work[event];
        CHECK_THROWS_AS(check_head_work(bad.work, bad.selection), InvariantError);
    }
    auto bad = good;
    ++bad.work.kept_pairs;
    CHECK_THROWS_AS(check_head_work(bad.work, bad.selection), InvariantError);
    bad = good;
    bad.work[Event::mlc_cell_write] = 0;
    CHECK_THROWS_AS(check_head_work(bad.work, bad.selection), InvariantError);
}
