#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "src/app/commands.hpp"
#include "src/base/error.hpp"
#include "workloads/score_histogram.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_info.hpp"

namespace attohm {

namespace {

struct TraceArguments {
    std::string file;
    bool json = false;
    bool histogram = false;  ///< of `info`
};

void run_info(const TraceArguments& given) {
    const TraceInfo info = trace_info(given.file);
    std::string text = given.json ? to_json(info) : to_text(info);
    if (given.histogram) {
        const ScoreHistograms histograms = score_histograms(given.file);
        // As the last key of the object.
        if (given.json)
            text = text.substr(0, text.rfind('}') - 1) + ",\n  \"scores\": " + to_json(histograms) +
                   "\n}\n";
        else
            text += to_text(histograms);
    }
    std::fputs(text.c_str(), stdout);
}

void run_check(const TraceArguments& given) {
    const TraceCheck check = check_trace(given.file);
    std::fputs((given.json ? to_json(check) : to_text(check)).c_str(), stdout);
    std::fflush(stdout);
    if (!check.good())
        throw UserError("the trace does not keep the format", given.file,
                        fmt::format("{} problem(s), listed above", check.problems.size()), "none");
}

/// Returns: its arguments, for more options.
std::pair<CLI::App*, std::shared_ptr<TraceArguments>> add_reader(
    CLI::App& trace, const char* name, const char* help, void (*run)(const TraceArguments&)) {
    const auto given = std::make_shared<TraceArguments>();
    CLI::App* command = trace.add_subcommand(name, help);
    command->add_option("file", given->file, "trace to read")->required();
    command->add_flag("--json", given->json, "print JSON");
    command->callback([given, run] { run(*given); });
    return {command, given};
}

}  // namespace

void add_trace_command(CLI::App& app) {
    CLI::App* trace = app.add_subcommand("trace", "Look at, check and make traces");
    trace->require_subcommand(1);
    const auto [info, arguments] =
        add_reader(*trace, "info", "What a trace holds: model, samples, layers, sizes", run_info);
    info->add_flag("--histogram", arguments->histogram,
                   "the distribution of the scaled scores of every layer, too");
    add_reader(*trace, "check",
               "Everything the format promises, and whether `out` is the exact attention; "
               "names every fault and ends with code 2 when there is one",
               run_check);
    add_synth_command(*trace);
    add_trace_edit_commands(*trace);
    add_view_command(*trace);
}

}  // namespace attohm
