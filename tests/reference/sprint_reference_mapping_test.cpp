#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <tuple>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"

/// Levels as cells, codes as drives: what the twin's array computes when nothing goes wrong.
using namespace attohm;

namespace {

/// Codes of one query, one element each, without a head around them.
SprintReferenceCodes codes_of(const std::vector<double>& n, int q_bits) {
    SprintReferenceCodes codes;
    codes.q_line = Matrix<double>(1, n.size());
    std::copy(n.begin(), n.end(), codes.q_line.row(0));
    codes.line_levels = (1 << (q_bits - 1)) - 1;
    return codes;
}

/// m = -8 .. 7 in the elements of one key, by codes of 4 bits.
OwnedHead all_levels() {
    OwnedHead head;
    head.q = Matrix<float>(1, 16, 1.0F);
    head.k = Matrix<float>(1, 16);
    head.v = Matrix<float>(1, 1, 1.0F);
    for (int m = -8; m < 8; ++m)
        head.k(0, static_cast<std::size_t>(m + 8)) = static_cast<float>(16 * m + 8);
    return head;
}

constexpr SprintReferenceScales kAllLevels{1.0, 127.0, 1.0};

/// Every output must be the integer sum of codes times levels, to the last bit.
void check_integers(const OwnedHead& data, const SprintReferenceSettings& settings) {
    const AttentionHead head = data.view();
    const auto codes = sprint_reference_codes(head, settings, kNormalScales);
    const auto cells = sprint_reference_cells(head, codes, settings, kSite);
    const auto columns = sprint_reference_columns(head, codes, cells, settings, kSite);
    const std::vector<float> thresholds(head.n_q(), 0.0F);
    const auto read = sprint_reference_read(head, codes, cells, thresholds, settings, kSite, 0);
    const auto p_keep =
        sprint_reference_probabilities(head, codes, cells, columns, thresholds, settings, kSite);
    int wrong = 0;
    double largest = 0.0;
    for (std::size_t t = 0; t < head.n_q(); ++t)
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            double z = 0.0;
            for (std::size_t i = 0; i < head.d(); ++i)
                z += codes.q_line(t, i) * codes.k_level(j, i);
            wrong += columns.z(t, j) != z || columns.mean(t, j) != z || read.output(t, j) != z ||
                     read.sensed(t, j) != z;
            wrong += columns.sigma(t, j) != 0.0 || columns.common(t, j) != 0.0;
            wrong += bool(read.kept(t, j)) != (z >= 0.0) || p_keep(t, j) != (z >= 0.0 ? 1.0 : 0.0);
            largest = std::max(largest, std::abs(z));
        }
    CHECK(wrong == 0);
    CHECK(largest >= 2.0);
    CHECK(read.sense_clipped + read.column_clipped + read.reference_clipped == 0);
    CHECK(cells.level_errors == 0);
}

}  // namespace

TEST_CASE("steps add up to the code that they drive", "[unit]") {
    for (const int q_bits : {2, 3, 4, 8}) {
        const int levels = (1 << (q_bits - 1)) - 1;
        std::vector<double> n;
        for (int code = -levels; code <= levels; ++code) n.push_back(code);
        const auto codes = codes_of(n, q_bits);
        for (const Driving& drive : kDrivings) {
            SprintReferenceSettings settings = noiseless_settings();
            settings.q_bits = q_bits;
            settings.drive = drive.signs;
            settings.coding = drive.coding;
            const auto steps = reference_steps(codes, 0, settings);
            CAPTURE(q_bits, int(drive.signs), int(drive.coding));
            const bool amplitude = drive.coding == ReferenceCoding::amplitude;
            const int phases = drive.signs == ReferenceDrive::two_phase ? 2 : 1;
            int expected = amplitude ? 1 : levels;
            if (drive.coding == ReferenceCoding::bit_serial)
                expected = drive.signs == ReferenceDrive::twos_complement ? q_bits : q_bits - 1;
            CHECK(steps.size() == std::size_t(expected * phases));
            for (std::size_t i = 0; i < n.size(); ++i) {
                double sum = 0.0, lowest = 0.0, highest = 0.0;
                for (const ReferenceStep& step : steps) {
                    sum += step.weight * step.drive[i];
                    lowest = std::min(lowest, step.drive[i]);
                    highest = std::max(highest, step.drive[i]);
                    CHECK(step.bent[i] == step.drive[i]);
                }
                CHECK(sum == n[i]);
                // Only bipolar drivers go below ground; only amplitudes beyond one unit.
                CHECK((lowest == 0.0 || drive.signs == ReferenceDrive::bipolar));
                CHECK((highest <= 1.0 || amplitude));
            }
            CHECK(reference_unit_V(codes, settings) == Approx(amplitude ? 0.2 / levels : 0.2));
        }
    }
}

TEST_CASE("bits, phases and pulses by hand", "[unit]") {
    const auto codes = codes_of({5.0, -3.0}, 4);
    SprintReferenceSettings settings = noiseless_settings();
    settings.coding = ReferenceCoding::bit_serial;
    const auto bits = reference_steps(codes, 0, settings);
    CHECK(bits[0].drive == std::vector<double>{1.0, -1.0});
    CHECK(bits[1].drive == std::vector<double>{0.0, -1.0});
    CHECK(bits[2].drive == std::vector<double>{1.0, 0.0});
    CHECK(bits[2].weight == 4.0);
    settings.drive = ReferenceDrive::twos_complement;
    // -3 = 1101b.
    const auto complement = reference_steps(codes, 0, settings);
    CHECK(complement[0].drive == std::vector<double>{1.0, 1.0});
    CHECK(complement[1].drive == std::vector<double>{0.0, 0.0});
    CHECK(complement[2].drive == std::vector<double>{1.0, 1.0});
    CHECK(complement[3].drive == std::vector<double>{0.0, 1.0});
    CHECK(complement[3].weight == -8.0);
    settings.drive = ReferenceDrive::two_phase;
    settings.coding = ReferenceCoding::pulse_width;
    const auto pulses = reference_steps(codes, 0, settings);
    // Seven pulses of the positive codes, then seven of the negative ones.
    CHECK(pulses[3].drive == std::vector<double>{1.0, 0.0});
    CHECK(pulses[10].drive == std::vector<double>{0.0, 0.0});
    CHECK(pulses[9].drive == std::vector<double>{0.0, 1.0});
    CHECK(pulses[9].weight == -1.0);
    settings.drive = ReferenceDrive::twos_complement;
    CHECK_THROWS_AS(reference_steps(codes, 0, settings), InvariantError);
}

TEST_CASE("a bent I-V is felt by amplitudes, not by bits at the reference voltage", "[unit]") {
    const auto codes = codes_of({5.0, -3.0, 7.0}, 4);
    SprintReferenceSettings settings = noiseless_settings();
    settings.iv_shape_V = [](double V) { return 0.2 * std::sinh(V / 0.1) / std::sinh(2.0); };
    const auto amplitude = reference_steps(codes, 0, settings);
    for (std::size_t i = 0; i < 3; ++i) {
        const double n = codes.q_line(0, i);
        CHECK(amplitude[0].drive[i] == n);
        CHECK(amplitude[0].bent[i] == Approx(7.0 * std::sinh(2.0 * n / 7.0) / std::sinh(2.0)));
    }
    CHECK(amplitude[0].bent[2] == Approx(7.0));
    settings.coding = ReferenceCoding::bit_serial;
    for (const ReferenceStep& step : reference_steps(codes, 0, settings))
        for (std::size_t i = 0; i < 3; ++i) CHECK(step.bent[i] == Approx(step.drive[i]));
}

TEST_CASE("levels become digits and digits conductances", "[unit]") {
    const OwnedHead data = all_levels();
    SprintReferenceSettings settings = noiseless_settings();
    settings.signs = ReferenceSigns::offset;
    const auto codes = sprint_reference_codes(data.view(), settings, kAllLevels);
    const auto offset = sprint_reference_cells(data.view(), codes, settings, kSite);
    REQUIRE(offset.planes.size() == 1);
    CHECK(offset.dG_S == Approx(80e-6 / 15.0));
    CHECK(offset.planes[0].reference_S(0, 3) == Approx(10e-6 + 80e-6 * 8.0 / 15.0));
    CHECK(offset.reference_cells == 16);
    for (int m = -8; m < 8; ++m) {
        const auto i = static_cast<std::size_t>(m + 8);
        CHECK(codes.k_level(0, i) == m);
        CHECK(offset.planes[0].written_S(0, i) == Approx(10e-6 + 80e-6 * (m + 8) / 15.0));
    }
    settings.cell_bits = 3;
    const auto sliced = sprint_reference_cells(data.view(), codes, settings, kSite);
    REQUIRE(sliced.planes.size() == 2);
    CHECK(sliced.dG_S == Approx(80e-6 / 7.0));
    // m = 5: 13 = 5 + 1 * 8; level 0: 0 + 1 * 8.
    CHECK(sliced.planes[0].digit(0, 13) == 5.0);
    CHECK(sliced.planes[1].digit(0, 13) == 1.0);
    CHECK(sliced.planes[1].weight == 8.0);
    CHECK(sliced.planes[1].id == plane_id(Polarity::plus, 1));
    CHECK(sliced.planes[0].reference_digit == 0.0);
    CHECK(sliced.planes[1].reference_digit == 1.0);

    settings.signs = ReferenceSigns::differential;
    settings.cell_bits = 2;
    const auto pair = sprint_reference_cells(data.view(), codes, settings, kSite);
    REQUIRE(pair.planes.size() == 4);
    // m = -7: 7 = 3 + 1 * 4 in the minus columns; m = -8: 0 + 2 * 4.
    const auto digits = [&](std::size_t i) {
        std::vector<double> held;
        for (const SprintReferencePlane& plane : pair.planes) held.push_back(plane.digit(0, i));
        return held;
    };
    CHECK(digits(1) == std::vector<double>{0.0, 3.0, 0.0, 1.0});
    CHECK(digits(0) == std::vector<double>{0.0, 0.0, 0.0, 2.0});
    CHECK(digits(15) == std::vector<double>{3.0, 0.0, 1.0, 0.0});
    CHECK(pair.planes[3].weight == -4.0);
    CHECK(pair.planes[3].written_S(0, 0) == Approx(10e-6 + 80e-6 * 2.0 / 3.0));
    CHECK(pair.cells == 64);
}

TEST_CASE("without noise every mapping and drive gives the integers", "[property]") {
    const OwnedHead data = random_head(5, 9, 16, 2, 41);
    for (const auto signs : {ReferenceSigns::differential, ReferenceSigns::offset})
        for (const auto& [k_bits, q_bits, cell_bits] :
             {std::tuple{4, 4, 0}, std::tuple{4, 4, 1}, std::tuple{4, 4, 2}, std::tuple{4, 4, 3},
              std::tuple{4, 4, 5}, std::tuple{1, 2, 0}, std::tuple{8, 3, 3}, std::tuple{2, 6, 1}})
            for (const Driving& drive : kDrivings)
                for (const std::size_t rows : {64, 7}) {
                    SprintReferenceSettings settings = noiseless_settings();
                    settings.signs = signs;
                    settings.k_bits = k_bits;
                    settings.q_bits = q_bits;
                    if (cell_bits > 0) settings.cell_bits = cell_bits;
                    settings.drive = drive.signs;
                    settings.coding = drive.coding;
                    settings.array_rows = rows;
                    settings.n_fs = 1e6;
                    CAPTURE(int(signs), k_bits, q_bits, cell_bits, int(drive.signs),
                            int(drive.coding), rows);
                    check_integers(data, settings);
                }
}

TEST_CASE("without noise every summation of parts gives the integers", "[property]") {
    const OwnedHead data = random_head(4, 9, 17, 2, 42);
    for (const auto signs : {ReferenceSigns::differential, ReferenceSigns::offset})
        for (const auto summation :
             {ReferenceSummation::current, ReferenceSummation::charge, ReferenceSummation::adc})
            for (const std::size_t rows : {6, 16, 17, 100}) {
                SprintReferenceSettings settings = noiseless_settings();
                settings.signs = signs;
                settings.summation = summation;
                // One code a unit.
                settings.adc_bits = 12;
                settings.n_fs = 2047.0;
                settings.array_rows = rows;
                CAPTURE(int(signs), int(summation), rows);
                check_integers(data, settings);
            }
}

TEST_CASE("reference columns are written once per chip, beyond the keys", "[unit]") {
    const OwnedHead data = random_head(1, 12, 8, 2, 43);
    SprintReferenceSettings settings = noiseless_settings();
    settings.signs = ReferenceSigns::offset;
    settings.cell_bits = 2;
    settings.programming_sigma_S = [](double G_S) { return 0.1 * G_S; };
    settings.stuck_low_rate = 0.2;
    settings.stuck_high_rate = 0.3;
    settings.stuck_low_ohm = 10e3;
    settings.stuck_high_ohm = 1e6;
    const auto codes = sprint_reference_codes(data.view(), settings, kNormalScales);
    DrawSite later = kSite;
    later.sample = 99;
    const auto cells = sprint_reference_cells(data.view(), codes, settings, kSite);
    const auto again = sprint_reference_cells(data.view(), codes, settings, later);
    std::int64_t stuck = 0;
    REQUIRE(cells.planes[1].reference_S.rows() == 3);
    for (std::size_t p = 0; p < 2; ++p)
        for (std::size_t a = 0; a < 3; ++a)
            for (std::size_t i = 0; i < 8; ++i) {
                const SprintReferencePlane& plane = cells.planes[p];
                const double target = 10e-6 + 80e-6 / 3.0 * (p == 0 ? 0.0 : 2.0);
                const double z = reference_programming_stream(kSite, a, plane.id).normal(i);
                CHECK(plane.reference_S(a, i) == Approx(target * (1.0 + 0.1 * z)));
                CHECK(again.planes[p].reference_S(a, i) == plane.reference_S(a, i));
                const double u = stuck_fault_stream(kSite, a, plane.id).uniform32(5 * 64 + i);
                CHECK(int(plane.reference_stuck(a, i)) == (u < 0.2 ? 1 : (u < 0.5 ? 2 : 0)));
                stuck += u < 0.5;
            }
    CHECK(cells.reference_stuck == stuck);
    CHECK(again.planes[0].written_S(0, 0) != cells.planes[0].written_S(0, 0));
}

TEST_CASE("a physical column is limited in every step", "[unit]") {
    // q = 5 in bits 0 and 2, m = 4: the plus column carries 5 units of dG at V_read.
    OwnedHead data;
    data.q = Matrix<float>(1, 1, 5.0F);
    data.k = data.v = Matrix<float>(1, 1, 70.0F);
    SprintReferenceSettings settings = noiseless_settings();
    settings.coding = ReferenceCoding::bit_serial;
    settings.i_max_A = 3.0 * 10e-6 * 0.2;
    const auto read_of = [&] {
        const SprintReferenceScales scales{7.0, 127.0, 127.0};
        const auto codes = sprint_reference_codes(data.view(), settings, scales);
        const auto cells = sprint_reference_cells(data.view(), codes, settings, kSite);
        return sprint_reference_read(data.view(), codes, cells, {0.0F}, settings, kSite, 0);
    };
    const auto pair = read_of();
    CHECK(pair.output(0, 0) == Approx((1.0 + 4.0) * (3.0 - 1.0)));
    CHECK(pair.column_clipped == 2);
    CHECK(pair.reference_clipped == 0);
    // Amplitude: 25 units of dG at an L-th of V_read, limit 21.
    settings.coding = ReferenceCoding::amplitude;
    CHECK(read_of().output(0, 0) == Approx(21.0 - 5.0));
    // Five unit pulses of 5 units each.
    settings.coding = ReferenceCoding::pulse_width;
    const auto pulses = read_of();
    CHECK(pulses.output(0, 0) == Approx(5.0 * 2.0));
    CHECK(pulses.column_clipped == 5);

    // Key and reference both stop at the limit: nothing is left of their difference.
    settings.coding = ReferenceCoding::bit_serial;
    settings.signs = ReferenceSigns::offset;
    settings.i_max_A = 50e-6 * 0.2;
    const auto offset = read_of();
    CHECK(offset.output(0, 0) == Approx(0.0).margin(1e-12));
    CHECK(offset.column_clipped == 2);
    CHECK(offset.reference_clipped == 2);
}
