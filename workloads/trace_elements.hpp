#pragma once

#include <set>
#include <string>

#include "workloads/trace_file.hpp"

/// Elements that replay does not read, for `trace check`.
namespace attohm {

/// Throws: UserError for the first of these mask values that is neither 0 nor 1. Args: first: its
/// ordinal in a dataset of that shape.
void require_bits(std::span<const std::uint8_t> values, std::size_t first, const H5Shape& shape,
                  const std::string& where);

/// Values of /model/masks: 0 or 1.
void check_mask_values(const TraceFile& file, Problems& problems);

/// x, weights, biases and adjacency of the layers of a sample that are not attention, and x_in of
/// those that are: finite, and rows of a graph that fit. Args: checked: paths that need no second
/// look, as layers share tensors.
void check_elements(const TraceFile& file, const SampleEntry& entry, std::set<std::string>& checked,
                    Problems& problems);

}  // namespace attohm
