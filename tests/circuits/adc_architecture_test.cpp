#include "circuits/adc_architecture.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "circuits/adc.hpp"
#include "circuits/adc_histogram.hpp"
#include "src/base/error.hpp"
#include "tests/reference/adc_reference.hpp"

using namespace attohm;

namespace {

constexpr AdcArchitecture kCircuits[] = {AdcArchitecture::sar, AdcArchitecture::flash,
                                         AdcArchitecture::ramp};

Stream statics(std::uint64_t adc) {
    return {20221, Purpose::adc_static, {0, 0, 0, adc}};
}

/// Full scale of one step a code.
AdcSpec spec_of(AdcArchitecture architecture, int bits, bool bipolar, double sigma) {
    AdcSpec spec;
    spec.bits = bits;
    spec.architecture = architecture;
    spec.range = {(1 << (bits - (bipolar ? 1 : 0))) - 1.0, bipolar};
    if (architecture == AdcArchitecture::sar) spec.errors.capacitor_sigma = sigma;
    if (architecture == AdcArchitecture::flash) spec.errors.threshold_sigma = sigma;
    if (architecture == AdcArchitecture::ramp) spec.errors.slope_sigma = sigma;
    return spec;
}

/// Input at which the code first reaches `code`, for a characteristic that never falls.
double edge_below(const Adc& adc, std::int32_t code) {
    double low = adc.spec().range.low(), high = adc.spec().range.high();
    for (int i = 0; i < 80; ++i) {
        const double middle = 0.5 * (low + high);
        (adc.code_from_value(middle).code >= code ? high : low) = middle;
    }
    return high;
}

/// sqrt(sum of squares / n) against a sigma: 5 standard errors and what first order leaves out.
void check_sigma(double sum_of_squares, int n, double sigma, double first_order) {
    const double variance = sum_of_squares / n / (sigma * sigma);
    CHECK(std::abs(variance - 1.0) < 5.0 * std::sqrt(2.0 / n) + first_order);
}

}  // namespace

TEST_CASE("without mismatch every architecture has the even edges", "[unit]") {
    for (const AdcArchitecture architecture : kCircuits) {
        for (int bits = 2; bits <= 8; ++bits) {
            for (const bool bipolar : {false, true}) {
                AdcSpec even = spec_of(architecture, bits, bipolar, 0.0);
                const Adc adc(even, statics(3));
                even.architecture = AdcArchitecture::ideal_uniform;
                const Adc uniform(even);
                CAPTURE(adc_architecture_name(architecture), bits, bipolar);
                bool same = true;
                for (std::int32_t c = uniform.lowest_code(); c <= uniform.largest_code(); ++c) {
                    for (const double x : {c - 0.499, c - 0.2, c + 0.0, c + 0.499}) {
                        const auto a = adc.code_from_value(x), b = uniform.code_from_value(x);
                        same = same && a.code == b.code && a.clipped == b.clipped;
                    }
                }
                CHECK(same);
            }
        }
    }
}

TEST_CASE("architectures equal their twins, code by code", "[property]") {
    for (const bool bipolar : {false, true}) {
        for (int bits = 3; bits <= 9; ++bits) {
            for (std::uint64_t chip = 0; chip < 4; ++chip) {
                const double sar_sigma = 0.03 * static_cast<double>(chip + 1);
                const Adc sar(spec_of(AdcArchitecture::sar, bits, bipolar, sar_sigma),
                              statics(chip));
                const Adc flash(spec_of(AdcArchitecture::flash, bits, bipolar, 0.8), statics(chip));
                const Adc ramp(spec_of(AdcArchitecture::ramp, bits, bipolar, 0.05), statics(chip));
                const auto capacitors = reference_capacitors(bits, sar_sigma, statics(chip));
                const std::int32_t lowest = sar.lowest_code(), largest = sar.largest_code();
                const auto offsets = reference_offsets(lowest, largest, 0.8, statics(chip));
                const std::int32_t zero = bipolar ? largest + 1 : 0;
                const Stream inputs(7, Purpose::sampling, {chip});
                bool same = true;
                for (std::uint64_t i = 0; i < 2000; ++i) {
                    const double x = lowest + (largest - lowest) * inputs.uniform32(i);
                    const auto slow_sar =
                        static_cast<std::int32_t>(reference_sar(capacitors, x + zero)) - zero;
                    same = same && sar.code_from_value(x).code == std::max(lowest, slow_sar);
                    same = same &&
                           flash.code_from_value(x).code == reference_flash(lowest, offsets, x);
                    const double sloped =
                        std::clamp(x / (1.0 + ramp.slope_error()), 1.0 * lowest, 1.0 * largest);
                    same = same &&
                           ramp.code_from_value(x).code == reference_ramp(lowest, largest, sloped);
                }
                CAPTURE(bipolar, bits, chip);
                CHECK(same);
            }
        }
    }
}

TEST_CASE("the code never falls with the input", "[property]") {
    for (const AdcArchitecture architecture : kCircuits) {
        for (std::uint64_t chip = 0; chip < 20; ++chip) {
            const Adc adc(spec_of(architecture, 6, true, 0.15), statics(chip));
            std::int32_t last = adc.lowest_code();
            bool rises = true;
            for (double x = -32.0; x <= 32.0; x += 0.01) {
                const std::int32_t code = adc.code_from_value(x).code;
                rises = rises && code >= last;
                last = code;
            }
            CAPTURE(adc_architecture_name(architecture), chip);
            CHECK(rises);
        }
    }
}

TEST_CASE("where the levels of a SAR ADC fall, codes are missing", "[property]") {
    int with_missing = 0;
    for (std::uint64_t chip = 0; chip < 40; ++chip) {
        const Adc adc(spec_of(AdcArchitecture::sar, 6, false, 0.12), statics(chip));
        AdcHistogram seen(adc);
        for (double x = 0.0; x <= 63.0; x += 0.001) seen.add(adc.code_from_value(x));
        // A code has inputs from its own level up to the first of any larger code.
        int missing = 0, expected = 0;
        for (std::int32_t c = 0; c <= 63; ++c) {
            double next = 63.0 + 0.5;
            for (std::int32_t larger = c + 1; larger <= 63; ++larger)
                next = std::min(next, adc.capacitors()->level(larger));
            const double width = next - adc.capacitors()->level(c);
            // Codes near the end of the range, or as narrow as the sweep, are not judged.
            if (std::abs(width) < 0.002 || adc.capacitors()->level(c) > 62.9) continue;
            missing += seen.count(c) == 0 ? 1 : 0;
            expected += width < 0.0 ? 1 : 0;
        }
        CHECK(missing == expected);
        with_missing += expected > 0 ? 1 : 0;
    }
    CHECK(with_missing > 3);
}

TEST_CASE("edges of an instance lie where its devices put them", "[unit]") {
    const Adc sar(spec_of(AdcArchitecture::sar, 7, false, 0.005), statics(1));
    const Adc flash(spec_of(AdcArchitecture::flash, 6, true, 0.05), statics(1));
    AdcSpec with_offset = spec_of(AdcArchitecture::ramp, 6, true, 0.02);
    with_offset.errors.offset_sigma = 0.7;
    const Adc ramp(with_offset, statics(1));
    for (std::int32_t c = 1; c <= 126; ++c)
        CHECK(edge_below(sar, c) == Approx(sar.capacitors()->level(c) - 0.5).margin(1e-9));
    for (std::int32_t c = -30; c <= 31; ++c) {
        CHECK(edge_below(flash, c) == Approx(flash.ladder()->edge(c)).margin(1e-9));
        // INL of a ramp is a straight line: slope and offset, nothing else; DNL is the slope.
        if (c < -27 || c > 28) continue;
        const double expected = (c - 0.5 - ramp.offset()) * (1.0 + ramp.slope_error());
        CHECK(edge_below(ramp, c) == Approx(expected).margin(1e-9));
        CHECK(edge_below(ramp, c + 1) - edge_below(ramp, c) ==
              Approx(1.0 + ramp.slope_error()).margin(1e-9));
    }
    CHECK(ramp.slope_error() != 0.0);
    CHECK(ramp.offset() != 0.0);
}

TEST_CASE("INL and DNL of a SAR ADC have the closed form of their capacitors", "[stat]") {
    constexpr int kAdcs = 4000, kBits = 8;
    constexpr double kSigma = 0.01, kCodes = 256.0;
    const std::vector<std::int32_t> codes = {16, 64, 128, 200};
    std::vector<double> inl(codes.size(), 0.0);
    double dnl = 0.0;
    for (int a = 0; a < kAdcs; ++a) {
        const CapacitorArray array(kBits, kSigma, statics(static_cast<std::uint64_t>(a)));
        for (std::size_t k = 0; k < codes.size(); ++k)
            inl[k] += std::pow(array.level(codes[k]) - codes[k], 2);
        dnl += std::pow(array.level(128) - array.level(127) - 1.0, 2);
    }
    for (std::size_t k = 0; k < codes.size(); ++k) {
        const double p = codes[k] / kCodes;
        CAPTURE(codes[k]);
        check_sigma(inl[k], kAdcs, kSigma * std::sqrt(kCodes * p * (1.0 - p)), 0.005);
    }
    check_sigma(dnl, kAdcs, kSigma * std::sqrt(kCodes - 1.0), 0.005);
}

TEST_CASE("INL and DNL of a flash ADC are those of its comparators", "[stat]") {
    constexpr int kAdcs = 500;
    constexpr double kSigma = 0.05;
    double inl = 0.0, dnl = 0.0, ends = 0.0;
    int edges = 0;
    for (int a = 0; a < kAdcs; ++a) {
        const Adc adc(spec_of(AdcArchitecture::flash, 4, true, kSigma),
                      statics(static_cast<std::uint64_t>(a)));
        for (std::int32_t c = -6; c < 7; c += 2) {
            const double here = edge_below(adc, c) - (c - 0.5);
            const double above = edge_below(adc, c + 1) - (c + 0.5);
            inl += here * here;
            dnl += (above - here) * (above - here);
            ends += here;
            ++edges;
        }
    }
    check_sigma(inl, edges, kSigma, 0.0);
    check_sigma(dnl, edges, kSigma * std::sqrt(2.0), 0.0);
    CHECK(std::abs(ends / edges) < 5.0 * kSigma / std::sqrt(edges));
}

TEST_CASE("slopes of ramps have the sigma that was asked", "[stat]") {
    constexpr int kAdcs = 4000;
    double sum = 0.0;
    for (int a = 0; a < kAdcs; ++a)
        sum += std::pow(Adc(spec_of(AdcArchitecture::ramp, 6, true, 0.01),
                            statics(static_cast<std::uint64_t>(a)))
                            .slope_error(),
                        2);
    check_sigma(sum, kAdcs, 0.01, 0.0);
}

TEST_CASE("clocks, comparators and comparisons of a conversion", "[unit]") {
    CHECK(adc_clocks(AdcArchitecture::sar, 8) == 9);
    CHECK(adc_clocks(AdcArchitecture::flash, 8) == 1);
    CHECK(adc_clocks(AdcArchitecture::ramp, 8) == 256);
    CHECK(adc_comparators(AdcArchitecture::sar, 6) == 1);
    CHECK(adc_comparators(AdcArchitecture::flash, 6) == 63);
    CHECK(adc_comparators(AdcArchitecture::ramp, 6) == 1);
    CHECK(adc_decisions(AdcArchitecture::sar, 6) == 6);
    CHECK(adc_decisions(AdcArchitecture::flash, 6) == 63);
    CHECK(adc_decisions(AdcArchitecture::ramp, 6) == 64);
    CHECK_THROWS_AS(adc_clocks(AdcArchitecture::ideal_uniform, 6), InvariantError);
    CHECK_THROWS_AS(adc_decisions(AdcArchitecture::sar, 17), InvariantError);
}

TEST_CASE("the histogram holds every code and every clip", "[unit]") {
    const Adc adc(spec_of(AdcArchitecture::flash, 4, true, 0.1), statics(2));
    std::vector<float> values = {-9.0F, -7.0F, 0.0F, 0.0F, 3.1F, 12.0F};
    AdcHistogram histogram(adc);
    CHECK(adc.convert(values, {}, &histogram) == 2);
    CHECK(histogram.conversions() == 6);
    CHECK(histogram.clipped() == 2);
    CHECK(histogram.clip_rate() == Approx(2.0 / 6.0));
    CHECK(histogram.count(0) == 2);
    CHECK(histogram.count(3) == 1);
    CHECK(histogram.count(-7) == 2);
    CHECK(histogram.count(7) == 1);
    CHECK(histogram.codes_used() == Approx(4.0 / 15.0));
    CHECK(histogram.clipped_low() == 1);
    CHECK(histogram.lowest_used() == -7);
    CHECK(histogram.largest_used() == 7);
    CHECK_THROWS_AS(AdcHistogram(adc).lowest_used(), InvariantError);
    // 15 codes: in 20 bins one each, in 4 bins 4, 4, 4 and 3 codes.
    std::vector<std::int64_t> own = histogram.counts();
    own.resize(20);
    CHECK(histogram.bins(20) == own);
    CHECK(histogram.bins(4) == std::vector<std::int64_t>{2, 2, 1, 1});
    const std::vector<std::int64_t> edges = {-7, -3, 1, 5, 8};
    for (int bin = 0; bin <= 4; ++bin)
        CHECK(AdcHistogram::first_code(-7, 15, 4, bin) == edges[static_cast<std::size_t>(bin)]);
    for (int bin = 0; bin <= 15; ++bin) CHECK(AdcHistogram::first_code(-7, 15, 20, bin) == bin - 7);
    AdcHistogram both = histogram;
    both += histogram;
    CHECK(both.count(0) == 4);
    CHECK(both.conversions() == 12);
    const Adc wider(spec_of(AdcArchitecture::flash, 5, true, 0.1), statics(2));
    CHECK_THROWS_AS(both += AdcHistogram(wider), InvariantError);
    CHECK_THROWS_AS(AdcHistogram(adc).clip_rate(), InvariantError);
    CHECK_THROWS_AS(histogram.count(8), std::out_of_range);
}

TEST_CASE("errors that an architecture cannot have are refused", "[unit]") {
    const auto refused = [](AdcArchitecture architecture, auto&& spoil) {
        AdcSpec spec = spec_of(architecture, 6, true, 0.01);
        CHECK_NOTHROW(Adc(spec));
        spoil(spec);
        CHECK_THROWS_AS(Adc(spec), UserError);
    };
    refused(AdcArchitecture::sar, [](AdcSpec& s) { s.errors.capacitor_sigma = 0.2; });
    refused(AdcArchitecture::sar, [](AdcSpec& s) { s.errors.capacitor_sigma = -0.1; });
    refused(AdcArchitecture::sar, [](AdcSpec& s) { s.errors.threshold_sigma = 0.1; });
    refused(AdcArchitecture::sar, [](AdcSpec& s) { s.errors.inl_sigma_lsb = 0.1; });
    refused(AdcArchitecture::sar, [](AdcSpec& s) { s.bits.reset(); });
    refused(AdcArchitecture::flash, [](AdcSpec& s) { s.bits = 11; });
    refused(AdcArchitecture::flash, [](AdcSpec& s) { s.errors.slope_sigma = 0.1; });
    refused(AdcArchitecture::ramp, [](AdcSpec& s) { s.errors.gain_sigma = 0.1; });
    refused(AdcArchitecture::ramp, [](AdcSpec& s) { s.errors.slope_sigma = 0.3; });
    refused(AdcArchitecture::ideal_uniform, [](AdcSpec& s) { s.errors.capacitor_sigma = 0.01; });
}
