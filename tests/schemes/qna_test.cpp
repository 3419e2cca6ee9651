#include "src/schemes/qna.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/random.hpp"
#include "tests/reference/linear_schemes_reference.hpp"
#include "tests/schemes/linear_cases.hpp"
#include "tests/schemes/op_counts.hpp"
#include "workloads/layer_shape.hpp"

using namespace attohm;

namespace {

constexpr double kEpsilon = 1e-6;

struct GridCase {
    int rows = 4;
    int columns = 4;
    int window = 3;
    int queries = 2;
    int heads = 1;
    int d = 8;
    int dv = 8;
    int stride = 1;
    int valid = -1;

    int keys() const { return rows * columns; }
    int outputs() const { return (rows + stride - 1) / stride * ((columns + stride - 1) / stride); }
    TokenGrid grid() const { return {0, rows, columns}; }
};

std::vector<GridCase> grid_cases() {
    return {{7, 7, 3, 2, 2, 16, 16, 1, -1}, {5, 9, 7, 2, 3, 11, 13, 1, -1},
            {6, 5, 3, 1, 1, 7, 3, 1, -1},   {1, 1, 3, 2, 1, 8, 4, 1, -1},
            {8, 7, 3, 2, 2, 12, 24, 2, -1}, {6, 6, 5, 3, 1, 9, 5, 1, 31},
            {14, 14, 3, 2, 1, 8, 9, 1, -1}};
}

AttentionLayer layer_of(const GridCase& one, std::uint64_t seed) {
    return random_layer({one.heads, one.heads, one.outputs(), one.keys(), one.d, one.dv, false,
                         one.valid, one.valid, false},
                        seed);
}

std::vector<float> normals(std::uint64_t seed, std::uint64_t what, std::size_t count) {
    std::vector<float> values(count);
    Stream(seed, Purpose::synth_content, {what}).normals(0, values);
    return values;
}

ExtraWeights extra_of(const GridCase& one, std::uint64_t seed, const std::string& layer) {
    const auto size = [](int n) { return static_cast<std::size_t>(n); };
    const std::size_t k = size(one.window), l = size(one.queries), h = size(one.heads);
    ExtraWeights extra;
    extra.where = "some/trace.h5:/model/weights/extra/qna";
    extra.tensors[layer + "/query"] = {{l, h, size(one.d)}, normals(seed, 1, l * h * size(one.d))};
    extra.tensors[layer + "/bias"] = {{k, k, l, h}, normals(seed, 2, k * k * l * h)};
    extra.tensors[layer + "/weight"] = {{k, k, l, h}, normals(seed, 3, k * k * l * h)};
    return extra;
}

/// The parameters of one head, out of the stored tensors.
QnaHead head_of(const GridCase& one, const ExtraWeights& extra, const std::string& layer,
                int head) {
    const auto h = static_cast<std::size_t>(head), heads = static_cast<std::size_t>(one.heads);
    const auto queries = static_cast<std::size_t>(one.queries);
    const auto d = static_cast<std::size_t>(one.d);
    const auto taps = static_cast<std::size_t>(one.window * one.window);
    QnaHead own;
    own.window = one.window;
    own.queries = Matrix<float>(queries, d);
    own.bias = own.weight = Matrix<float>(taps, queries);
    const auto& q = extra.tensors.at(layer + "/query").values;
    const auto& b = extra.tensors.at(layer + "/bias").values;
    const auto& w = extra.tensors.at(layer + "/weight").values;
    for (std::size_t l = 0; l < queries; ++l) {
        for (std::size_t c = 0; c < d; ++c) own.queries(l, c) = q[(l * heads + h) * d + c];
        for (std::size_t p = 0; p < taps; ++p) {
            own.bias(p, l) = b[(p * queries + l) * heads + h];
            own.weight(p, l) = w[(p * queries + l) * heads + h];
        }
    }
    return own;
}

SchemeInputs inputs_for(const GridCase& one, const ExtraWeights& extra) {
    SchemeInputs inputs;
    inputs.model.heads = one.heads;
    inputs.model.grid_h = one.rows;
    inputs.model.grid_w = one.columns;
    inputs.extra = extra;
    inputs.trace_path = "some/trace.h5";
    return inputs;
}

std::vector<std::string> assignments_of(const GridCase& one) {
    return {fmt::format("qna.window={}", one.window), fmt::format("qna.queries={}", one.queries)};
}

Settings settings_of(const GridCase& one) {
    Settings settings = scheme_preset();
    for (const std::string& assignment : assignments_of(one))
        settings.overlay_assignment(assignment);
    return settings;
}

}  // namespace

TEST_CASE("qna equals its twin, the windowed softmax", "[unit]") {
    std::uint64_t seed = 800;
    for (const GridCase& one : grid_cases()) {
        const AttentionLayer layer = layer_of(one, ++seed);
        const ExtraWeights extra = extra_of(one, seed, "layer_00");
        const auto scheme = find_scheme("qna").make(inputs_for(one, extra), settings_of(one));
        const SchemeRun run = run_scheme(*scheme, layer);
        for (int h = 0; h < one.heads; ++h) {
            CAPTURE(one.rows, one.columns, one.window, one.stride, one.valid, h);
            const QnaHead own = head_of(one, extra, "layer_00", h);
            const Matrix<double> twin =
                reference::qna_attention(head_view(layer, 0, h), own.queries, own.bias, own.weight,
                                         one.window, one.rows, one.columns, one.stride, kEpsilon);
            const auto i = static_cast<std::size_t>(h);
            CHECK(relative_error(run.out[i], twin) < 1e-5);
            check_op_list(run.works[i].ops);
        }
    }
}

TEST_CASE("qna is two depthwise correlations of zero-padded maps", "[property]") {
    const GridCase one{7, 6, 3, 2, 1, 10, 5, 1, -1};
    const AttentionLayer layer = layer_of(one, 31);
    const AttentionHead head = head_view(layer, 0, 0);
    const QnaHead own = head_of(one, extra_of(one, 31, "layer_00"), "layer_00", 0);
    // Maps with a border of zeros, after the exponential.
    const auto columns = static_cast<std::size_t>(one.columns + 2);
    Matrix<double> sums(42, 5);
    for (std::size_t l = 0; l < 2; ++l) {
        double length = 0.0;
        for (std::size_t c = 0; c < 10; ++c)
            length +=
                static_cast<double>(own.queries(l, c)) * static_cast<double>(own.queries(l, c));
        length = (std::sqrt(length) + kEpsilon) * std::sqrt(10.0);
        Matrix<double> e(static_cast<std::size_t>(one.rows + 2) * columns, 6);
        for (std::size_t j = 0; j < 42; ++j) {
            double score = 0.0;
            for (std::size_t c = 0; c < 10; ++c)
                score += static_cast<double>(head.k(j, c)) * static_cast<double>(own.queries(l, c));
            const std::size_t place = (j / 6 + 1) * columns + j % 6 + 1;
            e(place, 5) = std::exp(score / length);
            for (std::size_t c = 0; c < 5; ++c)
                e(place, c) = e(place, 5) * static_cast<double>(head.v(j, c));
        }
        for (std::size_t j = 0; j < 42; ++j) {
            std::vector<double> map(6, 0.0);
            for (std::size_t p = 0; p < 9; ++p) {
                const std::size_t place = (j / 6 + p / 3) * columns + j % 6 + p % 3;
                const double kernel = std::exp(static_cast<double>(own.bias(p, l)));
                for (std::size_t c = 0; c < 5; ++c)
                    map[c] += kernel * static_cast<double>(own.weight(p, l)) * e(place, c);
                map[5] += kernel * e(place, 5);
            }
            for (std::size_t c = 0; c < 5; ++c) sums(j, c) += map[c] / map[5];
        }
    }
    const Matrix<double> twin =
        reference::qna_attention(head, own.queries, own.bias, own.weight, 3, 7, 6, 1, kEpsilon);
    double worst = 0.0;
    for (std::size_t i = 0; i < twin.size(); ++i)
        worst = std::max(worst, std::abs(twin.data()[i] - sums.data()[i]));
    CHECK(worst < 1e-13);
    Matrix<float> out(42, 5);
    qna_attention(head, own, one.grid(), 1, kEpsilon, out.view());
    CHECK(relative_error(out, sums) < 1e-6);
}

TEST_CASE("the weights of qna stand in the numerator only, and its own queries have no say",
          "[property]") {
    const GridCase one{6, 6, 3, 2, 1, 8, 4, 1, -1};
    AttentionLayer layer = layer_of(one, 33);
    QnaHead own = head_of(one, extra_of(one, 33, "layer_00"), "layer_00", 0);
    const auto compute = [&] {
        Matrix<float> out(36, 4, -777.0F);
        qna_attention(head_view(layer, 0, 0), own, one.grid(), 1, kEpsilon, out.view());
        return out;
    };
    const Matrix<float> before = compute();
    std::fill(layer.q.data.begin(), layer.q.data.end(), 9.0F);
    CHECK(differences(compute(), before) == 0);
    for (std::size_t i = 0; i < own.weight.size(); ++i) own.weight.data()[i] *= 2.0F;
    Matrix<double> twice(36, 4);
    for (std::size_t i = 0; i < before.size(); ++i)
        twice.data()[i] = 2.0 * static_cast<double>(before.data()[i]);
    CHECK(relative_error(compute(), twice) < 1e-6);
    // A constant on the bias of one query cancels; so does a longer query.
    for (std::size_t p = 0; p < 9; ++p) own.bias(p, 1) += 3.0F;
    for (std::size_t c = 0; c < 8; ++c) own.queries(0, c) *= 64.0F;
    CHECK(relative_error(compute(), twice) < 1e-5);
}

TEST_CASE("qna says what is missing and how to make it", "[unit]") {
    using Catch::Contains;
    const GridCase one{3, 4, 3, 2, 2, 8, 8, 1, -1};
    AttentionLayer layer = layer_of(one, 10);
    layer.layer = 5;
    const ExtraWeights extra = extra_of(one, 1, "layer_05");
    CHECK(refusal("qna", layer, {}, inputs_for(one, extra)).empty());
    ExtraWeights none;
    none.where = extra.where;
    CHECK_THAT(refusal("qna", layer, {}, inputs_for(one, none)),
               Contains("scheme qna has no `query` for layer 5") &&
                   Contains("extra/qna/layer_05/query") && Contains("[2, 2, 8]") &&
                   Contains("trained QnA layer"));
    CHECK_THAT(refusal("qna", layer, {"qna.window=7"}, inputs_for(one, extra)),
               Contains("`bias`") && Contains("[3, 3, 2, 2]") && Contains("[7, 7, 2, 2]"));
    SchemeInputs classed = inputs_for(one, extra);
    classed.model.prefix_tokens = 1;
    CHECK_THAT(refusal("qna", layer, {}, classed),
               Contains("scheme qna") && Contains("layer 5") && Contains("prefix_tokens"));
    SchemeInputs flat = inputs_for(one, extra);
    flat.model.grid_h = 0;
    CHECK_THAT(refusal("qna", layer, {}, flat), Contains("layer 5") && Contains("qna.grid="));
    CHECK(refusal("qna", layer, {"qna.grid=[3, 4]"}, flat).empty());
    CHECK_THAT(refusal("qna", layer, {"qna.grid=[5, 4]"}, flat),
               Contains("12 queries, 12 keys") && Contains("5 x 4 patches = 20"));
    layer.causal = true;
    CHECK_THAT(refusal("qna", layer, {}, inputs_for(one, extra)), Contains("a causal layer"));
    Settings even = scheme_preset();
    even.overlay_assignment("qna.window=4");
    CHECK_THROWS_WITH(load_qna_settings(even), Contains("odd"));
}

namespace {

/// MACs of a layer of n tokens under a scheme's own linear operators and heads, divisions counted
/// as one each: q, k, v, output projection and attention, no MLP.
double layer_count(const Scheme& scheme, int tokens, int width, int heads) {
    std::vector<LinearShape> shapes = block_shapes(tokens, width, width, width, 1);
    scheme.linear_shapes(0, heads, shapes);
    double count = 0.0;
    for (const LinearShape& shape : shapes)
        if (shape.name != "up" && shape.name != "down")
            count += static_cast<double>(shape.m * shape.k * shape.n);
    SampleContext context;
    REQUIRE(scheme.shape_work(square_shape(tokens, width / heads, width / heads), context));
    for (const OpKind kind : {OpKind::matmul, OpKind::convolve, OpKind::multiply, OpKind::divide})
        count += heads * static_cast<double>(dense_sum(context.work.heads.at(0).ops, kind));
    return count;
}

}  // namespace

TEST_CASE("qna of 3 x 3 at 56 x 56: 33.8 M, stand-alone self-attention 55.0 M", "[golden]") {
    const int n = 56 * 56, width = 64, heads = 8;
    const auto qna = find_scheme("qna").make({}, scheme_preset());
    CHECK(layer_count(*qna, n, width, heads) == Approx(33.8e6).margin(0.05e6));
    // Keys of their own around every position, padding included: windows of one query.
    AttentionSize local;
    local.heads = local.kv_heads = heads;
    local.head_dim = local.v_head_dim = width / heads;
    local.n_q = 1;
    local.n_k = 9;
    local.windows = n;
    double projections = 0.0;
    for (const LinearShape& shape : block_shapes(n, width, width, width, 1))
        if (shape.name != "up" && shape.name != "down")
            projections += static_cast<double>(shape.m * shape.k * shape.n);
    CHECK(projections + static_cast<double>(local.macs()) == Approx(55.0e6).margin(0.05e6));
}

TEST_CASE("what qna keeps alive does not grow with its window", "[golden]") {
    const int n = 56 * 56, width = 64, heads = 8;
    for (const int window : {3, 7}) {
        Settings settings = scheme_preset();
        settings.overlay_assignment(fmt::format("qna.window={}", window));
        const OpList list =
            qna_ops(square_shape(n, width / heads, width / heads), load_qna_settings(settings));
        check_op_list(list);
        std::int64_t live = 0;
        for (const char* name : {"exp", "e V"})
            live +=
                heads *
                list.tensors.at(static_cast<std::size_t>(named(list, name).at(0).output)).elements;
        CHECK(live == std::int64_t{n} * 2 * (width + heads));
        // n' k^2 Lq (C' + h) for the two correlations of all heads.
        CHECK(heads * dense_sum(list, OpKind::convolve) ==
              std::int64_t{n} * window * window * 2 * (width + heads));
        CHECK(heads * dense_sum(list, OpKind::exp) == std::int64_t{n} * 2 * heads);
        CHECK(heads * dense_sum(list, OpKind::divide) == std::int64_t{n} * 2 * width);
    }
}
