#include "crossbar/device/relaxation.hpp"

#include "tests/crossbar/device/parts_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;
using Catch::Contains;

namespace {

const std::string kProgramming =
    "programming: {law: polynomial, sigma_uS_coefficients: [0.4], measured_at_s: 2}\n";
const std::string kValidity =
    "validity: {conductance_uS: [10, 90], age_s: [2, 1e6], temperature_K: [250, 400], read_V: [0, "
    "0.5]}\n";

std::string log_time(const std::string& mean, const std::string& s0, const std::string& s1) {
    return kProgramming + kValidity +
           "relaxation: {law: log-time, mean_uS_per_ln_coefficients: " + mean +
           ", sigma_uS_coefficients: " + s0 + ", sigma_uS_per_ln_coefficients: " + s1 + "}\n";
}

std::string power(const std::string& nu, const std::string& spread) {
    return kProgramming + kValidity + "relaxation: {law: power, nu_coefficients: " + nu +
           ", nu_sigma_coefficients: " + spread + "}\n";
}

const std::string kLogTime = log_time("[-0.1, 0.001]", "[0.4]", "[0.05, 0.0005]");
const std::string kPower = power("[0.1, -0.08]", "[0.03, -0.01]");

Relaxation law_of(const std::string& card) {
    const Device device = device_of(card);
    REQUIRE(device.relaxation);
    return *device.relaxation;
}

const Second kAges[] = {10.0_s, 1000.0_s, 500000.0_s};

}  // namespace

TEST_CASE("relaxation follows its closed form", "[unit]") {
    const Relaxation law = law_of(kLogTime);
    const double length = std::log(1000.0 / 2.0);
    CHECK(law.mean(50.0_uS, 1000.0_s).value() == Approx(-0.05e-6 * length));
    const double s0 = 0.4e-6, s1 = 0.075e-6;
    const double sigma = std::sqrt(std::pow(s0 + s1 * length, 2) - s0 * s0);
    CHECK(law.sigma(50.0_uS, 1000.0_s).value() == Approx(sigma));
    CHECK(law.at(1000.0_s).value(50.0_uS, -1.5).value() ==
          Approx(50e-6 - 0.05e-6 * length - 1.5 * sigma));

    const Relaxation drift = law_of(kPower);
    const double nu = 0.1 - 0.08 * 50.0 / 90.0, spread = 0.03 - 0.01 * 50.0 / 90.0;
    CHECK(drift.at(1000.0_s).value(50.0_uS, 0.7).value() ==
          Approx(50e-6 * std::pow(500.0, -(nu + 0.7 * spread))));
    const double half = 0.5 * std::pow(spread * length, 2);
    CHECK(drift.mean(50.0_uS, 1000.0_s).value() ==
          Approx(50e-6 * (std::exp(-nu * length + half) - 1.0)));
}

TEST_CASE("nothing relaxes before the age of the programming sigma, and it is said", "[unit]") {
    for (const std::string& card : {kLogTime, kPower}) {
        const Relaxation law = law_of(card);
        for (const Second& age : {0.0_s, 1e-6_s, 2.0_s}) {
            CHECK(law.mean(30.0_uS, age).value() == 0.0);
            CHECK(law.sigma(30.0_uS, age).value() == 0.0);
            CHECK(law.at(age).value(30.0_uS, 3.0).value() == (30.0_uS).value());
            CHECK(law.at(age).none());
            CHECK(law.at(age).clamped() == (age < 2.0_s));
        }
        CHECK_FALSE(law.at(3.0_s).clamped());
        CHECK_THROWS_WITH(law.at(2e6_s), Contains("age of a cell") && Contains("test") &&
                                             Contains("2 to 1e+06 s"));
    }
}

TEST_CASE("the vector form gives what single cells give, in any unit", "[property]") {
    for (const std::string& card : {kLogTime, kPower}) {
        const Relaxation law = law_of(card);
        for (const Second& age : {1.0_s, 100.0_s, 1e6_s}) {
            for (const Siemens& unit : {10.0_uS, 1.0_uS}) {
                const std::vector<double> z = normals(7, 300);
                std::vector<float> zs(z.begin(), z.end()), g(300);
                // Some lie beyond the card's range: coefficients of its end.
                for (std::size_t i = 0; i < g.size(); ++i)
                    g[i] = static_cast<float>((5.0 + 0.3 * static_cast<double>(i)) * 1e-6 /
                                              unit.value());
                const std::vector<float> before = g;
                law.at(age).apply(unit, zs, g);
                for (std::size_t i = 0; i < g.size(); ++i) {
                    const Siemens written = unit * static_cast<double>(before[i]);
                    const double expected = law.at(age).value(written, z[i]).value();
                    CHECK(static_cast<double>(g[i]) * unit.value() ==
                          Approx(expected).epsilon(3e-6));
                }
            }
        }
    }
}

TEST_CASE("one cell at three ages is one path with the law's moments at each", "[stat]") {
    constexpr std::size_t kCells = 200000;
    const std::vector<double> z = normals(11, kCells);
    for (const std::string& card : {kLogTime, kPower}) {
        const Relaxation law = law_of(card);
        const Siemens written = 40.0_uS;
        std::vector<std::vector<double>> paths;
        for (const Second& age : kAges) {
            std::vector<double> sample;
            for (const double draw : z) sample.push_back(law.at(age).value(written, draw).value());
            const double mean = written.value() + law.mean(written, age).value();
            const double variance = std::pow(law.sigma(written, age).value(), 2);
            // Log-normal spread of the power law: s <= 0.04 * 13 at the last age.
            const double w = card == kPower ? 1.0 + variance / (mean * mean) : 1.0;
            const double kurtosis = w * w * w * w + 2 * w * w * w + 3 * w * w - 3;
            check_moments(sample, mean, variance, kurtosis);
            paths.push_back(std::move(sample));
        }
        // The same z moves the cell at every age: recovered from one age, it gives the others.
        for (std::size_t i = 0; i < 1000; ++i) {
            const auto recovered = [&](std::size_t a) {
                const Relaxation::At at = law.at(kAges[a]);
                const double zero = at.value(written, 0.0).value();
                if (card == kPower)
                    return std::log(paths[a][i] / zero) /
                           std::log(at.value(written, 1.0).value() / zero);
                return (paths[a][i] - zero) / (at.value(written, 1.0).value() - zero);
            };
            CHECK(recovered(0) == Approx(z[i]).margin(1e-9));
            CHECK(recovered(1) == Approx(z[i]).margin(1e-9));
            CHECK(recovered(2) == Approx(z[i]).margin(1e-9));
        }
    }
}

TEST_CASE("relaxation adds to the programming sigma without counting it twice", "[stat]") {
    // Laws that do not depend on the state: sigma_p = s(t0), so the whole variance is s^2(a), and
    // cov(G(a), G(b)) = s^2(t0) + sqrt(s^2(a) - s^2(t0)) sqrt(s^2(b) - s^2(t0)).
    constexpr std::size_t kCells = 400000;
    const Device device = device_of(log_time("[-0.1]", "[0.4]", "[0.05]"));
    const std::vector<double> z_write = normals(12, kCells), z_relax = normals(13, kCells);
    const auto s = [](Second age) { return 0.4e-6 + 0.05e-6 * std::log(age.value() / 2.0); };
    std::vector<std::vector<double>> at_age;
    for (const Second& age : kAges) {
        std::vector<double> sample;
        for (std::size_t i = 0; i < kCells; ++i) {
            const Siemens written = device.programming.written(50.0_uS, z_write[i]);
            sample.push_back(device.relaxation->at(age).value(written, z_relax[i]).value());
        }
        check_moments(sample, 50e-6 - 0.1e-6 * std::log(age.value() / 2.0), s(age) * s(age));
        at_age.push_back(std::move(sample));
    }
    const double before = s(2.0_s) * s(2.0_s);
    for (const auto& [a, b] : {std::pair{0, 1}, std::pair{0, 2}, std::pair{1, 2}}) {
        const auto& x = at_age[static_cast<std::size_t>(a)];
        const auto& y = at_age[static_cast<std::size_t>(b)];
        const double mx = moments(x).mean, my = moments(y).mean;
        double covariance = 0.0;
        for (std::size_t i = 0; i < kCells; ++i) covariance += (x[i] - mx) * (y[i] - my);
        covariance /= static_cast<double>(kCells);
        const double sx = s(kAges[a]), sy = s(kAges[b]);
        const double expected = before + std::sqrt(sx * sx - before) * std::sqrt(sy * sy - before);
        // Var of a sample covariance of normals: (sx^2 sy^2 + cov^2) / n.
        const double band =
            5.0 * std::sqrt((sx * sx * sy * sy + expected * expected) / double(kCells));
        REQUIRE(band < 0.02 * expected);
        CHECK(std::abs(covariance - expected) < band);
    }
}

TEST_CASE("scale 0 stops relaxation, 2 doubles drift and spread", "[unit]") {
    for (const std::string& card : {kLogTime, kPower}) {
        const Relaxation once = law_of(card);
        const Relaxation none = *device_of(card, {"device.relaxation.scale=0"}).relaxation;
        const Relaxation twice = *device_of(card, {"device.relaxation.scale=2"}).relaxation;
        CHECK(none.none());
        CHECK_FALSE(once.none());
        CHECK(none.at(1e5_s).value(40.0_uS, 2.0).value() == (40.0_uS).value());
        const auto moved = [](const Relaxation& law, double z) {
            const double g = law.at(1e5_s).value(40.0_uS, z).value() / 40e-6;
            return law.law == RelaxationLaw::power ? std::log(g) : g - 1.0;
        };
        CHECK(moved(twice, 0.0) == Approx(2.0 * moved(once, 0.0)));
        CHECK(moved(twice, 1.3) == Approx(2.0 * moved(once, 1.3)));
    }
    CHECK_FALSE(device_of(kProgramming).relaxation);
    CHECK_THAT(complaint(kProgramming, {"device.relaxation.scale=3"}),
               Contains("no section `relaxation`"));
}

TEST_CASE("relaxation that cannot be is refused", "[unit]") {
    CHECK(complaint(kLogTime).empty());
    CHECK_THAT(complaint(log_time("[0]", "[0.4]", "[0.05, -0.001]")),
               Contains("falls with age") && Contains("sigma_uS_per_ln_coefficients"));
    CHECK_THAT(complaint(log_time("[0]", "[-0.4]", "[0.05]")), Contains("negative inside"));
    CHECK_THAT(complaint(power("[0.1]", "[0.01, -0.02]")), Contains("spread of nu is negative"));
    CHECK_THAT(complaint(log_time("[0, 0, 0, 0, 0]", "[0.4]", "[0.05]")),
               Contains("5 coefficients"));
    const std::string section = kLogTime.substr(kLogTime.find("relaxation:"));
    CHECK_THAT(complaint(section), Contains("programming.measured_at_s"));
    CHECK_THAT(complaint("programming: {law: polynomial, sigma_uS_coefficients: [1], "
                         "measured_at_s: 0}\n" +
                         section),
               Contains("more than 0 s"));
}
