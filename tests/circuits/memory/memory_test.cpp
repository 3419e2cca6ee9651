#include "circuits/memory/memory.hpp"

#include <catch2/catch.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

Settings dram_settings(const std::string& table = "dram-ddr4-3200", int channels = 2) {
    return Settings::from_text("memories:\n  main:\n    kind: dram\n    table: " + table +
                                   "\n    channels: " + std::to_string(channels) +
                                   "\n    interleave_bytes: 256\n    io_pJ_per_bit: unknown\n",
                               "machine.yaml");
}

Settings bandwidth_settings(const std::string& energy = "unknown") {
    return Settings::from_text(
        "memories:\n  main:\n    kind: bandwidth\n    bandwidth_GBps: {value: 400, mark: cited, "
        "source: \"FLAT, cloud platform\", help: \"off-chip\"}\n    energy_pJ_per_bit: " +
            energy + "\n",
        "machine.yaml");
}

double unit_energy(const Memory& memory, const std::string& event) {
    for (const UnitCost& cost : memory.unit_costs())
        if (cost.event == event) return cost.energy ? cost.energy->value : -1.0;
    FAIL("no event " << event);
    return 0.0;
}

}  // namespace

TEST_CASE("a DRAM's energy is counts times unit costs, I/O unknown until given", "[property]") {
    Settings settings = dram_settings();
    for (const std::string& table : dram_table_names()) {
        settings.overlay_assignment("memories.main.table=" + table);
        for (const bool write : {false, true})
            for (const std::int64_t run : {100, 4096, 1 << 20}) {
                INFO(table << " run " << run << " write " << write);
                const Memory memory = make_memory(settings, "memories.main");
                CHECK(memory.kind() == "dram");
                const MemoryCost cost = memory.access({1 << 20, run, write});
                const MemoryEnergy& e = cost.energy;
                CHECK(e.burst->value() ==
                      Approx(cost.bursts *
                             unit_energy(memory, write ? "write_burst" : "read_burst")));
                CHECK(e.activate->value() ==
                      Approx(cost.activations * unit_energy(memory, "activation")));
                CHECK(e.refresh->value() ==
                      Approx(cost.refreshes * unit_energy(memory, "refresh")));
                // Standby lies between all banks closed and a row open all the time.
                const UnitCost& standby = memory.unit_costs().back();
                CHECK(e.background->value() > standby.leakage->value * cost.time.value());
                CHECK(e.background->value() < standby.bias_power->value * cost.time.value());
                CHECK_FALSE(e.io.has_value());
                CHECK_FALSE(e.total().has_value());
                CHECK(e.known().value() == Approx(e.burst->value() + e.activate->value() +
                                                  e.refresh->value() + e.background->value()));
            }
    }
    settings.overlay_assignment("memories.main.io_pJ_per_bit=2");
    const Memory whole = make_memory(settings, "memories.main");
    const MemoryCost cost = whole.access({1 << 20, 1 << 20, false});
    CHECK(cost.energy.io->value() == Approx(2e-12 * 8 * (1 << 20)));
    CHECK(cost.energy.total()->value() == Approx(cost.energy.known().value()));
}

TEST_CASE("a closed form's energy is that of the played commands", "[property]") {
    for (const std::string& table : dram_table_names()) {
        INFO(table);
        const Memory memory = make_memory(dram_settings(table, 1), "memories.main");
        const DramClosedForm& dram = *memory.dram();
        const std::int64_t bytes = 10000 * dram.table().geometry.burst_bytes();
        for (const std::int64_t run : {256, 8192}) {
            const DramRun twin =
                play(dram.table(), dram.channels(), {DramPattern::Kind::random, bytes, run});
            const DramEnergy& unit = dram.energy();
            const double clock = dram.table().timing.clock.value();
            const double open = clock * static_cast<double>(twin.counts.open_cycles);
            const double closed = clock * static_cast<double>(twin.channel_cycles) - open;
            const double played =
                static_cast<double>(twin.counts.reads) * unit.read_burst.value() +
                static_cast<double>(twin.counts.activations) * unit.activation.value() +
                static_cast<double>(twin.counts.refreshes) * unit.refresh.value() +
                open * unit.active_standby.value() + closed * unit.precharge_standby.value();
            CHECK(memory.access({bytes, run, false}).energy.known().value() ==
                  Approx(played).epsilon(DramClosedForm::kCountBand));
        }
    }
}

TEST_CASE("channels that an access does not reach stand by with their rows closed", "[unit]") {
    const Memory memory = make_memory(dram_settings("dram-hbm2", 8), "memories.main");
    const DramEnergy& unit = memory.dram()->energy();
    const MemoryCost cost = memory.access({64, 64, false});
    const double one = unit.active_standby.value() * (1.0 - 274.0 / 3900.0) +
                       unit.precharge_standby.value() * (7.0 + 274.0 / 3900.0);
    CHECK(cost.energy.background->value() == Approx(one * cost.time.value()));
    CHECK(cost.activations == Approx(1.0));
}

TEST_CASE("sources and marks arrive with every price", "[unit]") {
    const Memory memory = make_memory(dram_settings(), "memories.main");
    int priced = 0;
    for (const UnitCost& cost : memory.unit_costs()) {
        CHECK(cost.circuit == "dram-ddr4-3200");
        for (const std::optional<Cited>& figure : {cost.energy, cost.leakage, cost.bias_power}) {
            if (!figure) continue;
            ++priced;
            CHECK(figure->value > 0.0);
            CHECK(figure->mark == Mark::cited);
            CHECK(figure->source.find("DDR4-3200") != std::string::npos);
        }
    }
    CHECK(priced == 6);
    // The numbers that nobody publishes are listed.
    CHECK(memory.assumed().size() == 4);
    // 2 channels of 16 banks x 65536 rows x 8 KB, 25.4 GB/s each; idle: standby and refreshes.
    CHECK(memory.capacity_bytes() == 2.0 * 16 * 65536 * 8192);
    CHECK(memory.peak_bytes_per_s() == Approx(2 * 16 / 0.63e-9));
    CHECK(memory.idle_power()->value() ==
          Approx(2 * 8 * 1.2 * (0.037 + (0.250 - 0.037) * 560 / 12480)));
}

TEST_CASE("a bandwidth memory takes bytes over bandwidth", "[unit]") {
    const Memory memory = make_memory(bandwidth_settings(), "memories.main");
    CHECK(memory.kind() == "bandwidth");
    const MemoryCost cost = memory.access({4'000'000, 64, true});
    CHECK(cost.time.value() == Approx(1e-5));
    CHECK(cost.busy == cost.time);
    CHECK_FALSE(cost.cycles.has_value());
    CHECK(cost.bus_bytes == 4e6);
    CHECK_FALSE(cost.energy.total().has_value());
    CHECK(cost.energy.known().value() == 0.0);
    CHECK_FALSE(memory.idle_power().has_value());
    CHECK_FALSE(memory.capacity_bytes().has_value());
    CHECK(memory.dram() == nullptr);
    REQUIRE(memory.unit_costs().size() == 1);
    CHECK_FALSE(memory.unit_costs()[0].energy.has_value());

    const Memory priced = make_memory(
        bandwidth_settings("{value: 3.9, mark: assumed, source: \"HBM2, recalled\", help: \"x\"}"),
        "memories.main");
    CHECK(priced.access({1000, 64, true}).energy.total()->value() == Approx(8000 * 3.9e-12));
    CHECK(priced.unit_costs()[0].energy->mark == Mark::assumed);
    CHECK(priced.unit_costs()[0].energy->source == "HBM2, recalled");
}

TEST_CASE("impossible memories are refused with their place", "[unit]") {
    for (const char* bad :
         {"memories.main.kind=tape", "memories.main.table=dram-ddr9", "memories.main.channels=0",
          "memories.main.interleave_bytes=100", "memories.main.io_pJ_per_bit=0",
          "memories.main.io_pJ_per_bit=nothing"}) {
        INFO(bad);
        Settings settings = dram_settings();
        settings.overlay_assignment(bad);
        CHECK_THROWS_AS(make_memory(settings, "memories.main"), UserError);
    }
    for (const char* bad : {"memories.main.bandwidth_GBps=0", "memories.main.bandwidth_GBps=nan",
                            "memories.main.energy_pJ_per_bit=-1"}) {
        INFO(bad);
        Settings settings = bandwidth_settings();
        settings.overlay_assignment(bad);
        CHECK_THROWS_AS(make_memory(settings, "memories.main"), UserError);
    }
    const Memory memory = make_memory(dram_settings(), "memories.main");
    CHECK_THROWS_AS(memory.access({-1, 1, false}), InvariantError);
    CHECK_THROWS_AS(memory.access({10, 0, false}), InvariantError);
}

TEST_CASE("a table that contradicts itself is refused", "[unit]") {
    for (const char* bad :
         {"dram.t_ras_cycles=5", "dram.t_rrd_l_cycles=1", "dram.t_ccd_l_cycles=1",
          "dram.t_wtr_l_cycles=1", "dram.t_refi_cycles=600", "dram.device_bits=7",
          "dram.columns=1001", "dram.burst_length=7", "dram.idd3n_mA=20", "dram.idd4r_mA=50",
          "dram.idd0_mA=40", "dram.idd5ab_mA=10", "dram.vdd_V=0", "dram.t_faw_cycles=-1",
          "dram.mapping=any", "dram.cwl_cycles=900", "dram.command_buses=3"}) {
        INFO(bad);
        Settings settings = Settings::from_text(*circuit_table("dram-ddr4-3200"), "table");
        settings.overlay_assignment(bad);
        CHECK_THROWS_AS(dram_table("table", settings), UserError);
    }
}

TEST_CASE("a table of the user's own is read whole and needs sources", "[unit]") {
    const std::string path =
        (std::filesystem::temp_directory_path() / "attohm_memory_test_table.yaml").string();
    const auto write = [&path](const std::string& text) { std::ofstream(path) << text; };
    const std::string boxed(*circuit_table("dram-hbm2"));
    write(boxed);
    Settings settings = dram_settings("dram-hbm2");
    const MemoryCost cost = make_memory(settings, "memories.main").access({1 << 20, 64, false});
    settings.overlay_assignment("memories.main.table=" + path);
    CHECK(make_memory(settings, "memories.main").access({1 << 20, 64, false}).time == cost.time);
    // A key that nobody reads, and a number without a source.
    write(boxed + "  t_rrr_cycles: {value: 3, mark: cited, source: \"x\", help: \"x\"}\n");
    CHECK_THROWS_AS(make_memory(settings, "memories.main"), UserError);
    std::string bare = boxed;
    const std::size_t at = bare.find("  cl_cycles:");
    bare.replace(at, bare.find('\n', at) - at, "  cl_cycles: 14");
    write(bare);
    CHECK_THROWS_AS(make_memory(settings, "memories.main"), UserError);
    std::remove(path.c_str());
}
