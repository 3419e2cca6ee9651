#include "crossbar/wires/line_resistance.hpp"

#include <catch2/catch.hpp>

#include "crossbar/device/temperature.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

LineGeometry copper_line() {
    LineGeometry line;
    line.resistivity = OhmMetre::from_value(4e-8);
    line.width = Metre::from_value(50e-9);
    line.height = Metre::from_value(100e-9);
    line.pitch = Metre::from_value(200e-9);
    return line;
}

}  // namespace

TEST_CASE("a segment is rho L / (w h), warmer wires resist more", "[unit]") {
    const Kelvin reference = wire_reference();
    // 4e-8 ohm m over 200 nm through 50 nm x 100 nm.
    CHECK(segment_resistance(copper_line(), reference).value() == Approx(1.6).epsilon(1e-12));
    CHECK(segment_resistance(copper_line(), Kelvin::from_value(400.0)).value() ==
          Approx(1.6 * 1.451).epsilon(1e-12));
    CHECK(segment_resistance(copper_line(), Kelvin::from_value(250.0)).value() ==
          Approx(1.6 * (1.0 - 0.2255)).epsilon(1e-12));
}

TEST_CASE("a length in nanometres is refused", "[unit]") {
    for (Metre LineGeometry::*length :
         {&LineGeometry::width, &LineGeometry::height, &LineGeometry::pitch}) {
        for (const double wrong : {50.0, 0.0, -1e-9, std::nan("")}) {
            LineGeometry line = copper_line();
            line.*length = Metre::from_value(wrong);
            CHECK_THROWS_WITH(segment_resistance(line, wire_reference()),
                              Catch::Contains("metres, not nanometres"));
        }
    }
    LineGeometry line = copper_line();
    line.resistivity = OhmMetre{};
    CHECK_THROWS_AS(segment_resistance(line, wire_reference()), UserError);
}
