#pragma once

#include <optional>
#include <string>

#include "workloads/trace_copy.hpp"

/// `attohm trace mask`: a fixed sparse pattern from elsewhere becomes /model/masks/<name>.
namespace attohm {

struct MaskImport {
    std::string from;  ///< FILE.npy, FILE.h5:/dataset, or FILE.h5 with one dataset
    std::string name;
    /// What a 1 means; nothing: what the file's attribute `meaning` says ("1 = pruned ...",
    /// "1 = attend ...").
    std::optional<bool> one_means_attend = {};
};

/// A copy of the trace with the mask, 1 = attend.
/// Throws: UserError for a mask whose shape is not [layers, heads or 1, N, N] with the trace's
/// tokens, values other than 0 and 1 by path and index, a name that is taken, and a meaning that is
/// neither said nor given, or given otherwise than said.
CopyOutcome import_mask(const std::string& input, const MaskImport& spec,
                        const std::string& output);

}  // namespace attohm
