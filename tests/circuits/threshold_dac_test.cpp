#include "circuits/threshold_dac.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "circuits/sense.hpp"

using namespace attohm;

TEST_CASE("a threshold becomes the value of the nearest code", "[unit]") {
    // 3 bits: codes -3..3 over +-6, so one code is 2 steps.
    const ThresholdDac dac(3, 6.0, Volt{});
    CHECK(dac.set(0.0).steps == 0.0F);
    CHECK(dac.set(0.99).steps == 0.0F);
    CHECK(dac.set(1.01).steps == 2.0F);
    CHECK(dac.set(-3.5).steps == -4.0F);
    CHECK(dac.set(6.0).steps == 6.0F);
    // Halves go to the even code.
    CHECK(dac.set(1.0).steps == 0.0F);
    CHECK(dac.set(3.0).steps == 4.0F);
    CHECK(dac.set(-1.0).steps == 0.0F);
    CHECK(dac.set(-3.0).steps == -4.0F);
}

TEST_CASE("the ends of the threshold range, from both sides", "[unit]") {
    const ThresholdDac dac(8, 300.0, Volt{});
    CHECK_FALSE(dac.set(300.0).clamped);
    CHECK_FALSE(dac.set(-300.0).clamped);
    CHECK(dac.set(std::nextafter(300.0, 1e9)).clamped);
    CHECK(dac.set(std::nextafter(-300.0, -1e9)).clamped);
    CHECK(dac.set(1e30).steps == 300.0F);
    CHECK(dac.set(-1e30).steps == -300.0F);
}

TEST_CASE("an ideal threshold DAC keeps the real number, whatever the range", "[unit]") {
    const ThresholdDac dac(std::nullopt, 10.0, Volt{});
    CHECK(dac.set(3.14159).steps == 3.14159F);
    CHECK(dac.set(1e6).steps == 1e6F);
    CHECK_FALSE(dac.set(1e6).clamped);
}

TEST_CASE("laws of the threshold DAC at every width", "[property]") {
    for (int bits = 2; bits <= 16; ++bits) {
        for (const double range : {1.0, 300.0, 1234.5678}) {
            const ThresholdDac dac(bits, range, Volt{});
            const double step = range / (std::ldexp(1.0, bits - 1) - 1.0);
            double last = -range;
            bool monotone = true, close = true, odd = true, stable = true;
            for (int i = -1000; i <= 1000; ++i) {
                const double asked = 1.1 * range * i / 1000.0;
                const double given = static_cast<double>(dac.set(asked).steps);
                const double inside = std::fmin(std::fmax(asked, -range), range);
                monotone = monotone && given >= last - 1e-6 * range;
                // Within half a code, plus the rounding to float.
                close = close && std::abs(given - inside) <= 0.5 * step + 1e-6 * range;
                odd = odd && dac.set(-asked).steps == -dac.set(asked).steps;
                stable = stable && dac.set(given).steps == dac.set(asked).steps;
                last = given;
            }
            CAPTURE(bits, range);
            CHECK(monotone);
            CHECK(close);
            CHECK(odd);
            CHECK(stable);
        }
    }
}

TEST_CASE("a code that stands for an integer step is that integer", "[unit]") {
    // 127 codes over +-127 k steps: every code is a multiple of k.
    for (const int k : {1, 3, 7, 21}) {
        const ThresholdDac dac(8, 127.0 * k, Volt{});
        for (int code = -127; code <= 127; ++code) {
            CHECK(dac.set(code * k).steps == static_cast<float>(code * k));
        }
    }
}

TEST_CASE("the sense turns steps into volts and back", "[unit]") {
    using namespace attohm::literals;
    Sense sense;
    sense.v_fs = 300.0_mV;
    sense.i_lsb = 0.25_uA;
    sense.n_fs = 150.0;
    CHECK(sense.i_fs().value() == Approx(37.5e-6));
    CHECK(sense.volts_per_step().value() == Approx(2e-3));
    CHECK(sense.steps(8.0_mV) == Approx(4.0));
}
