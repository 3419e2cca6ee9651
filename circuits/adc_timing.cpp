#include "circuits/adc_timing.hpp"

#include <algorithm>

namespace attohm {

std::optional<AdcTiming> adc_timing(const Settings& experiment) {
    const std::string name =
        experiment.choice("adc.architecture", {"ideal-uniform", "sar", "flash", "ramp"});
    if (name == "ideal-uniform") return std::nullopt;
    AdcTiming timing;
    for (const AdcArchitecture architecture :
         {AdcArchitecture::sar, AdcArchitecture::flash, AdcArchitecture::ramp})
        if (name == adc_architecture_name(architecture)) timing.architecture = architecture;
    timing.bits = static_cast<int>(experiment.integer("adc.bits", {2.0, 16.0}));
    timing.clock = Hertz::from_value(experiment.real("adc.clock_GHz", {1e-6, 100.0}) * 1e9);
    timing.columns = std::min(experiment.integer("adc.columns", {1, 65536}),
                              experiment.integer("array.columns", {1, 65536}));
    return timing;
}

}  // namespace attohm
