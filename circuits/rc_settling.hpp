#pragma once

#include <cmath>

#include "src/base/units.hpp"

namespace attohm {

/// One node behind one resistance, after a step: v(t) = target + (before - target) exp(-t / tau).
/// A whole full scale of 2^B steps is within half a step after
///     t = tau (B + 1) ln 2.
/// Source: first-order response; physics.md has lines with distributed loads
/// (crossbar/wires/settling.hpp). Not modelled: slewing.
struct RcSettling {
    Second tau = {};

    static RcSettling of(Ohm resistance, Farad capacitance) {
        return {Second::from_value(resistance.value() * capacitance.value())};
    }
    double at(double target, double before, Second t) const {
        return target + (before - target) * std::exp(-(t / tau).value());
    }
    Second settle_time(int bits) const { return tau * ((bits + 1) * std::log(2.0)); }
    /// What is left of a full-scale step after t, in steps of `bits`.
    double error_steps(int bits, Second t) const {
        return std::ldexp(std::exp(-(t / tau).value()), bits);
    }
};

}  // namespace attohm
