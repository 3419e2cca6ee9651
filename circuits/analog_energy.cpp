#include "circuits/analog_energy.hpp"

namespace attohm {

AnalogEnergies analog_energies(const Settings& settings) {
    AnalogEnergies analog;
    analog.comparator = cited(settings, "analog.comparator_fJ", kFemto, kPositive);
    analog.dac_power = cited(settings, "analog.dac_uW_per_bit1", kMicro, kPositive);
    analog.dac_bits_max = static_cast<int>(settings.integer("analog.dac_bits_max", {1, 16}));
    return analog;
}

}  // namespace attohm
