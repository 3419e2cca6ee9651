#include "circuits/memory/memory_cost.hpp"

namespace attohm {

Joule MemoryEnergy::known() const {
    Joule sum = Joule::from_value(0.0);
    for (const std::optional<Joule>& part : {burst, activate, refresh, background, io})
        if (part) sum += *part;
    return sum;
}

std::optional<Joule> MemoryEnergy::total() const {
    if (is_one_figure) return burst;
    if (!burst || !activate || !refresh || !background || !io) return std::nullopt;
    return known();
}

}  // namespace attohm
