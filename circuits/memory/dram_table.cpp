#include "circuits/memory/dram_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr Range kCount{1, 1e9};
constexpr Range kCycles{1, 1e6};
constexpr Range kCyclesOrNone{0, 1e6};

/// A relation that any real part obeys; without it the state machine would be nonsense.
void require(const Settings& settings, bool holds, const char* key, const char* allowed) {
    if (holds) return;
    const SettingsEntry& entry = settings.entry(key);
    throw UserError(fmt::format("`{}` contradicts the rest of the table", key), entry.where,
                    entry.values.front(), allowed);
}

DramGeometry geometry(const Settings& s) {
    DramGeometry g;
    g.bank_groups = static_cast<int>(s.integer("dram.bank_groups", {1, 64}));
    g.banks_per_group = static_cast<int>(s.integer("dram.banks_per_group", {1, 64}));
    g.rows = s.integer("dram.rows", kCount);
    g.columns = s.integer("dram.columns", kCount);
    g.burst_length = static_cast<int>(s.integer("dram.burst_length", {2, 64}));
    g.bus_bits = static_cast<int>(s.integer("dram.bus_bits", {8, 8192}));
    g.device_bits = static_cast<int>(s.integer("dram.device_bits", {1, 8192}));
    require(s, g.burst_length % 2 == 0, "dram.burst_length", "even: two words per clock");
    require(s, g.columns % g.burst_length == 0, "dram.columns", "a multiple of burst_length");
    require(s, g.bus_bits % 8 == 0, "dram.bus_bits", "whole bytes");
    require(s, g.bus_bits % g.device_bits == 0, "dram.device_bits", "a divisor of bus_bits");
    return g;
}

DramTiming timing(const Settings& s, int burst_length) {
    const auto cycles = [&s](const char* key, Range range = kCycles) {
        return s.integer(std::string("dram.") + key + "_cycles", range);
    };
    DramTiming t;
    t.clock = Second::from_value(s.real("dram.t_ck_ns", {0.01, 100}) * 1e-9);
    t.burst = burst_length / 2;
    t.cl = cycles("cl"), t.cwl = cycles("cwl");
    t.rcd = cycles("t_rcd"), t.rp = cycles("t_rp"), t.ras = cycles("t_ras");
    t.rrd_s = cycles("t_rrd_s"), t.rrd_l = cycles("t_rrd_l"), t.faw = cycles("t_faw");
    t.ccd_s = cycles("t_ccd_s"), t.ccd_l = cycles("t_ccd_l");
    t.wtr_s = cycles("t_wtr_s"), t.wtr_l = cycles("t_wtr_l");
    t.wr = cycles("t_wr"), t.rtp = cycles("t_rtp");
    t.rfc = cycles("t_rfc"), t.refi = cycles("t_refi");
    t.turnaround = cycles("bus_turnaround", kCyclesOrNone);
    t.postponed_max = s.integer("dram.refresh_postponed_max", {1, 64});
    t.command_buses = static_cast<int>(s.integer("dram.command_buses", {1, 2}));
    require(s, t.ras >= t.rcd, "dram.t_ras_cycles", "at least t_rcd");
    require(s, t.rrd_l >= t.rrd_s, "dram.t_rrd_l_cycles", "at least t_rrd_s");
    require(s, t.ccd_l >= t.ccd_s, "dram.t_ccd_l_cycles", "at least t_ccd_s");
    require(s, t.wtr_l >= t.wtr_s, "dram.t_wtr_l_cycles", "at least t_wtr_s");
    require(s, t.cl + t.burst + t.turnaround > t.cwl, "dram.cwl_cycles",
            "less than cl + burst_length / 2 + bus_turnaround");
    require(s, t.refi > t.rfc + 2 * t.rc(), "dram.t_refi_cycles",
            "more than t_rfc + 2 (t_ras + t_rp)");
    return t;
}

DramCurrents currents(const Settings& s, const DramTiming& t) {
    const auto current = [&s](const char* key) {
        return Ampere::from_value(s.real(std::string("dram.") + key + "_mA", {0.001, 1e5}) * 1e-3);
    };
    DramCurrents c;
    c.supply = Volt::from_value(s.real("dram.vdd_V", {0.1, 5}));
    c.idd0 = current("idd0"), c.idd2n = current("idd2n"), c.idd3n = current("idd3n");
    c.idd4r = current("idd4r"), c.idd4w = current("idd4w"), c.idd5ab = current("idd5ab");
    require(s, c.idd3n >= c.idd2n, "dram.idd3n_mA", "at least idd2n");
    require(s, c.idd4r > c.idd3n, "dram.idd4r_mA", "more than idd3n");
    require(s, c.idd4w > c.idd3n, "dram.idd4w_mA", "more than idd3n");
    require(s, c.idd5ab > c.idd2n, "dram.idd5ab_mA", "more than idd2n");
    const double row = static_cast<double>(t.ras), closed = static_cast<double>(t.rp);
    require(s, c.idd0 * (row + closed) > c.idd3n * row + c.idd2n * closed, "dram.idd0_mA",
            "more than the background (idd3n t_ras + idd2n t_rp) / (t_ras + t_rp)");
    return c;
}

Settings table_settings(const std::string& name_or_path, const std::string& where) {
    const std::vector<std::string> boxed = dram_table_names();
    if (std::find(boxed.begin(), boxed.end(), name_or_path) != boxed.end())
        return Settings::from_text(*circuit_table(name_or_path), "table " + name_or_path);
    if (!std::filesystem::exists(name_or_path))
        throw UserError("no such DRAM table", where, name_or_path,
                        fmt::format("{}, or a file", fmt::join(boxed, ", ")));
    Settings settings = Settings::from_file(name_or_path);
    settings.mark_as_user();
    return settings;
}

/// Where the currents come from; the weakest mark of those that make an energy.
void trace_energy(const Settings& settings, DramTable& table) {
    const SettingsEntry& read = settings.entry("dram.idd4r_mA");
    table.energy_source = read.source.empty() ? "given by the user at " + read.where : read.source;
    table.energy_mark = read.mark;
    for (const char* key : {"vdd_V", "idd0_mA", "idd2n_mA", "idd3n_mA", "idd4w_mA", "idd5ab_mA"}) {
        const Mark mark = settings.entry(std::string("dram.") + key).mark;
        if (mark == Mark::assumed) table.energy_mark = Mark::assumed;
    }
}

}  // namespace

std::int64_t DramTiming::column(bool same_group) const {
    return std::max(burst, same_group ? ccd_l : ccd_s);
}

std::int64_t DramTiming::write_to_read(bool same_group) const {
    return cwl + burst + (same_group ? wtr_l : wtr_s);
}

DramTable dram_table(const std::string& name, const Settings& settings) {
    for (const std::string& key : settings.keys()) {
        const SettingsEntry& entry = settings.entry(key);
        if (!entry.source.empty() || entry.mark == Mark::assumed) continue;
        throw UserError(fmt::format("`{}` has no source", key), entry.where,
                        entry.values.empty() ? "an empty list" : entry.values.front(),
                        "`{value: ..., source: \"data sheet, table\", mark: cited}` or "
                        "mark: assumed");
    }
    DramTable table;
    table.name = name;
    table.geometry = geometry(settings);
    table.timing = timing(settings, table.geometry.burst_length);
    table.currents = currents(settings, table.timing);
    const bool group_low =
        settings.choice("dram.mapping", {"group-low", "column-low"}) == "group-low";
    table.mapping = group_low ? DramMapping::group_low : DramMapping::column_low;
    table.window = static_cast<int>(settings.integer("dram.window", {1, 4096}));
    trace_energy(settings, table);
    table.assumed = settings.read_with_mark(Mark::assumed);
    return table;
}

DramTable dram_table(const std::string& name_or_path, const std::string& where) {
    const Settings settings = table_settings(name_or_path, where);
    DramTable table = dram_table(name_or_path, settings);
    settings.require_all_read();
    return table;
}

std::vector<std::string> dram_table_names() {
    std::vector<std::string> names;
    for (const std::string& name : circuit_table_names())
        if (name.starts_with("dram-")) names.push_back(name);
    return names;
}

}  // namespace attohm
