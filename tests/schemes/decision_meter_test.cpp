#include "src/schemes/decision_meter.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/schemes/row_kernels.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// What is counted of the decisions, against plain loops over the twin's scores.
using namespace attohm;

namespace {

/// What the report says, counted pair by pair.
struct Counted {
    std::int64_t rows = 0, empty = 0, top1_lost = 0, kept = 0;
    double mass_dropped = 0.0;
    std::vector<std::int64_t> eye_kept = std::vector<std::int64_t>(ScoreEye::kBins, 0);
    std::vector<std::int64_t> eye_pruned = eye_kept, eye_prune = eye_kept, eye_keep = eye_kept;
};

Counted count_head(const AttentionHead& head, const SprintReferenceResult& twin,
                   const Matrix<std::uint8_t>& hardware, double threshold, double sigma) {
    Counted counted;
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        double total = 0.0, dropped = 0.0, best = -HUGE_VAL;
        std::size_t top = 0;
        bool any = false, allowed = false;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (twin.allowed(t, j) == 0) continue;
            const double score = twin.score(t, j);
            const bool kept = hardware(t, j) != 0, reference = twin.kept_threshold(t, j) != 0;
            allowed = true;
            any = any || kept;
            total += std::exp(score);
            dropped += kept ? 0.0 : std::exp(score);
            counted.kept += kept ? 1 : 0;
            if (score > best) {
                best = score;
                top = j;
            }
            const double x = ((score - threshold) / sigma + ScoreEye::kRange) /
                             (2.0 * ScoreEye::kRange) * ScoreEye::kBins;
            const auto bin =
                static_cast<std::size_t>(std::fmin(std::fmax(x, 0.0), ScoreEye::kBins - 1.0));
            ++(kept ? counted.eye_kept : counted.eye_pruned)[bin];
            if (kept != reference) ++(reference ? counted.eye_prune : counted.eye_keep)[bin];
        }
        ++counted.rows;
        if (!allowed) continue;
        counted.empty += any ? 0 : 1;
        counted.mass_dropped += dropped / total;
        counted.top1_lost += twin.kept_threshold(t, top) != 0 && hardware(t, top) == 0 ? 1 : 0;
    }
    return counted;
}

/// Bins may lose a score to their neighbour by its rounding.
std::int64_t moved(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
    return sum;
}

/// Bytes of which about a third are 1.
std::vector<std::uint8_t> random_bits(std::size_t n, std::uint64_t id) {
    std::vector<std::uint8_t> bits(n);
    const Stream stream(3, Purpose::synth_content, {id});
    for (std::size_t i = 0; i < n; ++i) bits[i] = stream.word(i) % 3 == 0 ? 1 : 0;
    return bits;
}

}  // namespace

TEST_CASE("reports count what a plain loop counts", "[property]") {
    std::int64_t lost = 0, empty = 0;
    for (const char* source : {"quantile(0.5)", "quantile(0.97)", "value(-20)", "value(20)"}) {
        PairDesign design;
        design.threshold = source;
        design.empty_row = ReferenceEmptyRow::zero;  // Selections are the comparators' decisions
        design.offset_V = 40e-3;
        design.noise_V = 20e-3;
        for (const LayerSpec& spec : awkward_layers()) {
            const std::vector<AttentionLayer> layers = {random_layer(spec, 91)};
            const auto scheme = make_calibrated(
                "sprint", pair_settings(design, write_card(card_text(design))), layers);
            const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme);
            const SchemeRun run = run_scheme(*scheme, layers[0]);
            for (int h = 0; h < spec.heads; ++h) {
                const auto at = static_cast<std::size_t>(h);
                const AttentionHead head = head_view(layers[0], 0, h);
                const auto twin = run_twin(*scheme, design, head, {}, 0, spec.kv_heads);
                const HeadCalibration& calibrated = own.calibration(0, h);
                const Counted counted = count_head(head, twin, selected(run.selections[at]),
                                                   static_cast<double>(calibrated.threshold),
                                                   static_cast<double>(calibrated.score_sigma));
                const HeadReport& report = run.reports[at];
                CAPTURE(source, spec.n_q, h);
                CHECK(report.rows == counted.rows);
                CHECK(report.empty_rows == counted.empty);
                CHECK(report.top1_lost == counted.top1_lost);
                CHECK(report.decisions.hw_kept == counted.kept);
                CHECK(report.kept_pairs == counted.kept);
                CHECK(report.decisions.valid == twin.counts.valid);
                CHECK(report.decisions.ref_kept == twin.counts.ref_kept);
                CHECK(report.mass_dropped == Approx(counted.mass_dropped).margin(1e-4));
                CHECK(moved(report.eye.kept, counted.eye_kept) <= 2);
                CHECK(moved(report.eye.pruned, counted.eye_pruned) <= 2);
                CHECK(moved(report.eye.false_prune, counted.eye_prune) <= 2);
                CHECK(moved(report.eye.false_keep, counted.eye_keep) <= 2);
                CHECK(report.threshold == static_cast<double>(calibrated.threshold));
                lost += counted.top1_lost;
                empty += counted.empty;
            }
        }
    }
    CHECK(lost > 20);
    CHECK(empty > 100);
}

TEST_CASE("counting decisions alone gives the same counts", "[property]") {
    PairDesign design;
    design.offset_V = 10e-3;
    const std::string card = write_card(card_text(design));
    for (const LayerSpec& spec : awkward_layers()) {
        const std::vector<AttentionLayer> layers = {random_layer(spec, 92)};
        const auto run = [&](MetricsLevel metrics) {
            const auto scheme =
                make_calibrated("sprint", pair_settings(design, card), layers, {1, 0, metrics});
            return run_scheme(*scheme, layers[0]);
        };
        const SchemeRun full = run(MetricsLevel::full), counts = run(MetricsLevel::counts);
        for (std::size_t h = 0; h < full.out.size(); ++h) {
            CHECK(differences(full.out[h], counts.out[h]) == 0);
            const DecisionCounts &a = full.reports[h].decisions, &b = counts.reports[h].decisions;
            CHECK(a.valid == b.valid);
            CHECK(a.ref_kept == b.ref_kept);
            CHECK(a.fp_total == b.fp_total);
            CHECK(a.fk_total == b.fk_total);
            CHECK(a.fp_analog == b.fp_analog);
            CHECK(full.reports[h].empty_rows == counts.reports[h].empty_rows);
        }
    }
}

TEST_CASE("volts, steps and scores of a report agree", "[unit]") {
    PairDesign design;
    design.offset_V = 8e-3;
    const std::vector<AttentionLayer> layers = {random_layer({}, 93)};
    const auto scheme =
        make_calibrated("sprint", pair_settings(design, write_card(card_text(design))), layers);
    const SchemeRun run = run_scheme(*scheme, layers[0]);
    for (int h = 0; h < 2; ++h) {
        const HeadReport& report = run.reports[static_cast<std::size_t>(h)];
        const auto twin = run_twin(*scheme, design, head_view(layers[0], 0, h));
        const double n_fs = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, h).n_fs;
        CHECK(report.lsb_score == Approx(twin.codes.step));
        CHECK(report.offset_sigma_V == Approx(8e-3));
        CHECK(report.volts_per_score == Approx(0.3 / n_fs / twin.codes.step));
        CHECK(report.offset_sigma_score == Approx(8e-3 * n_fs / 0.3 * twin.codes.step));
        CHECK(report.noise_sigma_score == 0.0);
    }
}

TEST_CASE("ones are counted in rows of any length", "[unit]") {
    // 64 lanes of bytes overflow after 255 steps of 64.
    for (const std::size_t n : {0, 1, 63, 64, 65, 1000, 16319, 16320, 16385, 40000}) {
        const auto r = random_bits(n, 1), q = random_bits(n, 2), h = random_bits(n, 3);
        ByteSums expected;
        for (std::size_t j = 0; j < n; ++j) {
            expected.r += r[j];
            expected.q += q[j];
            expected.h += h[j];
            expected.rq += r[j] * q[j];
            expected.rh += r[j] * h[j];
            expected.qh += q[j] * h[j];
        }
        const ByteSums sums = sum_bytes(r.data(), q.data(), h.data(), n);
        CAPTURE(n);
        CHECK(sums.r == expected.r);
        CHECK(sums.q == expected.q);
        CHECK(sums.h == expected.h);
        CHECK(sums.rq == expected.rq);
        CHECK(sums.rh == expected.rh);
        CHECK(sums.qh == expected.qh);
        const std::vector<std::uint8_t> ones(n, 1);
        CHECK(sum_bytes(ones.data(), ones.data(), ones.data(), n).qh ==
              static_cast<std::int64_t>(n));
    }
}

TEST_CASE("ones among the bits of codes", "[unit]") {
    for (const std::size_t n : {0, 1, 31, 32, 100, 5000}) {
        AlignedVector<std::int16_t> codes(n);
        AlignedVector<float> same(n);
        const Stream stream(6, Purpose::synth_content, {n});
        for (std::size_t i = 0; i < n; ++i) {
            codes[i] = static_cast<std::int16_t>(static_cast<int>(stream.word(i) % 255) - 127);
            same[i] = static_cast<float>(codes[i]);
        }
        for (const int mask : {0x00, 0x01, 0x0f, 0x7f, 0xf0, 0xff}) {
            std::int64_t expected = 0;
            for (const std::int16_t code : codes) {
                for (int bit = 0; bit < 8; ++bit) expected += ((code & mask) >> bit) & 1;
            }
            const auto bits = static_cast<std::uint16_t>(mask);
            CHECK(count_code_ones(codes.data(), n, bits) == expected);
            CHECK(count_code_ones(same.data(), n, bits) == expected);
        }
    }
}

TEST_CASE("expected counts and weighted rows are those of plain loops", "[unit]") {
    for (const std::size_t n : {1, 15, 16, 100, 5000}) {
        AlignedVector<float> p(n);
        Stream(4, Purpose::synth_content, {n}).uniforms(0, p);
        const auto reference = random_bits(n, 4);
        double prune = 0.0, keep = 0.0, variance = 0.0, of_kept = 0.0;
        for (std::size_t j = 0; j < n; ++j) {
            const auto x = static_cast<double>(p[j]);
            prune += reference[j] != 0 ? 1.0 - x : 0.0;
            keep += reference[j] != 0 ? 0.0 : x;
            variance += x * (1.0 - x);
            of_kept += reference[j] != 0 ? x * (1.0 - x) : 0.0;
        }
        const ExpectedSums sums = sum_expected(p.data(), reference.data(), n);
        CHECK(sums.false_prune == Approx(prune).epsilon(1e-5).margin(1e-6));
        CHECK(sums.false_keep == Approx(keep).epsilon(1e-5).margin(1e-6));
        CHECK(sums.variance == Approx(variance).epsilon(1e-5));
        CHECK(sums.prune_variance == Approx(of_kept).epsilon(1e-5).margin(1e-6));
    }
    for (const std::size_t dv : {1, 8, 63, 64, 65, 200}) {
        for (const std::size_t count : {0, 1, 7, 90}) {
            Matrix<float> values(100, dv + 3);
            Stream(5, Purpose::synth_content, {dv}).normals(0, {values.data(), values.size()});
            std::vector<std::uint32_t> keys(count);
            AlignedVector<float> weights(count), sum(dv, 9.0F);
            for (std::size_t k = 0; k < count; ++k) {
                keys[k] = static_cast<std::uint32_t>((k * 37) % 100);
                weights[k] = 0.01F * static_cast<float>(k + 1);
            }
            weighted_rows(weights.data(), keys.data(), count, values.data(), dv + 3, dv,
                          sum.data());
            for (std::size_t c = 0; c < dv; ++c) {
                double expected = 0.0;
                for (std::size_t k = 0; k < count; ++k) {
                    expected +=
                        static_cast<double>(weights[k]) * static_cast<double>(values(keys[k], c));
                }
                CHECK(static_cast<double>(sum[c]) == Approx(expected).margin(1e-4));
            }
        }
    }
}

TEST_CASE("the variance of a key's squared excess is that of all its outcomes", "[unit]") {
    // Three decisions on one key, every outcome with its probability.
    const std::vector<double> prune = {0.1, 0.5, 0.8};
    double mean = 0.0, v = 0.0, second = 0.0, fourth = 0.0;
    for (const double p : prune) {
        mean += p;
        v += p * (1.0 - p);
    }
    for (unsigned outcome = 0; outcome < 8; ++outcome) {
        double probability = 1.0, count = 0.0;
        for (unsigned i = 0; i < 3; ++i) {
            const bool pruned = (outcome >> i & 1U) != 0;
            probability *= pruned ? prune[i] : 1.0 - prune[i];
            count += pruned ? 1.0 : 0.0;
        }
        second += probability * std::pow(count - mean, 2);
        fourth += probability * std::pow(count - mean, 4);
    }
    std::int32_t kept = 0, false_prune = 0, false_keep = 0;
    double expected = 0.0, variance = 0.0, cumulant = 0.0;
    const std::uint8_t one = 1;
    for (const double p : prune) {
        const auto p_keep = static_cast<float>(1.0 - p);
        add_key_row(&one, &one, &p_keep,
                    {&kept, &false_prune, &false_keep, &expected, &variance, &cumulant}, 1);
    }
    CHECK(variance == Approx(second).epsilon(1e-6));
    CHECK(2.0 * v * v + cumulant == Approx(fourth - second * second).epsilon(1e-6));
}
