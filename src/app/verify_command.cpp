#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "src/app/commands.hpp"
#include "src/replay/experiment.hpp"
#include "src/verify/verify.hpp"

namespace attohm {

namespace {

struct VerifyArguments {
    std::optional<std::string> card, seed;  ///< as text: settings parse them
    bool json = false;
    bool list = false;
};

void run_verify(const VerifyArguments& given) {
    if (given.list) {
        std::fputs(checks_text().c_str(), stdout);
        return;
    }
    Settings settings = experiment_preset();
    if (given.card) settings.overlay("device.card", {*given.card}, false, "CARD");
    if (given.seed) settings.overlay("seed", {*given.seed}, false, "--seed");
    const auto seed =
        static_cast<std::uint64_t>(settings.integer("seed", {0.0, 9007199254740992.0}));
    const Device device = load_device(settings);
    const Settings card = device_card(settings.text("device.card"));
    const VerifyReport report = verify_model(real_model(device), card, seed);
    std::fputs((given.json ? report_json(report) : report_text(report)).c_str(), stdout);
    if (!report.failed().empty()) throw CLI::RuntimeError(1);
}

}  // namespace

void add_verify_command(CLI::App& app) {
    const auto given = std::make_shared<VerifyArguments>();
    CLI::App* command = app.add_subcommand(
        "verify", "The referee: laws against the crossbar with a card; exit 1 when one fails");
    command->add_option("CARD", given->card,
                        "a name of `attohm list devices`, or a YAML file [the default card]");
    command->add_option("--seed", given->seed, "seed of every draw");
    command->add_flag("--json", given->json, "print JSON");
    command->add_flag("--list", given->list, "print every check and its law, and judge nothing");
    command->callback([given] { run_verify(*given); });
}

}  // namespace attohm
