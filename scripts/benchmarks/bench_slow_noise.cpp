// Cost of the tracked part of slow noise per element, component and read, against the normals it
// draws, and of telegraph noise per trap and read. Processor time of one core (a busy machine does
// not matter), best of several repetitions.

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <limits>
#include <vector>

#include "crossbar/array/slow_state.hpp"
#include "crossbar/array/telegraph_state.hpp"

namespace {

using namespace attohm;

constexpr std::size_t kKeys = 384, kWidth = 64, kQueries = 64, kBlocks = 6;
constexpr int kRepetitions = 5;

/// Seconds of the best repetition.
double seconds(const std::function<void()>& call) {
    double best = std::numeric_limits<double>::infinity();
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
        const std::clock_t start = std::clock();
        call();
        best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return best;
}

/// Seconds per normal where they are drawn a block of keys at a time.
double normal_rate() {
    std::vector<float> z(512);
    const Stream stream(1, Purpose::slow_noise_step, {1});
    constexpr int kCalls = 20000;
    const double took = seconds([&] {
        for (int k = 0; k < kCalls; ++k) stream.with(static_cast<std::uint64_t>(k)).normals(0, z);
    });
    return took / kCalls / 512;
}

Matrix<float> some(std::size_t rows, std::size_t cols) {
    Matrix<float> values(rows, cols);
    Stream(2, Purpose::sampling, {rows, cols}).normals(0, {values.data(), values.size()});
    return values;
}

template <class State>
double pass_time(const State& fresh, const Matrix<float>& nq, const Matrix<float>& weight) {
    Matrix<float> analog(kQueries, kKeys, 0.0F);
    return seconds([&] {
        State state = fresh;
        for (std::size_t b = 0; b < kBlocks; ++b)
            state.add_to({b * kQueries, 1}, nq.view(), weight.view(), analog.view());
    });
}

void print_slow(const char* name, double f_high_times_interval, double normal) {
    const double D = 1e-7;
    const std::size_t reads = kQueries * kBlocks;
    SlowNoise noise;
    noise.amplitude_rel2 = 1e-5;
    noise.f_low = Hertz::from_value(1.0);
    noise.f_high = Hertz::from_value(f_high_times_interval / D);
    const ReadTiming timing{Second::from_value(1e-8), Second::from_value(D),
                            Second::from_value(D * static_cast<double>(reads))};
    const Second age = Second::from_value(1e-3);
    const SlowSplit split(noise, {Second::from_value(1.0), {}}, timing, age, age);
    const double ages[] = {age.value()};
    const DrawSite site{1, 0, 0, 0, 0, 0, 0};
    const SlowState state(split, slow_draws(site, 0), kKeys, kWidth, ages);
    const Matrix<float> nq = some(kQueries, kWidth), weight = some(kKeys, kWidth);
    const double cells = static_cast<double>(kKeys * kWidth * reads);
    const double per_cell = pass_time(state, nq, weight) / cells;
    const double components = static_cast<double>(split.whole().size());
    fmt::print("{:<22} {:>10} {:>14.2f} {:>26.3f} {:>18.2f} {:>22.2f}\n", name, components,
               1e9 * per_cell, 1e9 * per_cell / components, normal / per_cell,
               components * normal / per_cell);
}

void print_telegraph(const char* name, double rate, double normal) {
    TelegraphNoise noise;
    noise.traps_mean = 0.5;
    noise.step_median_rel = 0.05;
    noise.step_sigma_ln = 0.5;
    noise.rate_low = noise.rate_high = rate;
    const double D = 1e-7;
    const std::size_t reads = kQueries * kBlocks;
    const ReadTiming timing{Second::from_value(1e-8), Second::from_value(D),
                            Second::from_value(D * static_cast<double>(reads))};
    const double ages[] = {1e-3};
    const TelegraphState state(noise, {}, timing, telegraph_draws({1, 0, 0, 0, 0, 0, 0}, 0), kKeys,
                               kWidth, ages);
    const Matrix<float> nq = some(kQueries, kWidth), weight = some(kKeys, kWidth);
    const double per_trap =
        pass_time(state, nq, weight) / static_cast<double>(state.traps().size() * reads);
    fmt::print("{:<22} {:>10} {:>20.2f} {:>18.2f}\n", name, state.traps().size(), 1e9 * per_trap,
               normal / per_trap);
}

}  // namespace

int main() {
    const double normal = normal_rate();
    fmt::print("One normal: {:.3f} ns. {} keys x {}, {} reads.\n\n", 1e9 * normal, kKeys, kWidth,
               kQueries * kBlocks);
    fmt::print("{:<22} {:>10} {:>14} {:>26} {:>18} {:>22}\n", "slow noise", "components",
               "ns/cell/read", "ns/cell/component/read", "normal / cell", "component normals/cell");
    print_slow("up to 0.03 / D", 0.003, normal);
    print_slow("all that is tracked", 10.0, normal);
    fmt::print("\n{:<22} {:>10} {:>20} {:>18}\n", "telegraph", "traps", "ns/trap/read",
               "normal / trap");
    print_telegraph("slow: state", 1e4, normal);
    print_telegraph("dwell, x = 1", 1e8, normal);
    print_telegraph("fast: Gaussian", 1e10, normal);
}
