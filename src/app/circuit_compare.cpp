#include "src/app/circuit_compare.hpp"

#include <fmt/format.h>

#include <cmath>

#include "circuits/adc_cost.hpp"
#include "circuits/analog_library.hpp"
#include "circuits/circuit_tables.hpp"
#include "circuits/threshold_reference.hpp"
#include "crossbar/array/mapping.hpp"
#include "crossbar/device/device.hpp"
#include "src/machine/machine.hpp"
#include "src/replay/csv_table.hpp"
#include "src/replay/experiment.hpp"
#include "src/replay/text_table.hpp"

namespace attohm {

namespace {

constexpr double kMega = 1e6;
constexpr double kNano = 1e-9;
constexpr double kSquareMicrometre = 1e-12;

/// Six digits: the same text on every processor, whose exp and log differ in the last bit.
std::string digits(double value) {
    return fmt::format("{:.6g}", value);
}

Settings table_of(const char* name) {
    return Settings::from_text(*circuit_table(name), std::string(name) + ".yaml");
}

void add_survey_cells(const Settings& table, std::vector<CircuitComparison>& rows) {
    const AdcSurveyFit fit(table);
    const double rate_MHz = table.real("adc.table.rate_MHz", kPositive);
    const auto add = [&](double node_nm, const char* item, const std::string& key,
                         const std::vector<double>& bits, bool area) {
        const std::vector<double> cells = table.reals(key, kPositive);
        for (std::size_t i = 0; i < bits.size(); ++i) {
            const AdcCost cost =
                fit.cost(bits[i], node_nm, Hertz::from_value(rate_MHz * kMega), "adc.table");
            const Cited& figure = area ? cost.area : cost.energy;
            rows.push_back(
                {"adc-survey-table", item,
                 fmt::format("{:g} bits, {:g} nm, {:g} MS/s", bits[i], node_nm, rate_MHz),
                 area ? "um2" : "pJ", figure.value / (area ? kSquareMicrometre : kPico),
                 figure.source, figure.mark, cells.at(i), table.entry(key).source});
        }
    };
    const std::vector<double> bits = table.reals("adc.table.bits");
    const std::vector<double> area_bits = table.reals("adc.table.area_bits");
    for (const double node : {65.0, 32.0, 22.0}) {
        add(node, "energy of a conversion", fmt::format("adc.table.energy_{:g}nm_pJ", node), bits,
            false);
        add(node, "area", fmt::format("adc.table.area_{:g}nm_um2", node), area_bits, true);
    }
}

void add_adc_points(const Settings& table, std::vector<CircuitComparison>& rows) {
    const AdcSurveyFit fit(table);
    for (const std::string& name : adc_point_names(table)) {
        const AdcPoint point = adc_point(table, name);
        const AdcCost cost = fit.cost(point.bits, point.node_nm, point.rate, name);
        const std::string at = fmt::format("{} bits, {:g} nm, {:g} MS/s", point.bits, point.node_nm,
                                           point.rate.value() / kMega);
        rows.push_back({"adc-point", "survey fit over " + name + ": energy of a conversion", at,
                        "pJ", cost.energy.value / kPico, cost.energy.source, cost.energy.mark,
                        point.cost.energy.value / kPico, point.cost.energy.source});
        rows.push_back({"adc-point", "survey fit over " + name + ": area", at, "um2",
                        cost.area.value / kSquareMicrometre, cost.area.source, cost.area.mark,
                        point.cost.area.value / kSquareMicrometre, point.cost.area.source});
    }
}

void add_comparator(const Settings& settings, std::vector<CircuitComparison>& rows) {
    const double node = settings.real("blocks.comparator_node_nm", kPositive);
    const double vdd = settings.real("blocks.comparator_vdd_V", kPositive);
    const UnitCost comparator = AnalogLibrary(settings, node, Volt::from_value(vdd)).comparator();
    const double rate_MHz = settings.real("adc.table.rate_MHz", kPositive);
    const AdcCost adc =
        AdcSurveyFit(settings).cost(5.0, node, Hertz::from_value(rate_MHz * kMega), "comparator");
    const std::string at = fmt::format("{:g} nm, {:g} MS/s", node, rate_MHz);
    rows.push_back({"comparator", "5-bit ADC over one comparator: energy", at, "pJ",
                    adc.energy.value / kPico, adc.energy.source, adc.energy.mark,
                    comparator.energy->value / kPico, comparator.energy->source});
    const Cited paper =
        cited(settings, "blocks.comparator_below_adc5_energy_ratio", 1.0, kPositive);
    rows.push_back({"comparator", "the same ratio over the one that the paper says", at, "1",
                    adc.energy.value / comparator.energy->value, "the row above", Mark::fitted,
                    paper.value, paper.source});
}

/// Mean and largest V^2 G t of the cells behind one element of a score.
struct MacEnergy {
    double mean_J = 0.0;
    double largest_J = 0.0;
};

MacEnergy mac_energy(const Mapping& map, int q_levels, Volt v_read, Second time) {
    MacEnergy energy;
    int pairs = 0;
    for (int n = -q_levels; n <= q_levels; ++n) {
        const double v = v_read.value() * n / q_levels;
        for (int m = -map.n_max(); m < map.n_max(); ++m) {
            double g = 0.0;
            for (const Plane& plane : map.planes()) g += map.conductance(plane, m).value();
            const double one = v * v * g * time.value();
            energy.mean_J += one;
            energy.largest_J = std::max(energy.largest_J, one);
            ++pairs;
        }
    }
    energy.mean_J /= pairs;
    return energy;
}

void add_in_memory_mac(std::vector<CircuitComparison>& rows) {
    const Settings experiment = experiment_preset();
    const Device device = load_device(experiment);
    const int k_bits = static_cast<int>(experiment.integer("bits.k", {1, 8}));
    const int q_bits = static_cast<int>(experiment.integer("bits.q", {2, 8}));
    const double v_read = experiment.real("drive.v_read_V", kPositive);
    const double read_ns = experiment.real("drive.read_time_ns", kPositive);
    const Mapping map(device.g_min, device.g_max, k_bits);
    const MacEnergy energy = mac_energy(map, (1 << (q_bits - 1)) - 1, Volt::from_value(v_read),
                                        Second::from_value(read_ns * kNano));
    const Cited paper =
        cited(table_of("sprint-reram"), "memory.in_memory_pJ_per_MAC", kPico, kPositive);
    const std::string at = fmt::format("card {}, {:g} V, {:g} ns, {} x {} bits, a pair of cells",
                                       device.card, v_read, read_ns, q_bits, k_bits);
    const std::string source = "sum V^2 G t over the cells alone: no DAC, driver or comparator";
    rows.push_back({"in-memory-mac", "cells of one MAC, all codes equally likely", at, "pJ",
                    energy.mean_J / kPico, source, Mark::assumed, paper.value / kPico,
                    paper.source});
    rows.push_back({"in-memory-mac", "cells of one MAC, largest codes", at, "pJ",
                    energy.largest_J / kPico, source, Mark::assumed, paper.value / kPico,
                    paper.source});
}

/// The blocks of one array at its preset, each with how it is asked.
struct Block {
    std::string setting;
    UnitCost cost;
};

std::vector<Block> analog_blocks(double node_nm, Volt vdd) {
    const AnalogLibrary lib(analog_library_settings(), node_nm, vdd);
    const Settings experiment = experiment_preset();
    const Device device = load_device(experiment);
    const auto rows = static_cast<std::size_t>(experiment.integer("array.rows"));
    const auto keys = static_cast<std::size_t>(experiment.integer("array.columns"));
    const int q_bits = static_cast<int>(experiment.integer("bits.q", {2, 8}));
    const int k_bits = static_cast<int>(experiment.integer("bits.k", {1, 8}));
    const int adc_bits = static_cast<int>(experiment.integer("adc.bits", {2, 16}));
    const Volt v_read = Volt::from_value(experiment.real("drive.v_read_V", kPositive));
    const Volt v_fs = Volt::from_value(experiment.real("sense.v_fs_V", kPositive));
    const Second read =
        Second::from_value(experiment.real("drive.read_time_ns", kPositive) * kNano);
    const Kelvin room = device.temperature;
    const std::size_t line = 2 * keys;  // a pair of columns a key
    const std::string read_ns = fmt::format("{:g} ns", read.value() / kNano);

    std::vector<Block> blocks;
    const auto add = [&](std::string setting, UnitCost cost) {
        blocks.push_back({std::move(setting), std::move(cost)});
    };
    add("one decision", lib.comparator());
    add(fmt::format("{} bits, {} cells, on for {}", q_bits, line, read_ns),
        lib.word_line_dac(q_bits, line, read));
    add(fmt::format("1 bit, {} cells, on for {}", line, read_ns), lib.word_line_dac(1, line, read));
    add(fmt::format("{} bits at {:g} V", adc_bits, v_fs.value()),
        lib.sample_hold(adc_bits, v_fs, room));
    add(fmt::format("{} bits within half of {}, {} cells", adc_bits, read_ns, rows),
        lib.virtual_ground(adc_bits, rows, read * 0.5, read));
    for (const LevelSenseMode mode :
         {LevelSenseMode::sequential, LevelSenseMode::parallel, LevelSenseMode::binary})
        add(fmt::format("{} bits, {}", k_bits, level_sense_name(mode)),
            lib.level_sense({k_bits, mode}));
    const Siemens middle = (device.g_min + device.g_max) * 0.5;
    const ReplicaColumn replica(rows, middle, {}, v_read,
                                Stream(0, Purpose::reference_programming, {}));
    add("ideal source", lib.ideal_reference());
    add(fmt::format("replica column, {} of {} cells at {:g} uS, {}", rows / 2, rows,
                    middle.value() * 1e6, read_ns),
        lib.replica_reference(replica.read_energy(rows / 2, read)));
    add(fmt::format("{} cells to {:g} V", line, v_read.value()), lib.word_line(line, v_read));
    add(fmt::format("{} cells to {:g} V", rows, v_fs.value()), lib.column_line(rows, v_fs));
    add(fmt::format("{} cells to {:g} V", line, vdd.value()), lib.select_line(line, vdd));
    add(fmt::format("{} bits, {} cells", adc_bits, rows), lib.column_mux(adc_bits, rows));
    add(fmt::format("{} bits at {:g} V", adc_bits, v_fs.value()),
        lib.analog_shift_add(adc_bits, v_fs, room));
    for (const AdcArchitecture a :
         {AdcArchitecture::sar, AdcArchitecture::flash, AdcArchitecture::ramp}) {
        const Hertz clock = Hertz::from_value(1e9);
        const std::string how =
            fmt::format("{}, {} bits, clock 1 GHz", adc_architecture_name(a), adc_bits);
        add(how + ", survey fit at its rate", lib.adc_survey(a, adc_bits, clock));
        for (const UnitCost& part : lib.adc_parts(a, adc_bits, clock, vdd)) add(how, part);
    }
    return blocks;
}

}  // namespace

std::vector<CircuitComparison> circuit_comparisons() {
    const Settings settings = analog_library_settings();
    std::vector<CircuitComparison> rows;
    add_survey_cells(settings, rows);
    add_adc_points(settings, rows);
    add_comparator(settings, rows);
    add_in_memory_mac(rows);
    return rows;
}

std::string analog_block_csv(const std::string& machine) {
    const Settings settings = machine_settings(machine);
    const double node = settings.real("machine.node_nm", kPositive);
    const Volt vdd = Volt::from_value(settings.real("machine.vdd_V", kPositive));
    CsvTable table;
    for (const Block& block : analog_blocks(node, vdd)) {
        const UnitCost& c = block.cost;
        CsvRow row;
        row.text("circuit", c.circuit);
        row.text("event", c.event);
        row.text("setting", block.setting);
        row.text("node_nm", digits(node));
        row.text("vdd_V", digits(vdd.value()));
        std::string sources;
        const auto figure = [&](const char* name, const std::optional<Cited>& f, double unit) {
            row.text(name, f ? digits(f->value / unit) : "unknown");
            if (f)
                sources += fmt::format("{}{} ({}): {}", sources.empty() ? "" : " | ", name,
                                       mark_name(f->mark), f->source);
        };
        figure("energy_pJ", c.energy, kPico);
        figure("latency_ns", c.latency, kNano);
        figure("area_um2", c.area, kSquareMicrometre);
        figure("leakage_uW", c.leakage, kMicro);
        figure("bias_uW", c.bias_power, kMicro);
        row.text("sources", sources.empty() ? "no figure" : sources);
        table.add(row);
    }
    return table.text();
}

std::string comparison_csv(const std::vector<CircuitComparison>& rows) {
    CsvTable table;
    for (const CircuitComparison& r : rows) {
        CsvRow row;
        row.text("table", r.table);
        row.text("item", r.item);
        row.text("condition", r.condition);
        row.text("unit", r.unit);
        row.text("value", digits(r.value));
        row.text("reference", digits(r.reference));
        row.text("ratio", digits(r.ratio()));
        row.text("mark", mark_name(r.mark));
        row.text("source", r.source);
        row.text("reference_source", r.reference_source);
        table.add(row);
    }
    return table.text();
}

std::string comparison_text(const std::vector<CircuitComparison>& rows) {
    std::string text, last;
    TextTable table;
    const auto flush = [&] {
        if (!last.empty()) text += last + "\n" + table.text() + "\n";
        table = TextTable();
    };
    for (const CircuitComparison& r : rows) {
        if (r.table != last) {
            flush();
            last = r.table;
        }
        const std::string unit = r.unit == "1" ? "" : " " + r.unit;
        table.row({r.item + ", " + r.condition, number_text(r.value) + unit, "against",
                   number_text(r.reference) + unit, "ratio", number_text(r.ratio())});
    }
    flush();
    return text;
}

}  // namespace attohm
