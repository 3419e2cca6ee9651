#include "src/base/vmath.hpp"

#include <algorithm>
#include <bit>
#include <boost/math/special_functions/erf.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "src/base/vmath_kernels.hpp"

namespace attohm {
namespace {

constexpr std::uint64_t kSeed = 20221;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> uniform_between(double lo, double hi, std::size_t count, std::uint64_t id) {
    std::vector<float> x(count);
    const Stream stream(kSeed, Purpose::sampling, {id});
    for (std::size_t k = 0; k < count; ++k)
        x[k] = static_cast<float>(lo + (hi - lo) * stream.uniform32(k));
    return x;
}

/// Every kind of float: normal, denormal, infinite, NaN, both signs.
std::vector<float> any_floats(std::size_t count) {
    std::vector<std::uint32_t> words(count);
    Stream(kSeed, Purpose::sampling, {99}).words(0, words);
    std::vector<float> x(count);
    for (std::size_t k = 0; k < count; ++k) x[k] = std::bit_cast<float>(words[k]);
    for (const float special : {0.0f, -0.0f, kInfinity, -kInfinity, kNaN, 1.0f, -1.0f, 0x1p-149f,
                                0x1p-126f, 88.722f, 88.7228394f, 88.73f, -87.33654f, -87.33655f})
        x.push_back(special);
    return x;
}

double phi(double x) {
    return 0.5 * boost::math::erfc(-x / std::sqrt(2.0));
}

struct Worst {
    double absolute = 0;
    double relative = 0;
};

/// Worst error of got against a double reference, elements with reference 0 left out of relative.
Worst worst_error(const std::vector<float>& x, const std::vector<float>& got,
                  const std::function<double(double)>& exact) {
    Worst worst;
    for (std::size_t k = 0; k < x.size(); ++k) {
        const double expected = exact(static_cast<double>(x[k]));
        const double error = std::abs(static_cast<double>(got[k]) - expected);
        if (!(error <= worst.absolute)) worst.absolute = error;
        if (expected != 0.0 && !(error / std::abs(expected) <= worst.relative))
            worst.relative = error / std::abs(expected);
    }
    return worst;
}

bool same_bits(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

}  // namespace

TEST_CASE("exp is good to 2e-7 over its whole range", "[unit]") {
    const std::vector<float> x = uniform_between(-87.3365, 88.72, 1000003, 1);
    std::vector<float> y = x;
    exp_inplace(y);
    CHECK(worst_error(x, y, [](double v) { return std::exp(v); }).relative < 2e-7);
    std::vector<float> edges{-kInfinity, -87.34f, -1e30f, 88.73f, kInfinity, 0.0f, kNaN};
    exp_inplace(edges);
    CHECK(edges[0] == 0.0f);
    CHECK(edges[1] == 0.0f);
    CHECK(edges[2] == 0.0f);
    CHECK(edges[3] == kInfinity);
    CHECK(edges[4] == kInfinity);
    CHECK(edges[5] == 1.0f);
    CHECK(std::isnan(edges[6]));
}

TEST_CASE("exp has no hole at either end of its range", "[unit]") {
    std::vector<float> x;
    for (float v = -87.3360f; v > -87.3370f; v = std::nextafter(v, -kInfinity)) x.push_back(v);
    for (float v = 88.7210f; v < 88.7230f; v = std::nextafter(v, kInfinity)) x.push_back(v);
    std::vector<float> y = x;
    exp_inplace(y);
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
        const double expected = std::exp(static_cast<double>(x[k]));
        const double got = static_cast<double>(y[k]);
        const bool flushed =
            x[k] < 0.0f ? x[k] < -87.33654f && got == 0.0 : x[k] > 88.722f && std::isinf(got);
        wrong += !(flushed || std::abs(got - expected) < 2e-7 * expected);
    }
    CHECK(x.size() > 300);
    CHECK(wrong == 0);
}

TEST_CASE("log is good to 2e-7, near one and for denormals too", "[unit]") {
    std::vector<float> x = uniform_between(-140, 127, 500001, 2);
    for (float& value : x) value = std::exp2(value);
    const std::vector<float> near_one = uniform_between(0.5, 1.5, 500000, 3);
    x.insert(x.end(), near_one.begin(), near_one.end());
    std::vector<float> y = x;
    log_inplace(y);
    CHECK(worst_error(x, y, [](double v) { return std::log(v); }).relative < 2e-7);
    std::vector<float> edges{0.0f, -0.0f, -1.0f, kInfinity, -kInfinity, kNaN, 1.0f};
    log_inplace(edges);
    CHECK(edges[0] == -kInfinity);
    CHECK(edges[1] == -kInfinity);
    CHECK(std::isnan(edges[2]));
    CHECK(edges[3] == kInfinity);
    CHECK(std::isnan(edges[4]));
    CHECK(std::isnan(edges[5]));
    CHECK(same_bits(edges[6], 0.0f));
}

TEST_CASE("Phi keeps its relative accuracy in the tail", "[unit]") {
    const std::vector<float> body = uniform_between(-12.7, 12.7, 1000003, 4);
    std::vector<float> y(body.size());
    normal_cdf(body, y);
    CHECK(worst_error(body, y, phi).absolute < 2e-7);
    CHECK(worst_error(body, y, phi).relative < 1e-5);
    CHECK(normal_cdf(0.0f) == 0.5f);
    CHECK(normal_cdf(-kInfinity) == 0.0f);
    CHECK(normal_cdf(kInfinity) == 1.0f);
    CHECK(normal_cdf(-14.0f) == 0.0f);
    CHECK(std::isnan(normal_cdf(kNaN)));
    CHECK_THROWS_AS(normal_cdf(body, std::span(y).first(2)), InvariantError);
}

TEST_CASE("The sum of Phi is good to 1e-6 of itself", "[unit]") {
    for (const double shift : {0.0, -6.0, -10.0}) {
        std::vector<float> x = uniform_between(-2, 2, 100001, 5);
        for (float& value : x) value += static_cast<float>(shift);
        double expected = 0;
        for (const float value : x) expected += phi(static_cast<double>(value));
        INFO("shift " << shift);
        CHECK(normal_cdf_sum(x) == Approx(expected).epsilon(shift == 0.0 ? 1e-6 : 1e-5));
    }
    CHECK(normal_cdf_sum({}) == 0.0);
}

TEST_CASE("Softmax rows agree with double and sum to one", "[unit]") {
    for (const std::size_t size : {1u, 2u, 15u, 16u, 17u, 61u, 384u, 1000u, 16384u}) {
        std::vector<float> scores = uniform_between(-30, 30, size, 6);
        if (size > 4) scores[3] = -kInfinity;
        const double max = static_cast<double>(*std::max_element(scores.begin(), scores.end()));
        double sum = 0;
        for (const float v : scores) sum += std::exp(static_cast<double>(v) - max);
        std::vector<float> p = scores;
        softmax_row(p);
        const auto exact = [&](double v) { return std::exp(v - max) / sum; };
        INFO("size " << size);
        // The subtraction of the maximum rounds: up to 60 times 2^-24 in the exponent.
        CHECK(worst_error(scores, p, exact).relative < 5e-6);
        CHECK(worst_error(scores, p, exact).absolute < 1e-6);
        CHECK(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1.0).epsilon(2e-6));

        std::vector<float> row = scores;
        const SoftmaxTotals totals = exp_row(row);
        CHECK(static_cast<double>(totals.max) == max);
        CHECK(static_cast<double>(totals.sum) == Approx(sum).epsilon(2e-6));
        for (float& v : row) v *= 1.0f / totals.sum;
        CHECK(row == p);
    }
}

TEST_CASE("Masked rows give zeros and NaN is never hidden", "[unit]") {
    for (const std::size_t size : {1u, 5u, 16u, 40u}) {
        std::vector<float> masked(size, -kInfinity);
        softmax_row(masked);
        CHECK(masked == std::vector<float>(size, 0.0f));
        std::vector<float> again(size, -kInfinity);
        const SoftmaxTotals totals = exp_row(again);
        CHECK(totals.max == -kInfinity);
        CHECK(totals.sum == 0.0f);
        for (const float bad : {kNaN, kInfinity})
            for (const float other : {0.0f, -kInfinity})
                for (std::size_t at = 0; at < size; ++at) {
                    std::vector<float> row(size, other);
                    row[at] = bad;
                    softmax_row(row);
                    CHECK(std::all_of(row.begin(), row.end(), [](float v) { return v != v; }));
                }
    }
    softmax_row({});
    CHECK(exp_row({}).sum == 0.0f);
}

TEST_CASE("Codes round halves to even and count what they clip", "[unit]") {
    const std::vector<float> x{0.5f,   1.5f,   2.5f,   -0.5f,   -1.5f,  -2.5f, 0.49999997f,
                               126.5f, 127.5f, 127.4f, -128.5f, -129.f, 1e30f, -kInfinity};
    const std::vector<float> expected{0, 2, 2, 0, -2, -2, 0, 126, 127, 127, -128, -128, 127, -128};
    std::vector<float> codes(x.size());
    CHECK(quantise_codes(x, 1.0f, -128, 127, codes) == 4);  // 127.5, -129, 1e30, -infinity
    CHECK(codes == expected);
    std::vector<std::int8_t> bytes(x.size());
    CHECK(quantise_codes(x, 1.0f, -128, 127, bytes) == 4);
    CHECK(std::vector<float>(bytes.begin(), bytes.end()) == expected);

    const std::vector<float> bad{1.0f, kNaN, 3.0f};
    std::vector<float> three(3);
    CHECK(quantise_codes(bad, 1.0f, -4, 4, three) == 1);
    CHECK(std::isnan(three[1]));
    std::vector<std::int16_t> shorts(3);
    CHECK(quantise_codes(bad, 1.0f, -4, 4, shorts) == 1);
    CHECK(shorts == std::vector<std::int16_t>{1, -4, 3});
    CHECK_THROWS_AS(quantise_codes(bad, 1.0f, 4, -4, three), InvariantError);
    CHECK_THROWS_AS(quantise_codes(bad, 1.0f, -1000, 4, bytes), InvariantError);
    CHECK_THROWS_AS(quantise_codes(bad, 1.0f, -4, 1 << 22, three), InvariantError);
}

TEST_CASE("Codes are nearbyint's, for every half in range", "[property]") {
    std::vector<float> x;
    for (int twice = -70001; twice <= 70001; ++twice) {
        const float half = 0.5f * static_cast<float>(twice);
        x.push_back(half);
        x.push_back(std::nextafter(half, kInfinity));
        x.push_back(std::nextafter(half, -kInfinity));
    }
    for (const auto& [lo, hi] : {std::pair{-32768, 32767}, std::pair{-7, 8}, std::pair{0, 0},
                                 std::pair{-(1 << 21), 1 << 21}}) {
        std::vector<float> codes(x.size());
        const std::int64_t clipped = quantise_codes(x, 1.0f, lo, hi, codes);
        std::int64_t expected_clipped = 0;
        std::size_t wrong = 0;
        for (std::size_t k = 0; k < x.size(); ++k) {
            const double rounded = std::nearbyint(static_cast<double>(x[k]));
            const double inside =
                std::clamp(rounded, static_cast<double>(lo), static_cast<double>(hi));
            expected_clipped += rounded != inside;
            wrong += static_cast<double>(codes[k]) != inside;
        }
        INFO("range " << lo << " .. " << hi);
        CHECK(wrong == 0);
        CHECK(clipped == expected_clipped);
    }
}

TEST_CASE("Elements do not depend on their place or on the length", "[property]") {
    const std::vector<float> x = uniform_between(-15, 15, 300, 7);
    std::vector<float> e = x, p(x.size());
    exp_inplace(e);
    normal_cdf(x, p);
    for (const std::size_t offset : {1u, 3u, 16u, 250u}) {
        std::vector<float> part(x.begin() + static_cast<std::ptrdiff_t>(offset), x.end());
        std::vector<float> part_p = part;
        exp_inplace(part);
        normal_cdf(part_p, part_p);
        CHECK(std::equal(part.begin(), part.end(), e.begin() + static_cast<int>(offset)));
        CHECK(std::equal(part_p.begin(), part_p.end(), p.begin() + static_cast<int>(offset)));
    }
    CHECK(std::equal(x.begin(), x.end(), p.begin(),
                     [](float v, float expected) { return same_bits(normal_cdf(v), expected); }));
}

TEST_CASE("Vector mathematics gives the same bytes at every SIMD level", "[property]") {
    std::vector<float> x = any_floats(200001);
    const std::vector<float> usual = uniform_between(-20, 20, 200000, 8);
    x.insert(x.end(), usual.begin(), usual.end());
    // NaN has many bit patterns and none of them is a result: compare that it is one.
    const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float u, float v) {
            return same_bits(u, v) || (std::isnan(u) && std::isnan(v));
        });
    };
    const auto run = [&](const VmathKernels& kernels) {
        std::vector<std::vector<float>> out(4, x);
        kernels.exp(out[0].data(), x.size());
        kernels.log(out[1].data(), x.size());
        kernels.normal_cdf(x.data(), out[2].data(), x.size());
        out[3].push_back(static_cast<float>(
            kernels.quantise(x.data(), 3.3f, -128.0f, 127.0f, out[3].data(), x.size())));
        std::vector<float> rows, totals;
        for (const std::size_t size : {1u, 15u, 64u, 65u, 511u, 4099u}) {
            std::vector<float> row(usual.begin(), usual.begin() + static_cast<int>(size));
            const double sum = kernels.normal_cdf_sum(row.data(), size);
            totals.push_back(static_cast<float>(sum));
            totals.push_back(static_cast<float>(sum - static_cast<double>(totals.back())));
            kernels.softmax_row(row.data(), size);
            rows.insert(rows.end(), row.begin(), row.end());
            const SoftmaxTotals both = kernels.exp_row(row.data(), size);
            totals.insert(totals.end(), {both.max, both.sum});
            rows.insert(rows.end(), row.begin(), row.end());
        }
        out.push_back(rows);
        out.push_back(totals);
        return out;
    };
    const auto expected = run(vmath_kernels(SimdLevel::baseline));
    for (const SimdLevel level : available_simd_levels()) {
        const auto got = run(vmath_kernels(level));
        for (std::size_t k = 0; k < got.size(); ++k) {
            INFO(std::string(simd_level_name(level)) << ", output " << k);
            CHECK(same(expected[k], got[k]));
        }
    }
}

}  // namespace attohm
