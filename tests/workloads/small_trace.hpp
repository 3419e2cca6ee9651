#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "src/base/hdf5.hpp"
#include "workloads/trace.hpp"

/// Small traces for tests, written by hand (not by our writer), with faults on demand.
namespace attohm::testing {

/// What is wrong with a trace. Keys are paths ("/samples/000000/layers/00/k") or, for attributes,
/// "/model@heads".
struct Faults {
    std::set<std::string> missing = {};                ///< groups, datasets, attributes left out
    std::map<std::string, std::string> text = {};      ///< attribute values
    std::map<std::string, std::int64_t> integer = {};  ///< attribute values
    std::set<std::string> as_double = {};              ///< datasets stored as float64
    std::map<std::string, H5Shape> shape = {};         ///< datasets stored with zeros of this shape
    bool shape_only = false;
    bool weights = false;  ///< with /model/weights, all 0.5
    /// Called with each tensor before it is stored.
    std::function<void(const std::string& path, Tensor3& tensor)> change = {};
};

/// 2 layers, 4 heads sharing 2 kv heads, d 3, dv 2, 5 tokens, 2 samples and 1 calibration sample.
ModelInfo small_model();

/// A layer of it with values that follow from `seed`; out is empty.
AttentionLayer small_layer(int layer, int seed);

/// Exact attention of a whole layer in double precision, written plainly.
Tensor3 plain_attention(const AttentionLayer& layer);

void write_small_trace(const std::string& path, const Faults& faults = {});

}  // namespace attohm::testing
