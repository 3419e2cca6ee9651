#include "circuits/memory/reram_write.hpp"

#include <catch2/catch.hpp>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

Settings table() {
    return Settings::from_text(*circuit_table("sprint-reram"), "sprint-reram");
}

WriteRequest request(WrittenKeys keys = WrittenKeys::all_valid) {
    WriteRequest r;
    r.keys = keys;
    r.valid_keys = 100;
    r.slc_cells_per_key = 768;
    r.mlc_cells_per_key = 128;
    r.slc = {1.0, Second::from_value(200e-9), std::nullopt, 0};
    r.mlc = {17.0, Second::from_value(50e-9), Second::from_value(10e-9), 0};
    return r;
}

constexpr double kClock = 1e9;

}  // namespace

TEST_CASE("prefill writes every valid key, decode one", "[unit]") {
    const ReramMemory memory = reram_memory(table());
    const WritePlan all = write_plan(memory, request(), kClock);
    CHECK(all.keys == 100);
    CHECK(all.slc_cells == 76800);
    CHECK(all.mlc_cells == 12800);
    // 512 cells at once: 150 groups x 200 ns, 25 groups x 17 x (50 + 10) ns.
    CHECK(all.cycles == 150 * 200 + 25 * 17 * 60);
    CHECK(all.slc_pulses == 76800.0);
    CHECK(all.mlc_pulses == 17.0 * 12800);
    const WritePlan one = write_plan(memory, request(WrittenKeys::append_one), kClock);
    CHECK(one.keys == 1);
    CHECK(one.slc_cells == 768);
    CHECK(one.cycles == 2 * 200 + 1 * 17 * 60);
    WriteRequest nothing = request(WrittenKeys::append_one);
    nothing.valid_keys = 0;
    CHECK(write_plan(memory, nothing, kClock).cycles == 0);
    CHECK(write_plan(memory, nothing, kClock).keys == 0);
}

TEST_CASE("writes add to the head's time unless they overlap it", "[unit]") {
    Settings settings = table();
    const WritePlan apart = write_plan(reram_memory(settings), request(), kClock);
    CHECK_FALSE(apart.overlaps);
    CHECK(apart.added_cycles(1'000'000) == apart.cycles);
    settings.overlay_assignment("memory.write_overlap=full");
    const WritePlan hidden = write_plan(reram_memory(settings), request(), kClock);
    CHECK(hidden.overlaps);
    CHECK(hidden.added_cycles(1'000'000) == 0);
    CHECK(hidden.added_cycles(hidden.cycles - 7) == 7);
    CHECK(hidden.added_cycles(hidden.cycles) == 0);
}

TEST_CASE("failed verifies are all but the accepting ones", "[unit]") {
    const ReramMemory memory = reram_memory(table());
    WriteRequest r = request();
    // 12800 cells x 17 pulses, one verify each; 12800 accepted, or 12700.
    CHECK(write_plan(memory, r, kClock).failed_verifies == 12800.0 * 16);
    r.mlc.failed_cells = 100;
    const WritePlan plan = write_plan(memory, r, kClock);
    CHECK(plan.failed_cells == 100);
    CHECK(plan.failed_verifies == 12800.0 * 17 - 12700);
    // Without a verify read nothing can fail one.
    r.mlc.verify.reset();
    r.mlc.failed_cells = 0;
    CHECK(write_plan(memory, r, kClock).failed_verifies == 0.0);
    r.mlc.failed_cells = 12801;
    CHECK_THROWS_AS(write_plan(memory, r, kClock), InvariantError);
    r.mlc.failed_cells = 0;
    r.mlc.per_cell = 0.0;
    CHECK_THROWS_AS(write_plan(memory, r, kClock), InvariantError);
}

TEST_CASE("lifetime is endurance over pulses per cell and rate", "[unit]") {
    Settings settings = table();
    const WritePlan plan = write_plan(reram_memory(settings), request(), kClock);
    const Cited endurance{1e6, "a card", Mark::assumed};
    const Hertz rate = Hertz::from_value(20.0);
    const auto fixed = lifetime(plan, 1.0, rate, reram_organisation(settings), endurance);
    REQUIRE(fixed.has_value());
    // The multi-level cells take 17 pulses per inference, 20 inferences per second.
    CHECK(fixed->pulses_per_cell == Approx(17.0));
    CHECK(fixed->time.value() == Approx(1e6 / (17.0 * 20.0)));
    CHECK_FALSE(fixed->levelled);
    CHECK(fixed->endurance.mark == Mark::assumed);
    CHECK(lifetime(plan, 12.0, rate, reram_organisation(settings), endurance)->time.value() ==
          Approx(fixed->time.value() / 12.0));

    settings.overlay_assignment("memory.wear_levelling=ideal");
    const ReramOrganisation levelled = reram_organisation(settings);
    const double cells = 8.0 * 8 * 2048 * 128 * 128;
    CHECK(static_cast<double>(levelled.cells()) == cells);
    const auto spread = lifetime(plan, 1.0, rate, levelled, endurance);
    CHECK(spread->levelled);
    CHECK(spread->pulses_per_cell == Approx((76800.0 + 17.0 * 12800) / cells));
    CHECK(spread->time > fixed->time);
    CHECK(lifetime(plan, 12.0, rate, levelled, endurance)->time.value() ==
          Approx(spread->time.value() / 12.0));

    // No figure, no lifetime; no write, none either.
    CHECK_FALSE(lifetime(plan, 1.0, rate, levelled, std::nullopt).has_value());
    CHECK_FALSE(lifetime(plan, 0.0, rate, levelled, endurance).has_value());
}

TEST_CASE("endurance comes from the device card with its mark, or is unknown", "[unit]") {
    const auto card = [](const std::string& value) {
        return Settings::from_text("verify:\n  endurance_cycles: " + value + "\n", "card");
    };
    const auto given = endurance_of(
        card("{value: 1.0e+6, mark: assumed, source: \"recalled\", help: \"pulses\"}"));
    REQUIRE(given.has_value());
    CHECK(given->value == 1e6);
    CHECK(given->mark == Mark::assumed);
    CHECK(given->source == "recalled");
    CHECK_FALSE(endurance_of(card("none")).has_value());
    CHECK_FALSE(endurance_of(Settings::from_text("other: 1\n", "card")).has_value());
    CHECK_THROWS_AS(endurance_of(card("0")), UserError);
}

TEST_CASE("prices of both kinds of cell, the paper's where it has one figure", "[unit]") {
    Settings settings = table();
    const ReramPrices paper = reram_prices(settings);
    CHECK(paper.slc_read_bit.value == Approx(3.1e-12));
    CHECK(paper.slc_write_bit.value == Approx(24.4e-12));
    CHECK(paper.slc_write_bit.mark == Mark::cited);
    CHECK(paper.mlc_read_bit.value == paper.slc_read_bit.value);
    CHECK(paper.mlc_write_bit.value == paper.slc_write_bit.value);
    CHECK(paper.mlc_write_bit.mark == Mark::assumed);
    settings.overlay_assignment("memory.mlc_write_pJ_per_bit=50");
    CHECK(reram_prices(settings).mlc_write_bit.value == Approx(50e-12));
    CHECK(reram_prices(settings).slc_write_bit.value == Approx(24.4e-12));
    settings.overlay_assignment("memory.mlc_read_pJ_per_bit=0");
    CHECK_THROWS_AS(reram_prices(settings), UserError);
}
