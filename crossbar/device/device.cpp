#include "crossbar/device/device.hpp"

#include <cmath>

#include "src/base/error.hpp"
#include "src/base/resources.hpp"

namespace attohm {

const Resources& crossbar_resources();

namespace {

constexpr double kMicro = 1e-6;
constexpr std::string_view kCardFolder = "cards/";

/// A number of the experiment that may say `card`: then the card's own.
double from_card_or(const Settings& experiment, std::string_view key, const Settings& card,
                    std::string_view card_key, Range range) {
    const auto given = experiment.real_or(key, "card", range);
    const double own = card.real(card_key, range);
    return given.value_or(own);
}

StuckFaults load_stuck(const Settings& experiment, const Settings& card) {
    StuckFaults stuck;
    const Range rate{0.0, 1.0};
    const Range resistance{1e-3, 1e15};
    stuck.low_rate =
        from_card_or(experiment, "device.stuck.low_rate", card, "stuck.low_rate", rate);
    stuck.high_rate =
        from_card_or(experiment, "device.stuck.high_rate", card, "stuck.high_rate", rate);
    stuck.low_resistance =
        Ohm::from_value(from_card_or(experiment, "device.stuck.low_resistance_ohm", card,
                                     "stuck.low_resistance_ohm", resistance));
    stuck.high_resistance =
        Ohm::from_value(from_card_or(experiment, "device.stuck.high_resistance_ohm", card,
                                     "stuck.high_resistance_ohm", resistance));
    if (stuck.low_rate + stuck.high_rate > 1.0) {
        throw UserError(
            "stuck-at rates add to more than 1", experiment.entry("device.stuck.low_rate").where,
            fmt::format("{} + {}", stuck.low_rate, stuck.high_rate), "low_rate + high_rate <= 1");
    }
    return stuck;
}

WriteModel load_write(const Settings& card) {
    WriteModel write;
    const Range voltage{0.0, 20.0};
    const Range time_ns{0.0, 1e9};
    const auto volt = [&](std::string_view key) {
        return Volt::from_value(card.real(key, voltage));
    };
    const auto ns = [&](std::string_view key) {
        return Second::from_value(card.real(key, time_ns) * 1e-9);
    };
    write.mlc_pulse_voltage = volt("write.mlc_pulse_V");
    write.mlc_pulse_time = ns("write.mlc_pulse_ns");
    write.mlc_pulses_mean = card.real("write.mlc_pulses_mean", {0.0, 1e6});
    write.verify_voltage = volt("write.verify_V");
    write.verify_time = ns("write.verify_ns");
    write.slc_pulse_voltage = volt("write.slc_pulse_V");
    write.slc_pulse_time = ns("write.slc_pulse_ns");
    return write;
}

}  // namespace

Siemens ProgrammingError::raw_sigma(Siemens target) const {
    double sum = 0.0;
    double power = 1.0;
    for (const double c : sigma_coefficients) {
        sum += c * power;
        power *= target.value();
    }
    return Siemens::from_value(sum);
}

Siemens ProgrammingError::sigma(Siemens target) const {
    return Siemens::from_value(std::max(raw_sigma(target).value(), 0.0)) * scale;
}

bool ProgrammingError::none() const {
    if (scale == 0.0) return true;
    for (const double c : sigma_coefficients) {
        if (c != 0.0) return false;
    }
    return true;
}

double WhiteReadNoise::relative_at(Second read_time) const {
    return scale * sigma_rel * std::sqrt((integration_time / read_time).value());
}

Siemens WhiteReadNoise::absolute_at(Second read_time) const {
    return sigma_abs * (scale * std::sqrt((integration_time / read_time).value()));
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

namespace {

/// A law that turns negative inside the card's own range is a slip of the fit, not a noiseless
/// level.
void require_positive_sigma(const Device& device, const Settings& card) {
    constexpr int kSteps = 256;
    const ProgrammingError law{device.programming.sigma_coefficients, {}, 1.0};
    for (int i = 0; i <= kSteps; ++i) {
        const Siemens target =
            device.g_min + (device.g_max - device.g_min) * (static_cast<double>(i) / kSteps);
        const Siemens sigma = law.raw_sigma(target);
        if (sigma.value() >= 0.0) continue;
        throw UserError(
            "programming sigma is negative inside the conductance range",
            card.entry("programming.sigma_uS_coefficients").where,
            fmt::format("{:.4g} uS at {:.4g} uS", sigma.value() / kMicro, target.value() / kMicro),
            "sigma >= 0 from g_min to g_max");
    }
}

}  // namespace

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
    Device device;
    device.card = experiment.text("device.card");
    const Settings card = device_card(device.card);
    const Range conductance_uS{0.0, 1e7};
    const auto uS = [&](std::string_view key) {
        return Siemens::from_value(card.real(key, conductance_uS) * kMicro);
    };
    device.g_min = uS("conductance.g_min_uS");
    device.g_max = uS("conductance.g_max_uS");
    device.g_floor = uS("conductance.g_floor_uS");
    if (!(device.g_min < device.g_max)) {
        throw UserError("conductance range is empty", card.entry("conductance.g_min_uS").where,
                        fmt::format("g_min {} uS, g_max {} uS", device.g_min.value() / kMicro,
                                    device.g_max.value() / kMicro),
                        "g_min < g_max");
    }
    if (device.g_min < device.g_floor) {
        throw UserError("conductance floor lies above the lowest level",
                        card.entry("conductance.g_floor_uS").where,
                        fmt::format("g_floor {} uS, g_min {} uS", device.g_floor.value() / kMicro,
                                    device.g_min.value() / kMicro),
                        "g_floor <= g_min");
    }
    // The card writes sigma and G in uS: sigma_uS = sum_k c_k G_uS^k.
    const std::vector<double> coefficients = card.reals("programming.sigma_uS_coefficients");
    if (coefficients.empty() || coefficients.size() > ProgrammingError::kTerms) {
        throw UserError("programming sigma is not a polynomial of the third degree at most",
                        card.entry("programming.sigma_uS_coefficients").where,
                        fmt::format("{} coefficients", coefficients.size()),
                        fmt::format("1 to {} coefficients, constant first", ProgrammingError::kTerms));
    }
    double unit = kMicro;
    for (const double c : coefficients) {
        device.programming.sigma_coefficients.push_back(c * unit);
        unit /= kMicro;
    }
    require_positive_sigma(device, card);
    device.programming.measured_at =
        Second::from_value(card.real("programming.measured_at_s", {0.0, 1e12}));
    device.programming.scale = experiment.real("device.programming.scale", {0.0, 1e6});
    device.read_noise.sigma_rel = card.real("read_noise.sigma_rel", {0.0, 10.0});
    device.read_noise.sigma_abs = uS("read_noise.sigma_abs_uS");
    device.read_noise.integration_time =
        Second::from_value(card.real("read_noise.integration_time_ns", {1e-3, 1e15}) * 1e-9);
    device.read_noise.scale = experiment.real("device.read_noise.scale", {0.0, 1e6});
    device.stuck = load_stuck(experiment, card);
    device.write = load_write(card);
    card.require_all_read();
    return device;
}

}  // namespace attohm
