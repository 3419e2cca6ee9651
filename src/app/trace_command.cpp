#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "src/app/commands.hpp"
#include "src/base/error.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_info.hpp"

namespace attohm {

namespace {

struct TraceArguments {
    std::string file;
    bool json = false;
};

void run_info(const TraceArguments& given) {
    const TraceInfo info = trace_info(given.file);
    std::fputs((given.json ? to_json(info) : to_text(info)).c_str(), stdout);
}

void run_check(const TraceArguments& given) {
    const TraceCheck check = check_trace(given.file);
    std::fputs((given.json ? to_json(check) : to_text(check)).c_str(), stdout);
    std::fflush(stdout);
    if (!check.good())
        throw UserError("the trace does not keep the format", given.file,
                        fmt::format("{} problem(s), listed above", check.problems.size()), "none");
}

void add_reader(CLI::App& trace, const char* name, const char* help,
                void (*run)(const TraceArguments&)) {
    const auto given = std::make_shared<TraceArguments>();
    CLI::App* command = trace.add_subcommand(name, help);
    command->add_option("file", given->file, "trace to read")->required();
    command->add_flag("--json", given->json, "print JSON");
    command->callback([given, run] { run(*given); });
}

}  // namespace

void add_trace_command(CLI::App& app) {
    CLI::App* trace = app.add_subcommand("trace", "Look at, check and make traces");
    trace->require_subcommand(1);
    add_reader(*trace, "info", "What a trace holds: model, samples, layers, sizes", run_info);
    add_reader(*trace, "check",
               "Everything the format promises, and whether `out` is the exact attention; "
               "names every fault and ends with code 2 when there is one",
               run_check);
    add_synth_command(*trace);
}

}  // namespace attohm
