#pragma once

/// The commands of the command line. Each adds itself to its parent and runs in its own callback; a
/// UserError passes through to main.
namespace CLI {
class App;
}

namespace attohm {

/// `attohm trace`, with info, check and the commands below that hang on it.
void add_trace_command(CLI::App& app);

/// `attohm trace synth`
void add_synth_command(CLI::App& trace);

}  // namespace attohm
