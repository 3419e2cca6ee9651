#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// `attohm trace check`: everything the format promises, and whether `out` is the exact attention.
namespace attohm {

/// Whether the content is that of content_sha256.
enum class ContentState {
    unread,    ///< the file, or something in it, cannot be read
    unsealed,  ///< the trace stores no content_sha256: nothing to compare with
    verified,
    changed,
};

struct TraceCheck {
    std::string path;
    std::string trace_id;  ///< "" when the file could not be opened
    ContentState content = ContentState::unread;
    std::vector<std::string> problems;  ///< every fault found: where, what, got, allowed
    std::int64_t samples = 0;
    std::int64_t calibration_samples = 0;
    std::int64_t layers_checked = 0;
    std::int64_t heads_checked = 0;
    double worst_error = 0.0;  ///< largest difference over largest |out|, over all heads checked
    std::string worst_where;   ///< "samples/000003, layer 2, head 1"; "" when nothing was checked

    bool good() const { return problems.empty(); }
};

/// Checks a whole file; goes on after a fault. Recomputes `out` of every stored attention layer of
/// every sample and calibration sample, and the hash of everything in the file, block by block.
TraceCheck check_trace(const std::string& path);

std::string to_text(const TraceCheck& check);
std::string to_json(const TraceCheck& check);

}  // namespace attohm
