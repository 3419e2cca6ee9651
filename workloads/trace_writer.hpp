#pragma once

#include <memory>
#include <optional>
#include <string>

#include "workloads/trace.hpp"

/// Writer of trace format 1.0: written beside, flushed, renamed; content_sha256 and `complete` last.
namespace attohm {

enum class StoredAs { float32, float16 };

struct WriterOptions {
    std::string producer = "attohm";
    std::string capture_method = "synthetic";
    StoredAs tensors = StoredAs::float32;  ///< of q, k, v, out
    double tolerance = 1e-3;               ///< refused above this error of out (float16: 1e-2)
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
    /// Throws: UserError when `out` differs from the recomputed attention by more than the tolerance.
    void layer(const AttentionLayer& layer);
    void finish();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace attohm
