#include "circuits/word_line_dac.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "circuits/threshold_dac.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

Stream statics(std::uint64_t array) {
    return {20221, Purpose::dac_inl, {0, 0, array}};
}

Matrix<float> all_codes(std::size_t rows, int levels) {
    Matrix<float> codes(static_cast<std::size_t>(2 * levels + 1), rows);
    for (std::size_t b = 0; b < codes.rows(); ++b) {
        for (std::size_t i = 0; i < rows; ++i)
            codes(b, i) = static_cast<float>(static_cast<int>(b) - levels);
    }
    return codes;
}

Matrix<float> driven_by(const WordLineDac& dac, const Matrix<float>& codes) {
    Matrix<float> driven(codes.rows(), codes.cols());
    dac.add_statics(codes.view(), driven.view());
    return driven;
}

bool same(const Matrix<float>& a, const Matrix<float>& b) {
    return std::equal(a.data(), a.data() + a.size(), b.data());
}

}  // namespace

TEST_CASE("a DAC without errors drives the codes", "[unit]") {
    const WordLineDac dac({}, 5, 7, statics(0));
    const Matrix<float> codes = all_codes(5, 7);
    Matrix<float> driven = driven_by(dac, codes);
    dac.add_noise(statics(1), 0, driven.view());
    CHECK(same(driven, codes));
}

TEST_CASE("gain, offset and INL of a row are added by their equation", "[unit]") {
    const WordLineDac dac({0.3, 0.02, 0.4, 0.0}, 6, 7, statics(0));
    const Matrix<float> codes = all_codes(6, 7);
    const Matrix<float> driven = driven_by(dac, codes);
    for (std::size_t b = 0; b < codes.rows(); ++b) {
        for (std::size_t i = 0; i < 6; ++i) {
            const int code = static_cast<int>(b) - 7;
            CHECK(static_cast<double>(driven(b, i)) ==
                  Approx(code * (1 + dac.gain_error(i)) + dac.offset(i) + dac.inl(i, code)));
        }
    }
    // A real number takes the INL of its nearest code, beyond the ends that of the end.
    Matrix<float> real(1, 6, 2.4F), far(1, 6, 9.0F);
    CHECK(static_cast<double>(driven_by(dac, real)(0, 3)) ==
          Approx(2.4 * (1 + dac.gain_error(3)) + dac.offset(3) + dac.inl(3, 2)));
    CHECK(static_cast<double>(driven_by(dac, far)(0, 3)) ==
          Approx(9.0 * (1 + dac.gain_error(3)) + dac.offset(3) + dac.inl(3, 7)));
    CHECK_THROWS_AS(dac.inl(0, 8), InvariantError);
}

TEST_CASE("static errors belong to the row, the array and the chip", "[property]") {
    const WordLineDacErrors errors{0.3, 0.02, 0.4, 0.1};
    const Matrix<float> codes = all_codes(6, 7);
    const Matrix<float> first = driven_by({errors, 6, 7, statics(0)}, codes);
    CHECK(same(first, driven_by({errors, 6, 7, statics(0)}, codes)));
    CHECK_FALSE(same(first, driven_by({errors, 6, 7, statics(1)}, codes)));
    const WordLineDac dac(errors, 6, 7, statics(0));
    CHECK(dac.gain_error(0) != dac.gain_error(1));
    CHECK(dac.inl(0, 3) != dac.inl(1, 3));
    CHECK(dac.inl(0, 3) != dac.inl(0, 4));
    // More levels, more rows, or one error alone move no draw.
    const WordLineDac wider(errors, 9, 127, statics(0));
    CHECK(wider.inl(5, -7) == dac.inl(5, -7));
    CHECK(wider.offset(5) == dac.offset(5));
    CHECK(WordLineDac({0.3, 0.0, 0.0, 0.0}, 6, 7, statics(0)).inl(2, 1) == dac.inl(2, 1));
    CHECK(WordLineDac({0.0, 0.02, 0.0, 0.0}, 6, 7, statics(0)).gain_error(4) == dac.gain_error(4));
}

TEST_CASE("noise belongs to the row and the read, in any batch", "[property]") {
    const WordLineDac dac({0.0, 0.0, 0.0, 0.25}, 6, 7, statics(0));
    const Stream noise(20221, Purpose::dac_noise, {1});
    Matrix<float> whole(10, 6, 0.0F), pieces(10, 6, 0.0F);
    dac.add_noise(noise, 0, whole.view());
    dac.add_noise(noise, 4, pieces.view().rows_from(4, 6));
    dac.add_noise(noise, 0, pieces.view().rows_from(0, 4));
    CHECK(same(whole, pieces));
    CHECK(static_cast<double>(whole(3, 2)) == Approx(0.25 * noise.normal(3 * 6 + 2)));
}

TEST_CASE("errors of a DAC have the sigmas that were asked", "[stat]") {
    constexpr std::size_t kRows = 4000;
    const WordLineDac dac({0.3, 0.02, 0.4, 0.25}, kRows, 3, statics(5));
    double gain = 0.0, offset = 0.0, inl = 0.0, noise = 0.0;
    Matrix<float> driven(1, kRows, 0.0F);
    dac.add_noise(Stream(20221, Purpose::dac_noise, {2}), 7, driven.view());
    for (std::size_t i = 0; i < kRows; ++i) {
        gain += std::pow(dac.gain_error(i) / 0.02, 2) / kRows;
        offset += std::pow(dac.offset(i) / 0.4, 2) / kRows;
        inl += std::pow(dac.inl(i, -2) / 0.3, 2) / kRows;
        noise += std::pow(static_cast<double>(driven(0, i)) / 0.25, 2) / kRows;
    }
    const double band = 5.0 * std::sqrt(2.0 / kRows);
    for (const double variance : {gain, offset, inl, noise}) CHECK(std::abs(variance - 1) < band);
}

TEST_CASE("the threshold DAC of an array is off by code, the same at every read", "[unit]") {
    const ThresholdDac dac(8, 254.0, Volt{});
    CHECK(dac.step() == Approx(2.0));
    CHECK(dac.set(7.1).code == 4);
    CHECK(dac.set(-1000.0).code == -127);
    const Stream one(20221, Purpose::threshold_inl, {0, 0, 0}), two = one.with(1);
    const ThresholdInl inl(dac, 0.5, one), again(dac, 0.5, one), other(dac, 0.5, two), none;
    int differ = 0;
    double variance = 0.0;
    for (int code = -127; code <= 127; ++code) {
        CHECK(inl.steps(code) == again.steps(code));
        CHECK(none.steps(code) == 0.0F);
        differ += inl.steps(code) != other.steps(code) ? 1 : 0;
        variance += std::pow(static_cast<double>(inl.steps(code)) / (0.5 * 2.0), 2) / 255;
    }
    CHECK(differ == 255);
    CHECK(std::abs(variance - 1.0) < 5.0 * std::sqrt(2.0 / 255));
    CHECK_THROWS_AS(inl.steps(128), InvariantError);
    // In codes, the error of a code does not move with the width.
    const ThresholdDac wide(10, 254.0, Volt{});
    CHECK(static_cast<double>(ThresholdInl(wide, 0.5, one).steps(-100)) / wide.step() ==
          Approx(static_cast<double>(inl.steps(-100)) / dac.step()));
}

TEST_CASE("DACs that cannot be are refused", "[unit]") {
    CHECK_THROWS_AS(WordLineDac({-0.1, 0.0, 0.0, 0.0}, 4, 7, statics(0)), UserError);
    CHECK_THROWS_AS(WordLineDac({0.0, 0.0, 0.0, std::nan("")}, 4, 7, statics(0)), UserError);
    CHECK_THROWS_AS(WordLineDac({}, 4, 0, statics(0)), InvariantError);
    const ThresholdDac ideal(std::nullopt, 10.0, Volt{});
    CHECK_THROWS_AS(ThresholdInl(ideal, 0.5, statics(0)), UserError);
    CHECK_NOTHROW(ThresholdInl(ideal, 0.0, statics(0)));
    CHECK(ideal.step() == 0.0);
    CHECK(ideal.set(3.3).code == 0);
    CHECK_THROWS_AS(ThresholdInl(ThresholdDac(8, 1.0, Volt{}), -1.0, statics(0)), UserError);
}
