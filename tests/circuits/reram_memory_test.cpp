#include "circuits/reram_memory.hpp"

#include <catch2/catch.hpp>

#include <limits>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

Settings memory_settings() {
    return Settings::from_text(*circuit_table("sprint-reram"), "sprint-reram");
}

}  // namespace

TEST_CASE("the paper's constants arrive unchanged", "[unit]") {
    const ReramMemory m = reram_memory(memory_settings());
    CHECK(m.in_memory_mac.value == Approx(0.10e-12));
    CHECK(m.read_bit.value == Approx(3.1e-12));
    CHECK(m.write_bit.value == Approx(24.4e-12));
    for (const Cited* c : {&m.in_memory_mac, &m.read_bit, &m.write_bit})
        CHECK(c->mark == Mark::cited);
}

TEST_CASE("read bandwidth is the bus or the banks, whichever is less", "[unit]") {
    Settings s = memory_settings();
    CHECK(reram_memory(s).read_bits_per_cycle == 8 * 64);
    // 2 banks x 128 bit every 10 cycles: 25 bits per cycle and channel.
    s.overlay_assignment("memory.banks_per_channel=2");
    CHECK(reram_memory(s).read_bits_per_cycle == 8 * 25);
}

TEST_CASE("cycles of reads, thresholding and writes", "[unit]") {
    ReramMemory m = reram_memory(memory_settings());
    CHECK(m.read_cycles(0, 0, 0) == 0);
    CHECK(m.read_cycles(512, 0, 0) == 1);
    CHECK(m.read_cycles(513, 0, 0) == 2);
    // 64 elements of 4 bits: 15 sense steps each on as many amplifiers, or one.
    CHECK(m.read_cycles(0, 64, 4) == 2);
    CHECK(m.read_cycles(0, 512, 4) == 15);
    m.sequential_mlc_sense = false;
    CHECK(m.read_cycles(0, 512, 4) == 1);
    CHECK(ReramMemory::mlc_sense_decisions(1) == 1);
    // CopyQ 10, tAxTh 8 per read, ReadP 10 and one beat per 512 bits.
    CHECK(m.threshold_cycles(1, 384) == 10 + 8 + 10 + 1);
    CHECK(m.threshold_cycles(2, 1024) == 10 + 16 + 10 + 2);
    // 513 cells in groups of 512, 2.5 pulses of 50 ns rounded up to 3.
    CHECK(m.write_cycles(513, 2.5, 50e-9, 1e9) == 2 * 3 * 50);
    CHECK(m.write_cycles(0, 0.0, std::numeric_limits<double>::quiet_NaN(), 1e9) == 0);
    CHECK_THROWS_AS(m.write_cycles(1, 1.0, std::numeric_limits<double>::quiet_NaN(), 1e9),
                    InvariantError);
}

TEST_CASE("impossible memories are refused", "[unit]") {
    for (const char* bad :
         {"memory.channels=0", "memory.read_bits_per_cycle_per_channel=0",
          "memory.read_pJ_per_bit=-1", "memory.write_pJ_per_bit=0", "memory.mlc_sense=magic",
          "memory.write_cells_in_parallel=none", "memory.in_memory_pJ_per_MAC=nan"}) {
        INFO(bad);
        Settings s = memory_settings();
        s.overlay_assignment(bad);
        CHECK_THROWS_AS(reram_memory(s), UserError);
    }
}
