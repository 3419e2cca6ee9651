#pragma once

#include <map>
#include <memory>
#include <vector>

#include "src/machine/plans/engine_job.hpp"
#include "src/machine/plans/planner.hpp"
#include "src/machine/schedule/schedule.hpp"

/// What all plans of an engine share: heads are gathered until their layer is complete, then the
/// layer is planned as a whole; attention alone and the whole model are two sums over the layers.
namespace attohm {

/// One layer's attention on the engine.
struct LayerPlan {
    Tally tally;  ///< counts and traffic; the schedule's times are added by the planner
    ScheduleTimes times;
};

class EnginePlanner : public Planner {
  public:
    EnginePlanner(const Machine& machine, const PlanOptions& options);

    void head(const HeadWork& work, const Selection& selection) final;
    void layer(const LayerWork& work) final;
    std::vector<Tally> finish() final;

  protected:
    /// The operators of a head on the engine; empty: it has nothing to do.
    virtual PlacedList place_head(const HeadWork& work, const Selection& selection) = 0;
    /// Plans the heads of one layer.
    virtual LayerPlan plan_layer(std::span<const PlacedList> heads) = 0;

    const Machine& machine_;
    const Engine& engine_;
    const PlanOptions options_;

  private:
    void close_layer();
    void add(int layer, const LayerPlan& plan, bool attention);

    int layer_ = -1;
    std::vector<PlacedList> heads_;
    std::vector<Tally> totals_;  ///< by CostScope
};

/// What `attohm explain` says of every plan of an engine; `own` comes first.
std::vector<std::string_view> engine_rules(std::string_view own);
std::vector<std::string_view> engine_not_modelled();

/// The best of: heads in a pipeline (two slots per tensor, one slot), operators one after another
/// with a part of the buffers for what lies between them. Fewest cycles; of equals the first.
LayerPlan best_order(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times);

/// Operators one after another; the best share of the buffers for what lies between them.
LayerPlan best_operator_order(const Engine& engine, std::span<const PlacedList> heads,
                              std::int64_t times);

/// Says what units really did: tiles and blocks of equal size stand for smaller ones at the edges.
void set_useful(std::span<const PlacedList> heads, std::int64_t times, ScheduleTimes& schedule);

/// A plan in which every tensor passes between memory and chip once: counts and traffic.
Tally once_through(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times);

}  // namespace attohm
