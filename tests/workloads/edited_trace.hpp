#pragma once

#include <string>
#include <vector>

#include "tests/workloads/small_trace.hpp"
#include "workloads/trace_copy.hpp"

/// Helpers of the tests of trace tools.
namespace attohm::testing {

/// Elements from memory.
SourcePointer memory_source(const H5Shape& shape, std::vector<std::uint8_t> values);
SourcePointer memory_source(const H5Shape& shape, std::vector<float> values);

/// The small trace (seeds from `first_seed` on for its two samples) with a threshold per head, a
/// fixed mask per head, a mask and a bias in its first layers, and groups that no reader knows.
void write_rich_trace(const std::string& path, bool weights = false);

/// Paths at which two files differ below the root, attributes and elements compared; "" where they
/// do not.
std::string first_difference(const std::string& a, const std::string& b);

std::string content_hash_of(const std::string& path);

/// Elements of a dataset as they are stored.
std::vector<std::byte> raw_bytes(const std::string& path, const std::string& dataset);

}  // namespace attohm::testing
