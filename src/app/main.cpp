#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "src/app/commands.hpp"
#include "src/base/error.hpp"
#include "src/base/version.hpp"

/// Exit codes: 0 done, 2 the user's input is wrong (bad arguments included), 1 anything else, a
/// check of `verify` that failed among it.
namespace {

constexpr int kUserFault = 2;
constexpr int kOtherFault = 1;

void complain(const char* kind, const char* message) {
    std::fputs(fmt::format("attohm: {}{}\n", kind, message).c_str(), stderr);
}

/// Throws: UserError in the words of every other mistake.
[[noreturn]] void refuse_arguments(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::App* reached = &app;
    std::string command = "attohm";
    while (!reached->get_subcommands().empty()) {
        reached = reached->get_subcommands().front();
        command += " " + reached->get_name();
    }
    std::vector<std::string> names;
    for (const CLI::App* known : reached->get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(known->get_name());
    }
    throw attohm::UserError(error.what(), "command line",
                            fmt::format("{}", fmt::join(app.remaining(true), " ")),
                            names.empty() ? "what `" + command + " --help` says"
                                          : fmt::format("{}", fmt::join(names, ", ")));
}

int run(int argc, char** argv) {
    CLI::App app("attohm: simulator of ReRAM in-memory attention", "attohm");
    app.set_version_flag("--version", std::string(attohm::version()));
    app.require_subcommand(1);
    attohm::add_run_command(app);
    attohm::add_sweep_command(app);
    attohm::add_price_command(app);
    attohm::add_report_command(app);
    attohm::add_trace_command(app);
    attohm::add_crossbar_command(app);
    attohm::add_device_command(app);
    attohm::add_machine_command(app);
    attohm::add_verify_command(app);
    attohm::add_list_command(app);
    attohm::add_explain_command(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RuntimeError& verdict) {
        // A command that ran to its end and says no.
        return verdict.get_exit_code();
    } catch (const CLI::ParseError& error) {
        // Help and version are errors to CLI11, with exit code 0.
        if (error.get_exit_code() == 0) return app.exit(error);
        refuse_arguments(app, error);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const attohm::UserError& error) {
        complain("", error.what());
        return kUserFault;
    } catch (const std::bad_alloc&) {
        complain("", "out of memory");
        return kOtherFault;
    } catch (const std::exception& error) {
        complain("internal error: ", error.what());
        return kOtherFault;
    }
}
