#include "src/machine/outcome.hpp"

#include <array>

namespace attohm {

std::string_view cost_scope_name(CostScope scope) {
    static constexpr std::array<std::string_view, kCostScopes> kNames = {"attention", "model"};
    return kNames.at(static_cast<std::size_t>(scope));
}

std::string plan_title(const std::string& plan, const std::string& scope) {
    return scope == cost_scope_name(CostScope::attention) ? plan : plan + ", " + scope;
}

std::vector<std::string> MachineOutcome::baselines() const {
    std::vector<std::string> titles;
    for (const PlanSummary& plan : plans)
        if (plan.name != plans.front().name) titles.push_back(plan.title());
    return titles;
}

std::int64_t PlanSummary::counted(std::string_view event) const {
    std::int64_t sum = 0;
    for (const CountTotal& total : counts)
        if (total.event == event) sum += total.count;
    return sum;
}

const TrafficTotal* PlanSummary::tensor(std::string_view wanted) const {
    for (const TrafficTotal& total : traffic)
        if (total.tensor == wanted) return &total;
    return nullptr;
}

const ResourceTotal* PlanSummary::resource(std::string_view wanted) const {
    for (const ResourceTotal& total : resources)
        if (total.resource == wanted) return &total;
    return nullptr;
}

}  // namespace attohm
