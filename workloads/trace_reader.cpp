#include "workloads/trace_reader.hpp"

#include <fmt/format.h>

#include "src/base/error.hpp"
#include "workloads/trace_elements.hpp"
#include "workloads/trace_file.hpp"

namespace attohm {

struct TraceReader::Impl {
    explicit Impl(const std::string& path)
        : problems(Problems::On::throw_first), file(path, problems), trace_id(file.trace_id()) {}

    const SampleEntry& entry(int index, bool calibration) const {
        const auto& entries = calibration ? file.calibration() : file.samples();
        if (index < 0 || static_cast<std::size_t>(index) >= entries.size())
            throw UserError("no such sample",
                            file.path() + (calibration ? ":/calibration" : ":/samples"),
                            std::to_string(index), fmt::format("0 to {}", entries.size() - 1));
        return entries[static_cast<std::size_t>(index)];
    }

    /// The sample's entry. Throws: UserError where that layer has no tensors to read.
    const SampleEntry& with_layer(const Sample& sample, int layer) const {
        const SampleEntry& found = entry(sample.index, sample.calibration);
        const std::string where = file.sample_group(found).where("layers");
        if (file.shape_only())
            throw UserError("the trace has shapes only, no tensors", where, "shape_only = 1",
                            "a trace with tensors");
        if (found.attention.empty() && !found.layer_kinds.empty())
            throw UserError("layers of this kind cannot be replayed", where,
                            found.layer_kinds.front(), "attention layers");
        if (layer < 0 || static_cast<std::size_t>(layer) >= found.attention.size())
            throw UserError("no such attention layer", where, std::to_string(layer),
                            fmt::format("an ordinal below {}", found.attention.size()));
        return found;
    }

    mutable Problems problems;
    TraceFile file;
    std::string trace_id;
};

TraceReader::TraceReader(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
TraceReader::~TraceReader() = default;

const std::string& TraceReader::path() const {
    return impl_->file.path();
}
const ModelInfo& TraceReader::model() const {
    return impl_->file.model();
}
const std::string& TraceReader::trace_id() const {
    return impl_->trace_id;
}
const std::optional<Thresholds>& TraceReader::thresholds() const {
    return impl_->file.thresholds();
}
bool TraceReader::has_weights() const {
    return impl_->file.has_weights();
}
bool TraceReader::shape_only() const {
    return impl_->file.shape_only();
}
int TraceReader::samples() const {
    return static_cast<int>(impl_->file.samples().size());
}
int TraceReader::calibration_samples() const {
    return static_cast<int>(impl_->file.calibration().size());
}

std::shared_ptr<const FixedMasks> TraceReader::masks(const std::string& name) const {
    const H5Group& root = impl_->file.root();
    if (!root.has_dataset("model/masks/" + name)) return nullptr;
    const H5Group group = root.group("model/masks");
    const H5Shape shape = group.info(name).shape;
    FixedMasks masks{shape[0], shape[1], shape[2], {}, group.where(name)};
    masks.attend.resize(shape_elements(shape));
    group.read(name, std::span(masks.attend));
    require_bits(masks.attend, 0, shape, masks.where);
    return std::make_shared<const FixedMasks>(std::move(masks));
}

std::shared_ptr<const Weights> TraceReader::weights() const {
    return std::make_shared<const Weights>(impl_->file.read_weights(impl_->problems));
}

ExtraWeights TraceReader::extra_weights(const std::string& scheme) const {
    return impl_->file.read_extra(scheme, impl_->problems);
}
Sample TraceReader::sample(int index) const {
    return impl_->file.read_sample(impl_->entry(index, false), index, impl_->problems);
}

Sample TraceReader::calibration_sample(int index) const {
    return impl_->file.read_sample(impl_->entry(index, true), index, impl_->problems);
}

void TraceReader::require_recomputable(const Sample& sample) const {
    impl_->file.require_recomputable(impl_->entry(sample.index, sample.calibration));
}

GraphInput TraceReader::graph_input(const Sample& sample) const {
    return impl_->file.read_graph(impl_->entry(sample.index, sample.calibration));
}

AttentionLayer TraceReader::layer(const Sample& sample, int layer, bool with_golden) const {
    return impl_->file.read_layer(impl_->with_layer(sample, layer), layer, sample.valid_len,
                                  with_golden, impl_->problems);
}

std::vector<HeadRange> TraceReader::head_ranges(const Sample& sample, int layer,
                                                std::size_t bytes) const {
    return impl_->file.head_ranges(impl_->with_layer(sample, layer), layer, bytes);
}

AttentionLayer TraceReader::heads(const Sample& sample, int layer, const HeadRange& heads,
                                  bool with_golden) const {
    return impl_->file.read_layer(impl_->with_layer(sample, layer), layer, sample.valid_len,
                                  with_golden, impl_->problems, heads);
}

std::vector<LayerShape> TraceReader::layer_shapes(const Sample& sample) const {
    return impl_->file.layer_shapes(impl_->entry(sample.index, sample.calibration));
}

}  // namespace attohm
