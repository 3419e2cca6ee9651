#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workloads/extra_weights.hpp"
#include "workloads/fixed_masks.hpp"
#include "workloads/graph.hpp"
#include "workloads/layer_shape.hpp"
#include "workloads/trace.hpp"

/// Reader of trace format 1.0. Opens once, checks the structure at once, then streams layer by
/// layer. All methods may be called from any thread (the HDF5 library is serialised inside).
namespace attohm {

class TraceReader {
  public:
    /// Throws: UserError for a missing or unreadable file, another format or major version, an
    /// incomplete capture, a missing required group, dataset or attribute, a wrong dtype or shape,
    /// a threshold count that does not match the layers, an unknown attribute value.
    explicit TraceReader(const std::string& path);
    ~TraceReader();
    TraceReader(const TraceReader&) = delete;
    TraceReader& operator=(const TraceReader&) = delete;

    const std::string& path() const;
    const ModelInfo& model() const;
    /// content_sha256, or for foreign files "partial:" + a hash of size, attributes, first and last
    /// MiB.
    const std::string& trace_id() const;
    const std::optional<Thresholds>& thresholds() const;
    /// The fixed pattern /model/masks/<name>; null: there is none.
    /// Throws: UserError for a value that is neither 0 nor 1.
    std::shared_ptr<const FixedMasks> masks(const std::string& name) const;
    bool has_weights() const;
    bool shape_only() const;
    int samples() const;
    int calibration_samples() const;

    /// Throws: UserError on missing or misshaped weights, non-finite values by path and index.
    std::shared_ptr<const Weights> weights() const;
    /// Learned parameters of one scheme, empty where the trace has none.
    /// Throws: UserError on tensors that are no floats, non-finite values by path and index.
    ExtraWeights extra_weights(const std::string& scheme) const;
    Sample sample(int index) const;
    Sample calibration_sample(int index) const;
    /// That the network's weights say all about the attention of a sample.
    /// Throws: UserError naming what a forward pass from the weights would leave out.
    void require_recomputable(const Sample& sample) const;
    /// Family gcn: what the network computes from and is held to. Throws: UserError where a sample
    /// lacks it, or its stored layers are not those of /model/weights.
    GraphInput graph_input(const Sample& sample) const;
    /// Layer `layer` (ordinal among attention layers) of one sample. Non-finite values are a
    /// UserError that names dataset and index. `with_golden` also reads `out`.
    AttentionLayer layer(const Sample& sample, int layer, bool with_golden) const;
    /// The sizes of every layer of a sample, attention or not, in order; also of a trace that holds
    /// nothing but shapes. No tensor is read.
    std::vector<LayerShape> layer_shapes(const Sample& sample) const;
    /// Ranges of heads, in order, of which each takes at most `bytes` of memory (or is one group of
    /// query heads with its kv head), and one of them.
    std::vector<HeadRange> head_ranges(const Sample& sample, int layer, std::size_t bytes) const;
    AttentionLayer heads(const Sample& sample, int layer, const HeadRange& heads,
                         bool with_golden) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace attohm
