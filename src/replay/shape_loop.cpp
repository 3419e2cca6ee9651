#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/replay/replay_run.hpp"
#include "src/work/linear_work.hpp"
#include "src/work/op_builder.hpp"

namespace attohm {

namespace {

/// Hands the Work of heads on to the planner as it comes.
class WorkForwarder final : public SelectionSink {
  public:
    explicit WorkForwarder(SamplePlanner& planner) : planner_(planner) {}
    void consume(const Selection& /*selection*/) override {
        throw InvariantError("a selection from a shape");
    }
    void consume(const HeadWork& work) override {
        bits_ = work.bits.q;
        planner_.consume(work);
    }
    int operand_bits() const { return bits_; }

  private:
    SamplePlanner& planner_;
    int bits_ = OperandBits{}.q;
};

/// Pairs of one head of one window that pattern, causality and padding allow.
std::int64_t allowed_pairs(const AttentionSize& size, int valid_q, int valid_k) {
    if (valid_k == size.n_k) return size.allowed_pairs();
    AttentionSize valid = size;
    valid.n_q = valid_q;
    valid.n_k = valid_k;
    return valid.allowed_pairs();
}

HeadShape shape_of(const AttentionSize& size, int layer, int plane, int valid_len) {
    HeadShape shape;
    shape.layer = layer;
    shape.head = plane % size.heads;
    const int group = size.heads / size.kv_heads;
    shape.kv_head = plane / group;
    shape.first_of_kv_head = plane % group == 0;
    shape.n_q = shape.valid_q = size.n_q;
    shape.n_k = shape.valid_k = size.n_k;
    if (valid_len >= 0 && valid_len < size.n_k) {
        shape.valid_k = valid_len;
        shape.valid_q = std::clamp(valid_len - (size.n_k - size.n_q), 0, size.n_q);
    }
    shape.d = size.head_dim;
    shape.dv = size.v_head_dim;
    shape.causal = size.causal;
    return shape;
}

/// A layer other than attention, as one operator (a graph layer: two).
LayerWork other_work(int after, const LayerShape& layer, int bits) {
    OpBuilder build(Stage::feed_forward, bits);
    TensorId adjacency = kNoTensor;
    const auto weight = [&](std::int64_t n) { return build.input(TensorRole::weight, n); };
    const auto x = [&](std::int64_t n) { return build.input(TensorRole::activation, n); };
    const auto y = [&](std::int64_t n) { return build.tensor(TensorRole::activation, n); };
    if (layer.kind == LayerKind::linear) {
        const LinearSize& l = layer.linear;
        build.step(OpKind::matmul, "linear", {l.rows, l.outputs, l.inputs},
                   {x(l.rows * l.inputs), weight(l.inputs * l.outputs)}, y(l.rows * l.outputs));
    } else if (layer.kind == LayerKind::conv2d) {
        const ConvSize& c = layer.conv;
        const std::int64_t places = std::int64_t{c.out_height()} * c.out_width();
        const std::int64_t taps = std::int64_t{c.kernel_h} * c.kernel_w * (c.channels / c.groups);
        build.step(OpKind::convolve, "convolution", {places, c.outputs, taps},
                   {x(std::int64_t{c.channels} * c.height * c.width), weight(taps * c.outputs)},
                   y(places * c.outputs));
    } else {
        const GraphSize& g = layer.graph;
        const TensorId combined = build.step(
            OpKind::matmul, "combination", {g.nodes, g.outputs, g.features},
            {x(g.nodes * g.features), weight(g.features * g.outputs)}, y(g.nodes * g.outputs));
        adjacency = weight(g.nodes * g.nodes);
        build.step(OpKind::matmul, "aggregation", {g.nodes, g.outputs, g.nodes},
                   {adjacency, combined}, y(g.nodes * g.outputs), g.edges * g.outputs);
    }
    LayerWork work{after, build.finish()};
    for (TensorInfo& tensor : work.ops.tensors) tensor.shared = tensor.role == TensorRole::weight;
    if (adjacency == kNoTensor) return work;
    // In compressed rows: 32-bit columns and row ends beside the values.
    constexpr int kIndexBits = 32;
    TensorInfo& stored = work.ops.tensors[static_cast<std::size_t>(adjacency)];
    stored.stored = layer.graph.edges;
    stored.index_bits = (layer.graph.edges + layer.graph.nodes + 1) * kIndexBits;
    return work;
}

[[noreturn]] void refuse(const ReplayRun& run, const std::string& what, const std::string& got,
                         const std::string& allowed) {
    throw UserError(what, run.reader().path() + "@shape_only", got, allowed);
}

void plan_heads(const ReplayRun& run, const AttentionSize& size, int layer, const Sample& sample,
                SampleContext& context) {
    const HeadShape first = shape_of(size, layer, 0, sample.valid_len);
    const std::int64_t pairs = allowed_pairs(size, first.valid_q, first.valid_k);
    for (int plane = 0; plane < size.heads * size.windows; ++plane) {
        HeadShape shape = shape_of(size, layer, plane, sample.valid_len);
        shape.allowed_pairs = pairs;
        if (!run.scheme.shape_work(shape, context))
            refuse(
                run, "the trace has shapes only, and this scheme decides by values",
                fmt::format("scheme {}", run.scheme.name()),
                "a trace with tensors, or a scheme whose work follows from shapes (flat, vitality, "
                "sima)");
        context.work.heads.clear();
    }
}

SampleCost plan_sample(const ReplayRun& run, const Sample& sample) {
    SamplePlanner planner = run.costs->planner();
    WorkForwarder forwarder(planner);
    SampleContext context;
    context.sample = sample.index;
    context.selections = &forwarder;
    int attention = -1;
    for (const LayerShape& layer : run.reader().layer_shapes(sample)) {
        if (layer.kind == LayerKind::attention) {
            plan_heads(run, layer.attention, ++attention, sample, context);
            if (run.whole_model)
                run.plan_linears(planner, attention, layer.attention.heads,
                                 shape_block(run, layer.attention), forwarder.operand_bits());
        } else if (run.whole_model) {
            planner.layer(other_work(attention, layer, forwarder.operand_bits()));
        }
    }
    return planner.finish();
}

}  // namespace

std::vector<AttentionSize> attention_sizes(const TraceReader& reader, const Sample& sample) {
    std::vector<AttentionSize> sizes;
    for (const LayerShape& layer : reader.layer_shapes(sample))
        if (layer.kind == LayerKind::attention) sizes.push_back(layer.attention);
    return sizes;
}

std::vector<LinearShape> shape_block(const ReplayRun& run, const AttentionSize& size) {
    const std::int64_t width = size.width;
    const std::int64_t hidden =
        size.hidden > 0 ? size.hidden
                        : std::llround(run.mlp_ratio.value() * static_cast<double>(width));
    const BlockWidths widths{width,
                             std::int64_t{size.heads} * size.head_dim,
                             std::int64_t{size.kv_heads} * size.head_dim,
                             std::int64_t{size.kv_heads} * size.v_head_dim,
                             std::int64_t{size.heads} * size.v_head_dim,
                             std::max<std::int64_t>(1, hidden),
                             false};
    std::vector<LinearShape> shapes = block_shapes(widths, std::int64_t{size.windows} * size.n_q);
    // Keys and values of fewer tokens than there are queries.
    for (LinearShape& shape : shapes)
        if (shape.name == "k" || shape.name == "v") shape.m = std::int64_t{size.windows} * size.n_k;
    return shapes;
}

void ReplayRun::plan_linears(SamplePlanner& planner, int layer, int layer_heads,
                             const std::vector<LinearShape>& shapes, int bits) const {
    std::vector<LinearShape> own = shapes;
    if (layer_heads > 0) scheme.linear_shapes(layer, layer_heads, own);
    const bool same =
        std::equal(own.begin(), own.end(), shapes.begin(), shapes.end(),
                   [](const LinearShape& a, const LinearShape& b) {
                       return a.name == b.name && a.m == b.m && a.k == b.k && a.n == b.n;
                   });
    if (same) return planner.layer(linear_layer_work(layer, shapes, bits));
    planner.layer(linear_layer_work(layer, own, bits), LayerUser::scheme);
    planner.layer(linear_layer_work(layer, shapes, bits), LayerUser::baselines);
}

void run_shape_loop(ReplayRun& run) {
    const TraceReader& reader = run.reader();
    if (run.costs == nullptr)
        refuse(run, "the trace has shapes only, and nothing is priced",
               fmt::format("scheme {}", run.scheme.name()),
               "machines to price it on, or a trace with tensors");
    run.scheme.prepare(reader.model(), nullptr);
    run.notes.push_back("shapes only: costs, no outputs");
    if (run.whole_model)
        run.notes.push_back(
            "whole-model figures: projections and MLP of every attention layer and the other "
            "layers of the trace; no embedding, no classifier");
    const int limit = run.experiment.sample_limit.value_or(reader.samples());
    const int count = std::min(limit, reader.samples());
    for (int index = 0; index < count; ++index) {
        SampleOutcome outcome;
        outcome.sample = index;
        run.outcomes.push_back(std::move(outcome));
        run.sample_costs.push_back(plan_sample(run, reader.sample(index)));
        run.report_progress(static_cast<std::size_t>(index) + 1, static_cast<std::size_t>(count));
    }
}

}  // namespace attohm
