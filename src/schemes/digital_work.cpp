#include "src/schemes/digital_work.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

HeadWork digital_work(const HeadShape& shape, OpList ops, int bits, std::int64_t kept_pairs) {
    HeadWork work;
    work.shape = shape;
    work.bits.q = work.bits.k = work.bits.v = bits;
    work.kept_pairs = kept_pairs;
    work.ops = std::move(ops);
    return work;
}

void file_work(HeadWork work, SampleContext& context) {
    if (context.selections != nullptr) context.selections->consume(work);
    context.work.heads.push_back(std::move(work));
}

int load_operand_bits(const Settings& settings, std::string_view key) {
    return static_cast<int>(settings.integer(key, {2.0, 32.0}));
}

void AllPairsRule::refuse(int layer, std::string_view what) const {
    throw UserError(fmt::format("scheme {} cannot compute layer {}: {} is not defined with {}",
                                scheme, layer, method, what),
                    fmt::format("{}:/samples/*/layers/{:02d}", trace_path, layer),
                    std::string(what),
                    "layers without mask, causality and bias (padding is fine), or another scheme");
}

void AllPairsRule::require(const AttentionHead& head) const {
    if (!head.bias.empty()) refuse(head.layer, "a bias tensor");
    if (!head.mask.empty()) refuse(head.layer, "a mask");
    if (head.causal) refuse(head.layer, "a causal layer");
}

void AllPairsRule::require(const HeadShape& shape) const {
    const std::int64_t all = std::int64_t{shape.valid_q} * shape.valid_k;
    if (shape.causal) refuse(shape.layer, "a causal layer");
    if (shape.allowed_pairs != all)
        refuse(shape.layer, fmt::format("{} of {} pairs", shape.allowed_pairs, all));
}

void AllPairsRule::require(const ModelInfo& model) const {
    if (!model.causal) return;
    throw UserError(fmt::format("scheme {} has no causal form: {} needs them all", scheme, method),
                    fmt::format("{}:/model", trace_path), "causal: 1",
                    "models whose tokens see all tokens, or another scheme");
}

std::vector<double> column_sums(MatrixView<const float> x, std::size_t rows, bool absolute) {
    std::vector<double> sums(x.cols, 0.0);
    for (std::size_t j = 0; j < rows; ++j) {
        const float* row = x.row(j);
        for (std::size_t c = 0; c < x.cols; ++c) {
            const auto value = static_cast<double>(row[c]);
            sums[c] += absolute ? std::abs(value) : value;
        }
    }
    return sums;
}

OpShape token_sums(std::int64_t columns, std::int64_t rows) {
    return columns == rows ? OpShape{1, columns * rows} : OpShape{columns, rows};
}

void clear_padding(const AttentionHead& head, MatrixView<float> out) {
    for (auto t = static_cast<std::size_t>(head.valid_q); t < head.n_q(); ++t)
        std::fill_n(out.row(t), head.dv(), 0.0F);
}

}  // namespace attohm
