#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "src/app/catalogue.hpp"
#include "src/app/commands.hpp"

namespace attohm {

void add_list_command(CLI::App& app) {
    auto kind = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand(
        "list",
        "Every model: schemes, devices and the models of their parts, arrays, machines, circuits");
    command->add_option("KIND", *kind, "schemes | devices | models | arrays | machines | circuits")
        ->required();
    command->callback([kind] { std::fputs(list_models(*kind).c_str(), stdout); });
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
