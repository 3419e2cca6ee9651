// Noisy products against a plain float32 sgemm of the same shape in the same run, one core.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <vector>

#include "crossbar/array/noisy_product.hpp"
#include "src/base/blas.hpp"
#include "src/base/parallel.hpp"
#include "src/base/simd_level.hpp"

namespace {

using namespace attohm;
using Clock = std::chrono::steady_clock;

constexpr int kTurns = 40;

/// Seconds per call; the works take turns, so that a disturbance meets all of them, and the fastest
/// call counts: what the machine can do when nothing else disturbs it.
std::vector<double> best_of(int runs, const std::vector<std::function<void()>>& works) {
    std::vector<double> best(works.size(), 1e300);
    for (int i = 0; i < runs * kTurns; ++i) {
        for (std::size_t w = 0; w < works.size(); ++w) {
            const auto start = Clock::now();
            works[w]();
            const std::chrono::duration<double> took = Clock::now() - start;
            best[w] = std::min(best[w], took.count());
        }
    }
    return best;
}

Matrix<float> uniforms(std::size_t rows, std::size_t cols, std::uint64_t id) {
    Matrix<float> x(rows, cols);
    Stream(1, Purpose::synth_content, {id}).uniforms(0, {x.data(), x.size()});
    return x;
}

void bench(std::size_t n, std::size_t batch, int runs) {
    const Matrix<float> g = uniforms(n, n, 1), v = uniforms(batch, n, 2);
    Matrix<float> variance = uniforms(n, n, 3), out(batch, n), plain(batch, n);
    const Stream noise(1, Purpose::read_white, {1});
    const NoisyProduct by_state(g.view(), variance.view()), one_sigma(g.view(), 0.01F);
    const NoisyProduct silent(g.view(), 0.0F);
    std::uint64_t query = 0;
    const auto read = [&](const NoisyProduct& product) {
        return [&] { product.read(noise, query += batch, v.view(), out.view()); };
    };
    const auto times = best_of(runs, {[&] { sgemm_nn(v.view(), g.view(), plain.view()); },
                                      read(by_state), read(one_sigma), read(silent),
                                      [&] {
                                          noise.normals(query += batch, {out.data(), out.size()});
                                      }});
    const char* names[] = {"plain sgemm", "sigma by state (two products)", "one sigma", "no noise",
                           "normals alone"};
    fmt::print("{0}x{0}, batch {1}\n", n, batch);
    for (std::size_t i = 0; i < times.size(); ++i) {
        fmt::print("  {:<30} {:8.4f} M products/s  {:6.3f} of sgemm\n", names[i],
                   static_cast<double>(batch) / times[i] / 1e6, times[0] / times[i]);
    }
}

}  // namespace

int main(int argc, char** argv) {
    set_threads(1);
    const int runs = argc > 1 ? std::atoi(argv[1]) : 15;
    fmt::print("Noisy products, one thread, OpenBLAS {}, kernels {}\n", blas_core_type(),
               simd_level_name(best_simd_level()));
    bench(128, 256, runs);
    bench(256, 256, runs);
    return 0;
}
