#include "circuits/memory/reram_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "circuits/circuit_tables.hpp"
#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"

namespace attohm {

ReramStore::ReramStore(const ReramOrganisation& organisation, ReramPrices prices,
                       std::int64_t cells_in_parallel, Hertz clock, Second pulse)
    : organisation_(organisation),
      prices_(std::move(prices)),
      cells_in_parallel_(cells_in_parallel),
      clock_(clock),
      pulse_(pulse) {
    ATTOHM_CHECK(cells_in_parallel > 0 && clock.value() > 0.0 && pulse.value() > 0.0);
}

std::int64_t ReramStore::read_cycles(std::int64_t rows, std::int64_t row_bits) const {
    const ReramOrganisation& o = organisation_;
    const std::int64_t bus = o.bus_cycles(row_bits), sense = o.sense_cycles(1);
    const std::int64_t in_channel = ceil_div(rows, o.channels);
    const std::int64_t in_bank = ceil_div(rows, std::int64_t{o.channels} * o.banks);
    return o.t_cl +
           std::max({in_bank * (sense + bus), sense + in_channel * bus, 2 * in_channel - 1 + bus});
}

MemoryCost ReramStore::access(const AccessPattern& pattern) const {
    MemoryCost cost;
    cost.energy.is_one_figure = true;
    cost.energy.burst = Joule::from_value(0.0);
    if (pattern.bytes == 0) return cost;
    const std::int64_t run_bits = 8 * std::min(pattern.run_bytes, pattern.bytes);
    const std::int64_t row_bits = std::min(run_bits, organisation_.row_cells);
    const std::int64_t pieces = ceil_div(8 * pattern.bytes, run_bits);
    const std::int64_t rows = pieces * ceil_div(run_bits, organisation_.row_cells);
    const std::int64_t bits = 8 * pattern.bytes;
    const double lead = static_cast<double>(organisation_.t_cl);
    double cycles = 0.0;
    if (pattern.write) {
        const std::int64_t width = organisation_.channels * organisation_.bus_bits;
        const auto moved = static_cast<double>(ceil_div(bits, width));
        const double programmed = static_cast<double>(ceil_div(bits, cells_in_parallel_)) *
                                  pulse_.value() * clock_.value();
        cycles = lead + std::max(moved, programmed);
    } else {
        cycles = static_cast<double>(read_cycles(rows, row_bits));
        cost.activations = static_cast<double>(rows);
    }
    cost.cycles = cycles;
    cost.time = Second::from_value(cycles / clock_.value());
    cost.busy = Second::from_value((cycles - lead) / clock_.value());
    cost.bus_bytes = static_cast<double>(pattern.bytes);
    const Cited& price = pattern.write ? prices_.slc_write_bit : prices_.slc_read_bit;
    cost.energy.burst = Joule::from_value(price.value * static_cast<double>(bits));
    return cost;
}

double ReramStore::peak_bytes_per_s() const {
    const ReramOrganisation& o = organisation_;
    const auto bus = static_cast<double>(o.bus_cycles(o.row_cells));
    const double bank = (static_cast<double>(o.sense_cycles(1)) + bus) / o.banks;
    return o.channels * static_cast<double>(o.row_cells) / std::max(bus, bank) / 8.0 *
           clock_.value();
}

namespace {

/// The table of circuits that describes a ReRAM memory, or the user's.
Settings reram_table(const std::string& name_or_path, const std::string& where) {
    if (const auto text = circuit_table(name_or_path)) {
        Settings table = Settings::from_text(*text, "table " + name_or_path);
        if (table.has("memory.t_rcd_cycles")) return table;
    }
    std::vector<std::string> boxed;
    for (const std::string& name : circuit_table_names())
        if (Settings::from_text(*circuit_table(name), name).has("memory.t_rcd_cycles"))
            boxed.push_back(name);
    if (!std::filesystem::exists(name_or_path))
        throw UserError("no such ReRAM table", where, name_or_path,
                        fmt::format("{}, or a file", fmt::join(boxed, ", ")));
    Settings table = Settings::from_file(name_or_path);
    for (const std::string& key : table.keys()) {
        const SettingsEntry& entry = table.entry(key);
        if (!entry.source.empty() || entry.mark == Mark::assumed) continue;
        throw UserError(fmt::format("`{}` has no source", key), entry.where,
                        entry.values.empty() ? "an empty list" : entry.values.front(),
                        "`{value: ..., source: \"paper, table\", mark: cited}` or mark: assumed");
    }
    table.mark_as_user();
    return table;
}

}  // namespace

ReramStoreSource make_reram_store(const Settings& settings, const std::string& prefix) {
    const std::string key = prefix + ".table";
    const Settings table = reram_table(settings.text(key), settings.entry(key).where);
    const double clock = settings.real(prefix + ".clock_GHz", {1e-3, 100}) * 1e9;
    const double pulse = settings.real(prefix + ".write_pulse_ns", {1e-3, 1e9}) * 1e-9;
    const std::int64_t parallel = table.integer("memory.write_cells_in_parallel", {1, 1e9});
    ReramStore store(reram_organisation(table), reram_prices(table), parallel,
                     Hertz::from_value(clock), Second::from_value(pulse));
    return {std::move(store), table.read_with_mark(Mark::assumed)};
}

}  // namespace attohm
