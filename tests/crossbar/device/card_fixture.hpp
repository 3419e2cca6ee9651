#pragma once

#include <string>

#include "crossbar/device/device.hpp"

/// Experiments and cards for the tests of devices.
namespace attohm {

/// The device keys of an experiment, all left to the card.
inline Settings device_experiment(const std::string& card) {
    return Settings::from_text("device:\n  card: " + card +
                                   "\n"
                                   "  programming: {mode: direct, scale: 1}\n"
                                   "  relaxation: {scale: 1}\n"
                                   "  temperature_K: card\n"
                                   "  read_noise: {scale: 1}\n"
                                   "  slow_noise: {scale: 1}\n"
                                   "  telegraph: {scale: 1}\n"
                                   "  iv: card\n"
                                   "  stuck: {low_rate: card, low_resistance_ohm: card, "
                                   "high_rate: card, high_resistance_ohm: card, spatial: card}\n",
                               "experiment.yaml");
}

/// A device without any error.
inline Device silent_device(const std::string& card) {
    Settings experiment = device_experiment(card);
    for (const char* assignment :
         {"device.programming.scale=0", "device.relaxation.scale=0", "device.read_noise.scale=0",
          "device.slow_noise.scale=0", "device.telegraph.scale=0", "device.iv=linear",
          "device.stuck.low_rate=0", "device.stuck.high_rate=0"}) {
        experiment.overlay_assignment(assignment);
    }
    return load_device(experiment);
}

}  // namespace attohm
