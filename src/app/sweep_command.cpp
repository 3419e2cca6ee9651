#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <mutex>

#include "src/app/commands.hpp"
#include "src/app/run_log.hpp"
#include "src/base/parallel.hpp"
#include "src/base/progress.hpp"
#include "src/sweep/sweep.hpp"

namespace attohm {

namespace {

struct SweepArguments {
    std::string spec;
    SweepOptions options;
    std::optional<int> threads;
};

void run(const SweepArguments& given) {
    if (given.threads) set_threads(*given.threads);
    const SweepSpec spec = load_sweep(given.spec);
    const RunLog log;
    std::unique_ptr<Progress> progress;
    std::size_t last_all = 0;
    const SweepOutcome outcome =
        run_sweep(spec, given.options, [&](std::size_t done, std::size_t all) {
            // The number of points shrinks where an axis stops early.
            if (!progress || all != last_all) {
                progress =
                    std::make_unique<Progress>("sweep", "points", static_cast<std::int64_t>(all));
                progress->tick(static_cast<std::int64_t>(done));
                last_all = all;
                return;
            }
            progress->tick();
        });
    progress.reset();
    log.write(outcome.results_path + ".log.json");
    std::fputs(fmt::format("{}: {} points{}\n", outcome.results_path, outcome.points,
                           outcome.reused > 0 ? fmt::format(", {} of them from the interrupted run",
                                                            outcome.reused)
                                              : "")
                   .c_str(),
               stdout);
}

}  // namespace

void add_sweep_command(CLI::App& app) {
    auto given = std::make_shared<SweepArguments>();
    CLI::App* command = app.add_subcommand("sweep", "Replay one trace through many experiments");
    command->add_option("SWEEP", given->spec, "sweep file (YAML)")->required();
    command->add_option("-o,--output", given->options.directory, "directory of the results")
        ->required();
    command->add_flag("--resume", given->options.resume, "go on with an interrupted sweep");
    command->add_flag("--force", given->options.force,
                      "replace what another sweep left in the directory");
    command->add_option("--threads", given->threads, "threads (the result does not depend on it)")
        ->check(CLI::Range(1, 4096));
    command->callback([given] { run(*given); });
}

}  // namespace attohm
