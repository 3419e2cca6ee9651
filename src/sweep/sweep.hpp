#pragma once

#include <functional>
#include <string>

#include "src/sweep/sweep_spec.hpp"

/// Runs the points of a sweep and gathers their results in one file.
namespace attohm {

struct SweepOptions {
    std::string directory;  ///< results.h5 and points/ go here
    bool resume = false;    ///< take finished points from an earlier, interrupted run
    bool force = false;     ///< put these results in the place of another sweep's
};

struct SweepOutcome {
    std::string results_path;
    std::size_t points = 0;
    std::size_t reused = 0;
};

/// Called after each finished point; `all` grows while an axis extends.
using SweepProgress = std::function<void(std::size_t done, std::size_t all)>;

/// Points run in parallel, each on one thread; steps of an extended axis run one after another,
/// each parallel inside. A finished point is a file of its own (named by what it computes), so that
/// a killed sweep loses at most the points under way; the results are then the same bytes as
/// without the kill. Throws: UserError for bad settings of any point before any point runs, for
/// keys that no point reads,
///   for a directory that cannot be written or holds another sweep's results or points (without
///   `force`).
SweepOutcome run_sweep(const SweepSpec& spec, const SweepOptions& options,
                       const SweepProgress& progress = {});

}  // namespace attohm
