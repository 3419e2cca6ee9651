#pragma once

/// The commands of the command line. Each adds itself to its parent and runs in its own callback; a
/// UserError passes through to main.
namespace CLI {
class App;
}

namespace attohm {

/// `attohm run`: one trace through one experiment.
void add_run_command(CLI::App& app);

/// `attohm sweep`: one trace through many.
void add_sweep_command(CLI::App& app);

/// `attohm price`: the stored work of a result on other machines.
void add_price_command(CLI::App& app);

/// `attohm report`: a page from results.
void add_report_command(CLI::App& app);

/// `attohm crossbar`, with the commands below that hang on it.
void add_crossbar_command(CLI::App& app);

/// `attohm crossbar program`
void add_crossbar_program_command(CLI::App& crossbar);

/// `attohm crossbar mvm`
void add_crossbar_mvm_command(CLI::App& crossbar);

/// `attohm device`: measured data in, card out.
void add_device_command(CLI::App& app);

/// `attohm machine check`: a machine file, before anything runs on it.
void add_machine_command(CLI::App& app);

/// `attohm verify`: the referee on one card. Ends with CLI::RuntimeError(1) when a check fails.
void add_verify_command(CLI::App& app);

/// `attohm list`: every model there is.
void add_list_command(CLI::App& app);

/// `attohm explain`: one model.
void add_explain_command(CLI::App& app);

/// `attohm trace`, with info, check and the commands below that hang on it.
void add_trace_command(CLI::App& app);

/// `attohm trace synth`
void add_synth_command(CLI::App& trace);

/// `attohm trace slice`, `merge`, `convert` and `mask`
void add_trace_edit_commands(CLI::App& trace);

/// `attohm trace view`
void add_view_command(CLI::App& trace);

}  // namespace attohm
