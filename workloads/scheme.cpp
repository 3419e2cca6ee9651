#include "workloads/scheme.hpp"

#include "src/base/error.hpp"

namespace attohm {

void Scheme::attention(int /*layer*/, std::span<const AttentionHead> heads, MatrixView<float> out,
                       SampleContext&) const {
    for (std::size_t i = 0; i < heads.size(); ++i) {
        const std::size_t first = i * heads[i].dv();
        ATTOHM_CHECK_LE(first + heads[i].dv(), out.cols);
        exact_attention(heads[i], out.columns(first, heads[i].dv()));
    }
}

}  // namespace attohm
