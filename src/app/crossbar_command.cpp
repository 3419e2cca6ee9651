#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "crossbar/device/device.hpp"
#include "crossbar/wires/spice_netlist.hpp"
#include "src/app/commands.hpp"
#include "src/app/crossbar_case.hpp"
#include "src/app/crossbar_solve.hpp"
#include "src/app/file_guard.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

namespace {

struct SolveArguments {
    std::string input;
    std::string output;
    // An empty text is a mistake, not an absence.
    std::optional<std::string> card;
    std::optional<std::string> netlist;
    std::optional<int> threads;
};

/// Throws: UserError for an output that cannot be written, or that is an input.
void require_output(const SolveArguments& given, const std::string& output) {
    refuse_to_replace(given.input, output);
    if (given.card && is_card_file(*given.card)) refuse_to_replace(*given.card, output);
    const AtomicFile probe(output);
}

void run_solve(const SolveArguments& given) {
    if (given.threads) set_threads(*given.threads);
    // Outputs that cannot be written are known before the work, not after.
    require_output(given, given.output);
    if (given.netlist) {
        require_output(given, *given.netlist);
        if (std::filesystem::path(*given.netlist).lexically_normal() ==
            std::filesystem::path(given.output).lexically_normal())
            throw UserError("two outputs have one path", "--export-spice", *given.netlist,
                            "a path of its own");
    }
    const CrossbarCase array = read_crossbar_case(given.input);
    const CellLaw cell = given.card ? cell_law_for(array, *given.card) : CellLaw{};
    // Refused before the work where the array is too large for it, written after.
    std::string netlist;
    if (given.netlist)
        netlist = spice_netlist(array.conductance.view(), array.wires, array.v_in.view(), cell);
    const CrossbarAnswer answer = solve_crossbar(array, cell);
    write_crossbar_answer(given.output, array, given.card.value_or(""), cell, answer);
    if (given.netlist) write_file_atomically(*given.netlist, netlist);

    std::string text =
        fmt::format("{}\n  array     {} rows x {} columns, {} inputs\n", given.output,
                    array.conductance.rows(), array.conductance.cols(), array.v_in.rows());
    text += fmt::format("  cells     {}, selector: {}\n", iv_law_name(cell.iv.law),
                        selector_law_name(cell.selector.law));
    text += fmt::format("  residual  {:.2e} (max|Y u - b| / max|b|)\n", answer.residual);
    if (!cell.is_linear()) text += fmt::format("  Newton    {} iterations\n", answer.iterations);
    if (given.netlist) text += fmt::format("  netlist   {}\n", *given.netlist);
    std::fputs(text.c_str(), stdout);
}

void add_solve_command(CLI::App& crossbar) {
    const auto given = std::make_shared<SolveArguments>();
    CLI::App* command = crossbar.add_subcommand(
        "solve", "Currents of one array with wires: conductances and voltages in, currents out");
    command->add_option("--input", given->input, "array and voltages (HDF5, docs/crossbar.md)")
        ->required();
    command->add_option("--output", given->output, "currents (HDF5)")->required();
    command->add_option("--card", given->card,
                        "device card whose I-V and selector the cells have [linear cells]");
    command->add_option("--export-spice", given->netlist,
                        "also write the circuit as an ngspice netlist (up to 128 x 128 cells)");
    command->add_option("--threads", given->threads, "threads (the result does not depend on it)")
        ->check(CLI::Range(1, 4096));
    command->callback([given] { run_solve(*given); });
}

}  // namespace

void add_crossbar_command(CLI::App& app) {
    CLI::App* crossbar =
        app.add_subcommand("crossbar", "One array on its own: no trace, no scheme");
    crossbar->require_subcommand(1);
    add_solve_command(*crossbar);
    add_crossbar_program_command(*crossbar);
    add_crossbar_mvm_command(*crossbar);
}

}  // namespace attohm
