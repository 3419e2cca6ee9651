// Speed of the random streams and of the vector mathematics, one core, best of several repetitions.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <vector>

#include "src/base/random.hpp"
#include "src/base/random_kernels.hpp"
#include "src/base/vmath_kernels.hpp"

namespace {

using attohm::SimdLevel;

constexpr std::size_t kCount = 8192;  ///< elements per call: stays in the first-level caches
constexpr int kCalls = 64;
constexpr int kRepetitions = 15;

/// Nanoseconds per element of the best repetition.
double nanoseconds(const std::function<void()>& call, std::size_t elements = kCount) {
    double best = std::numeric_limits<double>::infinity();
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
        const auto start = std::chrono::steady_clock::now();
        for (int k = 0; k < kCalls; ++k) call();
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / kCalls);
    }
    return best / static_cast<double>(elements);
}

void print_random(SimdLevel level) {
    const attohm::RandomKernels& kernels = attohm::random_kernels(level);
    const attohm::StreamIdentity id{1, 2};
    std::vector<std::uint32_t> words(kCount);
    std::vector<float> values(kCount);
    std::vector<std::uint8_t> events(kCount);
    const double word = nanoseconds([&] { kernels.words(id, 0, words.data(), kCount); });
    const double uniform = nanoseconds([&] { kernels.uniforms(id, 0, values.data(), kCount); });
    const double normal = nanoseconds([&] { kernels.normals(id, 0, values.data(), kCount); });
    const double added =
        nanoseconds([&] { kernels.add_normals(id, 0, 0.1f, values.data(), kCount); });
    const double event = nanoseconds([&] { kernels.events(id, 0, 1000, events.data(), kCount); });
    fmt::print("{:<11} {:>8.2f} {:>10.2f} {:>9.2f} {:>13.2f} {:>8.2f} {:>15.0f} %\n",
               attohm::simd_level_name(level), 1 / word, 1 / uniform, 1 / normal, 1 / added,
               1 / event, 100 * word / normal);
}

void print_vmath(SimdLevel level) {
    const attohm::VmathKernels& kernels = attohm::vmath_kernels(level);
    std::vector<float> scores(kCount), values(kCount);
    attohm::Stream(1, attohm::Purpose::sampling).normals(0, scores);
    for (float& score : scores) score = 3.0f * score;
    const auto refill = [&] { std::copy(scores.begin(), scores.end(), values.begin()); };
    const double copy = nanoseconds(refill);
    const auto in_place = [&](const std::function<void()>& body) {
        return nanoseconds([&] {
                   refill();
                   body();
               }) -
               copy;
    };
    const auto rows_of = [&](std::size_t size) {
        return [&, size] {
            for (std::size_t at = 0; at + size <= kCount; at += size)
                kernels.softmax_row(values.data() + at, size);
        };
    };
    volatile double sink = 0;
    const double exp = in_place([&] { kernels.exp(values.data(), kCount); });
    const double log = in_place([&] { kernels.log(values.data(), kCount); });
    const double phi =
        nanoseconds([&] { kernels.normal_cdf(scores.data(), values.data(), kCount); });
    const double sum = nanoseconds([&] { sink = kernels.normal_cdf_sum(scores.data(), kCount); });
    const double long_rows = in_place(rows_of(512));
    const double short_rows = in_place(rows_of(61));
    const double codes =
        nanoseconds([&] { kernels.quantise(scores.data(), 10, -128, 127, values.data(), kCount); });
    fmt::print("{:<11} {:>6.2f} {:>6.2f} {:>6.2f} {:>9.2f} {:>13.2f} {:>12.2f} {:>7.2f}\n",
               attohm::simd_level_name(level), exp, log, phi, sum, long_rows, short_rows, codes);
}

}  // namespace

int main() {
    fmt::print("Random streams, 10^9 variates per second; words are the bound\n");
    fmt::print("{:<11} {:>8} {:>10} {:>9} {:>13} {:>8} {:>17}\n", "level", "words", "uniforms",
               "normals", "add_normals", "events", "normals to bound");
    for (const SimdLevel level : attohm::available_simd_levels()) print_random(level);

    fmt::print("\nVector mathematics, ns per element\n");
    fmt::print("{:<11} {:>6} {:>6} {:>6} {:>9} {:>13} {:>12} {:>7}\n", "level", "exp", "log", "Phi",
               "sum Phi", "softmax 512", "softmax 61", "codes");
    for (const SimdLevel level : attohm::available_simd_levels()) print_vmath(level);

    const attohm::Stream parent(1, attohm::Purpose::read_white, {1, 2, 3});
    std::uint64_t id = 0;
    volatile std::uint64_t sink = 0;
    const double build = nanoseconds([&] { sink = parent.with(++id).identity()[0]; }, 1);
    float z[64];
    const double head =
        nanoseconds([&] { parent.with(++id).normals(0, std::span(z).first(1)); }, 1);
    const double strip = nanoseconds([&] { parent.with(++id).normals(0, z); }, 1);
    const double scalar = nanoseconds([&] { z[0] = static_cast<float>(parent.normal(++id)); }, 1);
    fmt::print(
        "\nns per call: append an id {:.1f}, one normal {:.1f}, 64 normals {:.1f}, "
        "scalar normal {:.1f}\n",
        build, head, strip, scalar);
}
