#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "circuits/analog_energy.hpp"
#include "circuits/digital.hpp"
#include "circuits/reram_memory.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"
#include "src/machine/plans/residency.hpp"

/// A machine: what changes cost and nothing else. CORELETs with a K/V buffer in front of a ReRAM
/// memory that can threshold scores in place.
namespace attohm {

struct Machine {
    std::string name;
    double clock_Hz = 0.0;
    double node_nm = 0.0;
    double vdd_V = 0.0;
    std::optional<SquareMetre> area;  ///< nothing: no figure
    int corelets = 1;
    std::int64_t buffer_bits = 0;        ///< K and V buffers of all CORELETs together
    std::int64_t qk_macs_per_cycle = 0;  ///< of one CORELET
    std::int64_t v_macs_per_cycle = 0;   ///< of one CORELET
    std::int64_t softmax_per_cycle = 0;  ///< of one CORELET
    std::int64_t softmax_latency_cycles = 0;
    Residency residency = Residency::lru;
    int partial_output_bits = 0;  ///< dense-tiled: one element of an unfinished output
    int softmax_stat_bits = 0;    ///< dense-tiled: running maximum and sum of a query, each
    ReramMemory memory;
    DigitalUnits digital;
    AnalogEnergies analog;
    Settings settings;  ///< where every number came from
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
