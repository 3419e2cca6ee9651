#include <fmt/format.h>

#include <cmath>
#include <string>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "workloads/trace_file.hpp"

/// Whether the weights say all about the attention of a sample.
namespace attohm {

namespace {

/// Of 1/sqrt(head_dim): writers round the scale to float32.
constexpr double kScaleTolerance = 1e-5;

/// The attention of the forward pass is softmax(q.k / sqrt(head_dim)) v over all real tokens, or
/// the ones before. Throws: UserError for a stored layer that did something else.
void require_plain(const H5Group& layer, const AttentionAttributes& found, const ModelInfo& model) {
    const std::string otherwise = "; mode: open replays the layers as they are";
    const double scale = 1.0 / std::sqrt(static_cast<double>(model.head_dim));
    if (std::abs(static_cast<double>(found.scale) / scale - 1.0) > kScaleTolerance)
        throw UserError("the closed loop has another scale", layer.where_attribute("scale"),
                        format_real(static_cast<double>(found.scale)),
                        fmt::format("{} = 1/sqrt(head_dim){}", scale, otherwise));
    if (found.causal != model.causal)
        throw UserError("a layer is causal where the model is not, or the reverse",
                        layer.where_attribute("causal"), found.causal ? "1" : "0",
                        fmt::format("{}, as /model says{}", model.causal ? 1 : 0, otherwise));
    if (found.windows != 1 || found.n_q != found.n_k)
        throw UserError(
            "the closed loop has self-attention of whole samples only", layer.where(),
            fmt::format("{} windows, n_q {}, n_k {}", found.windows, found.n_q, found.n_k),
            "one window with n_q = n_k" + otherwise);
    for (const char* name : {"mask", "bias"})
        if (layer.has_dataset(name))
            throw UserError("the closed loop cannot express this part of the attention",
                            layer.where(name), "present",
                            "causal and valid_len in its place" + otherwise);
}

}  // namespace

void TraceFile::require_recomputable(const SampleEntry& entry) const {
    const H5Group sample = sample_group(entry);
    for (const std::string& name : entry.attention) {
        const H5Group layer = sample.group("layers/" + name);
        require_plain(layer, attention_attributes(layer), model_);
    }
}

}  // namespace attohm
