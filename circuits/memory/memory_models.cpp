#include "circuits/memory/memory_models.hpp"

namespace attohm {

namespace {

CircuitModel dram() {
    return {
        "memory-dram",
        "DRAM by the distances and currents of a table: time and energy that a pattern reaches",
        {"per channel, n pieces of L bursts that open A rows each: cycles = tRCD + CL + BL/2 + "
         "max(bus, rows, banks), times tREFI / (tREFI - tRFC - drain)",
         "bus = n L max(tCCD, BL/2); rows = n A max(tRRD_S, tFAW / 4); banks = rows of the fullest "
         "bank x t_bank",
         "t_bank = max(tRC, tRCD + (L/A - 1) max(tCCD_L, BL/2) + tail + tRP), tail = tRTP or "
         "CWL + BL/2 + tWR",
         "fullest of N banks: m + z sqrt(m (1 - 1/N)) + (z^2 - 1)/6, or m (1 + (N - 1) / "
         "(2 window))",
         "burst = V (IDD4 - IDD3N) BL/2 tCK; activation = V (IDD0 tRC - IDD3N tRAS - IDD2N tRP)",
         "refresh = V (IDD5AB - IDD2N) tRFC; standby = V IDD3N with a row open, V IDD2N without",
         "checked against the commands (ACT, PRE, RD, WR, REF) played one by one"},
        {{"kind", "-", "dram", "under the memory's prefix, as the next four"},
         {"table", "-", "dram-ddr4-2400, dram-ddr4-3200, dram-lpddr4-2400, dram-hbm2, or a file",
          "timing, organisation, currents: explain circuit of that name"},
         {"channels", "1", "1 to 4096", "channels that work side by side"},
         {"interleave_bytes", "bytes", "a multiple of the burst",
          "after which addresses go to the next channel"},
         {"io_pJ_per_bit", "pJ/bit", "above 0, or unknown",
          "interface; the tables have no figure"}},
        "JEDEC distances by name; numbers from the tables",
        {"several ranks, per-bank refresh, power-down, commands longer than a clock",
         "pieces that fall on few banks by their stride (the played commands show them)",
         "a change between reading and writing from one access to the next",
         "interface and termination without a figure of the user's"}};
}

CircuitModel bandwidth() {
    return {"memory-bandwidth",
            "a memory of which only a bandwidth and perhaps an energy per bit are published",
            {"time = bytes / bandwidth", "energy = 8 bytes e, or unknown"},
            {{"kind", "-", "bandwidth", "under the memory's prefix, as the next two"},
             {"bandwidth_GBps", "1e9 bytes/s", "1e-6 to 1e9", "what every pattern reaches"},
             {"energy_pJ_per_bit", "pJ/bit", "above 0, or unknown", "everything a bit costs"}},
            "the paper of the machine",
            {"rows, bursts, refresh, latency: it flatters beside a DRAM table"}};
}

CircuitModel reram() {
    return {
        "memory-reram",
        "ReRAM main memory with in-memory thresholding: commands, and fetches with bank conflicts",
        {"key j lies in channel j mod C, there in bank (j / C) mod B",
         "bank: keys of the fullest bank x sum over rows (t_rcd steps + bits / bus) + t_cl",
         "bus: first row sensed + t_cl + keys of the channel x sum over rows bits / bus; commands: "
         "two per row, one per cycle; cycles = the largest",
         "steps = 2^bits - 1 (sequential) or 1 (parallel)",
         "query: CopyQ (obeys only t_cl), thresholding tAxTh per array read, ReadP as a normal "
         "read"},
        {{"memory.channels", "1", "1 to 4096", "C"},
         {"memory.banks_per_channel", "1", "1 to 4096", "B"},
         {"memory.subarrays_per_bank", "1", "1 to 1e6", "of which one senses at a time"},
         {"memory.rows_per_subarray", "1", "1 to 1e6", "with bank_read_bits: the capacity"},
         {"memory.bank_read_bits", "1", "1 to 1e6", "cells of a row, which the row buffer holds"},
         {"memory.read_bits_per_cycle_per_channel", "1", "1 to 1e6", "bus of a channel"},
         {"memory.t_cl_cycles", "cycles", "1 to 1e6", "column latency, and all that CopyQ obeys"},
         {"memory.t_rcd_cycles", "cycles", "1 to 1e6", "one sense step of a row"},
         {"memory.t_ax_th_cycles", "cycles", "1 to 1e6", "one array read of a thresholding"},
         {"memory.mlc_sense", "-", "sequential, parallel", "sense steps of multi-level cells"},
         {"memory.write_blocks", "-", "subarray, bank", "what a write keeps from being read"},
         {"memory.mlc_read_pJ_per_bit", "pJ/bit", "above 0, or same", "same: as read_pJ_per_bit"},
         {"memory.mlc_write_pJ_per_bit", "pJ/bit", "above 0, or same",
          "same: as write_pJ_per_bit"}},
        "SPRINT, MICRO 2022 (arXiv 2209.00606), from a public summary, for the commands; the "
        "organisation is not published",
        {"the bus under CopyQ, limits of charge pumps, write pausing",
         "rows that lie in a row buffer already, writes during a fetch"}};
}

CircuitModel reram_store() {
    return {
        "memory-reram-main",
        "ReRAM as plain main memory behind an engine: single-level cells, no thresholding",
        {"R rows of b bits: bank = ceil(R / (C B)) (t_rcd + b / bus); bus = t_rcd + ceil(R / C) "
         "b / bus; commands two per row and channel",
         "read = t_cl + the largest; write = t_cl + max(bits / (C bus), ceil(bits / cells in "
         "parallel) x pulse)",
         "energy = bits x the figure for reads or writes; no standby, no refresh",
         "checked against the commands played one by one"},
        {{"kind", "-", "reram", "under the memory's prefix, as the next three"},
         {"table", "-", "sprint-reram, or a file", "organisation and prices: memory.*"},
         {"clock_GHz", "GHz", "0.001 to 100", "clock of its bus"},
         {"write_pulse_ns", "ns", "above 0", "one write of a cell, its verify read included"}},
        "organisation and prices from the table, the pulse from the machine file",
        {"rows in a row buffer already, banks that wait for a write, failed pulses, wear",
         "pieces that fall on few banks by their stride"}};
}

CircuitModel reram_write() {
    return {"memory-reram-write",
            "time of programming keys, failed verifies, and how long the cells stand it",
            {"time = ceil(cells / cells written in parallel) x pulses x (pulse + verify), per kind",
             "keys = all valid (prefill) or one (append)",
             "failed verifies = pulses - accepted cells, where each pulse has a verify read",
             "lifetime = endurance / (pulses per cell per inference x inferences per second)",
             "pulses per cell: of the cells rewritten, or of all cells with ideal wear levelling"},
            {{"memory.write_cells_in_parallel", "1", "1 to 1e9", "programmed at the same time"},
             {"memory.write_overlap", "-", "none, full", "whether writes hide behind other work"},
             {"memory.wear_levelling", "-", "none, ideal", "over which cells the pulses spread"},
             {"verify.endurance_cycles", "1", "1 to 1e18, or none",
              "of the device card: pulses a cell survives; none: lifetime unknown"}},
            "physics.md sections 3 and 6",
            {"a group that waits for its slowest cell", "traffic and tables of wear levelling",
             "spread of endurance over cells"}};
}

}  // namespace

std::vector<CircuitModel> memory_circuit_models() {
    return {dram(), bandwidth(), reram(), reram_store(), reram_write()};
}

}  // namespace attohm
