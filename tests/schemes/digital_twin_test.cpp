#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "tests/schemes/sprint_pair.hpp"

/// Codes, integer scores, thresholds, kept sets and outputs of the digital references against the
/// twin's plain loops.
using namespace attohm;

namespace {

SplitMode fast_split(ReferenceSplit split) {
    if (split == ReferenceSplit::round) return SplitMode::round;
    return split == ReferenceSplit::floor_msb ? SplitMode::msb : SplitMode::sign_magnitude;
}

CodeSettings code_settings(const PairDesign& design) {
    CodeSettings settings;
    settings.percentile = design.percentile;
    settings.k_bits = design.k_bits;
    settings.q_bits = design.q_bits;
    settings.split = fast_split(design.split);
    settings.midpoint = design.midpoint;
    return settings;
}

/// Every way to form codes: bits, split, midpoint.
std::vector<PairDesign> code_designs() {
    std::vector<PairDesign> designs;
    for (const auto split :
         {ReferenceSplit::floor_msb, ReferenceSplit::sign_magnitude, ReferenceSplit::round}) {
        for (int k_bits = 1; k_bits <= 9; ++k_bits) {
            for (int q_bits = 2; q_bits <= 9; ++q_bits) {
                PairDesign design;
                design.split = split;
                design.midpoint = (k_bits + q_bits) % 3 != 0;
                design.k_msb = ReferenceKMsb::ideal;
                // Nine stands for ideal here.
                design.k_bits = k_bits > 8 ? std::nullopt : std::optional(k_bits);
                design.q_bits = q_bits > 8 ? std::nullopt : std::optional(q_bits);
                if (split != ReferenceSplit::floor_msb && k_bits == 1) continue;
                designs.push_back(design);
            }
        }
    }
    return designs;
}

struct CodeCheck {
    std::int64_t wrong_q8 = 0, wrong_k8 = 0, wrong_v8 = 0, wrong_nq = 0, wrong_m = 0, wrong_z = 0;
    double worst_ideal = 0.0;  ///< relative error of a code that is no integer
};

/// A code: exact where it is an integer.
void compare(double fast, double twin, bool ideal, std::int64_t& wrong, CodeCheck& check) {
    if (!ideal) {
        wrong += fast != twin ? 1 : 0;
    } else {
        check.worst_ideal =
            std::max(check.worst_ideal, std::abs(fast - twin) / (1.0 + std::abs(twin)));
    }
}

CodeCheck compare_codes(const PairDesign& design, const AttentionHead& head, const ScoreCodes& fast,
                        const SprintReferenceCodes& twin) {
    CodeCheck check;
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        for (std::size_t i = 0; i < head.d(); ++i) {
            check.wrong_q8 += fast.q8(t, i) != twin.q8(t, i) ? 1 : 0;
            compare(static_cast<double>(fast.nq(t, i)), twin.q_line(t, i), !design.q_bits,
                    check.wrong_nq, check);
        }
    }
    for (std::size_t j = 0; j < static_cast<std::size_t>(head.valid_k); ++j) {
        for (std::size_t i = 0; i < head.d(); ++i) {
            check.wrong_k8 += fast.k8(j, i) != twin.k8(j, i) ? 1 : 0;
            compare(static_cast<double>(fast.m(j, i)), twin.k_level(j, i), !design.k_bits,
                    check.wrong_m, check);
        }
        for (std::size_t i = 0; i < head.dv(); ++i) {
            check.wrong_v8 +=
                static_cast<double>(fast.v8(j, i)) != static_cast<double>(twin.v8(j, i)) ? 1 : 0;
        }
    }
    return check;
}

std::vector<PairDesign> scheme_designs() {
    std::vector<PairDesign> designs;
    PairDesign base;
    base.empty_row = ReferenceEmptyRow::zero;
    designs.push_back(base);
    for (const int bits : {2, 3, 6, 12}) {
        designs.push_back(base);
        designs.back().dac_bits = bits;
    }
    designs.push_back(base);
    designs.back().dac_bits.reset();
    designs.push_back(base);
    designs.back().range_steps = 41.5;  // clamps some thresholds
    designs.push_back(base);
    designs.back().sense_percentile = 0.7;  // clips many scores
    designs.push_back(base);
    designs.back().sense_percentile = 0.5;
    designs.back().threshold = "quantile(0.95)";  // thresholds clamp to the clipped score
    designs.push_back(base);
    designs.back().full_scale = "worst-case";
    designs.push_back(base);
    designs.back().full_scale = "current_A(31.4159e-6)";
    designs.push_back(base);
    designs.back().always_keep = {0, 5, 29, 10000};
    designs.push_back(base);
    designs.back().scale = "absmax";
    for (const auto rule : {ReferenceEmptyRow::dense, ReferenceEmptyRow::top1_digital,
                            ReferenceEmptyRow::self, ReferenceEmptyRow::zero}) {
        designs.push_back(base);
        designs.back().empty_row = rule;
        designs.back().threshold = "quantile(0.98)";  // leaves rows empty
    }
    for (const auto split : {ReferenceSplit::sign_magnitude, ReferenceSplit::round}) {
        designs.push_back(base);
        designs.back().split = split;
        designs.back().k_msb = ReferenceKMsb::ideal;
    }
    designs.push_back(base);
    designs.back().midpoint = false;
    designs.push_back(base);
    designs.back().k_bits.reset();
    designs.push_back(base);
    designs.back().q_bits.reset();
    designs.push_back(base);
    designs.back().threshold = "value(0.25)";
    return designs;
}

}  // namespace

TEST_CASE("codes and integer scores are the twin's", "[unit]") {
    const AttentionLayer layer = random_layer({1, 1, 21, 30, 33, 20, false, 19, 27, true}, 5);
    const AttentionHead head = head_view(layer, 0, 0);
    for (const PairDesign& design : code_designs()) {
        const CodeSettings settings = code_settings(design);
        const HeadScales scales{2.5F, 2.25F, 2.75F};
        const ScoreCodes fast = make_codes(settings, scales, head);
        const auto twin =
            sprint_reference_codes(head, reference_settings(design, 1.0), {2.5, 2.25, 2.75});
        CAPTURE(design.k_bits.value_or(0), design.q_bits.value_or(0),
                static_cast<int>(design.split), design.midpoint);
        CodeCheck check = compare_codes(design, head, fast, twin);
        CHECK(check.wrong_q8 + check.wrong_k8 + check.wrong_v8 + check.wrong_nq + check.wrong_m ==
              0);
        CHECK(fast.q_clipped == twin.q_clipped);
        CHECK(fast.k_clipped == twin.k_clipped);
        CHECK(fast.v_clipped == twin.v_clipped);
        CHECK(fast.q_low_clipped == twin.q_line_clipped);
        CHECK(twin.q_clipped > 0);
        CHECK(static_cast<double>(fast.v_step) == Approx(twin.v8_step));

        const IntegerKeys keys(fast.m.view(), fast.largest_m);
        Matrix<float> z(19, 27);
        integer_scores(settings, fast, keys, 0, 19, z.view());
        const bool ideal = !design.k_bits || !design.q_bits;
        for (std::size_t t = 0; t < 19; ++t) {
            CHECK(fast.u[t] == Approx(twin.step).epsilon(1e-12));
            CHECK(fast.mu[t] == Approx(twin.mu[t]).epsilon(1e-6).margin(1e-12));
            CHECK(static_cast<double>(fast.score_step[t]) == Approx(twin.score8_step));
            for (std::size_t j = 0; j < 27; ++j) {
                double exact = 0.0, size = 1.0;
                for (std::size_t i = 0; i < 33; ++i) {
                    exact += twin.q_line(t, i) * twin.k_level(j, i);
                    size += std::abs(twin.q_line(t, i) * twin.k_level(j, i));
                }
                const double error = std::abs(static_cast<double>(z(t, j)) - exact);
                check.wrong_z += !ideal && error != 0.0 ? 1 : 0;
                check.worst_ideal = std::max(check.worst_ideal, error / size);
            }
        }
        CHECK(check.wrong_z == 0);
        CHECK(check.worst_ideal < 1e-6);
    }
}

TEST_CASE("a K code comes back from its sensed level and its rest", "[unit]") {
    const AttentionLayer layer = random_layer({1, 1, 4, 30, 20, 4, false, -1, -1, false}, 6);
    const AttentionHead head = head_view(layer, 0, 0);
    for (const auto split : {SplitMode::msb, SplitMode::sign_magnitude}) {
        for (int bits = split == SplitMode::msb ? 1 : 2; bits <= 8; ++bits) {
            CodeSettings settings;
            settings.k_bits = bits;
            settings.q_bits = 4;
            settings.split = split;
            const ScoreCodes codes = make_codes(settings, {3.0F, 3.0F, 3.0F}, head);
            CHECK(differences(rejoin_msb(settings, codes, codes.m), codes.k8) == 0);
            // A level sensed one too high adds one bin.
            Matrix<float> sensed = codes.m;
            sensed(3, 2) += 1.0F;
            const auto joined = rejoin_msb(settings, codes, sensed);
            CHECK(joined(3, 2) - codes.k8(3, 2) == (1 << (8 - bits)));
            CHECK(differences(joined, codes.k8) == 1);
        }
    }
}

TEST_CASE("threshold-q decides and computes as the twin", "[property]") {
    std::int64_t clamped = 0, clipped = 0, empty = 0;
    for (const PairDesign& design : scheme_designs()) {
        const std::string card = write_card(card_text(design));
        for (const LayerSpec& spec : awkward_layers()) {
            if (!design.always_keep.empty() && spec.heads > 2) continue;
            const std::vector<AttentionLayer> layers = {random_layer(spec, 11)};
            const auto scheme = make_calibrated("threshold-q", pair_settings(design, card), layers);
            const SchemeRun run = run_scheme(*scheme, layers[0]);
            for (int h = 0; h < spec.heads; ++h) {
                const AttentionHead head = head_view(layers[0], 0, h);
                const auto twin = run_twin(*scheme, design, head, {}, 0, spec.kv_heads);
                const auto at = static_cast<std::size_t>(h);
                const HeadReport& report = run.reports[at];
                CAPTURE(spec.n_q, spec.n_k, spec.d, h, design.full_scale, design.threshold,
                        design.dac_bits.value_or(0), static_cast<int>(design.empty_row));
                CHECK(differences(selected(run.selections[at]), twin.final_quant) == 0);
                CHECK(relative_error(run.out[at], twin.out_quant) < 1e-5);
                CHECK(report.events.threshold_clamped == twin.events.threshold_clamped);
                CHECK(report.kept_pairs == twin.kept_pairs_quant);
                if (design.always_keep.empty()) {
                    CHECK(report.empty_rows == twin.empty_rows_quant);
                    CHECK(report.decisions.quant_kept == twin.counts.quant_kept);
                    CHECK(std::abs(report.decisions.fp_quant - twin.counts.fp_quant) <=
                          twin.events.borderline);
                    CHECK(std::abs(report.decisions.fk_quant - twin.counts.fk_quant) <=
                          twin.events.borderline);
                }
                CHECK(report.decisions.valid == twin.counts.valid);
                CHECK(report.events.borderline == twin.events.borderline);
                clamped += twin.events.threshold_clamped;
                clipped += twin.quant_sense_clipped;
                empty += twin.empty_rows_quant;
            }
        }
    }
    // Each rare event happened.
    CHECK(clamped > 100);
    CHECK(clipped > 1000);
    CHECK(empty > 50);
}

TEST_CASE("threshold decides and computes as float scores say", "[property]") {
    std::int64_t borderline = 0;
    for (const PairDesign& design : scheme_designs()) {
        const std::string card = write_card(card_text(design));
        for (const LayerSpec& spec : awkward_layers()) {
            const std::vector<AttentionLayer> layers = {random_layer(spec, 12)};
            const auto scheme = make_calibrated("threshold", pair_settings(design, card), layers);
            const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme);
            const SchemeRun run = run_scheme(*scheme, layers[0]);
            for (int h = 0; h < spec.heads; ++h) {
                const AttentionHead head = head_view(layers[0], 0, h);
                const double threshold = static_cast<double>(own.calibration(0, h).threshold);
                // The twin needs scales and a range for the rest of what it does.
                const auto twin = sprint_reference(head, threshold, reference_settings(design, 100),
                                                   {3.0, 3.0, 3.0}, DrawSite{});
                // Kept keys after the rule, softmax in double.
                const Matrix<std::uint8_t> fast = selected(run.selections[std::size_t(h)]);
                Matrix<double> out(head.n_q(), head.dv());
                std::int64_t different = 0;
                for (std::size_t t = 0; t < std::size_t(head.valid_q); ++t) {
                    bool any = false, allowed = false;
                    std::size_t top = 0;
                    double best = -HUGE_VAL;
                    for (std::size_t j = 0; j < head.n_k(); ++j) {
                        any = any || twin.kept_threshold(t, j) != 0;
                        allowed = allowed || twin.allowed(t, j) != 0;
                        if (twin.allowed(t, j) != 0 && twin.score(t, j) > best) {
                            best = twin.score(t, j);
                            top = j;
                        }
                    }
                    const std::size_t self = t + head.n_k() - head.n_q();
                    double total = 0.0;
                    for (std::size_t j = 0; j < head.n_k(); ++j) {
                        bool keep = twin.kept_threshold(t, j) != 0;
                        if (!any && twin.allowed(t, j) != 0) {
                            keep =
                                design.empty_row == ReferenceEmptyRow::dense ||
                                (design.empty_row == ReferenceEmptyRow::self && j == self) ||
                                (design.empty_row == ReferenceEmptyRow::top1_digital && j == top);
                        }
                        if (keep != (fast(t, j) != 0)) {
                            ++(twin.borderline(t, j) != 0 ? borderline : different);
                            keep = fast(t, j) != 0;
                        }
                        if (!keep) continue;
                        const double p = std::exp(twin.score(t, j) - best);
                        total += p;
                        for (std::size_t c = 0; c < head.dv(); ++c) {
                            out(t, c) += p * static_cast<double>(head.v(j, c));
                        }
                    }
                    for (std::size_t c = 0; c < head.dv() && total > 0.0; ++c) out(t, c) /= total;
                }
                CAPTURE(spec.n_q, h, design.threshold);
                CHECK(different == 0);
                CHECK(relative_error(run.out[std::size_t(h)], out) < 1e-5);
            }
        }
    }
    std::printf("threshold against double: %ld borderline pairs decided differently\n",
                static_cast<long>(borderline));
}

TEST_CASE("a scale for every query of its own is the twin's, query by query", "[property]") {
    PairDesign design;
    design.scale = "dynamic-per-query";
    design.empty_row = ReferenceEmptyRow::top1_digital;
    design.threshold = "value(0.4)";
    const std::vector<AttentionLayer> layers = {
        random_layer({1, 1, 24, 31, 40, 16, false, -1, 29, true}, 13)};
    const auto scheme = make_calibrated(
        "threshold-q", pair_settings(design, write_card(card_text(design))), layers);
    const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
    const SchemeRun run = run_scheme(*scheme, layers[0]);
    const Matrix<std::uint8_t> kept = selected(run.selections[0]);
    for (std::size_t t = 0; t < 24; ++t) {
        AttentionHead one = head_view(layers[0], 0, 0);
        one.q = one.q.rows_from(t, 1);
        one.mask = one.mask_rows(t, 1);
        one.valid_q = 1;
        double largest = 0.0;
        for (std::size_t i = 0; i < 40; ++i) {
            largest = std::max(largest, std::abs(static_cast<double>(one.q(0, i))));
        }
        const auto twin = sprint_reference(
            one, 0.4F, reference_settings(design, own.n_fs),
            {largest, static_cast<double>(own.scales.k), static_cast<double>(own.scales.v)},
            DrawSite{});
        for (std::size_t j = 0; j < 31; ++j) CHECK(kept(t, j) == twin.final_quant(0, j));
        for (std::size_t c = 0; c < 16; ++c) {
            CHECK(static_cast<double>(run.out[0](t, c)) ==
                  Approx(twin.out_quant(0, c)).epsilon(1e-5).margin(1e-5));
        }
    }
}
