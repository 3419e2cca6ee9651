#include "workloads/forward.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "src/base/error.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

void check_against_twin(const NetworkOptions& options, int valid_len = -1) {
    RandomNetwork net = random_network(options);
    net.sample.valid_len = valid_len;
    const Network network(net.model, net.weights);
    SampleContext context;
    const Matrix<float> logits = network.run(ExactScheme(), net.sample, context);
    const Matrix<double> expected = reference::forward(
        net.model, *net.weights, reference::embed(*net.weights, net.sample.patches), {}, valid_len);
    INFO(options.norm << " " << options.norm_position << " " << options.activation << " qk "
                      << options.qk_norm << " pool " << options.pool << " gated " << options.gated
                      << " layer scale " << options.layer_scale << " causal " << options.causal);
    CHECK(largest_difference(logits, expected) < 2e-5);
}

std::vector<float> ramp(std::size_t count, float low, float high) {
    std::vector<float> x(count);
    for (std::size_t i = 0; i < count; ++i)
        x[i] = low + (high - low) * static_cast<float>(i) / static_cast<float>(count - 1);
    return x;
}

}  // namespace

TEST_CASE("the forward pass agrees with the double twin for every option", "[unit]") {
    for (const char* position : {"pre", "post"})
        for (const char* norm : {"layernorm", "rmsnorm"})
            for (const char* activation : {"gelu", "gelu_tanh", "relu", "silu"})
                for (const bool gated : {false, true}) {
                    NetworkOptions options;
                    options.norm_position = position;
                    options.norm = norm;
                    options.activation = activation;
                    options.gated = gated;
                    check_against_twin(options);
                }
    for (const char* qk_norm : {"none", "rmsnorm", "layernorm"})
        for (const char* pool : {"first", "mean", "none"})
            for (const bool layer_scale : {false, true})
                for (const bool causal : {false, true}) {
                    NetworkOptions options;
                    options.qk_norm = qk_norm;
                    options.pool = pool;
                    options.layer_scale = layer_scale;
                    options.causal = causal;
                    options.kv_heads = causal ? 4 : 1;
                    check_against_twin(options);
                }
}

TEST_CASE("networks of any family and mixture of options agree with the double twin",
          "[property]") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        const NetworkOptions options = random_options(seed);
        RandomNetwork net = random_network(options);
        if (seed % 3 == 0) net.sample.valid_len = 3 + static_cast<int>(seed % 8);
        const Network network(net.model, net.weights);
        SampleContext context;
        const Matrix<float> logits = network.run(ExactScheme(), net.sample, context);
        const Matrix<double> expected =
            reference::forward(net.model, *net.weights, reference::embed(*net.weights, net.sample),
                               {}, net.sample.valid_len);
        double largest = 1.0;
        for (std::size_t e = 0; e < expected.size(); ++e)
            largest = std::max(largest, std::abs(expected.data()[e]));
        INFO(describe(options) << " valid " << net.sample.valid_len);
        CHECK(network.per_token() == (options.pool == "none"));
        CHECK(largest_difference(logits, expected) < 1e-5 * largest);
    }
}

TEST_CASE("rotary embedding turns pairs and keeps lengths and relative scores", "[unit]") {
    for (const bool interleaved : {false, true}) {
        const Rotary rotary{10000.0, 4, interleaved};
        Matrix<float> x(3, 6);
        for (std::size_t e = 0; e < x.size(); ++e) x.data()[e] = static_cast<float>(e + 1);
        const Matrix<float> before = x;
        const std::vector<int> positions{0, 5, 2};
        rotate(rotary, positions, x.view());
        // Position 0 turns nothing, elements from rope_dim on stay.
        CHECK(std::equal(x.row(0), x.row(1), before.row(0)));
        for (std::size_t i = 0; i < 3; ++i)
            for (std::size_t c = 4; c < 6; ++c) CHECK(x(i, c) == before(i, c));
        // By hand: pair 0 turns by 5, pair 1 by 5 / 100.
        const std::size_t mate = interleaved ? 1 : 2;
        const std::size_t second = interleaved ? 2 : 1;
        const auto turned = [&](std::size_t a, std::size_t b, double angle) {
            return static_cast<double>(before(1, a)) * std::cos(angle) -
                   static_cast<double>(before(1, b)) * std::sin(angle);
        };
        CHECK(static_cast<double>(x(1, 0)) == Approx(turned(0, mate, 5.0)).epsilon(1e-6));
        CHECK(static_cast<double>(x(1, second)) ==
              Approx(turned(second, second + mate, 0.05)).epsilon(1e-6));
    }
    Matrix<float> x(1, 6);
    const std::vector<int> package{-1};
    CHECK_THROWS_AS(rotate({10000.0, 4, false}, package, x.view()), UserError);
}

TEST_CASE("padded tokens neither attend nor are attended to", "[unit]") {
    for (const char* pool : {"first", "mean"}) {
        NetworkOptions options;
        options.pool = pool;
        check_against_twin(options, 7);
        // What the padded tokens hold does not matter.
        RandomNetwork net = random_network(options);
        net.sample.valid_len = 7;
        const Network network(net.model, net.weights);
        SampleContext context;
        const Matrix<float> before = network.run(ExactScheme(), net.sample, context);
        net.sample.patches(8, 0) += 3.0F;
        const Matrix<float> after = network.run(ExactScheme(), net.sample, context);
        CHECK(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)) == 0);
    }
}

TEST_CASE("activations agree with their definitions", "[unit]") {
    const std::vector<float> x = ramp(4001, -12.0F, 12.0F);
    const auto worst = [&](Activation activation, auto expected) {
        std::vector<float> y = x;
        activate(activation, y);
        double largest = 0.0;
        for (std::size_t i = 0; i < x.size(); ++i)
            largest = std::max(
                largest, std::abs(static_cast<double>(y[i]) - expected(static_cast<double>(x[i]))));
        return largest;
    };
    const double pi = std::acos(-1.0);
    CHECK(worst(Activation::gelu,
                [](double v) { return 0.5 * v * (1.0 + std::erf(v / std::sqrt(2.0))); }) < 1e-6);
    CHECK(worst(Activation::gelu_tanh, [pi](double v) {
              return 0.5 * v * (1.0 + std::tanh(std::sqrt(2.0 / pi) * (v + 0.044715 * v * v * v)));
          }) < 2e-6);
    CHECK(worst(Activation::silu, [](double v) { return v / (1.0 + std::exp(-v)); }) < 2e-6);
    CHECK(worst(Activation::relu, [](double v) { return std::max(v, 0.0); }) == 0.0);
    std::vector<float> extreme{-1000.0F, 1000.0F};
    for (const Activation activation :
         {Activation::gelu, Activation::gelu_tanh, Activation::silu}) {
        std::vector<float> y = extreme;
        activate(activation, y);
        CHECK(y[0] == 0.0F);
        CHECK(y[1] == 1000.0F);
    }
}

TEST_CASE("attention inputs are what a block gives its attention", "[unit]") {
    struct Capture : ExactScheme {
        void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                       SampleContext& context) const override {
            q.clear();
            for (const AttentionHead& head : heads)
                q.insert(q.end(), head.q.data, head.q.data + head.q.rows * head.q.cols);
            kv.clear();
            for (const AttentionHead& head : heads) {
                kv.insert(kv.end(), head.k.data, head.k.data + head.k.rows * head.k.cols);
                kv.insert(kv.end(), head.v.data, head.v.data + head.v.rows * head.v.cols);
            }
            scale = heads.front().scale;
            ExactScheme::attention(layer, heads, out, context);
        }
        mutable std::vector<float> q, kv;
        mutable float scale = 0.0F;
    };
    for (const char* position : {"pre", "post"}) {
        NetworkOptions options;
        options.norm_position = position;
        options.qk_norm = "rmsnorm";
        const RandomNetwork net = random_network(options);
        const Network network(net.model, net.weights);
        const Capture scheme;
        SampleContext context;
        Matrix<float> x = network.embed(scheme, net.sample, context);
        std::vector<int> ids(x.rows());
        std::iota(ids.begin(), ids.end(), 0);
        for (int layer = 0; layer < net.model.layers; ++layer) {
            const AttentionLayer inputs =
                network.attention_inputs(scheme, layer, x, -1, context, ids);
            network.block(scheme, layer, x, ids, -1, context);
            CHECK(std::equal(scheme.q.begin(), scheme.q.end(), inputs.q.data.begin(),
                             inputs.q.data.end()));
            std::vector<float> kv;
            for (int h = 0; h < net.model.heads; ++h) {
                const AttentionHead head = head_view(inputs, 0, h);
                kv.insert(kv.end(), head.k.data, head.k.data + head.k.rows * head.k.cols);
                kv.insert(kv.end(), head.v.data, head.v.data + head.v.rows * head.v.cols);
            }
            CHECK(kv == scheme.kv);
            CHECK(inputs.scale == scheme.scale);
        }
    }
}

TEST_CASE("a stored x0 is used as it is", "[unit]") {
    const RandomNetwork net = random_network({});
    const Network network(net.model, net.weights);
    SampleContext context;
    Sample stored;
    stored.x0 = network.embed(ExactScheme(), net.sample, context);
    const Matrix<float> a = network.run(ExactScheme(), net.sample, context);
    const Matrix<float> b = network.run(ExactScheme(), stored, context);
    CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
    CHECK(largest_difference(stored.x0, reference::embed(*net.weights, net.sample.patches)) < 1e-6);
}

TEST_CASE("the digits network reproduces the logits of its trace", "[golden]") {
    const std::string path = ATTOHM_SOURCE_DIR "/workloads/zoo/digits_vit/digits_vit.h5";
    const TraceReader reader(path);
    const Network network(reader.model(), reader.weights());
    REQUIRE(reader.samples() > 0);
    double worst = 0.0;
    int right = 0;
    for (int index = 0; index < reader.samples(); ++index) {
        const Sample sample = reader.sample(index);
        REQUIRE(!sample.logits.empty());
        SampleContext context;
        const Matrix<float> logits = network.run(ExactScheme(), sample, context);
        REQUIRE(logits.size() == sample.logits.size());
        for (std::size_t c = 0; c < logits.size(); ++c)
            worst = std::max(worst, std::abs(static_cast<double>(logits.data()[c]) -
                                             static_cast<double>(sample.logits.data()[c])));
        const auto best = std::max_element(logits.data(), logits.data() + logits.size());
        right += best - logits.data() == sample.label ? 1 : 0;
    }
    INFO("largest difference " << worst << ", right " << right << " of " << reader.samples());
    CHECK(worst < 1e-3);
    CHECK(right > reader.samples() * 9 / 10);
}

TEST_CASE("the digits network forms the queries, keys and values of its trace", "[golden]") {
    const TraceReader reader(ATTOHM_SOURCE_DIR "/workloads/zoo/digits_vit/digits_vit.h5");
    const Network network(reader.model(), reader.weights());
    const Sample sample = reader.calibration_sample(0);
    REQUIRE(sample.layers_stored == reader.model().layers);
    SampleContext context;
    Matrix<float> x = network.embed(ExactScheme(), sample, context);
    std::vector<int> ids(x.rows());
    std::iota(ids.begin(), ids.end(), 0);
    // The trace stores them in half precision: half a unit in the last of 11 bits, relative.
    const auto worst = [](const Tensor3& a, const Tensor3& b) {
        REQUIRE(a.data.size() == b.data.size());
        double largest = 0.0;
        for (std::size_t e = 0; e < a.data.size(); ++e) {
            const double difference =
                std::abs(static_cast<double>(a.data[e]) - static_cast<double>(b.data[e]));
            const double rounding = std::ldexp(std::abs(static_cast<double>(b.data[e])), -11);
            largest = std::max(largest, difference - rounding);
        }
        return largest;
    };
    for (int l = 0; l < reader.model().layers; ++l) {
        const AttentionLayer formed = network.attention_inputs(ExactScheme(), l, x, -1, context);
        const AttentionLayer stored = reader.layer(sample, l, false);
        CHECK(worst(formed.q, stored.q) < 1e-5);
        CHECK(worst(formed.k, stored.k) < 1e-5);
        CHECK(worst(formed.v, stored.v) < 1e-5);
        CHECK(formed.scale == stored.scale);
        CHECK(formed.valid_k == stored.valid_k);
        network.block(ExactScheme(), l, x, ids, -1, context);
    }
}
