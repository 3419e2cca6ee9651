#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/trace.hpp"

/// `attohm trace info`: what a trace holds, without reading its tensors.
namespace attohm {

struct TraceInfo {
    std::string path;
    std::uint64_t file_bytes = 0;
    std::string schema_version, producer, producer_version, created_utc, capture_dtype,
        capture_method, trace_id;
    ModelInfo model;
    std::int64_t samples = 0;
    std::int64_t calibration_samples = 0;
    std::int64_t samples_with_layers = 0;  ///< of /samples
    std::string thresholds;                ///< "none", "per layer", "per layer and head"
    std::vector<std::string> masks;        ///< names under /model/masks
    bool mask_in_layers = false;           ///< some layer has a mask of its own
    std::string labels;                    ///< "class", "targets", "nodes"; "" = none: no accuracy
    std::int64_t samples_with_labels = 0;  ///< of /samples
    bool has_weights = false;
    bool shape_only = false;

    /// One stored layer of the first sample that has layers.
    struct Layer {
        std::string name;
        std::string kind;
        std::string shape;  ///< of q, or of x
        std::string dtype;
        std::uint64_t bytes = 0;  ///< stored, of all its datasets
        bool mask = false;        ///< has a mask of its own
        std::string flags;        ///< "causal", "mask", "bias", "8 windows"
    };
    std::string layers_of;  ///< the sample they are of, "" = none has layers
    std::vector<Layer> layers;
};

/// Throws: UserError as TraceReader does.
TraceInfo trace_info(const std::string& path);

/// An aligned table.
std::string to_text(const TraceInfo& info);
std::string to_json(const TraceInfo& info);

}  // namespace attohm
