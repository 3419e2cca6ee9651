#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "src/machine/plans/engine_job.hpp"
#include "src/machine/plans/planner.hpp"

/// Plans whose dataflow is their own.
namespace attohm {

/// Rows of `columns` pairs that the kept pairs take when every query starts a row of its own.
/// Args: kept_begin: kept pairs before each query, and at the end.
std::int64_t packed_rows(std::span<const std::int64_t> kept_begin, std::int64_t columns);

/// That a head's operators are those of the scheme that a plan is for: one of them has one of these
/// names. Nothing is asked of a head without operators. Throws: UserError.
void require_own_operators(const OpList& ops, std::initializer_list<std::string_view> names,
                           std::string_view plan, const Engine& engine);

PlanEntry sanger_plan();
/// Pairs of ViTCoD's two engines, from the operators "L global" and "L rest" of a head.
struct VitcodPairs {
    std::int64_t global = 0;
    std::int64_t rest = 0;
};
VitcodPairs vitcod_pairs(const OpList& list);

PlanEntry vitcod_plan();
PlanEntry vitcod_released_plan();
PlanEntry salo_plan();
PlanEntry salo_released_plan();
/// As sanger's, for selections that go query by query and stop early.
PlanEntry kept_plan();
/// Every allowed pair, packed alike: what choosing pairs gains is measured against this.
PlanEntry allowed_plan();
PlanEntry fabnet_plan();
PlanEntry fabnet_released_plan();

/// How FLAT fuses: all of a batch, of a sample, of a head, or so many query rows at once.
enum class FlatGrain : std::uint8_t { batch, sample, head, rows };
std::string_view flat_grain_name(FlatGrain grain);

/// One way to fuse attention of a layer.
struct FlatTiling {
    FlatGrain grain = FlatGrain::rows;
    std::int64_t rows = 1;           ///< queries of a head per tile
    std::int64_t tiles = 1;          ///< in all heads and samples
    std::int64_t live_elements = 0;  ///< double-buffered
    /// Of keys and values that do not fit: read again for every tile after a kv head's first, in
    /// all.
    std::int64_t reload_bits = 0;
    std::int64_t spill_bits = 0;  ///< of scores that do not fit, written and read back, in all
    std::int64_t cycles = 0;
};

/// Elements that a grain keeps on chip, double-buffered; B samples, H heads, N keys, R rows, D = H
/// d:
///     batch  8 B D N + B H N^2      sample  8 D N + H N^2
///     head   8 N d + N^2            rows    4 R d + 4 N d + R N
/// Source: FLAT, ASPLOS 2023 (second-hand notes).
std::int64_t flat_live_elements(FlatGrain grain, std::int64_t batch, std::int64_t heads,
                                std::int64_t keys, std::int64_t width, std::int64_t rows);

/// The best of all grains and numbers of rows for equal heads of dense attention ("L", "softmax",
/// "A"). K and V of a kv head are fetched once for its query heads, which follow each other.
/// Args: heads: of one layer, one shape.
FlatTiling best_flat_tiling(const Engine& engine, const std::string& machine,
                            std::span<const HeadShape> heads, int bits, std::int64_t batch);

PlanEntry flat_plan();

}  // namespace attohm
