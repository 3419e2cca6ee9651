#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "src/base/matrix.hpp"

/// A fixed sparse pattern of a model: /model/masks/<name> of a trace.
namespace attohm {

struct FixedMasks {
    std::size_t layers = 0;
    std::size_t heads = 0;  ///< 1: all heads of a layer share a mask
    std::size_t tokens = 0;
    std::vector<std::uint8_t> attend;  ///< [layers, heads, tokens, tokens], 1 = attend
    std::string where;                 ///< "file.h5:/model/masks/name", for messages

    /// [tokens, tokens] of one head. Throws: InvariantError outside the model.
    MatrixView<const std::uint8_t> of(int layer, int head) const;
};

}  // namespace attohm
