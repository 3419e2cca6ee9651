#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

/// Measured data made up from laws that are known: what a fit has to give back. Written apart from
/// the fits: plain sums, a generator of its own.
namespace attohm::testing {

/// A seeded source of standard normals (polar method).
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    double uniform();  ///< in (0, 1)
    double normal();

  private:
    std::mt19937_64 engine_;
    double kept_ = 0.0;
    bool has_kept_ = false;
};

struct ProgrammingTruth {
    std::vector<double> targets_uS = {5, 10, 15, 20, 25, 30, 35, 40};
    int rows = 16, columns = 16;
    std::vector<double> sigma = {0.3, 0.02};  ///< uS, of the target
    std::vector<double> bias = {0.0};
    bool log_normal = false;  ///< sigma is that of ln G
    double age_s = 1.0;
    double low_rate = 0.0, high_rate = 0.0;
    double low_uS = 60.0, high_uS = 0.5;  ///< what stuck cells show
};
/// Every cell written to every target once.
std::string programming_csv(const ProgrammingTruth& truth, std::uint64_t seed);

struct ReadsTruth {
    int records = 16, reads = 1024;
    double spacing_s = 1e-3, integration_s = 5e-4;
    double low_uS = 20.0, high_uS = 20.0;  ///< conductances, geometric over the records
    double sigma_rel = 0.004, sigma_abs_uS = 0.0;
    double amplitude = 1e-5, exponent = 1.0;  ///< 0: no 1/f
    double telegraph_rel = 0.0;               ///< step of a two-level jump in every record
};
std::string reads_csv(const ReadsTruth& truth, std::uint64_t seed);

struct RetentionTruth {
    std::vector<double> targets_uS = {10, 20, 30, 40};
    int cells = 64;  ///< per target
    std::vector<double> ages_s = {1, 10, 100, 1000, 10000};
    std::vector<double> mean_per_ln = {-0.02, -0.004};
    double sigma0 = 0.5, sigma1 = 0.06;
    double reference_K = 300.0;
    std::vector<double> hot_K;  ///< further readings at the last age, factor 1.1 later each
    double crossover_uS = 25.0, alpha_per_K = -0.0008, activation_eV = 0.04;
    double read_rel = 0.002;  ///< noise of the hot readings
};
std::string retention_csv(const RetentionTruth& truth, std::uint64_t seed);

struct IvTruth {
    int curves = 12;
    std::vector<double> volts_V = {0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4};
    double v0_V = 0.25;  ///< 0: a polynomial
    double a2 = 0.0, a3 = 0.0;
    double v_ref_V = 0.2;
    double noise_rel = 0.005;
};
std::string iv_csv(const IvTruth& truth, std::uint64_t seed);

struct PulsesTruth {
    int writes = 200;
    double step_uS = 2.0, sigma_uS = 0.6, window_uS = 1.0;
    int pulses_max = 60;
    bool loop = true;  ///< with target and acceptance
};
std::string pulses_csv(const PulsesTruth& truth, std::uint64_t seed);

/// All five files of one made-up device, by name.
std::map<std::string, std::string> measured_example(std::uint64_t seed);

}  // namespace attohm::testing
