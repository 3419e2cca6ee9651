#include "crossbar/array/plain_read.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "crossbar/array/plain_array.hpp"
#include "src/base/error.hpp"
#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/reference/decision_statistics.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr const char* kCard = "ibm-cmo-hfox-2pct";
constexpr std::size_t kRows = 6, kColumns = 4;

Matrix<double> matrix(std::size_t rows, std::size_t columns, double low, double high,
                      std::uint64_t id) {
    const Stream stream(20221, Purpose::synth_content, {id, rows, columns});
    Matrix<double> x(rows, columns);
    for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = low + (high - low) * stream.uniform(i);
    return x;
}

Matrix<double> cells() {
    return matrix(kRows, kColumns, 10e-6, 90e-6, 1);
}

/// The same input `reads` times.
Matrix<double> inputs(std::size_t reads) {
    const Matrix<double> one = matrix(1, kRows, -0.2, 0.2, 2);
    Matrix<double> all(reads, kRows);
    for (std::size_t b = 0; b < reads; ++b) std::copy_n(one.row(0), kRows, all.row(b));
    return all;
}

PlainReadSettings settings_for(std::uint64_t reads) {
    PlainReadSettings settings;
    settings.read_time = 10.0_ns;
    settings.read_interval = 20.0_ns;
    settings.reads = reads;
    settings.site.seed = 20221;
    return settings;
}

/// sum_r v_r^2 g_rc^2
double square_sum(const Matrix<double>& g, const Matrix<double>& v, std::size_t c) {
    double sum = 0.0;
    for (std::size_t r = 0; r < kRows; ++r) sum += std::pow(v(0, r) * g(r, c), 2);
    return sum;
}

double mean_of(const Matrix<double>& g, const Matrix<double>& v, std::size_t c) {
    double sum = 0.0;
    for (std::size_t r = 0; r < kRows; ++r) sum += v(0, r) * g(r, c);
    return sum;
}

/// Products of the deviations of reads a and b from the exact currents, over many write events, in
/// units of `variance_rel` of the cells; averaged over columns and events.
double covariance(const Device& device, const PlainReadSettings& given, std::size_t reads,
                  std::size_t a, std::size_t b, int events) {
    const Matrix<double> g = cells(), v = inputs(reads);
    PlainReadSettings settings = given;
    double sum = 0.0;
    for (int event = 0; event < events; ++event) {
        settings.site.sample = static_cast<std::uint64_t>(event);
        const PlainReads found = read_plain(g.view(), v.view(), device, settings);
        for (std::size_t c = 0; c < kColumns; ++c) {
            const double exact = mean_of(g, v, c);
            const double da = static_cast<double>(found.current_A(a, c)) - exact;
            const double db = static_cast<double>(found.current_A(b, c)) - exact;
            sum += da * db / square_sum(g, v, c);
        }
    }
    return sum / events / static_cast<double>(kColumns);
}

}  // namespace

TEST_CASE("noise through wires has the variance of perturbed arrays", "[stat]") {
    constexpr int kTrials = 20000;
    const Matrix<double> g = cells(), v = inputs(1);
    Device device = silent_device(kCard);
    device.read_noise.sigma_rel = 0.01;
    device.read_noise.scale = 1.0;
    PlainReadSettings settings = settings_for(1);
    settings.wires = {10.0_ohm, 10.0_ohm, 600.0_ohm, 40.0_ohm, Drive::one_side};
    const PlainReads reads = read_plain(g.view(), v.view(), device, settings);
    REQUIRE(reads.wired);
    CHECK(reads.residual < 1e-12);
    const auto current = [&](const Matrix<double>& array, std::size_t c) {
        const WireTransfer solved = solve_transfer(array.view(), settings.wires);
        double sum = 0.0;
        for (std::size_t r = 0; r < kRows; ++r) sum += solved.transfer(c, r) * v(0, r);
        return sum;
    };
    const Stream stream(20221, Purpose::read_white, {77});
    std::vector<double> variance(kColumns, 0.0), exact(kColumns);
    for (std::size_t c = 0; c < kColumns; ++c) exact[c] = current(g, c);
    for (int trial = 0; trial < kTrials; ++trial) {
        Matrix<double> array = g;
        for (std::size_t i = 0; i < g.size(); ++i) {
            const auto index = static_cast<std::uint64_t>(trial) * g.size() + i;
            array.data()[i] *= 1.0 + 0.01 * stream.normal(index);
        }
        const WireTransfer solved = solve_transfer(array.view(), settings.wires);
        for (std::size_t c = 0; c < kColumns; ++c) {
            double sum = -exact[c];
            for (std::size_t r = 0; r < kRows; ++r) sum += solved.transfer(c, r) * v(0, r);
            variance[c] += sum * sum / kTrials;
        }
    }
    // The sampling band, and what one product leaves out: rows that couple through a column.
    const double band =
        sidak_sigmas(5.0, kColumns) * std::sqrt(2.0 / kTrials) + reads.coupling * reads.coupling;
    for (std::size_t c = 0; c < kColumns; ++c) {
        const double sigma = static_cast<double>(reads.sigma_A(0, c));
        CAPTURE(c, reads.coupling, band);
        CHECK(std::abs(sigma * sigma / variance[c] - 1.0) < band);
        // V^2 s^2 with ideal wires is what it must not be.
        CHECK(std::abs(1e-4 * square_sum(g, v, c) / variance[c] - 1.0) > band);
    }
}

TEST_CASE("slow noise of a short pass is one error for all its reads", "[stat]") {
    Device device = silent_device(kCard);
    device.programming.measured_at = {};
    device.slow_noise = {1e-4, 1.0, Hertz::from_value(1e-3), Hertz::from_value(1.0), 1.0};
    const Matrix<double> g = cells(), v = inputs(4);
    const PlainReads one = read_plain(g.view(), v.view(), device, settings_for(4));
    CHECK(one.memory);
    for (std::size_t b = 1; b < 4; ++b) {
        for (std::size_t c = 0; c < kColumns; ++c)
            CHECK(one.current_A(b, c) == one.current_A(0, c));
    }
    constexpr int kEvents = 3000;
    const double n = kEvents * static_cast<double>(kColumns);
    const double found = covariance(device, settings_for(4), 4, 0, 3, kEvents);
    CHECK(std::abs(found / device.slow_noise.variance() - 1.0) < 5.0 * std::sqrt(2.0 / n));
}

TEST_CASE("reads see tracked noise with the covariance of its components", "[stat]") {
    Device device = silent_device(kCard);
    device.programming.measured_at = {};
    // Corner frequencies about the read rate of 50 MHz / 2 pi.
    device.slow_noise = {1e-4, 1.0, Hertz::from_value(1e5), Hertz::from_value(1e6), 1.0};
    constexpr int kEvents = 3000;
    const double n = kEvents * static_cast<double>(kColumns);
    const PlainReadSettings settings = settings_for(6);
    double same = 0.0, apart = 0.0;
    for (const SlowComponent& component : device.slow_noise.components()) {
        const double s2 = component.sigma * component.sigma;
        same += s2 * component_covariance(component.rate, 10e-9, {}, 0.0, 0.0);
        apart += s2 * component_covariance(component.rate, 10e-9, {}, 0.0, 80e-9);
    }
    CHECK(apart < 0.95 * same);
    CHECK(std::abs(covariance(device, settings, 6, 1, 1, kEvents) / same - 1.0) <
          5.0 * std::sqrt(2.0 / n));
    // Var of a product of two correlated normals: 1 + rho^2; components taken as white leave e^-3.
    CHECK(std::abs(covariance(device, settings, 6, 1, 5, kEvents) - apart) <
          5.0 * same * std::sqrt(2.0 / n) + 0.005 * same);
}

TEST_CASE("reads see the traps of their cells", "[stat]") {
    Device device = silent_device(kCard);
    device.programming.measured_at = {};
    device.telegraph = {2.0, 0.01, 0.3, 1e5, 1e6, 0.3, 1.0};
    const PlainReads reads = read_plain(cells().view(), inputs(3).view(), device, settings_for(3));
    CHECK(reads.memory);
    constexpr int kEvents = 20000;
    const double n = kEvents * static_cast<double>(kColumns);
    const double found = covariance(device, settings_for(3), 3, 2, 2, kEvents);
    // Few traps: heavier than a normal. Variance of the square below 20 times the variance squared.
    CHECK(std::abs(found / device.telegraph.variance(10e-9) - 1.0) < 5.0 * std::sqrt(20.0 / n));
}

TEST_CASE("white and frozen reads draw by their number", "[property]") {
    Device device = silent_device(kCard);
    device.programming.measured_at = {};
    device.read_noise.sigma_rel = 0.01;
    device.read_noise.scale = 1.0;
    device.slow_noise = {1e-4, 1.0, Hertz::from_value(1e-3), Hertz::from_value(1.0), 1.0};
    const Matrix<double> g = cells(), v = inputs(9);
    const PlainReads whole = read_plain(g.view(), v.view(), device, settings_for(9));
    PlainReadSettings tail = settings_for(9);
    tail.first = 4;
    const PlainReads rest = read_plain(g.view(), v.view().rows_from(4, 5), device, tail);
    for (std::size_t b = 0; b < 5; ++b) {
        for (std::size_t c = 0; c < kColumns; ++c)
            CHECK(rest.current_A(b, c) == whole.current_A(b + 4, c));
    }
}

TEST_CASE("reads that cannot be are refused", "[unit]") {
    const Matrix<double> g = cells();
    Matrix<double> v = inputs(2);
    Device device = silent_device(kCard);
    const auto refuses = [&](const PlainReadSettings& settings, const std::string& word) {
        CHECK_THROWS_WITH(read_plain(g.view(), v.view(), device, settings), Catch::Contains(word));
    };
    PlainReadSettings settings = settings_for(2);
    CHECK_NOTHROW(read_plain(g.view(), v.view(), device, settings));
    settings.reads = 1;
    refuses(settings, "at least 2");
    settings = settings_for(2);
    settings.read_interval = 9.0_ns;
    refuses(settings, "at least the read time, 10 ns");
    settings.read_interval.reset();
    CHECK_NOTHROW(read_plain(g.view(), v.view(), device, settings));
    device.slow_noise = {1e-4, 1.0, Hertz::from_value(1.0), Hertz::from_value(10.0), 1.0};
    refuses(settings, "--read-interval-ns");
    device.slow_noise = {};
    device.cell.iv = {IvLaw::sinh, 0.2_V, 0.3_V, {}, {}, {}};
    refuses(settings, "device.iv=linear");
    device.cell = {};
    device.validity.read = ValidRange<Volt>{Volt{}, 300.0_mV};
    CHECK_NOTHROW(read_plain(g.view(), v.view(), device, settings));
    v(1, 3) = -0.301;
    refuses(settings, "v_in_V[1, 3]");
}
