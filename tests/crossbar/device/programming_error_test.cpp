#include "crossbar/device/programming_error.hpp"

#include "tests/crossbar/device/parts_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;
using Catch::Contains;

namespace {

constexpr std::size_t kDraws = 400000;

const std::string kPolynomial =
    "programming: {law: polynomial, sigma_uS_coefficients: [1, 0.05, -0.0004], "
    "bias_uS_coefficients: [0.5, -0.01], measured_at_s: 1}\n";
const std::string kTable =
    "programming: {law: table, target_uS: [10, 30, 90], sigma_uS: [1, 3, 0.5], "
    "bias_uS: [0.2, -0.4, 0.8], measured_at_s: 1}\n";
const std::string kLogNormal =
    "programming: {law: log-normal, sigma_ln_coefficients: [0.3, -0.002], measured_at_s: 1}\n";

std::vector<double> written(const ProgrammingError& law, Siemens target, std::uint64_t which) {
    const std::vector<double> z = normals(which, kDraws);
    const std::vector<double> targets(z.size(), target.value());
    std::vector<double> out(z.size());
    law.written(targets, z, out);
    return out;
}

}  // namespace

TEST_CASE("programming laws give their closed form per level", "[unit]") {
    const ProgrammingError polynomial = device_of(kPolynomial).programming;
    CHECK(polynomial.sigma(50.0_uS).value() == Approx(2.5e-6));
    CHECK(polynomial.bias(90.0_uS).value() == Approx(-0.4e-6));
    CHECK(polynomial.written(50.0_uS, 2.0).value() == Approx(55e-6));
    CHECK(polynomial.level(50.0_uS).written(-1.0) == Approx(47.5e-6));

    const ProgrammingError table = device_of(kTable).programming;
    CHECK(table.sigma(10.0_uS).value() == Approx(1e-6));
    CHECK(table.sigma(20.0_uS).value() == Approx(2e-6));
    CHECK(table.sigma(60.0_uS).value() == Approx(1.75e-6));
    CHECK(table.sigma(90.0_uS).value() == Approx(0.5e-6));
    CHECK(table.bias(60.0_uS).value() == Approx(0.2e-6));
    CHECK(table.written(60.0_uS, 1.0).value() == Approx(61.95e-6));
    CHECK_THROWS_WITH(table.written(91.0_uS, 0.0), Contains("91 uS") && Contains("10 to 90 uS"));
    CHECK_THROWS_AS(table.sigma(9.0_uS), UserError);

    const ProgrammingError log_normal = device_of(kLogNormal).programming;
    const double s = 0.2;  // at 50 uS
    CHECK(log_normal.written(50.0_uS, 0.0).value() == Approx(50e-6 * std::exp(-0.5 * s * s)));
    CHECK(log_normal.written(50.0_uS, 1.5).value() ==
          Approx(50e-6 * std::exp(1.5 * s - 0.5 * s * s)));
    CHECK(log_normal.sigma(50.0_uS).value() == Approx(50e-6 * std::sqrt(std::expm1(s * s))));
}

TEST_CASE("sigma over G_max is the same law in other units", "[unit]") {
    const ProgrammingError absolute = device_of(kPolynomial).programming;
    // sigma / 90 = 1/90 + 0.05 x - 0.0004 * 90 x^2 with x = G / 90.
    const ProgrammingError relative =
        device_of(
            "programming: {law: polynomial, sigma_over_gmax_coefficients: [0.0111111111111, 0.05, "
            "-0.036], measured_at_s: 1}\n")
            .programming;
    for (const double g : {10.0, 25.0, 63.0, 90.0}) {
        const Siemens target = Siemens::from_value(g * 1e-6);
        CHECK(relative.sigma(target).value() == Approx(absolute.sigma(target).value()));
    }
}

TEST_CASE("scale multiplies spread and bias, and 0 writes exactly", "[property]") {
    for (const std::string& card : {kPolynomial, kTable, kLogNormal}) {
        const ProgrammingError once = device_of(card).programming;
        const ProgrammingError none = device_of(card, {"device.programming.scale=0"}).programming;
        const ProgrammingError half = device_of(card, {"device.programming.scale=0.5"}).programming;
        CHECK_FALSE(once.none());
        CHECK(none.none());
        for (const double g : {10.0, 30.0, 77.0}) {
            const Siemens target = Siemens::from_value(g * 1e-6);
            CHECK(none.written(target, 2.5).value() == target.value());
            CHECK(half.bias(target).value() == Approx(0.5 * once.bias(target).value()));
            if (once.law == ProgrammingLaw::log_normal) {
                CHECK(half.level(target).sigma_ln == Approx(0.5 * once.level(target).sigma_ln));
            } else {
                CHECK(half.sigma(target).value() == Approx(0.5 * once.sigma(target).value()));
            }
        }
    }
    // No section: nothing happens to a write.
    CHECK(device_of("").programming.none());
}

TEST_CASE("every programming law has its mean, its variance and its shape", "[stat]") {
    std::uint64_t which = 100;
    for (const std::string& card : {kPolynomial, kTable, kLogNormal}) {
        const ProgrammingError law = device_of(card).programming;
        for (const double g : {10.0, 45.0, 90.0}) {
            CAPTURE(card, g);
            const Siemens target = Siemens::from_value(g * 1e-6);
            std::vector<double> sample = written(law, target, ++which);
            const double sigma = law.sigma(target).value();
            const double mean = target.value() + law.bias(target).value();
            std::vector<double> uniforms;
            if (law.law == ProgrammingLaw::log_normal) {
                const double s = law.level(target).sigma_ln;
                const double w = std::exp(s * s);
                const double kurtosis = w * w * w * w + 2 * w * w * w + 3 * w * w - 3;
                check_moments(sample, mean, sigma * sigma, kurtosis);
                for (const double x : sample)
                    uniforms.push_back(normal_distribution((std::log(x / mean) + 0.5 * s * s) / s));
            } else {
                check_moments(sample, mean, sigma * sigma);
                for (const double x : sample)
                    uniforms.push_back(normal_distribution((x - mean) / sigma));
            }
            check_uniform(uniforms, 9);
        }
    }
}

TEST_CASE("programming sections that cannot be are refused by key", "[unit]") {
    const auto table = [](const std::string& targets, const std::string& sigma,
                          const std::string& bias) {
        return "programming: {law: table, target_uS: " + targets + ", sigma_uS: " + sigma + bias +
               ", measured_at_s: 1}\n";
    };
    CHECK(complaint(table("[10, 90]", "[1, 2]", "")).empty());
    CHECK_THAT(complaint(table("[20, 90]", "[1, 2]", "")), Contains("does not cover"));
    CHECK_THAT(complaint(table("[10, 80]", "[1, 2]", "")), Contains("does not cover"));
    CHECK_THAT(complaint(table("[10, 50, 50, 90]", "[1, 2, 2, 1]", "")),
               Contains("do not increase"));
    CHECK_THAT(complaint(table("[10, 90]", "[1, 2, 3]", "")),
               Contains("programming.sigma_uS") && Contains("3 numbers"));
    CHECK_THAT(complaint(table("[10, 90]", "[1, 2]", ", bias_uS: [1]")),
               Contains("programming.bias_uS"));
    CHECK_THAT(complaint(table("[10, 90]", "[1, -2]", "")), Contains("negative inside"));
    CHECK_THAT(complaint("programming: {law: gauss, measured_at_s: 1}\n"),
               Contains("programming.law") && Contains("log-normal"));
    CHECK_THAT(complaint("programming: {law: polynomial, sigma: [1], measured_at_s: 1}\n"),
               Contains("programming.sigma_uS_coefficients"));
    CHECK_THAT(complaint("programming: {law: polynomial, sigma_uS_coefficients: [1], "
                         "sigma_over_gmax_coefficients: [0.1], measured_at_s: 1}\n"),
               Contains("given twice"));
    CHECK_THAT(complaint("programming: {law: log-normal, sigma_ln_coefficients: [0.1, -0.01], "
                         "measured_at_s: 1}\n"),
               Contains("negative inside"));
    CHECK_THAT(complaint("programming: {law: log-normal, sigma_ln_coefficients: [0.1], "
                         "bias_uS_coefficients: [-20], measured_at_s: 1}\n"),
               Contains("below zero"));
    CHECK_THAT(complaint("programming: {law: polynomial, sigma_uS_coefficients: [1]}\n"),
               Contains("programming.measured_at_s"));
    // A part that is not there cannot be scaled; switching it off is fine.
    CHECK_THAT(complaint("", {"device.programming.scale=2"}), Contains("no section `programming`"));
    CHECK(complaint("", {"device.programming.scale=0"}).empty());
}
