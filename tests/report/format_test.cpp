#include "src/report/format.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace attohm;

TEST_CASE("numbers keep three significant digits and stay plain where that is short", "[unit]") {
    CHECK(format_figure(0.0) == "0");
    CHECK(format_figure(0.97344) == "0.973");
    CHECK(format_figure(12.345) == "12.3");
    CHECK(format_figure(0.00123456) == "0.00123");
    CHECK(format_figure(9.999) == "10.0");
    CHECK(format_figure(1.23e-7) == "1.23e-07");
    CHECK(format_figure(-12.345) == "-12.3");
    CHECK(format_figure(123456.0, 6) == "123\u202f456");
    CHECK(format_figure(std::numeric_limits<double>::infinity()) == "\u221e");
    CHECK(format_figure(std::numeric_limits<double>::quiet_NaN()) == "unknown");
    CHECK(format_count(6240) == "6240");
    CHECK(format_count(-1234567) == "-1\u202f234\u202f567");
}

TEST_CASE("quantities take the prefix that brings them to 1..999", "[unit]") {
    CHECK(format_si(1.23e-8, "J") == "12.3 nJ");
    CHECK(format_si(9.999e-7, "J") == "1.00 \u00b5J");
    CHECK(format_si(999.4e-9, "J") == "999 nJ");
    CHECK(format_si(0.0, "J") == "0 J");
    CHECK(format_si(2.5e-15, "J") == "2.50 fJ");
    CHECK(format_si(1.5e3, "s") == "1.50 ks");
    const SiScale scale = si_scale(4.2e-5);
    CHECK(scale.prefix == "\u00b5");
    CHECK(scale.factor == Approx(1e6));
}

TEST_CASE("intervals show both ends, changes their sign", "[unit]") {
    CHECK(format_interval({0.5, 0.25, 0.75}) == "0.500 [0.250, 0.750]");
    CHECK(format_change({-0.01, -0.0231, 0.0029}) == "-0.010 [-0.023, +0.003]");
}

TEST_CASE("text from results cannot become markup", "[unit]") {
    CHECK(html_escape("<a href=\"x\">'&'</a>") ==
          "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}
