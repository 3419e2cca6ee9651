#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/error.hpp"
#include "src/machine/engine.hpp"

/// Reads an engine from a machine file.
namespace attohm {

namespace {

constexpr Range kCount{1, 1e6};

/// Names directly under `prefix`, in the order of the file's keys (sorted).
std::vector<std::string> names_under(const Settings& settings, const std::string& prefix) {
    std::set<std::string> names;
    for (const std::string& key : settings.keys()) {
        if (!key.starts_with(prefix + ".")) continue;
        const std::string rest = key.substr(prefix.size() + 1);
        names.insert(rest.substr(0, rest.find('.')));
    }
    return {names.begin(), names.end()};
}

/// A figure, or nothing where the file says `unknown` or leaves it out.
std::optional<Cited> figure(const Settings& settings, const std::string& key, double si_factor) {
    if (!settings.has(key) || !settings.real_or(key, "unknown", kPositive)) return std::nullopt;
    return cited(settings, key, si_factor, kPositive);
}

/// A figure, nothing where `unknown`, or what the library gives where `library`.
template <class FromLibrary>
std::optional<Cited> figure_or_library(const Settings& settings, const std::string& key,
                                       double si_factor, FromLibrary from_library) {
    const SettingsEntry& entry = settings.entry(key);
    if (entry.values.size() == 1 && entry.values.front() == "library") {
        settings.text(key);
        return from_library();
    }
    return figure(settings, key, si_factor);
}

std::vector<OpKind> kinds(const Settings& settings, const std::string& key) {
    std::vector<OpKind> list;
    for (const std::string& name : settings.texts(key))
        list.push_back(op_kind(name, settings.entry(key).where));
    if (list.empty())
        throw UserError("a unit that does nothing", settings.entry(key).where, "an empty list",
                        "kinds of operators, e.g. [matmul]");
    return list;
}

void read_array(const Settings& settings, const std::string& key, EngineUnit& unit) {
    unit.rows = static_cast<int>(settings.integer(key + ".rows", kCount));
    unit.columns = static_cast<int>(settings.integer(key + ".columns", kCount));
    unit.macs_per_pe = static_cast<int>(settings.integer(key + ".macs_per_pe", kCount));
    if (settings.has(key + ".narrow_bits")) {
        unit.narrow_bits = static_cast<int>(settings.integer(key + ".narrow_bits", {1, 64}));
        unit.narrow_factor = static_cast<int>(settings.integer(key + ".narrow_factor", {1, 64}));
    }
    const std::string flow =
        settings.choice(key + ".dataflow", {"output", "weight", "input", "best"});
    unit.dataflow = flow == "output"   ? Dataflow::output
                    : flow == "weight" ? Dataflow::weight
                    : flow == "input"  ? Dataflow::input
                                       : Dataflow::best;
    for (const OpKind kind : unit.does)
        if (kind != OpKind::matmul && kind != OpKind::convolve && kind != OpKind::transform)
            throw UserError(fmt::format("an array cannot do `{}`", op_kind_info(kind).name),
                            settings.entry(key + ".does").where,
                            std::string(op_kind_info(kind).name),
                            "matmul, convolve, transform; other kinds in lanes");
}

void read_lanes(const Settings& settings, const std::string& key, EngineUnit& unit) {
    unit.lanes = static_cast<int>(settings.integer(key + ".lanes", {1, 1e9}));
    unit.passes = static_cast<int>(settings.integer(key + ".passes", {1, 100}));
    for (const OpKind kind : unit.does)
        if (kind == OpKind::matmul || kind == OpKind::convolve)
            throw UserError(fmt::format("lanes cannot do `{}`", op_kind_info(kind).name),
                            settings.entry(key + ".does").where,
                            std::string(op_kind_info(kind).name),
                            "an array does matrix products and convolutions");
}

EngineUnit read_unit(const Settings& settings, const std::string& name) {
    const std::string key = "units." + name;
    EngineUnit unit;
    unit.name = name;
    unit.does = kinds(settings, key + ".does");
    if (settings.has(key + ".ops")) unit.ops = settings.texts(key + ".ops");
    unit.kind = settings.choice(key + ".kind", {"array", "lanes"}) == "array"
                    ? EngineUnit::Kind::array
                    : EngineUnit::Kind::lanes;
    if (unit.kind == EngineUnit::Kind::array)
        read_array(settings, key, unit);
    else
        read_lanes(settings, key, unit);
    unit.latency_cycles = settings.integer(key + ".latency_cycles", {0, 1e6});
    unit.format = settings.choice(key + ".format", {"integer", "floating"}) == "integer"
                      ? NumberFormat::integer
                      : NumberFormat::floating;
    const std::string energy = key + ".energy_pJ_per_op";
    const SettingsEntry& entry = settings.entry(energy);
    if (entry.values.size() == 1 && entry.values.front() == "library")
        settings.text(energy);
    else
        unit.op_energy = figure(settings, energy, kPico);
    unit.energy_unknown = entry.values.front() == "unknown";
    unit.area = figure(settings, key + ".area_mm2", 1e-6);
    unit.leakage = figure(settings, key + ".leakage_mW", 1e-3);
    return unit;
}

EngineBuffer read_buffer(const Settings& settings, const DigitalLibrary& digital,
                         const std::string& name) {
    const std::string key = "buffers." + name;
    EngineBuffer buffer;
    buffer.name = name;
    const double kilobytes = settings.real(key + ".KB", {1e-3, 1e9});
    buffer.bits = static_cast<std::int64_t>(kilobytes * 1024.0 * 8.0);
    const double bank_KB = settings.real(key + ".bank_KB", {1e-3, kilobytes});
    const auto access = static_cast<int>(settings.integer(key + ".access_bits", {1, 65536}));
    if (const auto ports = settings.integer_or(key + ".ports", "unlimited", {1, 1e6}))
        buffer.bits_per_cycle = *ports * access;
    buffer.slots = settings.boolean(key + ".double_buffered") ? 2 : 1;
    if (settings.has(key + ".holds"))
        for (const std::string& role : settings.texts(key + ".holds"))
            buffer.holds.push_back(tensor_role(role, settings.entry(key + ".holds").where));
    buffer.bit_energy = figure_or_library(settings, key + ".energy_pJ_per_bit", kPico,
                                          [&] { return digital.sram(bank_KB, access).energy; });
    buffer.area = figure_or_library(settings, key + ".area_mm2", 1e-6, [&] {
        std::optional<Cited> area = digital.sram(bank_KB, access).area;
        if (area) area->value *= kilobytes / bank_KB;
        return area;
    });
    buffer.leakage = figure(settings, key + ".leakage_mW", 1e-3);
    return buffer;
}

/// Ports of their own for inputs, weights and results: all three, or none.
Engine::MemoryPorts read_ports(const Settings& settings) {
    const std::string key = "memories.main.";
    Engine::MemoryPorts ports;
    if (!settings.has(key + "in_bits")) return ports;
    ports.in = settings.integer(key + "in_bits", kCount);
    ports.weights = settings.integer(key + "weight_bits", kCount);
    ports.out = settings.integer(key + "out_bits", kCount);
    return ports;
}

/// Every name in `ops` may be claimed once.
void check_dedications(const Settings& settings, const Engine& engine) {
    std::set<std::string> claimed;
    for (const EngineUnit& unit : engine.units)
        for (const std::string& op : unit.ops)
            if (!claimed.insert(op).second)
                throw UserError(fmt::format("two units are dedicated to `{}`", op),
                                settings.entry("units." + unit.name + ".ops").where, unit.name,
                                "one unit for each operator");
}

}  // namespace

Engine make_engine(const Settings& settings, double clock_Hz, double node_nm, double vdd_V) {
    Engine engine;
    engine.clock_Hz = clock_Hz;
    engine.digital = std::make_shared<DigitalLibrary>(settings, node_nm, Volt::from_value(vdd_V));
    for (const std::string& name : names_under(settings, "units"))
        engine.units.push_back(read_unit(settings, name));
    for (const std::string& name : names_under(settings, "buffers"))
        engine.buffers.push_back(read_buffer(settings, *engine.digital, name));
    const std::string where = engine.where = settings.entry("machine.kind").where;
    if (engine.units.empty())
        throw UserError("an engine without units", where, "no units", "units: {name: {...}}");
    if (engine.buffers.empty())
        throw UserError("an engine without buffers", where, "no buffers", "buffers: {name: {...}}");
    check_dedications(settings, engine);
    if (!settings.has("memories.main.kind"))
        throw UserError("an engine without a memory", where, "no `memories.main.kind`",
                        "memories: {main: {kind: bandwidth, dram or reram, ...}}");
    for (const std::string& name : names_under(settings, "memories"))
        if (name != "main")
            throw UserError("a memory that no plan uses",
                            settings.entry("memories." + name + ".kind").where, name, "main");
    engine.memory = std::make_shared<Memory>(make_memory(settings, "memories.main"));
    engine.ports = read_ports(settings);
    engine.idle_power = figure(settings, "machine.idle_mW", 1e-3);
    return engine;
}

}  // namespace attohm
