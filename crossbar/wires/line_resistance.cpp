#include "crossbar/wires/line_resistance.hpp"

#include <cmath>

#include "crossbar/device/temperature.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

void require_length(const char* name, Metre length) {
    constexpr double kLongest = 1e-3;
    if (length.value() > 0.0 && length.value() <= kLongest) return;
    throw UserError("dimension of a line", name, fmt::format("{:g} m", length.value()),
                    "above 0, at most 0.001 m (metres, not nanometres)");
}

}  // namespace

Ohm segment_resistance(const LineGeometry& line, Kelvin temperature) {
    if (!(line.resistivity.value() > 0.0) || !std::isfinite(line.resistivity.value()))
        throw UserError("resistivity of a line", "resistivity",
                        fmt::format("{:g} ohm m", line.resistivity.value()), "above 0");
    require_length("width", line.width);
    require_length("height", line.height);
    require_length("pitch", line.pitch);
    const Ohm at_reference = line.resistivity * line.pitch / (line.width * line.height);
    return at_reference * wire_factor(temperature);
}

}  // namespace attohm
