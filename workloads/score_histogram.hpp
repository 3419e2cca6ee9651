#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// `attohm trace info --histogram`: how the scaled scores (scale * q.k, without bias) of each layer
/// are distributed over the pairs that mask, causality and padding allow. Scores are made for some
/// queries of a head at a time, so that memory does not grow with the square of the tokens.
namespace attohm {

struct ScoreHistogram {
    static constexpr std::array<double, 7> kLevels = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};
    static constexpr int kBins = 32;

    int layer = 0;
    std::int64_t pairs = 0;
    double least = 0.0, most = 0.0, mean = 0.0, sigma = 0.0;
    std::array<double, kLevels.size()> quantiles{};  ///< to 0.4 % of their magnitude
    /// Share of the pairs at or above the learned threshold of their head; nothing without one.
    std::optional<double> above_threshold = {};
    double low = 0.0, high = 0.0;    ///< 0.1 % and 99.9 % quantile, the range of the bins
    std::vector<std::int64_t> bins;  ///< pairs; those outside the range are in the end bins
};

struct ScoreHistograms {
    std::int64_t samples = 0;  ///< with layers
    std::vector<ScoreHistogram> layers;
};

/// Over all evaluated samples that have layers. Throws: UserError as TraceReader does, and for a
/// trace without stored attention layers.
ScoreHistograms score_histograms(const std::string& path);

std::string to_text(const ScoreHistograms& histograms);
/// One JSON value, without a line end.
std::string to_json(const ScoreHistograms& histograms);

}  // namespace attohm
