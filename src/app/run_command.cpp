#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "src/app/commands.hpp"
#include "src/app/file_guard.hpp"
#include "src/app/print_result.hpp"
#include "src/app/run_log.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/progress.hpp"
#include "src/replay/replay.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/result_work_io.hpp"

namespace attohm {

namespace {

struct RunArguments {
    std::string trace;
    std::string output;
    std::string config;
    std::string scheme;
    std::vector<std::string> assignments;
    std::optional<std::string> seed;  ///< as text: settings parse it
    std::optional<int> threads;
    bool json = false;
    bool force = false;
};

Settings settings_of(const RunArguments& given) {
    Settings settings = experiment_preset();
    if (!given.config.empty()) settings.overlay_file(given.config);
    if (!given.scheme.empty()) settings.overlay("scheme", {given.scheme}, false, "--scheme");
    if (given.seed) settings.overlay("seed", {*given.seed}, false, "--seed");
    for (const std::string& assignment : given.assignments) {
        settings.overlay_assignment(assignment);
    }
    return settings;
}

void run(const RunArguments& given) {
    if (given.threads) set_threads(*given.threads);
    Settings settings = settings_of(given);
    refuse_to_replace(given.trace, given.output);
    if (!given.config.empty()) refuse_to_replace(given.config, given.output);
    // An output that cannot be written is known before the work, not after.
    { const AtomicFile probe(given.output); }
    const RunLog log;
    ReplayTrace trace(given.trace);
    choose_scheme(trace, settings);
    // So is a key that nothing reads.
    check_replay(trace, settings);
    const bool keeps_work =
        find_scheme(settings.text("scheme")).plan.empty()
            ? false
            : settings.choice("results.work", {"summaries", "none"}) == "summaries";
    settings.require_all_read();
    if (!given.force) refuse_to_overwrite(given.output);
    std::unique_ptr<Progress> progress;
    std::size_t shown = 0;
    const auto tick = [&](std::size_t done, std::size_t all) {
        if (!progress) {
            progress =
                std::make_unique<Progress>("replay", "steps", static_cast<std::int64_t>(all));
        }
        progress->tick(static_cast<std::int64_t>(done - shown));
        shown = done;
    };
    Result result;
    write_result(given.output, [&](const H5Group& root) {
        std::optional<WorkWriter> work;
        if (keeps_work) work.emplace(root);
        result = replay(trace, settings, tick, work ? &*work : nullptr);
        if (work) work->finish();
        progress.reset();
        return result;
    });
    log.write(given.output + ".log.json");
    print_result(result, given.json);
}

}  // namespace

void add_run_command(CLI::App& app) {
    auto given = std::make_shared<RunArguments>();
    CLI::App* command = app.add_subcommand("run", "Replay one trace through one experiment");
    command->add_option("TRACE", given->trace, "trace file (HDF5)")->required();
    command->add_option("-o,--output", given->output, "result file (HDF5)")->required();
    command->add_flag("--force", given->force, "replace the result file if it is there");
    command->add_option("--scheme", given->scheme, "short for --set scheme=NAME");
    command->add_option("--config", given->config, "experiment file (YAML)");
    command->add_option("--set", given->assignments, "key=value, any experiment key; may repeat")
        ->take_all();
    command->add_option("--seed", given->seed, "short for --set seed=N");
    command->add_option("--threads", given->threads, "threads (the result does not depend on it)")
        ->check(CLI::Range(1, 4096));
    command->add_flag("--json", given->json, "print the summary as one JSON object");
    command->callback([given] { run(*given); });
}

}  // namespace attohm
