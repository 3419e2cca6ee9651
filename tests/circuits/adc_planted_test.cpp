#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "circuits/adc.hpp"
#include "crossbar/array/draws.hpp"

/// Faults that published simulators have had, planted in models, and the checks that must see them.
using namespace attohm;

namespace {

constexpr double kFullScale = 31.0;

AdcSpec spec_of(AdcArchitecture architecture) {
    AdcSpec spec;
    spec.bits = 6;
    spec.range = {kFullScale, true};
    spec.architecture = architecture;
    if (architecture == AdcArchitecture::sar) spec.errors.capacitor_sigma = 0.1;
    if (architecture == AdcArchitecture::flash) spec.errors.threshold_sigma = 0.4;
    if (architecture == AdcArchitecture::ramp) spec.errors.slope_sigma = 0.05;
    return spec;
}

/// ADC number `adc` of array `array`, made whenever it is asked for.
using Bank = std::function<Adc(std::uint64_t array, std::uint64_t adc)>;

std::vector<std::int32_t> characteristic(const Adc& adc) {
    std::vector<std::int32_t> codes;
    for (double x = -kFullScale; x <= kFullScale; x += 0.05)
        codes.push_back(adc.code_from_value(x).code);
    return codes;
}

/// Whether every ADC of every array has a characteristic of its own, the same whenever it is used.
bool mismatch_is_by_instance(const Bank& bank) {
    std::vector<std::vector<std::int32_t>> seen;
    for (std::uint64_t array = 0; array < 3; ++array) {
        for (std::uint64_t adc = 0; adc < 3; ++adc) {
            const auto codes = characteristic(bank(array, adc));
            if (codes != characteristic(bank(array, adc))) return false;
            if (std::find(seen.begin(), seen.end(), codes) != seen.end()) return false;
            seen.push_back(codes);
        }
    }
    return true;
}

/// values <- what they are converted to; returns how many clipped.
using Converter = std::function<std::int64_t(std::span<float>)>;

/// Whether a value's code depends on that value alone, and what lies outside the range is counted.
bool range_was_there_before_the_data(const Converter& convert) {
    const auto first_beside = [&](float other) {
        std::vector<float> batch = {7.3F, other};
        convert(batch);
        return batch.front();
    };
    if (first_beside(0.1F) != first_beside(30.0F) || first_beside(0.1F) != first_beside(3e3F))
        return false;
    std::vector<float> beyond = {40.0F, -50.0F, 60.0F, 1.0F};
    return convert(beyond) == 3;
}

}  // namespace

TEST_CASE("one mismatch for all ADCs is seen", "[property]") {
    const DrawSite site{20221, 0, 5, 0, 0, 0, 0};
    int redraw = 0;
    for (const AdcArchitecture architecture :
         {AdcArchitecture::sar, AdcArchitecture::flash, AdcArchitecture::ramp}) {
        const AdcSpec spec = spec_of(architecture);
        CAPTURE(adc_architecture_name(architecture));
        CHECK(mismatch_is_by_instance([&](std::uint64_t array, std::uint64_t adc) {
            return Adc(spec, adc_static_stream(site, array, adc));
        }));
        // Planted: one for all, one for an array, the same in every array, a new one at every use.
        CHECK_FALSE(mismatch_is_by_instance([&](std::uint64_t, std::uint64_t) {
            return Adc(spec, adc_static_stream(site, 0, 0));
        }));
        CHECK_FALSE(mismatch_is_by_instance([&](std::uint64_t array, std::uint64_t) {
            return Adc(spec, adc_static_stream(site, array, 0));
        }));
        CHECK_FALSE(mismatch_is_by_instance([&](std::uint64_t, std::uint64_t adc) {
            return Adc(spec, adc_static_stream(site, 0, adc));
        }));
        CHECK_FALSE(mismatch_is_by_instance([&](std::uint64_t array, std::uint64_t adc) {
            return Adc(spec, adc_static_stream(site, array, adc).with(std::uint64_t(++redraw)));
        }));
        // Planted: no mismatch at all.
        CHECK_FALSE(
            mismatch_is_by_instance([&](std::uint64_t, std::uint64_t) { return Adc(spec); }));
    }
}

TEST_CASE("mismatch belongs to the location and the chip", "[property]") {
    const AdcSpec spec = spec_of(AdcArchitecture::sar);
    const auto codes = [&](const DrawSite& site) {
        return characteristic(Adc(spec, adc_static_stream(site, 1, 2)));
    };
    const DrawSite site{20221, 0, 5, 0, 0, 0, 0};
    DrawSite later = site, elsewhere = site, other_chip = site, other_seed = site;
    later.sample = 9;
    later.head = 3;
    elsewhere.bank = 6;
    other_chip.chip = 1;
    other_seed.seed = 1;
    CHECK(codes(later) == codes(site));
    for (const DrawSite& other : {elsewhere, other_chip, other_seed})
        CHECK(codes(other) != codes(site));
}

TEST_CASE("a range taken from the data just converted is seen", "[property]") {
    for (const AdcArchitecture architecture : {AdcArchitecture::ideal_uniform, AdcArchitecture::sar,
                                               AdcArchitecture::flash, AdcArchitecture::ramp}) {
        const AdcSpec spec = spec_of(architecture);
        CAPTURE(adc_architecture_name(architecture));
        CHECK(range_was_there_before_the_data(
            [&](std::span<float> values) { return Adc(spec).convert(values, {}); }));
        // Planted: the largest value of the batch; the same, where it is larger than the range.
        const auto from_data = [&](double least) {
            return [&spec, least](std::span<float> values) {
                AdcSpec follows = spec;
                double largest = least;
                for (const float v : values)
                    largest = std::max(largest, std::abs(static_cast<double>(v)));
                follows.range.full_scale = largest;
                return Adc(follows).convert(values, {});
            };
        };
        CHECK_FALSE(range_was_there_before_the_data(from_data(0.0)));
        CHECK_FALSE(range_was_there_before_the_data(from_data(kFullScale)));
    }
}
