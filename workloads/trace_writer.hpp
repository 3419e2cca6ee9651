#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "workloads/graph.hpp"
#include "workloads/layer_shape.hpp"
#include "workloads/trace.hpp"

/// Writer of trace format 1.0: written beside, flushed, renamed; content_sha256 (content_hash.hpp)
/// and `complete` last. The hash goes over the objects in the order of their paths, which is not
/// that of writing, so the file is read once more for it.
namespace attohm {

enum class StoredAs { float32, float16 };

struct WriterOptions {
    std::string producer = "attohm";
    std::string capture_method = "synthetic";
    StoredAs tensors = StoredAs::float32;  ///< of q, k, v, out
    double tolerance = 1e-3;  ///< refused above this error of out (float16: at least 1e-2)
    std::string created_utc;  ///< "" = SOURCE_DATE_EPOCH where set, else now
    bool shape_only = false;  ///< sizes of layers and no tensors
};

class TraceWriter {
  public:
    /// Throws: UserError when the file cannot be created.
    TraceWriter(std::string path, const ModelInfo& model,
                const std::optional<Thresholds>& thresholds, WriterOptions options);
    ~TraceWriter();  ///< without finish(): the temporary file is removed, an existing trace kept
    TraceWriter(const TraceWriter&) = delete;
    TraceWriter& operator=(const TraceWriter&) = delete;

    /// Starts /samples/NNNNNN (or /calibration/NNNNNN) with its attributes; layers follow in order.
    void begin_sample(const Sample& sample);
    /// Writes the next layer. What is checked, and computed where `out` is empty, is the attention
    /// of q, k, v as they are stored (rounded, for float16). Throws: UserError when `out` differs
    /// from it by more than the tolerance (largest difference over largest |out|, per head), and
    /// for values that are not finite or too large for float16.
    /// Heads and widths that differ from the model's become attributes of the layer; `said` adds
    /// the width of its tokens and of the MLP behind it.
    void layer(const AttentionLayer& layer, const AttentionSize* said = nullptr);
    /// The next layer of a shape-only trace, of any kind.
    void shape(const LayerShape& shape);
    /// The next layer, other than attention. Args: x: of the shape's size; weight, adjacency: what
    /// `weight` and `adjacency` returned ("" = none).
    void tensors(const LayerShape& shape, std::span<const float> x, const std::string& weight,
                 const std::string& adjacency = "");
    /// A weight tensor that layers of all samples share, before the first sample.
    /// Returns: its path.
    std::string weight(const std::string& name, const std::vector<std::size_t>& extents,
                       std::span<const float> values);
    /// The matrix that graph layers share, before the first sample. Returns: its path.
    std::string adjacency(const SparseMatrix& matrix);
    /// Finishes the file. Throws: UserError when it cannot be written.
    void finish();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace attohm
