#include "tests/reference/sprint_reference.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"

using namespace attohm;

namespace {

/// q = (3, -2), k = (40, -20), (-1, 100): numbers small enough for a sheet of paper.
OwnedHead paper_head() {
    OwnedHead head;
    head.q = Matrix<float>(1, 2);
    head.k = head.v = Matrix<float>(2, 2);
    head.q(0, 0) = 3.0F;
    head.q(0, 1) = -2.0F;
    head.k(0, 0) = 40.0F;
    head.k(0, 1) = -20.0F;
    head.k(1, 0) = -1.0F;
    head.k(1, 1) = 100.0F;
    head.v(0, 0) = 10.0F;
    head.v(0, 1) = -20.0F;
    head.v(1, 0) = 30.0F;
    head.v(1, 1) = 127.0F;
    head.scale = 0.0625F;
    return head;
}

/// dq = 1 at Bq = 4 and Dk = Dv = 1, so u = 1 at B = 4.
constexpr SprintReferenceScales kPaperScales{7.0, 127.0, 127.0};

std::int64_t count(const Matrix<std::uint8_t>& x) {
    return std::count(x.data(), x.data() + x.size(), std::uint8_t{1});
}

bool same(const Matrix<std::uint8_t>& a, const Matrix<std::uint8_t>& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() &&
           std::equal(a.data(), a.data() + a.size(), b.data());
}

double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
    double largest = 0.0;
    for (std::size_t n = 0; n < a.size(); ++n)
        largest = std::max(largest, std::abs(a.data()[n] - b.data()[n]));
    return largest;
}

}  // namespace

TEST_CASE("codes round halves to even and count what they clip", "[unit]") {
    std::int64_t clipped = 0;
    CHECK(reference_code(0.5F, 1.0F, -127, 127, clipped) == 0);
    CHECK(reference_code(1.5F, 1.0F, -127, 127, clipped) == 2);
    CHECK(reference_code(-2.5F, 1.0F, -127, 127, clipped) == -2);
    CHECK(reference_code(127.25F, 1.0F, -127, 127, clipped) == 127);
    CHECK(clipped == 0);
    CHECK(reference_code(127.5F, 1.0F, -127, 127, clipped) == 127);
    CHECK(reference_code(-1000.0F, 1.0F, -127, 127, clipped) == -127);
    CHECK(clipped == 2);
}

TEST_CASE("the split of a key code loses nothing", "[unit]") {
    CHECK(reference_split(-1, 4, ReferenceSplit::floor_msb).m == -1);
    CHECK(reference_split(-1, 4, ReferenceSplit::floor_msb).l == 15);
    CHECK(reference_split(-1, 4, ReferenceSplit::sign_magnitude).m == 0);
    CHECK(reference_split(100, 4, ReferenceSplit::floor_msb).m == 6);
    for (int bits = 1; bits <= 8; ++bits) {
        const int bin = 1 << (8 - bits);
        const int n_max = 1 << (bits - 1);
        for (int k8 = -127; k8 <= 127; ++k8) {
            const auto floored = reference_split(k8, bits, ReferenceSplit::floor_msb);
            CHECK(bin * floored.m + floored.l == k8);
            CHECK((floored.m >= -n_max && floored.m < n_max));
            CHECK((floored.l >= 0 && floored.l < bin));
            const auto truncated = reference_split(k8, bits, ReferenceSplit::sign_magnitude);
            CHECK(bin * truncated.m + truncated.l == k8);
            CHECK(std::abs(truncated.m) < n_max);
            CHECK(truncated.m * k8 >= 0);
            CHECK(std::abs(truncated.l) < bin);
        }
    }
    CHECK_THROWS_AS(reference_split(1, 4, ReferenceSplit::round), InvariantError);
}

TEST_CASE("a score worked out by hand", "[unit]") {
    const OwnedHead data = paper_head();
    SprintReferenceSettings settings = noiseless_settings();
    settings.threshold_bits.reset();
    // m = (2, -2) and (-1, 6): z = 6 + 4 and -3 - 12; mu = (1/2 - 1/32) (3 - 2).
    const auto at = [&](double threshold) {
        return sprint_reference(data.view(), threshold, settings, kPaperScales, kSite);
    };
    const auto result = at(10.4);
    CHECK(result.codes.step == Approx(1.0));
    CHECK(result.codes.mu[0] == Approx(0.46875));
    CHECK(result.columns.z(0, 0) == 10.0);
    CHECK(result.columns.z(0, 1) == -15.0);
    CHECK(result.score(0, 0) == Approx(10.0));
    CHECK(result.score(0, 1) == Approx(-12.6875));
    // s~ = 10.46875 passes 10.4, the exact score does not.
    CHECK(result.n_th[0] == Approx(9.93125));
    CHECK(result.kept_threshold(0, 0) == 0);
    CHECK(result.kept_quant(0, 0) == 1);
    CHECK(result.counts.fk_quant == 1);
    CHECK(result.counts.fk_total == 1);
    CHECK(result.counts.fk_analog == 0);
    CHECK(at(10.5).kept_quant(0, 0) == 0);
    // One key is kept, so the output is its value.
    CHECK(result.out_quant(0, 0) == Approx(10.0));
    CHECK(result.out_quant(0, 1) == Approx(-20.0));

    // Turned round, the other key alone is kept.
    OwnedHead turned = data;
    turned.q(0, 0) = -3.0F;
    turned.q(0, 1) = 2.0F;
    const auto other = sprint_reference(turned.view(), 10.4, settings, kPaperScales, kSite);
    CHECK(other.out_quant(0, 0) == Approx(30.0));
    CHECK(other.out_quant(0, 1) == Approx(127.0));

    // Both kept: softmax of 8-bit scores, q8 = round(127 (3, -2) / 7) = (54, -36).
    const auto both = at(-100.0);
    const double step = 0.0625 * 7.0 / 127.0;
    const double first = step * (54 * 40 + 36 * 20), second = step * (-54 - 3600);
    const double weight = 1.0 / (1.0 + std::exp(second - first));
    CHECK(both.out_hardware(0, 0) == Approx(weight * 10.0 + (1.0 - weight) * 30.0));
    CHECK(both.out_hardware(0, 1) == Approx(weight * -20.0 + (1.0 - weight) * 127.0));
}

TEST_CASE("a tie keeps, one code more prunes", "[unit]") {
    const OwnedHead data = paper_head();
    SprintReferenceSettings settings = noiseless_settings();
    settings.midpoint = false;
    settings.threshold_range = 127.0;  // one DAC code is one unit
    const auto tie = sprint_reference(data.view(), 10.4, settings, kPaperScales, kSite);
    CHECK(tie.threshold[0] == 10.0F);
    CHECK(tie.kept_quant(0, 0) == 1);
    CHECK(tie.kept_hardware(0, 0) == 1);
    const auto above = sprint_reference(data.view(), 10.6, settings, kPaperScales, kSite);
    CHECK(above.threshold[0] == 11.0F);
    CHECK(above.kept_quant(0, 0) == 0);
    CHECK(above.kept_hardware(0, 0) == 0);
    // A clipped output that meets the clamped threshold is a tie as well.
    settings.n_fs = 8.0;
    settings.threshold_range.reset();
    const auto clipped = sprint_reference(data.view(), 9.0, settings, kPaperScales, kSite);
    CHECK(clipped.threshold[0] == 8.0F);
    CHECK(clipped.events.threshold_clamped == 1);
    CHECK(clipped.quant_sense_clipped == 2);
    CHECK(clipped.events.sense_clipped == 2);
    CHECK(clipped.kept_quant(0, 0) == 1);
    CHECK(clipped.kept_hardware(0, 0) == 1);
    CHECK(clipped.kept_hardware(0, 1) == 0);
}

TEST_CASE("the threshold DAC has 2^bits - 1 codes over its range", "[unit]") {
    SprintReferenceSettings settings = noiseless_settings();
    settings.threshold_bits = 3;  // codes -3..3
    settings.n_fs = 30.0;
    CHECK(reference_threshold(4.9, settings).value == 0.0F);
    CHECK(reference_threshold(5.1, settings).value == 10.0F);
    CHECK(reference_threshold(15.0, settings).value == 20.0F);  // 1.5 codes: to even
    CHECK(reference_threshold(25.0, settings).value == 20.0F);  // 2.5 codes: to even
    CHECK_FALSE(reference_threshold(30.0, settings).clamped);
    CHECK(reference_threshold(30.1, settings).clamped);
    CHECK(reference_threshold(-1e9, settings).value == -30.0F);
    settings.threshold_range = 60.0;
    CHECK(reference_threshold(25.0, settings).value == 20.0F);
    CHECK(reference_threshold(1e9, settings).value == 60.0F);
    settings.threshold_bits.reset();
    CHECK(reference_threshold(1e3, settings).value == 1e3F);
    CHECK_FALSE(reference_threshold(1e3, settings).clamped);
}

TEST_CASE("only allowed pairs are decided, and the rule meets empty rows", "[unit]") {
    OwnedHead data = random_head(4, 6, 8, 3, 1);
    data.valid_q = 3;
    data.valid_k = 5;
    data.causal = true;  // query t sees keys up to t + 2
    data.mask = Matrix<std::uint8_t>(4, 6, 1);
    data.mask(1, 0) = 0;
    SprintReferenceSettings settings = noiseless_settings();
    const auto run = [&](double threshold, ReferenceEmptyRow rule) {
        settings.empty_row = rule;
        return sprint_reference(data.view(), threshold, settings, kNormalScales, kSite);
    };
    const auto all = run(-1e9, ReferenceEmptyRow::dense);
    CHECK(all.counts.valid == 3 + 3 + 5);
    CHECK(all.counts.hw_kept == all.counts.valid);
    CHECK(all.cells.cells == 2 * 5 * 8);
    CHECK(all.empty_rows_hardware == 0);

    const auto dense = run(1e9, ReferenceEmptyRow::dense);
    // The range ends below 1e9, so only clipped outputs could tie; none is.
    CHECK(dense.counts.hw_kept == 0);
    CHECK(dense.empty_rows_quant == 3);
    CHECK(same(dense.final_quant, dense.allowed));
    CHECK(largest_difference(dense.out_quant, all.out_quant) == 0.0);
    const auto zero = run(1e9, ReferenceEmptyRow::zero);
    CHECK(zero.kept_pairs_hardware == 0);
    CHECK(zero.out_hardware(0, 0) == 0.0);
    const auto self = run(1e9, ReferenceEmptyRow::self);
    CHECK(self.kept_pairs_hardware == 3);
    CHECK(self.final_hardware(1, 3) == 1);
    const auto top1 = run(1e9, ReferenceEmptyRow::top1_digital);
    CHECK(top1.kept_pairs_hardware == 3);
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t j = 0; j < 6; ++j) {
            if (top1.final_hardware(t, j) == 0) continue;
            for (std::size_t other = 0; other < 6; ++other)
                if (top1.allowed(t, other) != 0)
                    CHECK(top1.score(t, other) <= top1.score(t, j) + 0.1);
        }
    settings.always_keep = {0, 9};
    const auto kept = run(1e9, ReferenceEmptyRow::zero);
    CHECK(kept.counts.hw_kept == 2);  // key 0 is masked for query 1
    CHECK(kept.counts.ref_kept == 2);
    CHECK(kept.empty_rows_hardware == 1);
    CHECK(kept.p_keep(0, 0) == 1.0);
}

TEST_CASE("without noise the hardware is threshold-q", "[property]") {
    const OwnedHead data = random_head(12, 17, 16, 4, 2);
    for (const auto split :
         {ReferenceSplit::floor_msb, ReferenceSplit::round, ReferenceSplit::sign_magnitude})
        for (int k_bits = 0; k_bits <= 8; ++k_bits)
            for (int q_bits = 1; q_bits <= 8; ++q_bits) {
                // 0 and 1 stand for ideal; a `round` code has two bits or more.
                if (split == ReferenceSplit::round && k_bits == 1) continue;
                SprintReferenceSettings settings = noiseless_settings();
                settings.k_bits = k_bits == 0 ? std::nullopt : std::optional<int>(k_bits);
                settings.q_bits = q_bits == 1 ? std::nullopt : std::optional<int>(q_bits);
                settings.split = split;
                if (split == ReferenceSplit::round) settings.k_msb = ReferenceKMsb::ideal;
                // Some outputs clip, and the DAC is coarse, so that ties happen.
                const auto unit = sprint_reference_codes(data.view(), settings, kNormalScales);
                settings.n_fs = std::ceil(2.5 / unit.step);
                settings.threshold_bits = 6;
                const auto result =
                    sprint_reference(data.view(), 0.4, settings, kNormalScales, kSite);
                CAPTURE(k_bits, q_bits);
                CHECK(result.counts.fp_analog + result.counts.fk_analog == 0);
                CHECK(same(result.kept_quant, result.kept_hardware));
                CHECK(largest_difference(result.out_quant, result.out_hardware) == 0.0);
                CHECK(result.cells.level_errors == 0);
                CHECK(result.counts.decision_variance == 0.0);
                CHECK(result.counts.fp_expected == result.counts.fp_total);
                CHECK(result.counts.fk_expected == result.counts.fk_total);
            }
}

TEST_CASE("without rounding threshold-q is threshold", "[property]") {
    for (std::uint64_t seed = 10; seed < 15; ++seed) {
        const OwnedHead data = random_head(20, 30, 16, 4, seed);
        SprintReferenceSettings settings = noiseless_settings();
        settings.k_bits.reset();
        settings.q_bits.reset();
        settings.threshold_bits.reset();
        settings.n_fs = 1e6;
        const auto result = sprint_reference(data.view(), 0.3, settings, kNormalScales, kSite);
        REQUIRE(result.counts.valid == 600);
        CHECK(count(result.kept_threshold) > 100);
        CHECK(count(result.kept_threshold) < 500);
        for (std::size_t t = 0; t < 20; ++t)
            for (std::size_t j = 0; j < 30; ++j)
                if (result.borderline(t, j) == 0)
                    CHECK(result.kept_quant(t, j) == result.kept_threshold(t, j));
        CHECK(result.events.borderline < 5);
    }
}

TEST_CASE("the middle of the bin is the better score", "[property]") {
    const OwnedHead data = random_head(16, 200, 32, 1, 3);
    SprintReferenceSettings settings = noiseless_settings();
    settings.q_bits = 8;
    for (int bits = 1; bits <= 7; ++bits) {
        settings.k_bits = bits;
        const auto result = sprint_reference(data.view(), 0.0, settings, kNormalScales, kSite);
        double squared_middle = 0.0, squared_plain = 0.0;
        double L = result.codes.line_levels, d = 32.0, n_max = result.codes.cell_levels;
        for (std::size_t t = 0; t < 16; ++t) {
            double middle = 0.0, plain = 0.0;
            for (std::size_t j = 0; j < 200; ++j) {
                const double z = result.columns.z(t, j);
                CHECK(std::abs(z) <= d * L * n_max);
                CHECK(z == std::nearbyint(z));
                const double u = result.codes.step;
                middle += (u * (z + result.codes.mu[t]) - result.score(t, j)) / 200.0;
                plain += (u * z - result.score(t, j)) / 200.0;
            }
            squared_middle += middle * middle;
            squared_plain += plain * plain;
        }
        CAPTURE(bits, squared_middle, squared_plain);
        CHECK(squared_middle < 0.25 * squared_plain);
    }
    // The other splits and plain truncation have no such term.
    settings.midpoint = false;
    CHECK(sprint_reference_codes(data.view(), settings, kNormalScales).mu[0] == 0.0);
    settings.midpoint = true;
    settings.split = ReferenceSplit::sign_magnitude;
    CHECK(sprint_reference_codes(data.view(), settings, kNormalScales).mu[0] == 0.0);
}

TEST_CASE("round codes use their own step and no stored bits", "[unit]") {
    const OwnedHead data = paper_head();
    SprintReferenceSettings settings = noiseless_settings();
    settings.split = ReferenceSplit::round;
    CHECK_THROWS_AS(sprint_reference_codes(data.view(), settings, kPaperScales), InvariantError);
    settings.k_msb = ReferenceKMsb::slc_copy;
    const auto codes = sprint_reference_codes(data.view(), settings, kPaperScales);
    // DkB = 127 / 7: 40 / 18.14 = 2.2, -20 -> -1.1, 100 -> 5.5 -> 6 (5.51 in fact).
    CHECK(codes.k_level(0, 0) == 2.0);
    CHECK(codes.k_level(0, 1) == -1.0);
    CHECK(codes.k_level(1, 0) == 0.0);
    CHECK(codes.k_level(1, 1) == 6.0);
    CHECK(codes.step == Approx(0.0625 * 127.0 / 7.0));
}
