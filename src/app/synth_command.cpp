#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "src/app/commands.hpp"
#include "workloads/synth.hpp"

namespace attohm {

namespace {

/// The command line as given: what is absent is left as the shape has it.
struct SynthArguments {
    std::string output;
    std::optional<std::string> shape;
    std::optional<int> layers, heads, kv_heads, tokens, d, dv;
    std::optional<double> kept, new_keys, padding;
    std::optional<int> samples, calibration;
    std::optional<std::uint64_t> seed;
    bool causal = false;
    bool float16 = false;
};

template <class T, class U>
void take(const std::optional<T>& given, U& target) {
    if (given) target = *given;
}

SynthSpec spec_of(const SynthArguments& given) {
    SynthSpec spec = given.shape ? synth_shape(*given.shape) : SynthSpec{};
    take(given.layers, spec.layers);
    take(given.heads, spec.heads);
    take(given.kv_heads, spec.kv_heads);
    take(given.tokens, spec.tokens);
    take(given.d, spec.head_dim);
    take(given.dv, spec.v_head_dim);
    take(given.kept, spec.kept);
    take(given.padding, spec.padding);
    take(given.samples, spec.samples);
    take(given.calibration, spec.calibration);
    take(given.seed, spec.seed);
    spec.new_keys = given.new_keys;
    spec.causal = spec.causal || given.causal;
    if (given.float16) spec.tensors = StoredAs::float16;
    return spec;
}

void run_synth(const SynthArguments& given) {
    const SynthSpec spec = spec_of(given);
    const SynthReport report = write_synthetic_trace(spec, given.output);
    const std::string text = fmt::format(
        "{}\n"
        "  model     {}: {} layers x {} heads, {} tokens{}\n"
        "  kept      {:.6f} of {} valid pairs\n"
        "  new keys  {:.6f} of the keys a query may see, per query\n"
        "  padding   {:.6f} of the tokens\n",
        given.output, spec.name, spec.layers, spec.heads, spec.tokens,
        spec.causal ? ", causal" : "", report.kept, report.valid_pairs, report.new_keys,
        report.padding);
    std::fputs(text.c_str(), stdout);
}

std::string shape_help() {
    std::string names;
    for (const std::string& name : synth_shape_names()) names += (names.empty() ? "" : ", ") + name;
    return "sizes of a published model: " + names;
}

}  // namespace

void add_synth_command(CLI::App& trace) {
    const auto given = std::make_shared<SynthArguments>();
    CLI::App* command = trace.add_subcommand(
        "synth", "Write a synthetic trace with the pruning statistics that are asked for");
    command->add_option("-o,--output", given->output, "trace to write")->required();
    command->add_option("--shape", given->shape, shape_help());
    command->add_option("--layers", given->layers, "attention layers");
    command->add_option("--heads", given->heads, "query heads per layer");
    command->add_option("--kv-heads", given->kv_heads, "key and value heads [as many as heads]");
    command->add_option("--tokens", given->tokens, "tokens per sample, padding included");
    command->add_option("--d", given->d, "width of q and k of a head");
    command->add_option("--dv", given->dv, "width of v of a head [d]");
    command->add_option("--kept", given->kept,
                        "fraction of the valid pairs at or above the threshold");
    command->add_option("--new-keys", given->new_keys,
                        "keys kept now and not at the query before, as a fraction of the keys a "
                        "query may see [neighbouring queries correlated by 0.9]");
    command->add_option("--padding", given->padding, "fraction of the tokens that are padding");
    command->add_flag("--causal", given->causal, "query i sees keys 0 to i");
    command->add_option("--samples", given->samples, "samples to evaluate");
    command->add_option("--calibration", given->calibration, "samples for scales and ranges only");
    command->add_option("--seed", given->seed, "seed of every draw");
    command->add_flag("--float16", given->float16, "store q, k, v, out in half precision");
    command->callback([given] { run_synth(*given); });
}

}  // namespace attohm
