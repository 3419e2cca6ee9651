#include "src/app/catalogue.hpp"

#include <algorithm>
#include <functional>

#include "circuits/circuit_models.hpp"
#include "circuits/circuit_tables.hpp"
#include "crossbar/device/device.hpp"
#include "crossbar/device/device_models.hpp"
#include "crossbar/wires/wire_models.hpp"
#include "src/app/catalogue_machines.hpp"
#include "src/base/error.hpp"
#include "src/machine/machine.hpp"
#include "src/replay/experiment.hpp"
#include "src/schemes/registry.hpp"
#include "src/tile/tile_models.hpp"

namespace attohm {

namespace {

std::string first_comment(std::string_view yaml) {
    // The first line of every file says what it is.
    const std::size_t end = yaml.find('\n');
    std::string_view line = yaml.substr(0, end);
    while (!line.empty() && (line.front() == '#' || line.front() == ' ')) line.remove_prefix(1);
    return std::string(line);
}

/// Keys with value, mark, source and help, aligned.
std::string parameter_table(const Settings& settings, const std::vector<std::string>& keys) {
    std::size_t key_width = 0, value_width = 0;
    const auto value_of = [&](const std::string& key) {
        const SettingsEntry& entry = settings.entry(key);
        const std::string joined = fmt::format("{}", fmt::join(entry.values, ", "));
        return entry.is_list ? "[" + joined + "]" : joined;
    };
    for (const std::string& key : keys) {
        key_width = std::max(key_width, key.size());
        value_width = std::max(value_width, value_of(key).size());
    }
    std::string text;
    for (const std::string& key : keys) {
        const SettingsEntry& entry = settings.entry(key);
        text += fmt::format("  {:<{}}  {:<{}}  {:<8}  {}\n", key, key_width, value_of(key),
                            value_width, mark_name(entry.mark), entry.help);
        text += fmt::format("  {:<{}}  {:<{}}  {:<8}    source: {}\n", "", key_width, "",
                            value_width, "", entry.source);
    }
    return text;
}

std::vector<std::string> keys_under(const Settings& settings,
                                    const std::vector<std::string_view>& prefixes) {
    std::vector<std::string> found;
    for (const std::string& key : settings.keys()) {
        for (const std::string_view prefix : prefixes) {
            if (key == prefix || key.starts_with(std::string(prefix) + ".")) {
                found.push_back(key);
                break;
            }
        }
    }
    return found;
}

std::string explain_scheme(const std::string& name) {
    const SchemeEntry& entry = find_scheme(name);
    std::string text = fmt::format("scheme {}\n  {}\n  source: {}\n\nequations\n", entry.name,
                                   entry.help, entry.source);
    for (const std::string_view line : entry.equations) text += fmt::format("  {}\n", line);
    if (!entry.needs.empty()) text += fmt::format("\nneeds of the trace\n  {}\n", entry.needs);
    const Settings settings = experiment_preset();
    std::vector<std::string_view> prefixes = entry.keys;
    if (!entry.plan.empty()) prefixes.push_back("machines");
    if (!entry.plan.empty()) prefixes.push_back("phase");
    // Only a memory that computes has two sources of energy; only engines take a batch.
    if (entry.plan == "sprint")
        prefixes.insert(prefixes.end(), {"energy", "lifetime"});
    else if (!entry.plan.empty())
        prefixes.emplace_back("batch");
    const std::vector<std::string> keys = keys_under(settings, prefixes);
    if (!keys.empty()) {
        text += "\nparameters (the unit is the key's ending; fractions, never percent)\n";
        text += parameter_table(settings, keys);
    }
    text += "\nnot modelled\n";
    for (const std::string_view line : entry.not_modelled) text += fmt::format("  {}\n", line);
    return text;
}

/// Smallest and largest sigma_p from g_min to g_max, in uS; "exact" where there is none.
std::string programming_span(const Device& device) {
    if (device.programming.none()) return "written exactly";
    constexpr int kSteps = 256;
    double low = device.programming.sigma(device.g_min).value(), high = low;
    for (int i = 1; i <= kSteps; ++i) {
        const Siemens g = device.g_min + (device.g_max - device.g_min) * (double(i) / kSteps);
        const double sigma = device.programming.sigma(g).value();
        low = std::min(low, sigma);
        high = std::max(high, sigma);
    }
    return high - low < 1e-3 * high
               ? fmt::format("sigma_p {:.3g} uS", high * 1e6)
               : fmt::format("sigma_p {:.3g}..{:.3g} uS", low * 1e6, high * 1e6);
}

/// Range, programming error and the parts a card has.
std::string device_line(const std::string& name) {
    Settings experiment = experiment_preset();
    experiment.overlay_assignment("device.card=" + name);
    const Device device = load_device(experiment);
    std::vector<std::string> parts = {
        fmt::format("{:g}..{:g} uS", device.g_min.value() * 1e6, device.g_max.value() * 1e6),
        programming_span(device)};
    if (device.verify) parts.emplace_back("verify loop");
    if (device.relaxation) {
        parts.emplace_back(device.relaxation->law == RelaxationLaw::power ? "drift" : "relaxation");
    }
    if (device.temperature_law) parts.emplace_back("temperature");
    if (const WhiteReadNoise& white = device.read_noise; !white.none()) {
        parts.push_back(fmt::format("white read noise {:g} of G in {:g} ns",
                                    white.relative_at(white.integration_time),
                                    white.integration_time.value() * 1e9));
    }
    if (!device.slow_noise.none()) parts.emplace_back("1/f noise");
    if (!device.telegraph.none()) parts.emplace_back("telegraph noise");
    if (!device.cell.is_linear()) parts.emplace_back("non-linear I-V");
    if (!device.stuck.none()) {
        parts.push_back(fmt::format("stuck {:g}", device.stuck.low_rate + device.stuck.high_rate));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string explain_device(const std::string& name) {
    const Settings card = device_card(name);
    std::string equations, not_modelled;
    for (const DeviceModel* model : models_of_card(card)) {
        equations += fmt::format("  {}: {}\n", model->name, model->help);
        for (const std::string_view line : model->equations)
            equations += fmt::format("    {}\n", line);
        for (const std::string_view line : model->not_modelled)
            not_modelled += fmt::format("  {}: {}\n", model->name, line);
    }
    std::vector<std::string_view> absent;
    const std::vector<const DeviceModel*> own = models_of_card(card);
    for (const DeviceModel& model : device_model_table()) {
        const bool has = std::any_of(own.begin(), own.end(), [&](const DeviceModel* of_card) {
            return of_card->section == model.section;
        });
        if (!has && (absent.empty() || absent.back() != model.section))
            absent.push_back(model.section);
    }
    return fmt::format(
        "device {}\n  {}\n\nequations\n{}\n"
        "parameters (the unit is the key's ending; fractions, never percent)\n{}\n"
        "not modelled\n{}{}",
        name, device_line(name), equations, parameter_table(card, card.keys()), not_modelled,
        absent.empty()
            ? ""
            : fmt::format("  sections this card does not have: {}\n", fmt::join(absent, ", ")));
}

/// Equations, parameters and what is left out, of a model of a device, of an array or of a circuit.
template <class Model>
std::string model_body(const Model& model) {
    std::string text = "\nequations\n";
    for (const std::string_view line : model.equations) text += fmt::format("  {}\n", line);
    text += "\nparameters (the unit is the key's ending; fractions, never percent)\n";
    std::size_t key = 0, unit = 0, range = 0;
    for (const auto& p : model.parameters) {
        key = std::max(key, p.key.size());
        unit = std::max(unit, p.unit.size());
        range = std::max(range, p.range.size());
    }
    for (const auto& p : model.parameters) {
        text += fmt::format("  {:<{}}  {:<{}}  {:<{}}  {}\n", p.key, key, p.unit, unit, p.range,
                            range, p.help);
    }
    text += "\nnot modelled\n";
    for (const std::string_view line : model.not_modelled) text += fmt::format("  {}\n", line);
    return text;
}

std::string explain_device_model(const std::string& name) {
    const DeviceModel& model = find_device_model(name);
    return fmt::format("model {}\n  {}\n  section of a card: {}{}\n  source: {}\n{}", model.name,
                       model.help, model.section,
                       model.law.empty() ? "" : fmt::format(", law: {}", model.law), model.source,
                       model_body(model));
}

std::vector<std::string> wire_model_names() {
    std::vector<std::string> names;
    for (const WireModel& model : wire_model_table()) names.emplace_back(model.name);
    for (const WireModel& model : tile_model_table()) names.emplace_back(model.name);
    return names;
}

/// Of lines, or of how a replay uses arrays.
const WireModel& array_model(const std::string& name) {
    if (const WireModel* model = find_tile_model(name)) return *model;
    const std::vector<std::string> names = wire_model_names();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
        const std::string near = nearest(name, names);
        throw UserError("unknown array model", "explain", name,
                        fmt::format("{}{}", fmt::join(names, ", "),
                                    near.empty() ? "" : " (did you mean " + near + "?)"));
    }
    return find_wire_model(name);
}

std::string explain_wire_model(const std::string& name) {
    const WireModel& model = array_model(name);
    return fmt::format("array {}\n  {}\n  source: {}\n{}", model.name, model.help, model.source,
                       model_body(model));
}

std::vector<std::string> device_model_names() {
    std::vector<std::string> names;
    for (const DeviceModel& model : device_model_table()) names.emplace_back(model.name);
    return names;
}

/// How circuits act, then the tables of what they cost.
std::vector<std::string> circuit_names() {
    std::vector<std::string> names;
    for (const CircuitModel& model : circuit_model_table()) names.emplace_back(model.name);
    for (const std::string& table : circuit_table_names()) names.push_back(table);
    return names;
}

std::string circuit_line(const std::string& name) {
    const CircuitModel* model = find_circuit_model(name);
    return model != nullptr ? std::string(model->help) : first_comment(*circuit_table(name));
}

std::string explain_circuit(const std::string& name) {
    if (const CircuitModel* model = find_circuit_model(name)) {
        const std::string numbers =
            model->numbers == nullptr ? "" : "\nnumbers\n" + model->numbers();
        return fmt::format("circuit {}\n  {}\n  source: {}\n{}{}", model->name, model->help,
                           model->source, model_body(*model), numbers);
    }
    const auto text = circuit_table(name);
    if (!text) {
        throw UserError("unknown circuit", "explain", name,
                        fmt::format("{}", fmt::join(circuit_names(), ", ")));
    }
    const Settings table = Settings::from_text(*text, name);
    return fmt::format("circuit table {}\n  {}\n\nparameters (the unit is the key's ending)\n{}",
                       name, first_comment(*text), parameter_table(table, table.keys()));
}

struct Kind {
    std::string plural;
    std::string singular;
    std::function<std::vector<std::string>()> names;
    std::function<std::string(const std::string&)> line;
    std::function<std::string(const std::string&)> explain;
};

std::vector<std::string> scheme_names() {
    std::vector<std::string> names;
    for (const SchemeEntry& entry : scheme_table()) names.emplace_back(entry.name);
    return names;
}

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> table = {
        {"schemes", "scheme", scheme_names,
         [](const std::string& name) { return std::string(find_scheme(name).help); },
         explain_scheme},
        {"devices", "device", device_card_names, device_line, explain_device},
        {"models", "model", device_model_names,
         [](const std::string& name) { return std::string(find_device_model(name).help); },
         explain_device_model},
        {"arrays", "array", wire_model_names,
         [](const std::string& name) { return std::string(array_model(name).help); },
         explain_wire_model},
        {"machines", "machine", machine_names, machine_line,
         [](const std::string& name) {
             const Settings machine = machine_settings(name);
             return explain_machine(name, parameter_table(machine, machine.keys()));
         }},
        {"circuits", "circuit", circuit_names, circuit_line, explain_circuit},
    };
    return table;
}

const Kind& find_kind(const std::string& name) {
    for (const Kind& kind : kinds()) {
        if (kind.plural == name || kind.singular == name) return kind;
    }
    throw UserError("unknown kind of model", "command line", name,
                    fmt::format("{}", fmt::join(catalogue_kinds(), ", ")));
}

}  // namespace

const std::vector<std::string>& catalogue_kinds() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const Kind& kind : kinds()) all.push_back(kind.plural);
        return all;
    }();
    return names;
}

std::string list_models(const std::string& kind_name) {
    const Kind& kind = find_kind(kind_name);
    std::size_t width = 0;
    for (const std::string& name : kind.names()) width = std::max(width, name.size());
    std::string text;
    for (const std::string& name : kind.names()) {
        text += fmt::format("{:<{}}  {}\n", name, width, kind.line(name));
    }
    text += fmt::format("(attohm explain {} NAME: equations, parameters, units, sources)\n",
                        kind.singular);
    return text;
}

std::string explain_model(const std::string& kind_name, const std::string& name) {
    if (!kind_name.empty()) return find_kind(kind_name).explain(name);
    std::vector<std::string> known;
    for (const Kind& kind : kinds()) {
        for (const std::string& candidate : kind.names()) {
            if (candidate == name) return kind.explain(name);
            known.push_back(candidate);
        }
    }
    const std::string near = nearest(name, known);
    throw UserError(
        "no model of that name", "explain", name,
        near.empty() ? fmt::format("{}", fmt::join(known, ", ")) : "did you mean " + near + "?");
}

}  // namespace attohm
