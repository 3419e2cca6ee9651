#include "circuits/digital_library.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

constexpr NumberFormat kInt = NumberFormat::integer;
constexpr NumberFormat kFloat = NumberFormat::floating;

Settings tables() {
    return Settings::from_text(circuit_table("horowitz-45nm").value(), "horowitz-45nm");
}

Settings tables_with(const std::string& assignment) {
    Settings changed = tables();
    changed.overlay_assignment(assignment);
    return changed;
}

DigitalLibrary library_of(const Settings& settings, double node_nm = 45.0, double vdd_V = 0.9) {
    return DigitalLibrary(settings, node_nm, Volt::from_value(vdd_V));
}

/// The library at the node of its points.
DigitalLibrary at_home() {
    return library_of(tables());
}

double pJ(const UnitCost& cost) {
    return cost.energy.value().value / 1e-12;
}

double pJ(const DigitalLibrary& library, OpKind kind, NumberFormat format, int bits) {
    return pJ(library.unit(kind, format, bits));
}

void refuses(const std::function<void()>& act, const std::string& got, const std::string& allowed) {
    try {
        act();
        FAIL("not refused");
    } catch (const UserError& error) {
        INFO(error.what());
        CHECK_THAT(error.got(), Catch::Contains(got));
        CHECK_THAT(error.allowed(), Catch::Contains(allowed));
        CHECK_FALSE(error.where().empty());
    }
}

std::vector<OpKind> all_kinds() {
    std::vector<OpKind> kinds;
    for (std::size_t i = 0; i < static_cast<std::size_t>(OpKind::count_); ++i)
        kinds.push_back(static_cast<OpKind>(i));
    return kinds;
}

}  // namespace

TEST_CASE("adders, multipliers and MACs are the cited points at their node", "[unit]") {
    const DigitalLibrary library = at_home();
    struct Point {
        OpKind kind;
        NumberFormat format;
        int bits;
        double pJ;
    };
    for (const Point& point : {Point{OpKind::add, kInt, 8, 0.03},
                               {OpKind::add, kInt, 32, 0.1},
                               {OpKind::multiply, kInt, 8, 0.2},
                               {OpKind::multiply, kInt, 32, 3.1},
                               {OpKind::add, kFloat, 16, 0.4},
                               {OpKind::add, kFloat, 32, 0.9},
                               {OpKind::multiply, kFloat, 16, 1.1},
                               {OpKind::multiply, kFloat, 32, 3.7},
                               // MACs: the sum runs at 32 bits.
                               {OpKind::matmul, kInt, 8, 0.3},
                               {OpKind::matmul, kInt, 32, 3.2},
                               {OpKind::matmul, kFloat, 16, 2.0},
                               {OpKind::matmul, kFloat, 32, 4.6},
                               {OpKind::accumulate, kInt, 8, 0.1}}) {
        const UnitCost cost = library.unit(point.kind, point.format, point.bits);
        INFO(cost.circuit);
        CHECK(pJ(cost) == Approx(point.pJ).epsilon(1e-12));
        CHECK(cost.energy->mark == Mark::cited);
        CHECK(cost.event == op_kind_info(point.kind).unit);
    }
    // Between and beyond the points it is the law, and says so.
    const UnitCost between = library.unit(OpKind::multiply, kInt, 16);
    CHECK(pJ(between) == Approx(std::sqrt(0.2 * 3.1)));
    CHECK(between.energy->mark == Mark::fitted);
    CHECK_THAT(between.energy->source, Catch::Contains("power law"));
    CHECK(pJ(library, OpKind::multiply, kInt, 4) ==
          Approx(0.2 / std::pow(2.0, std::log2(3.1 / 0.2) / 2.0)));
}

TEST_CASE("SRAM passes through its points, or near them by the law", "[unit]") {
    const DigitalLibrary library = at_home();
    const DigitalLibrary by_law = library_of(tables_with("digital.sram_method=law"));
    for (const auto& [KB, access_pJ] : {std::pair{8.0, 10.0}, {32.0, 20.0}, {1024.0, 100.0}}) {
        const UnitCost cost = library.sram(KB, 64);
        CHECK(pJ(cost) * 64.0 == Approx(access_pJ).epsilon(1e-12));
        CHECK(cost.energy->mark == Mark::cited);
        CHECK(pJ(by_law.sram(KB, 64)) * 64.0 == Approx(access_pJ).epsilon(0.05));
        CHECK(by_law.sram(KB, 64).energy->mark == Mark::fitted);
        CHECK(cost.event == "bit_access");
    }
    // The least squares of ln 10, ln 20, ln 100 over ln 8, ln 32, ln 1024, by hand.
    const double exponent = (0.6931 * 0.3054 + 2.0794 * 0.9986 + 2.7726 * 1.3040) /
                            (2.0794 * 2.0794 + 0.6931 * 0.6931 + 2.7726 * 2.7726);
    CHECK(pJ(by_law.sram(2048, 64)) / pJ(by_law.sram(1024, 64)) ==
          Approx(std::pow(2.0, exponent)).epsilon(1e-4));
    CHECK(pJ(library.sram(2048, 64)) / pJ(library.sram(1024, 64)) ==
          Approx(std::pow(2.0, exponent)).epsilon(1e-4));
    // Cells alone: 8 KB of 0.667 um2 at 65 nm, carried by the square of the node.
    CHECK(library.sram(8, 64).area->value / 1e-12 ==
          Approx(65536 * 0.667 * 45.0 * 45.0 / (65.0 * 65.0)));
    CHECK_FALSE(library.sram(8, 64).leakage.has_value());
    CHECK_FALSE(library.sram(8, 64).latency.has_value());
}

TEST_CASE("composite operations are the sums that the table states", "[unit]") {
    const DigitalLibrary library = at_home();
    CHECK(pJ(library, OpKind::exp, kFloat, 16) == Approx(1.1 + 0.9));
    CHECK(pJ(library, OpKind::reciprocal, kFloat, 32) == Approx(4 * 3.7 + 2 * 0.9));
    CHECK(pJ(library, OpKind::divide, kFloat, 32) ==
          Approx(pJ(library, OpKind::reciprocal, kFloat, 32) + 3.7));
    // An exponential, a sum, a product, and the running maximum at 16 bits.
    CHECK(pJ(library, OpKind::softmax, kFloat, 16) == Approx(2 * 1.1 + 2 * 0.9 + 0.4));
    CHECK(pJ(library, OpKind::compare, kInt, 8) == Approx(0.03));
    const double register8 =
        8 * 0.008999495 * (45.0 / 40.0);  // synthesised at 40 nm and the same supply
    CHECK(pJ(library, OpKind::top_k, kInt, 8) == Approx(0.03 + register8));
    CHECK(pJ(library, OpKind::sort, kInt, 8) == Approx(0.015 + register8));
    for (const OpKind kind : {OpKind::exp, OpKind::softmax, OpKind::sort, OpKind::pack}) {
        const UnitCost cost = library.unit(kind, kInt, 8);
        CHECK(cost.energy->mark == Mark::assumed);
        CHECK_THAT(cost.energy->source, Catch::Contains("numbers assumed"));
        CHECK(cost.area->mark == Mark::assumed);
        CHECK_FALSE(cost.latency.has_value());
    }
    // Another count in the table is another price.
    const DigitalLibrary cheaper = library_of(tables_with("digital.exp_operations=[0, 1, 0, 0]"));
    CHECK(pJ(cheaper, OpKind::exp, kFloat, 16) == Approx(0.9));
    CHECK(library.softmax_pipeline_cycles().value == 87.0);
}

TEST_CASE("registers, shift-add and codes are counted from bits and gates", "[unit]") {
    // At the synthesis node and supply nothing is carried.
    const DigitalLibrary library = library_of(tables(), 40.0, 0.9);
    const UnitCost file = library.register_file(64, 8);
    CHECK(file.energy->value == Approx(0.008999495e-12));
    CHECK(file.energy->mark == Mark::cited);
    CHECK(file.area->value == Approx(512 * 5.981433e-12));
    CHECK(file.leakage->value == Approx(512 * 73.95312e-9));
    const UnitCost shift_add = library.shift_add(32);
    const double node = 40.0 / 45.0;
    CHECK(pJ(shift_add) == Approx(0.4172512 + 0.1 * node));
    CHECK(shift_add.latency->value == Approx((0.7 + 0.98) * 1e-9));
    CHECK(shift_add.leakage->value == Approx((1.697876 + 2.249908) * 1e-6));
    // Hamming (64 + 7 checks + parity): 7 x 31 + 70 XORs.
    CHECK(pJ(library.ecc(64)) == Approx(0.0180559 / 32.0 * (7 * 31 + 70)));
    CHECK_THAT(library.ecc(64).energy->source, Catch::Contains("64 + 8 bits"));
    CHECK_THAT(library.ecc(8).energy->source, Catch::Contains("8 + 5 bits"));
}

TEST_CASE("what nobody published stays absent", "[unit]") {
    const DigitalLibrary library = at_home();
    for (const UnitCost& cost :
         {library.dma(), library.io(), library.unit(OpKind::gather, kInt, 8)}) {
        INFO(cost.circuit);
        CHECK_FALSE(cost.circuit.empty());
        CHECK_FALSE(cost.event.empty());
        CHECK_FALSE(cost.energy.has_value());
        CHECK_FALSE(cost.area.has_value());
        CHECK_FALSE(cost.leakage.has_value());
        CHECK_FALSE(cost.latency.has_value());
    }
    // The synthesis was of 32 bits: a wider unit has no delay, a narrower one that of 32.
    CHECK_FALSE(library.unit(OpKind::multiply, kInt, 64).latency.has_value());
    CHECK_FALSE(library.unit(OpKind::matmul, kInt, 64).latency.has_value());
    CHECK(library.unit(OpKind::multiply, kInt, 8).latency->mark == Mark::assumed);
    CHECK(library.unit(OpKind::matmul, kInt, 32).latency->value ==
          Approx((0.98 + 0.98) * 1e-9 * 45.0 / 40.0));
}

TEST_CASE("widths, capacities, nodes and supplies outside their range are refused", "[unit]") {
    const DigitalLibrary library = at_home();
    for (const OpKind kind : all_kinds()) {
        CHECK_NOTHROW(library.unit(kind, kInt, 2));
        CHECK_NOTHROW(library.unit(kind, kInt, 64));
        refuses([&] { library.unit(kind, kInt, 1); }, "1", "2 to 64");
        refuses([&] { library.unit(kind, kInt, 65); }, "65", "2 to 64");
        refuses([&] { library.unit(kind, kFloat, 7); }, "7", "8 to 64");
    }
    CHECK_NOTHROW(library.sram(0.5, 8));
    CHECK_NOTHROW(library.sram(65536, 1024));
    refuses([&] { library.sram(std::nextafter(0.5, 0.0), 8); }, "0.49", "0.5 to 65536");
    refuses([&] { library.sram(65537, 64); }, "65537", "0.5 to 65536");
    refuses([&] { library.sram(std::nan(""), 64); }, "nan", "0.5 to 65536");
    refuses([&] { library.sram(8, 4); }, "4", "8 to 1024");
    refuses([&] { library.sram(8, 2048); }, "2048", "8 to 1024");
    refuses([&] { library.register_file(8192, 8); }, "8192", "1 to 4096");
    refuses([&] { library.register_file(1, 16); }, "16", "1 to 8");
    refuses([&] { library.ecc(2); }, "2", "4 to 1024");
    refuses([&] { library.shift_add(128); }, "128", "2 to 64");
    // A node in metres, a supply in millivolt.
    refuses([&] { library_of(tables(), 65e-9, 1.0); }, "6.5e-08", "7 to 180");
    refuses([&] { library_of(tables(), 65, 1000.0); }, "1000", "0.4 to 1.8");
    refuses([&] { library_of(tables(), std::nan(""), 1.0); }, "nan", "7 to 180");
}

TEST_CASE("a figure 1000 times off, or of 0, does not become a price", "[unit]") {
    const auto refused = [](const std::string& assignment) {
        INFO(assignment);
        CHECK_THROWS_AS(library_of(tables_with(assignment)), UserError);
    };
    // fJ or nJ under a key of pJ: two points give an exponent no circuit has, three no power law.
    refused("digital.int_mul_pJ=[0.2, 3100]");
    refused("digital.int_mul_pJ=[200, 3.1]");
    refused("digital.int_add_pJ=[0.03, 100]");
    refused("digital.float_mul_pJ=[1100, 3.7]");
    refused("digital.sram_access_pJ=[10, 20, 100000]");
    refused("digital.sram_access_pJ=[0.01, 20, 100]");
    refused("digital.int_add_area_um2=[36, 67000, 137]");
    refuses([] { library_of(tables_with("digital.int_mul_pJ=[0.2, 3100]")); }, "6.9",
            "another unit");
    for (const std::string& key : tables().keys()) {
        const bool is_figure = key.ends_with("_pJ") || key.ends_with("_um2") ||
                               key.ends_with("_uW") || key.ends_with("_nW") || key.ends_with("_ns");
        if (!is_figure || key.find("check") != std::string::npos) continue;
        const SettingsEntry entry = tables().entry(key);
        std::string zeros = "0";
        for (std::size_t i = 1; i < entry.values.size(); ++i) zeros += ", 0";
        refused(key + "=" + (entry.is_list ? "[" + zeros + "]" : zeros));
        const std::string negative = entry.is_list ? "[-1, -1]" : "-1";
        refused(key + "=" + negative);
    }
    refused("digital.exp_operations=[0, 0, 0, 0]");
    refused("digital.exp_operations=[1, 1]");
    refused("digital.exp_operations=[-1, 2, 0, 0]");
    refused("digital.int_mul_bits=[32, 8]");
    refused("digital.int_mul_bits=[8]");
}

TEST_CASE("more bits and more capacity never cost less", "[property]") {
    for (const char* method : {"constant_field", "table"}) {
        for (const char* sram : {"points", "law"}) {
            Settings settings = tables_with(std::string("node_scaling.method=") + method);
            settings.overlay_assignment(std::string("digital.sram_method=") + sram);
            const DigitalLibrary library = library_of(settings, 28.0, 0.8);
            for (const OpKind kind : all_kinds()) {
                if (kind == OpKind::gather) continue;
                for (const auto& [format, lowest] : {std::pair{kInt, 2}, {kFloat, 8}}) {
                    UnitCost last = library.unit(kind, format, lowest);
                    CHECK(last.energy->value > 0.0);
                    for (int bits = lowest + 1; bits <= 64; ++bits) {
                        const UnitCost cost = library.unit(kind, format, bits);
                        REQUIRE(cost.energy->value >= last.energy->value);
                        REQUIRE(cost.area->value >= last.area->value);
                        REQUIRE(cost.leakage->value >= last.leakage->value);
                        REQUIRE_FALSE(cost.energy->source.empty());
                        last = cost;
                    }
                }
            }
            double last = 0.0, last_area = 0.0;
            for (double KB = 0.5; KB <= 65536; KB *= 1.09) {
                const UnitCost cost = library.sram(KB, 64);
                REQUIRE(cost.energy->value > last);
                REQUIRE(cost.area->value > last_area);
                last = cost.energy->value;
                last_area = cost.area->value;
            }
        }
    }
}

TEST_CASE("energies of parts add up to the whole", "[property]") {
    for (const double node : {22.0, 28.0, 45.0, 65.0, 130.0}) {
        const DigitalLibrary library = library_of(tables(), node, 0.85);
        for (const int bits : {2, 4, 7, 8, 12, 16, 24, 32, 48, 64}) {
            const int wide = std::max(bits, 32);
            const double mul = pJ(library, OpKind::multiply, kInt, bits);
            const double add = pJ(library, OpKind::add, kInt, wide);
            const double compare = pJ(library, OpKind::add, kInt, bits);
            CHECK(pJ(library, OpKind::matmul, kInt, bits) == Approx(mul + add).epsilon(1e-12));
            CHECK(pJ(library, OpKind::convolve, kInt, bits) ==
                  pJ(library, OpKind::matmul, kInt, bits));
            CHECK(pJ(library, OpKind::softmax, kInt, bits) ==
                  Approx(2 * mul + 2 * add + compare).epsilon(1e-12));
            CHECK(pJ(library, OpKind::transform, kInt, bits) ==
                  Approx(2 * mul + add).epsilon(1e-12));
            CHECK(library.unit(OpKind::matmul, kInt, bits).area->value ==
                  Approx(library.unit(OpKind::multiply, kInt, bits).area->value +
                         library.unit(OpKind::add, kInt, wide).area->value));
            // An access of any width pays by the bit.
            if (bits >= 8) CHECK(pJ(library.sram(64, bits)) == pJ(library.sram(64, 64)));
        }
    }
}
