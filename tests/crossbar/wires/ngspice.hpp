#pragma once

#include <string>

#include "src/base/matrix.hpp"

/// ngspice as a judge.
namespace attohm::testing {

/// Runs `ngspice -n -b` on a netlist in a directory of its own and gives what it printed, or what
/// it wrote into `file` there. Throws: std::runtime_error that names the Debian package where the
/// program is missing, and with
///   the simulator's own words where it fails.
std::string run_ngspice(const std::string& netlist, const std::string& file = "out.txt");

/// Sense currents [batch, columns] in amperes of what spice_netlist() writes.
/// Throws: std::runtime_error as above, and when a current is missing.
Matrix<double> ngspice_currents(const std::string& netlist, std::size_t batch, std::size_t columns);

}  // namespace attohm::testing
