#include "crossbar/device/temperature.hpp"

#include "tests/crossbar/device/parts_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;
using Catch::Contains;

namespace {

const std::string kCard =
    "validity: {conductance_uS: [5, 100], age_s: [0, 1], temperature_K: [200, 400], read_V: [0, "
    "0.3]}\n"
    "temperature: {reference_K: 300, crossover_uS: 30, alpha_per_K: -0.001, activation_eV: 0.05}\n";

constexpr double kBoltzmann = 1.380649e-23 / 1.602176634e-19;  // eV/K

}  // namespace

TEST_CASE("metallic cells lose and activated cells gain conductance when hot", "[unit]") {
    const Device device = device_of(kCard);
    REQUIRE(device.temperature_law);
    const Temperature& law = *device.temperature_law;
    CHECK(law.factor(50.0_uS, 350.0_K) == Approx(0.95));
    CHECK(law.factor(50.0_uS, 250.0_K) == Approx(1.05));
    CHECK(law.factor(30.0_uS, 350.0_K) == Approx(0.95));  // at the crossover: metallic
    const double hot = std::exp(-0.05 / kBoltzmann * (1.0 / 350.0 - 1.0 / 300.0));
    const double cold = std::exp(-0.05 / kBoltzmann * (1.0 / 250.0 - 1.0 / 300.0));
    CHECK(law.factor(29.9_uS, 350.0_K) == Approx(hot).epsilon(1e-8));
    CHECK(law.factor(29.9_uS, 250.0_K) == Approx(cold).epsilon(1e-8));
    CHECK(hot > 1.3);
    CHECK(cold < 0.7);
    for (const Siemens& g : {10.0_uS, 80.0_uS}) CHECK(law.factor(g, 300.0_K) == 1.0);
    CHECK(law.at(300.0_K).none());
    std::vector<float> levels = {2.0F, 2.999F, 3.0F, 8.0F};
    law.at(350.0_K).apply(10.0_uS, levels);
    CHECK(static_cast<double>(levels[0]) == Approx(2.0 * hot));
    CHECK(static_cast<double>(levels[1]) == Approx(2.999 * hot));
    CHECK(static_cast<double>(levels[2]) == Approx(3.0 * 0.95));
    CHECK(static_cast<double>(levels[3]) == Approx(8.0 * 0.95));
}

TEST_CASE("wires keep the sign of T - 300 K", "[unit]") {
    CHECK(wire_factor(300.0_K) == 1.0);
    CHECK(wire_factor(400.0_K) == Approx(1.451));
    // A resistance that grew when cold would be |T - 300|.
    CHECK(wire_factor(200.0_K) == Approx(0.549));
    CHECK_THROWS_WITH(wire_factor(70.0_K), Contains("78.3 K"));
}

TEST_CASE("the array's temperature is the card's or the experiment's", "[unit]") {
    CHECK(device_of(kCard).temperature.value() == 300.0);
    CHECK(device_of(kCard).temperature_factors().none());
    const Device hot = device_of(kCard, {"device.temperature_K=350"});
    CHECK(hot.temperature.value() == 350.0);
    CHECK(hot.temperature_factors().of(50.0_uS) == Approx(0.95));
    CHECK_THAT(complaint(kCard, {"device.temperature_K=420"}),
               Contains("420 K") && Contains("200 to 400 K"));
    CHECK_THAT(complaint(kCard, {"device.temperature_K=150"}), Contains("temperature outside"));
    // A card that knows one temperature.
    CHECK(device_of("").temperature.value() == 300.0);
    CHECK(device_of("").temperature_factors().none());
    CHECK_THAT(complaint("", {"device.temperature_K=320"}),
               Contains("knows nothing of temperature"));
    // A metal that would end.
    const std::string steep =
        "temperature: {reference_K: 300, crossover_uS: 30, alpha_per_K: -0.02, activation_eV: 0}\n";
    CHECK_THAT(complaint(steep, {"device.temperature_K=360"}), Contains("no conductance left"));
}
