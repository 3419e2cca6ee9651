#pragma once

#include <cstdint>
#include <optional>

#include "circuits/analog_energy.hpp"
#include "circuits/digital.hpp"
#include "circuits/memory/reram_organisation.hpp"
#include "circuits/reram_memory.hpp"
#include "src/base/settings.hpp"
#include "src/machine/plans/residency.hpp"

/// The chip of SPRINT: CORELETs with a K/V buffer in front of a ReRAM memory that can threshold
/// scores in place.
namespace attohm {

struct SprintChip {
    double clock_Hz = 0.0;
    double node_nm = 0.0;
    int corelets = 1;
    int fetch_slots = 1;                 ///< fetches whose K and V wait or are worked on
    std::int64_t buffer_bits = 0;        ///< K and V buffers of all CORELETs together
    std::int64_t qk_macs_per_cycle = 0;  ///< of one CORELET
    std::int64_t v_macs_per_cycle = 0;   ///< of one CORELET
    std::int64_t softmax_per_cycle = 0;  ///< of one CORELET
    std::int64_t softmax_latency_cycles = 0;
    Residency residency = Residency::lru;
    int partial_output_bits = 0;         ///< dense-tiled: one element of an unfinished output
    int softmax_stat_bits = 0;           ///< dense-tiled: running maximum and sum of a query, each
    bool counts_bank_conflicts = false;  ///< fetches meet in banks: `machine.bank_conflicts`
    ReramMemory memory;
    ReramOrganisation organisation;  ///< the same memory bank by bank
    DigitalUnits digital;
    AnalogEnergies analog;
    /// J of holding a column at its virtual ground for one thresholding; nothing: no figure at the
    /// machine's node.
    std::optional<Cited> column_sense;
};

/// Reads the chip from `machine.*`, `memory.*`, `digital.*` and `analog.*`.
/// Throws: UserError with file and line on a missing or impossible value.
SprintChip make_sprint_chip(const Settings& settings, double clock_Hz, double node_nm,
                            double vdd_V);

}  // namespace attohm
