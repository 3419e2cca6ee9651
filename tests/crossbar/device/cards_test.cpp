#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "crossbar/device/device.hpp"
#include "src/base/error.hpp"
#include "src/base/sha256.hpp"
#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/crossbar/device/card_points.hpp"

// Cards against what is published: points, marks, and the traps of the sources.

using namespace attohm;
using attohm::testing::all_card_points;
using attohm::testing::card_says;
using attohm::testing::CardPoint;
using attohm::testing::CardPoints;

namespace {

Siemens uS(double value) {
    return Siemens::from_value(value * 1e-6);
}

Device card_device(const std::string& card) {
    return load_device(device_experiment(card));
}

const CardPoints& points_of(const std::string& card) {
    static const std::vector<CardPoints> tables = all_card_points();
    for (const CardPoints& table : tables) {
        if (table.card == card) return table;
    }
    throw std::runtime_error("no points of " + card);
}

std::vector<CardPoint> points_of(const std::string& card, const std::string& quantity) {
    std::vector<CardPoint> found;
    for (const CardPoint& point : points_of(card).points) {
        if (point.quantity == quantity) found.push_back(point);
    }
    return found;
}

/// Coefficients c that minimise sum (y - sum_k c_k basis_k)^2: normal equations, Gauss.
template <std::size_t n>
std::array<double, n> least_squares(const std::vector<std::array<double, n>>& basis,
                                    const std::vector<double>& y) {
    std::array<std::array<double, n + 1>, n> m = {};
    for (std::size_t row = 0; row < basis.size(); ++row) {
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j) m[i][j] += basis[row][i] * basis[row][j];
            m[i][n] += basis[row][i] * y[row];
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t r = 0; r < n; ++r) {
            if (r == i) continue;
            const double factor = m[r][i] / m[i][i];
            for (std::size_t j = 0; j <= n; ++j) m[r][j] -= factor * m[i][j];
        }
    }
    std::array<double, n> c = {};
    for (std::size_t i = 0; i < n; ++i) c[i] = m[i][n] / m[i][i];
    return c;
}

/// A fitted number of a card, as good as its four digits.
void check_fitted(const std::string& card, const std::string& key, std::size_t index,
                  double fitted) {
    const Settings settings = device_card(card);
    INFO(card << " " << key << "[" << index << "], fitted again: " << fitted);
    CHECK(settings.entry(key).mark == Mark::fitted);
    CHECK(settings.reals(key).at(index) == Approx(fitted).epsilon(6e-4));
}

}  // namespace

TEST_CASE("every published point lies on its card's law", "[property]") {
    const std::vector<CardPoints> tables = all_card_points();
    CHECK(tables.size() >= 9);
    for (const CardPoints& table : tables) {
        const Device device = card_device(table.card);
        REQUIRE_FALSE(table.points.empty());
        for (const CardPoint& point : table.points) {
            const double says = card_says(device, point);
            INFO(point.where << ": " << point.quantity << " at " << point.x << " is " << point.y
                             << ", the card says " << says << ", residual " << says - point.y
                             << ", tolerance " << point.tolerance);
            CHECK(std::isfinite(says));
            if (point.compared) CHECK(std::abs(says - point.y) <= point.tolerance);
        }
    }
}

TEST_CASE("a card names its table of points, and notices a changed one", "[property]") {
    std::set<std::string> with_points;
    for (const CardPoints& table : all_card_points()) {
        INFO(table.file);
        const Settings card = device_card(table.card);
        CHECK(card.text("points.file") == table.file);
        CHECK(card.text("points.sha256") == sha256_hex(table.bytes));
        with_points.insert(table.card);
    }
    for (const std::string& name : device_card_names()) {
        INFO(name);
        CHECK(device_card(name).has("points.file") == with_points.contains(name));
    }
}

TEST_CASE("a mark of a card is backed: fitted by points, recalled by nothing", "[property]") {
    int fitted_cards = 0, recalled = 0;
    for (const std::string& name : device_card_names()) {
        const Settings card = device_card(name);
        bool fitted = false;
        for (const std::string& key : card.keys()) {
            const SettingsEntry& entry = card.entry(key);
            INFO(name << " " << key << ": " << entry.source);
            fitted = fitted || entry.mark == Mark::fitted;
            if (entry.source.find("recalled") != std::string::npos) {
                CHECK(entry.mark == Mark::assumed);
                ++recalled;
            }
        }
        INFO(name);
        CHECK(fitted == (card.has("points.file") && !points_of(name).residuals.empty()));
        fitted_cards += fitted;
    }
    CHECK(fitted_cards >= 5);
    CHECK(recalled >= 5);
}

TEST_CASE("what is left of a fit is what its table states", "[property]") {
    int stated = 0;
    for (const CardPoints& table : all_card_points()) {
        const Device device = card_device(table.card);
        for (const auto& residual : table.residuals) {
            double square = 0.0, largest = 0.0;
            int count = 0;
            for (const CardPoint& point : points_of(table.card, residual.quantity)) {
                const double left = card_says(device, point) - point.y;
                square += left * left;
                largest = std::max(largest, std::abs(left));
                ++count;
            }
            INFO(table.file << " " << residual.quantity << ": rms " << std::sqrt(square / count)
                            << ", max " << largest);
            REQUIRE(count > 0);
            CHECK(std::sqrt(square / count) == Approx(residual.rms).epsilon(0.05).margin(1e-4));
            CHECK(largest == Approx(residual.largest).epsilon(0.05).margin(1e-4));
            ++stated;
        }
    }
    CHECK(stated >= 8);
}

TEST_CASE("NeuRRAM: the cubic and the relaxation are the best through their points", "[unit]") {
    const std::string card = "neurram-wan-2022";
    std::vector<std::array<double, 4>> powers;
    std::vector<double> sigma;
    for (const CardPoint& p : points_of(card, "programming_sigma")) {
        powers.push_back({1.0, p.x, p.x * p.x, p.x * p.x * p.x});
        sigma.push_back(p.y);
    }
    REQUIRE(sigma.size() == 6);
    const auto cubic = least_squares<4>(powers, sigma);
    for (std::size_t k = 0; k < 4; ++k) {
        check_fitted(card, "programming.sigma_uS_coefficients", k, cubic[k]);
        check_fitted(card, "relaxation.sigma_uS_coefficients", k, cubic[k]);
    }
    // The whole spread at 20 uS: sigma_p + s1 ln(age).
    const double at_t0 = card_device(card).programming.sigma(uS(20)).value() * 1e6;
    std::vector<std::array<double, 1>> log_age;
    std::vector<double> growth;
    for (const CardPoint& p : points_of(card, "total_sigma")) {
        log_age.push_back({std::log(p.x)});
        growth.push_back(p.y - at_t0);
    }
    REQUIRE(growth.size() == 2);
    check_fitted(card, "relaxation.sigma_uS_per_ln_coefficients", 0,
                 least_squares<1>(log_age, growth)[0]);
    check_fitted(card, "write.mlc_pulses_mean", 0,
                 points_of(card, "write_time")[0].y /
                     (card_device(card).write.pulse_and_verify_time().value() * 1e6));
}

TEST_CASE("IBM: one figure of read noise, white in one card and slow in the other", "[unit]") {
    const CardPoint read = points_of("ibm-cmo-hfox-2pct", "read_sigma")[0];
    const double relative = read.y / read.x;
    check_fitted("ibm-cmo-hfox-2pct", "read_noise.sigma_rel", 0, relative);
    check_fitted("ibm-cmo-hfox-0p2pct", "read_noise.sigma_rel", 0, relative);
    const Device slow = card_device("ibm-cmo-hfox-2pct-1f");
    check_fitted(
        "ibm-cmo-hfox-2pct-1f", "slow_noise.amplitude_rel2", 0,
        relative * relative / std::log((slow.slow_noise.f_high / slow.slow_noise.f_low).value()));
    // Not counted twice; and slower noise than 1 / t0 is the programming sigma's.
    CHECK(slow.read_noise.none());
    CHECK(slow.slow_noise.f_low.value() * slow.programming.measured_at.value() == Approx(1.0));
    CHECK(card_device("ibm-cmo-hfox-2pct").slow_noise.none());
}

TEST_CASE("other fitted numbers follow from their points", "[unit]") {
    // Drift: the straight line through both ends.
    const auto drift = points_of("pcm-hermes", "drift_nu");
    REQUIRE(drift.size() == 2);
    const double g_max = device_card("pcm-hermes").real("conductance.g_max_uS");
    const auto line = least_squares<2>({{1.0, drift[0].x / g_max}, {1.0, drift[1].x / g_max}},
                                       {drift[0].y, drift[1].y});
    check_fitted("pcm-hermes", "relaxation.nu_coefficients", 0, line[0]);
    check_fitted("pcm-hermes", "relaxation.nu_coefficients", 1, line[1]);
    // SPRINT: pulses and pulse length that make up its energy per bit.
    const WriteModel write = card_device("sprint-cell").write;
    const CardPoint mlc = points_of("sprint-cell", "write_energy")[0];
    check_fitted("sprint-cell", "write.mlc_pulses_mean", 0,
                 mlc.y * 1e-12 / (mlc.x * 1e-6 * write.pulse_energy_per_S()));
    const CardPoint slc = points_of("sprint-cell", "slc_write_energy")[0];
    check_fitted(
        "sprint-cell", "write.slc_pulse_ns", 0,
        slc.y * 1e-12 / (slc.x * 1e-6 * std::pow(write.slc_pulse_voltage.value(), 2)) * 1e9);
}

TEST_CASE("the traps of the sources are not in the cards", "[unit]") {
    // NeuRRAM: 25 kohm, not the 250 kohm of a slipped exponent; and of two fits the card is near
    // one everywhere, so it cannot have been rescaled with the other's unread reference of 40 uS.
    const Device neurram = card_device("neurram-wan-2022");
    CHECK(1.0 / neurram.g_max.value() == Approx(25e3));
    CHECK(neurram.programming.sigma(uS(40)).value() * 1e6 > 1.5);
    CHECK(neurram.programming.measured_at.value() == 1.0);
    // A fifth of the draws at 1 uS lie below zero: P(z < -1 / sigma).
    const double low = neurram.programming.sigma(uS(1)).value() * 1e6;
    CHECK(0.5 * std::erfc(1.0 / low / std::sqrt(2.0)) == Approx(0.22).margin(0.01));
    // IBM: windows are fractions, and each card has the error of its own window.
    const Device wide = card_device("ibm-cmo-hfox-2pct"), fine = card_device("ibm-cmo-hfox-0p2pct");
    CHECK(wide.verify.value().window_rel == 0.02);
    CHECK(fine.verify.value().window_rel == 0.002);
    const double ratio = wide.programming.sigma(uS(50)) / fine.programming.sigma(uS(50));
    CHECK(ratio == Approx(10.0).epsilon(0.05));
    // The memory version changes the read noise and nothing else.
    const Device slow = card_device("ibm-cmo-hfox-2pct-1f");
    CHECK(slow.programming.sigma_coefficients == wide.programming.sigma_coefficients);
    CHECK(slow.relaxation.value().spread_coefficients ==
          wide.relaxation.value().spread_coefficients);
    CHECK(slow.write.mlc_pulses_mean == wide.write.mlc_pulses_mean);
    // Faults by resistance, as fractions: low below high wherever there are any.
    for (const std::string& name : device_card_names()) {
        const Device device = card_device(name);
        INFO(name);
        CHECK(device.stuck.low_rate + device.stuck.high_rate <= 0.01);
        if (!device.stuck.none()) {
            CHECK(device.stuck.low_resistance.value() <= 1.0 / device.g_max.value() * (1.0 + 1e-3));
            CHECK(device.stuck.high_resistance > device.stuck.low_resistance);
        }
    }
}

TEST_CASE("every card says where it was measured", "[property]") {
    for (const std::string& name : device_card_names()) {
        const Device device = card_device(name);
        INFO(name);
        CHECK(device.validity.conductance.has_value());
        CHECK(device.validity.age.has_value());
        CHECK(device.validity.temperature.has_value());
        CHECK(device.validity.read.has_value());
        // A card can be read as preset sprint reads, and at the age of its own figures.
        CHECK_NOTHROW(device.validity.require_read(Volt::from_value(0.2), "drive.v_read_V"));
        CHECK_NOTHROW(device.validity.require_age(device.programming.measured_at));
        CHECK_NOTHROW(device.validity.require_temperature(Kelvin::from_value(300.0)));
    }
}

TEST_CASE("the manual's table of cards is what the cards say", "[property]") {
    const auto uS_text = [](Siemens g) { return fmt::format("{:.3g}", g.value() * 1e6); };
    std::string table =
        "| card | G, uS | sigma_p, uS | t0, s | after a day, uS | read noise | stuck | write, pJ | "
        "cited, fitted, assumed |\n|---|---|---|---|---|---|---|---|---|\n";
    for (const std::string& name : device_card_names()) {
        const Device device = card_device(name);
        const Settings card = device_card(name);
        const Siemens middle = (device.g_min + device.g_max) * 0.5;
        const double middle_uS = middle.value() * 1e6;
        std::map<Mark, int> marks;
        for (const std::string& key : card.keys()) ++marks[card.entry(key).mark];
        const auto& error = device.programming;
        std::string day = "-", noise = "-", stuck = "-";
        if (device.relaxation)
            day = fmt::format("{:.3g}", card_says(device, "total_sigma", 86400.0, middle_uS));
        if (const double sigma = card_says(device, "read_sigma", middle_uS); sigma > 0.0) {
            noise = fmt::format("{:.2g} {}", sigma / middle_uS,
                                device.slow_noise.none() ? "white" : "1/f");
        }
        if (!device.stuck.none())
            stuck = fmt::format("{:g}", device.stuck.low_rate + device.stuck.high_rate);
        table +=
            fmt::format("| {} | {}-{} | {} {} {} | {:g} | {} | {} | {} | {:.3g} | {}, {}, {} |\n",
                        name, uS_text(device.g_min), uS_text(device.g_max),
                        uS_text(error.sigma(device.g_min)), uS_text(error.sigma(middle)),
                        uS_text(error.sigma(device.g_max)), error.measured_at.value(), day, noise,
                        stuck, card_says(device, "write_energy", middle_uS), marks[Mark::cited],
                        marks[Mark::fitted], marks[Mark::assumed]);
    }
    std::ostringstream page;
    page << std::ifstream("docs/devices.md").rdbuf();
    INFO("docs/devices.md should hold this table:\n" << table);
    CHECK(page.str().find("\n\n" + table + "\n") != std::string::npos);
    // Every card has its paragraph.
    for (const std::string& name : device_card_names()) {
        INFO(name);
        CHECK(page.str().find("\n- **" + name + "**") != std::string::npos);
    }
}
