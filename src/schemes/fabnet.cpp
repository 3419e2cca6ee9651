#include "src/schemes/fabnet.hpp"

#include <algorithm>
#include <bit>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/schemes/kept_attention.hpp"
#include "src/schemes/threshold_settings.hpp"

namespace attohm {

namespace {

const std::string kHow =
    "2 x 2 matrices [copies, stages, length / 2, 2, 2] of a FABNet trained with these widths "
    "(SamsungLabs/Butterfly_Acc), written to this path; or another scheme";

void copy_rows(MatrixView<const float> x, MatrixView<float> y) {
    for (std::size_t t = 0; t < x.rows; ++t) std::copy_n(x.row(t), x.cols, y.row(t));
}

std::int64_t stages_of(std::int64_t length) {
    return std::bit_width(static_cast<std::uint64_t>(length)) - 1;
}

/// 2 x 2 matrices of all pairs of all stages.
std::int64_t coefficients(std::int64_t length) {
    return 2 * length * stages_of(length);
}

}  // namespace

std::int64_t butterfly_length(std::int64_t inputs) {
    return static_cast<std::int64_t>(
        std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(2, inputs))));
}

FabnetSettings load_fabnet_settings(const Settings& settings) {
    FabnetSettings fabnet;
    fabnet.widening = settings.choice("fabnet.strides", {"decreasing", "increasing"}) ==
                      std::string_view("increasing");
    fabnet.operand_bits = load_operand_bits(settings, "fabnet.operand_bits");
    return fabnet;
}

FabnetScheme::FabnetScheme(const SchemeInputs& inputs, const Settings& settings)
    : model_(inputs.model),
      trace_path_(inputs.trace_path),
      extra_(inputs.extra),
      settings_(load_fabnet_settings(settings)) {
    rule().require(model_);
}

AllPairsRule FabnetScheme::rule() const {
    return {"fabnet", "the transform over all tokens", trace_path_};
}

std::shared_ptr<const Weights> FabnetScheme::prepare(const ModelInfo& model,
                                                     std::shared_ptr<const Weights> weights) {
    in_network_ = weights != nullptr;
    if (!in_network_) return weights;
    const int together = model.heads * model.v_head_dim;
    if (model.kv_heads != model.heads || together != model.width)
        throw UserError(
            "scheme fabnet cannot run this network: its tokens pass through the heads as they are",
            trace_path_ + ":/model",
            fmt::format("width {}, {} heads of {} for {} of queries", model.width, model.kv_heads,
                        model.v_head_dim, model.heads),
            "heads of values that are together as wide as a token");
    return weights;
}

bool FabnetScheme::linear(int layer, std::string_view name, const LinearWeights& weights,
                          MatrixView<const float> x, MatrixView<float> y, SampleContext&) const {
    if (layer < 0 || layer >= model_.layers) return false;
    if (name == "q" || name == "k") {
        for (std::size_t t = 0; t < y.rows; ++t) std::fill_n(y.row(t), y.cols, 0.0F);
        return true;
    }
    if (name == "v" || name == "o") {
        copy_rows(x, y);
        return true;
    }
    if (name == "gate")
        throw UserError(
            fmt::format("scheme fabnet cannot compute layer {}: it defines no gated MLP", layer),
            trace_path_ + ":/model/weights@gated", "true", "a network without gates");
    const auto inputs = static_cast<std::int64_t>(x.cols);
    ButterflyLayer butterfly;
    butterfly.length = static_cast<std::size_t>(butterfly_length(inputs));
    butterfly.copies = (y.cols + butterfly.length - 1) / butterfly.length;
    butterfly.widening = settings_.widening;
    butterfly.weights =
        extra_
            .layer_tensor("fabnet", layer, std::string(name),
                          {butterfly.copies, butterfly.stages(), butterfly.length / 2, 2, 2}, kHow)
            .values;
    butterfly_product(butterfly, x, weights.b, y);
    return true;
}

void FabnetScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                             SampleContext& context) const {
    if (!in_network_ || heads.size() != static_cast<std::size_t>(model_.heads))
        throw UserError(
            fmt::format("scheme fabnet cannot compute layer {}: it mixes whole tokens, and heads "
                        "of q, k and v are not those",
                        layer),
            trace_path_, "no network around the heads",
            "a trace with a network (/model/weights) and the butterflies of its MLPs "
            "(/model/weights/extra/fabnet), or one of shapes only");
    // Side by side the heads hold the tokens.
    Matrix<float> tokens(heads.front().n_k(), out.cols);
    for (std::size_t h = 0; h < heads.size(); ++h) {
        rule().require(heads[h]);
        require_all_tokens(head_shape(heads[h]));
        copy_rows(heads[h].v, tokens.view().columns(h * heads[h].dv(), heads[h].dv()));
    }
    mix_tokens(std::as_const(tokens).view(), out);
    for (const AttentionHead& head : heads) record(head_shape(head), context);
}

void FabnetScheme::require_all_tokens(const HeadShape& shape) const {
    const int together = model_.heads * shape.dv;
    if (shape.n_q == shape.n_k && together == model_.width) return;
    throw UserError(
        fmt::format("scheme fabnet cannot compute layer {}: it mixes all tokens over their whole "
                    "width",
                    shape.layer),
        trace_path_,
        fmt::format("{} queries, {} keys, {} heads of {} in tokens of {}", shape.n_q, shape.n_k,
                    model_.heads, shape.dv, model_.width),
        "layers with as many queries as keys, all of the model's width");
}

void FabnetScheme::record(const HeadShape& shape, SampleContext& context) const {
    // The whole mixing stands in the first head; padding is mixed like anything else.
    if (shape.head != 0 || shape.n_q == 0) return;
    file_work(
        digital_work(shape, fabnet_mixing_ops(shape.n_q, model_.width, settings_.operand_bits),
                     settings_.operand_bits, 0),
        context);
}

bool FabnetScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    rule().require(shape);
    require_all_tokens(shape);
    record(shape, context);
    return true;
}

void FabnetScheme::linear_shapes(int /*layer*/, int /*heads*/,
                                 std::vector<LinearShape>& shapes) const {
    std::erase_if(shapes, [](const LinearShape& shape) {
        return shape.name == "q" || shape.name == "k" || shape.name == "v" || shape.name == "o";
    });
    for (LinearShape& shape : shapes)
        if (shape.name == "up" || shape.name == "down") shape.butterfly = butterfly_length(shape.k);
}

OpList fabnet_mixing_ops(std::int64_t tokens, std::int64_t width, int bits) {
    if (tokens == 0 || width == 0) return {};
    OpBuilder build(Stage::attention, bits);
    const TensorInfo real = build.tensor(TensorRole::activation, tokens * width);
    const TensorInfo complex = build.tensor(TensorRole::activation, 2 * tokens * width);
    const std::int64_t row = butterfly_length(width), column = butterfly_length(tokens);
    const TensorId x = build.input(TensorRole::activation, tokens * width);
    const TensorId row_turns = build.input(TensorRole::weight, coefficients(row));
    const TensorId column_turns = build.input(TensorRole::weight, coefficients(column));
    const TensorId normed = build.step(OpKind::normalise, "norm", {tokens, width}, {x}, real);
    const TensorId rows = build.step(OpKind::transform, "FFT hidden", {tokens, row, stages_of(row)},
                                     {normed, row_turns}, complex);
    const TensorId mixed =
        build.step(OpKind::transform, "FFT sequence", {width, column, stages_of(column)},
                   {rows, column_turns}, real);
    build.step(OpKind::add, "residual", {tokens, width}, {mixed, x}, real);
    OpList list = build.finish();
    for (TensorInfo& tensor : list.tensors) tensor.shared = tensor.role == TensorRole::weight;
    return list;
}

SchemeEntry fabnet_entry() {
    SchemeEntry entry;
    entry.name = "fabnet";
    entry.help = "Fourier mixing of tokens and butterfly products instead of attention and MLP";
    entry.source =
        "FABNet, MICRO 2022, arXiv 2209.09570; github.com/SamsungLabs/Butterfly_Acc software";
    entry.equations = {
        "X <- Re(DFT_seq DFT_hidden LN(X)) + X, not normalised; the padding mask is ignored",
        "X <- B2(GELU(B1(LN(X)))) + X; the norm stands where the network has it",
        "B of length n = 2^m: m stages; (x_p, x_(p+s)) <- W (x_p, x_(p+s)), a 2 x 2 W per pair",
        "inputs padded to n with zeros; ceil(outputs / n) butterflies side by side, then cut",
        "/model/weights/extra/fabnet/layer_NN/{up,down}: [copies, m, n / 2, 2, 2] in the order in "
        "which stages run; biases are those of the network",
        "multiplications: 2 n m of a row, for a DFT as for a butterfly"};
    entry.not_modelled = {
        "fp16 of the hardware: the numbers are sums in double",
        "lengths that are no power of two: the numbers are those of the length itself, as in the "
        "released software; machines pay for the next power of two",
        "ABfly blocks (softmax attention with butterfly projections)",
        "open-loop traces: they hold heads, not tokens"};
    entry.needs =
        "a network (/model/weights) and the learned butterflies of its MLPs, "
        "/model/weights/extra/fabnet/layer_NN/{up,down}; or shapes only";
    entry.keys = {"fabnet"};
    entry.preset = "presets/fabnet.yaml";
    entry.plan = "fabnet";
    entry.baselines = {"fabnet-released"};
    entry.machine = "fabnet-be120";
    entry.notes = [](const Settings&) -> std::vector<std::string> {
        return {
            "fabnet: attention figures are those of the token mixing; fidelity compares it with "
            "attention that it does not imitate"};
    };
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<FabnetScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
