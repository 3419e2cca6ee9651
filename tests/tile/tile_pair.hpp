#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/tile/sprint_tile.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"

/// One tile told to both implementations: the fast path's own words, and what the twin is told of
/// them. Both stand before the same chip and the same write event.
namespace attohm {

struct TilePairDesign {
    std::string name;
    std::size_t n_q = 14, n_k = 23, d = 19;
    std::uint64_t content = 1;  ///< of q and k
    bool same_query = false;    ///< all queries alike: reads that differ in their draws alone
    int k_bits = 4, q_bits = 4;
    MappingSettings mapping;
    TileCircuits circuits;  ///< without what follows from the numbers: see finished()
    Device device;
    std::optional<double> i_max_A;
    std::optional<int> adc_bits;
    DrawSite site{20221, 1, 2, 3, 4, 5, 6};

    Mapping map() const { return {device.g_min, device.g_max, k_bits, mapping}; }
    /// Circuits with current of a step, limits in steps and the ADC's range.
    TileCircuits finished() const;
    Second read_time() const;
};

/// Without any error: 10..90 uS, 0.2 V, 64 x 9 arrays, full scale of 400 steps for 0.3 V.
TilePairDesign silent_design(const std::string& name);

/// Every noise of write and read that has no memory, at sizes that matter.
void make_noisy(TilePairDesign& design);

/// A head whose codes are whole numbers on both sides.
OwnedHead coded_head(const TilePairDesign& design);
SprintReferenceScales coded_scales(const TilePairDesign& design);

/// What the twin is told of the design; it finds the gains of its thresholds itself.
SprintReferenceSettings twin_settings(const TilePairDesign& design);

/// Both, put together.
struct TilePair {
    explicit TilePair(const TilePairDesign& design);

    std::size_t rows() const { return nq.rows(); }
    std::size_t keys() const { return levels.rows(); }
    /// All queries at one threshold; the tile's comparators begin anew.
    Matrix<std::uint8_t> keep(float threshold, Matrix<float>* p = nullptr,
                              TileTotals* totals = nullptr) const;
    SprintReferenceRead twin_read(float threshold, std::uint64_t repeat = 0) const;
    Matrix<double> twin_probabilities(float threshold) const;
    SprintTile make_tile() const;

    TilePairDesign design;
    OwnedHead data;
    AttentionHead head;
    SprintReferenceSettings settings;
    SprintReferenceCodes codes;
    SprintReferenceCells cells;
    SprintReferenceColumns columns;
    TileCircuits circuits;
    Mapping map;
    Matrix<float> levels, nq;
};

}  // namespace attohm
