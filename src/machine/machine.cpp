#include "src/machine/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "circuits/circuit_tables.hpp"
#include "circuits/table_units.hpp"
#include "src/base/error.hpp"
#include "src/base/resources.hpp"
#include "src/base/text.hpp"

namespace attohm {

const Resources& machine_resources();

namespace {

constexpr std::string_view kTables = "tables.";

std::string machine_resource(const std::string& name) {
    return "machines/" + name + ".yaml";
}

bool is_in_box(const std::string& name) {
    return machine_resources().find(machine_resource(name)).has_value();
}

Settings boxed_machine(const std::string& name) {
    const auto text = machine_resources().find(machine_resource(name));
    ATTOHM_CHECK(text.has_value());
    return Settings::from_text(*text, "machine " + name);
}

/// Every number of a complete machine or table says where it is from or that it is assumed.
void require_sources(const Settings& settings) {
    for (const std::string& key : settings.keys()) {
        if (key == "base" || key.starts_with(kTables)) continue;
        const SettingsEntry& entry = settings.entry(key);
        if (!entry.source.empty() || entry.mark == Mark::assumed) continue;
        throw UserError(fmt::format("`{}` has no source", key), entry.where,
                        entry.values.empty() ? "an empty list" : entry.values.front(),
                        fmt::format("`{{value: ..., source: \"paper, table, page\", mark: cited}}` "
                                    "or mark: assumed"));
    }
}

Settings table_settings(const std::string& table, const std::string& name_or_path,
                        const std::string& where) {
    if (const auto text = circuit_table(name_or_path))
        return Settings::from_text(*text, "table " + name_or_path);
    if (!std::filesystem::exists(name_or_path))
        throw UserError(fmt::format("no {} table `{}`", table, name_or_path), where, name_or_path,
                        fmt::format("{}, or a file", fmt::join(circuit_table_names(), ", ")));
    Settings settings = Settings::from_file(name_or_path);
    require_sources(settings);
    require_units(settings);
    settings.mark_as_user();
    return settings;
}

/// Adds the tables that the machine names as `tables.*`; `choices` may overrule which.
void add_tables(Settings& settings, const Settings& choices) {
    for (const std::string& key : settings.keys()) {
        if (!key.starts_with(kTables)) continue;
        const Settings& from = choices.has(key) ? choices : settings;
        const std::string name = from.text(key);
        settings.extend(table_settings(key.substr(kTables.size()), name, from.entry(key).where));
    }
}

std::string base_of(const Settings& settings) {
    return settings.has("base") ? settings.text("base") : "none";
}

Settings complete_machine(const std::string& name, const Settings* choices);

/// A machine of the box with some keys changed. Args: own, text: what changes them; choices: may
/// overrule which tables it names.
Settings on_base(const std::string& base, std::string_view text, const std::string& name,
                 const Settings& choices) {
    Settings settings = complete_machine(base, &choices);
    settings.overlay_text(text, name);
    return settings;
}

/// A machine of the box with its tables, standing on others or not.
Settings complete_machine(const std::string& name, const Settings* choices) {
    Settings settings = boxed_machine(name);
    const Settings& from = choices != nullptr ? *choices : settings;
    if (const std::string base = base_of(settings); base != "none")
        return on_base(base, *machine_resources().find(machine_resource(name)), "machine " + name,
                       from);
    add_tables(settings, from);
    return settings;
}

std::string allowed_machines() {
    return fmt::format("{}, or a machine file", fmt::join(machine_names(), ", "));
}

}  // namespace

std::vector<std::string> machine_names() {
    std::vector<std::string> names;
    for (const std::string& file : machine_resources().names("machines/"))
        names.push_back(std::filesystem::path(file).stem().string());
    return names;
}

Settings machine_settings(const std::string& name_or_path) {
    if (is_in_box(name_or_path)) return complete_machine(name_or_path, nullptr);
    if (!std::filesystem::exists(name_or_path))
        throw UserError(fmt::format("no machine `{}`", name_or_path), "machine", name_or_path,
                        allowed_machines());
    Settings file = Settings::from_file(name_or_path);
    const std::string base = base_of(file);
    if (base == "none") {
        require_sources(file);
        file.mark_as_user();
        add_tables(file, file);
        return file;
    }
    if (!is_in_box(base))
        throw UserError("unknown base machine", file.entry("base").where, base,
                        fmt::format("none, {}", fmt::join(machine_names(), ", ")));
    return on_base(base, read_text_file(name_or_path), name_or_path, file);
}

Machine make_machine(const std::string& name, const Settings& settings) {
    Machine m;
    m.name = name;
    if (settings.has("base")) settings.text("base");
    for (const std::string& key : settings.keys())
        if (key.starts_with(kTables)) settings.text(key);
    m.clock_Hz = settings.real("machine.clock_GHz", {1e-3, 100}) * 1e9;
    m.node_nm = settings.real("machine.node_nm", {3, 250});
    m.vdd_V = settings.real("machine.vdd_V", {0.2, 5});
    if (const auto area = settings.real_or("machine.area_mm2", "unknown", kPositive))
        m.area = SquareMetre::from_value(*area * 1e-6);
    if (settings.choice("machine.kind", {"sprint", "engine"}) == "sprint")
        m.parts = make_sprint_chip(settings, m.clock_Hz, m.node_nm, m.vdd_V);
    else
        m.parts = make_engine(settings, m.clock_Hz, m.node_nm, m.vdd_V);
    settings.require_all_read();
    m.settings = settings;
    return m;
}

Machine load_machine(const std::string& name_or_path) {
    const std::string name = is_in_box(name_or_path)
                                 ? name_or_path
                                 : std::filesystem::path(name_or_path).stem().string();
    return make_machine(name, machine_settings(name_or_path));
}

}  // namespace attohm
