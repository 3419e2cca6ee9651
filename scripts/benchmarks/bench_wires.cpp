#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "crossbar/wires/growing_array.hpp"
#include "crossbar/wires/wire_array.hpp"
#include "src/base/blas.hpp"
#include "src/base/simd_level.hpp"

/// Arrays with wires on one thread: transfer matrix (residual included), sensitivities, one
/// appended column; beside a dgemm of the same run, which says what the machine can do just now.
namespace {

using namespace attohm;
using Clock = std::chrono::steady_clock;

struct Times {
    double median = 0.0;
    double best = 0.0;
};

Times time_of(
    int runs, const std::function<void()>& work, const std::function<void()>& before = [] {}) {
    std::vector<double> seconds;
    for (int i = 0; i < runs; ++i) {
        before();
        const auto start = Clock::now();
        work();
        seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::sort(seconds.begin(), seconds.end());
    return {seconds[seconds.size() / 2], seconds.front()};
}

/// 1 .. 100 uS, evenly in the logarithm.
Matrix<double> cells(std::size_t rows, std::size_t columns) {
    std::mt19937 engine(1);
    Matrix<double> g(rows, columns);
    for (std::size_t k = 0; k < g.size(); ++k) {
        g.data()[k] = 1e-6 * std::pow(100.0, static_cast<double>(engine()) / 4294967296.0);
    }
    return g;
}

WireResistances usual_wires() {
    WireResistances wires;
    wires.row = Ohm::from_value(2.5);
    wires.column = Ohm::from_value(1.5);
    wires.driver = Ohm::from_value(300.0);
    wires.sense = Ohm::from_value(120.0);
    return wires;
}

double dgemm_flops(int runs) {
    constexpr int n = 256;
    std::vector<double> a(n * n, 1.25), b(n * n, 0.75), c(n * n);
    const Times times = time_of(runs, [&] {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0, a.data(), n, b.data(),
                    n, 0.0, c.data(), n);
    });
    return 2.0 * n * n * n / times.best;
}

void line(const std::string& what, Times times, const std::string& bound) {
    fmt::print("  {:<34} median {:9.3f} ms, best {:9.3f} ms{}\n", what, times.median * 1e3,
               times.best * 1e3, bound);
}

}  // namespace

int main(int argc, char** argv) {
    const int runs = std::max(3, argc > 1 ? std::atoi(argv[1]) : 15);
    openblas_set_num_threads(1);
    const double flops = dgemm_flops(runs);
    fmt::print("one thread, kernels {}, dgemm {:.1f} GFLOP/s (OpenBLAS {})\n",
               simd_level_name(best_simd_level()), flops / 1e9, blas_core_type());

    struct Case {
        std::size_t rows, columns;
        double asked_ms, goal_ms;  ///< of the transfer matrix; 0: none
    };
    const WireResistances wires = usual_wires();
    double whole = 0.0;
    for (const Case& one : {Case{64, 128, 4.0, 2.0}, Case{128, 128, 12.0, 5.0},
                            Case{256, 256, 0.0, 0.0}, Case{512, 512, 800.0, 250.0}}) {
        const Matrix<double> g = cells(one.rows, one.columns);
        double residual = 0.0;
        const Times transfer =
            time_of(runs, [&] { residual = solve_transfer(g.view(), wires).residual; });
        if (one.rows == 128) whole = transfer.best;
        fmt::print("{} x {}: residual {:.1e}; dgemm of as many rows and columns {:.3f} ms\n",
                   one.rows, one.columns, residual,
                   2.0 * static_cast<double>(one.rows * one.columns * one.rows) / flops * 1e3);
        line("transfer matrix", transfer,
             one.asked_ms > 0.0
                 ? fmt::format("  (asked {} ms, goal {} ms)", one.asked_ms, one.goal_ms)
                 : "");
        line("transfer matrix and sensitivities",
             time_of(std::max(3, runs / 3), [&] { solve_sensitivity(g.view(), wires); }), "");
    }

    const Matrix<double> g = cells(128, 128);
    GrowingArray grown(g.view().columns(0, 127), wires);
    std::vector<double> last(128);
    for (std::size_t i = 0; i < last.size(); ++i) last[i] = g(i, 127);
    GrowingArray copy = grown;
    const Times append = time_of(
        5 * runs, [&] { copy.append(last); }, [&] { copy = grown; });
    fmt::print("128 x 127 and one more column:\n");
    line("append", append,
         fmt::format("  ({:.3f} of a new solve, asked 0.1)", append.best / whole));
    return 0;
}
