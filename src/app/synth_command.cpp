#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "src/app/commands.hpp"
#include "src/base/error.hpp"
#include "workloads/synth.hpp"

namespace attohm {

namespace {

/// The command line as given: what is absent is left as the shape has it.
struct SynthArguments {
    std::optional<std::string> output;
    std::optional<std::string> shape;
    std::optional<int> layers, heads, kv_heads, tokens, d, dv;
    std::optional<double> kept, new_keys, effective_keys, local_share, sink_mass, padding;
    std::optional<int> local_reach, sinks;
    std::string lengths = "fixed";
    std::optional<double> length_spread;
    std::vector<int> length_list;
    std::optional<std::int64_t> nodes, edges, features, outputs;
    std::optional<double> exponent, density;
    std::optional<int> samples, calibration;
    std::optional<std::uint64_t> seed;
    bool causal = false;
    bool float16 = false;
    bool shape_only = false;
    bool list = false;
    bool json = false;
};

template <class T, class U>
void take(const std::optional<T>& given, U& target) {
    if (given) target = *given;
}

/// Sizes of the layers. Throws: UserError where the shape has layers of its own.
void take_sizes(const SynthArguments& given, SynthSpec& spec) {
    const bool any = given.layers || given.heads || given.kv_heads || given.tokens || given.d ||
                     given.dv || given.causal;
    if (any && !spec.shapes.empty())
        throw UserError("the layers of this shape have sizes of their own", "trace synth --shape",
                        given.shape.value_or("a graph"),
                        "no --layers, --heads, --kv-heads, --tokens, --d, --dv, --causal with it");
    take(given.layers, spec.layers);
    take(given.kv_heads, spec.kv_heads);
    take(given.tokens, spec.tokens);
    take(given.dv, spec.v_head_dim);
    // Width and MLP of the shape belong to its own heads.
    if (given.heads || given.d) spec.width = spec.hidden = 0;
    take(given.heads, spec.heads);
    take(given.d, spec.head_dim);
    spec.causal = spec.causal || given.causal;
}

/// A graph layer of the user's own sizes.
void take_graph(const SynthArguments& given, SynthSpec& spec) {
    if (!given.nodes && !given.edges && !given.features && !given.outputs) return;
    if (!given.nodes || !given.edges || !given.features || !given.outputs || given.shape)
        throw UserError("a graph needs all its sizes and no shape", "trace synth",
                        "some of --nodes, --edges, --features, --outputs", "all four of them");
    LayerShape layer;
    layer.kind = LayerKind::graph;
    layer.name = "layer1";
    layer.graph = {*given.nodes, *given.edges, *given.features, *given.outputs};
    spec.shapes = {layer};
    spec.family = "gcn";
    spec.name = "synthetic graph";
}

Lengths lengths_of(const SynthArguments& given) {
    Lengths lengths;
    lengths.spread = given.length_spread;
    lengths.list = given.length_list;
    if (given.lengths == "uniform") lengths.kind = Lengths::Kind::uniform;
    if (given.lengths == "normal") lengths.kind = Lengths::Kind::normal;
    if (!lengths.list.empty()) lengths.kind = Lengths::Kind::list;
    return lengths;
}

SynthSpec spec_of(const SynthArguments& given) {
    SynthSpec spec = given.shape ? synth_shape(*given.shape) : SynthSpec{};
    take_graph(given, spec);
    take_sizes(given, spec);
    take(given.kept, spec.kept);
    take(given.padding, spec.padding);
    take(given.local_reach, spec.local_reach);
    take(given.sinks, spec.sinks);
    take(given.exponent, spec.exponent);
    take(given.density, spec.density);
    // Without values all samples are alike.
    if (given.shape_only) spec.samples = 1;
    take(given.samples, spec.samples);
    take(given.calibration, spec.calibration);
    take(given.seed, spec.seed);
    spec.new_keys = given.new_keys;
    spec.effective_keys = given.effective_keys;
    spec.local_share = given.local_share;
    spec.sink_mass = given.sink_mass;
    spec.lengths = lengths_of(given);
    spec.shape_only = given.shape_only;
    if (given.float16) spec.tensors = StoredAs::float16;
    return spec;
}

std::string model_text(const SynthSpec& spec) {
    if (!spec.shapes.empty()) return fmt::format("{}: {} layers", spec.name, spec.shapes.size());
    return fmt::format("{}: {} layers x {} heads, {} tokens{}", spec.name, spec.layers, spec.heads,
                       spec.tokens, spec.causal ? ", causal" : "");
}

std::string statistics_text(const SynthSpec& spec, const SynthReport& report) {
    if (report.valid_pairs == 0) return "";
    return fmt::format(
        "  kept      {:.6f} of {} valid pairs\n"
        "  new keys  {:.6f} of the keys a query may see, per query\n"
        "  effective {:.6f} of the keys a query may see: 1 / sum p^2 of the exact softmax\n"
        "  local     {:.6f} of the kept pairs within {} of the query\n"
        "  sinks     {:.6f} of the softmax on the first {} token(s)\n",
        report.kept, report.valid_pairs, report.new_keys, report.effective_keys, report.local_share,
        spec.local_reach, report.sink_mass, spec.sinks);
}

void run_synth(const SynthArguments& given) {
    if (given.list) {
        std::fputs((given.json ? shape_json() : shape_table()).c_str(), stdout);
        return;
    }
    if (!given.output)
        throw UserError("no trace to write", "trace synth", "no --output",
                        "-o FILE, or --list for the named shapes");
    const SynthSpec spec = spec_of(given);
    const SynthReport report = write_synthetic_trace(spec, *given.output);
    const std::string text = fmt::format(
        "{}\n  model     {}\n  work      {:.6g} MAC a sample without padding{}\n{}"
        "  padding   {:.6f} of the tokens\n",
        *given.output, model_text(spec), static_cast<double>(report.macs),
        spec.shape_only ? " (shapes only)" : "", statistics_text(spec, report), report.padding);
    std::fputs(text.c_str(), stdout);
}

/// Adds options under one headline of the help.
class OptionGroup {
  public:
    OptionGroup(CLI::App& command, std::string headline)
        : command_(command), headline_(std::move(headline)) {}
    template <class Value>
    CLI::Option* option(const char* name, Value& value, const char* help) {
        return command_.add_option(name, value, help)->group(headline_);
    }
    CLI::Option* flag(const char* name, bool& value, const char* help) {
        return command_.add_flag(name, value, help)->group(headline_);
    }

  private:
    CLI::App& command_;
    std::string headline_;
};

void add_size_options(CLI::App& command, SynthArguments& given) {
    OptionGroup group(command, "Sizes");
    group.option("--shape", given.shape,
                 "sizes of a published model, see --list; a length may follow: flat-bert-64k");
    group.option("--layers", given.layers, "attention layers");
    group.option("--heads", given.heads, "query heads per layer");
    group.option("--kv-heads", given.kv_heads, "key and value heads [as many as heads]");
    group.option("--tokens", given.tokens, "tokens per sample, padding included");
    group.option("--d", given.d, "width of q and k of a head");
    group.option("--dv", given.dv, "width of v of a head [d]");
    group.flag("--causal", given.causal, "query i sees keys 0 to i");
    group.option("--samples", given.samples, "samples to evaluate [2; shape-only: 1]");
    group.option("--calibration", given.calibration, "samples for scales and ranges only [1]");
    group.flag("--shape-only", given.shape_only,
               "sizes and no tensors, for costs alone: any size fits");
}

void add_statistics_options(CLI::App& command, SynthArguments& given) {
    OptionGroup group(command, "Statistics (each comes out within 2 %, or is refused)");
    group.option("--kept", given.kept,
                 "fraction of the valid pairs at or above the threshold [0.25]");
    group.option("--new-keys", given.new_keys,
                 "keys kept now and not at the query before, as a fraction of the keys a query "
                 "may see [neighbouring queries correlated by 0.9]");
    group.option("--effective-keys", given.effective_keys,
                 "concentration: 1 / sum p^2 of a softmax row over the keys it may see, mean");
    group.option("--local-share", given.local_share,
                 "fraction of the kept pairs within --local-reach of the query's position");
    group.option("--local-reach", given.local_reach, "in tokens, to either side [16]");
    group.option("--sink-mass", given.sink_mass, "mean softmax mass on the first --sinks tokens");
    group.option("--sinks", given.sinks, "tokens in front that all queries like [1]");
    group.option("--padding", given.padding, "mean fraction of the tokens that are padding");
    group
        .option("--lengths", given.lengths,
                "distribution of the real tokens: fixed, uniform or normal")
        ->check(CLI::IsMember({"fixed", "uniform", "normal"}));
    group.option("--length-spread", given.length_spread,
                 "half width (uniform) or standard deviation (normal) over the tokens [the "
                 "widest uniform one; 0.1]");
    group
        .option("--length-list", given.length_list,
                "real tokens of the samples in turn, e.g. 100,220,384")
        ->delimiter(',');
}

void add_graph_options(CLI::App& command, SynthArguments& given) {
    OptionGroup group(command, "Graphs and other layers");
    group.option("--nodes", given.nodes, "of a graph layer of your own");
    group.option("--edges", given.edges, "stored elements: each undirected edge twice");
    group.option("--features", given.features, "of a node");
    group.option("--outputs", given.outputs, "of the layer, per node");
    group.option("--exponent", given.exponent,
                 "of the power law of the degrees [that of the shape, else 2.5]");
    group.option("--density", given.density,
                 "of the inputs of linear, conv2d and graph layers, what is not zero [that of "
                 "the shape, else 1]");
}

}  // namespace

void add_synth_command(CLI::App& trace) {
    const auto given = std::make_shared<SynthArguments>();
    CLI::App* command = trace.add_subcommand(
        "synth",
        "Write a synthetic trace: layers of a published model or of your own sizes, with the score "
        "statistics that are asked for. Manual: docs/trace_synth.md");
    command->add_option("-o,--output", given->output, "trace to write");
    command->add_flag("--list", given->list, "print the named shapes as a table, and end");
    command->add_flag("--json", given->json, "with --list: as JSON");
    add_size_options(*command, *given);
    add_statistics_options(*command, *given);
    add_graph_options(*command, *given);
    command->add_option("--seed", given->seed, "seed of every draw [1]");
    command->add_flag("--float16", given->float16, "store q, k, v, out in half precision");
    command->callback([given] { run_synth(*given); });
}

}  // namespace attohm
