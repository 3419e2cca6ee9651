#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workloads/trace_copy.hpp"
#include "workloads/trace_writer.hpp"

/// `attohm trace slice`, `merge`, `convert`: traces out of traces. Memory stays at some tens of MiB
/// whatever the files hold. An output that exists is replaced when the new file is whole, also
/// where it is one of the inputs.
namespace attohm {

/// What is kept; nothing: all. Ordinals as texts, see index_list.hpp.
struct SliceSpec {
    std::optional<std::string> samples = {};
    std::optional<std::string> layers = {};  ///< attention layers
    std::optional<std::string> heads = {};   ///< query heads, whole groups that share a kv head
    bool calibration = true;
};

/// Keeps some samples, attention layers and heads, renumbered from 0 on. Thresholds and masks
/// follow. Weights, layers of other kinds, and calibration samples without layers stay where layers
/// and heads are all kept.
/// Throws: UserError for ordinals that are not there, for parts of a group of heads, and for
/// samples that have no layers where the weights go.
CopyOutcome slice_trace(const std::string& input, const SliceSpec& spec, const std::string& output);

/// The samples of several traces of one model, renumbered in the order of the inputs.
/// Throws: UserError naming the first object outside the samples that differs.
CopyOutcome merge_traces(const std::vector<std::string>& inputs, const std::string& output);

struct ConvertSpec {
    std::optional<StoredAs> tensors = {};  ///< of q, k, v, out, x
    CopyLayout layout = {};
};

/// The same trace stored in another way. To float16 it is checked as `trace check` does.
/// Throws: UserError for values beyond float16, by path and index, and where `out` would no longer
/// be the attention of the rounded q, k, v.
CopyOutcome convert_trace(const std::string& input, const ConvertSpec& spec,
                          const std::string& output);

}  // namespace attohm
