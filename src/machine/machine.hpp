#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "src/base/settings.hpp"
#include "src/base/units.hpp"
#include "src/machine/engine.hpp"
#include "src/machine/sprint_chip.hpp"

/// A machine: what changes cost and nothing else. Either a SPRINT chip (CORELETs with a K/V buffer
/// in front of a ReRAM memory that thresholds scores in place) or a near-memory engine made of
/// named units, buffers and memories.
namespace attohm {

struct Machine {
    std::string name;
    double clock_Hz = 0.0;
    double node_nm = 0.0;
    double vdd_V = 0.0;
    std::optional<SquareMetre> area;  ///< nothing: no figure
    std::variant<SprintChip, Engine> parts;
    Settings settings;  ///< where every number came from

    /// The chip or the engine; null when the machine is the other kind.
    const SprintChip* sprint() const { return std::get_if<SprintChip>(&parts); }
    const Engine* engine() const { return std::get_if<Engine>(&parts); }
};

/// Names of the machines in the box.
std::vector<std::string> machine_names();

/// Settings of a machine: `name_or_path` is a machine in the box or a YAML file. A file either is
/// complete (tables by name or path, every number with a source or marked assumed) or names a
/// machine in the box as `base:` and changes some of its keys. Throws: UserError on an unknown
/// name, an unreadable file, unknown keys, numbers without a source.
Settings machine_settings(const std::string& name_or_path);

/// Typed, validated, frozen. Throws: UserError with file and line on a missing, unread or
/// impossible value.
Machine make_machine(const std::string& name, const Settings& settings);

/// Both steps. The name of a machine from a file is the file's stem.
Machine load_machine(const std::string& name_or_path);

}  // namespace attohm
