#include <utility>

#include "src/base/error.hpp"
#include "workloads/synth.hpp"

namespace attohm {

namespace {

struct Shape {
    const char* name;
    int layers, heads, tokens, head_dim;
    bool causal;
    int class_tokens = 0;
};

/// Sizes of published models.
/// Source: BERT, Devlin et al., arXiv 1810.04805, section 3 (base: 12 layers, 12 heads of 64; 384
/// is the usual SQuAD length, 4096 a stress test beyond the paper). DeiT, Touvron et al., arXiv
/// 2012.12877, table 1 (12 layers, 3/6/12 heads of 64; 14 x 14 patches and a class token). GPT-2
/// large, Radford et al. 2019, table 2 (36 layers, width 1280, context 1024). FLAT's models by
/// width and heads: FuseMax artefact (FPSG-UIUC/micro24-fusemax-artifact); their layers: BERT as
/// above, Transformer-XL large, arXiv 1901.02860 (18), XLM with width 2048 (12), T5 small, arXiv
/// 1910.10683 (6); as dense attention over 512 tokens, the shortest of its lengths.
constexpr Shape kShapes[] = {
    {"bert-base-384", 12, 12, 384, 64, false}, {"bert-base-4096", 12, 12, 4096, 64, false},
    {"deit-t", 12, 3, 197, 64, false, 1},      {"deit-s", 12, 6, 197, 64, false, 1},
    {"deit-b", 12, 12, 197, 64, false, 1},     {"gpt2-l-1024", 36, 20, 1024, 64, true},
    {"flat-bert", 12, 12, 512, 64, false},     {"flat-trxl", 18, 16, 512, 64, false},
    {"flat-xlm", 12, 16, 512, 128, false},     {"flat-t5", 6, 8, 512, 64, false},
};

}  // namespace

std::vector<std::string> synth_shape_names() {
    std::vector<std::string> names;
    for (const Shape& shape : kShapes) names.emplace_back(shape.name);
    return names;
}

SynthSpec synth_shape(const std::string& name) {
    for (const Shape& shape : kShapes) {
        if (name != shape.name) continue;
        SynthSpec spec;
        spec.name = std::string("synthetic ") + shape.name;
        spec.layers = shape.layers;
        spec.heads = shape.heads;
        spec.tokens = shape.tokens;
        spec.head_dim = shape.head_dim;
        spec.causal = shape.causal;
        spec.class_tokens = shape.class_tokens;
        return spec;
    }
    std::string known;
    for (const std::string& known_name : synth_shape_names())
        known += (known.empty() ? "" : ", ") + known_name;
    throw UserError("unknown shape", "trace synth --shape", name, known);
}

}  // namespace attohm
