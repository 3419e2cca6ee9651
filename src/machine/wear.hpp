#pragma once

#include <vector>

#include "src/machine/outcome.hpp"
#include "src/machine/plans/planner.hpp"

namespace attohm {

/// Writes per cell and lifetime of the SPRINT chip's memory under its own plan.
///
///     lifetime = endurance / (pulses per cell per inference x inferences per second)
///
/// Every head of every layer has cells of its own, so a cell is written once per inference, in
/// prefill and in decode, with the pulses that its kind takes; where all heads together need more
/// cells than the memory has, as often as it is overfilled. `memory.wear_levelling: ideal` spreads
/// all pulses over all cells, `none` leaves them where they are and the cells with most pulses die
/// first. One endurance for both kinds of cell.
/// Not modelled: levelling traffic, spread of endurance over cells.
/// Args: total: tally of the own plan, summed over `samples`.
std::vector<MachineFact> wear_facts(const SprintChip& chip, const Tally& total,
                                    std::int64_t samples, const Wear& wear);

}  // namespace attohm
