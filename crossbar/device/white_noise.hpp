#pragma once

#include "src/base/settings.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// White read noise: the current of one read is off by I = V (G eta + g_n), eta and g_n Gaussian
/// and independent over cells and reads. The card gives both for one integration time; a read that
/// integrates for T has sigma(T) = sigma(T_0) sqrt(T_0 / T) (variance S_w / (2T)).
/// Units: eta without unit, g_n in siemens. Source: physics.md section 4; each card names its own.
/// Not modelled: slow noise (parts of their own), a dependence of eta on the state beyond the
/// absolute part, clipping of a single noisy read.
struct WhiteReadNoise {
    double sigma_rel = 0.0;  ///< of the cell's conductance, at `integration_time`
    Siemens sigma_abs = {};  ///< at `integration_time`
    Second integration_time = {};
    double scale = 1.0;  ///< experiment's multiplier

    double relative_at(Second read_time) const;
    Siemens absolute_at(Second read_time) const;
    bool none() const;
};

/// Section `read_noise` (absent: silent) and `device.read_noise.scale`.
WhiteReadNoise load_white_noise(const Settings& experiment, const Settings& card);

}  // namespace attohm
