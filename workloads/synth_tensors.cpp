#include "workloads/synth_tensors.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/progress.hpp"
#include "workloads/synth_graph.hpp"

namespace attohm {

namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 28;  ///< of one tensor

/// The largest sizes of all layers; those that differ say so themselves.
ModelInfo model_of(const SynthPlan& plan) {
    const SynthSpec& spec = plan.spec;
    ModelInfo model;
    model.name = spec.name;
    model.family = spec.family;
    model.causal = spec.causal;
    model.prefix_tokens = spec.class_tokens;
    model.task = "none";
    model.pool = "none";
    for (const LayerShape& layer : plan.layers) {
        if (layer.kind != LayerKind::attention) continue;
        const AttentionSize& size = layer.attention;
        ++model.layers;
        if (size.heads > model.heads) {
            model.heads = size.heads;
            model.kv_heads = size.kv_heads;
        }
        model.head_dim = std::max(model.head_dim, size.head_dim);
        model.v_head_dim = std::max(model.v_head_dim, size.v_head_dim);
        model.width = std::max(model.width, size.width);
    }
    if (model.layers > 0) return model;
    model.layers = static_cast<int>(plan.layers.size());
    const LayerShape& first = plan.layers.front();
    model.width = first.kind == LayerKind::conv2d  ? first.conv.channels
                  : first.kind == LayerKind::graph ? static_cast<int>(first.graph.features)
                                                   : static_cast<int>(first.linear.inputs);
    return model;
}

Thresholds thresholds_of(const SynthPlan& plan, const ModelInfo& model,
                         const std::vector<SynthHead>& solved) {
    Thresholds thresholds;
    thresholds.values = Matrix<float>(static_cast<std::size_t>(model.layers),
                                      static_cast<std::size_t>(model.heads));
    std::size_t next = 0;
    for (std::size_t l = 0; l < plan.attention.size(); ++l)
        for (int h = 0; h < plan.attention[l].size.heads; ++h)
            thresholds.values(l, static_cast<std::size_t>(h)) = solved[next++].threshold;
    return thresholds;
}

void add_mask(const AttentionSize& size, AttentionLayer& layer) {
    if (size.pattern.empty()) return;
    const auto n_k = static_cast<std::size_t>(size.n_k);
    layer.mask.resize(static_cast<std::size_t>(size.n_q) * n_k);
    layer.mask_planes = 1;
    for (int i = 0; i < size.n_q; ++i)
        for (int j = 0; j < size.n_k; ++j)
            layer.mask[static_cast<std::size_t>(i) * n_k + static_cast<std::size_t>(j)] =
                size.pattern.allows(i, j) ? 1 : 0;
}

/// A layer of one sample; the writer computes `out`, from q, k, v as they are stored.
/// Args: solved: heads of this layer.
AttentionLayer make_layer(const SynthPlan& plan, int ordinal, const Sample& sample,
                          const SynthHead* solved) {
    const AttentionSize& size = plan.attention[static_cast<std::size_t>(ordinal)].size;
    const auto heads = static_cast<std::size_t>(size.heads);
    const auto kv_heads = static_cast<std::size_t>(size.kv_heads);
    const auto windows = static_cast<std::size_t>(size.windows);
    AttentionLayer made;
    made.layer = ordinal;
    made.n_q = size.n_q;
    made.n_k = size.n_k;
    made.windows = size.windows;
    const int padding = sample.valid_len < 0 ? 0 : size.n_k - sample.valid_len;
    made.valid_q = size.n_q - padding;
    made.valid_k = size.n_k - padding;
    made.scale = 1.0F / std::sqrt(static_cast<float>(size.head_dim));
    made.causal = size.causal;
    const auto n_q = static_cast<std::size_t>(size.n_q);
    const auto n_k = static_cast<std::size_t>(size.n_k);
    made.q.resize(heads * windows, n_q, static_cast<std::size_t>(size.head_dim));
    made.k.resize(kv_heads * windows, n_k, static_cast<std::size_t>(size.head_dim));
    made.v.resize(kv_heads * windows, n_k, static_cast<std::size_t>(size.v_head_dim));
    add_mask(size, made);
    const SynthContent content(plan.spec, size);
    const auto place = [&](std::size_t head, std::size_t window) {
        SynthPlace p = place_of(size, ordinal, static_cast<int>(head));
        p.sample = sample.index;
        p.calibration = sample.calibration;
        p.window = static_cast<int>(window);
        return p;
    };
    parallel_for(kv_heads * windows, [&](std::size_t plane) {
        const SynthPlace first = place(plane % kv_heads * heads / kv_heads, plane / kv_heads);
        content.keys(first, made.k.plane(plane));
        content.values(first, made.v.plane(plane));
    });
    parallel_for(heads * windows, [&](std::size_t plane) {
        content.queries(place(plane % heads, plane / heads), solved[plane % heads].process,
                        made.q.plane(plane));
    });
    return made;
}

/// Layers other than attention: Gaussian weights that keep the scale, rectified Gaussian inputs of
/// which a share is not zero.
class OtherLayers {
  public:
    OtherLayers(const SynthPlan& plan, TraceWriter& writer) : plan_(plan), writer_(writer) {
        weights_.resize(plan.layers.size());
        for (std::size_t i = 0; i < plan.layers.size(); ++i) {
            const LayerShape& layer = plan.layers[i];
            if (layer.kind == LayerKind::attention) continue;
            std::vector<std::size_t> extents = weight_extents(layer);
            std::size_t count = 1, inputs = 1;
            for (std::size_t axis = 0; axis < extents.size(); ++axis) {
                count *= extents[axis];
                if (axis > 0) inputs *= extents[axis];
            }
            std::vector<float> values(require_size(count));
            stream(0, i).normals(0, values);
            const auto factor = static_cast<float>(std::sqrt(2.0 / static_cast<double>(inputs)));
            for (float& value : values) value *= factor;
            weights_[i] = writer.weight(fmt::format("weight_{:02}", i), extents, values);
            if (layer.kind == LayerKind::graph && adjacency_.empty())
                adjacency_ = writer.adjacency(power_law_graph(
                    {layer.graph.nodes, layer.graph.edges, plan.spec.exponent, plan.spec.seed}));
        }
    }

    void write(std::size_t index, const Sample& sample) {
        const LayerShape& layer = plan_.layers[index];
        std::vector<float> x(require_size(elements(layer)));
        const Stream draws =
            stream(1, index).with({sample.calibration ? std::uint64_t{1} : std::uint64_t{0},
                                   static_cast<std::uint64_t>(sample.index)});
        draws.with(0).normals(0, x);
        // As many are zero as asked, wherever the draw puts them.
        std::vector<float> order(x.size());
        if (plan_.spec.density < 1.0) draws.with(1).uniforms(0, order);
        const auto density = static_cast<float>(plan_.spec.density);
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = order[i] < density ? std::abs(x[i]) : 0.0F;
        writer_.tensors(layer, x, weights_[index],
                        layer.kind == LayerKind::graph ? adjacency_ : "");
    }

  private:
    Stream stream(std::uint64_t part, std::size_t layer) const {
        return {plan_.spec.seed,
                Purpose::synth_content,
                {(std::uint64_t{1} << 34U) + part, static_cast<std::uint64_t>(layer)}};
    }
    static std::vector<std::size_t> weight_extents(const LayerShape& layer) {
        const auto extent = [](std::int64_t n) { return static_cast<std::size_t>(n); };
        const ConvSize& c = layer.conv;
        if (layer.kind == LayerKind::conv2d)
            return {extent(c.outputs), extent(c.channels / c.groups), extent(c.kernel_h),
                    extent(c.kernel_w)};
        if (layer.kind == LayerKind::graph)
            return {extent(layer.graph.outputs), extent(layer.graph.features)};
        return {extent(layer.linear.outputs), extent(layer.linear.inputs)};
    }
    static std::size_t elements(const LayerShape& layer) {
        const ConvSize& c = layer.conv;
        std::int64_t count = layer.linear.rows * layer.linear.inputs;
        if (layer.kind == LayerKind::conv2d) count = std::int64_t{c.channels} * c.height * c.width;
        if (layer.kind == LayerKind::graph) count = layer.graph.nodes * layer.graph.features;
        return static_cast<std::size_t>(count);
    }
    static std::size_t require_size(std::size_t count) {
        if (count > static_cast<std::size_t>(kMostElements))
            refuse_synth("tensor too large", fmt::format("{} elements", count),
                         fmt::format("at most {}, or shapes only", kMostElements));
        return count;
    }

    const SynthPlan& plan_;
    TraceWriter& writer_;
    std::vector<std::string> weights_;
    std::string adjacency_;
};

std::vector<Sample> samples_of(const SynthPlan& plan, bool calibration) {
    const std::vector<int>& lengths = calibration ? plan.calibration_lengths : plan.lengths;
    const int count = calibration ? plan.spec.calibration : plan.spec.samples;
    std::vector<Sample> samples;
    for (int index = 0; index < count; ++index) {
        Sample sample;
        sample.index = index;
        sample.name = fmt::format("{:06}", index);
        sample.calibration = calibration;
        if (!lengths.empty()) sample.valid_len = lengths[static_cast<std::size_t>(index)];
        samples.push_back(std::move(sample));
    }
    return samples;
}

void write_sample(const SynthPlan& plan, const std::vector<SynthHead>& solved, const Sample& sample,
                  OtherLayers& others, TraceWriter& writer, Progress& progress) {
    writer.begin_sample(sample);
    int ordinal = 0;
    std::size_t first_head = 0;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const AttentionSize& size = plan.layers[i].attention;
        if (plan.layers[i].kind == LayerKind::attention) {
            writer.layer(make_layer(plan, ordinal++, sample, solved.data() + first_head), &size);
            first_head += static_cast<std::size_t>(size.heads);
        } else {
            others.write(i, sample);
        }
        progress.tick();
    }
}

}  // namespace

SynthPlace place_of(const AttentionSize& size, int layer, int head) {
    return {layer, head, head * size.kv_heads / size.heads, 0, false, 0};
}

void write_shapes(const SynthPlan& plan, const std::string& path) {
    WriterOptions options;
    options.shape_only = true;
    TraceWriter writer(path, model_of(plan), std::nullopt, options);
    for (const Sample& sample : samples_of(plan, false)) {
        writer.begin_sample(sample);
        for (const LayerShape& layer : plan.layers) writer.shape(layer);
    }
    writer.finish();
}

void write_tensors(const SynthPlan& plan, const std::vector<SynthHead>& solved,
                   const std::string& path) {
    const SynthSpec& spec = plan.spec;
    WriterOptions options;
    options.tensors = spec.tensors;
    if (spec.tensors == StoredAs::float16) options.tolerance = 1e-2;
    const ModelInfo model = model_of(plan);
    std::optional<Thresholds> thresholds;
    if (!solved.empty()) thresholds = thresholds_of(plan, model, solved);
    TraceWriter writer(path, model, thresholds, options);
    OtherLayers others(plan, writer);
    const auto layers = static_cast<std::int64_t>(plan.layers.size());
    Progress progress("writing", "layers", layers * (spec.samples + spec.calibration));
    for (const bool calibration : {true, false})
        for (const Sample& sample : samples_of(plan, calibration))
            write_sample(plan, solved, sample, others, writer, progress);
    writer.finish();
}

}  // namespace attohm
