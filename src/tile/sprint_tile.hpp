#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "circuits/adc.hpp"
#include "circuits/adc_histogram.hpp"
#include "circuits/comparator.hpp"
#include "circuits/decision_times.hpp"
#include "circuits/offset_trim.hpp"
#include "circuits/sense.hpp"
#include "circuits/threshold_dac.hpp"
#include "circuits/word_line_dac.hpp"
#include "crossbar/array/programmed_keys.hpp"
#include "src/tile/drive.hpp"
#include "src/tile/read_schedule.hpp"

/// SPRINT's tile: queries on the word lines, keys in the columns, one comparator per key.
///     V_i from nq_i  ->  I_j = sum_i V_i (sum over columns of the key)  ->  v_j = R_t I_j
///     (clipped) keep_j  iff  v_j + o_j + w_j >= v_th + t
/// All in integer score steps (n = I / I_lsb); a tie keeps. Source: physics.md sections 2, 4.
namespace attohm {

struct DecisionRow;

/// What ends a column.
enum class Readout { comparator, adc };

/// How the parts of a key that is longer than a column meet.
enum class Summation {
    current,  ///< their currents add before one comparator
    charge,   ///< each part is sensed on its own and the comparator sees the mean of their voltages
    adc,      ///< each part is converted on its own, the sum is digital
};

/// Gain of the threshold: what a column gives of its nominal output when every cell holds the mean
/// of the conductances stored in its plane, from wires, selectors, I-V and mean relaxation
/// (threshold_gain.hpp).
enum class ThresholdCalibration { none, array, column };

struct TileCircuits {
    ArraySettings arrays;
    DriveSettings drive;
    Sense sense;
    Comparator comparator;
    std::optional<OffsetTrim> trim;
    Volt threshold_noise = {};
    std::optional<ThresholdDac> threshold_dac;  ///< with threshold_inl_lsb
    double threshold_inl_lsb = 0.0;
    WordLineDacErrors dac;
    Readout readout = Readout::comparator;
    Summation summation = Summation::current;
    ThresholdCalibration calibration = ThresholdCalibration::none;
    /// [planes] mean digit of the keys that the gains are meant for; read with a calibration.
    std::vector<double> stored_digits;
    AdcSpec adc;  ///< range in score steps; read where something is converted
    std::size_t columns_per_adc = 1;
    ReadSchedule schedule;
};

/// Which outputs of a query count: keys [0, key_end(t)) that the mask (if any) allows.
struct CountedKeys {
    std::span<const std::uint32_t> end;   ///< [r]
    MatrixView<const std::uint8_t> mask;  ///< [r, n] or empty

    bool operator()(std::size_t t, std::size_t j) const {
        return j < end[t] && (mask.empty() || mask(t, j) != 0);
    }
};

/// Rare but legal events of the reads, and the energy they dissipated.
struct TileTotals {
    std::int64_t sense_clipped = 0;   ///< outputs beyond +-n_fs
    std::int64_t column_clipped = 0;  ///< single columns beyond i_max
    std::int64_t adc_clipped = 0;     ///< conversions beyond the ADC's range
    /// Codes of counted outputs' conversions; nothing without ADCs of so many bits. That of a unit
    /// column counts with every key that it serves.
    std::optional<AdcHistogram> adc_codes;
    std::int64_t undecided = 0;   ///< comparators that ran out of time
    DecisionTimes times;          ///< of comparators with a decision time, counted outputs
    double cell_J = 0.0;          ///< sum over steps of t V_i^2 sum_j G_ij
    double driver_J = 0.0;        ///< sum over steps of t V_supply |V_i| sum_j G_ij
    double noise_variance = 0.0;  ///< sum over decisions of the white variance, steps^2
    std::int64_t decisions = 0;

    TileTotals& operator+=(const TileTotals& part);
};

/// Which law the outputs were drawn by.
enum class ReadPath {
    output,  ///< white noise of a column drawn at the output
    cells,   ///< the same, and noise with memory followed cell by cell
    column,  ///< every physical column and step drawn, clipped or converted on its own
};
std::string_view read_path_name(ReadPath path);

/// The keys of one head, programmed, behind their comparators. One write event; its queries are
/// read in order, as comparators and slow noise remember.
class SprintTile {
  public:
    /// Args: levels: [n, d] integer K-MSBs (real when `mapping` is ideal); n valid keys only.
    ///   n_k: keys with padding (the index base of the read draws).
    /// Throws: UserError for an age beyond the card's validity. Combinations that check_tile
    ///   refuses (tile_check.hpp) have no defined outcome.
    SprintTile(const TileCircuits& circuits, const Mapping& mapping, const Device& device,
               const DrawSite& site, MatrixView<const float> levels, std::size_t n_k);
    ~SprintTile();
    SprintTile(SprintTile&&) noexcept;

    /// The keys at the time of the latest read.
    const ProgrammedKeys& keys() const;
    ReadPath path() const;
    /// [n] what the threshold of each key is multiplied with; 1 without calibration.
    std::span<const float> threshold_gains() const;
    /// Measurements that calibrating offsets took, once per chip.
    std::int64_t trim_measurements() const;
    /// Measurements that calibrating gains took, once per chip and set of keys that they are for.
    std::int64_t gain_measurements() const;
    std::int64_t trim_clamped() const;

    /// Decides queries first .. first + r - 1; blocks in order from query 0 on.
    /// Args:
    ///   nq:        [r, d] word-line codes
    ///   threshold: [r] in steps
    ///   counted:   outputs that the totals count (the array reads every key)
    ///   keep:      [r, n] 1 = the comparator kept
    ///   p_keep:    [r, n] P(keep) over the white noise of the key's own cells and its comparator.
    ///              Given are the write event, noise with memory, the comparator's last decision,
    ///              and what the keys of an array share in this read, as drawn: DAC noise,
    ///              reference columns, threshold noise (physics.md section 4, "Decisions"). May be
    ///              empty; NaN on the column path, whose outputs have no closed law.
    ///   p_marginal: [r, n] the same over noise with memory as well, as if every read were the
    ///              first; may be empty, NaN as p_keep. Shared draws of the read and the last
    ///              decision are given here too, so where nothing remembers it is p_keep, and sum
    ///              over keys of (sum over reads of keep - p)^2 has the mean sum p (1 - p):
    ///              exactly, with errors of DACs and wires or without. One run scatters about that
    ///              with the variance sum over keys of 2 v^2 + sum p q (1 - 6 p q), v = sum p q, q
    ///              = 1 - p.
    /// Returns: totals of these reads.
    TileTotals decide(std::size_t first, MatrixView<const float> nq,
                      std::span<const float> threshold, const CountedKeys& counted,
                      MatrixView<std::uint8_t> keep, MatrixView<float> p_keep,
                      MatrixView<float> p_marginal = {});

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace attohm
