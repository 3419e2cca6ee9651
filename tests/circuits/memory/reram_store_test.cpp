#include "circuits/memory/reram_store.hpp"

#include <catch2/catch.hpp>

#include <numeric>
#include <random>

#include "circuits/memory/memory.hpp"
#include "circuits/memory/reram_fetch.hpp"
#include "src/base/error.hpp"

/// ReRAM as the main memory of an engine.
using namespace attohm;

namespace {

Settings reram_settings() {
    return Settings::from_text(
        "memories:\n  main:\n    kind: reram\n    table: sprint-reram\n    clock_GHz: 1\n    "
        "write_pulse_ns: 50\n",
        "machine.yaml");
}

ReramOrganisation small() {
    ReramOrganisation o;
    o.channels = 2;
    o.banks = 2;
    o.subarrays = o.rows = 8;
    o.row_cells = 128;
    o.bus_bits = 64;
    o.t_cl = 10;
    o.t_rcd = 20;
    return o;
}

ReramStore small_store() {
    const Cited read{3e-12, "test", Mark::assumed}, write{20e-12, "test", Mark::assumed};
    return {small(),
            {read, read, write, write},
            256,
            Hertz::from_value(1e9),
            Second::from_value(50e-9)};
}

}  // namespace

TEST_CASE("ReRAM behind an engine, worked by hand", "[unit]") {
    const ReramStore store = small_store();
    // 64 bytes: 4 rows of 128 bits, one per bank: t_cl + max(20 + 2, 20 + 2 x 2, 2 x 2 - 1 + 2).
    CHECK(*store.access({64, 64, false}).cycles == 10 + 24);
    CHECK(store.access({64, 64, false}).activations == 4);
    // 128 bytes: two rows per bank.
    CHECK(*store.access({128, 128, false}).cycles == 10 + 44);
    // 8 pieces of 8 bytes: a row each, half of it over the bus in one clock.
    CHECK(*store.access({64, 8, false}).cycles == 10 + 2 * 21);
    // Writes: 512 bits, 256 at a time, 50 cycles each; the bus takes 4.
    CHECK(*store.access({64, 64, true}).cycles == 10 + 100);
    CHECK(store.access({64, 64, true}).energy.total()->value() == Approx(512 * 20e-12));
    CHECK(store.access({64, 64, false}).energy.total()->value() == Approx(512 * 3e-12));
    CHECK(store.access({0, 0, false}).time.value() == 0.0);
    // Banks bound it: 2 channels x 2 banks x 128 bits every 22 cycles.
    CHECK(store.peak_bytes_per_s() == Approx(4 * 16 / 22e-9));
    CHECK(store.capacity_bytes() == 2 * 2 * 8 * 8 * 128 / 8);
}

TEST_CASE("Its reads are those of the commands played row by row", "[property]") {
    std::mt19937_64 engine(7);
    const auto between = [&](int low, int high) {
        return std::uniform_int_distribution<int>(low, high)(engine);
    };
    for (int i = 0; i < 200; ++i) {
        ReramOrganisation o = small();
        o.channels = between(1, 4);
        o.banks = between(1, 8);
        o.t_rcd = between(1, 30);
        o.t_cl = between(1, 20);
        const ReramPrices prices = small_store().prices();
        const ReramStore store(o, prices, 256, Hertz::from_value(1e9), Second::from_value(50e-9));
        const std::int64_t run = between(1, 16);
        const std::int64_t pieces = between(1, 200);
        std::vector<std::uint32_t> rows(static_cast<std::size_t>(pieces));
        std::iota(rows.begin(), rows.end(), 0U);
        const std::int64_t played = play_fetch(o, {8 * run, 0, 1}, rows);
        const double cycles = *store.access({run * pieces, run, false}).cycles;
        const ReramFetch one(o, {8 * run, 0, 1});
        INFO(o.channels << " x " << o.banks << ", " << pieces << " of " << run);
        CHECK(cycles <= static_cast<double>(played));
        // Commands of short rows get into each other's way.
        const double band = 8 * run > o.bus_bits ? ReramFetch::kBand : 0.5;
        CHECK(static_cast<double>(played) <=
              cycles * (1.0 + band) + static_cast<double>(one.bank_cycles()));
    }
}

TEST_CASE("A ReRAM memory from a machine file", "[unit]") {
    const Memory memory = make_memory(reram_settings(), "memories.main");
    CHECK(memory.kind() == "reram");
    CHECK(memory.dram() == nullptr);
    CHECK_FALSE(memory.idle_power().has_value());
    REQUIRE(memory.unit_costs().size() == 2);
    CHECK(memory.unit_costs()[0].event == "read_bit");
    CHECK(memory.unit_costs()[0].energy->value == Approx(3.1e-12));
    CHECK(memory.unit_costs()[1].event == "write_bit");
    CHECK(memory.unit_costs()[1].energy->value == Approx(24.4e-12));
    CHECK_FALSE(memory.assumed().empty());
    // 8 channels of 8 banks and 128 bits every 10 + 2 cycles: the buses' 64 bytes per ns.
    CHECK(memory.peak_bytes_per_s() == Approx(64e9));
    // A long stream reaches it; writing is slower.
    const std::int64_t bytes = 1 << 20;
    CHECK(memory.access({bytes, bytes, false}).time.value() == Approx(bytes / 64e9).epsilon(0.01));
    CHECK(memory.access({bytes, bytes, true}).time.value() >
          10.0 * memory.access({bytes, bytes, false}).time.value());
    for (const char* bad : {"memories.main.table=dram-hbm2", "memories.main.table=none",
                            "memories.main.clock_GHz=0", "memories.main.write_pulse_ns=0"}) {
        INFO(bad);
        Settings settings = reram_settings();
        settings.overlay_assignment(bad);
        CHECK_THROWS_AS(make_memory(settings, "memories.main"), UserError);
    }
}
