#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/app/commands.hpp"
#include "src/app/file_guard.hpp"
#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "workloads/mask_import.hpp"
#include "workloads/trace_edit.hpp"

namespace attohm {

namespace {

struct SliceArguments {
    std::string input;
    std::string output;
    SliceSpec spec;
    bool no_calibration = false;
};

struct MergeArguments {
    std::vector<std::string> inputs;
    std::string output;
};

struct ConvertArguments {
    std::string input;
    std::string output;
    bool float16 = false;
    bool float32 = false;
    std::optional<std::string> chunk;
    std::optional<int> gzip;
};

struct MaskArguments {
    std::string input;
    std::string output;
    MaskImport spec;
    std::optional<std::string> one_means;
};

void say(const CopyOutcome& outcome) {
    std::fputs(to_text(outcome).c_str(), stdout);
}

void run_slice(SliceArguments& given) {
    refuse_to_replace(given.input, given.output);
    given.spec.calibration = !given.no_calibration;
    say(slice_trace(given.input, given.spec, given.output));
}

void run_merge(const MergeArguments& given) {
    for (const std::string& input : given.inputs) refuse_to_replace(input, given.output);
    say(merge_traces(given.inputs, given.output));
}

/// Bytes of a chunk: "none" = 0, "65536", "64KiB", "4MiB".
std::size_t chunk_bytes(const std::string& text) {
    if (text == "none") return 0;
    std::size_t unit = 1;
    std::string digits = text;
    for (const auto& [suffix, factor] :
         {std::pair{std::string("KiB"), std::size_t{1} << 10U}, {"MiB", std::size_t{1} << 20U}}) {
        if (!text.ends_with(suffix)) continue;
        unit = factor;
        digits.resize(text.size() - suffix.size());
    }
    const std::optional<std::int64_t> count = parse_integer(digits);
    constexpr std::int64_t kLeast = 4096;
    constexpr std::int64_t kMost = std::int64_t{1} << 30U;
    if (count && *count > 0 && *count <= kMost) {
        const std::int64_t bytes = *count * static_cast<std::int64_t>(unit);
        if (bytes >= kLeast && bytes <= kMost) return static_cast<std::size_t>(bytes);
    }
    throw UserError("not a size of chunks", "--chunk", "\"" + text + "\"",
                    "none, or 4KiB to 1024MiB, e.g. 65536, 64KiB, 4MiB");
}

void run_convert(const ConvertArguments& given) {
    refuse_to_replace(given.input, given.output);
    ConvertSpec spec;
    if (given.float16) spec.tensors = StoredAs::float16;
    if (given.float32) spec.tensors = StoredAs::float32;
    if (given.chunk) spec.layout.chunk_bytes = chunk_bytes(*given.chunk);
    spec.layout.gzip = given.gzip;
    if (spec.layout.chunk_bytes == 0) spec.layout.gzip = given.gzip.value_or(0);
    say(convert_trace(given.input, spec, given.output));
}

void run_mask(MaskArguments& given) {
    refuse_to_replace(given.input, given.output);
    const std::size_t colon = given.spec.from.rfind(":/");
    refuse_to_replace(given.spec.from.substr(0, colon), given.output);
    if (given.one_means) given.spec.one_means_attend = *given.one_means == "attend";
    say(import_mask(given.input, given.spec, given.output));
}

void add_slice(CLI::App& trace) {
    const auto given = std::make_shared<SliceArguments>();
    CLI::App* command =
        trace.add_subcommand("slice", "Keep some samples, layers and heads of a trace");
    command->add_option("file", given->input, "trace to read")->required();
    command->add_option("-o,--output", given->output, "trace to write")->required();
    command->add_option("--samples", given->spec.samples, "ordinals, e.g. 0,3,10-19 [all]");
    command->add_option("--layers", given->spec.layers,
                        "ordinals of attention layers [all]; weights go where some are left out");
    command->add_option("--heads", given->spec.heads,
                        "ordinals of query heads, whole groups that share a kv head [all]; weights "
                        "go where some are left out");
    command->add_flag("--no-calibration", given->no_calibration, "without /calibration");
    command->callback([given] { run_slice(*given); });
}

void add_merge(CLI::App& trace) {
    const auto given = std::make_shared<MergeArguments>();
    CLI::App* command =
        trace.add_subcommand("merge", "Put the samples of several traces of one model together");
    command->add_option("files", given->inputs, "traces to read, in order")->required();
    command->add_option("-o,--output", given->output, "trace to write")->required();
    command->callback([given] { run_merge(*given); });
}

void add_convert(CLI::App& trace) {
    const auto given = std::make_shared<ConvertArguments>();
    CLI::App* command = trace.add_subcommand(
        "convert", "Store a trace in another way: half precision, chunks, compression");
    command->add_option("file", given->input, "trace to read")->required();
    command->add_option("-o,--output", given->output, "trace to write")->required();
    CLI::Option* half =
        command->add_flag("--float16", given->float16,
                          "q, k, v, out, x in half precision; checks that `out` stays true");
    command->add_flag("--float32", given->float32, "q, k, v, out, x in single precision")
        ->excludes(half);
    command->add_option("--chunk", given->chunk,
                        "size of a chunk, e.g. 64KiB, or none for contiguous [1MiB]");
    command
        ->add_option("--gzip", given->gzip,
                     "compression of every chunked dataset, 0 (none) to 9 [as each was]")
        ->check(CLI::Range(0, 9));
    command->callback([given] { run_convert(*given); });
}

void add_mask(CLI::App& trace) {
    const auto given = std::make_shared<MaskArguments>();
    CLI::App* command = trace.add_subcommand(
        "mask", "Add a fixed sparse pattern from elsewhere as /model/masks/NAME");
    command->add_option("file", given->input, "trace to read")->required();
    command->add_option("-o,--output", given->output, "trace to write")->required();
    command
        ->add_option("--from", given->spec.from,
                     "FILE.npy, FILE.h5:/dataset, or FILE.h5 with one dataset; [layers, heads or "
                     "1, tokens, tokens] of 0 and 1")
        ->required();
    command->add_option("--name", given->spec.name, "of the mask")->required();
    command
        ->add_option("--one-means", given->one_means,
                     "attend or pruned [what the attribute `meaning` of an HDF5 file says]")
        ->check(CLI::IsMember({"attend", "pruned"}));
    command->callback([given] { run_mask(*given); });
}

}  // namespace

void add_trace_edit_commands(CLI::App& trace) {
    add_slice(trace);
    add_merge(trace);
    add_convert(trace);
    add_mask(trace);
}

}  // namespace attohm
