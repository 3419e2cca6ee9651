#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/report/group.hpp"

/// What the numbers say, in words.
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
        first_lost;                  ///< least noise at which top-1 had dropped; nothing: none had
    std::optional<Interval> change;  ///< there
};

/// Top-1 has dropped where the whole interval of the change lies below zero. Points in ascending
/// noise, the first one the base. Nothing for fewer than two points.
std::optional<NoiseKnee> noise_knee(std::span<const NoisePoint> points);

struct EnergyPoint {
    double energy_J = 0.0;
    Interval top1;
};

struct EnergyKnee {
    std::size_t best = 0;      ///< highest top-1; of several the cheapest
    std::size_t cheapest = 0;  ///< least energy among those whose interval reaches the best top-1
};
/// Nothing for no points.
std::optional<EnergyKnee> energy_knee(std::span<const EnergyPoint> points);

/// The lowest energies at which each top-1 is reached: indices, energies ascending, top-1 rising.
std::vector<std::size_t> pareto_front(std::span<const EnergyPoint> points);

/// Sentences about a group, most important first, with units and scopes.
std::vector<std::string> findings(const Group& group);

}  // namespace attohm
