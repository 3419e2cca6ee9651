#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "crossbar/wires/wire_array.hpp"

/// What the slow twin of SPRINT is told. See sprint_reference.hpp.
namespace attohm {

/// How a key code is cut into the part in memory (m) and the rest (l).
enum class ReferenceSplit { floor_msb, round, sign_magnitude };
/// Where the recompute takes the most significant bits of K from.
enum class ReferenceKMsb { stored, slc_copy, ideal };
/// What happens to a query of which no allowed key was kept.
enum class ReferenceEmptyRow { dense, top1_digital, self, zero };

/// How a signed level becomes conductances. `differential`: G+ - G-. `offset`: G = G_min +
/// dG (m + n_max), less one reference column an array that holds level 0.
enum class ReferenceSigns { differential, offset };
/// How a signed word-line code is driven. `bipolar`: with its sign. `two_phase`: positive and
/// negative codes in two reads, the second subtracted. `twos_complement`: the bits of the code as
/// they are, the read of the sign bit subtracted; bit-serial only.
enum class ReferenceDrive { bipolar, two_phase, twos_complement };
/// `amplitude`: one read at V_read n / L. `bit_serial`: one read at V_read for every bit, added
/// with weight 2^b in the analog domain. `pulse_width`: |n| unit pulses at V_read, L in all.
enum class ReferenceCoding { amplitude, bit_serial, pulse_width };
/// What becomes of the parts of a key that is longer than an array has rows.
/// `current`: their currents add before one comparator. `charge`: the comparator sees the mean of
/// the parts' sense outputs, each clipped at full scale. `adc`: each part is converted on its own,
/// the codes add and are compared digitally.
enum class ReferenceSummation { current, charge, adc };
/// When a comparator forgets its last decision. `never`: only the caller can reset it.
enum class ReferenceReset { head, never, every };
/// How a comparator that did not decide in time is resolved.
enum class ReferenceMetastable { keep, prune, coin };
/// Columns of an array that hold no key: not there, or cells at G_min.
enum class ReferenceUnwritten { open, reset };

/// Value of a cell of the keys: (plane_id, key, row of the key).
using ReferenceCellFunction =
    std::function<double(std::uint64_t plane, std::size_t j, std::size_t i)>;
/// The same at the read of query t.
using ReferenceCellReadFunction =
    std::function<double(std::uint64_t plane, std::size_t j, std::size_t i, std::size_t t)>;
/// What a write made of a target: (plane_id, key, row of the key, siemens) -> siemens.
using ReferenceWriteFunction =
    std::function<double(std::uint64_t plane, std::size_t j, std::size_t i, double target_S)>;
/// Fault at a place of an array: 0 none, 1 low, 2 high; a reference column is `array_columns`.
using ReferenceFaultFunction = std::function<std::uint8_t(std::uint64_t plane, std::size_t array,
                                                          std::size_t column, std::size_t row)>;
/// Value of a cell of an array's reference column at the read of query t.
using ReferenceColumnReadFunction =
    std::function<double(std::uint64_t plane, std::size_t array, std::size_t i, std::size_t t)>;

/// Zero, null and nothing switch an effect off; the rest has to be given.
struct SprintReferenceSettings {
    // Numbers.
    std::optional<int> k_bits;  ///< B, 1..8; nothing = ideal
    std::optional<int> q_bits;  ///< Bq, 2..8; nothing = ideal
    ReferenceSplit split = ReferenceSplit::floor_msb;
    bool midpoint = true;

    // Threshold DAC.
    std::optional<int> threshold_bits;      ///< nothing = ideal
    std::optional<double> threshold_range;  ///< +- range, integer units; nothing = n_fs

    // Mapping.
    ReferenceSigns signs = ReferenceSigns::differential;
    std::optional<int> cell_bits;  ///< bits of one cell; nothing: one cell holds the level

    // Cells: write.
    double G_min_S = 0.0;
    double G_max_S = 0.0;
    double G_floor_S = 0.0;
    std::optional<double> G_ceiling_S;
    std::function<double(double)>
        programming_sigma_S;  ///< sigma of the target conductance; null = 0
    std::function<double(double)> programming_bias_S;  ///< mean error of the target; null = 0
    ReferenceWriteFunction written_S;            ///< of keys, in place of both; null = direct write
    ReferenceWriteFunction reference_written_S;  ///< the same of (plane, array, i)

    // Cells: age. G = clip(G_w + mu(G_w, a) + s_r(G_w, a) z), times the temperature's factor.
    std::function<double(double G_w_S, double age_s)> relaxation_mean_S;   ///< mu; null = 0
    std::function<double(double G_w_S, double age_s)> relaxation_sigma_S;  ///< s_r; null = 0
    /// Both in one, of the cell's own normal (G_w, age, z); null = the two above.
    std::function<double(double G_w_S, double age_s, double z)> aged_S;
    double relaxation_t0_s = 0.0;       ///< ages below are taken as this, and counted
    double age_delay_s = 0.0;           ///< age of the last valid key in query 0
    double age_write_interval_s = 0.0;  ///< from one key's write to the next one's
    double age_read_interval_s = 0.0;   ///< from one query to the next
    std::function<double(double G_S)> temperature_factor;  ///< G(T) / G(T0); null = 1

    // Cells: faults, in place of everything above.
    double stuck_low_rate = 0.0;  ///< probability of a cell stuck at the low resistance
    double stuck_high_rate = 0.0;
    double stuck_low_ohm = 0.0;
    double stuck_high_ohm = 0.0;
    ReferenceFaultFunction fault;  ///< in place of independent faults at the rates; null = those

    // Cells: read noise.
    double read_sigma_rel = 0.0;     ///< white noise of one cell, relative to its conductance
    double read_sigma_S = 0.0;       ///< and its absolute part, independent of the relative one
    double read_sigma_time_s = 0.0;  ///< integration time of both; 0: they hold for one step
    ReferenceCellFunction frozen_deviation;           ///< of one write event, relative; null = 0
    ReferenceCellReadFunction slow_deviation;         ///< sum of x_m(t), relative; null = 0
    ReferenceColumnReadFunction reference_deviation;  ///< both, of reference columns; null = 0

    // Drive.
    ReferenceDrive drive = ReferenceDrive::bipolar;
    ReferenceCoding coding = ReferenceCoding::amplitude;
    double V_read_V = 0.0;
    double V_dd_V = 0.0;
    double t_read_s = 0.0;  ///< time of one step: amplitude read, bit cycle or unit pulse
    std::function<double(double V_V)>
        iv_shape_V;  ///< I / G of the voltage, odd; null = the voltage

    // Lines.
    WireResistances wires;
    ReferenceUnwritten unwritten = ReferenceUnwritten::open;
    std::size_t array_rows = 0;
    std::size_t array_columns = 0;  ///< keys (or parts of keys) per array

    // Sense.
    double v_fs_V = 0.0;            ///< sense output at full scale
    double n_fs = 0.0;              ///< I_fs / I_lsb: full scale in integer units
    std::optional<double> i_max_A;  ///< largest current of one physical column in one step
    ReferenceSummation summation = ReferenceSummation::current;
    std::optional<int> adc_bits;  ///< `adc`: needed; codes -(2^(b-1)-1) .. 2^(b-1)-1 over +-n_fs

    // Comparator.
    double comparator_offset_V = 0.0;
    std::function<double(double offset_V)> offset_residual_V;  ///< after trim; null = untrimmed
    double comparator_noise_V = 0.0;
    double threshold_noise_V = 0.0;
    std::vector<double> threshold_gain;  ///< of every key, times the threshold; empty = 1
    double hysteresis_V = 0.0;
    ReferenceReset hysteresis_reset = ReferenceReset::head;
    double metastable_V = 0.0;  ///< undecided where |v - v_th| is smaller
    ReferenceMetastable metastable = ReferenceMetastable::keep;

    // Digital side.
    ReferenceKMsb k_msb = ReferenceKMsb::stored;
    ReferenceEmptyRow empty_row = ReferenceEmptyRow::dense;
    std::vector<std::size_t> always_keep;  ///< keys that no decision can prune
};

/// The scales of q, k and v (clipping magnitudes, in units of the tensors).
struct SprintReferenceScales {
    double q = 0.0;
    double k = 0.0;
    double v = 0.0;
};

}  // namespace attohm
