#include "circuits/analog_energy.hpp"

#include "circuits/analog_library.hpp"
#include "circuits/circuit_tables.hpp"

namespace attohm {

AnalogEnergies analog_energies(const Settings& settings) {
    AnalogEnergies analog;
    analog.comparator = cited(settings, "analog.comparator_fJ", kFemto, kPositive);
    analog.dac_power = cited(settings, "analog.dac_uW_per_bit1", kMicro, kPositive);
    require_dac_power(settings.entry("analog.dac_uW_per_bit1").where, analog.dac_power.value,
                      Settings::from_text(*circuit_table("analog-blocks"), "analog-blocks.yaml"));
    analog.dac_bits_max = static_cast<int>(settings.integer("analog.dac_bits_max", {1, 16}));
    return analog;
}

}  // namespace attohm
