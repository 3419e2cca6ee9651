#include "workloads/scheme.hpp"

#include "src/base/error.hpp"

namespace attohm {

void Scheme::attention(int /*layer*/, std::span<const AttentionHead> heads, MatrixView<float> out,
                       SampleContext&) const {
    for (const AttentionHead& head : heads) {
        const auto first = static_cast<std::size_t>(head.head) * head.dv();
        ATTOHM_CHECK_LE(first + head.dv(), out.cols);
        exact_attention(head, out.columns(first, head.dv()));
    }
}

}  // namespace attohm
