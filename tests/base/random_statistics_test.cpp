#include <algorithm>
#include <bit>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "src/base/random.hpp"

namespace attohm {
namespace {

constexpr std::uint64_t kSeed = 20221;

/// Bound of a chi-square statistic at overall error 1e-6 over `tests` tests (Sidak).
double chi_square_bound(std::size_t cells, std::size_t tests) {
    const double each = -std::expm1(std::log1p(-1e-6) / static_cast<double>(tests));
    const boost::math::chi_squared law(static_cast<double>(cells - 1));
    return boost::math::quantile(boost::math::complement(law, each));
}

double chi_square(const std::vector<std::size_t>& counts) {
    double total = 0;
    for (const std::size_t count : counts) total += static_cast<double>(count);
    const double expected = total / static_cast<double>(counts.size());
    REQUIRE(expected > 20.0);  // too few to judge otherwise
    double sum = 0;
    for (const std::size_t count : counts) {
        const double d = static_cast<double>(count) - expected;
        sum += d * d / expected;
    }
    return sum;
}

/// Checks the first four moments of standard normals against 5-sigma bands.
void check_moments(const std::vector<float>& z) {
    const double n = static_cast<double>(z.size());
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    for (const float value : z) {
        const double v = static_cast<double>(value);
        m1 += v;
        m2 += v * v;
        m3 += v * v * v;
        m4 += v * v * v * v;
    }
    // Var z^k = E z^2k - (E z^k)^2 = 1, 2, 15, 96.
    CHECK(std::abs(m1 / n) < 5 * std::sqrt(1 / n));
    CHECK(std::abs(m2 / n - 1) < 5 * std::sqrt(2 / n));
    CHECK(std::abs(m3 / n) < 5 * std::sqrt(15 / n));
    CHECK(std::abs(m4 / n - 3) < 5 * std::sqrt(96 / n));
}

}  // namespace

TEST_CASE("Normals have the moments and the distribution of normals", "[stat]") {
    CAPTURE(kSeed);
    std::vector<float> along(4000000), across(1000000);
    Stream(kSeed, Purpose::read_white, {1}).normals(0, along);
    // The same variate of neighbouring streams: ids as a counter.
    const Stream family(kSeed, Purpose::read_white, {2});
    for (std::size_t id = 0; id < across.size(); ++id)
        across[id] = normal_from_word(family.with(id).word(0));
    const boost::math::normal law;
    std::vector<float> edges;
    for (int cell = 1; cell < 256; ++cell)
        edges.push_back(static_cast<float>(boost::math::quantile(law, cell / 256.0)));
    for (const std::vector<float>* z : {&along, &across}) {
        check_moments(*z);
        std::vector<std::size_t> counts(256);
        for (const float value : *z)
            ++counts[static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) -
                                              edges.begin())];
        CHECK(chi_square(counts) < chi_square_bound(256, 2));
    }
    // The tail as such: beyond 4 sigma, 6.3e-5 of the draws.
    const double expected = 2 * boost::math::cdf(law, -4.0) * static_cast<double>(along.size());
    const auto found =
        std::count_if(along.begin(), along.end(), [](float z) { return std::abs(z) > 4.0f; });
    CHECK(std::abs(static_cast<double>(found) - expected) < 5 * std::sqrt(expected));
}

TEST_CASE("Uniforms and raw words fill their cells evenly", "[stat]") {
    CAPTURE(kSeed);
    std::vector<float> u(2000000);
    Stream(kSeed, Purpose::sampling, {7}).uniforms(0, u);
    std::vector<std::size_t> singles(1024), pairs(4096);
    for (std::size_t k = 0; k < u.size(); ++k) {
        ++singles[static_cast<std::size_t>(u[k] * 1024.0f)];
        if (k + 1 < u.size() && k % 2 == 0)
            ++pairs[static_cast<std::size_t>(u[k] * 64.0f) * 64 +
                    static_cast<std::size_t>(u[k + 1] * 64.0f)];
    }
    std::vector<std::uint32_t> words(2000000);
    Stream(kSeed, Purpose::sampling, {8}).words(0, words);
    std::vector<std::size_t> low_bits(256);
    for (const std::uint32_t word : words) ++low_bits[word & 255];
    CHECK(chi_square(singles) < chi_square_bound(singles.size(), 3));
    CHECK(chi_square(pairs) < chi_square_bound(pairs.size(), 3));
    CHECK(chi_square(low_bits) < chi_square_bound(low_bits.size(), 3));
}

TEST_CASE("Streams of different ids, purposes and seeds are independent", "[stat]") {
    CAPTURE(kSeed);
    constexpr std::size_t kDraws = 20000;
    const std::vector<Stream> streams{
        {kSeed, Purpose::programming, {0}},
        {kSeed, Purpose::programming, {1}},
        {kSeed, Purpose::programming, {2}},
        {kSeed, Purpose::programming, {0, 0}},
        {kSeed, Purpose::programming, {0, 1}},
        {kSeed, Purpose::programming, {1, 0}},
        {kSeed, Purpose::relaxation, {0}},
        {kSeed, Purpose::relaxation, {1}},
        {kSeed + 1, Purpose::programming, {0}},
        {kSeed ^ (1ull << 63), Purpose::programming, {0}},
        {kSeed, Purpose::programming, {1ull << 32}},
        {kSeed, Purpose::programming},
    };
    std::vector<std::vector<float>> z(streams.size(), std::vector<float>(kDraws));
    for (std::size_t s = 0; s < streams.size(); ++s) streams[s].normals(0, z[s]);
    double worst = 0;
    for (std::size_t a = 0; a < z.size(); ++a)
        for (std::size_t b = 0; b < a; ++b)
            for (const std::size_t lag : {0u, 1u, 4u}) {
                double sum = 0;
                for (std::size_t k = lag; k < kDraws; ++k)
                    sum += static_cast<double>(z[a][k]) * static_cast<double>(z[b][k - lag]);
                worst = std::max(worst, std::abs(sum) / std::sqrt(static_cast<double>(kDraws)));
            }
    CHECK(worst < 5.0);  // 198 pairs and lags: 5 sigma happens once in 9000 such tests
}

TEST_CASE("One bit of an id turns half the bits of the identity", "[stat]") {
    CAPTURE(kSeed);
    double total = 0;
    int least = 128, most = 0, made = 0;
    for (std::uint64_t base = 0; base < 200; ++base) {
        const Stream parent(kSeed, Purpose::sampling, {base});
        const auto plain = parent.with({base * base, 3}).identity();
        for (int bit = 0; bit < 64; ++bit) {
            const auto turned = parent.with({(base * base) ^ (1ull << bit), 3}).identity();
            const int changed =
                std::popcount(plain[0] ^ turned[0]) + std::popcount(plain[1] ^ turned[1]);
            total += changed;
            least = std::min(least, changed);
            most = std::max(most, changed);
            ++made;
        }
    }
    // Binomial(128, 1/2): mean 64, variance 32.
    CHECK(std::abs(total / made - 64) < 5 * std::sqrt(32.0 / made));
    CHECK(least > 64 - 7 * std::sqrt(32.0));
    CHECK(most < 64 + 7 * std::sqrt(32.0));
}

}  // namespace attohm
