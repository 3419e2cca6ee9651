#pragma once

#include <optional>
#include <vector>

#include "circuits/adc.hpp"
#include "src/tile/solved_columns.hpp"
#include "src/tile/tile_core.hpp"

namespace attohm {

/// Decides a block of queries where single columns clip, parts of a key are sensed alone or
/// something is converted: every physical column is drawn in every step.
///     column      current + white noise, clipped at sense.i_max
///     conversion  the columns of a key (of one part, of one step where bits add digitally) less
///                 the reference; sensed or converted on its own
///     key         weighted sum of its conversions
/// Source: physics.md sections 2 and 4. Not modelled: slices that are converted on their own.
class ColumnPath {
  public:
    explicit ColumnPath(TileCore& core);

    /// Args: slow: noise with memory, or null; then the block has one query.
    void decide(const ReadBlock& block, SlowReads* slow, MatrixView<std::uint8_t> keep,
                TileTotals& totals);

    /// Whether a tile has to take this path.
    static bool needed(const TileCircuits& circuits, const Device& device, std::size_t parts);

  private:
    struct Conversion;
    struct Place;
    bool digital_steps() const;
    bool parts_alone() const;
    bool converts() const;
    bool unit_column() const;
    void make_adcs();
    std::vector<Conversion> make_conversions(const ReadBlock& block) const;
    void add_unit_columns(const LineInputs& inputs, std::size_t begin, std::size_t end,
                          Conversion& conversion) const;
    void add_plane(const ReadBlock& block, const Place& place, const LineInputs& x,
                   const Matrix<float>* change, Conversion& conversion, TileTotals& totals) const;
    double drawn_shift(double current, double noise, bool counted, TileTotals& totals) const;
    void read_out(const ReadBlock& block, std::vector<Conversion>& conversions, Matrix<double>& sum,
                  TileTotals& totals) const;
    double converted(const ReadBlock& block, const Conversion& conversion, std::size_t t,
                     std::size_t j, TileTotals& totals) const;
    double convert_one(const Adc& adc, double value, double z, bool counted,
                       TileTotals& totals) const;
    void compare(const ReadBlock& block, const Matrix<double>& sum, MatrixView<std::uint8_t> keep,
                 TileTotals& totals) const;

    void add_drawn(const ReadBlock& block, SlowReads* slow, std::vector<Conversion>& conversions,
                   TileTotals& totals) const;
    void add_solved(const ReadBlock& block, SlowReads* slow, std::vector<Conversion>& conversions,
                    TileTotals& totals) const;
    void add_solved_read(const ReadBlock& block, std::size_t t, std::size_t step,
                         const std::vector<std::vector<std::vector<double>>>& currents,
                         std::vector<Conversion>& conversions, TileTotals& totals) const;
    std::size_t conversion_of(std::size_t step, std::size_t part) const;

    TileCore& core_;
    std::optional<SolvedColumns> solved_;  ///< where no transfer matrix exists
    std::size_t step_groups_ = 1;
    std::size_t part_groups_ = 1;
    std::vector<Adc> adcs_;            ///< by physical array, then by number within it
    std::vector<Adc> reference_adcs_;  ///< by physical array (unit column)
    std::size_t adcs_per_array_ = 1;
};

}  // namespace attohm
