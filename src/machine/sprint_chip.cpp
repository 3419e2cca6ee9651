#include "src/machine/sprint_chip.hpp"

#include "circuits/analog_library.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/chip_pipeline.hpp"

namespace attohm {

namespace {

/// An amplifier that settles within one thresholding, and is on for as long.
std::optional<Cited> column_sense_energy(const SprintChip& m, int bits, double vdd_V) {
    const auto read = Second::from_value(static_cast<double>(m.memory.t_ax_th_cycles) / m.clock_Hz);
    const auto cells = static_cast<std::size_t>(m.organisation.rows);
    try {
        const AnalogLibrary library(analog_library_settings(), m.node_nm, Volt::from_value(vdd_V));
        return library.virtual_ground(bits, cells, read, read).energy;
    } catch (const UserError& not_carried) {
        return std::nullopt;  // no figure at this node or supply
    }
}

}  // namespace

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
    m.fetch_slots =
        static_cast<int>(settings.integer("machine.fetch_slots", {1, ChipPipeline::kMostSlots}));
    const bool is_lru = settings.choice("machine.residency", {"lru", "sld"}) == "lru";
    m.residency = is_lru ? Residency::lru : Residency::sld;
    m.partial_output_bits =
        static_cast<int>(settings.integer("machine.partial_output_bits", {8, 64}));
    m.softmax_stat_bits = static_cast<int>(settings.integer("machine.softmax_stat_bits", {8, 64}));
    m.counts_bank_conflicts =
        settings.choice("machine.bank_conflicts", {"none", "counted"}) == "counted";
    m.memory = reram_memory(settings);
    m.organisation = reram_organisation(settings);
    m.digital = digital_units(settings, node_nm, vdd_V, bank_KB);
    m.analog = analog_energies(settings);
    const auto sense_bits =
        static_cast<int>(settings.integer("machine.column_sense_bits", {1, 16}));
    m.column_sense = column_sense_energy(m, sense_bits, vdd_V);
    return m;
}

}  // namespace attohm
