#include "crossbar/array/noisy_product.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "crossbar/array/noisy_product_kernels.hpp"
#include "src/base/parallel.hpp"
#include "src/base/simd_level.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/noisy_product_reference.hpp"

using namespace attohm;

namespace {

constexpr std::uint64_t kSeed = 20221;

Stream noise_stream(std::uint64_t id = 0) {
    return {kSeed, Purpose::read_white, {id}};
}

/// Uniform in (low, high).
Matrix<float> random_matrix(std::size_t rows, std::size_t cols, std::uint64_t id, float low,
                            float high) {
    Matrix<float> x(rows, cols);
    Stream(kSeed, Purpose::synth_content, {id, rows, cols}).uniforms(0, {x.data(), x.size()});
    for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = low + (high - low) * x.data()[i];
    return x;
}

Matrix<float> squared(const Matrix<float>& x) {
    Matrix<float> y(x.rows(), x.cols());
    for (std::size_t i = 0; i < x.size(); ++i) y.data()[i] = x.data()[i] * x.data()[i];
    return y;
}

bool same(const Matrix<float>& a, const Matrix<float>& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() &&
           std::equal(a.data(), a.data() + a.size(), b.data());
}

/// An array with its inputs, and both laws of its noise.
struct Bench {
    Bench(std::size_t batch, std::size_t rows, std::size_t columns)
        : v(random_matrix(batch, rows, 1, -1.0F, 1.0F)),
          g(random_matrix(rows, columns, 2, 0.1F, 1.0F)),
          sigma(random_matrix(rows, columns, 3, 0.0F, 0.1F)) {}

    NoisyProduct by_state() const { return {g.view(), squared(sigma).view()}; }
    NoisyProduct one_sigma() const { return {g.view(), 0.05F}; }
    Matrix<float> read(const NoisyProduct& product, std::uint64_t first = 0) const {
        Matrix<float> out(v.rows(), g.cols());
        product.read(noise_stream(), first, v.view(), out.view());
        return out;
    }

    Matrix<float> v, g, sigma;
};

/// Sizes that meet every edge of panels, tiles and blocks.
const std::vector<std::vector<std::size_t>> kShapes = {
    {1, 1, 1},    {1, 128, 128}, {2, 3, 31},  {5, 16, 32},    {6, 17, 33},
    {7, 64, 100}, {48, 20, 65},  {49, 5, 64}, {100, 130, 97}, {13, 300, 8}};

}  // namespace

TEST_CASE("an output is its mean and its sigma times its own draw", "[unit]") {
    for (const auto& shape : kShapes) {
        const Bench bench(shape[0], shape[1], shape[2]);
        CAPTURE(shape);
        const std::uint64_t first = 1000;
        for (const NoisyProduct& product : {bench.by_state(), bench.one_sigma()}) {
            Matrix<float> mean(shape[0], shape[2]), sigma(shape[0], shape[2]);
            product.law(bench.v.view(), mean.view(), sigma.view());
            const Matrix<float> out = bench.read(product, first);
            bool all = true;
            for (std::size_t b = 0; b < shape[0]; ++b) {
                for (std::size_t c = 0; c < shape[2]; ++c) {
                    const auto z =
                        static_cast<float>(noise_stream().normal((first + b) * shape[2] + c));
                    all = all && out(b, c) == mean(b, c) + sigma(b, c) * z;
                }
            }
            CHECK(all);
        }
    }
}

TEST_CASE("mean and sigma are the sums of the law", "[property]") {
    for (const auto& shape : kShapes) {
        const Bench bench(shape[0], shape[1], shape[2]);
        CAPTURE(shape);
        for (const bool uniform : {false, true}) {
            const NoisyProduct product = uniform ? bench.one_sigma() : bench.by_state();
            CHECK(product.uniform() == uniform);
            Matrix<float> mean(shape[0], shape[2]), sigma(shape[0], shape[2]);
            product.law(bench.v.view(), mean.view(), sigma.view());
            double worst_mean = 0.0, worst_sigma = 0.0;
            for (std::size_t b = 0; b < shape[0]; ++b) {
                for (std::size_t c = 0; c < shape[2]; ++c) {
                    double sum = 0.0, size = 0.0, variance = 0.0;
                    for (std::size_t r = 0; r < shape[1]; ++r) {
                        const auto v = static_cast<double>(bench.v(b, r));
                        const auto g = static_cast<double>(bench.g(r, c));
                        const double s = uniform ? 0.05 : static_cast<double>(bench.sigma(r, c));
                        sum += v * g;
                        size += std::abs(v) * g;
                        variance += v * v * s * s;
                    }
                    worst_mean = std::max(worst_mean,
                                          std::abs(static_cast<double>(mean(b, c)) - sum) / size);
                    worst_sigma = std::max(
                        worst_sigma,
                        std::abs(static_cast<double>(sigma(b, c)) / std::sqrt(variance) - 1));
                }
            }
            // A chain of n additions in float: at most n half units of the last place.
            const double bound = static_cast<double>(shape[1] + 4) * 0x1p-24;
            CHECK(worst_mean < bound);
            CHECK(worst_sigma < bound);
        }
    }
}

TEST_CASE("without noise integers give exact integers", "[property]") {
    Bench bench(60, 128, 128);
    for (Matrix<float>* x : {&bench.v, &bench.g}) {
        for (std::size_t i = 0; i < x->size(); ++i)
            x->data()[i] = std::nearbyint(8.0F * x->data()[i]);
    }
    Matrix<float> none(128, 128, 0.0F);
    const Matrix<float> silent = bench.read({bench.g.view(), 0.0F});
    CHECK(same(silent, bench.read({bench.g.view(), none.view()})));
    bool exact = true;
    for (std::size_t b = 0; b < 60; ++b) {
        for (std::size_t c = 0; c < 128; ++c) {
            int sum = 0;
            for (std::size_t r = 0; r < 128; ++r)
                sum += static_cast<int>(bench.v(b, r)) * static_cast<int>(bench.g(r, c));
            exact = exact && silent(b, c) == static_cast<float>(sum);
        }
    }
    CHECK(exact);
}

TEST_CASE("a query has the same bytes in any batch, order and number of threads", "[property]") {
    const Bench bench(150, 70, 90);
    for (const NoisyProduct& product : {bench.by_state(), bench.one_sigma()}) {
        set_threads(1);
        const Matrix<float> whole = bench.read(product);
        for (const int count : {2, 3}) {
            set_threads(count);
            CHECK(same(whole, bench.read(product)));
        }
        set_threads(1);
        for (const std::size_t cut : {1, 2, 5, 6, 47, 48, 49, 149}) {
            CAPTURE(cut);
            // The last piece first.
            Matrix<float> pieces(150, 90);
            for (std::size_t first = (149 / cut) * cut;; first -= cut) {
                const std::size_t count = std::min(cut, 150 - first);
                product.read(noise_stream(), first, bench.v.view().rows_from(first, count),
                             pieces.view().rows_from(first, count));
                if (first == 0) break;
            }
            CHECK(same(whole, pieces));
        }
        // Rows that lie apart.
        Matrix<float> wide_v(150, 80, 7.0F), wide_out(150, 101, 0.0F), gathered(150, 90);
        for (std::size_t b = 0; b < 150; ++b) std::copy_n(bench.v.row(b), 70, wide_v.row(b) + 3);
        product.read(noise_stream(), 0, wide_v.view().columns(3, 70),
                     wide_out.view().columns(5, 90));
        for (std::size_t b = 0; b < 150; ++b) std::copy_n(wide_out.row(b) + 5, 90, gathered.row(b));
        CHECK(same(whole, gathered));
        CHECK(wide_out(149, 4) == 0.0F);
        CHECK(wide_out(149, 95) == 0.0F);
        // Another place in the stream is another draw.
        CHECK_FALSE(same(whole, bench.read(product, 150)));
    }
}

TEST_CASE("every SIMD level gives the same bytes", "[property]") {
    for (const std::size_t queries : {1, 5, 12, 31}) {
        const std::size_t rows = 77;
        const Matrix<float> v = random_matrix(queries, rows, 4, -1.0F, 1.0F);
        const Matrix<float> panel = random_matrix(rows, 2 * kPanelColumns, 5, 0.0F, 1.0F);
        const Matrix<float> squares = squared(v);
        const PanelInputs in{v.data(), rows, squares.data(), queries, rows};
        std::vector<std::vector<float>> found;
        for (const SimdLevel level : available_simd_levels()) {
            const NoisyProductKernels& kernels = noisy_product_kernels(level);
            const std::size_t size = queries * kPanelColumns;
            std::vector<float> all(4 * size);
            kernels.one_product(in, panel.data(), all.data(), kPanelColumns);
            kernels.two_products(in, panel.data(), all.data() + size, kPanelColumns,
                                 all.data() + 2 * size, kPanelColumns);
            kernels.one_sigma(in, 0.3F, kPanelColumns, all.data() + 3 * size, kPanelColumns);
            found.push_back(all);
        }
        for (const auto& level : found) CHECK(level == found.front());
    }
}

TEST_CASE("one sigma is the law by state with equal cells", "[property]") {
    const Bench bench(40, 128, 64);
    const Matrix<float> equal(128, 64, 0.05F * 0.05F);
    const Matrix<float> by_state = bench.read({bench.g.view(), equal.view()});
    const Matrix<float> one = bench.read(bench.one_sigma());
    for (std::size_t i = 0; i < one.size(); ++i)
        CHECK(one.data()[i] == Approx(by_state.data()[i]).margin(1e-5));
}

TEST_CASE("conductance and sigma in another unit give the same current", "[property]") {
    const Bench bench(20, 64, 64);
    Bench in_siemens = bench;
    for (std::size_t i = 0; i < bench.g.size(); ++i) {
        in_siemens.g.data()[i] *= 0x1p-20F;
        in_siemens.sigma.data()[i] *= 0x1p-20F;
    }
    const Matrix<float> levels = bench.read(bench.by_state());
    const Matrix<float> amperes = in_siemens.read(in_siemens.by_state());
    bool all = true;
    for (std::size_t i = 0; i < levels.size(); ++i)
        all = all && levels.data()[i] * 0x1p-20F == amperes.data()[i];
    CHECK(all);
}

namespace {

/// Moments of reads of one input against the law of the outputs.
struct Moments {
    std::vector<double> mean, variance;  ///< per column, of (y - mean) / sigma
    double across_columns = 0.0;         ///< worst correlation of two columns of one read
    double across_reads = 0.0;           ///< worst correlation of two reads of one column
};

Moments moments(std::size_t reads, std::size_t columns,
                const std::function<double(std::size_t, std::size_t)>& z) {
    Moments found;
    const auto n = static_cast<double>(reads);
    for (std::size_t c = 0; c < columns; ++c) {
        double m1 = 0.0, m2 = 0.0, lag = 0.0;
        for (std::size_t b = 0; b < reads; ++b) {
            m1 += z(b, c) / n;
            m2 += z(b, c) * z(b, c) / n;
            lag += b > 0 ? z(b, c) * z(b - 1, c) / n : 0.0;
        }
        found.mean.push_back(m1);
        found.variance.push_back(m2);
        found.across_reads = std::max(found.across_reads, std::abs(lag));
        for (std::size_t other = 0; other < c; ++other) {
            double product = 0.0;
            for (std::size_t b = 0; b < reads; ++b) product += z(b, c) * z(b, other) / n;
            found.across_columns = std::max(found.across_columns, std::abs(product));
        }
    }
    return found;
}

}  // namespace

TEST_CASE("outputs drawn and cells drawn one by one obey the same law", "[stat]") {
    constexpr std::size_t kReads = 4000, kRows = 24, kColumns = 12;
    INFO("seed " << kSeed);
    Bench bench(1, kRows, kColumns);
    // One input, read again and again.
    Matrix<float> v(kReads, kRows);
    for (std::size_t b = 0; b < kReads; ++b) std::copy_n(bench.v.row(0), kRows, v.row(b));
    bench.v = v;
    for (const bool uniform : {false, true}) {
        if (uniform) bench.sigma = Matrix<float>(kRows, kColumns, 0.05F);
        const NoisyProduct product = uniform ? bench.one_sigma() : bench.by_state();
        const Matrix<float> fast = bench.read(product);
        const Matrix<double> slow =
            read_cell_by_cell(noise_stream(1), v.view(), bench.g.view(), bench.sigma.view());
        std::vector<double> mean(kColumns, 0.0), sigma(kColumns, 0.0);
        for (std::size_t c = 0; c < kColumns; ++c) {
            for (std::size_t r = 0; r < kRows; ++r) {
                const auto x = static_cast<double>(v(0, r));
                const double s = x * static_cast<double>(bench.sigma(r, c));
                mean[c] += x * static_cast<double>(bench.g(r, c));
                sigma[c] += s * s;
            }
            sigma[c] = std::sqrt(sigma[c]);
        }
        const auto n = static_cast<double>(kReads);
        const double each = sidak_sigmas(5.0, kColumns);
        for (const bool by_cells : {false, true}) {
            const Moments found = moments(kReads, kColumns, [&](std::size_t b, std::size_t c) {
                const double y = by_cells ? slow(b, c) : static_cast<double>(fast(b, c));
                return (y - mean[c]) / sigma[c];
            });
            CAPTURE(uniform, by_cells);
            for (std::size_t c = 0; c < kColumns; ++c) {
                CHECK(std::abs(found.mean[c]) < each / std::sqrt(n));
                CHECK(std::abs(found.variance[c] - 1.0) < each * std::sqrt(2.0 / n));
            }
            CHECK(found.across_reads < each / std::sqrt(n));
            CHECK(found.across_columns <
                  sidak_sigmas(5.0, kColumns * (kColumns - 1) / 2) / std::sqrt(n));
        }
    }
}

TEST_CASE("a wrong law does not pass the band", "[stat]") {
    // What the bands above must find: a tenth too much noise, and one draw for two columns.
    constexpr std::size_t kReads = 4000;
    const Stream stream = noise_stream(2);
    const double each = sidak_sigmas(5.0, 12);
    const Moments wide =
        moments(kReads, 1, [&](std::size_t b, std::size_t) { return 1.1 * stream.normal(b); });
    CHECK(std::abs(wide.variance[0] - 1.0) > each * std::sqrt(2.0 / kReads));
    const Moments shared =
        moments(kReads, 2, [&](std::size_t b, std::size_t) { return stream.normal(b); });
    CHECK(shared.across_columns > sidak_sigmas(5.0, 66) / std::sqrt(double{kReads}));
}
