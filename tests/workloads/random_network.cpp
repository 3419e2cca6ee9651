#include "tests/workloads/random_network.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/random.hpp"

namespace attohm::testing {

namespace {

/// Draws every tensor from its own stream, in the order they are asked for.
class Draw {
  public:
    std::vector<float> vector(int n, float centre, float spread) {
        std::vector<float> x(static_cast<std::size_t>(n));
        Stream(20221, Purpose::synth_content, {next_++}).normals(0, x);
        for (float& value : x) value = centre + spread * value;
        return x;
    }
    Matrix<float> matrix(int rows, int cols, float spread) {
        Matrix<float> x(static_cast<std::size_t>(rows), static_cast<std::size_t>(cols));
        const std::vector<float> values = vector(rows * cols, 0.0F, spread);
        std::copy(values.begin(), values.end(), x.data());
        return x;
    }
    LinearWeights linear(int out, int in) {
        return {matrix(out, in, 1.5F / std::sqrt(static_cast<float>(in))), vector(out, 0.0F, 0.2F)};
    }
    NormWeights norm(int width, bool with_bias) {
        return {vector(width, 1.0F, 0.2F),
                with_bias ? vector(width, 0.0F, 0.2F) : std::vector<float>{}};
    }

  private:
    std::uint64_t next_ = 100;
};

ModelInfo model_of(const NetworkOptions& options) {
    ModelInfo model;
    model.name = "random";
    model.family = "vit";
    model.layers = 3;
    model.heads = 4;
    model.kv_heads = options.kv_heads;
    model.head_dim = 6;
    model.v_head_dim = 5;
    model.width = 20;
    model.causal = options.causal;
    model.prefix_tokens = 2;
    model.task = "classify";
    model.classes = 7;
    model.pool = options.pool;
    return model;
}

BlockWeights random_block(const ModelInfo& model, const NetworkOptions& options, Draw& draw) {
    const int width = model.width, hidden = 33;
    const bool centred = options.norm == "layernorm";
    BlockWeights block;
    block.q = draw.linear(model.heads * model.head_dim, width);
    block.k = draw.linear(model.kv_heads * model.head_dim, width);
    block.v = draw.linear(model.kv_heads * model.v_head_dim, width);
    block.o = draw.linear(width, model.heads * model.v_head_dim);
    block.k.b.clear();
    block.norm1 = draw.norm(width, centred);
    block.norm2 = draw.norm(width, centred);
    block.up = draw.linear(hidden, width);
    if (options.gated) block.gate = draw.linear(hidden, width);
    block.down = draw.linear(width, hidden);
    if (options.qk_norm != "none") {
        block.q_norm = draw.norm(model.head_dim, true);
        block.k_norm = draw.norm(model.head_dim, false);
    }
    if (options.layer_scale) {
        block.layer_scale1 = draw.vector(width, 0.5F, 0.1F);
        block.layer_scale2 = draw.vector(width, 0.5F, 0.1F);
    }
    return block;
}

}  // namespace

RandomNetwork random_network(const NetworkOptions& options) {
    constexpr int kPatches = 9, kPatchSize = 4;
    Draw draw;
    RandomNetwork network;
    network.model = model_of(options);
    const ModelInfo& model = network.model;
    network.weights = std::make_shared<Weights>();
    Weights& weights = *network.weights;
    weights.norm = options.norm;
    weights.norm_position = options.norm_position;
    weights.activation = options.activation;
    weights.qk_norm = options.qk_norm;
    weights.gated = options.gated;
    weights.layer_scale = options.layer_scale;
    for (int layer = 0; layer < model.layers; ++layer)
        weights.blocks.push_back(random_block(model, options, draw));
    if (options.norm_position == "pre") weights.final_norm = draw.norm(model.width, true);
    weights.head = draw.linear(model.classes, model.width);
    weights.patch = draw.linear(model.width, kPatchSize);
    weights.prefix_embedding = draw.matrix(model.prefix_tokens, model.width, 1.0F);
    weights.position_embedding = draw.matrix(model.prefix_tokens + kPatches, model.width, 0.3F);
    network.sample.name = "000000";
    network.sample.patches = draw.matrix(kPatches, kPatchSize, 1.0F);
    return network;
}

double largest_difference(const Matrix<float>& a, const Matrix<double>& b) {
    ATTOHM_CHECK_EQ(a.rows(), b.rows());
    ATTOHM_CHECK_EQ(a.cols(), b.cols());
    double worst = 0.0;
    for (std::size_t e = 0; e < a.size(); ++e)
        worst = std::max(worst, std::abs(static_cast<double>(a.data()[e]) - b.data()[e]));
    return worst;
}

}  // namespace attohm::testing
