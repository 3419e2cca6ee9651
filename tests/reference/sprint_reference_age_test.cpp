#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/reference/sprint_reference_fixture.hpp"

/// Cells of the twin at an age, at a temperature and with faults.
using namespace attohm;

namespace {

constexpr double kT0 = 2e-6;

double mu_S(double G_S, double age_s) {
    return -0.02 * G_S * std::log(age_s / kT0);
}

double sigma_S(double G_S, double age_s) {
    return (0.5e-6 + 0.01 * G_S) * std::sqrt(std::log(age_s / kT0));
}

SprintReferenceSettings ageing_settings() {
    SprintReferenceSettings settings = noiseless_settings();
    settings.programming_sigma_S = [](double G_S) { return 0.05 * G_S; };
    settings.relaxation_mean_S = mu_S;
    settings.relaxation_sigma_S = sigma_S;
    settings.relaxation_t0_s = kT0;
    settings.age_delay_s = 0.5e-6;
    settings.age_write_interval_s = 0.4e-6;
    settings.age_read_interval_s = 1e-3;
    return settings;
}

struct Written {
    SprintReferenceCodes codes;
    SprintReferenceCells cells;
};
Written write(const AttentionHead& head, const SprintReferenceSettings& settings) {
    const auto codes = sprint_reference_codes(head, settings, kNormalScales);
    return {codes, sprint_reference_cells(head, codes, settings, kSite)};
}

}  // namespace

TEST_CASE("every key has its own age, and a cell at two ages is one path", "[unit]") {
    OwnedHead data = random_head(3, 10, 4, 1, 61);
    data.valid_k = 9;
    const AttentionHead head = data.view();
    const SprintReferenceSettings settings = ageing_settings();
    const auto [codes, cells] = write(head, settings);
    std::int64_t clamped = 0;
    for (const std::size_t t : {0, 2}) {
        const auto shot = sprint_reference_snapshot(head, cells, settings, kSite, t);
        for (std::size_t j = 0; j < 9; ++j) {
            const double age = 0.5e-6 + (8.0 - double(j)) * 0.4e-6 + double(t) * 1e-3;
            CHECK(reference_age_s(head, settings, j, t) == Approx(age));
            for (std::size_t i = 0; i < 4; ++i) {
                const double G_w = cells.G_minus_S(j, i);
                const double z = relaxation_stream(kSite, 1).normal(j * 4 + i);
                const double at = std::max(age, kT0);
                const double aged = G_w + mu_S(G_w, at) + sigma_S(G_w, at) * z;
                CHECK(shot.G_S[1](j, i) == Approx(aged));
                CHECK(shot.error_S[1](j, i) ==
                      Approx(aged - 10e-6 - cells.dG_S * cells.planes[1].digit(j, i)));
            }
        }
        clamped += shot.age_clamped;
    }
    // Key 5 is 1.7 us old in query 0, key 4 2.1 us.
    CHECK(clamped == 4);
    const auto read = sprint_reference_read(head, codes, cells, {0, 0, 0}, settings, kSite, 0);
    CHECK(read.age_clamped == 4);
    CHECK(read.floored + read.ceiled == 0);
}

TEST_CASE("the same path lies along the law of its age", "[property]") {
    const OwnedHead data = random_head(3, 6, 8, 1, 62);
    const AttentionHead head = data.view();
    SprintReferenceSettings settings = ageing_settings();
    const auto [codes, cells] = write(head, settings);
    const auto first = sprint_reference_snapshot(head, cells, settings, kSite, 1);
    const auto last = sprint_reference_snapshot(head, cells, settings, kSite, 2);
    for (std::size_t j = 0; j < 6; ++j)
        for (std::size_t i = 0; i < 8; ++i) {
            const double G_w = cells.G_plus_S(j, i);
            const double a = reference_age_s(head, settings, j, 1);
            const double b = reference_age_s(head, settings, j, 2);
            const double z_a = (first.G_S[0](j, i) - G_w - mu_S(G_w, a)) / sigma_S(G_w, a);
            const double z_b = (last.G_S[0](j, i) - G_w - mu_S(G_w, b)) / sigma_S(G_w, b);
            CHECK(z_a == Approx(z_b));
        }
}

TEST_CASE("floor and ceiling hold for what an age left, and are counted", "[unit]") {
    const OwnedHead data = random_head(2, 10, 8, 1, 63);
    const AttentionHead head = data.view();
    SprintReferenceSettings settings = ageing_settings();
    settings.G_floor_S = 10e-6;
    settings.G_ceiling_S = 40e-6;
    const auto wide_S = [](double G_S, double age_s) { return 4.0 * sigma_S(G_S, age_s); };
    settings.relaxation_sigma_S = wide_S;
    const auto [codes, cells] = write(head, settings);
    std::int64_t floored = 0, ceiled = 0, aged_floored = 0, aged_ceiled = 0;
    const auto shot = sprint_reference_snapshot(head, cells, settings, kSite, 1);
    for (std::size_t p = 0; p < 2; ++p)
        for (std::size_t j = 0; j < 10; ++j)
            for (std::size_t i = 0; i < 8; ++i) {
                const double target = 10e-6 + cells.dG_S * cells.planes[p].digit(j, i);
                const double G_w =
                    target * (1.0 + 0.05 * programming_stream(kSite, p).normal(j * 8 + i));
                floored += G_w < 10e-6;
                ceiled += G_w > 40e-6;
                CHECK(cells.planes[p].written_S(j, i) == Approx(G_w));
                const double age = reference_age_s(head, settings, j, 1);
                const double aged =
                    G_w + mu_S(G_w, age) +
                    wide_S(G_w, age) * relaxation_stream(kSite, p).normal(j * 8 + i);
                aged_floored += aged < 10e-6;
                aged_ceiled += aged > 40e-6;
                CHECK(shot.G_S[p](j, i) == Approx(std::clamp(aged, 10e-6, 40e-6)));
            }
    CHECK(cells.floored == floored);
    CHECK(cells.ceiled == ceiled);
    CHECK(shot.floored == aged_floored);
    CHECK(shot.ceiled == aged_ceiled);
    CHECK((floored > 0 && ceiled > 0 && aged_floored > 0 && aged_ceiled > 0));
}

TEST_CASE("temperature comes after the age, faults after everything but noise", "[unit]") {
    const OwnedHead data = random_head(2, 8, 8, 1, 64);
    const AttentionHead head = data.view();
    SprintReferenceSettings settings = ageing_settings();
    settings.signs = ReferenceSigns::offset;
    const auto [codes, cells] = write(head, settings);
    const auto cold = sprint_reference_snapshot(head, cells, settings, kSite, 1);
    settings.temperature_factor = [](double G_S) { return G_S < 40e-6 ? 1.3 : 0.9; };
    const auto hot = sprint_reference_snapshot(head, cells, settings, kSite, 1);
    for (std::size_t n = 0; n < 64; ++n) {
        const double G = cold.G_S[0].data()[n];
        CHECK(hot.G_S[0].data()[n] == Approx(G * (G < 40e-6 ? 1.3 : 0.9)));
    }
    // The reference is as old as the oldest key, and as hot.
    const double written = cells.planes[0].reference_S(0, 3);
    const double age = reference_age_s(head, settings, 0, 1);
    const double aged = written + mu_S(written, age) +
                        sigma_S(written, age) * reference_relaxation_stream(kSite, 0, 0).normal(3);
    CHECK(cold.reference_G_S[0](0, 3) == Approx(aged));
    CHECK(hot.reference_G_S[0](0, 3) == Approx(aged * (aged < 40e-6 ? 1.3 : 0.9)));

    settings.stuck_low_rate = 1.0;
    settings.stuck_low_ohm = 20e3;
    settings.read_sigma_rel = 0.1;
    settings.slow_deviation = [](std::uint64_t, std::size_t, std::size_t, std::size_t) {
        return 0.2;
    };
    const auto broken = write(head, settings);
    const auto stuck = sprint_reference_snapshot(head, broken.cells, settings, kSite, 1);
    const auto columns =
        sprint_reference_columns(head, broken.codes, broken.cells, settings, kSite);
    double squares = 0.0;
    for (std::size_t i = 0; i < 8; ++i) {
        squares += std::pow(broken.codes.q_line(1, i), 2);
        const double target = 10e-6 + broken.cells.dG_S * broken.cells.planes[0].digit(2, i);
        CHECK(stuck.G_S[0](2, i) == Approx(50e-6));
        CHECK(stuck.error_S[0](2, i) == Approx(60e-6 - target));
    }
    // A stuck cell is a resistor, and as noisy as one.
    CHECK(columns.sigma(1, 2) == Approx(0.1 * 50e-6 / broken.cells.dG_S * std::sqrt(squares)));
}

TEST_CASE("writes and faults may be given from outside", "[unit]") {
    const OwnedHead data = random_head(1, 7, 8, 1, 65);
    const AttentionHead head = data.view();
    SprintReferenceSettings settings = noiseless_settings();
    settings.signs = ReferenceSigns::offset;
    settings.G_ceiling_S = 60e-6;
    settings.stuck_high_ohm = 1e6;
    settings.array_rows = 5;
    settings.array_columns = 4;
    settings.programming_sigma_S = [](double G_S) { return G_S; };
    settings.written_S = [](std::uint64_t, std::size_t j, std::size_t i, double target_S) {
        return target_S + 1e-6 * double(j) - 1e-7 * double(i);
    };
    settings.fault = [](std::uint64_t, std::size_t array, std::size_t column, std::size_t row) {
        return std::uint8_t(array == 1 && ((column == 3 && row == 2) || column == 4) ? 2 : 0);
    };
    const auto [codes, cells] = write(head, settings);
    const SprintReferencePlane& plane = cells.planes[0];
    for (std::size_t j = 0; j < 7; ++j)
        for (std::size_t i = 0; i < 8; ++i) {
            const double given =
                10e-6 + cells.dG_S * plane.digit(j, i) + 1e-6 * double(j) - 1e-7 * double(i);
            CHECK(plane.written_S(j, i) == Approx(given));
            // Two parts a key: the second parts of keys 0 to 3 lie in array 1, of 3 rows.
            CHECK(int(plane.stuck(j, i)) == (j == 3 && i == 7 ? 2 : 0));
        }
    CHECK(cells.stuck == 1);
    CHECK(cells.reference_stuck == 3);
    CHECK(cells.ceiled > 0);
}
