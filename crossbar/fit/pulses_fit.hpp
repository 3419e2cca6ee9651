#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crossbar/fit/measured.hpp"
#include "crossbar/fit/statistics.hpp"

/// What a programming pulse does, and the write-verify loop around it.
namespace attohm::fit {

/// Step: change of conductance by one pulse, counted positive towards the target (without a target:
/// in the direction that pulses of its polarity go on average). Mean by t, deviation by
/// chi-square; both hold the noise of the two reads around the pulse.
/// Loop (columns `target` and `accepted`): a write is pulses 1, 2, ... of one cell up to an
/// acceptance or to the last that was tried. The window is estimated from the accepted distances
/// from the target as if they were spread evenly in it: largest (n + 1) / n, interval [largest,
/// largest 0.05^(-1/n)]; absolute or relative, whichever of the two even laws is the more likely.
/// Not modelled: steps that depend on the state, voltage or width; polarities that differ.
struct PulsesFit {
    std::string source;
    std::size_t pulses = 0;
    Estimate step_uS;
    Estimate sigma_uS;
    Normality normality;
    std::vector<double> steps_uS;  ///< ascending
    double voltage_V = 0.0;        ///< median of |V|
    double width_s = 0.0;          ///< median
    Bounds voltages_V, widths_s;

    bool loop = false;  ///< with targets and acceptances
    std::size_t writes = 0;
    Estimate accepted;     ///< share of the writes
    Estimate pulses_mean;  ///< per write
    std::size_t pulses_max = 0;
    bool relative_window = false;
    Estimate window;                           ///< uS, or relative to the target
    std::vector<std::size_t> count_by_pulses;  ///< [p]: writes that ended with pulse p
    std::vector<std::string> notes;
};

/// Throws: UserError naming row and column: fewer than eight pulses, steps all equal, pulse numbers
/// that do not count 1, 2, 3, ..., a pulse after an acceptance, `target` without `accepted`.
PulsesFit fit_pulses(const MeasuredTable& table);

}  // namespace attohm::fit
