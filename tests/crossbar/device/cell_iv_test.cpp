#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "crossbar/device/cell_iv.hpp"
#include "src/base/error.hpp"
#include "src/base/random.hpp"

using namespace attohm;
using Catch::Contains;

namespace {

Settings card(const std::string& text) {
    return Settings::from_text(text, "card.yaml");
}
CellIv iv_of(const std::string& keys) {
    return load_cell_iv(card("iv: {" + keys + "}\n"));
}
Selector selector_of(const std::string& keys) {
    return load_selector(card("selector: {" + keys + "}\n"));
}

const char* const kSinh = "law: sinh, v_ref_V: 0.2, v0_V: 0.25";
const char* const kPolynomial = "law: polynomial, v_ref_V: 0.2, coefficients: [0.5, 2.0, -0.1, 3]";
const char* const kTable =
    "law: table, v_ref_V: 0.2, v_V: [0, 0.1, 0.2, 0.4], i_over_g_v: [0, 0.4, 1, 2.5]";

/// The message of the error that the call throws.
template <class Call>
std::string refusal(Call call) {
    try {
        call();
    } catch (const UserError& error) {
        return error.what();
    }
    return "nothing was refused";
}

}  // namespace

TEST_CASE("a card without sections is a linear cell", "[unit]") {
    const CellLaw law = load_cell_law(card("conductance: {g_min_uS: 1}\n"));
    CHECK(law.is_linear());
    CHECK(law.current(Siemens::from_value(3e-6), Volt::from_value(-0.7)).value() ==
          Approx(-2.1e-6).epsilon(1e-15));
    CHECK(load_cell_law(card("iv: {law: linear, v_ref_V: 0.2}\n")).is_linear());
}

TEST_CASE("currents follow their equations", "[unit]") {
    const double g = 20e-6;
    const auto current = [g](const CellIv& iv, double v) {
        return iv.current(Siemens::from_value(g), Volt::from_value(v)).value();
    };
    const double v = 0.37;
    CHECK(current(iv_of(kSinh), v) ==
          Approx(g * 0.2 * std::sinh(v / 0.25) / std::sinh(0.2 / 0.25)).epsilon(1e-14));
    const auto p = [](double x) {
        return 1 + 0.5 * x + 2 * x * x - 0.1 * std::pow(x, 3) + 3 * std::pow(x, 4);
    };
    CHECK(current(iv_of(kPolynomial), v) == Approx(g * v * p(v) / p(0.2)).epsilon(1e-14));
    CHECK(current(iv_of(kTable), 0.15) == Approx(g * 0.2 * 0.7).epsilon(1e-14));
    CHECK(current(iv_of(kTable), 0.3) == Approx(g * 0.2 * 1.75).epsilon(1e-14));
}

TEST_CASE("every law is odd, linear at v_ref, and has the slope that it says", "[property]") {
    for (const char* keys : {kSinh, kPolynomial, kTable}) {
        const CellIv iv = iv_of(keys);
        INFO(keys);
        CHECK(iv.shape(0.2) == Approx(0.2).epsilon(1e-13));
        CHECK(iv.shape(0.0) == 0.0);
        double before = 0.0;
        for (int k = 1; k < 160; ++k) {
            const double v = 0.0031 * k, h = 1e-6;
            CHECK(iv.shape(-v) == -iv.shape(v));
            CHECK(iv.slope(-v) == iv.slope(v));
            CHECK(iv.shape(v) >= before);
            before = iv.shape(v);
            CHECK(iv.slope(v) ==
                  Approx((iv.shape(v + h) - iv.shape(v - h)) / (2 * h)).epsilon(2e-8));
        }
    }
}

TEST_CASE("many voltages at once give what one at a time gives", "[property]") {
    const Stream stream(3, Purpose::synth_content, {1});
    for (const char* keys : {"law: linear", kSinh, kPolynomial, kTable}) {
        const CellIv iv = iv_of(keys);
        std::vector<double> v(100), shape(100), slope(100);
        for (std::size_t k = 0; k < v.size(); ++k) v[k] = 1.4 * stream.uniform(k) - 0.7;
        iv.shapes(v, shape, slope);
        for (std::size_t k = 0; k < v.size(); ++k) {
            CHECK(shape[k] == iv.shape(v[k]));
            CHECK(slope[k] == iv.slope(v[k]));
        }
    }
}

TEST_CASE("beyond its range a law goes on as a straight line", "[unit]") {
    const CellIv iv = iv_of(kTable);
    CHECK(iv.v_max == 0.4);
    CHECK(iv.shape(0.6) == Approx(0.5 + 0.2 * 1.5).epsilon(1e-14));
    CHECK(std::isfinite(iv_of(kSinh).shape(1e6)));
}

TEST_CASE("element and selector share the voltage and the current", "[property]") {
    const std::vector<Selector> selectors = {
        Selector{}, selector_of("law: resistance, r_on_ohm: 5000"),
        selector_of("law: exponential, i0_A: 1e-9, v0_V: 0.05"),
        selector_of("law: exponential, i0_A: 1e-15, v0_V: 0.03"),
        selector_of("law: exponential, i0_A: 1e-3, v0_V: 0.5")};
    for (const char* keys : {"law: linear", kSinh, kPolynomial, kTable}) {
        for (const Selector& selector : selectors) {
            const CellLaw law{iv_of(keys), selector};
            for (const double g : {0.0, 1e-9, 3e-6, 2e-4}) {
                for (const double v : {-1.5, -0.21, -1e-4, 0.0, 1e-6, 0.03, 0.21, 0.9}) {
                    const Siemens siemens = Siemens::from_value(g);
                    const Volt volt = Volt::from_value(v);
                    const double i = law.current(siemens, volt).value();
                    const double u = law.element_voltage(siemens, volt).value();
                    INFO(keys << ", " << selector_law_name(selector.law) << ", " << g << " S, " << v
                              << " V");
                    CHECK(i == Approx(g * law.iv.shape(u)).epsilon(1e-12).margin(0));
                    CHECK(u + selector.drop(i) == Approx(v).epsilon(1e-12).margin(1e-300));

                    // dI/dV against a difference quotient that stays on one line of the table.
                    std::vector<double> gs = {g, g}, vs = {v, v * (1 + 1e-6)}, is(2), ds(2);
                    law.currents(gs, vs, is, ds);
                    CHECK(is[0] == i);
                    if (v != 0.0)
                        CHECK(
                            ds[0] ==
                            Approx((is[1] - is[0]) / (vs[1] - vs[0])).epsilon(1e-4).margin(1e-18));
                    CHECK(ds[0] >= 0.0);
                }
            }
        }
    }
}

TEST_CASE("a series resistor on a linear cell has a closed form", "[unit]") {
    const CellLaw law{CellIv{}, selector_of("law: resistance, r_on_ohm: 10000")};
    CHECK(law.current(Siemens::from_value(1e-4), Volt::from_value(0.3)).value() ==
          Approx(0.3 / 2e4).epsilon(1e-14));
    CHECK_FALSE(law.is_linear());
}

TEST_CASE("laws that no solver can trust are refused with key and place", "[unit]") {
    const auto refused = [](const std::string& keys, std::initializer_list<const char*> words) {
        const std::string said = refusal([&] { iv_of(keys); });
        for (const char* word : words) CHECK_THAT(said, Contains(word));
    };
    refused("law: cubic", {"iv.law", "cubic", "polynomial"});
    refused("law: sinh, v_ref_V: 0.2", {"iv.v0_V"});
    refused("v0_V: 0.2", {"iv.law"});
    refused("law: sinh, v_ref_V: 0, v0_V: 0.2", {"iv.v_ref_V"});
    refused("law: sinh, v_ref_V: 60, v0_V: 0.1", {"iv.v_ref_V", "50"});
    refused("law: polynomial, v_ref_V: 0.2, coefficients: []", {"iv.coefficients"});
    refused("law: polynomial, v_ref_V: 0.2, coefficients: [-1]",
            {"iv.coefficients", "card.yaml:1:", "falls"});
    // Falls between 0.35 V and 0.6 V only: no end of the range shows it.
    refused("law: polynomial, v_ref_V: 0.2, coefficients: [-2.3, 1.65]", {"falls"});
    refused("law: table, v_ref_V: 0.2, v_V: [0, 0.2, 0.3], i_over_g_v: [0, 1, 0.9]",
            {"falls", "0.9 at 0.3 V"});
    refused("law: table, v_ref_V: 0.2, v_V: [0, 0.2, 0.2], i_over_g_v: [0, 1, 2]",
            {"iv.v_V", "0.2 V after 0.2 V"});
    refused("law: table, v_ref_V: 0.2, v_V: [0.1, 0.2], i_over_g_v: [0, 1]", {"start at 0"});
    refused("law: table, v_ref_V: 0.2, v_V: [0, 0.2, 0.3], i_over_g_v: [0, 1]", {"3 voltages"});
    refused("law: table, v_ref_V: 0.2, v_V: [0, 0.4], i_over_g_v: [0, 1]",
            {"linear", "0.5 at 0.2 V"});
    refused("law: table, v_ref_V: 0.5, v_V: [0, 0.4], i_over_g_v: [0, 1]", {"iv.v_ref_V"});
    CHECK_THAT(refusal([] { selector_of("law: diode"); }), Contains("exponential"));
    CHECK_THAT(refusal([] { selector_of("law: exponential, i0_A: 0, v0_V: 0.05"); }),
               Contains("selector.i0_A"));
    CHECK_THAT(refusal([] { selector_of("law: resistance"); }), Contains("selector.r_on_ohm"));
}

TEST_CASE("a polynomial need not rise beyond the card's read voltages", "[unit]") {
    const std::string iv = "iv: {law: polynomial, v_ref_V: 0.2, coefficients: [0, -0.5]}\n";
    CHECK_THAT(refusal([&] { load_cell_iv(card(iv)); }), Contains("validity.read_V"));
    const CellIv inside = load_cell_iv(card(iv + "validity: {read_V: [0.05, 0.8]}\n"));
    CHECK(inside.v_max == 0.8);
    CHECK(inside.slope(0.8) > 0.0);
    CHECK_THAT(refusal([&] { load_cell_iv(card(iv + "validity: {read_V: [0, 0.9]}\n")); }),
               Contains("0.9"));
    // A current that stands still at one voltage is not one that falls: slope (1 - 3 x)^2.
    CHECK(iv_of("law: polynomial, v_ref_V: 0.2, coefficients: [-3, 3]").slope(1.0 / 3.0) ==
          Approx(0.0).margin(1e-12));
}
