#include "crossbar/device/device.hpp"

#include "src/base/error.hpp"
#include "src/base/resources.hpp"

namespace attohm {

const Resources& crossbar_resources();

namespace {

constexpr std::string_view kCardFolder = "cards/";

ProgrammingMode load_programming_mode(const Settings& experiment, const Device& device) {
    constexpr std::string_view kKey = "device.programming.mode";
    if (experiment.choice(kKey, {"direct", "verify"}) == "direct") return ProgrammingMode::direct;
    if (device.verify) return ProgrammingMode::verify;
    throw UserError("the device card has no write-verify loop to simulate",
                    experiment.entry(kKey).where,
                    fmt::format("{}: verify with card {}", kKey, device.card),
                    "direct, or a card with a section verify");
}

}  // namespace

Temperature::Factors Device::temperature_factors() const {
    return temperature_law ? temperature_law->at(temperature) : Temperature::Factors{};
}

std::vector<std::string> device_card_names() {
    std::vector<std::string> names;
    for (const auto& path : crossbar_resources().names(kCardFolder)) {
        const std::size_t first = kCardFolder.size();
        names.push_back(path.substr(first, path.rfind(".yaml") - first));
    }
    return names;
}

bool is_card_file(const std::string& name_or_path) {
    return name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml");
}

Settings device_card(const std::string& name_or_path) {
    if (is_card_file(name_or_path)) {
        Settings card = Settings::from_file(name_or_path);
        card.mark_as_user();
        return card;
    }
    const auto text =
        crossbar_resources().find(fmt::format("{}{}.yaml", kCardFolder, name_or_path));
    if (!text) {
        const auto names = device_card_names();
        const std::string near = nearest(name_or_path, names);
        throw UserError("unknown device card", "device.card", name_or_path,
                        fmt::format("{} or the path of a .yaml file{}", fmt::join(names, ", "),
                                    near.empty() ? "" : " (did you mean " + near + "?)"));
    }
    return Settings::from_text(*text, name_or_path + ".yaml");
}

Device load_device(const Settings& experiment) {
    const std::string name = experiment.text("device.card");
    return load_device(experiment, device_card(name), name);
}

Device load_device(const Settings& experiment, const Settings& given, const std::string& name) {
    // A key that no part reads is an error in a built-in card as well.
    Settings card = given;
    card.mark_as_user();
    Device device;
    device.card = name;
    const ConductanceRange range = load_conductance(card);
    device.g_min = range.min;
    device.g_max = range.max;
    device.g_floor = range.floor;
    device.g_ceiling = range.ceiling;
    device.validity = load_validity(card, range, name);
    device.programming = load_programming(experiment, card, range);
    device.verify = load_write_verify(card);
    device.programming_mode = load_programming_mode(experiment, device);
    device.relaxation = load_relaxation(experiment, card, range, device.validity);
    device.temperature_law = load_temperature_law(card);
    device.temperature = load_temperature(experiment, device.temperature_law, device.validity);
    device.read_noise = load_white_noise(experiment, card);
    device.slow_noise = load_slow_noise(experiment, card);
    device.telegraph = load_telegraph(experiment, card);
    device.cell = load_cell_law(card);
    if (experiment.choice("device.iv", {"card", "linear"}) == "linear") device.cell = {};
    device.stuck = load_stuck(experiment, card);
    device.write = load_write(card);
    // Where the published points lie, for whoever compares them; no law reads them.
    if (has_section(card, "points")) {
        card.text("points.file");
        card.text("points.sha256");
    }
    card.require_all_read();
    return device;
}

}  // namespace attohm
