#include "src/schemes/sima.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/reference/linear_schemes_reference.hpp"
#include "tests/schemes/linear_cases.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"
#include "workloads/synth_shapes.hpp"

using namespace attohm;

namespace {

/// Of the preset, the paper's.
constexpr double kEpsilon = 1e-12;

SimaSettings sima_settings(SimaOrder order, SimaScaling scaling = SimaScaling::tokens) {
    return {order, scaling, kEpsilon, 8};
}

Matrix<float> sima(const AttentionHead& head, const SimaSettings& settings) {
    Matrix<float> out(head.n_q(), head.dv(), -777.0F);
    sima_attention(head, settings, out.view());
    return out;
}

double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
    double worst = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
        worst = std::max(worst, std::abs(a.data()[i] - b.data()[i]));
    return worst;
}

/// The operators of one layer of a published model, all heads.
std::int64_t layer_count(const AttentionSize& size, const OpList& head, OpKind kind) {
    return size.heads * dense_sum(head, kind);
}

HeadShape head_of(const AttentionSize& size) {
    HeadShape shape = square_shape(size.n_q, size.head_dim, size.v_head_dim);
    shape.n_k = shape.valid_k = size.n_k;
    shape.allowed_pairs = std::int64_t{size.n_q} * size.n_k;
    return shape;
}

}  // namespace

TEST_CASE("sima equals its twin in both orders and both scalings", "[unit]") {
    std::uint64_t seed = 500;
    for (const LayerSpec& spec : all_pairs_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        for (int h = 0; h < spec.heads; ++h) {
            const AttentionHead head = head_view(layer, 0, h);
            const Matrix<double> twin = reference::sima_attention(head, kEpsilon);
            for (const SimaOrder order : {SimaOrder::linear, SimaOrder::quadratic})
                for (const SimaScaling scaling : {SimaScaling::tokens, SimaScaling::channels}) {
                    CAPTURE(spec.n_q, spec.n_k, spec.d, spec.dv, h);
                    CHECK(relative_error(sima(head, sima_settings(order, scaling)), twin) < 1e-5);
                }
        }
    }
}

TEST_CASE("the scheme sima runs every head in the cheaper order", "[unit]") {
    const auto scheme = find_scheme("sima").make({}, scheme_preset());
    std::uint64_t seed = 520;
    for (const LayerSpec& spec : all_pairs_layers()) {
        if (spec.n_q < spec.n_k) continue;
        const AttentionLayer layer = random_layer(spec, ++seed);
        const SchemeRun run = run_scheme(*scheme, layer);
        REQUIRE(run.works.size() == static_cast<std::size_t>(spec.heads));
        for (int h = 0; h < spec.heads; ++h) {
            CAPTURE(spec.n_q, spec.n_k, spec.d, spec.dv, h);
            const auto i = static_cast<std::size_t>(h);
            CHECK(relative_error(run.out[i], reference::sima_attention(head_view(layer, 0, h),
                                                                       kEpsilon)) < 1e-5);
            check_op_list(run.works[i].ops);
            const bool linear = layer.valid_k >= spec.d;
            CHECK(named(run.works[i].ops, "K V").size() == (linear ? 1U : 0U));
            CHECK(run.works[i].kept_pairs == 0);
        }
    }
}

TEST_CASE("norms of sima run over tokens: a channel's scale has no say, a token's has",
          "[property]") {
    AttentionLayer layer = random_layer({1, 1, 40, 40, 12, 8, false, -1, -1, false}, 9);
    const SimaSettings settings = sima_settings(SimaOrder::linear);
    const Matrix<double> before = reference::sima_attention(head_view(layer, 0, 0), kEpsilon);
    AttentionLayer channel = layer;
    for (std::size_t t = 0; t < 40; ++t) channel.q.plane(0)(t, 5) *= 7.0F;
    CHECK(relative_error(sima(head_view(channel, 0, 0), settings), before) < 1e-5);
    AttentionLayer token = layer;
    for (std::size_t c = 0; c < 12; ++c) token.q.plane(0)(3, c) *= 7.0F;
    CHECK(relative_error(sima(head_view(token, 0, 0), settings), before) > 1e-2);
    // Neither 1/sqrt(d) nor any other scale.
    layer.scale = 3.0F;
    CHECK(relative_error(sima(head_view(layer, 0, 0), settings), before) < 1e-5);
}

TEST_CASE("epsilon of sima is a clamp: a dead channel gives zeros, others do not see it",
          "[property]") {
    AttentionLayer layer = random_layer({1, 1, 20, 20, 6, 4, false, -1, -1, false}, 11);
    for (std::size_t t = 0; t < 20; ++t) layer.k.plane(0)(t, 2) = 0.0F;
    const AttentionHead head = head_view(layer, 0, 0);
    const Matrix<double> twin = reference::sima_attention(head, kEpsilon);
    for (const SimaOrder order : {SimaOrder::linear, SimaOrder::quadratic})
        CHECK(relative_error(sima(head, sima_settings(order)), twin) < 1e-5);
    // Below a large epsilon norms divide by it alone; an addend would give another number.
    SimaSettings clamped = sima_settings(SimaOrder::linear);
    clamped.epsilon = 1e3;
    const Matrix<double> wide = reference::sima_attention(head, 1e3);
    CHECK(relative_error(sima(head, clamped), wide) < 1e-5);
    double sum = 0.0;
    for (std::size_t t = 0; t < 20; ++t)
        for (std::size_t j = 0; j < 20; ++j)
            for (std::size_t c = 0; c < 6; ++c)
                sum += static_cast<double>(head.q(t, c) * head.k(j, c));
    const Matrix<double> scores = reference::sima_scores(head, 1e3);
    double total = 0.0;
    for (std::size_t i = 0; i < scores.size(); ++i) total += scores.data()[i];
    CHECK(total == Approx(sum * 1e-6).epsilon(1e-5));
}

TEST_CASE("sima is Q D (K^T V) with D from the norms alone", "[property]") {
    const AttentionLayer layer = random_layer({1, 1, 197, 197, 64, 64, false, -1, -1, false}, 21);
    const AttentionHead head = head_view(layer, 0, 0);
    Matrix<double> diagonal(197, 64);
    for (std::size_t c = 0; c < 64; ++c) {
        double q = 0.0, k = 0.0;
        for (std::size_t t = 0; t < 197; ++t) {
            q += std::abs(static_cast<double>(head.q(t, c)));
            k += std::abs(static_cast<double>(head.k(t, c)));
        }
        for (std::size_t i = 0; i < 64; ++i) {
            double state = 0.0;
            for (std::size_t j = 0; j < 197; ++j)
                state += static_cast<double>(head.k(j, c)) * static_cast<double>(head.v(j, i));
            for (std::size_t t = 0; t < 197; ++t)
                diagonal(t, i) += static_cast<double>(head.q(t, c)) * state / (q * k);
        }
    }
    const Matrix<double> twin = reference::sima_attention(head, kEpsilon);
    CHECK(largest_difference(diagonal, twin) < 1e-14);
    // Both orders in float32 agree as the paper's formula promises (6.5e-7 measured elsewhere).
    const Matrix<float> linear = sima(head, sima_settings(SimaOrder::linear));
    const Matrix<float> quadratic = sima(head, sima_settings(SimaOrder::quadratic));
    double worst = 0.0, largest = 0.0;
    for (std::size_t i = 0; i < linear.size(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(linear.data()[i]) -
                                         static_cast<double>(quadratic.data()[i])));
        largest = std::max(largest, std::abs(twin.data()[i]));
    }
    CHECK(worst / largest < 3e-6);
}

TEST_CASE("padding has no say in sima, and its rows are zero", "[property]") {
    AttentionLayer layer = random_layer({1, 1, 34, 34, 12, 9, false, 27, 27, false}, 9);
    const SimaSettings settings = sima_settings(SimaOrder::cheaper);
    const Matrix<float> before = sima(head_view(layer, 0, 0), settings);
    for (Tensor3* x : {&layer.q, &layer.k, &layer.v})
        for (std::size_t j = 27; j < 34; ++j) std::fill_n(x->plane(0).row(j), x->cols, 1e6F);
    const Matrix<float> after = sima(head_view(layer, 0, 0), settings);
    CHECK(differences(before, after) == 0);
    for (std::size_t t = 27; t < 34; ++t)
        for (std::size_t c = 0; c < 9; ++c) CHECK(after(t, c) == 0.0F);
    layer.valid_k = 0;
    CHECK(differences(sima(head_view(layer, 0, 0), settings), Matrix<float>(34, 9)) == 0);
}

TEST_CASE("sima refuses what its norms are not defined for, by name", "[unit]") {
    using Catch::Contains;
    const LayerSpec spec{2, 2, 12, 12, 8, 8, false, -1, -1, false};
    CHECK(refusal("sima", random_layer(spec, 10, 3)).empty());
    AttentionLayer causal = random_layer(spec, 10, 3);
    causal.causal = true;
    CHECK_THAT(refusal("sima", causal), Contains("scheme sima") && Contains("layer 3") &&
                                            Contains("a causal layer") && Contains("layers/03"));
    LayerSpec with_mask = spec;
    with_mask.mask = true;
    CHECK_THAT(refusal("sima", random_layer(with_mask, 10, 1)), Contains("a mask"));
    AttentionLayer biased = random_layer(spec, 10);
    biased.bias.resize(1, 12, 12);
    CHECK_THAT(refusal("sima", biased), Contains("a bias tensor"));
    // Class attention keeps row 0 of queries that were normalised over all tokens.
    LayerSpec class_row = spec;
    class_row.n_q = 1;
    CHECK_THAT(refusal("sima", random_layer(class_row, 10, 2)),
               Contains("layer 2") && Contains("1 queries of 12 tokens") && Contains("captures"));
    SchemeInputs gpt;
    gpt.model.causal = true;
    CHECK_THROWS_WITH(find_scheme("sima").make(gpt, scheme_preset()),
                      Contains("scheme sima has no causal form"));
}

TEST_CASE("the Work of sima is norms, one scaling and two products", "[unit]") {
    const std::int64_t n = 197, d = 64;
    const HeadShape shape = square_shape(197, 64, 64);
    const OpList linear = sima_ops(shape, sima_settings(SimaOrder::cheaper));
    check_op_list(linear);
    CHECK(names_of(linear) == std::vector<std::string>{"q norm", "q norm", "q norm", "k norm",
                                                       "k norm", "k norm", "q scale", "k scale",
                                                       "K V", "Q K V"});
    CHECK(dense_sum(linear, OpKind::accumulate) == 2 * n * d);
    CHECK(dense_sum(linear, OpKind::reciprocal) == 2 * d);
    CHECK(dense_sum(linear, OpKind::multiply) == 2 * n * d);
    CHECK(dense_sum(linear, OpKind::matmul) == 2 * n * d * d);
    CHECK(dense_sum(linear, OpKind::softmax) + dense_sum(linear, OpKind::exp) == 0);
    // The identity: d + d^2 multiplications instead of 2 n d.
    const OpList diagonal =
        sima_ops(shape, sima_settings(SimaOrder::linear, SimaScaling::channels));
    check_op_list(diagonal);
    CHECK(dense_sum(diagonal, OpKind::multiply) == d + d * d);
    const OpList quadratic = sima_ops(shape, sima_settings(SimaOrder::quadratic));
    check_op_list(quadratic);
    CHECK(dense_sum(quadratic, OpKind::matmul) == 2 * n * n * d);
    const OpList pairs =
        sima_ops(shape, sima_settings(SimaOrder::quadratic, SimaScaling::channels));
    check_op_list(pairs);
    CHECK(dense_sum(pairs, OpKind::multiply) == d + n * d);
    // No operator has a row per query until all queries were seen, even where there are as many
    // channels as tokens.
    for (const Operator& op : sima_ops(square_shape(64, 64, 64), sima_settings({})).ops)
        if (op.kind == OpKind::accumulate) CHECK(op.m != 64);
}

TEST_CASE("sima at DeiT-S: 29.8 M MACs become 9.7 M, 232,854 exponentials none", "[golden]") {
    const AttentionSize size = named_shape("deit-s").layers.front().attention;
    const HeadShape shape = head_of(size);
    const OpList dense = dense_attention_ops(shape, 8);
    const OpList own = sima_ops(shape, sima_settings(SimaOrder::cheaper));
    const auto before = layer_count(size, dense, OpKind::matmul);
    const auto after = layer_count(size, own, OpKind::matmul);
    CHECK(static_cast<double>(before) == Approx(29.8e6).margin(0.05e6));
    CHECK(static_cast<double>(after) == Approx(9.7e6).margin(0.05e6));
    CHECK(layer_count(size, dense, OpKind::softmax) == 232854);
    CHECK(layer_count(size, own, OpKind::softmax) + layer_count(size, own, OpKind::exp) == 0);
}

TEST_CASE("sima at 384 x 384 in patches of 8: 4.08 G MACs become 84.9 M", "[golden]") {
    AttentionSize size;
    size.heads = size.kv_heads = 8;
    size.head_dim = size.v_head_dim = 384 / size.heads;
    size.n_q = size.n_k = (384 / 8) * (384 / 8);
    const HeadShape shape = head_of(size);
    const auto count = [&](SimaOrder order) {
        return static_cast<double>(
            layer_count(size, sima_ops(shape, sima_settings(order)), OpKind::matmul));
    };
    CHECK(count(SimaOrder::quadratic) == Approx(4.08e9).margin(0.005e9));
    CHECK(count(SimaOrder::cheaper) == Approx(84.9e6).margin(0.05e6));
}

TEST_CASE("the orders of sima cost the same at N = d, and the cheaper one is taken", "[golden]") {
    for (const int d : {16, 48, 64}) {
        for (int n = 1; n <= 3 * d; ++n) {
            const HeadShape shape = square_shape(n, d, d);
            const auto count = [&](SimaOrder order) {
                return dense_sum(sima_ops(shape, sima_settings(order)), OpKind::matmul);
            };
            const auto linear = count(SimaOrder::linear), quadratic = count(SimaOrder::quadratic);
            CAPTURE(n, d);
            CHECK((n < d) == (quadratic < linear));
            CHECK((n == d) == (quadratic == linear));
            CHECK(count(SimaOrder::cheaper) == std::min(linear, quadratic));
        }
    }
}

TEST_CASE("sima takes 16,384 tokens without an N x N matrix", "[unit]") {
    const AttentionLayer layer =
        random_layer({1, 1, 16384, 16384, 64, 64, false, -1, -1, false}, 77);
    const AttentionHead head = head_view(layer, 0, 0);
    const Matrix<float> out = sima(head, sima_settings(SimaOrder::cheaper));
    // The twin forms every pair: a few of its rows, with norms over all tokens.
    std::vector<double> norms(64, 0.0);
    for (std::size_t c = 0; c < 64; ++c) {
        double q = 0.0, k = 0.0;
        for (std::size_t t = 0; t < 16384; ++t) {
            q += std::abs(static_cast<double>(head.q(t, c)));
            k += std::abs(static_cast<double>(head.k(t, c)));
        }
        norms[c] = q * k;
    }
    double worst = 0.0, largest = 0.0;
    for (const std::size_t t : {0U, 8191U, 16383U}) {
        std::vector<double> row(64, 0.0);
        for (std::size_t j = 0; j < 16384; ++j) {
            double score = 0.0;
            for (std::size_t c = 0; c < 64; ++c)
                score += static_cast<double>(head.q(t, c)) * static_cast<double>(head.k(j, c)) /
                         norms[c];
            for (std::size_t i = 0; i < 64; ++i)
                row[i] += score * static_cast<double>(head.v(j, i));
        }
        for (std::size_t i = 0; i < 64; ++i) {
            worst = std::max(worst, std::abs(row[i] - static_cast<double>(out(t, i))));
            largest = std::max(largest, std::abs(row[i]));
        }
    }
    CHECK(worst < 1e-5 * largest);
}
