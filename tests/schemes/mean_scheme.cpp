#include "tests/schemes/mean_scheme.hpp"

#include "src/schemes/digital_work.hpp"
#include "src/schemes/kept_attention.hpp"

namespace attohm {

namespace {

/// out_i = mean of v_j over the keys j that query i may see; 0 where there is none.
void mean_attention(const AttentionHead& head, MatrixView<float> out) {
    clear_padding(head, out);
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        std::vector<double> sum(head.dv(), 0.0);
        double keys = 0.0;
        for (std::size_t j = 0; j < head.key_end(t); ++j) {
            if (!head.allowed(t, j)) continue;
            keys += 1.0;
            for (std::size_t c = 0; c < head.dv(); ++c) sum[c] += static_cast<double>(head.v(j, c));
        }
        for (std::size_t c = 0; c < head.dv(); ++c)
            out(t, c) = keys > 0.0 ? static_cast<float>(sum[c] / keys) : 0.0F;
    }
}

/// One sum of rows per query, one division per output.
OpList mean_ops(const HeadShape& shape, int bits) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::attention, bits);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorInfo rows = build.tensor(TensorRole::output, m * dv);
    const TensorId sum =
        build.step(OpKind::accumulate, "v sum", {m * dv, n}, {v}, rows, shape.allowed_pairs * dv);
    build.step(OpKind::divide, "mean", {m, dv}, {sum}, rows);
    return build.finish();
}

}  // namespace

void MeanScheme::attention(int /*layer*/, std::span<const AttentionHead> heads,
                           MatrixView<float> out, SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        mean_attention(head, out.columns(h * head.dv(), head.dv()));
        const HeadShape shape = head_shape(head);
        file_work(digital_work(shape, mean_ops(shape, operand_bits_), operand_bits_, 0), context);
    }
}

SchemeEntry mean_entry() {
    SchemeEntry entry;
    entry.name = "mean";
    entry.help = "every query gets the mean of the values it may see";
    entry.source = "the example of docs/add-a-scheme.md";
    entry.equations = {"out_i = mean over allowed j of v_j"};
    entry.not_modelled = {"queries and keys: they have no say"};
    entry.keys = {"mean"};
    entry.preset = "presets/mean.yaml";
    entry.plan = "operators";
    entry.baselines = {"dense"};
    entry.machine = "vitality-64x64";
    entry.make = [](const SchemeInputs&, const Settings& settings) {
        return std::make_unique<MeanScheme>(load_operand_bits(settings, "mean.operand_bits"));
    };
    return entry;
}

}  // namespace attohm
