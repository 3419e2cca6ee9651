#include "src/schemes/fabnet.hpp"

#include <fftw3.h>

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>

#include "src/base/random.hpp"
#include "tests/reference/fabnet_reference.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/schemes/linear_cases.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/forward.hpp"

using namespace attohm;

namespace {

std::vector<float> normals(std::uint64_t seed, std::uint64_t what, std::size_t count) {
    std::vector<float> values(count);
    Stream(seed, Purpose::synth_content, {what}).normals(0, values);
    return values;
}

Matrix<float> random_matrix(std::uint64_t seed, std::size_t rows, std::size_t columns) {
    Matrix<float> x(rows, columns);
    const std::vector<float> values = normals(seed, 7, rows * columns);
    std::copy(values.begin(), values.end(), x.data());
    return x;
}

Matrix<double> in_double(const Matrix<float>& x) {
    Matrix<double> y(x.rows(), x.cols());
    std::copy_n(x.data(), x.size(), y.data());
    return y;
}

/// Butterflies of a layer, scaled so that a product keeps its size.
ExtraTensor butterflies(std::uint64_t seed, std::size_t inputs, std::size_t outputs) {
    const auto length =
        static_cast<std::size_t>(butterfly_length(static_cast<std::int64_t>(inputs)));
    const std::size_t copies = (outputs + length - 1) / length;
    const auto stages = static_cast<std::size_t>(std::bit_width(length)) - 1;
    ExtraTensor tensor{{copies, stages, length / 2, 2, 2},
                       normals(seed, 1, copies * stages * length * 2)};
    for (float& w : tensor.values) w *= 0.7F;
    return tensor;
}

ButterflyLayer layer_of(const ExtraTensor& tensor, bool widening) {
    return {tensor.values, tensor.shape[0], 2 * tensor.shape[2], widening};
}

/// Real part of FFTW's unnormalised two-dimensional transform.
Matrix<double> mixed_by_fftw(const Matrix<float>& x) {
    std::vector<std::complex<double>> in(x.data(), x.data() + x.size()), out(x.size());
    const auto raw = [](std::vector<std::complex<double>>& v) {
        return reinterpret_cast<fftw_complex*>(v.data());
    };
    const fftw_plan plan =
        fftw_plan_dft_2d(static_cast<int>(x.rows()), static_cast<int>(x.cols()), raw(in), raw(out),
                         FFTW_FORWARD, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    fftw_execute(plan);
    fftw_destroy_plan(plan);
    Matrix<double> real(x.rows(), x.cols());
    for (std::size_t i = 0; i < out.size(); ++i) real.data()[i] = out[i].real();
    return real;
}

constexpr std::pair<std::size_t, std::size_t> kSizes[] = {
    {1, 1}, {1, 7}, {5, 1}, {2, 2}, {8, 16}, {17, 33}, {65, 24}, {31, 30}, {64, 49}, {40, 101}};

}  // namespace

TEST_CASE("mixing equals its twin, sum by sum", "[unit]") {
    std::uint64_t seed = 40;
    for (const auto& [n, d] : kSizes) {
        CAPTURE(n, d);
        const Matrix<float> x = random_matrix(++seed, n, d);
        Matrix<float> y(n, d, -777.0F);
        mix_tokens(x.view(), y.view());
        CHECK(relative_error(y, reference::mixed_tokens(x.view())) < 1e-6);
    }
}

TEST_CASE("mixing equals FFTW", "[property]") {
    std::uint64_t seed = 60;
    for (const auto& [n, d] :
         {std::pair<std::size_t, std::size_t>{128, 256}, {197, 192}, {384, 768}, {65, 77}}) {
        CAPTURE(n, d);
        Matrix<float> x = random_matrix(++seed, n, d);
        const Matrix<double> judge = mixed_by_fftw(x);
        mix_tokens(std::as_const(x).view(), x.view());  // in place
        CHECK(relative_error(x, judge) < 1e-6);
    }
    // One dimension, all of its complex values.
    for (const std::size_t n : {1U, 2U, 3U, 12U, 97U, 360U, 1024U}) {
        CAPTURE(n);
        const std::vector<float> values = normals(n, 3, 2 * n);
        Matrix<double> re(n, 1), im(n, 1);
        std::vector<std::complex<double>> in(n), out(n);
        for (std::size_t t = 0; t < n; ++t)
            in[t] = {re(t, 0) = static_cast<double>(values[2 * t]),
                     im(t, 0) = static_cast<double>(values[2 * t + 1])};
        const fftw_plan plan = fftw_plan_dft_1d(
            static_cast<int>(n), reinterpret_cast<fftw_complex*>(in.data()),
            reinterpret_cast<fftw_complex*>(out.data()), FFTW_FORWARD, FFTW_ESTIMATE);
        fftw_execute(plan);
        fftw_destroy_plan(plan);
        Dft(n).run(re, im);
        double worst = 0.0;
        for (std::size_t t = 0; t < n; ++t)
            worst = std::max(worst, std::abs(std::complex<double>(re(t, 0), im(t, 0)) - out[t]));
        CHECK(worst < 1e-11);
    }
}

TEST_CASE("one token among 16 K becomes a plane wave", "[property]") {
    constexpr std::size_t n = 16384, d = 64, token = 4099, channel = 5;
    Matrix<float> x(n, d);
    x(token, channel) = 1.0F;
    mix_tokens(std::as_const(x).view(), x.view());
    double worst = 0.0;
    for (std::size_t a = 0; a < n; ++a)
        for (std::size_t b = 0; b < d; ++b) {
            // In units of a turn, exact: both lengths are powers of two.
            const double turns = static_cast<double>(token * a % n) / static_cast<double>(n) +
                                 static_cast<double>(channel * b % d) / static_cast<double>(d);
            const double wave = std::cos(2.0 * std::acos(-1.0) * turns);
            worst = std::max(worst, std::abs(static_cast<double>(x(a, b)) - wave));
        }
    CHECK(worst < 1e-6);
}

TEST_CASE("a butterfly product equals its dense matrix, odd sizes padded and cut", "[unit]") {
    std::uint64_t seed = 80;
    for (const auto& [inputs, outputs] : {std::pair<std::size_t, std::size_t>{8, 8},
                                          {2, 2},
                                          {1, 1},
                                          {24, 96},
                                          {96, 24},
                                          {20, 33},
                                          {33, 20},
                                          {16, 17}})
        for (const bool widening : {false, true}) {
            CAPTURE(inputs, outputs, widening);
            const ExtraTensor tensor = butterflies(++seed, inputs, outputs);
            const ButterflyLayer layer = layer_of(tensor, widening);
            const Matrix<float> x = random_matrix(seed, 13, inputs);
            const std::vector<float> b =
                outputs == 33 ? std::vector<float>{} : normals(seed, 2, outputs);
            Matrix<float> y(13, outputs, -777.0F);
            butterfly_product(layer, x.view(), b, y.view());
            const Matrix<double> twin = reference::butterfly_layer(
                tensor.values, layer.copies, layer.length, widening, in_double(x), b, outputs);
            CHECK(relative_error(y, twin) < 1e-6);
        }
}

TEST_CASE("a butterfly with Hadamard's matrices is the Walsh transform, in either order",
          "[property]") {
    std::vector<float> weights;
    for (int pair = 0; pair < 4 * 8; ++pair)
        for (const float w : {1.0F, 1.0F, 1.0F, -1.0F}) weights.push_back(w);
    const Matrix<float> x = random_matrix(9, 3, 16);
    for (const bool widening : {false, true}) {
        Matrix<float> y(3, 16);
        butterfly_product({weights, 1, 16, widening}, x.view(), {}, y.view());
        Matrix<double> walsh(3, 16);
        for (std::size_t t = 0; t < 3; ++t)
            for (std::size_t i = 0; i < 16; ++i)
                for (std::size_t j = 0; j < 16; ++j)
                    walsh(t, i) +=
                        (std::popcount(i & j) % 2 == 0 ? 1.0 : -1.0) * static_cast<double>(x(t, j));
        CHECK(relative_error(y, walsh) < 1e-6);
    }
}

namespace {

testing::RandomNetwork network_for(const std::string& norm_position) {
    testing::NetworkOptions options;
    options.kv_heads = 4;
    options.norm_position = norm_position;
    return testing::random_network(options);
}

SchemeInputs inputs_for(const testing::RandomNetwork& network, bool with_weights = true) {
    SchemeInputs inputs;
    inputs.model = network.model;
    inputs.trace_path = "some/trace.h5";
    inputs.extra.where = "some/trace.h5:/model/weights/extra/fabnet";
    const auto width = static_cast<std::size_t>(network.model.width);
    const std::size_t hidden = network.weights->blocks[0].up.w.rows();
    for (int layer = 0; with_weights && layer < network.model.layers; ++layer) {
        const std::string path = fmt::format("layer_{:02d}/", layer);
        const auto seed = static_cast<std::uint64_t>(layer);
        inputs.extra.tensors[path + "up"] = butterflies(200 + seed, width, hidden);
        inputs.extra.tensors[path + "down"] = butterflies(300 + seed, hidden, width);
    }
    return inputs;
}

/// Layer norm with scale and shift, over the width.
Matrix<double> normed(const Matrix<double>& x, const NormWeights& norm, double eps) {
    Matrix<double> y(x.rows(), x.cols());
    const auto n = static_cast<double>(x.cols());
    for (std::size_t t = 0; t < x.rows(); ++t) {
        double mean = 0.0, square = 0.0;
        for (std::size_t c = 0; c < x.cols(); ++c) mean += x(t, c) / n;
        for (std::size_t c = 0; c < x.cols(); ++c)
            square += (x(t, c) - mean) * (x(t, c) - mean) / n;
        for (std::size_t c = 0; c < x.cols(); ++c)
            y(t, c) = (x(t, c) - mean) / std::sqrt(square + eps) * static_cast<double>(norm.w[c]) +
                      static_cast<double>(norm.b[c]);
    }
    return y;
}

void add(const Matrix<double>& branch, Matrix<double>& x) {
    for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] += branch.data()[i];
}

/// The block as its equations have it.
bool fbfly_block(const testing::RandomNetwork& network, const SchemeInputs& inputs, int layer,
                 Matrix<double>& x) {
    const Weights& weights = *network.weights;
    const BlockWeights& block = weights.blocks[static_cast<std::size_t>(layer)];
    const auto eps = static_cast<double>(weights.norm_eps);
    const bool pre = weights.norm_position == "pre";
    const auto product = [&](const char* name, const Matrix<double>& in, const LinearWeights& own) {
        const ExtraTensor& tensor =
            inputs.extra.tensors.at(fmt::format("layer_{:02d}/{}", layer, name));
        return reference::butterfly_layer(tensor.values, tensor.shape[0], 2 * tensor.shape[2],
                                          false, in, own.b, own.w.rows());
    };
    const Matrix<double> before = pre ? normed(x, block.norm1, eps) : x;
    Matrix<float> narrow(x.rows(), x.cols());
    for (std::size_t i = 0; i < x.size(); ++i)
        narrow.data()[i] = static_cast<float>(before.data()[i]);
    add(reference::mixed_tokens(narrow.view()), x);
    if (!pre) x = normed(x, block.norm1, eps);
    Matrix<double> hidden = product("up", pre ? normed(x, block.norm2, eps) : x, block.up);
    for (std::size_t i = 0; i < hidden.size(); ++i)
        hidden.data()[i] *= 0.5 * (1.0 + std::erf(hidden.data()[i] / std::sqrt(2.0)));
    add(product("down", hidden, block.down), x);
    if (!pre) x = normed(x, block.norm2, eps);
    return true;
}

}  // namespace

TEST_CASE("a network of FBfly blocks equals its twin, padding mixed like anything else", "[unit]") {
    for (const char* position : {"pre", "post"})
        for (const int valid : {-1, 8}) {
            CAPTURE(position, valid);
            testing::RandomNetwork network = network_for(position);
            network.sample.valid_len = valid;
            const SchemeInputs inputs = inputs_for(network);
            const auto scheme = find_scheme("fabnet").make(inputs, scheme_preset());
            const Network fast(network.model, scheme->prepare(network.model, network.weights));
            SampleContext context;
            const Matrix<float> logits = fast.run(*scheme, network.sample, context);
            reference::Changes changes;
            changes.block = [&](int layer, Matrix<double>& x) {
                return fbfly_block(network, inputs, layer, x);
            };
            const Matrix<double> twin = reference::forward(
                network.model, *network.weights, reference::embed(*network.weights, network.sample),
                changes, valid);
            CHECK(relative_error(logits, twin) < 1e-4);
            // One list of mixing a layer, in its first head.
            REQUIRE(context.work.heads.size() == 3);
            for (const HeadWork& work : context.work.heads) {
                CHECK(work.shape.head == 0);
                CHECK(work.ops == fabnet_mixing_ops(11, 20, 16));
                check_op_list(work.ops);
            }
        }
}

TEST_CASE("fabnet says what is missing and how to make it", "[unit]") {
    using Catch::Contains;
    testing::RandomNetwork network = network_for("pre");
    const auto run = [&](const SchemeInputs& inputs, std::vector<std::string> keys = {}) {
        Settings settings = scheme_preset();
        for (const std::string& key : keys) settings.overlay_assignment(key);
        const auto scheme = find_scheme("fabnet").make(inputs, settings);
        SampleContext context;
        Network(network.model, scheme->prepare(network.model, network.weights))
            .run(*scheme, network.sample, context);
    };
    CHECK_NOTHROW(run(inputs_for(network)));
    CHECK_NOTHROW(run(inputs_for(network), {"fabnet.strides=increasing"}));
    CHECK_THROWS_WITH(run(inputs_for(network, false)),
                      Contains("scheme fabnet has no `up` for layer 0") &&
                          Contains("extra/fabnet/layer_00/up") && Contains("[2, 5, 16, 2, 2]") &&
                          Contains("Butterfly_Acc"));
    SchemeInputs misshaped = inputs_for(network);
    misshaped.extra.tensors["layer_01/down"] = butterflies(1, 20, 20);
    CHECK_THROWS_WITH(run(misshaped),
                      Contains("`down`") && Contains("layer 1") && Contains("[1, 6, 32, 2, 2]"));
    // Heads without a network, other widths, causality.
    AttentionLayer layer = random_layer({2, 2, 9, 9, 8, 8, false, -1, -1, false}, 3);
    layer.layer = 4;
    SchemeInputs heads;
    heads.model = model_of({layer});
    CHECK_THAT(refusal("fabnet", layer, {}, heads),
               Contains("scheme fabnet cannot compute layer 4") && Contains("extra/fabnet"));
    SchemeInputs causal = inputs_for(network);
    causal.model.causal = true;
    CHECK_THROWS_WITH(run(causal), Contains("scheme fabnet") && Contains("causal"));
    network.model.kv_heads = 2;
    CHECK_THROWS_WITH(find_scheme("fabnet")
                          .make(inputs_for(network), scheme_preset())
                          ->prepare(network.model, network.weights),
                      Contains("scheme fabnet") && Contains("as wide as a token"));
    const auto gate = find_scheme("fabnet").make(inputs_for(network), scheme_preset());
    SampleContext context;
    Matrix<float> x(2, 20), y(2, 20);
    CHECK_THROWS_WITH(gate->linear(2, "gate", {}, x.view(), y.view(), context),
                      Contains("layer 2") && Contains("gated"));
    CHECK_FALSE(gate->linear(-1, "patch", {}, x.view(), y.view(), context));
    CHECK_FALSE(gate->linear(3, "head", {}, x.view(), y.view(), context));
}

namespace {

/// Multiplications of all transforms: two for every element and stage.
std::int64_t multiplications(int tokens, int width, int hidden, int layers) {
    SchemeInputs inputs;
    inputs.model.heads = 1;
    inputs.model.width = width;
    const auto scheme = find_scheme("fabnet").make(inputs, scheme_preset());
    SampleContext context;
    REQUIRE(scheme->shape_work(square_shape(tokens, width, width), context));
    std::vector<LinearShape> shapes = block_shapes(tokens, width, width, width, hidden);
    scheme->linear_shapes(0, 1, shapes);
    const OpList mlp = linear_layer_work(0, shapes, 16).ops;
    check_op_list(mlp);
    CHECK(dense_sum(mlp, OpKind::matmul) == 0);
    return layers * 2 *
           (dense_sum(context.work.heads.at(0).ops, OpKind::transform) +
            dense_sum(mlp, OpKind::transform));
}

}  // namespace

TEST_CASE("operations are those of the compression figure's script", "[golden]") {
    // Tokens of the LRA tasks; widths of a small model.
    for (const std::int64_t n : {2000, 4000, 1024}) {
        const std::int64_t d = 64, hidden = 128, layers = 2;
        const std::int64_t padded = n == 1024 ? 1024 : n == 2000 ? 2048 : 4096;
        const std::int64_t log_padded = n == 1024 ? 10 : n == 2000 ? 11 : 12;
        const std::int64_t fabnet = layers * (2 * n * d * 6 + 2 * d * padded * log_padded +
                                              2 * n * hidden * 6 + 2 * n * hidden * 7);
        CHECK(multiplications(static_cast<int>(n), 64, 128, 2) == fabnet);
        // The transformer beside it: L (2 N^2 D + 4 N D^2 + 2 N D Dh).
        std::int64_t dense = dense_sum(
            dense_attention_ops(square_shape(static_cast<int>(n), 64, 64), 16), OpKind::matmul);
        for (const LinearShape& shape : block_shapes(n, d, d, d, hidden))
            dense += shape.m * shape.k * shape.n;
        CHECK(dense == 2 * n * n * d + 4 * n * d * d + 2 * n * d * hidden);
    }
}
