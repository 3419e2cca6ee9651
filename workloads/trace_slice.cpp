#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/version.hpp"
#include "workloads/index_list.hpp"
#include "workloads/path_moves.hpp"
#include "workloads/trace_edit.hpp"
#include "workloads/trace_file.hpp"

namespace attohm {

namespace {

std::vector<int> chosen(const std::optional<std::string>& text, const char* option,
                        std::size_t count) {
    const auto all = static_cast<int>(count);
    if (text) return parse_index_list(*text, option, all);
    std::vector<int> indices(count);
    for (int i = 0; i < all; ++i) indices[static_cast<std::size_t>(i)] = i;
    return indices;
}

std::vector<std::size_t> wide(const std::vector<int>& indices) {
    return {indices.begin(), indices.end()};
}

/// Planes of some heads in tensors whose first axis is windows * heads, window-major.
std::vector<std::size_t> planes_of(const std::vector<int>& heads, int all, int windows) {
    std::vector<std::size_t> planes;
    for (int window = 0; window < windows; ++window)
        for (const int head : heads)
            planes.push_back(static_cast<std::size_t>(window * all + head));
    return planes;
}

class Slicer {
  public:
    Slicer(const std::string& path, const SliceSpec& spec)
        : spec_(spec), problems_(Problems::On::throw_first), file_(path, problems_) {
        const ModelInfo& model = file_.model();
        samples_ = chosen(spec.samples, "--samples", file_.samples().size());
        if ((spec.layers || spec.heads) && model.heads == 0)
            throw UserError("the trace has no attention to choose from",
                            file_.root().where("model"), "family " + model.family,
                            "a trace of a transformer, or --samples alone");
        layers_ = chosen(spec.layers, "--layers", static_cast<std::size_t>(model.layers));
        heads_ = chosen(spec.heads, "--heads", static_cast<std::size_t>(model.heads));
        require_groups();
        whole_ = layers_.size() == static_cast<std::size_t>(model.layers) && !fewer_heads();
    }

    std::vector<CopyItem> items() {
        plan_model();
        for (std::size_t i = 0; i < samples_.size(); ++i)
            kept_samples_.push_back(file_.samples()[static_cast<std::size_t>(samples_[i])]);
        plan_samples("/samples/", file_.samples(), kept_samples_);
        if (spec_.calibration) {
            for (const SampleEntry& entry : file_.calibration())
                if (whole_ || !entry.attention.empty()) kept_calibration_.push_back(entry);
            plan_samples("/calibration/", file_.calibration(), kept_calibration_);
        }
        if (kept_calibration_.empty()) moves_.drop("/calibration");
        std::vector<CopyItem> all = all_items(file_.root());
        for (CopyItem& item : all) choose(item);
        return moves_.apply(std::move(all));
    }

    CopyOrigin origin() const {
        std::string by = fmt::format("attohm {} trace slice", version());
        by += " --samples " + index_list_text(samples_);
        by += " --layers " + index_list_text(layers_);
        if (!heads_.empty()) by += " --heads " + index_list_text(heads_);
        if (!spec_.calibration) by += " --no-calibration";
        return {file_.root(), {}, file_.trace_id(), by};
    }

    void report(CopyOutcome& outcome) const {
        outcome.samples = static_cast<std::int64_t>(samples_.size());
        outcome.calibration_samples = static_cast<std::int64_t>(kept_calibration_.size());
        if (whole_) return;
        const std::size_t bare =
            spec_.calibration ? file_.calibration().size() - kept_calibration_.size() : 0;
        if (bare > 0)
            outcome.notes.push_back(
                fmt::format("{} calibration samples without layers are left out", bare));
        if (file_.has_weights())
            outcome.notes.push_back(
                "/model/weights is left out: a network without some of its layers or heads cannot "
                "be run");
        if (others_ > 0)
            outcome.notes.push_back(
                fmt::format("{} layers that are no attention are left out", others_));
    }

  private:
    bool fewer_heads() const {
        return heads_.size() < static_cast<std::size_t>(file_.model().heads);
    }

    /// Query heads of one kv head go together. Fills kv_heads_.
    void require_groups() {
        const ModelInfo& model = file_.model();
        if (model.kv_heads == 0) return;
        const int group = model.heads / model.kv_heads;
        for (std::size_t i = 0; i < heads_.size(); ++i) {
            const int place = static_cast<int>(i) % group;
            if (heads_[i] % group != place || (place > 0 && heads_[i] != heads_[i - 1] + 1)) {
                refuse_groups(group);
            }
            if (place == 0) kv_heads_.push_back(heads_[i] / group);
        }
        if (heads_.size() % static_cast<std::size_t>(group) != 0) refuse_groups(group);
    }
    [[noreturn]] void refuse_groups(int group) const {
        throw UserError("heads that share a kv head go together", "--heads",
                        index_list_text(heads_),
                        fmt::format("whole groups of {} heads: 0-{}, {}-{}, ...", group, group - 1,
                                    group, 2 * group - 1));
    }

    void plan_model() {
        if (whole_) return;
        moves_.drop("/model/weights");
        moves_.drop("/model/modules");
    }

    void plan_samples(const std::string& parent, const std::vector<SampleEntry>& all,
                      const std::vector<SampleEntry>& kept) {
        for (const SampleEntry& entry : all) moves_.drop(parent + entry.name);
        for (std::size_t i = 0; i < kept.size(); ++i) {
            const std::string from = parent + kept[i].name;
            const std::string to = fmt::format("{}{:06}", parent, i);
            moves_.move(from, to);
            if (whole_) {
                plan_choices(from, kept[i]);
                continue;
            }
            if (kept[i].attention.empty()) refuse_bare(from, all);
            for (const std::string& name : kept[i].layer_names)
                moves_.drop(from + "/layers/" + name);
            for (std::size_t l = 0; l < layers_.size(); ++l)
                moves_.move(
                    from + "/layers/" + kept[i].attention[static_cast<std::size_t>(layers_[l])],
                    fmt::format("{}/layers/{:02}", to, l));
            others_ += kept[i].layer_names.size() - kept[i].attention.size();
            plan_choices(from, kept[i]);
        }
    }

    [[noreturn]] void refuse_bare(const std::string& sample,
                                  const std::vector<SampleEntry>& all) const {
        std::vector<int> with_layers;
        for (std::size_t i = 0; i < all.size(); ++i)
            if (!all[i].attention.empty()) with_layers.push_back(static_cast<int>(i));
        throw UserError("a sample without layers needs the weights", file_.root().where(sample),
                        "no attention layers",
                        "all layers and heads, or the samples with layers (--samples " +
                            index_list_text(with_layers) + ")");
    }

    /// Heads of the sample's attention layers, by the paths of their tensors.
    void plan_choices(const std::string& sample, const SampleEntry& entry) {
        if (!fewer_heads()) return;
        const ModelInfo& model = file_.model();
        for (const int layer : layers_) {
            const std::string name = entry.attention[static_cast<std::size_t>(layer)];
            const std::string path = sample + "/layers/" + name;
            const H5Group group = file_.root().group(path);
            require_model_heads(group);
            if (file_.shape_only()) continue;
            const int windows =
                group.has_attribute("windows") ? static_cast<int>(group.integer("windows")) : 1;
            const auto queries = planes_of(heads_, model.heads, windows);
            const auto keys = planes_of(kv_heads_, model.kv_heads, windows);
            for (const char* tensor : {"/q", "/out"}) choices_[path + tensor] = {queries};
            for (const char* tensor : {"/k", "/v"}) choices_[path + tensor] = {keys};
            for (const char* tensor : {"bias", "mask"})
                if (group.has_dataset(tensor) && group.info(tensor).shape[0] > 1)
                    choices_[path + "/" + tensor] = {queries};
        }
    }

    /// A layer of another size would need a choice of its own.
    void require_model_heads(const H5Group& layer) const {
        const ModelInfo& model = file_.model();
        for (const auto& [name, count] :
             {std::pair{"heads", model.heads}, {"kv_heads", model.kv_heads}})
            if (layer.has_attribute(name) && layer.integer(name) != count)
                throw UserError("a layer has heads of its own", layer.where_attribute(name),
                                std::to_string(layer.integer(name)),
                                fmt::format("{} as /model, or all heads", count));
    }

    void choose(CopyItem& item) const {
        const ModelInfo& model = file_.model();
        if (fewer_heads() && !item.elements && item.to != "/model")
            for (const auto& [name, count] :
                 {std::pair{"heads", heads_.size()}, {"kv_heads", kv_heads_.size()}})
                if (item.from->has_attribute(name) && item.to.find("/layers/") != std::string::npos)
                    item.set[name] = static_cast<std::int64_t>(count);
        if (item.to == "/model" && !whole_) {
            item.set["layers"] = static_cast<std::int64_t>(layers_.size());
            item.set["heads"] = static_cast<std::int64_t>(heads_.size());
            item.set["kv_heads"] = static_cast<std::int64_t>(kv_heads_.size());
        }
        if (!item.elements) return;
        AxisChoices choices;
        if (const auto found = choices_.find(item.to); found != choices_.end()) {
            choices = found->second;
        } else if (item.to == "/model/thresholds/learned" || item.to.starts_with("/model/masks/")) {
            const H5Shape shape = file_.root().info(item.to).shape;
            if (layers_.size() < static_cast<std::size_t>(model.layers)) choices = {wide(layers_)};
            if (fewer_heads() && shape.size() > 1 && shape[1] > 1)
                choices = {wide(layers_), wide(heads_)};
        }
        if (choices.empty()) return;
        item.elements = [open = item.elements, choices] { return chosen_source(open(), choices); };
    }

    const SliceSpec& spec_;
    Problems problems_;
    TraceFile file_;
    std::vector<int> samples_;
    std::vector<int> layers_;
    std::vector<int> heads_;
    std::vector<int> kv_heads_;
    bool whole_ = true;  ///< all layers and heads
    std::vector<SampleEntry> kept_samples_;
    std::vector<SampleEntry> kept_calibration_;
    PathMoves moves_;
    std::map<std::string, AxisChoices> choices_;
    std::size_t others_ = 0;
};

}  // namespace

CopyOutcome slice_trace(const std::string& input, const SliceSpec& spec,
                        const std::string& output) {
    Slicer slicer(input, spec);
    const std::uint64_t before = std::filesystem::file_size(input);
    CopyOutcome outcome = write_copy(output, slicer.origin(), slicer.items());
    outcome.bytes_before = before;
    slicer.report(outcome);
    return outcome;
}

}  // namespace attohm
