#include "src/machine/plans/layer_plan.hpp"

#include <algorithm>

namespace attohm {

std::optional<LayerPlan> LayerMemory::recall(std::span<const HeadJob> jobs) const {
    const std::scoped_lock lock(mutex_);
    for (const auto& [known, plan] : layers_)
        if (std::equal(known.begin(), known.end(), jobs.begin(), jobs.end())) return plan;
    return std::nullopt;
}

void LayerMemory::keep(std::span<const HeadJob> jobs, const LayerPlan& plan) {
    // Kept pairs differ from sample to sample.
    for (const HeadJob& job : jobs)
        if (!job.kept_begin.empty()) return;
    const std::scoped_lock lock(mutex_);
    if (layers_.size() == kMost) layers_.erase(layers_.begin());
    layers_.emplace_back(std::vector<HeadJob>(jobs.begin(), jobs.end()), plan);
}

}  // namespace attohm
