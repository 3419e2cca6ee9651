#pragma once

#include <optional>
#include <span>

#include "crossbar/device/validity.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// What temperature does to a cell and to a line.
namespace attohm {

/// Conductance at temperature T of a cell that has G at the card's reference T0:
///     G >= crossover (metallic)   G (1 + alpha (T - T0))          alpha < 0 for a metal
///     G <  crossover (activated)  G exp(-(Ea / k) (1 / T - 1 / T0))
/// Units: siemens, kelvin; alpha in 1/K, Ea in eV. Source: physics.md section 3; each card names
/// its own. Errors: a temperature outside the card's validity, or at which a metallic cell would
/// have no conductance left. Not modelled: alpha and Ea that depend on the state (the law steps at
/// the crossover), temperature during the write, faster relaxation when hot, self-heating.
struct Temperature {
    Kelvin reference = {};  ///< T0
    Siemens crossover = {};
    double alpha_per_K = 0.0;
    double activation_eV = 0.0;

    /// G(T) / G(T0) of cells at or above the crossover, and below it.
    struct Factors {
        double metallic = 1.0;
        double activated = 1.0;
        double crossover_S = 0.0;

        bool none() const { return metallic == 1.0 && activated == 1.0; }
        double of(Siemens at_reference) const {
            return at_reference.value() >= crossover_S ? metallic : activated;
        }
        /// conductance[i] <- its value at T; unit: of the conductances (given as G / unit).
        void apply(Siemens unit, std::span<float> conductance) const;
    };
    Factors at(Kelvin temperature) const;
    /// G(T) / G(T0).
    double factor(Siemens at_reference, Kelvin temperature) const;
};

/// Section `temperature` (absent: a card that knows one temperature).
std::optional<Temperature> load_temperature_law(const Settings& card);

/// Temperature of the array: `device.temperature_K`, or the card's reference where it says `card`
/// (a card without the section: kWireReference).
/// Throws: UserError for a temperature outside the card's validity, and for any given number where
///   the card has no section `temperature`.
Kelvin load_temperature(const Settings& experiment, const std::optional<Temperature>& law,
                        const Validity& validity);

/// Temperature at which wire resistances are given.
Kelvin wire_reference();

/// r(T) / r(300 K) = 1 + 0.00451 (T - 300), the sign kept below 300 K.
/// Source: temperature coefficient of NeuroSim V1.4 (which takes |T - 300|, wrong below 300 K);
/// physics.md section 3. Throws: UserError where the factor would not be positive (T < 78.3 K).
/// Not modelled: size effects on the coefficient of thin lines.
double wire_factor(Kelvin temperature);

}  // namespace attohm
