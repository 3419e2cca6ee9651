#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

/// Learned parameters of one scheme that a trace carries beside the network:
/// /model/weights/extra/<scheme>/... Plain data; TraceReader::extra_weights reads it.
namespace attohm {

struct ExtraTensor {
    std::vector<std::size_t> shape;
    std::vector<float> values;  ///< in C order
};

struct ExtraWeights {
    std::string where;                           ///< "file.h5:/model/weights/extra/qna"
    std::map<std::string, ExtraTensor> tensors;  ///< by path below it: "layer_03/anchors"

    bool empty() const { return tensors.empty(); }
    /// The tensor of a layer, of exactly this shape.
    /// Args: scheme: for the message; how: how to make it.
    /// Throws: UserError naming scheme, layer, tensor and shape where it is missing or misshaped.
    const ExtraTensor& layer_tensor(const std::string& scheme, int layer, const std::string& name,
                                    const std::vector<std::size_t>& shape,
                                    const std::string& how) const;
};

}  // namespace attohm
