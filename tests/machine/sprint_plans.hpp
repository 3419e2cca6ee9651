#pragma once

#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"

/// The SPRINT chips and their plans, for tests of the cost side.
namespace attohm::test {

inline SprintChip chip(const std::string& name) {
    return *load_machine(name).sprint();
}

inline std::vector<std::string> sprint_machines() {
    return {"sprint-s", "sprint-m", "sprint-l"};
}

/// The scheme's plan and its three baselines.
inline PlanChoice sprint_plans() {
    return {"sprint", {"dense", "mask-only", "dense-tiled"}, {}};
}

inline const PricedPlan& plan_of(const Pricing& pricing, const std::string& name) {
    for (const PricedPlan& plan : pricing.plans)
        if (plan.name == name) return plan;
    throw InvariantError("no plan " + name);
}

}  // namespace attohm::test
