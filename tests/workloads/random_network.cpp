#include "tests/workloads/random_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/random.hpp"

namespace attohm::testing {

namespace {

/// Draws every tensor from its own stream, in the order they are asked for.
class Draw {
  public:
    explicit Draw(std::uint64_t seed) : seed_(seed) {}
    std::vector<float> vector(int n, float centre, float spread) {
        std::vector<float> x(static_cast<std::size_t>(n));
        Stream(seed_, Purpose::synth_content, {next_++}).normals(0, x);
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

    /// Whole numbers below `end`.
    std::vector<std::int32_t> indices(int n, int end) {
        std::vector<float> x = vector(n, 0.0F, 1.0F);
        std::vector<std::int32_t> found;
        for (const float value : x)
            found.push_back(static_cast<std::int32_t>(std::abs(value) * 1000.0F) % end);
        return found;
    }

  private:
    std::uint64_t seed_;
    std::uint64_t next_ = 100;
};

constexpr int kVocabulary = 13, kTokens = 11, kTypes = 3;

ModelInfo model_of(const NetworkOptions& options) {
    ModelInfo model;
    model.name = "random";
    model.family = options.family;
    model.layers = 3;
    model.heads = 4;
    model.kv_heads = options.kv_heads;
    model.head_dim = 6;
    model.v_head_dim = 5;
    model.width = 20;
    model.causal = options.causal;
    model.prefix_tokens = options.tokens ? 0 : 2;
    model.task = options.task;
    model.classes = options.tied_head ? kVocabulary : 7;
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

void set_options(const NetworkOptions& options, Weights& weights) {
    weights.norm = options.norm;
    weights.norm_position = options.norm_position;
    weights.activation = options.activation;
    weights.qk_norm = options.qk_norm;
    weights.gated = options.gated;
    weights.layer_scale = options.layer_scale;
    weights.rope_theta = options.rope_theta;
    weights.rope_style = options.rope_style;
    weights.rope_dim = options.rope_dim;
    weights.embed_scale = options.embed_scale;
    weights.tied_head = options.tied_head;
}

void draw_patches(Draw& draw, RandomNetwork& network) {
    constexpr int kPatchSize = 4;
    const ModelInfo& model = network.model;
    Weights& weights = *network.weights;
    const int patches = kTokens - model.prefix_tokens;
    weights.patch = draw.linear(model.width, kPatchSize);
    weights.prefix_embedding = draw.matrix(model.prefix_tokens, model.width, 1.0F);
    weights.position_embedding = draw.matrix(kTokens, model.width, 0.3F);
    network.sample.patches = draw.matrix(patches, kPatchSize, 1.0F);
}

void draw_tokens(const NetworkOptions& options, Draw& draw, RandomNetwork& network) {
    const int width = network.model.width;
    Weights& weights = *network.weights;
    weights.token_embedding = draw.matrix(kVocabulary, width, 0.8F);
    // More positions than tokens, as a context is longer than a sample.
    if (options.positions) weights.position_embedding = draw.matrix(kTokens + 5, width, 0.4F);
    if (options.segments) weights.segment_embedding = draw.matrix(kTypes, width, 0.4F);
    if (options.embed_norm) weights.embed_norm = draw.norm(width, true);
    network.sample.tokens = draw.indices(kTokens, kVocabulary);
    network.sample.targets = draw.indices(kTokens, network.model.classes);
    if (options.segments) network.sample.segments = draw.indices(kTokens, kTypes);
}

}  // namespace

RandomNetwork random_network(const NetworkOptions& options) {
    Draw draw(options.seed);
    RandomNetwork network;
    network.model = model_of(options);
    const ModelInfo& model = network.model;
    network.weights = std::make_shared<Weights>();
    network.sample.name = "000000";
    Weights& weights = *network.weights;
    set_options(options, weights);
    for (int layer = 0; layer < model.layers; ++layer)
        weights.blocks.push_back(random_block(model, options, draw));
    if (options.norm_position == "pre")
        weights.final_norm = draw.norm(model.width, options.norm == "layernorm");
    weights.head = draw.linear(model.classes, model.width);
    if (options.pool == "pooler") weights.pooler = draw.linear(model.width, model.width);
    options.tokens ? draw_tokens(options, draw, network) : draw_patches(draw, network);
    if (options.tied_head) weights.head.w = weights.token_embedding;
    return network;
}

NetworkOptions random_options(std::uint64_t seed) {
    const Stream stream(seed, Purpose::sampling);
    std::uint64_t next = 0;
    const auto flip = [&] { return stream.below(next++, 0.5); };
    const auto pick = [&](std::vector<std::string> words) {
        std::vector<std::uint32_t> word(1);
        stream.words(next++, word);
        return words[word.front() % words.size()];
    };
    NetworkOptions options;
    options.seed = seed;
    options.family = pick({"vit", "bert", "gpt", "llama"});
    options.norm = pick({"layernorm", "rmsnorm"});
    options.norm_position = pick({"pre", "post"});
    options.activation = pick({"gelu", "gelu_tanh", "relu", "silu"});
    options.qk_norm = pick({"none", "rmsnorm", "layernorm"});
    options.pool = pick({"first", "mean", "pooler", "none"});
    options.gated = flip();
    options.layer_scale = flip();
    options.causal = flip();
    options.kv_heads = std::stoi(pick({"1", "2", "4"}));
    if (flip()) options.rope_theta = flip() ? 10000.0F : 30.0F;
    options.rope_style = pick({"half", "interleaved"});
    options.rope_dim = std::stoi(pick({"2", "4", "6"}));
    options.tokens = options.family != "vit";
    if (!options.tokens) return options;
    options.embed_scale = flip() ? 1.0F : 2.5F;
    options.positions = flip();
    options.segments = flip();
    options.embed_norm = flip();
    options.tied_head = flip();
    if (options.pool == "none" && flip()) options.task = "next-token";
    return options;
}

std::string describe(const NetworkOptions& o) {
    return fmt::format(
        "seed {}: {} {} {} {} qk {} pool {} gated {} layer scale {} causal {} kv heads {} rope {} "
        "{} "
        "{} tokens {} embed scale {} positions {} segments {} embed norm {} tied {} task {}",
        o.seed, o.family, o.norm_position, o.norm, o.activation, o.qk_norm, o.pool, o.gated,
        o.layer_scale, o.causal, o.kv_heads, o.rope_theta, o.rope_style, o.rope_dim, o.tokens,
        o.embed_scale, o.positions, o.segments, o.embed_norm, o.tied_head, o.task);
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
