#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "circuits/digital_report.hpp"
#include "src/app/catalogue.hpp"
#include "src/app/circuit_compare.hpp"
#include "src/app/commands.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

struct ListArguments {
    std::string kind;
    bool compare = false;
    std::optional<std::string> directory;
};

/// Circuits beside what was published: to the terminal, or as tables into a directory.
void compare_circuits(const ListArguments& given) {
    if (given.kind != "circuits" && given.kind != "circuit")
        throw UserError("there is nothing to compare", "--compare", given.kind, "circuits");
    const std::vector<CircuitComparison> rows = circuit_comparisons();
    if (!given.directory) {
        std::fputs(comparison_text(rows).c_str(), stdout);
        std::fputs(
            ("\ndigital laws beside their points\n" + digital_fit_text() +
             "\ndigital energies of other origin beside the laws\n" + digital_published_text())
                .c_str(),
            stdout);
        return;
    }
    std::error_code failed;
    std::filesystem::create_directories(*given.directory, failed);
    const std::string place = *given.directory + "/";
    write_file_atomically(place + "compare.csv", comparison_csv(rows));
    write_file_atomically(place + "analog_blocks.csv", analog_block_csv("sprint-s"));
    write_file_atomically(place + "digital_fits.csv", digital_fit_csv());
    write_file_atomically(place + "digital_published.csv", digital_published_csv());
    for (const char* name :
         {"compare.csv", "analog_blocks.csv", "digital_fits.csv", "digital_published.csv"})
        std::fputs((place + name + "\n").c_str(), stdout);
}

}  // namespace

void add_list_command(CLI::App& app) {
    auto given = std::make_shared<ListArguments>();
    CLI::App* command = app.add_subcommand(
        "list",
        "Every model: schemes, devices and the models of their parts, arrays, machines, circuits");
    command
        ->add_option("KIND", given->kind,
                     "schemes | devices | models | arrays | machines | circuits")
        ->required();
    CLI::Option* compare = command->add_flag("--compare", given->compare,
                                             "circuits beside what was published of them");
    command->add_option("-o,--output", given->directory, "directory for the tables [terminal]")
        ->needs(compare);
    command->callback([given] {
        if (given->compare)
            compare_circuits(*given);
        else
            std::fputs(list_models(given->kind).c_str(), stdout);
    });
}

void add_explain_command(CLI::App& app) {
    auto words = std::make_shared<std::vector<std::string>>();
    CLI::App* command = app.add_subcommand(
        "explain", "One model: equations, parameters with units and sources, what is not modelled");
    command->add_option("[KIND] NAME", *words, "e.g. sprint, or device ibm-cmo-hfox-2pct")
        ->required()
        ->expected(1, 2);
    command->callback([words] {
        const std::string kind = words->size() == 2 ? words->front() : "";
        std::fputs(explain_model(kind, words->back()).c_str(), stdout);
    });
}

}  // namespace attohm
