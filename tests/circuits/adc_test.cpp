#include "circuits/adc.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "src/base/error.hpp"
#include "tests/reference/decision_statistics.hpp"

using namespace attohm;

namespace {

Stream statics(std::uint64_t adc) {
    return {20221, Purpose::adc_static, {0, 0, 0, adc}};
}

AdcSpec bipolar(int bits, double full_scale, AdcErrors errors = {}) {
    return {bits, {full_scale, true}, errors};
}

}  // namespace

TEST_CASE("values become the nearest code, from both sides of every edge", "[unit]") {
    for (int bits = 1; bits <= 10; ++bits) {
        for (const bool two_sided : {false, true}) {
            if (two_sided && bits == 1) continue;
            const Adc adc({bits, {3.7, two_sided}, {}});
            CAPTURE(bits, two_sided);
            CHECK(adc.largest_code() - adc.lowest_code() + 1 ==
                  (two_sided ? (1 << bits) - 1 : 1 << bits));
            const double step = 3.7 / adc.largest_code();
            bool edges = true, back = true;
            for (std::int32_t code = adc.lowest_code(); code <= adc.largest_code(); ++code) {
                back = back && adc.code_from_value(adc.value_from_code(code)).code == code;
                if (code == adc.largest_code()) break;
                const double edge = (code + 0.5) * step;
                edges = edges && adc.code_from_value(edge - 1e-9 * step).code == code;
                edges = edges && adc.code_from_value(edge + 1e-9 * step).code == code + 1;
            }
            CHECK(edges);
            CHECK(back);
            CHECK(adc.code_from_value(0.0).code == 0);
        }
    }
}

TEST_CASE("beyond the chosen range values clip and are counted", "[unit]") {
    const Adc adc(bipolar(4, 7.0));
    CHECK(adc.code_from_value(7.0).code == 7);
    CHECK_FALSE(adc.code_from_value(7.0).clipped);
    CHECK_FALSE(adc.code_from_value(-7.0).clipped);
    CHECK(adc.code_from_value(std::nextafter(7.0, 1e9)).clipped);
    CHECK(adc.code_from_value(std::nextafter(-7.0, -1e9)).clipped);
    CHECK(adc.code_from_value(1e30).code == 7);
    CHECK(adc.code_from_value(-1e30).code == -7);
    const Adc one_sided({4, {15.0, false}, {}});
    CHECK_FALSE(one_sided.code_from_value(0.0).clipped);
    CHECK(one_sided.code_from_value(-1e-12).clipped);
    CHECK(one_sided.code_from_value(-1e-12).code == 0);
    // The range was chosen: whatever is converted, the same value gives the same code.
    std::vector<float> small = {1.0F, 2.0F}, large = {1.0F, 2000.0F};
    CHECK(adc.convert(small, {}) == 0);
    CHECK(adc.convert(large, {}) == 1);
    CHECK(small[0] == large[0]);
}

TEST_CASE("an ideal ADC passes the value, whatever the range", "[unit]") {
    const Adc adc({std::nullopt, {1.0, true}, {}});
    std::vector<float> values = {0.123F, -5e6F};
    CHECK(adc.convert(values, {}) == 0);
    CHECK(values == std::vector<float>{0.123F, -5e6F});
    CHECK_THROWS_AS(adc.code_from_value(0.1), InvariantError);
}

TEST_CASE("every ADC has errors of its own, the same at every read", "[property]") {
    const AdcSpec spec = bipolar(8, 127.0, {1.5, 0.02, 0.7, 0.0});
    const Adc first(spec, statics(0)), again(spec, statics(0)), second(spec, statics(1));
    CHECK(first.offset() == again.offset());
    CHECK(first.gain_error() == again.gain_error());
    CHECK(first.offset() != second.offset());
    CHECK(first.gain_error() != second.gain_error());
    int different = 0, same = 0;
    for (std::int32_t code = -127; code <= 127; ++code) {
        different += first.inl(code) != second.inl(code) ? 1 : 0;
        same += first.inl(code) == again.inl(code) ? 1 : 0;
    }
    CHECK(different == 255);
    CHECK(same == 255);
    for (double x = -120.0; x < 120.0; x += 0.37) {
        CHECK(first.code_from_value(x).code == again.code_from_value(x).code);
        CHECK(first.code_from_value(x).code == first.code_from_value(x).code);
    }
    // Another chip is another ADC.
    const Adc other_chip(spec, Stream(20221, Purpose::adc_static, {1, 0, 0, 0}));
    CHECK(other_chip.offset() != first.offset());
    // A draw does not move with the width or with another error.
    const Adc wider(bipolar(10, 127.0, {1.5, 0.02, 0.7, 0.0}), statics(0));
    CHECK(wider.inl(-5) == first.inl(-5));
    CHECK(Adc(bipolar(8, 127.0, {1.5, 0.0, 0.0, 0.0}), statics(0)).offset() == first.offset());
}

TEST_CASE("gain, offset and INL move the edges by what they say", "[unit]") {
    const AdcSpec spec = bipolar(6, 31.0, {0.4, 0.01, 0.3, 0.0});
    const Adc adc(spec, statics(7));
    bool all = true;
    for (double x = -29.0; x < 29.0; x += 0.013) {
        const double moved = x * (1.0 + adc.gain_error()) + adc.offset();
        const auto nominal = static_cast<std::int32_t>(std::nearbyint(moved));
        const double expected = std::nearbyint(moved + adc.inl(nominal));
        all = all && adc.code_from_value(x).code == static_cast<std::int32_t>(expected);
    }
    CHECK(all);
    // One code's INL: values that lie nearer than it reads the code beside.
    const Adc only_inl(bipolar(6, 31.0, {0.0, 0.0, 0.3, 0.0}), statics(7));
    for (std::int32_t code = -30; code <= 30; ++code) {
        const double inl = only_inl.inl(code);
        if (std::abs(inl) > 0.99 || std::abs(inl) < 1e-3) continue;
        const double edge = code + (inl > 0.0 ? 0.5 - inl : -0.5 - inl);
        const std::int32_t beyond = inl > 0.0 ? code + 1 : code - 1;
        const double inward = inl > 0.0 ? -1e-9 : 1e-9;
        CHECK(only_inl.code_from_value(edge + inward).code == code);
        CHECK(only_inl.code_from_value(edge - inward).code == beyond);
    }
}

TEST_CASE("static errors have the sigmas that were asked", "[stat]") {
    constexpr int kAdcs = 4000;
    const AdcErrors errors{2.0, 0.01, 0.5, 0.0};
    double offset = 0.0, gain = 0.0, inl = 0.0, correlation = 0.0, mean = 0.0;
    for (int a = 0; a < kAdcs; ++a) {
        const Adc adc(bipolar(4, 7.0, errors), statics(static_cast<std::uint64_t>(a)));
        const double o = adc.offset() / 2.0, g = adc.gain_error() / 0.01, i = adc.inl(3) / 0.5;
        mean += o / kAdcs;
        offset += o * o / kAdcs;
        gain += g * g / kAdcs;
        inl += i * i / kAdcs;
        correlation += o * i / kAdcs;
    }
    const double band = 5.0 * std::sqrt(2.0 / kAdcs);
    CHECK(std::abs(offset - 1.0) < band);
    CHECK(std::abs(gain - 1.0) < band);
    CHECK(std::abs(inl - 1.0) < band);
    CHECK(std::abs(mean) < 5.0 / std::sqrt(kAdcs));
    CHECK(std::abs(correlation) < 5.0 / std::sqrt(kAdcs));
}

TEST_CASE("input noise moves codes as often as a normal says", "[stat]") {
    constexpr std::size_t kReads = 100000;
    const Adc adc(bipolar(8, 127.0, {0.0, 0.0, 0.0, 0.8}));
    std::vector<float> values(kReads, 10.3F), normals(kReads);
    Stream(20221, Purpose::adc_noise, {3}).normals(0, normals);
    CHECK(adc.convert(values, normals) == 0);
    std::int64_t above = 0;
    for (const float v : values) above += v > 10.5F ? 1 : 0;
    // Codes from 11 on: 10.3 + 0.8 z > 10.5.
    const BinomialBand band = binomial_band(static_cast<std::int64_t>(kReads),
                                            0.5 * std::erfc(0.2 / 0.8 / std::sqrt(2.0)));
    REQUIRE(judgeable(band));
    CHECK(std::abs(deviation(band, static_cast<double>(above))) < 5.0);
}

TEST_CASE("scaling the input together with the range leaves the codes", "[property]") {
    const Adc one(bipolar(7, 10.0)), scaled(bipolar(7, 10240.0));
    bool all = true;
    for (double x = -11.0; x < 11.0; x += 0.0317) {
        const auto a = one.code_from_value(x), b = scaled.code_from_value(1024.0 * x);
        all = all && a.code == b.code && a.clipped == b.clipped;
    }
    CHECK(all);
}

TEST_CASE("converters that cannot be are refused", "[unit]") {
    CHECK_THROWS_AS(Adc(bipolar(1, 1.0)), UserError);
    CHECK_THROWS_AS(Adc(bipolar(17, 1.0)), UserError);
    CHECK_THROWS_AS(Adc({0, {1.0, false}, {}}), UserError);
    CHECK_THROWS_AS(Adc(bipolar(8, 0.0)), UserError);
    CHECK_THROWS_AS(Adc(bipolar(8, std::numeric_limits<double>::infinity())), UserError);
    CHECK_THROWS_AS(Adc(bipolar(8, 1.0, {-1.0, 0.0, 0.0, 0.0})), UserError);
    CHECK_THROWS_AS(Adc(bipolar(8, 1.0, {0.0, 0.0, 0.0, std::nan("")})), UserError);
    const Adc noisy(bipolar(8, 1.0, {0.0, 0.0, 0.0, 0.1}));
    std::vector<float> values(3, 0.0F);
    CHECK_THROWS_AS(noisy.convert(values, {}), InvariantError);
    CHECK_THROWS_AS(noisy.inl(128), InvariantError);
}
