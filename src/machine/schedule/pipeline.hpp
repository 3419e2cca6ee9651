#pragma once

#include <cstdint>
#include <vector>

#include "src/machine/schedule/schedule.hpp"

/// The standard pipeline of load, compute and store: as loops for the simulator, and in closed
/// form.
namespace attohm {

struct PipelineShape {
    std::int64_t load = 0;  ///< cycles per iteration
    std::int64_t compute = 0;
    std::int64_t store = 0;
    std::int64_t iterations = 1;  ///< >= 1
    int buffers = 2;              ///< slots of the input and of the output buffer: 1 or 2
    /// Loads and stores share one port, which takes load 0, load 1, store 0, load 2, store 1, ...:
    /// the next load goes before the store, so that it overlaps the compute.
    bool shared_port = false;
};

struct PipelineResources {
    ResourceId load = 0;
    ResourceId compute = 1;
    ResourceId store = 2;  ///< with a shared port: the same as `load`
};

/// The pipeline's loops. The input buffer is freed by compute, the output buffer by store.
std::vector<TaskLoop> pipeline_loops(const PipelineShape& shape,
                                     const PipelineResources& resources);

/// Cycles from the start of the first load to the end of the last store, exactly. With
/// L, C, S, n and M = max(L, C, S):
///     separate, double    L + C + S + (n - 1) M
///     separate, single    L + C + S + (n - 1) (C + max(L, S))
///     shared, double      C >= L + S: L + S + n C
///                         else, n > 1: (n - 1) (L + S) + max(L + S, C + max(L, S), 2 C)
///     shared, single      n (L + C + S)
/// Each is the longest path through the tasks; n = 1 is L + C + S throughout.
std::int64_t steady_state_cycles(const PipelineShape& shape);

}  // namespace attohm
