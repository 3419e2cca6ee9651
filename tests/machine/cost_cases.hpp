#pragma once

#include <string>
#include <vector>

#include "src/machine/cost_engine.hpp"
#include "tests/machine/random_work.hpp"

/// What tests of the cost engine share.
namespace attohm::test {

/// Energy per inference of the known lines of one component and event.
inline double energy_of(const PricedPlan& plan, const std::string& component,
                        const std::string& event) {
    double sum = 0.0;
    for (const LedgerLine& line : plan.lines)
        if (line.component == component && line.event == event) sum += line.energy.value();
    return sum;
}

inline std::vector<MachineOutcome> outcome_of(const CostEngine& engine,
                                              const std::vector<HeadCase>& heads) {
    SamplePlanner planner = engine.planner();
    for (const HeadCase& head : heads) planner.consume(head.work, head.selection);
    const std::vector<SampleCost> costs = {planner.finish()};
    return engine.accumulate(costs);
}

inline HeadCase bert_head() {
    const HeadShape shape = plain_shape(384, 64);
    return head_case(random_selection(shape, 0.25, 0.9, 5));
}

}  // namespace attohm::test
