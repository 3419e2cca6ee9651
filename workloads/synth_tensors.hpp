#pragma once

#include <string>
#include <vector>

#include "workloads/synth_plan.hpp"

/// The file of a synthetic trace.
namespace attohm {

SynthPlace place_of(const AttentionSize& size, int layer, int head);

/// Layers with sizes alone.
void write_shapes(const SynthPlan& plan, const std::string& path);

/// Everything. Args: solved: heads of all attention layers in order.
void write_tensors(const SynthPlan& plan, const std::vector<SynthHead>& solved,
                   const std::string& path);

}  // namespace attohm
