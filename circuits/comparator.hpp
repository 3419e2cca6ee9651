#pragma once

#include "src/base/units.hpp"

namespace attohm {

/// One-bit comparator at the foot of a column: fires when v + o + w >= v_th.
/// o: static offset, one Gaussian draw per physical comparator and chip; w: white noise per
/// decision. Source: physics.md section 2. Not modelled here: hysteresis, metastability, decision
/// time.
struct Comparator {
    Volt offset_sigma = {};
    Volt noise_sigma = {};
};

}  // namespace attohm
