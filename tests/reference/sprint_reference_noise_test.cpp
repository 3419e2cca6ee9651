#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"

/// Variance laws of the twin's codings and mappings, in closed form and against sampled cells.
using namespace attohm;

namespace {

/// A head of the same query many times over: reads that differ in their draws alone.
OwnedHead repeated_query(std::size_t n_q, std::size_t n_k, std::size_t d, std::uint64_t seed) {
    OwnedHead head = random_head(n_q, n_k, d, 1, seed);
    for (std::size_t t = 1; t < n_q; ++t) std::copy_n(head.q.row(0), d, head.q.row(t));
    return head;
}

/// Square of a code as a coding weighs it: bits with 4^b, pulses one by one.
double energy_of(double n, const Driving& driving, int q_bits) {
    if (driving.coding == ReferenceCoding::amplitude) return n * n;
    if (driving.coding == ReferenceCoding::pulse_width) return std::abs(n);
    const bool complement = driving.signs == ReferenceDrive::twos_complement;
    const int code = static_cast<int>(complement && n < 0.0 ? n + std::exp2(q_bits) : std::abs(n));
    double sum = 0.0;
    for (int b = 0; b < q_bits; ++b) sum += (code >> b & 1) != 0 ? std::exp2(2 * b) : 0.0;
    return sum;
}

struct Moments {
    double mean_a = 0.0, mean_b = 0.0, var_a = 0.0, var_b = 0.0, covariance = 0.0;
};
/// Of the errors of two keys' outputs over all queries.
Moments moments(const SprintReferenceRead& read, const SprintReferenceColumns& columns,
                std::size_t a, std::size_t b) {
    Moments m;
    const std::size_t n_q = read.output.rows();
    const double n = static_cast<double>(n_q);
    const auto error = [&](std::size_t t, std::size_t j) {
        return read.output(t, j) - columns.mean(t, j);
    };
    for (std::size_t t = 0; t < n_q; ++t) {
        m.mean_a += error(t, a) / n;
        m.mean_b += error(t, b) / n;
        m.var_a += error(t, a) * error(t, a) / n;
        m.var_b += error(t, b) * error(t, b) / n;
        m.covariance += error(t, a) * error(t, b) / n;
    }
    return m;
}

/// Settings with white noise alone, never clipped.
SprintReferenceSettings white_settings() {
    SprintReferenceSettings settings = noiseless_settings();
    settings.read_sigma_rel = 0.05;
    settings.read_sigma_S = 1e-6;
    settings.n_fs = 1e5;
    return settings;
}

}  // namespace

TEST_CASE("every coding has its own variance", "[unit]") {
    const OwnedHead data = random_head(3, 4, 12, 1, 51);
    for (const Driving& driving : kDrivings)
        for (const int q_bits : {3, 4, 6}) {
            SprintReferenceSettings settings = white_settings();
            settings.q_bits = q_bits;
            settings.drive = driving.signs;
            settings.coding = driving.coding;
            const auto codes = sprint_reference_codes(data.view(), settings, kNormalScales);
            const auto cells = sprint_reference_cells(data.view(), codes, settings, kSite);
            const auto columns =
                sprint_reference_columns(data.view(), codes, cells, settings, kSite);
            CAPTURE(int(driving.signs), int(driving.coding), q_bits);
            for (std::size_t t = 0; t < 3; ++t)
                for (std::size_t j = 0; j < 4; ++j) {
                    double variance = 0.0;
                    for (std::size_t i = 0; i < 12; ++i) {
                        const double plus = cells.G_plus_S(j, i), minus = cells.G_minus_S(j, i);
                        const double s2 = std::pow(0.05 * plus, 2) + std::pow(0.05 * minus, 2) +
                                          2.0 * std::pow(1e-6, 2);
                        variance += energy_of(codes.q_line(t, i), driving, q_bits) * s2 /
                                    std::pow(cells.dG_S, 2);
                    }
                    CHECK(columns.sigma(t, j) == Approx(std::sqrt(variance)));
                }
        }
}

TEST_CASE("a step that integrates longer is quieter", "[unit]") {
    const OwnedHead data = random_head(2, 3, 8, 1, 52);
    SprintReferenceSettings settings = white_settings();
    const auto once = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite).columns;
    settings.read_sigma_time_s = 4.0 * settings.t_read_s;
    const auto twice = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite).columns;
    for (std::size_t n = 0; n < once.sigma.size(); ++n)
        CHECK(twice.sigma.data()[n] == Approx(2.0 * once.sigma.data()[n]));
}

TEST_CASE("slices weigh their noise with the square of their weight", "[unit]") {
    const OwnedHead data = random_head(2, 3, 8, 1, 53);
    SprintReferenceSettings settings = white_settings();
    settings.cell_bits = 2;
    settings.read_sigma_rel = 0.0;
    const auto sliced = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite);
    for (std::size_t t = 0; t < 2; ++t) {
        double squares = 0.0;
        for (std::size_t i = 0; i < 8; ++i) squares += std::pow(sliced.codes.q_line(t, i), 2);
        // Two columns of weight 1, two of weight 4, 80 uS over three levels.
        const double sigma = 1e-6 / (80e-6 / 3.0) * std::sqrt(2.0 * (1.0 + 16.0) * squares);
        CHECK(sliced.columns.sigma(t, 1) == Approx(sigma));
    }
}

TEST_CASE("sampled cells have the variance of their coding", "[stat]") {
    constexpr std::size_t kReads = 2000;
    const OwnedHead data = repeated_query(kReads, 2, 6, 54);
    const double bound = sidak_sigmas(5.0, 3 * 2 * kDrivings.size());
    for (const std::optional<int> cell_bits : {std::optional<int>(), std::optional<int>(2)})
        for (const Driving& driving : kDrivings) {
            SprintReferenceSettings settings = white_settings();
            settings.drive = driving.signs;
            settings.coding = driving.coding;
            settings.cell_bits = cell_bits;
            const auto codes = sprint_reference_codes(data.view(), settings, kNormalScales);
            const auto cells = sprint_reference_cells(data.view(), codes, settings, kSite);
            const auto columns =
                sprint_reference_columns(data.view(), codes, cells, settings, kSite);
            const auto read = sprint_reference_read(data.view(), codes, cells,
                                                    std::vector<float>(kReads), settings, kSite, 0);
            const Moments m = moments(read, columns, 0, 1);
            const double a = columns.sigma(0, 0), b = columns.sigma(0, 1);
            CAPTURE(int(driving.signs), int(driving.coding), cell_bits.value_or(0), a, b);
            const double n = static_cast<double>(kReads);
            CHECK(std::abs(m.mean_a / a) < bound / std::sqrt(n));
            CHECK(std::abs(m.var_a / (a * a) - 1.0) < bound * std::sqrt(2.0 / n));
            CHECK(std::abs(m.covariance / (a * b)) < bound / std::sqrt(n));
        }
}

TEST_CASE("the reference column's noise is common to the keys of an array", "[stat]") {
    constexpr std::size_t kReads = 6000;
    const OwnedHead data = repeated_query(kReads, 7, 6, 55);
    const double bound = sidak_sigmas(5.0, 3 * 4);
    for (const bool limited : {false, true})
        for (const auto coding : {ReferenceCoding::amplitude, ReferenceCoding::bit_serial}) {
            SprintReferenceSettings settings = white_settings();
            settings.signs = ReferenceSigns::offset;
            settings.coding = coding;
            // A limit that nothing reaches: one draw for every physical column instead of one.
            if (limited) settings.i_max_A = 1.0;
            const auto codes = sprint_reference_codes(data.view(), settings, kNormalScales);
            const auto cells = sprint_reference_cells(data.view(), codes, settings, kSite);
            const auto columns =
                sprint_reference_columns(data.view(), codes, cells, settings, kSite);
            const auto read = sprint_reference_read(data.view(), codes, cells,
                                                    std::vector<float>(kReads), settings, kSite, 0);
            double reference = 0.0, given = 0.0;
            for (std::size_t i = 0; i < 6; ++i) {
                const double s = std::hypot(0.05 * cells.planes[0].reference_S(0, i), 1e-6);
                const Driving driving{ReferenceDrive::bipolar, coding};
                reference +=
                    energy_of(codes.q_line(0, i), driving, 4) * std::pow(s / cells.dG_S, 2);
            }
            for (std::size_t t = 0; t < kReads; ++t)
                given += std::pow(columns.common(t, 0), 2) / double(kReads);
            CAPTURE(limited, int(coding), reference);
            const double n = static_cast<double>(kReads);
            const Moments same = moments(read, columns, 0, 4), other = moments(read, columns, 0, 5);
            const double a = std::pow(columns.sigma(0, 0), 2) + reference;
            const double b = std::pow(columns.sigma(0, 4), 2) + reference;
            CHECK(std::abs(same.var_a / a - 1.0) < bound * std::sqrt(2.0 / n));
            CHECK(std::abs(same.covariance - reference) <
                  bound * std::sqrt((a * b + reference * reference) / n));
            CHECK(std::abs(other.covariance) < bound * std::sqrt(a * b / n) * 1.2);
            CHECK(std::abs(given / reference - 1.0) < bound * std::sqrt(2.0 / n));
            CHECK(reference / std::sqrt(a * b) > 0.2);
        }
}

TEST_CASE("the common draw of the reference is the one of the read", "[unit]") {
    const OwnedHead data = random_head(3, 7, 6, 1, 56);
    SprintReferenceSettings settings = white_settings();
    settings.signs = ReferenceSigns::offset;
    const auto at = [&](std::size_t t, std::size_t j) {
        const auto r = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite);
        double variance = 0.0;
        for (std::size_t i = 0; i < 6; ++i) {
            const double s = std::hypot(0.05 * r.cells.planes[0].reference_S(j / 5, i), 1e-6);
            variance += std::pow(r.codes.q_line(t, i) * s / r.cells.dG_S, 2);
        }
        return std::pair{r.columns.common(t, j), std::sqrt(variance)};
    };
    for (const std::size_t t : {0, 2})
        for (const std::size_t j : {0, 6}) {
            // Subtracted, as the reference's current is.
            const auto [common, sigma] = at(t, j);
            const double z = reference_noise_stream(kSite, j / 5).normal(t);
            CHECK(common == Approx(-sigma * z));
        }
    settings.i_max_A = 1.0;
    const auto [common, sigma] = at(2, 6);
    const double z = reference_column_noise_stream(kSite, 1, 0, 0).normal(2);
    CHECK(common == Approx(-sigma * z));
}

TEST_CASE("noise from outside deviates the cells, and white noise does not add to it", "[unit]") {
    const OwnedHead data = random_head(3, 4, 6, 1, 57);
    SprintReferenceSettings settings = white_settings();
    settings.signs = ReferenceSigns::offset;
    const auto still = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite);
    const auto frozen = [](std::size_t j, std::size_t i) { return 0.01 * double(j + i) - 0.02; };
    const auto slow = [](std::size_t j, std::size_t t) {
        return 0.1 * double(t) - 0.03 * double(j);
    };
    settings.frozen_deviation = [&](std::uint64_t plane, std::size_t j, std::size_t i) {
        return double(plane + 1) * frozen(j, i);
    };
    settings.slow_deviation = [&](std::uint64_t, std::size_t j, std::size_t, std::size_t t) {
        return slow(j, t);
    };
    settings.reference_deviation = [](std::uint64_t, std::size_t a, std::size_t i, std::size_t t) {
        return 0.02 * double(i) - 0.01 * double(t) + 0.1 * double(a);
    };
    const auto moved = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite);
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t j = 0; j < 4; ++j) {
            double shift = 0.0;
            for (std::size_t i = 0; i < 6; ++i) {
                const double key =
                    moved.cells.planes[0].written_S(j, i) * (frozen(j, i) + slow(j, t));
                const double reference =
                    moved.cells.planes[0].reference_S(0, i) * (0.02 * double(i) - 0.01 * double(t));
                shift += moved.codes.q_line(t, i) * (key - reference) / moved.cells.dG_S;
            }
            CHECK(moved.columns.mean(t, j) == Approx(moved.columns.z(t, j) + shift));
            CHECK(moved.columns.sigma(t, j) == Approx(still.columns.sigma(t, j)));
            CHECK(moved.columns.common(t, j) == Approx(still.columns.common(t, j)));
        }
}
