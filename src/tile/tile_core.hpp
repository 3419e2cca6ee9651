#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "src/tile/decision_kernels.hpp"
#include "src/tile/driven_lines.hpp"
#include "src/tile/slow_reads.hpp"
#include "src/tile/sprint_tile.hpp"

namespace attohm {

/// Keys as one magnitude of word-line voltage sees them. One class for cells whose current is
/// linear in their conductance; a selector under amplitude input takes one for each magnitude.
struct VoltageClass {
    float code = 0.0F;  ///< |code|; 0: all of them
    ProgrammedKeys keys;
    AlignedVector<float> most_variance;  ///< [d] largest variance of a word line's columns
    std::vector<double> variance_sum;    ///< [d] sum over keys
};

/// One block of queries on their way through the tile.
struct ReadBlock {
    std::size_t first = 0;            ///< query of row 0
    MatrixView<const float> codes;    ///< [r, d]
    std::vector<LineInputs> values;   ///< by class: what the product takes
    std::vector<LineInputs> squares;  ///< by class: what the white variance takes
    Matrix<float> analog;             ///< [r, n] outputs without white noise
    Matrix<float> variance;           ///< [r, n] of the white noise, where known
    bool variance_known = false;
    std::span<const float> threshold;
    CountedKeys counted;

    std::size_t rows() const { return codes.rows; }
    /// Whether the arrays of different keys are driven differently.
    bool by_array() const { return values.front().size() > 1; }
};

/// What both paths of a tile share: the programmed cells, the drive, the comparators' state.
class TileCore {
  public:
    TileCore(const TileCircuits& circuits, const Mapping& mapping, const Device& device,
             const DrawSite& site, MatrixView<const float> levels, std::size_t n_k);

    /// Looks at the cells again where they have aged since (relaxation). Returns whether it did.
    bool refresh(std::size_t query);
    /// Queries from `query` on that see the cells of that query: until ln(max(age, t0)) of a key
    /// may have moved by more than kAgeStep.
    std::size_t same_age_until(std::size_t query, std::size_t end) const;
    static constexpr double kAgeStep = 0.01;

    ReadBlock make_block(std::size_t first, MatrixView<const float> nq,
                         std::span<const float> threshold, const CountedKeys& counted) const;
    /// What the columns take from the word lines in one step. Args: as WordLineDrive::step_row.
    LineInputs step_inputs(const ReadBlock& block, std::size_t step) const;
    /// The same in one unit pulse of a step.
    LineInputs pulse_inputs(const ReadBlock& block, std::size_t step, std::size_t pulse) const;
    /// out (+)= inputs columns^T over elements begin .. end - 1, every key with the lines of its
    /// own array. Args: columns: [n (+ groups), d]; out: [r, columns' rows].
    void product(const LineInputs& inputs, MatrixView<const float> columns, std::size_t begin,
                 std::size_t end, bool add, MatrixView<float> out) const;
    /// Variances of all outputs of the block, once.
    void know_variance(ReadBlock& block) const;
    /// White variance and energy of the block's reads.
    void add_totals(const ReadBlock& block, TileTotals& totals) const;

    /// Takes the common noise of the reference columns off the outputs: it is there before the
    /// sense circuit clips.
    void subtract_reference_noise(ReadBlock& block) const;
    /// What stands beside the outputs of row t of the block when the comparators decide, in steps:
    /// static offset and hysteresis, less threshold noise and calibration gain.
    void key_offsets(const ReadBlock& block, std::size_t t, std::span<float> offsets) const;
    /// Whether the offsets are the same for all queries.
    bool constant_offsets() const;
    void remember(const std::uint8_t* keep);
    /// What the comparator of key j makes of an overdrive in steps; counts the undecided.
    bool compare(const ReadBlock& block, std::size_t t, std::size_t j, double overdrive,
                 TileTotals& totals) const;

    /// Steps that a volt at the comparator is worth.
    double comparator_steps(Volt v) const;
    /// No output of row t has a larger white variance.
    float variance_bound(const ReadBlock& block, std::size_t t) const;

    std::size_t n() const { return cells.keys(); }
    std::size_t d() const { return cells.depth(); }
    std::size_t parts() const { return circuits.arrays.shape.parts(d()); }
    const ProgrammedKeys& keys() const { return classes.front().keys; }

    TileCircuits circuits;
    Mapping mapping;
    Device device;
    DrawSite site;
    std::size_t n_k;
    Matrix<float> levels;
    WordLineDrive drive;
    DrivenLines lines;
    std::vector<ThresholdInl> threshold_inl;  ///< by array of keys; empty: none
    KeyCells cells;
    std::vector<VoltageClass> classes;
    AlignedVector<float> offsets;  ///< static, of the comparators, steps
    std::vector<float> gains;      ///< of the threshold
    std::vector<LastDecision> last;
    std::int64_t trim_measurements = 0, gain_measurements = 0;
    std::int64_t trim_clamped = 0;

  private:
    void draw_offsets();
    void calibrate_gains();
    void look(std::size_t query);
    VoltageClass look_at(float code, std::span<const double> ages) const;
    void add_coded_totals(const ReadBlock& block, TileTotals& totals) const;
    void drive_arrays(ReadBlock& block) const;
    void add_driven_totals(const ReadBlock& block, TileTotals& totals) const;
    double reference_variance(const ReadBlock& block, std::size_t t, std::size_t array) const;
    double threshold_error(const ReadBlock& block, std::size_t t, std::size_t array) const;

    std::optional<std::size_t> looked_at_;  ///< query whose ages the cells show
};

}  // namespace attohm
