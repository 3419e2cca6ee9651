#pragma once

#include <boost/units/quantity.hpp>
#include <boost/units/systems/si/area.hpp>
#include <boost/units/systems/si/capacitance.hpp>
#include <boost/units/systems/si/conductance.hpp>
#include <boost/units/systems/si/current.hpp>
#include <boost/units/systems/si/dimensionless.hpp>
#include <boost/units/systems/si/electric_charge.hpp>
#include <boost/units/systems/si/electric_potential.hpp>
#include <boost/units/systems/si/energy.hpp>
#include <boost/units/systems/si/frequency.hpp>
#include <boost/units/systems/si/power.hpp>
#include <boost/units/systems/si/resistance.hpp>
#include <boost/units/systems/si/temperature.hpp>
#include <boost/units/systems/si/time.hpp>

/// Strong SI quantities for signatures and structs. Inside inner loops use `.value()` (plain SI
/// double) from a named wrapper. Text (configuration keys, attributes, CSV columns) carries the
/// unit as a suffix instead: `v_read_V`, `energy_pJ`.
namespace attohm {

namespace si = boost::units::si;
template <class Unit>
using Quantity = boost::units::quantity<Unit, double>;

using Volt = Quantity<si::electric_potential>;
using Ampere = Quantity<si::current>;
using Siemens = Quantity<si::conductance>;
using Ohm = Quantity<si::resistance>;
using Joule = Quantity<si::energy>;
using Second = Quantity<si::time>;
using Hertz = Quantity<si::frequency>;
using Coulomb = Quantity<si::electric_charge>;
using Farad = Quantity<si::capacitance>;
using Watt = Quantity<si::power>;
using Kelvin = Quantity<si::temperature>;
using SquareMetre = Quantity<si::area>;

namespace literals {

#define ATTOHM_LITERAL(suffix, Type, factor)                        \
    inline Type operator""_##suffix(long double x) {                \
        return Type::from_value(static_cast<double>(x) * (factor)); \
    }                                                               \
    inline Type operator""_##suffix(unsigned long long x) {         \
        return Type::from_value(static_cast<double>(x) * (factor)); \
    }
ATTOHM_LITERAL(V, Volt, 1.0)
ATTOHM_LITERAL(mV, Volt, 1e-3)
ATTOHM_LITERAL(A, Ampere, 1.0)
ATTOHM_LITERAL(uA, Ampere, 1e-6)
ATTOHM_LITERAL(S, Siemens, 1.0)
ATTOHM_LITERAL(uS, Siemens, 1e-6)
ATTOHM_LITERAL(ohm, Ohm, 1.0)
ATTOHM_LITERAL(J, Joule, 1.0)
ATTOHM_LITERAL(pJ, Joule, 1e-12)
ATTOHM_LITERAL(fJ, Joule, 1e-15)
ATTOHM_LITERAL(s, Second, 1.0)
ATTOHM_LITERAL(ns, Second, 1e-9)
ATTOHM_LITERAL(us, Second, 1e-6)
ATTOHM_LITERAL(GHz, Hertz, 1e9)
ATTOHM_LITERAL(K, Kelvin, 1.0)
ATTOHM_LITERAL(mm2, SquareMetre, 1e-6)
#undef ATTOHM_LITERAL

}  // namespace literals

}  // namespace attohm
