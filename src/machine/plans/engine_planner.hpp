#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "src/machine/plans/engine_job.hpp"
#include "src/machine/plans/layer_plan.hpp"
#include "src/machine/plans/planner.hpp"

/// What all plans of an engine share: heads are gathered until their layer is complete, then the
/// layer is planned as a whole; attention alone and the whole model are two sums over the layers.
namespace attohm {

/// Operators one after another; the best share of the buffers for what lies between them.
LayerPlan best_operator_order(const Engine& engine, std::span<const PlacedList> heads,
                              std::int64_t times);

class EnginePlanner : public Planner {
  public:
    EnginePlanner(const Machine& machine, const PlanOptions& options);

    void head(const HeadWork& work, const Selection& selection) final;
    void layer(const LayerWork& work) final;
    std::vector<Tally> finish() final;

  protected:
    /// What the plan does for a head.
    virtual HeadJob job_of(const HeadWork& work, const Selection& selection) = 0;
    /// One query of a causal head over its first `keys` keys, as Work that `job_of` takes.
    /// Throws: UserError where the plan or the scheme's operators have no such step.
    virtual HeadWork step_of(const HeadWork& work, std::int64_t keys) const;
    /// Whether K and V may stay on chip from one step of decode to the next.
    virtual bool keeps_cache() const { return true; }
    /// Changes what rows of a head cost where the plan has a dataflow of its own. Args: kept_begin
    /// [rows + 1]: of the placed rows.
    virtual void refine(PlacedList& /*placed*/,
                        std::span<const std::int64_t> /*kept_begin*/) const {}
    /// Plans the heads of one layer, none empty. Args: heads: `jobs` as a whole.
    virtual LayerPlan plan_layer(std::span<const HeadJob> jobs,
                                 std::span<const PlacedList> heads) = 0;
    /// Plans what a layer does besides its heads, the rows of the whole batch at once.
    virtual LayerPlan plan_linear(const PlacedList& placed) {
        return best_operator_order(engine_, {&placed, 1}, 1);
    }
    /// The best of heads in a pipeline, whole or cut by rows, and operator by operator.
    LayerPlan best_of_orders(std::span<const HeadJob> jobs,
                             std::span<const PlacedList> heads) const;

  private:
    Engine own_;  ///< in decode its buffers lose what stays on chip

  protected:
    const Machine& machine_;
    const Engine& engine_;
    const PlanOptions options_;

  private:
    struct Resident;
    void close_layer();
    void add(int layer, const LayerPlan& plan, bool attention, std::int64_t repeats = 1);
    std::vector<PlacedList> tiles_of(const HeadJob& job, std::int64_t rows) const;
    LayerPlan search_orders(std::span<const HeadJob> jobs, std::span<const PlacedList> heads) const;
    std::vector<std::int64_t> least_cycles(std::span<const HeadJob> jobs) const;
    // Decode (engine_decode.cpp).
    std::vector<Tally> decode();
    std::vector<Tally> decode_with(const Resident& resident);
    void decode_linear(const Resident& resident);
    void decode_attention(const Resident& resident);
    LayerPlan attention_step(std::span<const HeadWork> heads, std::int64_t keys, bool has_cache);
    std::int64_t steps() const;
    Resident resident(bool cache, bool weights) const;
    bool fits(const Resident& resident) const;

    int layer_ = -1;
    std::vector<HeadJob> jobs_;
    std::vector<Tally> totals_;      ///< by CostScope
    std::vector<HeadWork> causal_;   ///< decode: all heads of the sample, without operators
    std::vector<LayerWork> linear_;  ///< decode: what is not attention
};

/// What `attohm explain` says of every plan of an engine; `own` comes first.
std::vector<std::string_view> engine_rules(std::string_view own);
std::vector<std::string_view> engine_not_modelled();

/// The tiles of a layer's heads.
struct TilesOfHeads {
    /// Each at most so many rows; empty: heads cannot be cut.
    std::function<std::vector<PlacedList>(std::int64_t rows)> cut;
    /// Cycles that every unit is busy with the least a tile of each head can ask for.
    std::vector<std::int64_t> least_cycles;
};

/// The best of: heads in a pipeline (two slots per tensor, one slot); tiles of query rows in a
/// pipeline, of every even number per head and slots; where whole heads do not fit, operators one
/// after another with a part of the buffers for what lies between them. Fewest cycles; of equals
/// the first. Cuts are compared over up to four samples of a batch, the best of them over all.
/// Args: rows: of each head; 1: heads are not cut.
LayerPlan best_order(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times,
                     std::int64_t rows = 1, const TilesOfHeads& tiles = {});

/// Says what units really did: tiles and blocks of equal size stand for smaller ones at the edges.
void set_useful(std::span<const PlacedList> heads, std::int64_t times, ScheduleTimes& schedule);

/// A plan in which every tensor passes between memory and chip once: counts and traffic.
Tally once_through(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times);

}  // namespace attohm
