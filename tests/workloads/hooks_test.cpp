#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/forward.hpp"
#include "workloads/graph.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

bool same_bytes(const Matrix<float>& a, const Matrix<float>& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() &&
           std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

Matrix<float> run(const RandomNetwork& net, const Scheme& scheme,
                  std::shared_ptr<const Weights> weights = nullptr) {
    SampleContext context;
    return Network(net.model, weights ? weights : net.weights).run(scheme, net.sample, context);
}

Matrix<double> twin(const RandomNetwork& net, const Weights& weights,
                    const reference::Changes& changes = {}) {
    return reference::forward(net.model, weights, reference::embed(weights, net.sample.patches),
                              changes);
}

/// Rows that go on: the prefix and the half of the others with the largest norms, in order.
template <class T>
std::vector<std::size_t> strongest_half(MatrixView<const T> x, std::size_t prefix) {
    std::vector<std::pair<double, std::size_t>> norms;
    for (std::size_t i = prefix; i < x.rows; ++i) {
        double sum = 0.0;
        for (std::size_t c = 0; c < x.cols; ++c)
            sum += static_cast<double>(x(i, c)) * static_cast<double>(x(i, c));
        norms.emplace_back(-sum, i);
    }
    std::sort(norms.begin(), norms.end());
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < prefix; ++i) rows.push_back(i);
    for (std::size_t i = 0; i < (norms.size() + 1) / 2; ++i) rows.push_back(norms[i].second);
    std::sort(rows.begin(), rows.end());
    return rows;
}

/// Drops the weaker half of the tokens before layers 1 and 2; records what every layer saw.
class DropTokens : public ExactScheme {
  public:
    bool tokens(int layer, MatrixView<const float> x, std::span<const int> ids, SampleContext&,
                TokenStep& next) const override {
        seen.emplace_back(ids.begin(), ids.end());
        if (layer == 0) return false;
        const std::vector<std::size_t> rows = strongest_half(x, 2);
        next.x = Matrix<float>(rows.size(), x.cols);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::copy_n(x.row(rows[i]), x.cols, next.x.row(i));
            next.ids.push_back(ids[rows[i]]);
        }
        return true;
    }
    mutable std::vector<std::vector<int>> seen;
};

/// Lets every token go on, by way of a copy.
class CopyTokens : public ExactScheme {
  public:
    bool tokens(int, MatrixView<const float> x, std::span<const int> ids, SampleContext&,
                TokenStep& next) const override {
        next.x = Matrix<float>(x.rows, x.cols);
        for (std::size_t i = 0; i < x.rows; ++i) std::copy_n(x.row(i), x.cols, next.x.row(i));
        next.ids.assign(ids.begin(), ids.end());
        return true;
    }
};

void round_matrix(Matrix<float>& w, int bits) {
    float largest = 0.0F;
    for (std::size_t e = 0; e < w.size(); ++e) largest = std::max(largest, std::abs(w.data()[e]));
    const float step = largest / static_cast<float>((1 << (bits - 1)) - 1);
    for (std::size_t e = 0; e < w.size(); ++e)
        w.data()[e] = std::nearbyint(w.data()[e] / step) * step;
}

void round_blocks(Weights& weights, int bits) {
    for (BlockWeights& block : weights.blocks)
        for (LinearWeights* linear :
             {&block.q, &block.k, &block.v, &block.o, &block.up, &block.down})
            round_matrix(linear->w, bits);
}

class RoundWeights : public ExactScheme {
  public:
    explicit RoundWeights(int bits) : bits_(bits) {}
    std::shared_ptr<const Weights> prepare(const ModelInfo&,
                                           std::shared_ptr<const Weights> weights) override {
        auto rounded = std::make_shared<Weights>(*weights);
        round_blocks(*rounded, bits_);
        return rounded;
    }

  private:
    int bits_;
};

}  // namespace

TEST_CASE("dropping tokens equals the twin without them", "[unit]") {
    for (const char* pool : {"first", "mean"}) {
        NetworkOptions options;
        options.pool = pool;
        const RandomNetwork net = random_network(options);
        const DropTokens scheme;
        const Matrix<float> logits = run(net, scheme);
        reference::Changes changes;
        changes.kept_rows = [](int layer, const Matrix<double>& x) {
            if (layer > 0) return strongest_half(x.view(), 2);
            std::vector<std::size_t> all(x.rows());
            for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
            return all;
        };
        CHECK(largest_difference(logits, twin(net, *net.weights, changes)) < 2e-5);
        CHECK(largest_difference(logits, twin(net, *net.weights)) > 1e-3);
        // Ids travel with the rows: 11 tokens, then 2 + 5, and each list is part of the one before.
        REQUIRE(scheme.seen.size() == 3);
        CHECK(scheme.seen[0].size() == 11);
        CHECK(scheme.seen[1].size() == 11);
        CHECK(scheme.seen[2].size() == 7);
        CHECK(std::includes(scheme.seen[1].begin(), scheme.seen[1].end(), scheme.seen[2].begin(),
                            scheme.seen[2].end()));
    }
}

TEST_CASE("dropping nothing gives the exact bytes", "[unit]") {
    const RandomNetwork net = random_network({});
    CHECK(same_bytes(run(net, CopyTokens()), run(net, ExactScheme())));
}

TEST_CASE("dropping or moving the pooled token is an invariant error", "[unit]") {
    struct DropFirst : ExactScheme {
        bool tokens(int, MatrixView<const float> x, std::span<const int> ids, SampleContext&,
                    TokenStep& next) const override {
            next.x = Matrix<float>(x.rows - 1, x.cols);
            for (std::size_t i = 1; i < x.rows; ++i)
                std::copy_n(x.row(i), x.cols, next.x.row(i - 1));
            next.ids.assign(ids.begin() + 1, ids.end());
            return true;
        }
    };
    CHECK_THROWS_AS(run(random_network({}), DropFirst()), InvariantError);
    NetworkOptions mean;
    mean.pool = "mean";
    CHECK_NOTHROW(run(random_network(mean), DropFirst()));
}

TEST_CASE("calibration sees the tokens that the scheme lets go on", "[unit]") {
    const RandomNetwork net = random_network({});
    const Network network(net.model, net.weights);
    const DropTokens scheme;
    SampleContext context;
    const Matrix<float> x = network.embed(scheme, net.sample, context);
    CHECK(network.attention_inputs(scheme, 0, x, -1, context).n_q == 11);
    CHECK(network.attention_inputs(scheme, 1, x, -1, context).n_q == 7);
    // With padding, the ids decide which of the remaining rows are real.
    const AttentionLayer padded = network.attention_inputs(scheme, 1, x, 6, context);
    const std::vector<std::size_t> rows = strongest_half(x.view(), 2);
    CHECK(padded.valid_q == std::count_if(rows.begin(), rows.end(), [](auto r) { return r < 6; }));
    CHECK(padded.valid_k == padded.valid_q);
}

TEST_CASE("weights rounded in prepare equal the twin on rounded weights", "[unit]") {
    const RandomNetwork net = random_network({});
    RoundWeights scheme(5);
    const auto prepared = scheme.prepare(net.model, net.weights);
    Weights rounded = *net.weights;
    round_blocks(rounded, 5);
    const Matrix<float> logits = run(net, scheme, prepared);
    CHECK(largest_difference(logits, twin(net, rounded)) < 2e-5);
    CHECK(largest_difference(logits, twin(net, *net.weights)) > 1e-3);
}

TEST_CASE("the linear hook gets every linear layer and replaces what it takes", "[unit]") {
    /// Takes the layers named "up" and gives them 4-bit weights; counts all calls.
    struct RoundUp : ExactScheme {
        bool linear(int layer, std::string_view name, const LinearWeights& weights,
                    MatrixView<const float> x, MatrixView<float> y, SampleContext&) const override {
            calls.push_back(std::to_string(layer) + std::string(name));
            if (name != "up") return false;
            Matrix<float> w = weights.w;
            round_matrix(w, 4);
            sgemm_nt(x, w.view(), y);
            add_bias(weights.b, y);
            return true;
        }
        mutable std::vector<std::string> calls;
    };
    NetworkOptions options;
    options.gated = true;
    const RandomNetwork net = random_network(options);
    const RoundUp scheme;
    const Matrix<float> logits = run(net, scheme);
    Weights rounded = *net.weights;
    for (BlockWeights& block : rounded.blocks) round_matrix(block.up.w, 4);
    CHECK(largest_difference(logits, twin(net, rounded)) < 2e-5);
    CHECK(largest_difference(logits, twin(net, *net.weights)) > 1e-3);
    std::vector<std::string> expected{"-1patch"};
    for (const char* layer : {"0", "1", "2"})
        for (const char* name : {"q", "k", "v", "o", "up", "gate", "down"})
            expected.push_back(std::string(layer) + name);
    expected.push_back("3head");
    CHECK(scheme.calls == expected);
}

TEST_CASE("the attention hook replaces a layer's attention", "[unit]") {
    struct Uniform : ExactScheme {
        void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                       SampleContext& context) const override {
            ExactScheme::attention(layer, heads, out, context);
            if (layer != 1) return;
            for (std::size_t i = 0; i < out.rows; ++i)
                for (std::size_t c = 0; c < out.cols; ++c) out(i, c) *= 0.25F;
        }
    };
    const RandomNetwork net = random_network({});
    reference::Changes changes;
    changes.attention = [](int layer, Matrix<double>& out) {
        for (std::size_t e = 0; e < out.size(); ++e) out.data()[e] *= layer == 1 ? 0.25 : 1.0;
    };
    const Matrix<float> logits = run(net, Uniform());
    CHECK(largest_difference(logits, twin(net, *net.weights, changes)) < 2e-5);
    CHECK(largest_difference(logits, twin(net, *net.weights)) > 1e-3);
}

TEST_CASE("the block hook replaces a whole block", "[unit]") {
    struct Halve : ExactScheme {
        bool block(int layer, MatrixView<float> x, SampleContext&) const override {
            if (layer != 2) return false;
            for (std::size_t i = 0; i < x.rows; ++i)
                for (std::size_t c = 0; c < x.cols; c += 2) x(i, c) *= 0.5F;
            return true;
        }
    };
    const RandomNetwork net = random_network({});
    reference::Changes changes;
    changes.block = [](int layer, Matrix<double>& x) {
        if (layer != 2) return false;
        for (std::size_t i = 0; i < x.rows(); ++i)
            for (std::size_t c = 0; c < x.cols(); c += 2) x(i, c) *= 0.5;
        return true;
    };
    const Matrix<float> logits = run(net, Halve());
    CHECK(largest_difference(logits, twin(net, *net.weights, changes)) < 2e-5);
    CHECK(largest_difference(logits, twin(net, *net.weights)) > 1e-3);
}

TEST_CASE("graph layers run exactly unless the scheme takes them", "[unit]") {
    struct Doubled : ExactScheme {
        bool graph(int layer, const SparseMatrix& a, MatrixView<const float> x, MatrixView<float> y,
                   SampleContext& context) const override {
            if (layer != 1) return false;
            SparseMatrix twice = a;
            for (float& value : twice.values) value *= 2.0F;
            apply_graph(ExactScheme(), layer, twice, x, y, context);
            return true;
        }
    };
    // Nodes 0..3; row 2 is empty.
    const SparseMatrix a{
        4, 4, {0, 2, 3, 3, 6}, {1, 3, 0, 0, 2, 3}, {0.5F, 2.0F, 1.0F, -1.0F, 4.0F, 0.25F}};
    Matrix<float> x(4, 3), y(4, 3, 7.0F), taken(4, 3, 7.0F);
    for (std::size_t e = 0; e < x.size(); ++e) x.data()[e] = static_cast<float>(e + 1);
    SampleContext context;
    apply_graph(Doubled(), 0, a, x.view(), y.view(), context);
    const std::vector<float> expected{22.0F, 24.5F, 27.0F, 1.0F,  2.0F,   3.0F,
                                      0.0F,  0.0F,  0.0F,  29.5F, 32.75F, 36.0F};
    for (std::size_t e = 0; e < y.size(); ++e) CHECK(y.data()[e] == expected[e]);
    apply_graph(Doubled(), 1, a, x.view(), taken.view(), context);
    for (std::size_t e = 0; e < y.size(); ++e) CHECK(taken.data()[e] == 2.0F * expected[e]);

    SparseMatrix wrong = a;
    wrong.indices[0] = 4;
    CHECK_THROWS_AS(apply_graph(ExactScheme(), 0, wrong, x.view(), y.view(), context),
                    InvariantError);
}
