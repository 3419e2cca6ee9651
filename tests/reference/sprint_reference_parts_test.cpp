#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/reference/sprint_reference_sampling.hpp"

/// Keys of the twin that are longer than an array has rows.
using namespace attohm;

namespace {

/// 17 elements in arrays of 7 rows and 3 slots: parts of 7, 7 and 3, each in an array of its own.
SprintReferenceSettings part_settings() {
    SprintReferenceSettings settings = noiseless_settings();
    settings.array_rows = 7;
    settings.array_columns = 3;
    settings.threshold_bits.reset();
    return settings;
}

struct Run {
    SprintReferenceCodes codes;
    SprintReferenceCells cells;
    SprintReferenceRead read;
};
Run run(const AttentionHead& head, const SprintReferenceSettings& settings, float threshold = 0) {
    Run out;
    out.codes = sprint_reference_codes(head, settings, kNormalScales);
    out.cells = sprint_reference_cells(head, out.codes, settings, kSite);
    out.read = sprint_reference_read(head, out.codes, out.cells,
                                     std::vector<float>(head.n_q(), threshold), settings, kSite, 0);
    return out;
}

/// Integer sum over one part.
double part_sum(const Run& run, std::size_t t, std::size_t j, std::size_t part) {
    double z = 0.0;
    for (std::size_t i = 7 * part; i < std::min<std::size_t>(7 * part + 7, 17); ++i)
        z += run.codes.q_line(t, i) * run.codes.k_level(j, i);
    return z;
}

}  // namespace

TEST_CASE("parts of a key lie in arrays of their own", "[unit]") {
    const OwnedHead data = random_head(2, 8, 17, 1, 81);
    SprintReferenceSettings settings = part_settings();
    settings.stuck_low_rate = 0.3;
    settings.stuck_low_ohm = 10e3;
    const ReferencePlaces places = reference_places(data.view(), settings);
    CHECK(places.parts == 3);
    CHECK(places.keys_per_array == 3);
    CHECK(places.array(7) == 2);
    CHECK(places.slot(7) == 1);
    CHECK(places.physical(2, 1) == 7);
    CHECK(places.depth(0) == 7);
    CHECK(places.depth(2) == 3);
    CHECK(places.arrays(7) == 3);
    const Run out = run(data.view(), settings);
    for (std::size_t j = 0; j < 8; ++j)
        for (std::size_t i = 0; i < 17; ++i) {
            const Stream faults = stuck_fault_stream(kSite, j / 3 * 3 + i / 7, 1);
            const double u = faults.uniform32(j % 3 * 7 + i % 7);
            CHECK((out.cells.planes[1].stuck(j, i) != 0) == (u < 0.3));
        }
}

TEST_CASE("currents clip together, charges one by one, codes not at all", "[unit]") {
    const OwnedHead data = random_head(6, 8, 17, 1, 82);
    SprintReferenceSettings settings = part_settings();
    settings.comparator_offset_V = 8e-3;
    settings.threshold_noise_V = 4e-3;
    settings.n_fs = 8.0;
    settings.v_fs_V = 0.024;  // 3 mV a unit
    settings.adc_bits = 3;    // codes -3 .. 3, 8/3 units each
    std::int64_t together = 0, apart = 0, converted = 0;
    for (const auto summation :
         {ReferenceSummation::current, ReferenceSummation::charge, ReferenceSummation::adc}) {
        settings.summation = summation;
        const Run out = run(data.view(), settings, 1.5F);
        std::int64_t clipped = 0;
        for (std::size_t t = 0; t < 6; ++t)
            for (std::size_t j = 0; j < 8; ++j) {
                const double z[] = {part_sum(out, t, j, 0), part_sum(out, t, j, 1),
                                    part_sum(out, t, j, 2)};
                // One comparator a key: that of its first array.
                const double o_V = 8e-3 * comparator_offset_stream(kSite, j / 3 * 3).normal(j % 3);
                const double n_V = 4e-3 * threshold_noise_stream(kSite, j / 3).normal(t);
                double sensed = 0.0;
                bool kept = false;
                if (summation == ReferenceSummation::current) {
                    sensed = std::clamp(z[0] + z[1] + z[2], -8.0, 8.0);
                    kept = 3e-3 * sensed + o_V >= 3e-3 * 1.5 + n_V;
                    clipped += std::abs(z[0] + z[1] + z[2]) > 8.0;
                } else {
                    for (const double part : z) {
                        clipped += std::abs(part) > 8.0;
                        const double inside = std::clamp(part, -8.0, 8.0);
                        sensed += summation == ReferenceSummation::charge
                                      ? inside
                                      : std::nearbyint(inside / (8.0 / 3.0)) * (8.0 / 3.0);
                    }
                    // The mean of three voltages against the threshold's third.
                    kept = summation == ReferenceSummation::charge
                               ? 1e-3 * sensed + o_V >= 1e-3 * 1.5 + n_V
                               : sensed >= 1.5;
                }
                CHECK(out.read.output(t, j) == z[0] + z[1] + z[2]);
                CHECK(out.read.sensed(t, j) == Approx(sensed));
                CHECK(bool(out.read.kept(t, j)) == kept);
            }
        CHECK(out.read.sense_clipped == clipped);
        if (summation == ReferenceSummation::current) together = clipped;
        if (summation == ReferenceSummation::charge) apart = clipped;
        if (summation == ReferenceSummation::adc) converted = clipped;
    }
    CHECK(together > 0);
    CHECK(apart > 0);
    CHECK(apart == converted);
}

TEST_CASE("a tie of equal codes keeps", "[unit]") {
    const OwnedHead data = random_head(8, 8, 17, 1, 83);
    SprintReferenceSettings settings = part_settings();
    settings.summation = ReferenceSummation::adc;
    settings.adc_bits = 5;
    settings.threshold_bits = 5;
    settings.n_fs = 11.0;
    const float threshold = reference_threshold(1.6, settings).value;
    const Run out = run(data.view(), settings, threshold);
    int ties = 0;
    for (std::size_t t = 0; t < 8; ++t)
        for (std::size_t j = 0; j < 8; ++j) {
            const double codes = std::nearbyint(out.read.sensed(t, j) / (11.0 / 15.0));
            CHECK(bool(out.read.kept(t, j)) == (codes >= 2.0));
            ties += codes == 2.0;
        }
    CHECK(ties > 0);
}

TEST_CASE("every array of a group has a reference of its own, read together", "[unit]") {
    const OwnedHead data = random_head(3, 8, 17, 1, 84);
    SprintReferenceSettings settings = part_settings();
    settings.signs = ReferenceSigns::offset;
    settings.programming_sigma_S = [](double G_S) { return 0.1 * G_S; };
    settings.read_sigma_rel = 0.05;
    settings.n_fs = 1e5;
    const auto r = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite);
    const SprintReferencePlane& plane = r.cells.planes[0];
    CHECK(plane.reference_S.cols() == 17);
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t j = 0; j < 8; ++j) {
            double mean = 0.0, own = 0.0, common = 0.0;
            for (std::size_t i = 0; i < 17; ++i) {
                const double n = r.codes.q_line(t, i);
                const double key = plane.written_S(j, i) / r.cells.dG_S;
                const double reference = plane.reference_S(j / 3, i) / r.cells.dG_S;
                mean += n * (key - reference);
                own += std::pow(0.05 * n * key, 2);
                common += std::pow(0.05 * n * reference, 2);
            }
            const double z = reference_noise_stream(kSite, j / 3).normal(t);
            CHECK(r.columns.mean(t, j) == Approx(mean));
            CHECK(r.columns.sigma(t, j) == Approx(std::sqrt(own)));
            CHECK(r.columns.common(t, j) == Approx(-std::sqrt(common) * z));
        }
}

TEST_CASE("parts are kept as often as their probabilities say", "[stat]") {
    const OwnedHead data = random_head(4, 6, 17, 2, 85);
    SprintReferenceSettings settings = noisy_settings();
    settings.read_sigma_rel = 0.15;
    settings.comparator_noise_V = 10e-3;
    const auto check = [&] { check_frequencies(data, settings, 0.1, kNormalScales, 2500); };
    settings.array_rows = 7;
    settings.array_columns = 3;
    settings.adc_bits = 5;
    SECTION("currents that clip") {
        settings.n_fs = 12.0;
        settings.v_fs_V = 0.05;
        check();
    }
    SECTION("charge") {
        settings.summation = ReferenceSummation::charge;
        check();
    }
    SECTION("conversion, clipped") {
        settings.summation = ReferenceSummation::adc;
        settings.n_fs = 10.0;
        check();
    }
    SECTION("conversion behind a reference column") {
        settings.signs = ReferenceSigns::offset;
        settings.summation = ReferenceSummation::adc;
        settings.n_fs = 40.0;
        check();
    }
}
