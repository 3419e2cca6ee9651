#include "src/base/integer_product.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/integer_product_kernel.hpp"
#include "src/base/random.hpp"

using namespace attohm;

namespace {

/// Codes in -largest..largest; both ends occur.
Matrix<float> random_codes(std::size_t rows, std::size_t cols, int largest, std::uint64_t seed) {
    Matrix<float> codes(rows, cols);
    const Stream stream(seed, Purpose::synth_content, {rows, cols});
    for (std::size_t i = 0; i < codes.size(); ++i) {
        const auto span = static_cast<std::uint32_t>(2 * largest + 1);
        codes.data()[i] = static_cast<float>(static_cast<int>(stream.word(i) % span) - largest);
    }
    codes(0, 0) = static_cast<float>(largest);
    codes(rows - 1, cols - 1) = static_cast<float>(-largest);
    return codes;
}

std::int64_t dot(const float* a, const float* b, std::size_t n) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        sum += static_cast<std::int64_t>(a[i]) * static_cast<std::int64_t>(b[i]);
    }
    return sum;
}

/// Number of products that are not the integer of a plain loop.
int wrong_products(const Matrix<float>& queries, const Matrix<float>& keys,
                   MatrixView<const float> products) {
    int wrong = 0;
    for (std::size_t t = 0; t < queries.rows(); ++t) {
        for (std::size_t j = 0; j < keys.rows(); ++j) {
            const auto exact = dot(queries.row(t), keys.row(j), keys.cols());
            wrong += static_cast<double>(products(t, j)) != static_cast<double>(exact) ? 1 : 0;
        }
    }
    return wrong;
}

}  // namespace

TEST_CASE("integer products are the integers of a plain loop", "[unit]") {
    struct Shape {
        std::size_t rows, keys, depth;
    };
    // Around the blocks of 4 queries and 64 keys, and odd depths.
    const std::vector<Shape> shapes = {{1, 1, 1},    {3, 5, 7},    {4, 64, 32},  {5, 65, 33},
                                       {64, 63, 20}, {7, 129, 64}, {9, 200, 100}};
    for (const Shape& s : shapes) {
        for (int q_bits = 2; q_bits <= 8; ++q_bits) {
            for (int k_bits = 1; k_bits <= 8; ++k_bits) {
                const int largest_q = (1 << (q_bits - 1)) - 1, largest_k = 1 << (k_bits - 1);
                const auto queries = random_codes(s.rows, s.depth, largest_q, 1);
                const auto codes = random_codes(s.keys, s.depth, largest_k, 2);
                const IntegerKeys keys(codes.view(), largest_k);
                Matrix<float> products(s.rows, s.keys, -1.0F);
                integer_product(queries.view(), largest_q, keys, products.view());
                CAPTURE(s.rows, s.keys, s.depth, q_bits, k_bits);
                CHECK(wrong_products(queries, codes, products.view()) == 0);
            }
        }
    }
}

TEST_CASE("the narrow kernel and the wide product agree on the same codes", "[unit]") {
    const auto queries = random_codes(13, 96, 7, 3);
    const auto codes = random_codes(150, 96, 8, 4);
    Matrix<float> narrow(13, 150), wide(13, 150);
    const IntegerKeys keys(codes.view(), 8);
    integer_product(queries.view(), 7, keys, narrow.view());
    // A largest key that does not fit 16 bits sends the same codes through the wide path.
    integer_product(queries.view(), 7, IntegerKeys(codes.view(), 1000), wide.view());
    REQUIRE(std::int64_t{96} * 7 * 8 <= 32767);
    REQUIRE(std::int64_t{96} * 7 * 1000 > 32767);
    int different = 0;
    for (std::size_t i = 0; i < narrow.size(); ++i) {
        different += narrow.data()[i] != wide.data()[i] ? 1 : 0;
    }
    CHECK(different == 0);
}

TEST_CASE("the narrow kernel is exact at both ends of 16 bits", "[unit]") {
    // 127 * 127 * 2 = 32258 is the largest sum; one sign each.
    Matrix<float> queries(2, 2, 127.0F), codes(2, 2, 127.0F);
    queries(1, 0) = queries(1, 1) = -127.0F;
    const IntegerKeys keys(codes.view(), 127);
    Matrix<float> products(2, 2);
    narrow_product(queries.view(), keys.packed(), products.view());
    CHECK(products(0, 0) == 32258.0F);
    CHECK(products(1, 1) == -32258.0F);
}

TEST_CASE("results may lie in a wider matrix and leave its rest alone", "[unit]") {
    const auto queries = random_codes(6, 40, 7, 5);
    const auto codes = random_codes(70, 40, 8, 6);
    for (const int largest : {8, 1000}) {
        Matrix<float> wide(6, 100, -5.5F);
        integer_product(queries.view(), 7, IntegerKeys(codes.view(), largest),
                        wide.view().columns(10, 70));
        CHECK(wrong_products(queries, codes, wide.view().columns(10, 70)) == 0);
        for (std::size_t t = 0; t < 6; ++t) {
            CHECK(wide(t, 9) == -5.5F);
            CHECK(wide(t, 80) == -5.5F);
        }
    }
}

TEST_CASE("a product does not depend on the rows beside it", "[property]") {
    const auto queries = random_codes(64, 64, 127, 7);
    const auto codes = random_codes(100, 64, 128, 8);
    const IntegerKeys keys(codes.view(), 128);
    Matrix<float> together(64, 100), apart(64, 100);
    integer_product(queries.view(), 127, keys, together.view());
    for (std::size_t t = 0; t < 64; ++t) {
        integer_product(queries.view().rows_from(t, 1), 127, keys, apart.view().rows_from(t, 1));
    }
    int different = 0;
    for (std::size_t i = 0; i < together.size(); ++i) {
        different += together.data()[i] != apart.data()[i] ? 1 : 0;
    }
    CHECK(different == 0);
}

TEST_CASE("a sum that a float cannot hold is refused", "[unit]") {
    // 2^24 = 128 * 128 * 1024; one element less fits.
    Matrix<float> queries(1, 1024, 128.0F), codes(1, 1024, 128.0F), products(1, 1);
    const IntegerKeys too_wide(codes.view(), 128);
    try {
        integer_product(queries.view(), 128, too_wide, products.view());
        FAIL("a sum of 2^24 was accepted");
    } catch (const UserError& error) {
        CHECK(error.got().find("16777216") != std::string::npos);
        CHECK(error.where().find("bits") != std::string::npos);
    }
    const IntegerKeys fits(codes.view().columns(0, 1023), 128);
    integer_product(queries.view().columns(0, 1023), 128, fits, products.view());
    CHECK(products(0, 0) == 16760832.0F);
}

TEST_CASE("dot products of listed 16-bit rows are exact", "[unit]") {
    constexpr std::size_t kRows = 5;
    const std::vector<std::uint32_t> keys{4, 0, 2};
    for (const std::size_t n : {std::size_t{32}, std::size_t{33}, std::size_t{96}}) {
        Matrix<std::int16_t> rows(kRows, n);
        AlignedVector<std::int16_t> query(n);
        const Stream stream(9, Purpose::synth_content, {n});
        const auto code = [&](std::size_t i) {
            return static_cast<std::int16_t>(static_cast<int>(stream.word(i) % 255) - 127);
        };
        for (std::size_t i = 0; i < n; ++i) query[i] = code(i);
        for (std::size_t i = 0; i < rows.size(); ++i) rows.data()[i] = code(n + i);
        std::vector<float> dots(keys.size());
        integer_dots(query.data(), rows.view(), keys, 0.5F, dots.data());
        for (std::size_t k = 0; k < keys.size(); ++k) {
            std::int64_t expected = 0;
            for (std::size_t i = 0; i < n; ++i)
                expected += std::int64_t{query[i]} * rows(keys[k], i);
            CHECK(dots[k] == 0.5F * static_cast<float>(expected));
        }
    }
}
