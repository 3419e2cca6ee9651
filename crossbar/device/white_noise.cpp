#include "crossbar/device/white_noise.hpp"

#include <cmath>

#include "crossbar/device/validity.hpp"

namespace attohm {

double WhiteReadNoise::relative_at(Second read_time) const {
    return scale * sigma_rel * std::sqrt((integration_time / read_time).value());
}

Siemens WhiteReadNoise::absolute_at(Second read_time) const {
    return sigma_abs * (scale * std::sqrt((integration_time / read_time).value()));
}

bool WhiteReadNoise::none() const {
    return scale == 0.0 || (sigma_rel == 0.0 && sigma_abs.value() == 0.0);
}

WhiteReadNoise load_white_noise(const Settings& experiment, const Settings& card) {
    WhiteReadNoise noise;
    noise.scale = load_scale(experiment, "device.read_noise.scale", card, "read_noise");
    if (!has_section(card, "read_noise")) return noise;
    noise.sigma_rel = card.real("read_noise.sigma_rel", {0.0, 10.0});
    noise.sigma_abs = conductance_uS(card, "read_noise.sigma_abs_uS");
    noise.integration_time =
        Second::from_value(card.real("read_noise.integration_time_ns", {1e-3, 1e15}) * 1e-9);
    return noise;
}

}  // namespace attohm
