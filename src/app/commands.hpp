#pragma once

/// The commands of the command line. Each adds itself to its parent and runs in its own callback; a
/// UserError passes through to main.
namespace CLI {
class App;
}

namespace attohm {

/// `attohm trace synth`
void add_synth_command(CLI::App& trace);

}  // namespace attohm
