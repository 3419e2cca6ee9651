#include "circuits/memory/reram_organisation.hpp"

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// The price of multi-level cells: a figure of its own, or that of all cells, then assumed.
Cited mlc_price(const Settings& settings, const std::string& key, const Cited& all_cells) {
    if (settings.real_or(key, "same", kPositive)) return cited(settings, key, kPico, kPositive);
    return {all_cells.value, "as single-level cells: " + all_cells.source, Mark::assumed};
}

}  // namespace

std::int64_t ReramOrganisation::sense_cycles(int bits) const {
    ATTOHM_CHECK(bits >= 1 && bits <= 16);
    const std::int64_t steps = sequential_mlc_sense ? (std::int64_t{1} << bits) - 1 : 1;
    return t_rcd * steps;
}

std::int64_t ReramOrganisation::bus_cycles(std::int64_t bits) const {
    return (bits + bus_bits - 1) / bus_bits;
}

ReramOrganisation reram_organisation(const Settings& settings) {
    const Range count{1, 1e6};
    ReramOrganisation o;
    o.channels = static_cast<int>(settings.integer("memory.channels", {1, 4096}));
    o.banks = static_cast<int>(settings.integer("memory.banks_per_channel", {1, 4096}));
    o.subarrays = settings.integer("memory.subarrays_per_bank", count);
    o.rows = settings.integer("memory.rows_per_subarray", count);
    o.row_cells = settings.integer("memory.bank_read_bits", count);
    o.bus_bits = settings.integer("memory.read_bits_per_cycle_per_channel", count);
    o.t_cl = settings.integer("memory.t_cl_cycles", count);
    o.t_rcd = settings.integer("memory.t_rcd_cycles", count);
    o.t_ax_th = settings.integer("memory.t_ax_th_cycles", count);
    o.sequential_mlc_sense =
        settings.choice("memory.mlc_sense", {"sequential", "parallel"}) == "sequential";
    o.write_blocks_bank = settings.choice("memory.write_blocks", {"subarray", "bank"}) == "bank";
    o.ideal_wear_levelling = settings.choice("memory.wear_levelling", {"none", "ideal"}) == "ideal";
    return o;
}

ReramPrices reram_prices(const Settings& settings) {
    ReramPrices p;
    p.slc_read_bit = cited(settings, "memory.read_pJ_per_bit", kPico, kPositive);
    p.slc_write_bit = cited(settings, "memory.write_pJ_per_bit", kPico, kPositive);
    p.mlc_read_bit = mlc_price(settings, "memory.mlc_read_pJ_per_bit", p.slc_read_bit);
    p.mlc_write_bit = mlc_price(settings, "memory.mlc_write_pJ_per_bit", p.slc_write_bit);
    return p;
}

}  // namespace attohm
