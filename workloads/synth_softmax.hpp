#pragma once

#include <vector>

#include "workloads/synth_scores.hpp"

/// What the exact softmax of a head's rows looks like.
namespace attohm {

struct SoftmaxMeans {
    double effective_keys = 0.0;  ///< mean over queries of 1 / sum p^2 over the keys they may see
    double sink_mass = 0.0;       ///< mean over queries of the mass on the sinks
};

/// Sums over the rows of a head, from which the means follow for any height of its sinks.
class SoftmaxRows {
  public:
    /// Args: sinks: keys 0 .. sinks - 1; gain: factor on all scores.
    SoftmaxRows(HeadScores& scores, int sinks, double gain);

    /// With `height` added to the scores of the sinks.
    SoftmaxMeans means(double height) const;
    /// The height at which the sinks have that mass; the end of the range where none gives it.
    double sink_height(double mass) const;

  private:
    struct Row {
        double sum = 0.0, squares = 0.0;            ///< of exp(score - largest) of other keys
        double sink_sum = 0.0, sink_squares = 0.0;  ///< the same of sinks
        double visible = 0.0;
    };
    std::vector<Row> rows_;
};

}  // namespace attohm
