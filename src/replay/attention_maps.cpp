#include "src/replay/attention_maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/replay/replay_run.hpp"

namespace attohm {

namespace {

constexpr std::size_t kRows = 64;  ///< queries whose scores are held at once

class SelectionCopy final : public SelectionSink {
  public:
    void consume(const Selection& selection) override { selection_ = selection; }
    /// Null where the scheme selects nothing.
    const Selection* get() const { return selection_.row_begin.empty() ? nullptr : &selection_; }

  private:
    Selection selection_;
};

/// The scheme of a view, and `threshold` as its reference where it has one.
struct ViewSchemes {
    std::unique_ptr<Scheme> scheme;
    std::unique_ptr<Scheme> reference;
    std::vector<Sample> calibration;
};

std::vector<int> with_layers(const TraceReader& reader, bool calibration) {
    const int count = calibration ? reader.calibration_samples() : reader.samples();
    std::vector<int> found;
    for (int i = 0; i < count; ++i) {
        const Sample sample = calibration ? reader.calibration_sample(i) : reader.sample(i);
        if (sample.layers_stored >= reader.model().layers) found.push_back(i);
    }
    return found;
}

ViewSchemes make_schemes(const TraceReader& reader, const Settings& settings,
                         std::vector<std::string>& notes) {
    const Experiment experiment = load_experiment(settings);
    const SchemeEntry& entry = find_scheme(experiment.scheme);
    const SchemeInputs inputs = scheme_inputs(reader, experiment, entry);
    ViewSchemes made;
    made.scheme = entry.make(inputs, settings);
    made.scheme->prepare(reader.model(), nullptr);
    if (entry.thresholds) {
        made.reference = find_scheme("threshold").make(inputs, settings);
        made.reference->prepare(reader.model(), nullptr);
    }
    const SamplePlan plan = plan_samples(with_layers(reader, false), with_layers(reader, true),
                                         experiment, reader.path(), notes);
    for (const int index : plan.calibration)
        made.calibration.push_back(plan.own_calibration ? reader.calibration_sample(index)
                                                        : reader.sample(index));
    return made;
}

/// What is read for one head: its group, or all windows, which share what is calibrated.
HeadRange range_of(const AttentionSize& size, int head) {
    if (size.windows > 1) return {0, size.heads * size.windows};
    const int group = size.heads / size.kv_heads;
    return {head / group * group, group};
}

void calibrate(const TraceReader& reader, const ViewSchemes& schemes, int layer, int head,
               const AttentionSize& size) {
    const HeadRange range = range_of(size, head);
    std::vector<AttentionLayer> parts;
    for (const Sample& sample : schemes.calibration)
        parts.push_back(reader.heads(sample, layer, range, false));
    std::vector<AttentionHead> views;
    for (std::size_t s = 0; s < parts.size(); ++s)
        for (int window = 0; window < size.windows; ++window)
            views.push_back(head_view(parts[s], static_cast<int>(s), head + window * size.heads));
    for (Scheme* scheme : {schemes.scheme.get(), schemes.reference.get()})
        if (scheme != nullptr) scheme->calibrate(layer, head, views);
}

Selection run_scheme(const Scheme& scheme, const AttentionHead& head) {
    SelectionCopy copy;
    SampleContext context;
    context.sample = head.sample;
    context.selections = &copy;
    Matrix<float> out(head.n_q(), head.dv());
    scheme.attention(head.layer, {&head, 1}, out.view(), context);
    return copy.get() == nullptr ? Selection{} : *copy.get();
}

constexpr float kForbidden = -1.0F;  ///< a cell without an allowed pair

std::uint8_t level_of(float probability) {
    if (probability < 0.0F) return 0;
    const double share =
        1.0 - std::log10(std::max(static_cast<double>(probability), AttentionMap::kFloor)) /
                  std::log10(AttentionMap::kFloor);
    return static_cast<std::uint8_t>(1.0 + std::round(254.0 * std::clamp(share, 0.0, 1.0)));
}

/// Builds the map of one head, some queries at a time.
class MapBuilder {
  public:
    MapBuilder(const AttentionHead& head, std::size_t most_cells)
        : head_(head), scores_(kRows, head.n_k()) {
        map_.layer = head.layer;
        map_.head = head.head;
        map_.window = head.window;
        map_.n_q = static_cast<int>(head.n_q());
        map_.n_k = static_cast<int>(head.n_k());
        map_.valid_q = head.valid_q;
        map_.valid_k = head.valid_k;
        const std::size_t longer = std::max(head.n_q(), head.n_k());
        map_.step = std::max<std::size_t>(1, (longer + most_cells - 1) / most_cells);
        map_.rows = (head.n_q() + map_.step - 1) / map_.step;
        map_.cols = (head.n_k() + map_.step - 1) / map_.step;
        cells_.assign(map_.rows * map_.cols, kForbidden);
    }

    /// Args: kept, reference: of schemes; empty: none.
    AttentionMap build(const Selection& kept, const Selection& reference) {
        if (!kept.row_begin.empty()) {
            map_.marks.assign(cells_.size(), 0);
            map_.decisions.emplace();
            if (!reference.row_begin.empty()) {
                map_.decisions->falsely_pruned = 0;
                map_.decisions->falsely_kept = 0;
            }
        }
        const auto queries = static_cast<std::size_t>(head_.valid_q);
        for (std::size_t first = 0; first < queries; first += kRows) {
            const std::size_t rows = std::min(kRows, queries - first);
            sgemm_nt(head_.scale, head_.q.rows_from(first, rows), head_.k, 0.0F,
                     scores_.view().top(rows));
            for (std::size_t i = 0; i < rows; ++i) {
                softmax_row(first + i, {scores_.view().row(i), head_.n_k()});
                if (!map_.marks.empty())
                    mark_row(first + i, scores_.view().row(i), kept, reference);
            }
        }
        map_.level.resize(cells_.size());
        std::transform(cells_.begin(), cells_.end(), map_.level.begin(), level_of);
        const auto count = static_cast<double>(std::max<std::size_t>(1, queries));
        map_.entropy_bits /= count;
        map_.largest /= count;
        if (map_.decisions) map_.decisions->mass /= count;
        return std::move(map_);
    }

  private:
    std::size_t cell(std::size_t query, std::size_t key) const {
        return query / map_.step * map_.cols + key / map_.step;
    }

    /// Scores become probabilities; forbidden keys 0.
    void softmax_row(std::size_t query, std::span<float> row) {
        const std::size_t end = head_.key_end(query);
        float most = -INFINITY;
        for (std::size_t j = 0; j < end; ++j) {
            if (!head_.bias.empty()) row[j] += head_.bias(query, j);
            if (head_.allowed(query, j)) most = std::max(most, row[j]);
        }
        double total = 0.0;
        double weighted = 0.0;
        float largest = 0.0F;
        for (std::size_t j = 0; j < end; ++j) {
            const bool allowed = head_.allowed(query, j);
            const float below = row[j] - most;
            row[j] = allowed ? std::exp(below) : 0.0F;
            if (!allowed) continue;
            ++map_.pairs;
            total += static_cast<double>(row[j]);
            weighted += static_cast<double>(row[j]) * static_cast<double>(below);
        }
        std::fill(row.begin() + static_cast<std::ptrdiff_t>(end), row.end(), 0.0F);
        if (!(total > 0.0)) return;
        // Entropy: ln(sum of e) minus the mean of its exponents.
        map_.entropy_bits += (std::log(total) - weighted / total) / std::log(2.0);
        for (std::size_t j = 0; j < end; ++j) {
            if (!head_.allowed(query, j)) continue;
            row[j] = static_cast<float>(static_cast<double>(row[j]) / total);
            largest = std::max(largest, row[j]);
            float& in_cell = cells_[cell(query, j)];
            in_cell = std::max(in_cell, row[j]);
        }
        map_.largest += static_cast<double>(largest);
    }

    void mark_row(std::size_t query, const float* probabilities, const Selection& kept,
                  const Selection& reference) {
        MapDecisions& decisions = *map_.decisions;
        const auto keys = kept.row(query);
        decisions.kept += static_cast<std::int64_t>(keys.size());
        for (const std::uint32_t key : keys) {
            map_.marks[cell(query, key)] |= AttentionMap::kKept;
            decisions.mass += static_cast<double>(probabilities[key]);
        }
        if (!decisions.falsely_pruned) return;
        const auto wanted = reference.row(query);
        const auto mark = [&](std::span<const std::uint32_t> from,
                              std::span<const std::uint32_t> without, std::uint8_t bit,
                              std::int64_t& count) {
            for (const std::uint32_t key : from) {
                if (std::binary_search(without.begin(), without.end(), key)) continue;
                map_.marks[cell(query, key)] |= bit;
                ++count;
            }
        };
        mark(wanted, keys, AttentionMap::kFalselyPruned, *decisions.falsely_pruned);
        mark(keys, wanted, AttentionMap::kFalselyKept, *decisions.falsely_kept);
    }

    const AttentionHead& head_;
    Matrix<float> scores_;
    std::vector<float> cells_;  ///< the largest probability of each
    AttentionMap map_;
};

Sample viewed_sample(const TraceReader& reader, int index) {
    Sample sample = reader.sample(index);
    if (!reader.shape_only() && sample.layers_stored >= reader.model().layers &&
        reader.model().heads > 0)
        return sample;
    throw UserError("the sample has no attention to look at", sample.where,
                    fmt::format("{} stored layers", sample.layers_stored),
                    "a sample with stored layers and tensors");
}

/// The chosen ones of those that a layer has, and a note where it has fewer.
std::vector<int> present(const std::vector<int>& chosen, int count, int layer, const char* what,
                         std::vector<std::string>& notes) {
    std::vector<int> found = chosen;
    std::erase_if(found, [&](int i) { return i >= count; });
    if (found.size() < chosen.size())
        notes.push_back(
            fmt::format("layer {} has {} {}{}", layer, count, what, count == 1 ? "" : "s"));
    return found;
}

/// The maps of a head, one a window. What is calibrated is the head's.
std::vector<AttentionMap> head_maps(const TraceReader& reader, const Sample& sample, int layer,
                                    int head, const std::vector<int>& windows,
                                    const AttentionSize& size, const AttentionMapSpec& spec,
                                    const std::optional<ViewSchemes>& schemes) {
    const AttentionLayer part = reader.heads(sample, layer, range_of(size, head), false);
    if (schemes) calibrate(reader, *schemes, layer, head, size);
    std::vector<AttentionMap> maps;
    for (const int window : windows) {
        const AttentionHead view = head_view(part, spec.sample, head + window * size.heads);
        Selection kept;
        Selection reference;
        if (schemes) {
            kept = run_scheme(*schemes->scheme, view);
            if (schemes->reference) reference = run_scheme(*schemes->reference, view);
        }
        maps.push_back(MapBuilder(view, spec.most_cells).build(kept, reference));
        maps.back().windows = size.windows;
    }
    return maps;
}

}  // namespace

AttentionMaps attention_maps(const TraceReader& reader, const AttentionMapSpec& spec,
                             const Settings* settings) {
    const Sample sample = viewed_sample(reader, spec.sample);
    AttentionMaps all;
    all.trace_id = reader.trace_id();
    all.trace_name = reader.model().name;
    all.sample = spec.sample;
    std::optional<ViewSchemes> schemes;
    if (settings != nullptr) {
        schemes = make_schemes(reader, *settings, all.notes);
        all.scheme = std::string(schemes->scheme->name());
    }
    const std::vector<AttentionSize> sizes = attention_sizes(reader, sample);
    for (const int layer : spec.layers) {
        const AttentionSize& size = sizes.at(static_cast<std::size_t>(layer));
        const std::vector<int> heads = present(spec.heads, size.heads, layer, "head", all.notes);
        const std::vector<int> windows =
            present(spec.windows, size.windows, layer, "window", all.notes);
        std::vector<std::vector<AttentionMap>> maps(heads.size());
        parallel_for(maps.size(), [&](std::size_t i) {
            maps[i] = head_maps(reader, sample, layer, heads[i], windows, size, spec, schemes);
        });
        for (std::vector<AttentionMap>& of_head : maps)
            for (AttentionMap& map : of_head) all.maps.push_back(std::move(map));
    }
    return all;
}

}  // namespace attohm
