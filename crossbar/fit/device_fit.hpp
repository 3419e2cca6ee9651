#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crossbar/fit/card_writer.hpp"
#include "crossbar/fit/iv_fit.hpp"
#include "crossbar/fit/measured.hpp"
#include "crossbar/fit/programming_fit.hpp"
#include "crossbar/fit/pulses_fit.hpp"
#include "crossbar/fit/reads_fit.hpp"
#include "crossbar/fit/retention_fit.hpp"

/// Measured data in, card out.
namespace attohm::fit {

struct FitOptions {
    std::optional<ProgrammingLaw> law;    ///< nothing: chosen
    std::optional<IvLaw> iv_law;          ///< nothing: chosen
    std::optional<std::string> base;      ///< card for what was not measured
    std::optional<double> v_ref_V;        ///< of the I-V law
    std::optional<double> read_V;         ///< of files without that column
    std::optional<double> temperature_K;  ///< of files without that column
};

struct DeviceFit {
    std::optional<ProgrammingFit> programming;
    std::optional<ReadsFit> reads;
    std::optional<RetentionFit> retention;
    std::optional<IvFit> iv;
    std::optional<PulsesFit> pulses;
    std::vector<CardLeaf> card;
    std::vector<std::string> warnings;  ///< what the card's user has to know, parts' notes included
};

/// Fits every part that there is data for and puts a card together. Its validity ranges are those
/// of the data, never wider: conductances between the targets that programming and relaxation both
/// have; ages, temperatures and voltages that were measured. What was not measured comes from
/// `base`, marked assumed with the card's name, or is left out; where a law over age, temperature
/// or voltage is the base's, the base's range of it counts as well, and is marked assumed.
/// Throws: UserError of any part; a card that lacks what every card has (conductance range, read
/// noise, stuck cells, writing) and no base, naming what is missing.
DeviceFit fit_device(const MeasuredData& data, const FitOptions& options);

/// The card's text.
std::string card_text(const DeviceFit& fit);

/// The fit in words, for a terminal: one line per part and one per warning.
std::string fit_digest(const DeviceFit& fit);

}  // namespace attohm::fit
