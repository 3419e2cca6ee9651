#pragma once

#include "src/tile/tile_core.hpp"

namespace attohm {

/// Decides a block of queries with the white noise of columns and comparators drawn at the output.
/// Only decisions that a draw could turn are drawn: a stream is random access, so the others' draws
/// are simply not looked at. Exact for one amplitude, two-phase, bit-serial (analog accumulation)
/// or pulse-width read without clipping of single columns (physics.md section 4).
class OutputPath {
  public:
    OutputPath(TileCore& core, ReadBlock& block) : core_(core), block_(block) {}

    /// Args: quiet: the same block under another law of its outputs, whose P(keep) goes to
    ///   `p_quiet`; null: none. What comparators remember is given for both.
    void decide(MatrixView<std::uint8_t> keep, MatrixView<float> p_keep, TileTotals& totals,
                const OutputPath* quiet = nullptr, MatrixView<float> p_quiet = {});

  private:
    struct Draws;
    struct Row;
    DecisionRow decision_row(std::size_t t, const float* normals, const float* offsets) const;
    void draw_row(std::size_t t, const DecisionRow& row, std::uint8_t* keep, std::uint8_t* risky,
                  Draws& draws, TileTotals& totals) const;
    void draw_open(std::size_t t, const DecisionRow& row, std::uint8_t* keep,
                   const std::uint8_t* open, Draws& draws, TileTotals& totals);
    std::uint8_t open_decision(std::size_t t, const DecisionRow& row, std::size_t j,
                               TileTotals& totals) const;
    double clipped_value(std::size_t t, const DecisionRow& row, std::size_t j,
                         TileTotals& totals) const;
    std::uint8_t compare(std::size_t t, std::size_t j, double value, double threshold,
                         TileTotals& totals) const;
    void probabilities(const DecisionRow& row, std::uint8_t* risky, float* p_keep) const;
    void shifted_probabilities(const DecisionRow& row, std::uint8_t* risky, float shift,
                               float* p_keep) const;

    TileCore& core_;
    ReadBlock& block_;
};

}  // namespace attohm
