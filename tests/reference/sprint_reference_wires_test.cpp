#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"
#include "tests/reference/sprint_reference_parts.hpp"

/// The twin's arrays as circuits.
using namespace attohm;

namespace {

struct Run {
    SprintReferenceCodes codes;
    SprintReferenceCells cells;
    SprintReferenceColumns columns;
    SprintReferenceRead read;
};
Run run(const AttentionHead& head, const SprintReferenceSettings& settings) {
    Run out;
    out.codes = sprint_reference_codes(head, settings, kNormalScales);
    out.cells = sprint_reference_cells(head, out.codes, settings, kSite);
    out.columns = sprint_reference_columns(head, out.codes, out.cells, settings, kSite);
    out.read = sprint_reference_read(head, out.codes, out.cells, std::vector<float>(head.n_q()),
                                     settings, kSite, 0);
    return out;
}

WireResistances all_wires(double ohm) {
    WireResistances wires;
    wires.row = wires.column = wires.driver = wires.sense = Ohm::from_value(ohm);
    return wires;
}

/// sinh with v0 = 0.1 V, linear at 0.2 V.
double bent_V(double V) {
    return 0.2 * std::sinh(V / 0.1) / std::sinh(2.0);
}

/// Currents of a row's columns in amperes, by hand: a ladder of r_row, columns at ground.
std::vector<double> ladder_A(const std::vector<double>& G_S, double r_ohm, double V) {
    // Conductance seen behind the segment before each column, from the far end.
    std::vector<double> seen(G_S.size() + 1, 0.0);
    for (std::size_t c = G_S.size(); c-- > 0;) {
        const double here = G_S[c] + seen[c + 1];
        seen[c] = here / (1.0 + r_ohm * here);
    }
    std::vector<double> current;
    for (std::size_t c = 0; c < G_S.size(); ++c) {
        V /= 1.0 + r_ohm * (G_S[c] + seen[c + 1]);
        current.push_back(G_S[c] * V);
    }
    return current;
}

}  // namespace

TEST_CASE("wires without resistance to speak of change nothing", "[property]") {
    const OwnedHead data = random_head(2, 7, 8, 1, 91);
    SprintReferenceSettings settings = noisy_settings();
    settings.array_rows = 8;
    settings.threshold_bits.reset();
    const auto check = [&] {
        settings.wires = {};
        const Run ideal = run(data.view(), settings);
        settings.wires = all_wires(1e-6);
        const Run wired = run(data.view(), settings);
        for (std::size_t n = 0; n < ideal.read.output.size(); ++n) {
            CHECK(wired.columns.mean.data()[n] ==
                  Approx(ideal.columns.mean.data()[n]).margin(1e-5));
            CHECK(wired.columns.common.data()[n] ==
                  Approx(ideal.columns.common.data()[n]).margin(1e-5));
            CHECK(wired.read.output.data()[n] == Approx(ideal.read.output.data()[n]).margin(1e-5));
        }
        CHECK(wired.read.column_clipped == ideal.read.column_clipped);
        CHECK(std::isnan(wired.columns.sigma(0, 0)));
    };
    SECTION("pairs") {
        settings.i_max_A = 4e-6;
        check();
    }
    SECTION("reference column, in parts") {
        settings.signs = ReferenceSigns::offset;
        settings.array_rows = 5;
        check();
    }
    SECTION("reference column, bit by bit, converted") {
        settings.signs = ReferenceSigns::offset;
        settings.coding = ReferenceCoding::bit_serial;
        settings.summation = ReferenceSummation::adc;
        settings.adc_bits = 8;
        settings.array_rows = 5;
        check();
    }
    SECTION("slices with a bent I-V") {
        settings.cell_bits = 2;
        settings.iv_shape_V = bent_V;
        check();
    }
}

TEST_CASE("one row: columns in their order behind the row's segments", "[unit]") {
    const OwnedHead data = random_head(2, 7, 1, 1, 92);
    SprintReferenceSettings settings = noiseless_settings();
    settings.array_rows = 1;
    settings.wires.row = Ohm::from_value(500.0);
    const double V_unit = 0.2 / 7.0;
    for (const auto signs : {ReferenceSigns::differential, ReferenceSigns::offset})
        for (const auto unwritten : {ReferenceUnwritten::open, ReferenceUnwritten::reset}) {
            settings.signs = signs;
            settings.unwritten = unwritten;
            const Run out = run(data.view(), settings);
            const bool pair = signs == ReferenceSigns::differential;
            // The second array: keys 5 and 6, three slots without a key.
            std::vector<double> G_S;
            if (!pair) G_S.push_back(out.cells.planes[0].reference_S(1, 0));
            for (const std::size_t j : {5, 6})
                for (const SprintReferencePlane& plane : out.cells.planes)
                    G_S.push_back(plane.written_S(j, 0));
            if (unwritten == ReferenceUnwritten::reset)
                G_S.resize(G_S.size() + 3 * out.cells.planes.size(), 10e-6);
            for (std::size_t t = 0; t < 2; ++t) {
                const double V = V_unit * out.codes.q_line(t, 0);
                const auto I = ladder_A(G_S, 500.0, V);
                const double unit_A = V_unit * out.cells.dG_S;
                const double z5 = pair ? I[0] - I[1] : I[1] - I[0];
                const double z6 = pair ? I[2] - I[3] : I[2] - I[0];
                CAPTURE(int(signs), int(unwritten), t);
                CHECK(out.columns.mean(t, 5) == Approx(z5 / unit_A).epsilon(1e-9));
                CHECK(out.columns.mean(t, 6) == Approx(z6 / unit_A).epsilon(1e-9));
                CHECK(out.read.output(t, 6) == Approx(z6 / unit_A).epsilon(1e-9));
            }
        }
}

TEST_CASE("a column passes all word lines on its way to the sense circuit", "[unit]") {
    const OwnedHead data = random_head(2, 4, 1, 1, 93);
    SprintReferenceSettings settings = noiseless_settings();
    settings.array_rows = 3;
    settings.wires.column = Ohm::from_value(2e3);
    settings.wires.sense = Ohm::from_value(3e3);
    const Run out = run(data.view(), settings);
    settings.iv_shape_V = bent_V;
    const Run bent = run(data.view(), settings);
    for (std::size_t t = 0; t < 2; ++t)
        for (std::size_t j = 0; j < 4; ++j) {
            const double V = 0.2 / 7.0 * out.codes.q_line(t, 0);
            double linear = 0.0, curved = 0.0;
            for (const bool minus : {false, true}) {
                const double G = minus ? out.cells.G_minus_S(j, 0) : out.cells.G_plus_S(j, 0);
                const double sign = minus ? -1.0 : 1.0;
                linear += sign * V * G / (1.0 + 9e3 * G);
                // Voltage across the cell: v + 9 kOhm G s(v) = V.
                double low = -0.2, high = 0.2;
                for (int step = 0; step < 100; ++step) {
                    const double v = 0.5 * (low + high);
                    (v + 9e3 * G * bent_V(v) < V ? low : high) = v;
                }
                curved += sign * G * bent_V(low);
            }
            const double unit_A = 0.2 / 7.0 * out.cells.dG_S;
            CHECK(out.columns.mean(t, j) == Approx(linear / unit_A).epsilon(1e-9));
            CHECK(bent.columns.mean(t, j) == Approx(curved / unit_A).epsilon(1e-9));
        }
}

TEST_CASE("white noise goes through the wires as single cells do", "[stat]") {
    constexpr int kReads = 1500;
    const OwnedHead data = random_head(1, 3, 4, 1, 94);
    SprintReferenceSettings settings = noiseless_settings();
    settings.array_rows = 4;
    settings.wires = all_wires(1000.0);
    const Run still = run(data.view(), settings);
    // By moving one cell after the other.
    std::vector<double> variance(3, 0.0);
    constexpr double kStep = 1e-5, kSigma = 0.02;
    for (std::size_t p = 0; p < 2; ++p)
        for (std::size_t j = 0; j < 3; ++j)
            for (std::size_t i = 0; i < 4; ++i) {
                settings.frozen_deviation = [=](std::uint64_t plane, std::size_t key,
                                                std::size_t row) {
                    return plane == p && key == j && row == i ? kStep : 0.0;
                };
                const auto moved = sprint_reference_columns(data.view(), still.codes, still.cells,
                                                            settings, kSite);
                for (std::size_t k = 0; k < 3; ++k)
                    variance[k] +=
                        std::pow(kSigma * (moved.mean(0, k) - still.columns.mean(0, k)) / kStep, 2);
            }
    settings.frozen_deviation = nullptr;
    settings.read_sigma_rel = kSigma;
    const double bound = sidak_sigmas(5.0, 6);
    std::vector<double> sum(3, 0.0), squares(3, 0.0);
    double ideal = 0.0;
    for (std::size_t i = 0; i < 4; ++i)
        ideal +=
            std::pow(still.codes.q_line(0, i) * kSigma / still.cells.dG_S, 2) *
            (std::pow(still.cells.G_plus_S(0, i), 2) + std::pow(still.cells.G_minus_S(0, i), 2));
    for (int repeat = 0; repeat < kReads; ++repeat) {
        const auto read = sprint_reference_read(data.view(), still.codes, still.cells, {0.0F},
                                                settings, kSite, std::uint64_t(repeat));
        for (std::size_t k = 0; k < 3; ++k) {
            const double error = read.output(0, k) - still.columns.mean(0, k);
            sum[k] += error / kReads;
            squares[k] += error * error / kReads;
        }
    }
    for (std::size_t k = 0; k < 3; ++k) {
        CHECK(std::abs(sum[k]) < bound * std::sqrt(variance[k] / kReads) + 0.01 * kSigma);
        CHECK(std::abs(squares[k] / variance[k] - 1.0) < bound * std::sqrt(2.0 / kReads) + 0.02);
    }
    // Wires of this size are felt: V^2 s^2 would be far too much.
    CHECK(variance[0] < 0.6 * ideal);
}

TEST_CASE("the reference's given noise is weighed by its sensitivity in the circuit", "[unit]") {
    const OwnedHead data = random_head(1, 7, 6, 1, 95);
    SprintReferenceSettings settings = noiseless_settings();
    settings.signs = ReferenceSigns::offset;
    settings.array_rows = 4;
    settings.array_columns = 5;
    settings.read_sigma_rel = 0.05;
    settings.wires = all_wires(300.0);
    const Run out = run(data.view(), settings);
    double variance = 0.0;
    for (std::size_t event = 0; event < 2; ++event) {
        const AttentionHead head = data.view();
        const reference::ReadFrame still(head, out.codes, out.cells, settings, kSite, 0);
        const auto sensitivity = reference::wired_reference_sensitivity(still, event);
        reference::SolvedArrays solved;
        const auto at_rest =
            reference::step_currents(still, reference::CellNoise(still), event, solved);
        for (std::size_t r = 4 * event; r < std::min<std::size_t>(4 * event + 4, 6); ++r) {
            settings.reference_deviation = [=](std::uint64_t, std::size_t a, std::size_t row,
                                               std::size_t) {
                return a == 1 && row == r ? 1e-6 : 0.0;
            };
            const reference::ReadFrame moved(head, out.codes, out.cells, settings, kSite, 0);
            const auto currents =
                reference::step_currents(moved, reference::CellNoise(moved), event, solved);
            const double level = out.cells.planes[0].reference_S(1, r) / out.cells.dG_S;
            const double slope =
                (currents.references[0][1].level - at_rest.references[0][1].level) / (1e-6 * level);
            CHECK(sensitivity[0](1, r) == Approx(slope).epsilon(1e-4).margin(1e-6));
            variance += std::pow(slope * 0.05 * level, 2);
            settings.reference_deviation = nullptr;
        }
    }
    const double z = reference_noise_stream(kSite, 1).normal(0);
    CHECK(out.columns.common(0, 6) == Approx(-std::sqrt(variance) * z).epsilon(1e-4));
}
