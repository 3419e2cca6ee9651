#include "src/machine/sprint_chip.hpp"

namespace attohm {

SprintChip make_sprint_chip(const Settings& settings, double clock_Hz, double node_nm,
                            double vdd_V) {
    const Range count{1, 1e6};
    SprintChip m;
    m.clock_Hz = clock_Hz;
    m.node_nm = node_nm;
    m.corelets = static_cast<int>(settings.integer("machine.corelets", {1, 1024}));
    m.buffer_bits = settings.integer("machine.buffer_KB", count) * 1024 * 8;
    const double bank_KB = settings.real("machine.sram_bank_KB", kPositive);
    m.qk_macs_per_cycle = settings.integer("machine.qk_macs_per_cycle", count);
    m.v_macs_per_cycle = settings.integer("machine.v_macs_per_cycle", count);
    m.softmax_per_cycle = settings.integer("machine.softmax_per_cycle", count);
    m.softmax_latency_cycles = settings.integer("machine.softmax_latency_cycles", {0, 1e6});
    const bool is_lru = settings.choice("machine.residency", {"lru", "sld"}) == "lru";
    m.residency = is_lru ? Residency::lru : Residency::sld;
    m.partial_output_bits =
        static_cast<int>(settings.integer("machine.partial_output_bits", {8, 64}));
    m.softmax_stat_bits = static_cast<int>(settings.integer("machine.softmax_stat_bits", {8, 64}));
    m.memory = reram_memory(settings);
    m.digital = digital_units(settings, node_nm, vdd_V, bank_KB);
    m.analog = analog_energies(settings);
    return m;
}

}  // namespace attohm
