#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "src/app/commands.hpp"
#include "src/app/file_guard.hpp"
#include "src/app/print_result.hpp"
#include "src/app/run_log.hpp"
#include "src/base/parallel.hpp"
#include "src/replay/price.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/result_work_io.hpp"

namespace attohm {

namespace {

struct PriceArguments {
    std::string input;
    std::string output;
    PriceChanges changes;
    std::optional<int> threads;
    bool json = false;
};

void price(const PriceArguments& given) {
    if (given.threads) set_threads(*given.threads);
    refuse_to_replace(given.input, given.output);
    const RunLog log;
    Result result;
    write_result(given.output, [&](const H5Group& root) {
        WorkWriter work(root);
        result = price_result(given.input, given.changes, work);
        work.finish();
        return result;
    });
    log.write(given.output + ".log.json");
    print_result(result, given.json);
}

}  // namespace

void add_price_command(CLI::App& app) {
    auto given = std::make_shared<PriceArguments>();
    CLI::App* command = app.add_subcommand(
        "price", "Price the stored work of a result on other machines, without running it again");
    command->add_option("RESULT", given->input, "result of `attohm run` (HDF5)")->required();
    command->add_option("-o,--output", given->output, "result file (HDF5)")->required();
    command
        ->add_option("--machine", given->changes.machines,
                     "machine in the box or machine file; may repeat [the run's]")
        ->take_all();
    command
        ->add_option("--set", given->changes.assignments,
                     "key=value of machines, energy.source.*, phase, batch, lifetime; may repeat")
        ->take_all();
    command->add_option("--threads", given->threads, "threads (the result does not depend on it)")
        ->check(CLI::Range(1, 4096));
    command->add_flag("--json", given->json, "print the summary as one JSON object");
    command->callback([given] { price(*given); });
}

}  // namespace attohm
