#include "src/schemes/digital_work.hpp"

#include <algorithm>

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

void clear_padding(const AttentionHead& head, MatrixView<float> out) {
    for (auto t = static_cast<std::size_t>(head.valid_q); t < head.n_q(); ++t)
        std::fill_n(out.row(t), head.dv(), 0.0F);
}

}  // namespace attohm
