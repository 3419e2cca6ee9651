#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/replay/replay_run.hpp"
#include "src/work/linear_work.hpp"

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
    void consume(const HeadWork& work, const Selection& selection) override {
        bits_ = work.bits.q;
        planner_.consume(work, selection);
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

[[noreturn]] void refuse(const ReplayRun& run, const std::string& what, const std::string& got,
                         const std::string& allowed) {
    throw UserError("the trace has shapes only, and " + what, run.reader().path() + "@shape_only",
                    got, allowed);
}

[[noreturn]] void refuse_unpriced(const ReplayRun& run) {
    if (run.reader().shape_only())
        refuse(run, "nothing is priced", fmt::format("scheme {}", run.scheme.name()),
               "machines to price it on, or a trace with tensors");
    throw UserError("the trace has no attention to replay, and nothing is priced",
                    run.reader().path() + ":/samples", fmt::format("scheme {}", run.scheme.name()),
                    "a scheme with a machine that prices layers: flat, sanger, vitality");
}

void plan_heads(const ReplayRun& run, const AttentionSize& size, int layer, const Sample& sample,
                SampleContext& context) {
    const HeadShape first = shape_of(size, layer, 0, sample.valid_len);
    const std::int64_t pairs = allowed_pairs(size, first.valid_q, first.valid_k);
    for (int plane = 0; plane < size.heads * size.windows; ++plane) {
        HeadShape shape = shape_of(size, layer, plane, sample.valid_len);
        shape.allowed_pairs = pairs;
        if (!run.scheme.shape_work(shape, context))
            refuse(run, "this scheme decides by values",
                   fmt::format("scheme {}", run.scheme.name()),
                   "a trace with tensors, or a scheme whose work follows from shapes (flat, "
                   "vitality, sima, salo)");
        context.work.heads.clear();
    }
}

SampleCost plan_sample(const ReplayRun& run, const Sample& sample) {
    SamplePlanner planner = run.costs->planner();
    WorkForwarder forwarder(planner);
    SampleContext context;
    context.sample = sample.index;
    context.selections = &forwarder;
    OtherLayers others(run, sample);
    others.plan_until_attention(planner);
    for (int layer = 0; others.attention() != nullptr; ++layer) {
        const AttentionSize size = others.attention()->attention;
        plan_heads(run, size, layer, sample, context);
        if (run.whole_model)
            run.plan_linears(planner, layer, size.heads, shape_block(run, size),
                             forwarder.operand_bits());
        others.pass_attention();
        others.plan_until_attention(planner);
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
    if (run.costs == nullptr) refuse_unpriced(run);
    run.scheme.prepare(reader.model(), nullptr);
    run.notes.push_back(reader.shape_only() ? "shapes only: costs, no outputs"
                                            : "no attention to replay: costs, no outputs");
    if (run.whole_model)
        run.notes.push_back(
            "whole-model figures: projections and MLP of every attention layer and the other "
            "layers of the trace; no embedding, no classifier");
    const int limit = run.experiment.sample_limit.value_or(reader.samples());
    const int count = std::min(limit, reader.samples());
    note_other_layers(run, reader.sample(0));
    for (int index = 0; index < count; ++index) {
        SampleOutcome outcome;
        outcome.sample = index;
        run.outcomes.push_back(std::move(outcome));
        run.add_cost(plan_sample(run, reader.sample(index)));
        run.report_progress(static_cast<std::size_t>(index) + 1, static_cast<std::size_t>(count));
    }
}

}  // namespace attohm
