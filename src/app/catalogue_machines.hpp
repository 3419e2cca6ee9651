#pragma once

#include <string>

/// What `attohm list machines` and `attohm explain machine` say.
namespace attohm {

/// One line: arrays or CORELETs, buffers, clock, node.
std::string machine_line(const std::string& name);

/// Args: parameters: table of the machine's settings.
std::string explain_machine(const std::string& name, const std::string& parameters);

}  // namespace attohm
