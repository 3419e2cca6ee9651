#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/settings.hpp"

/// What a sweep asks for: settings only, nothing of how or where they run.
///
///     trace: digits_vit.h5            # relative to this file
///     set: {samples: 200}             # every point
///     parts:
///       - name: grid
///         set: {device.read_noise.scale: 1}
///         axes: {threshold.margin: [-1, 0, 1], bits.k: [2, 4]}     # all combinations
///       - name: noise
///         extend: {key: device.read_noise.scale, from: 1, factor: 2, limit: 64, until: top1-drop}
///
/// `axes` at the top stands for a single part.
namespace attohm {

/// A setting as the user wrote it.
struct Assignment {
    std::string key;
    std::vector<std::string> values;
    bool is_list = false;
    std::string where;
};

/// One experiment of a sweep.
struct SweepPoint {
    std::string part;
    std::vector<Assignment> assignments;                    ///< in order, later ones win
    std::vector<std::pair<std::string, std::string>> axes;  ///< swept key -> value as text
};

enum class Until { limit, top1_drop };

/// An axis that grows until something happens.
struct Extend {
    std::string key;
    double from = 0.0;
    double factor = 0.0;
    double limit = 0.0;
    Until until = Until::limit;
    std::string where;
};

struct SweepPart {
    std::string name;
    std::vector<SweepPoint>
        points;  ///< without `extend`: all of them; with it: what each step repeats
    std::optional<Extend> extend;
};

struct SweepSpec {
    std::string text;   ///< the file as written
    std::string trace;  ///< path
    std::vector<SweepPart> parts;
};

/// Throws: UserError with file:line:column for anything the format above does not have.
SweepSpec load_sweep(const std::string& path);

/// Settings of one point: presets, then its assignments. Throws: UserError as Settings does.
Settings point_settings(const SweepPoint& point);
/// Lays the assignments of a point over settings.
void overlay_point(const SweepPoint& point, Settings& settings);

/// The point with the extended key set to `value`.
SweepPoint extended_point(const SweepPoint& point, const Extend& extend, double value);

}  // namespace attohm
