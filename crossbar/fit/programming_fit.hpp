#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crossbar/device/programming_error.hpp"
#include "crossbar/fit/measured.hpp"
#include "crossbar/fit/statistics.hpp"

/// Programming error and stuck cells from conductances read once after each write.
namespace attohm::fit {

/// Cells that do not answer to what is written.
///
/// Rule: a reading is far where it lies more than `kFarSigmas` robust deviations from the median of
/// its level. A cell is stuck where it has a far reading and either all its readings are far, or it
/// was written to several targets and its conductances span less than half of what the targets
/// span. It is stuck low (a low resistance) where its median conductance lies above the middle of
/// the targets, else stuck high. Far readings of other cells are outliers: counted, and kept.
/// Not visible: a cell stuck within the spread of every level that it was written to.
struct StuckFit {
    static constexpr double kFarSigmas = 6.0;
    std::size_t cells = 0;
    std::size_t outliers = 0;  ///< far readings of cells that are not stuck
    std::set<CellId> low, high;
    Estimate low_rate, high_rate;                                   ///< per cell, Clopper-Pearson
    std::optional<double> low_resistance_ohm, high_resistance_ohm;  ///< median; nothing: none seen

    bool holds(const CellId& cell) const { return low.count(cell) > 0 || high.count(cell) > 0; }
};

/// Cells written to one target, stuck ones left out.
struct Level {
    double target_uS = 0.0;
    std::vector<double> values_uS;  ///< ascending
    Estimate mean_uS;
    Estimate sigma_uS;
    bool normal = true;  ///< interval by chi-square; else by the jackknife, which assumes no law
    Estimate sigma_ln;   ///< deviation of ln G; 0 where a value is 0
    Normality normality;
    double bias_uS() const { return mean_uS.value - target_uS; }
};

/// Readings on the wrong side of the middle between two neighbouring targets.
struct Overlap {
    double low_uS = 0.0;
    double high_uS = 0.0;
    Estimate low_misread, high_misread;          ///< as measured
    double low_by_law = 0.0, high_by_law = 0.0;  ///< as the card's law has it
};

std::string_view programming_law_name(ProgrammingLaw law);

struct ProgrammingFit {
    std::string source;
    std::size_t points = 0;
    double measured_at_s = 0.0;
    Bounds ages_s;
    std::vector<Level> levels;  ///< by target
    StuckFit stuck;
    ProgrammingLaw law = ProgrammingLaw::polynomial;
    std::string why;                 ///< the choice of the law, in words
    PolynomialChoice sigma;          ///< of uS, or of ln G where log-normal
    std::optional<Polynomial> bias;  ///< uS; nothing: not resolved from 0, or the table's
    bool table_bias = false;
    double bias_chi2 = 0.0;        ///< against no bias at all
    double log_normal_gain = 0.0;  ///< log-likelihood of log-normal less that of normal
    std::vector<Overlap> overlaps;
    std::vector<std::string> notes;

    double sigma_at(double target_uS) const;  ///< uS
    double mean_at(double target_uS) const;   ///< uS
    /// P(G < conductance) after a write to `target` as the card has it, without stuck cells.
    double cdf(double target_uS, double conductance_uS) const;
};

/// Args: law: asked for; nothing: chosen. Normal laws: polynomial where one fits, else table.
/// Throws: UserError naming row and column: a level with fewer than eight readings, ages further
/// apart than a factor of two, a level whose values are all equal.
ProgrammingFit fit_programming(const MeasuredTable& table, std::optional<ProgrammingLaw> law);

/// Shared with retention: finds the stuck cells by the rule above.
struct Reading {
    CellId cell;
    double target_uS = 0.0;
    double conductance_uS = 0.0;
};
StuckFit find_stuck(const std::vector<Reading>& readings);

}  // namespace attohm::fit
