#include "workloads/fixed_masks.hpp"

#include "src/base/error.hpp"

namespace attohm {

MatrixView<const std::uint8_t> FixedMasks::of(int layer, int head) const {
    const auto l = static_cast<std::size_t>(layer);
    const std::size_t h = heads == 1 ? 0 : static_cast<std::size_t>(head);
    ATTOHM_CHECK_LT(l, layers);
    ATTOHM_CHECK_LT(h, heads);
    return {attend.data() + (l * heads + h) * tokens * tokens, tokens, tokens};
}

}  // namespace attohm
