#include "src/schemes/symmetric_codes.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/vmath.hpp"

namespace attohm {

float largest_magnitude(MatrixView<const float> x, std::size_t rows) {
    float high = 0.0F;
    for (std::size_t t = 0; t < rows; ++t)
        for (std::size_t i = 0; i < x.cols; ++i) high = std::max(high, std::abs(x(t, i)));
    return high;
}

std::int64_t symmetric_codes(MatrixView<const float> x, float scale, int levels,
                             Matrix<float>& codes) {
    std::int64_t clipped = 0;
    const float per_unit = scale > 0.0F ? static_cast<float>(levels) / scale : 0.0F;
    for (std::size_t t = 0; t < codes.rows(); ++t)
        clipped += quantise_codes({x.row(t), x.cols}, per_unit, -levels, levels,
                                  {codes.row(t), codes.cols()});
    return clipped;
}

CodeScales largest_scales(std::span<const AttentionHead> samples) {
    CodeScales scales;
    for (const AttentionHead& head : samples) {
        scales.q =
            std::max(scales.q, largest_magnitude(head.q, static_cast<std::size_t>(head.valid_q)));
        scales.k =
            std::max(scales.k, largest_magnitude(head.k, static_cast<std::size_t>(head.valid_k)));
    }
    return scales;
}

CodedHead code_head(const AttentionHead& head, const CodeScales& scales, int bits) {
    const int levels = symmetric_levels(bits);
    CodedHead codes;
    codes.q.resize(static_cast<std::size_t>(head.valid_q), head.d());
    codes.k.resize(static_cast<std::size_t>(head.valid_k), head.d());
    codes.q_clipped = symmetric_codes(head.q, scales.q, levels, codes.q);
    codes.k_clipped = symmetric_codes(head.k, scales.k, levels, codes.k);
    const auto step = static_cast<float>(levels);
    codes.score_step = head.scale * (scales.q / step) * (scales.k / step);
    return codes;
}

}  // namespace attohm
