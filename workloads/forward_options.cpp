#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.hpp"
#include "workloads/forward.hpp"

/// What of the format the forward pass computes, and what it refuses by name.
namespace attohm {

namespace {

class Options {
  public:
    explicit Options(const Weights& weights)
        : where_(weights.where.empty() ? "/model/weights" : weights.where) {}

    [[noreturn]] void refuse(const std::string& option, const std::string& got,
                             const std::string& allowed) const {
        throw UserError(option + " is not what the forward pass can compute", where_, got, allowed);
    }
    void require(bool good, const std::string& option, const std::string& got,
                 const std::string& allowed) const {
        if (!good) refuse(option, got, allowed);
    }
    template <class T>
    T pick(const std::string& option, const std::string& got,
           const std::vector<std::pair<std::string, T>>& table) const {
        std::string allowed;
        for (const auto& [name, value] : table) {
            if (name == got) return value;
            allowed += (allowed.empty() ? "" : ", ") + name;
        }
        refuse(option, got, allowed);
    }
    /// That a tensor is there exactly where an attribute asks for it.
    void require_matching(bool asked, bool present, const std::string& attribute,
                          const std::string& tensor) const {
        require(asked == present, attribute + " with " + tensor + (present ? "" : " missing"),
                fmt::format("{}, {}", asked ? "asked for" : "not asked for",
                            present ? "present" : "absent"),
                "the tensor where the attribute asks for it, and nowhere else");
    }

  private:
    std::string where_;
};

const std::vector<std::pair<std::string, NormKind>> kNorms = {{"layernorm", NormKind::layernorm},
                                                              {"rmsnorm", NormKind::rmsnorm}};

void check_numbers(const Weights& weights, const Options& options) {
    options.require(std::isfinite(weights.norm_eps) && weights.norm_eps >= 0.0F, "norm_eps",
                    fmt::format("{}", weights.norm_eps), "a number from 0");
    options.require(std::isfinite(weights.embed_scale), "embed_scale",
                    fmt::format("{}", weights.embed_scale), "a finite number");
}

/// What would change numbers and that no code here computes.
void check_whole(const ModelInfo& model, const Weights& weights, const Options& options) {
    options.pick<bool>("family", model.family,
                       {{"vit", true}, {"bert", true}, {"gpt", true}, {"llama", true}});
    options.require(!weights.head.w.empty(), "a network without head_w", "none",
                    "head_w[classes, W], or tied_head = 1");
    options.require(model.task != "next-token" || model.pool == "none",
                    "task next-token with one result per sample", "pool " + model.pool,
                    "pool none (logits of every token)");
    options.require(weights.norm_position != "post" || weights.final_norm.w.empty(),
                    "final_norm_w in a post-norm network", "present", "absent");
    const bool scaled_or_normed = weights.embed_scale != 1.0F || !weights.embed_norm.w.empty() ||
                                  !weights.embed_norm.b.empty();
    options.require(weights.patch.w.empty() || !scaled_or_normed,
                    "embed_scale or embed_norm_w with patch_w", "both",
                    "patches without scale and norm, or x0 in the samples and no patch_w");
    options.require((model.pool == "pooler") <= !weights.pooler.w.empty(), "pool pooler",
                    "no pooler_w", "pooler_w[W, W]");
}

std::optional<Rotary> rotary_of(const ModelInfo& model, const Weights& weights,
                                const Options& options) {
    const bool interleaved = options.pick<bool>("rope_style", weights.rope_style,
                                                {{"half", false}, {"interleaved", true}});
    const float theta = weights.rope_theta;
    options.require(std::isfinite(theta) && theta >= 0.0F, "rope_theta", fmt::format("{}", theta),
                    "0 (none), or a number above 0");
    if (theta == 0.0F) return std::nullopt;
    const int dim = weights.rope_dim;
    options.require(dim >= 2 && dim % 2 == 0 && dim <= model.head_dim, "rope_dim",
                    fmt::format("{}", dim),
                    fmt::format("an even number from 2 to {} (head_dim)", model.head_dim));
    return Rotary{static_cast<double>(theta), dim, interleaved};
}

void check_block_options(const BlockWeights& block, const Weights& weights,
                         const Options& options) {
    options.require_matching(weights.gated, !block.gate.w.empty(), "gated", "w_gate");
    options.require_matching(weights.layer_scale, !block.layer_scale1.empty(), "layer_scale",
                             "ls1");
    options.require_matching(weights.layer_scale, !block.layer_scale2.empty(), "layer_scale",
                             "ls2");
    const bool normed = weights.qk_norm != "none";
    const auto present = [](const NormWeights& norm) { return !norm.w.empty() || !norm.b.empty(); };
    options.require_matching(normed, present(block.q_norm), "qk_norm", "q_norm_w");
    options.require_matching(normed, present(block.k_norm), "qk_norm", "k_norm_w");
}

void check_shapes(const ModelInfo& model, const Weights& weights) {
    const auto q_width = static_cast<std::size_t>(model.heads * model.head_dim);
    const auto k_width = static_cast<std::size_t>(model.kv_heads * model.head_dim);
    const auto v_width = static_cast<std::size_t>(model.kv_heads * model.v_head_dim);
    const auto out_width = static_cast<std::size_t>(model.heads * model.v_head_dim);
    ATTOHM_CHECK_EQ(weights.blocks.size(), static_cast<std::size_t>(model.layers));
    for (const BlockWeights& block : weights.blocks) {
        ATTOHM_CHECK_EQ(block.q.w.rows(), q_width);
        ATTOHM_CHECK_EQ(block.k.w.rows(), k_width);
        ATTOHM_CHECK_EQ(block.v.w.rows(), v_width);
        ATTOHM_CHECK_EQ(block.o.w.cols(), out_width);
        ATTOHM_CHECK_EQ(block.o.w.rows(), static_cast<std::size_t>(model.width));
        ATTOHM_CHECK_EQ(block.up.w.rows(), block.down.w.cols());
        ATTOHM_CHECK_EQ(block.down.w.rows(), static_cast<std::size_t>(model.width));
        if (weights.gated) ATTOHM_CHECK_EQ(block.gate.w.rows(), block.up.w.rows());
    }
}

}  // namespace

Network::Network(ModelInfo model, std::shared_ptr<const Weights> weights)
    : model_(std::move(model)), weights_(std::move(weights)) {
    ATTOHM_CHECK(weights_ != nullptr);
    const Options options(*weights_);
    check_numbers(*weights_, options);
    check_whole(model_, *weights_, options);
    norm_ = options.pick("norm", weights_->norm, kNorms);
    norm_first_ = options.pick<bool>("norm_position", weights_->norm_position,
                                     {{"pre", true}, {"post", false}});
    activation_ = options.pick<Activation>("activation", weights_->activation,
                                           {{"gelu", Activation::gelu},
                                            {"gelu_tanh", Activation::gelu_tanh},
                                            {"relu", Activation::relu},
                                            {"silu", Activation::silu}});
    pool_ = options.pick<Pool>("pool", model_.pool,
                               {{"first", Pool::first},
                                {"mean", Pool::mean},
                                {"pooler", Pool::pooler},
                                {"none", Pool::none}});
    head_norm_ = options.pick<std::optional<NormKind>>("qk_norm", weights_->qk_norm,
                                                       {{"none", std::nullopt},
                                                        {"rmsnorm", NormKind::rmsnorm},
                                                        {"layernorm", NormKind::layernorm}});
    rotary_ = rotary_of(model_, *weights_, options);
    for (const BlockWeights& block : weights_->blocks)
        check_block_options(block, *weights_, options);
    check_shapes(model_, *weights_);
}

}  // namespace attohm
