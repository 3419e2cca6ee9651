#include <catch2/catch.hpp>
#include <cmath>
#include <optional>

#include "crossbar/array/mapping.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"

/// The mapping of the crossbar and the twin's own put the same digits into the same planes.
using namespace attohm;

namespace {

struct Case {
    std::optional<int> k_bits;
    std::optional<int> cell_bits;
    Signs signs;
};

/// Every digit of a head.
void check_digits(const Case& one) {
    const OwnedHead data = random_head(1, 30, 16, 1, 3);
    SprintReferenceSettings settings = noiseless_settings();
    settings.k_bits = one.k_bits;
    settings.cell_bits = one.cell_bits;
    settings.signs =
        one.signs == Signs::differential ? ReferenceSigns::differential : ReferenceSigns::offset;
    const auto codes = sprint_reference_codes(data.view(), settings, kNormalScales);
    const auto cells = sprint_reference_cells(data.view(), codes, settings, kSite);
    const Mapping map(Siemens::from_value(settings.G_min_S), Siemens::from_value(settings.G_max_S),
                      one.k_bits, {one.signs, one.cell_bits});
    CHECK(cells.dG_S == Approx(map.dG().value()).epsilon(1e-14));
    REQUIRE(cells.planes.size() == map.planes().size());
    for (std::size_t p = 0; p < cells.planes.size(); ++p) {
        const SprintReferencePlane& plane = cells.planes[p];
        CHECK(plane.id == map.planes()[p].id());
        CHECK(plane.weight == map.planes()[p].weight);
        if (map.has_reference())
            CHECK(plane.reference_digit == map.reference_digit(map.planes()[p]));
        int different = 0;
        for (std::size_t j = 0; j < 30; ++j)
            for (std::size_t i = 0; i < 16; ++i) {
                const double digit = map.digit(map.planes()[p], codes.k_level(j, i));
                different += std::abs(plane.digit(j, i) - digit) > 1e-12;
            }
        CHECK(different == 0);
    }
}

}  // namespace

TEST_CASE("levels lie in the same planes as the twin's", "[property]") {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        check_digits({std::nullopt, std::nullopt, signs});
        for (const int k_bits : {1, 2, 3, 4, 6, 8}) {
            check_digits({k_bits, std::nullopt, signs});
            for (const int cell_bits : {1, 2, 3, 4, 5}) {
                CAPTURE(k_bits, cell_bits, int(signs));
                check_digits({k_bits, cell_bits, signs});
            }
        }
    }
}
