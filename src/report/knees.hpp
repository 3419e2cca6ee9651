#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/report/group.hpp"

/// Where a sweep begins to pay: in accuracy for noise, in energy for accuracy. Settings see the
/// same samples, so every comparison is paired.
namespace attohm {

/// One setting of a noise axis.
struct NoisePoint {
    double noise = 0.0;
    Interval change;  ///< of top-1 against the least noise, paired; its own value 0
};

/// Where accuracy begins to pay for noise.
struct NoiseKnee {
    double last_held = 0.0;  ///< largest noise before the first drop
    std::optional<double>
        first_lost;   ///< least noise at which top-1 had dropped; nothing: none had
    Interval change;  ///< there, or at the largest noise
};

/// Top-1 has dropped where the whole interval of the change lies below zero. Points in ascending
/// noise, the first one the base. Nothing for fewer than two points.
std::optional<NoiseKnee> noise_knee(std::span<const NoisePoint> points);

/// A knee with what all of its points have in common.
struct SliceKnee {
    std::vector<std::string> values;  ///< by axis of the group, of the point with the least noise
    std::string label;                ///< of the other axes
    double base = 0.0;                ///< the least noise
    NoiseKnee knee;
};
/// Of every slice along the noise axis with three points or more. Args: axis: of the group.
std::vector<SliceKnee> noise_knees(const Group& group, std::size_t axis);

struct EnergyPoint {
    double energy_J = 0.0;
    Interval top1;  ///< or whatever is the more the better
};

struct EnergyKnee {
    std::size_t best = 0;      ///< highest top-1; of several the cheapest
    std::size_t cheapest = 0;  ///< least energy among those that are not surely worse than the best
};
/// Change of what is judged from point `best` to point `other`, paired. Nothing: not comparable.
using PairedChange = std::function<std::optional<Interval>(std::size_t best, std::size_t other)>;
/// A point is surely worse where the whole interval of its paired change lies below zero. Nothing
/// for no points.
std::optional<EnergyKnee> energy_knee(std::span<const EnergyPoint> points,
                                      const PairedChange& change);
/// Of a group, by the prices of its first machine. Nothing where some point has no quality or no
/// price.
std::optional<EnergyKnee> energy_knee(const Group& group);

/// One sentence a question: where noise costs accuracy, and which setting is the cheapest.
std::vector<std::string> knee_sentences(const Group& group);
/// Every slice along the noise axis, collapsed; "" where one sentence says it all.
std::string knees_table(const Group& group);
/// The same of all results as CSV; only its first line where there are none.
std::string knees_csv(std::span<const Result> results);

}  // namespace attohm
