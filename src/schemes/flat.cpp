#include "src/schemes/flat.hpp"

#include "src/schemes/digital_schemes.hpp"
#include "src/schemes/digital_work.hpp"

namespace attohm {

FlatScheme::FlatScheme(const Settings& settings)
    : operand_bits_(load_operand_bits(settings, "flat.operand_bits")) {}

void FlatScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                           SampleContext& context) const {
    Scheme::attention(layer, heads, out, context);
    record_dense_work(heads, operand_bits_, context);
}

bool FlatScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    record_dense_work(shape, operand_bits_, context);
    return true;
}

SchemeEntry flat_entry() {
    SchemeEntry entry;
    entry.name = "flat";
    entry.help = "exact attention as three operators that a plan fuses over tiles of complete rows";
    entry.source = "FLAT, ASPLOS 2023, arXiv 2107.06419";
    entry.equations = {"L = scale Q K^T,  P = softmax(L) row by row,  A = P V",
                       "live elements, double-buffered, of a tile of R rows: 4 R d + 4 N d + R N",
                       "of a head: 8 N d + N^2;  of all H heads (D = H d): 8 D N + H N^2"};
    entry.not_modelled = {"operands narrower than float32 in the numbers",
                          "tiles of keys and online softmax: a tile holds complete rows"};
    entry.keys = {"flat"};
    entry.preset = "presets/flat.yaml";
    entry.plan = "flat";
    entry.baselines = {"unfused", "dense"};
    entry.machine = "flat-edge";
    entry.make = [](const SchemeInputs&, const Settings& settings) {
        return std::make_unique<FlatScheme>(settings);
    };
    return entry;
}

}  // namespace attohm
