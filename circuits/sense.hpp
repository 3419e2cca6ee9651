#pragma once

#include <optional>

#include "src/base/units.hpp"

namespace attohm {

/// Current to voltage at the foot of a column pair: v = R_t I, R_t = v_fs / I_fs, clipping at
/// +-I_fs. Everything behind the product is counted in integer score steps: n = I / I_lsb. Source:
/// physics.md section 2. Not modelled: settling, static power.
struct Sense {
    Volt v_fs = {};
    Ampere i_lsb = {};                   ///< current of one integer score step, V_read dG / L
    double n_fs = 0.0;                   ///< full scale in integer steps, I_fs / I_lsb
    std::optional<double> n_column_max;  ///< single physical column clips here (steps); none: ideal

    Ampere i_fs() const { return i_lsb * n_fs; }
    Volt volts_per_step() const { return v_fs / n_fs; }
    double steps(Volt v) const { return (v / volts_per_step()).value(); }
};

}  // namespace attohm
