#include <string>
#include <utility>
#include <vector>

#include "src/base/error.hpp"
#include "workloads/forward.hpp"

namespace attohm {

namespace {

[[noreturn]] void refuse(const std::string& option, const std::string& got,
                         const std::string& supported) {
    throw UserError(option + " is not supported by the forward pass yet", "/model", got,
                    "supported: " + supported);
}

template <class T>
T pick(const std::string& option, const std::string& got,
       const std::vector<std::pair<std::string, T>>& table) {
    std::string supported;
    for (const auto& [name, value] : table) {
        if (name == got) return value;
        supported += (supported.empty() ? "" : ", ") + name;
    }
    refuse(option, got, supported);
}

const std::vector<std::pair<std::string, NormKind>> kNorms = {{"layernorm", NormKind::layernorm},
                                                              {"rmsnorm", NormKind::rmsnorm}};

/// Options that would change numbers and that no code here computes.
void refuse_unsupported(const ModelInfo& model, const Weights& weights) {
    if (model.family != "vit") refuse("family", model.family, "vit");
    if (weights.rope_theta != 0.0F)
        refuse("rotary embedding (rope_theta)", fmt::format("{}", weights.rope_theta), "0");
    if (weights.embed_scale != 1.0F)
        refuse("embed_scale", fmt::format("{}", weights.embed_scale), "1");
    if (weights.tied_head) refuse("tied_head", "1", "0");
    if (weights.head.w.empty()) refuse("a network without head_w", "none", "head_w[classes, W]");
    const bool post = weights.norm_position == "post";
    if (post && !weights.final_norm.w.empty())
        refuse("final_norm_w in a post-norm network", "present", "absent");
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
        if (weights.layer_scale) ATTOHM_CHECK(!block.layer_scale1.empty());
        if (weights.layer_scale) ATTOHM_CHECK(!block.layer_scale2.empty());
    }
}

}  // namespace

Network::Network(ModelInfo model, std::shared_ptr<const Weights> weights)
    : model_(std::move(model)), weights_(std::move(weights)) {
    ATTOHM_CHECK(weights_ != nullptr);
    refuse_unsupported(model_, *weights_);
    norm_ = pick("norm", weights_->norm, kNorms);
    norm_first_ =
        pick<bool>("norm_position", weights_->norm_position, {{"pre", true}, {"post", false}});
    activation_ = pick<Activation>("activation", weights_->activation,
                                   {{"gelu", Activation::gelu},
                                    {"gelu_tanh", Activation::gelu_tanh},
                                    {"relu", Activation::relu},
                                    {"silu", Activation::silu}});
    pool_ = pick<Pool>("pool", model_.pool,
                       {{"first", Pool::first}, {"mean", Pool::mean}, {"none", Pool::none}});
    if (weights_->qk_norm != "none") head_norm_ = pick("qk_norm", weights_->qk_norm, kNorms);
    check_shapes(model_, *weights_);
}

}  // namespace attohm
