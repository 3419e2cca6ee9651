#pragma once

#include <cstdint>
#include <span>

#include "circuits/comparator.hpp"
#include "circuits/sense.hpp"
#include "circuits/threshold_dac.hpp"
#include "crossbar/array/programming.hpp"

/// SPRINT's tile: queries on the word lines, keys in the columns, one comparator per key.
///     V_i = V_read nq_i / L  ->  I_j = sum_i V_i (G+_ij - G-_ij)  ->  v_j = R_t I_j (clipped)
///     keep_j  iff  v_j + o_j + w_j >= v_th + t
/// All in integer score steps (n = I / I_lsb); a tie keeps. Source: physics.md sections 2, 4.
namespace attohm {

struct DecisionRow;

struct TileCircuits {
    ArrayShape array;
    Volt v_read = {};
    Volt v_drive = {};  ///< supply of the word-line drivers
    Second read_time = {};
    double q_levels = 0.0;  ///< L: word-line code that stands for V_read
    Sense sense;
    Comparator comparator;
    Volt threshold_noise = {};
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
    double cell_J = 0.0;              ///< t_read sum_i V_i^2 sum_j G_ij
    double driver_J = 0.0;            ///< t_read V_drive sum_i |V_i| sum_j G_ij
    double noise_variance = 0.0;      ///< sum over decisions of the random variance, steps^2
    std::int64_t decisions = 0;
};

/// The keys of one head, programmed, behind their comparators. One write event; read row by row.
class SprintTile {
  public:
    /// Args: levels: [n, d] integer K-MSBs (real when `map` is ideal); n valid keys only.
    ///   n_k: keys with padding (the index base of the read draws).
    SprintTile(const TileCircuits& circuits, const LevelMap& map, const Device& device,
               const DrawSite& site, MatrixView<const float> levels, std::size_t n_k);

    const ProgrammedKeys& keys() const { return keys_; }

    /// Decides queries first .. first + r - 1.
    /// Args:
    ///   nq:        [r, d] word-line codes
    ///   threshold: [r] in steps
    ///   counted:   outputs that the totals count (the array reads every key)
    ///   keep:      [r, n] 1 = the comparator kept
    ///   p_keep:    [r, n] P(keep) over the read draws, given chip, write event and common draws;
    ///              may be empty. NaN where single columns may clip (sense.i_max_A given).
    /// Returns: totals of these reads.
    TileTotals decide(std::size_t first, MatrixView<const float> nq,
                      std::span<const float> threshold, const CountedKeys& counted,
                      MatrixView<std::uint8_t> keep, MatrixView<float> p_keep) const;

  private:
    struct Block;
    struct Column;
    struct Draws;
    void clipped_probabilities(const DecisionRow& row, std::span<const std::uint8_t> risky,
                               float* p_keep) const;
    std::uint8_t open_decision(const DecisionRow& row, const Block& block, std::size_t t,
                               std::size_t query, std::size_t j, TileTotals& totals) const;
    std::uint8_t clipped_decision(const DecisionRow& row, const Block& block, std::size_t t,
                                  std::size_t query, std::size_t j, TileTotals& totals) const;
    void know_variance(Block& block) const;
    void add_totals(MatrixView<const float> nq, const Block& block, TileTotals& totals) const;
    void output_path(std::size_t first, Block& block, MatrixView<std::uint8_t> keep,
                     MatrixView<float> p_keep, TileTotals& totals) const;
    DecisionRow decision_row(const Block& block, std::size_t t, const float* normals,
                             const float* offsets) const;
    float variance_bound(const Block& block, std::size_t t) const;
    void draw_row(std::size_t query, const DecisionRow& row, const Block& block, std::size_t t,
                  std::uint8_t* keep, std::uint8_t* risky, Draws& draws, TileTotals& totals) const;
    void draw_open(std::size_t query, const DecisionRow& row, Block& block, std::size_t t,
                   std::uint8_t* keep, const std::uint8_t* open, Draws& draws,
                   TileTotals& totals) const;
    Column read_column(MatrixView<const float> nq, const Block& block,
                       const Matrix<float>& conductance) const;
    void column_path(std::size_t first, MatrixView<const float> nq, const Block& block,
                     MatrixView<std::uint8_t> keep, TileTotals& totals) const;
    void key_offsets(std::size_t query, std::span<float> offsets) const;

    TileCircuits circuits_;
    DrawSite site_;
    std::size_t n_k_;
    Siemens dG_;
    ProgrammedKeys keys_;
    AlignedVector<float> offsets_;        ///< static comparator offsets, steps
    AlignedVector<float> most_variance_;  ///< [d] largest of a word line's cell pairs
    std::vector<double> variance_sum_;    ///< [d] sum over keys
};

}  // namespace attohm
