#include "src/schemes/vitality.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/schemes/digital_work.hpp"
#include "tests/reference/attention_schemes_reference.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"

using namespace attohm;

namespace {

/// Shapes without mask and causality: odd sizes, padding, one query (a class token), one key, d and
/// dv that differ, shared keys, more tokens than a block.
std::vector<LayerSpec> taylor_layers() {
    return {{2, 2, 40, 40, 32, 32, false, -1, -1, false},
            {4, 2, 37, 37, 21, 24, false, 31, 29, false},
            {1, 1, 1, 65, 64, 64, false, -1, -1, false},
            {1, 1, 5, 1, 16, 16, false, -1, -1, false},
            {1, 1, 1, 1, 7, 3, false, -1, -1, false},
            {2, 1, 197, 197, 64, 65, false, -1, 190, false},
            {1, 1, 300, 33, 13, 5, false, 299, -1, false}};
}

std::unique_ptr<Scheme> vitality() {
    return find_scheme("vitality").make({}, scheme_preset());
}

Matrix<float> taylor(const AttentionHead& head) {
    Matrix<float> out(head.n_q(), head.dv(), -777.0F);
    taylor_attention(head, out.view());
    return out;
}

std::string refusal(const AttentionLayer& layer) {
    SchemeInputs inputs;
    inputs.trace_path = "some/trace.h5";
    try {
        run_scheme(*find_scheme("vitality").make(inputs, scheme_preset()), layer);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("vitality equals its twin", "[unit]") {
    const auto scheme = vitality();
    std::uint64_t seed = 100;
    for (const LayerSpec& spec : taylor_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const SchemeRun run = run_scheme(*scheme, layer);
        for (int h = 0; h < spec.heads; ++h) {
            CAPTURE(spec.n_q, spec.n_k, spec.d, spec.dv, h);
            const auto twin = reference::taylor_attention(head_view(layer, 0, h));
            CHECK(relative_error(run.out[static_cast<std::size_t>(h)], twin.z) < 1e-5);
        }
    }
}

TEST_CASE("vitality is a weighted mean with weights 1 + scale q.khat", "[property]") {
    std::uint64_t seed = 200;
    for (const LayerSpec& spec : taylor_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const AttentionHead head = head_view(layer, 0, 0);
        const auto weighted = reference::taylor_weighted(head);
        CAPTURE(spec.n_q, spec.n_k, spec.d, spec.dv);
        CHECK(relative_error(taylor(head), weighted.z) < 1e-5);
        const Matrix<double> steps = reference::taylor_attention(head).z;
        double worst = 0.0;
        for (std::size_t i = 0; i < steps.size(); ++i)
            worst = std::max(worst, std::abs(steps.data()[i] - weighted.z.data()[i]));
        CHECK(worst < 1e-13);
    }
}

TEST_CASE("negative weights of vitality are legal and not clamped", "[property]") {
    AttentionLayer layer = random_layer({1, 1, 50, 50, 16, 8, false, -1, -1, false}, 7);
    for (float& q : layer.q.data) q *= 4.0F;
    const AttentionHead head = head_view(layer, 0, 0);
    const auto weighted = reference::taylor_weighted(head);
    CHECK(weighted.negative_weights > 100);
    CHECK(relative_error(taylor(head), weighted.z) < 1e-5);
}

TEST_CASE("the denominator of vitality is n sqrt(d) to rounding", "[property]") {
    std::uint64_t seed = 300;
    for (const LayerSpec& spec : taylor_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const AttentionHead head = head_view(layer, 0, 0);
        const double expected = head.valid_k * std::sqrt(static_cast<double>(spec.d));
        const auto twin = reference::taylor_attention(head);
        REQUIRE(twin.t_d.size() == static_cast<std::size_t>(head.valid_q));
        // The scale is a float: its own rounding is part of the comparison.
        for (const double t_d : twin.t_d) CHECK(std::abs(t_d / expected - 1.0) < 1e-7);
        // Hence Z = mean(V) + scale Q G / n: with q = 0, the mean of V.
        AttentionLayer still = layer;
        std::fill(still.q.data.begin(), still.q.data.end(), 0.0F);
        const Matrix<float> z = taylor(head_view(still, 0, 0));
        for (std::size_t c = 0; c < head.dv(); ++c) {
            double mean = 0.0;
            for (std::size_t j = 0; j < static_cast<std::size_t>(head.valid_k); ++j)
                mean += static_cast<double>(head.v(j, c)) / head.valid_k;
            CHECK(std::abs(static_cast<double>(z(0, c)) - mean) < 1e-6);
        }
    }
}

TEST_CASE("vitality, like softmax, ignores a vector added to all keys", "[property]") {
    AttentionLayer layer = random_layer({1, 1, 45, 45, 24, 16, false, -1, -1, false}, 8);
    const Matrix<float> before = taylor(head_view(layer, 0, 0));
    for (std::size_t j = 0; j < layer.k.rows; ++j)
        for (std::size_t i = 0; i < layer.k.cols; ++i)
            layer.k.plane(0)(j, i) += 0.1F * static_cast<float>(i) - 1.0F;
    const Matrix<float> after = taylor(head_view(layer, 0, 0));
    double worst = 0.0;
    for (std::size_t i = 0; i < before.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(before.data()[i] - after.data()[i])));
    CHECK(worst < 2e-6);
}

TEST_CASE("padding has no say in vitality, and its rows are zero", "[property]") {
    const LayerSpec spec{1, 1, 30, 34, 12, 9, false, 23, 27, false};
    AttentionLayer layer = random_layer(spec, 9);
    const Matrix<float> before = taylor(head_view(layer, 0, 0));
    for (Tensor3* x : {&layer.k, &layer.v})
        for (std::size_t j = 27; j < 34; ++j) std::fill_n(x->plane(0).row(j), x->cols, 1e6F);
    for (std::size_t t = 23; t < 30; ++t) std::fill_n(layer.q.plane(0).row(t), 12, 1e6F);
    const Matrix<float> after = taylor(head_view(layer, 0, 0));
    CHECK(differences(before, after) == 0);
    for (std::size_t t = 23; t < 30; ++t)
        for (std::size_t c = 0; c < 9; ++c) CHECK(after(t, c) == 0.0F);
    // Nothing to attend to.
    layer.valid_k = 0;
    CHECK(differences(taylor(head_view(layer, 0, 0)), Matrix<float>(30, 9)) == 0);
}

TEST_CASE("vitality refuses what its linear form is not defined for, by name", "[unit]") {
    using Catch::Contains;
    const LayerSpec spec{2, 2, 12, 12, 8, 8, false, -1, -1, false};
    CHECK(refusal(random_layer(spec, 10, 3)).empty());
    AttentionLayer causal = random_layer(spec, 10, 3);
    causal.causal = true;
    CHECK_THAT(refusal(causal), Contains("scheme vitality") && Contains("layer 3") &&
                                    Contains("a causal layer") && Contains("layers/03"));
    LayerSpec with_mask = spec;
    with_mask.mask = true;
    CHECK_THAT(refusal(random_layer(with_mask, 10, 1)),
               Contains("scheme vitality") && Contains("layer 1") && Contains("a mask"));
    AttentionLayer biased = random_layer(spec, 10);
    biased.bias.resize(1, 12, 12);
    CHECK_THAT(refusal(biased), Contains("scheme vitality") && Contains("a bias tensor"));
    AttentionLayer flat = random_layer(spec, 10);
    flat.scale = 0.0F;
    CHECK_THAT(refusal(flat), Contains("scale"));
    SchemeInputs gpt;
    gpt.model.causal = true;
    CHECK_THROWS_WITH(find_scheme("vitality").make(gpt, scheme_preset()),
                      Contains("scheme vitality has no causal form"));
}

TEST_CASE("the Work of vitality is that of Algorithm 1", "[unit]") {
    const std::int64_t n = 197, d = 64, dv = 64;
    const OpList list = taylor_attention_ops(square_shape(197, 64, 64), 8);
    check_op_list(list);
    CHECK(names_of(list) == std::vector<std::string>{"k mean", "k mean", "khat", "G", "khat sum",
                                                     "v sum", "v sum", "t_D", "t_D", "Q G", "T_N",
                                                     "Z"});
    // Counts of a head, papers/vitality: 2 n d^2 + n d MACs, n d subtractions, n d additions, d + n
    // d divisions; sums over tokens of K, Khat and V; the constants of t_D and v_sum.
    CHECK(dense_sum(list, OpKind::matmul) == 2 * n * d * d + n * d);
    CHECK(dense_sum(list, OpKind::divide) == d + n * d);
    CHECK(dense_sum(list, OpKind::accumulate) == 2 * n * d + n * dv);
    CHECK(dense_sum(list, OpKind::add) == n * d + n * dv + n);
    CHECK(dense_sum(list, OpKind::multiply) == dv);
    CHECK(dense_sum(list, OpKind::softmax) == 0);
    CHECK(named(list, "k mean")[1].kind == OpKind::divide);
    CHECK(named(list, "khat").at(0).dense_count() == n * d);
    CHECK(named(list, "G").at(0).dense_count() == n * d * dv);
    CHECK(named(list, "t_D").at(0).dense_count() == n * d);
    CHECK(named(list, "T_N").at(0).dense_count() == n * dv);
    for (const Operator& op : list.ops) {
        CHECK(op.stage == Stage::attention);
        CHECK(op.bits == 8);
        CHECK(op.nonzeros == op.dense_count());
    }
    // n/d but for the diagonal product: 2 n^2 d / (2 n d^2 + n d) = 2 n / (2 d + 1).
    const OpList dense = dense_attention_ops(square_shape(197, 64, 64), 8);
    const double ratio = static_cast<double>(dense_sum(dense, OpKind::matmul)) /
                         static_cast<double>(dense_sum(list, OpKind::matmul));
    CHECK(ratio == Approx(2.0 * 197.0 / 129.0).epsilon(1e-15));
    CHECK(ratio == Approx(197.0 / 64.0).epsilon(1.0 / 128.0));
}

TEST_CASE("the Work of vitality follows valid tokens, d and dv", "[property]") {
    const auto scheme = vitality();
    std::uint64_t seed = 400;
    for (const LayerSpec& spec : taylor_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const SchemeRun run = run_scheme(*scheme, layer);
        REQUIRE(run.works.size() == static_cast<std::size_t>(spec.heads));
        CHECK(run.selections.empty());
        for (const HeadWork& work : run.works) {
            check_op_list(work.ops);
            const std::int64_t m = layer.valid_q, n = layer.valid_k, d = spec.d, dv = spec.dv;
            CHECK(dense_sum(work.ops, OpKind::matmul) == n * d * dv + m * d * dv + m * d);
            CHECK(dense_sum(work.ops, OpKind::divide) == d + m * dv);
            CHECK(work.bits.q == 8);
        }
    }
    Settings settings = scheme_preset();
    settings.overlay_assignment("vitality.operand_bits=12");
    const AttentionLayer layer = random_layer({}, 1);
    const SchemeRun run = run_scheme(*find_scheme("vitality").make({}, settings), layer);
    CHECK(run.works.at(0).ops.ops.at(0).bits == 12);
}
