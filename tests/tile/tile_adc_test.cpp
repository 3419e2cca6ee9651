#include <catch2/catch.hpp>

#include "circuits/adc.hpp"
#include "crossbar/array/draws.hpp"
#include "tests/tile/tile_pair.hpp"

/// Which ADC of the tile converts which key, and that its range and mismatch were there before.
using namespace attohm;

namespace {

constexpr std::size_t kShare = 4;

/// Keys of three arrays, four keys an ADC, outputs converted whole.
TilePairDesign converted_design(AdcArchitecture architecture, double sigma, double n_fs = 400.0) {
    TilePairDesign design = silent_design("adc");
    design.circuits.readout = Readout::adc;
    design.circuits.sense.n_fs = n_fs;
    design.circuits.columns_per_adc = kShare;
    design.circuits.adc.architecture = architecture;
    AdcErrors& errors = design.circuits.adc.errors;
    if (architecture == AdcArchitecture::sar) errors.capacitor_sigma = sigma;
    if (architecture == AdcArchitecture::flash) errors.threshold_sigma = sigma * n_fs;
    if (architecture == AdcArchitecture::ramp) errors.slope_sigma = sigma;
    design.adc_bits = 6;
    return design;
}

double product(const TilePair& pair, std::size_t t, std::size_t j) {
    double sum = 0.0;
    for (std::size_t i = 0; i < pair.levels.cols(); ++i)
        sum += static_cast<double>(pair.nq(t, i)) * static_cast<double>(pair.levels(j, i));
    return sum;
}

std::int64_t differences(const Matrix<std::uint8_t>& a, const Matrix<std::uint8_t>& b) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a.data()[i] != b.data()[i] ? 1 : 0;
    return count;
}

/// The same tile, told ADC by ADC. Args: number_of: which ADC of its array converts a slot.
template <class Number>
std::int64_t wrong_decisions(const TilePair& pair, Number&& number_of) {
    const ArrayShape& shape = pair.circuits.arrays.shape;
    const Adc even(pair.circuits.adc);
    std::int64_t wrong = 0;
    for (std::int32_t code = even.lowest_code() + 1; code <= even.largest_code(); ++code) {
        const double edge = even.value_from_code(code) - 0.25 * even.value_from_code(1);
        const Matrix<std::uint8_t> keep = pair.keep(static_cast<float>(edge));
        for (std::size_t j = 0; j < pair.keys(); ++j) {
            const Adc adc(pair.circuits.adc, adc_static_stream(pair.design.site, shape.array_of(j),
                                                               number_of(shape.slot_of(j))));
            for (std::size_t t = 0; t < pair.rows(); ++t) {
                const bool kept = adc.code_from_value(product(pair, t, j)).code >= code;
                wrong += kept != (keep(t, j) != 0) ? 1 : 0;
            }
        }
    }
    return wrong;
}

}  // namespace

TEST_CASE("every key is converted by the ADC at its own place", "[property]") {
    for (const auto& [architecture, sigma] :
         {std::pair{AdcArchitecture::sar, 0.1}, std::pair{AdcArchitecture::flash, 0.02},
          std::pair{AdcArchitecture::ramp, 0.05}}) {
        const TilePair pair(converted_design(architecture, sigma));
        CAPTURE(adc_architecture_name(architecture));
        CHECK(wrong_decisions(pair, [](std::size_t slot) { return slot / kShare; }) == 0);
        // One mismatch for all ADCs of an array would be seen.
        CHECK(wrong_decisions(pair, [](std::size_t) { return std::size_t{0}; }) > 20);
    }
}

TEST_CASE("without mismatch the architectures decide alike", "[property]") {
    const TilePair even(converted_design(AdcArchitecture::ideal_uniform, 0.0));
    for (const AdcArchitecture architecture :
         {AdcArchitecture::sar, AdcArchitecture::flash, AdcArchitecture::ramp}) {
        const TilePair pair(converted_design(architecture, 0.0));
        for (const float threshold : {-90.3F, -3.1F, 17.7F, 120.9F})
            CHECK(differences(pair.keep(threshold), even.keep(threshold)) == 0);
    }
}

TEST_CASE("outputs beyond the chosen range clip and are counted", "[property]") {
    const TilePair pair(converted_design(AdcArchitecture::sar, 0.02, 60.0));
    std::int64_t beyond = 0;
    for (std::size_t t = 0; t < pair.rows(); ++t)
        for (std::size_t j = 0; j < pair.keys(); ++j)
            beyond += std::abs(product(pair, t, j)) > 60.0 ? 1 : 0;
    TileTotals totals;
    pair.keep(0.3F, nullptr, &totals);
    CHECK(beyond > 20);
    CHECK(totals.adc_clipped == beyond);
}

TEST_CASE("the codes of counted outputs are counted, code by code and by side", "[property]") {
    const TilePair pair(converted_design(AdcArchitecture::ideal_uniform, 0.0, 60.0));
    const Adc adc(pair.circuits.adc);
    AdcHistogram expected(adc);
    std::int64_t below = 0;
    for (std::size_t t = 0; t < pair.rows(); ++t)
        for (std::size_t j = 0; j < pair.keys(); ++j) {
            expected.add(adc.code_from_value(product(pair, t, j)));
            below += product(pair, t, j) < -60.0 ? 1 : 0;
        }
    TileTotals totals;
    pair.keep(0.3F, nullptr, &totals);
    REQUIRE(totals.adc_codes.has_value());
    CHECK(*totals.adc_codes == expected);
    CHECK(below > 10);
    CHECK(below < totals.adc_clipped);
    CHECK(totals.adc_codes->clipped_low() == below);
    CHECK(totals.adc_codes->clipped() == totals.adc_clipped);
    // Totals of two parts are the sum; a tile of comparators has none.
    TileTotals sum;
    sum += totals;
    sum += totals;
    CHECK(sum.adc_codes->conversions() == 2 * expected.conversions());
    TilePairDesign compared = converted_design(AdcArchitecture::ideal_uniform, 0.0);
    compared.circuits.readout = Readout::comparator;
    TileTotals none;
    TilePair(compared).keep(0.3F, nullptr, &none);
    CHECK_FALSE(none.adc_codes.has_value());
}
