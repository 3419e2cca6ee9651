#include "crossbar/device/device_models.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "crossbar/device/validity.hpp"
#include "src/base/error.hpp"

namespace attohm {

std::vector<DeviceModel> device_frame_models();
std::vector<DeviceModel> device_write_models();
std::vector<DeviceModel> device_read_models();

namespace {

std::vector<DeviceModel> build_table() {
    std::vector<DeviceModel> table;
    for (const auto& part : {device_frame_models(), device_write_models(), device_read_models()})
        table.insert(table.end(), part.begin(), part.end());
    check_device_models(table);
    return table;
}

void check_parameter(const DeviceModel& model, const DeviceModelParameter& parameter) {
    const bool whole = !parameter.key.empty() && !parameter.unit.empty() &&
                       !parameter.range.empty() && !parameter.help.empty();
    if (!whole || !parameter.key.starts_with(std::string(model.section) + "."))
        throw InvariantError(
            fmt::format("device model `{}`: parameter `{}` is incomplete or not in "
                        "section `{}`",
                        model.name, parameter.key, model.section));
}

bool in_card(const DeviceModel& model, const Settings& card) {
    if (model.law.empty()) return has_section(card, model.section);
    const std::string key = fmt::format("{}.law", model.section);
    return card.has(key) && card.entry(key).values.front() == model.law;
}

}  // namespace

const std::vector<DeviceModel>& device_model_table() {
    static const std::vector<DeviceModel> table = build_table();
    return table;
}

void check_device_models(std::span<const DeviceModel> models) {
    std::set<std::string_view> names;
    std::set<std::string> laws;
    for (const DeviceModel& model : models) {
        const auto fail = [&](const char* what) {
            throw InvariantError(fmt::format("device model `{}`: {}", model.name, what));
        };
        if (model.name.empty() || !names.insert(model.name).second) fail("no name of its own");
        if (!laws.insert(fmt::format("{}|{}", model.section, model.law)).second)
            fail("another model reads the same section and law");
        if (model.section.empty() || model.help.empty() || model.source.empty())
            fail("no section, help or source");
        if (model.equations.empty() || model.parameters.empty() || model.not_modelled.empty())
            fail("no equation, parameter or `not modelled`");
        std::set<std::string_view> keys;
        for (const DeviceModelParameter& parameter : model.parameters) {
            check_parameter(model, parameter);
            if (!keys.insert(parameter.key).second) fail("a parameter twice");
        }
    }
}

const DeviceModel& find_device_model(std::string_view name) {
    std::vector<std::string> names;
    for (const DeviceModel& model : device_model_table()) {
        if (model.name == name) return model;
        names.emplace_back(model.name);
    }
    const std::string near = nearest(name, names);
    throw UserError("unknown device model", "explain", std::string(name),
                    fmt::format("{}{}", fmt::join(names, ", "),
                                near.empty() ? "" : " (did you mean " + near + "?)"));
}

std::vector<const DeviceModel*> models_of_card(const Settings& card) {
    std::vector<const DeviceModel*> models;
    for (const DeviceModel& model : device_model_table()) {
        if (in_card(model, card)) models.push_back(&model);
    }
    return models;
}

}  // namespace attohm
