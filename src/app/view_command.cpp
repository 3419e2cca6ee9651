#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/app/commands.hpp"
#include "src/app/file_guard.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/version.hpp"
#include "src/replay/experiment.hpp"
#include "src/report/attention_page.hpp"
#include "workloads/index_list.hpp"

namespace attohm {

namespace {

/// More would make a page that no browser likes.
constexpr std::size_t kMostMaps = 144;

struct ViewArguments {
    std::string input;
    std::string output;
    int sample = 0;
    std::optional<std::string> layers;
    std::optional<std::string> heads;
    std::optional<std::string> windows;
    std::optional<std::string> scheme;
    std::vector<std::string> assignments;
};

/// First, middle and last of the layers, or the first few heads, where nothing was chosen.
std::vector<int> some_layers(int count) {
    std::vector<int> layers = {0, count / 2, count - 1};
    layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
    return layers;
}
std::vector<int> some_heads(int count) {
    std::vector<int> heads;
    for (int head = 0; head < std::min(4, count); ++head) heads.push_back(head);
    return heads;
}

/// Of the layer that has most.
int most_windows(const TraceReader& reader, int sample) {
    int most = 1;
    for (const LayerShape& layer : reader.layer_shapes(reader.sample(sample)))
        if (layer.kind == LayerKind::attention) most = std::max(most, layer.attention.windows);
    return most;
}

AttentionMapSpec spec_of(const ViewArguments& given, const TraceReader& reader) {
    const ModelInfo& model = reader.model();
    if (given.sample < 0 || given.sample >= reader.samples())
        throw UserError("no such sample", "--sample", std::to_string(given.sample),
                        fmt::format("0 to {}", reader.samples() - 1));
    AttentionMapSpec spec;
    spec.sample = given.sample;
    spec.layers = given.layers ? parse_index_list(*given.layers, "--layers", model.layers)
                               : some_layers(model.layers);
    spec.heads = given.heads ? parse_index_list(*given.heads, "--heads", model.heads)
                             : some_heads(model.heads);
    if (given.windows)
        spec.windows =
            parse_index_list(*given.windows, "--windows", most_windows(reader, given.sample));
    const std::size_t maps = spec.layers.size() * spec.heads.size() * spec.windows.size();
    if (maps > kMostMaps)
        throw UserError("too many maps for one page", "--layers, --heads and --windows",
                        std::to_string(maps), fmt::format("at most {}", kMostMaps));
    return spec;
}

std::optional<Settings> settings_of(const ViewArguments& given) {
    if (!given.scheme) {
        if (given.assignments.empty()) return std::nullopt;
        throw UserError("settings without a scheme", "--set", given.assignments.front(),
                        "--scheme NAME with them");
    }
    Settings settings = experiment_preset();
    settings.overlay("scheme", {*given.scheme}, false, "--scheme");
    for (const std::string& assignment : given.assignments) settings.overlay_assignment(assignment);
    return settings;
}

void run_view(const ViewArguments& given) {
    refuse_to_replace(given.input, given.output);
    const std::optional<Settings> settings = settings_of(given);
    // An output that cannot be written is known before the work, not after.
    { const AtomicFile probe(given.output); }
    const TraceReader reader(given.input);
    const AttentionMaps maps =
        attention_maps(reader, spec_of(given, reader), settings ? &*settings : nullptr);
    if (settings) settings->require_all_read();
    const std::string page = attention_page(maps, version());
    write_file_atomically(given.output, page);
    const std::size_t step = maps.maps.empty() ? 1 : maps.maps.front().step;
    std::string text =
        fmt::format("{}\n  maps      {} of sample {}{}\n", given.output, maps.maps.size(),
                    maps.sample, step > 1 ? fmt::format(", {0} x {0} pairs per cell", step) : "");
    for (const std::string& note : maps.notes) text += fmt::format("  note      {}\n", note);
    std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_view_command(CLI::App& trace) {
    const auto given = std::make_shared<ViewArguments>();
    CLI::App* command = trace.add_subcommand(
        "view", "Write a page with attention maps, and the keys that a scheme keeps");
    command->add_option("file", given->input, "trace to read")->required();
    command->add_option("-o,--output", given->output, "page to write (HTML)")->required();
    command->add_option("--sample", given->sample, "ordinal of the sample [0]");
    command->add_option("--layers", given->layers, "ordinals [first, middle, last]");
    command->add_option("--heads", given->heads, "ordinals of query heads [the first four]");
    command->add_option("--windows", given->windows,
                        "ordinals of windows, where layers have some [the first]");
    command->add_option("--scheme", given->scheme, "scheme whose kept keys are shown");
    command->add_option("--set", given->assignments, "key=value of the scheme; may repeat")
        ->take_all();
    command->callback([given] { run_view(*given); });
}

}  // namespace attohm
