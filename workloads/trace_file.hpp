#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "workloads/extra_weights.hpp"
#include "workloads/graph.hpp"
#include "workloads/layer_shape.hpp"
#include "workloads/trace.hpp"

/// A trace file by its parts, as the reader, `trace check` and `trace info` need them: each part is
/// checked apart, so that a check can go on after a fault.
namespace attohm {

/// What happens to a fault: the reader throws it, a check collects it and goes on.
class Problems {
  public:
    enum class On { throw_first, collect };
    explicit Problems(On mode) : mode_(mode) {}

    /// Runs one step. Returns: false when it failed (and was collected).
    template <class Step>
    bool attempt(Step&& step) {
        if (mode_ == On::throw_first) {
            step();
            return true;
        }
        try {
            step();
            return true;
        } catch (const UserError& error) {
            messages_.emplace_back(error.what());
            return false;
        }
    }
    void add(const UserError& error) {
        attempt([&] { throw error; });
    }
    const std::vector<std::string>& messages() const { return messages_; }

  private:
    On mode_;
    std::vector<std::string> messages_;
};

/// Attributes of one attention layer. Heads and widths are those of the model where the layer says
/// nothing.
struct AttentionAttributes : AttentionSize {
    float scale = 1.0F;
};

/// A sample group with its layers in order.
struct SampleEntry {
    std::string name;  ///< "000003"
    bool calibration = false;
    std::vector<std::string> layer_names;  ///< all kinds, in order
    std::vector<std::string> layer_kinds;
    std::vector<std::string> attention;  ///< names of the attention layers, in order
};

/// The file's texts about itself; "" where absent.
struct TraceOrigin {
    std::string schema_version, producer, producer_version, created_utc, capture_dtype,
        capture_method, content_sha256;
};

class TraceFile {
  public:
    /// Opens and checks the structure: root, model, thresholds, masks, samples, layers; no tensor
    /// is read. Throws: UserError when the file, its root or its model cannot be used at all,
    /// whatever `problems` does; everything else goes to `problems`.
    TraceFile(const std::string& path, Problems& problems);

    const std::string& path() const { return path_; }
    const H5Group& root() const { return root_; }
    const TraceOrigin& origin() const { return origin_; }
    const ModelInfo& model() const { return model_; }
    const std::optional<Thresholds>& thresholds() const { return thresholds_; }
    bool shape_only() const { return shape_only_; }
    /// Whether the network is there; parameters of schemes alone do not count.
    bool has_weights() const;
    const std::vector<SampleEntry>& samples() const { return samples_; }
    const std::vector<SampleEntry>& calibration() const { return calibration_; }

    /// content_sha256, or "partial:" and the hash of size, root attributes, first and last MiB.
    std::string trace_id() const;

    /// Attributes and small tensors of a sample; each fault apart.
    Sample read_sample(const SampleEntry& entry, int index, Problems& problems) const;
    /// Attributes and tensors of an attention layer (ordinal), of some heads where `heads` says so;
    /// each tensor's fault apart.
    AttentionLayer read_layer(const SampleEntry& entry, int layer, int valid_len, bool with_golden,
                              Problems& problems, std::optional<HeadRange> heads = {}) const;
    /// The sizes of every layer of a sample, of all kinds, in order; no tensor is read.
    std::vector<LayerShape> layer_shapes(const SampleEntry& entry) const;
    /// The heads of an attention layer in ranges whose tensors take at most `bytes` each, or are
    /// one group of query heads.
    std::vector<HeadRange> head_ranges(const SampleEntry& entry, int layer,
                                       std::size_t bytes) const;
    /// All weights, each tensor's fault apart.
    Weights read_weights(Problems& problems) const;
    /// What one scheme has learned; empty where the file holds nothing of it.
    ExtraWeights read_extra(const std::string& scheme, Problems& problems) const;

    /// What a graph network computes from: x of the first layer, every layer's adjacency, labels.
    /// Throws: UserError where layers are missing, of another kind, or have other weights than
    /// /model/weights says, and for values that are not finite or out of range.
    GraphInput read_graph(const SampleEntry& entry) const;

    /// That the stored layers of a sample do what the forward pass would do from the weights.
    /// Throws: UserError naming what it would leave out (mask, bias, another scale, windows).
    void require_recomputable(const SampleEntry& entry) const;

    H5Group sample_group(const SampleEntry& entry) const;
    H5Group attention_group(const SampleEntry& entry, int layer) const;

  private:
    void read_root();
    void read_thresholds(Problems& problems);
    void check_masks(Problems& problems) const;
    void list_samples(const std::string& parent, bool required, std::vector<SampleEntry>& entries,
                      Problems& problems) const;
    void check_sample(SampleEntry& entry, Problems& problems) const;
    void check_attention(const H5Group& layer, Problems& problems) const;
    std::optional<std::size_t> table_rows(const char* name) const;
    void read_token_tensors(const H5Group& group, Problems& problems, Sample& sample) const;
    AttentionAttributes attention_attributes(const H5Group& layer) const;

    std::string path_;
    H5File file_;
    H5Group root_;
    TraceOrigin origin_;
    ModelInfo model_;
    std::optional<Thresholds> thresholds_;
    bool shape_only_ = false;
    std::vector<SampleEntry> samples_;
    std::vector<SampleEntry> calibration_;
};

/// Attributes of /model. Throws: UserError.
ModelInfo read_model(const H5Group& model);

/// The sizes of a layer that is not attention, with everything about it checked that needs no
/// element of a tensor. Throws: UserError.
LayerShape other_layer_shape(const H5Group& root, const H5Group& layer, const std::string& kind,
                             bool shape_only);

/// The CSR group of a graph layer, its own or the one its attribute names. Throws: UserError.
H5Group adjacency_group(const H5Group& root, const H5Group& layer);

/// A square matrix in compressed rows, whose shapes are known to be right. Throws: UserError for
/// rows that do not fit, columns out of range and values that are not finite.
SparseMatrix read_sparse(const H5Group& csr);

/// How far `out` of one head is from exact attention: max|difference| / max|out| over the valid
/// rows. Args: head: with golden.
double attention_error(const AttentionHead& head);

/// The largest error a trace may have, by the type its tensors are stored in.
constexpr double kTolerance32 = 1e-3;
constexpr double kTolerance16 = 1e-2;

}  // namespace attohm
