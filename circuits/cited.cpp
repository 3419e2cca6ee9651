#include "circuits/cited.hpp"

namespace attohm {

Cited cited(const Settings& settings, std::string_view key, double si_factor, Range range) {
    const double value = settings.real(key, range) * si_factor;
    const SettingsEntry& entry = settings.entry(key);
    const std::string source =
        entry.source.empty() ? "given by the user at " + entry.where : entry.source;
    return {value, source, entry.mark};
}

}  // namespace attohm
