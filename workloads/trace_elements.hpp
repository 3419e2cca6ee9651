#pragma once

#include <set>
#include <string>

#include "workloads/trace_file.hpp"

/// Elements that replay does not read, for `trace check`.
namespace attohm {

/// Values of /model/masks: 0 or 1.
void check_mask_values(const TraceFile& file, Problems& problems);

/// x, weights, biases and adjacency of the layers of a sample that are not attention, and x_in of
/// those that are: finite, and rows of a graph that fit. Args: checked: paths that need no second
/// look, as layers share tensors.
void check_elements(const TraceFile& file, const SampleEntry& entry, std::set<std::string>& checked,
                    Problems& problems);

}  // namespace attohm
