#include <set>

#include "src/base/error.hpp"
#include "src/replay/replay_run.hpp"
#include "src/work/op_builder.hpp"

/// Layers of a trace that are not attention, as operators: from their sizes alone, so that a trace
/// with tensors and one of shapes ask the same of a machine.
namespace attohm {

namespace {

/// One operator; a graph layer: two.
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

std::string path_of(const std::string& sample, std::size_t layer) {
    return fmt::format("{}/layers/{:02}", sample, layer);
}

void require_units(const std::vector<Machine>& machines, const LayerWork& work,
                   const LayerShape& layer, const std::string& where) {
    for (const Machine& machine : machines)
        for (const Operator& op : work.ops.ops)
            if (machine.engine() != nullptr && machine.engine()->unit_for(op) < 0)
                throw UserError(
                    fmt::format("machine `{}` cannot run a layer of kind {}", machine.name,
                                layer_kind_name(layer.kind)),
                    where, fmt::format("no unit for `{}`", op.name),
                    fmt::format("a machine with a unit that does {}", op_kind_info(op.kind).name));
}

}  // namespace

OtherLayers::OtherLayers(const ReplayRun& run, const Sample& sample)
    : run_(&run), where_(sample.where), layers_(run.reader().layer_shapes(sample)) {}

const LayerShape* OtherLayers::attention() const {
    const bool found = next_ < layers_.size() && layers_[next_].kind == LayerKind::attention;
    return found ? &layers_[next_] : nullptr;
}

void OtherLayers::plan(std::size_t index, SamplePlanner& planner) const {
    const bool own_operators =
        has_attention(run_->reader().model()) && run_->trace.weights() != nullptr;
    if (!run_->whole_model || own_operators) return;
    const LayerWork work = other_work(attention_, layers_[index], run_->operand_bits);
    require_units(run_->costs->machines(), work, layers_[index], path_of(where_, index));
    planner.layer(work);
}

void OtherLayers::plan_until_attention(SamplePlanner& planner) {
    for (; next_ < layers_.size() && layers_[next_].kind != LayerKind::attention; ++next_)
        plan(next_, planner);
}

void OtherLayers::pass_attention() {
    ATTOHM_CHECK(attention() != nullptr);
    ++attention_;
    ++next_;
}

void note_other_layers(ReplayRun& run, const Sample& sample) {
    if (run.costs == nullptr || !has_attention(run.reader().model())) return;
    int count = 0;
    std::set<std::string_view> kinds;
    std::string first;
    bool assumed_mlp = false;
    const std::vector<LayerShape> layers = run.reader().layer_shapes(sample);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].kind == LayerKind::attention) {
            assumed_mlp = assumed_mlp || layers[i].attention.hidden == 0;
            continue;
        }
        if (count++ == 0) first = path_of("/samples/" + sample.name, i);
        kinds.insert(layer_kind_name(layers[i].kind));
    }
    if (count == 0) return;
    const std::string which =
        fmt::format("{} layers of kind {}, from {} on,", count, fmt::join(kinds, ", "), first);
    if (!run.whole_model)
        run.notes.push_back("attention only: " + which +
                            " are not priced; this machine's plans are of attention alone");
    else if (run.trace.weights() != nullptr)
        run.notes.push_back(which +
                            " are parts of the network whose weights the trace holds: "
                            "its own linear operators are priced, not these");
    else if (assumed_mlp && kinds.contains("linear"))
        run.notes.push_back(which +
                            " are priced beside projections and MLP that are assumed from "
                            "the model's width: one that is both is counted twice");
}

}  // namespace attohm
