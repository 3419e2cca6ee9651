#pragma once

#include <vector>

#include "circuits/adc_architecture.hpp"
#include "circuits/adc_cost.hpp"
#include "circuits/level_sense.hpp"
#include "circuits/node_scaling.hpp"
#include "circuits/unit_cost.hpp"

/// The analog periphery of an array at a machine's node and supply. What nobody published is
/// absent: areas of comparators and amplifiers, logic of a SAR ADC, ladder and encoder of a flash
/// ADC, generator and counter of a ramp ADC, leakage of all.
namespace attohm {

/// Tables `analog-blocks`, `analog-65nm`, `adc` and what carries figures between nodes.
Settings analog_library_settings();

/// Throws: UserError for a power of a 1-bit DAC (W) that is further than `dac_points_ratio` from
/// every published point: a published simulator had it 1000 times too high.
/// Args: where: what the message names; blocks: holds the table `analog-blocks`.
void require_dac_power(const std::string& where, double power_W, const Settings& blocks);

class AnalogLibrary {
  public:
    /// Args: settings: as analog_library_settings() gives them; node and supply of the machine.
    /// Throws: UserError for a node or supply that figures are not carried to, a DAC power that no
    ///   published point is near.
    AnalogLibrary(const Settings& settings, double node_nm, Volt vdd);

    /// One decision of a clocked comparator: `analog.comparator_fJ`, delay of the same source.
    UnitCost comparator() const;

    /// One conversion of a word-line DAC that is on for `on`: power of a 1-bit DAC, doubled with
    /// every further bit, times `on`. Latency: until a line of `cells` cells behind its output
    /// resistance is within half a step, tau (B + 1) ln 2. Energy is absent beyond
    /// `analog.dac_bits_max`, area beyond one bit.
    UnitCost word_line_dac(int bits, std::size_t cells, Second on) const;

    /// One sample of a converter of `bits`: C V_fs V_dd, C the larger of `unit_capacitor_fF` and
    /// what keeps k T / C below the converter's own noise; bias power from the published figure.
    UnitCost sample_hold(int bits, Volt full_scale, Kelvin temperature) const;

    /// Virtual ground of a column of `cells` cells: an amplifier whose loop settles to half a step
    /// of `bits` within `settle`: gm = C / (beta tau), I = gm / (gm/I_d) in every branch, P = V_dd
    /// I. It burns P whether or not there is a signal: energy of one read is P times `on`. A ledger
    /// takes `energy` or `bias_power`, not both. Not modelled: bias network, slewing, area.
    UnitCost virtual_ground(int bits, std::size_t cells, Second settle, Second on) const;

    /// Decisions of one read of a cell of several levels; references and the cell's own current
    /// are not in it.
    UnitCost level_sense(const LevelSense& sense) const;

    /// Charging a line of `cells` cells to `swing` once: C V^2.
    UnitCost word_line(std::size_t cells, Volt swing) const;
    UnitCost column_line(std::size_t cells, Volt swing) const;
    UnitCost select_line(std::size_t cells, Volt swing) const;

    /// One change of the way: two gates at the supply, whatever the ways. Latency: a column of
    /// `cells` cells behind one switch settles to half a step of `bits`.
    UnitCost column_mux(int bits, std::size_t cells) const;

    /// One bit of an analog shift-add (ChargeShareAdder) for a converter of `bits`.
    UnitCost analog_shift_add(int bits, Volt full_scale, Kelvin temperature) const;

    /// A replica column as threshold reference: joules of one read by the caller's cells
    /// (ReplicaColumn::read_energy), once for all keys of an array. An ideal source: no figure.
    UnitCost replica_reference(Joule read_energy) const;
    UnitCost ideal_reference() const;

    /// Parts of one conversion, their figures side by side; the parts without one are named.
    /// Args: clock: of the comparisons; the rate is clock / adc_clocks().
    /// Throws: UserError for a clock that the cited comparator was not measured at.
    std::vector<UnitCost> adc_parts(AdcArchitecture architecture, int bits, Hertz clock,
                                    Volt v_ref) const;
    /// The same conversion by the survey fit, whatever is inside. Absent figures outside the fit.
    UnitCost adc_survey(AdcArchitecture architecture, int bits, Hertz clock) const;

    /// What a line has at all its cells.
    Cited line_capacitance(const char* key, std::size_t cells) const;

  private:
    Cited block(const char* key, double si_factor) const;
    UnitCost line(const char* circuit, const char* key, std::size_t cells, Volt swing) const;
    Cited capacitor_area(double farad) const;
    Cited sampling_capacitor(int bits, Volt full_scale, Kelvin temperature) const;
    Cited assumed(double value, std::string source) const;

    Settings settings_;
    NodeScaling scaling_;
    AdcSurveyFit survey_;
    double node_nm_;
    Volt vdd_;
};

/// Energy that one conversion draws from the reference of a single-ended binary capacitor array,
/// averaged over all codes, in C V_ref^2: sum_(i=1..B) 2^(B-2i) (2^i - 1). The charge that the
/// driver of the input gives is not in it.
/// Source: half of the fully differential figure of Ginsburg and Chandrakasan, ISCAS 2005; followed
/// charge by charge in tests/reference.
double sar_switching_energy(int bits);

}  // namespace attohm
