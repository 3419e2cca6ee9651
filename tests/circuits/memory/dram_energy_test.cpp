#include "circuits/memory/dram_energy.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <type_traits>

#include "circuits/memory/dram_controller.hpp"
#include "tests/circuits/memory/dram_text.hpp"

using namespace attohm;
using attohm::test::DramText;

namespace {

/// Joule per read burst of a whole channel, by some model.
using ReadBurst = std::function<double(const DramTable&)>;

double ours(const DramTable& table) {
    return dram_energy(table).read_burst.value();
}

/// A peer's defect: volt x mA x cycles, called pJ.
double with_cycles_for_time(const DramTable& table) {
    const DramCurrents& c = table.currents;
    const double mA = (c.idd4r - c.idd3n).value() * 1e3;
    return c.supply.value() * mA * static_cast<double>(table.timing.burst) *
           table.geometry.devices() * 1e-12;
}

/// A charge times a voltage: the clock's period doubles it, so does the supply, and twice the
/// current above standby; a watt or a volt x mA x cycles does not pass all three.
bool has_dimension_of_energy(const ReadBurst& model, const DramTable& table) {
    const double energy = model(table);
    DramTable slow = table, high = table, strong = table;
    slow.timing.clock = table.timing.clock * 2.0;
    high.currents.supply = table.currents.supply * 2.0;
    strong.currents.idd4r = table.currents.idd4r * 2.0 - table.currents.idd3n;
    const auto doubled = [energy, &model](const DramTable& changed) {
        return std::abs(model(changed) / energy - 2.0) < 1e-9;
    };
    return doubled(slow) && doubled(high) && doubled(strong);
}

double pJ_per_bit(double burst_J, const DramText& text) {
    return burst_J * 1e12 / static_cast<double>(8 * text.burst_bytes());
}

struct Published {
    const char* table;
    double pJ_per_bit;  ///< incremental burst read, periphery notes
};
constexpr Published kPublished[] = {
    {"dram-hbm2", 1.6}, {"dram-ddr4-3200", 5.5}, {"dram-lpddr4-2400", 6.1}};

}  // namespace

TEST_CASE("burst read energy per bit is what the currents give", "[unit]") {
    for (const Published& p : kPublished) {
        INFO(p.table);
        const DramTable table = dram_table(p.table, "test");
        CHECK(pJ_per_bit(ours(table), DramText(p.table)) == Approx(p.pJ_per_bit).epsilon(0.05));
    }
}

TEST_CASE("volt x mA x cycles called pJ is caught", "[property]") {
    int caught_by_size = 0;
    for (const Published& p : kPublished) {
        INFO(p.table);
        const DramTable table = dram_table(p.table, "test");
        const double wrong = pJ_per_bit(with_cycles_for_time(table), DramText(p.table));
        caught_by_size += std::abs(wrong / p.pJ_per_bit - 1.0) > 0.05;
    }
    // HBM2's clock is 1 ns, where mA x cycles happens to be right: size alone does not catch it.
    CHECK(caught_by_size == 2);
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramTable table = dram_table(name, "test");
        CHECK(has_dimension_of_energy(ours, table));
        CHECK_FALSE(has_dimension_of_energy(with_cycles_for_time, table));
    }
    // And the types: a charge times a voltage is an energy, a current times a voltage is none.
    STATIC_REQUIRE(std::is_convertible_v<decltype(Volt{} * (Ampere{} * Second{})), Joule>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<decltype(Volt{} * Ampere{}), Joule>);
}

TEST_CASE("every energy follows from the table's text", "[unit]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText t(name);
        const DramEnergy e = dram_energy(dram_table(name, "test"));
        const double devices = static_cast<double>(t.number("bus_bits") / t.number("device_bits"));
        const double volts = t.real("vdd_V") * devices, ns = t.real("t_ck_ns");
        const auto mA = [&t](const char* key) { return t.real(std::string(key) + "_mA"); };
        const auto cycles = [&t](const char* key) { return static_cast<double>(t.t(key)); };
        const double burst = static_cast<double>(t.burst());
        // V x mA x ns = pJ.
        const double pJ = volts * ns;
        CHECK(e.read_burst.value() * 1e12 == Approx(pJ * (mA("idd4r") - mA("idd3n")) * burst));
        CHECK(e.write_burst.value() * 1e12 == Approx(pJ * (mA("idd4w") - mA("idd3n")) * burst));
        const double row = mA("idd0") * (cycles("ras") + cycles("rp")) -
                           mA("idd3n") * cycles("ras") - mA("idd2n") * cycles("rp");
        CHECK(e.activation.value() * 1e12 == Approx(pJ * row));
        CHECK(e.refresh.value() * 1e12 ==
              Approx(pJ * (mA("idd5ab") - mA("idd2n")) * cycles("rfc")));
        CHECK(e.active_standby.value() * 1e3 == Approx(volts * mA("idd3n")));
        CHECK(e.precharge_standby.value() * 1e3 == Approx(volts * mA("idd2n")));
    }
}

TEST_CASE("events and standby add up to the currents' own definition", "[property]") {
    // One bank opened and closed every t_RC draws IDD0; reading without a gap draws IDD4R.
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramTable table = dram_table(name, "test");
        const DramEnergy e = dram_energy(table);
        const DramTiming& t = table.timing;
        const auto time = [&t](std::int64_t cycles) {
            return t.clock.value() * static_cast<double>(cycles);
        };
        const double devices = table.geometry.devices(), volts = table.currents.supply.value();
        const double cycling = e.activation.value() + e.active_standby.value() * time(t.ras) +
                               e.precharge_standby.value() * time(t.rp);
        CHECK(cycling == Approx(devices * volts * table.currents.idd0.value() * time(t.rc())));
        const double reading = e.read_burst.value() + e.active_standby.value() * time(t.burst);
        CHECK(reading == Approx(devices * volts * table.currents.idd4r.value() * time(t.burst)));
    }
}
