#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/replay/result.hpp"

/// Results in the order in which people compare them: by trace, then by what differs.
namespace attohm {

/// A setting that differs within a group.
struct Axis {
    std::string key;                  ///< key of the experiment, or "scheme"
    std::string title;                ///< key in words, with its unit
    std::string word;                 ///< the same in a word or two, for labels
    bool numeric = false;             ///< every value is a number
    std::vector<std::string> values;  ///< ascending where numeric, else as first met
};

/// Results that differ in chip or seed only.
struct Point {
    std::vector<const Result*> chips;  ///< at least one
    std::vector<std::string> values;   ///< by axis of the group

    const Result& first() const { return *chips.front(); }
};

/// All results of one trace in one mode.
struct Group {
    std::string trace_id;
    std::string trace_name;
    std::string mode;
    std::vector<Axis> axes;     ///< of the points
    std::vector<Point> points;  ///< never empty
    std::vector<Point>
        references;  ///< exact, threshold, threshold-q where something else is compared
    std::vector<std::string> schemes;  ///< of the points
    std::size_t headline = 0;          ///< the point that details are shown of

    const Point& shown() const { return points[headline]; }
    std::optional<std::size_t> axis(std::string_view key) const;
    /// Number on a numeric axis.
    double number(const Point& point, std::size_t axis) const;
};

/// The results have to outlive the groups. Args: at least one result.
std::vector<Group> group_results(std::span<const Result> results);

/// The axis that device noise is swept on: of those with a noise, a sigma or a programming error in
/// their key the one with most values; needs three. Nothing: there is none.
std::optional<std::size_t> noise_axis(const Group& group);

/// "K bits 4, margin 0": the values of a point, without the axes in `except`.
std::string point_label(const Group& group, const Point& point,
                        std::span<const std::size_t> except = {});

/// Points that differ along one numeric axis only, ascending.
struct Slice {
    std::string label;  ///< what all have in common, of what differs in the group
    std::vector<const Point*> points;
};
/// Every slice of at least `least` points.
std::vector<Slice> slices_along(const Group& group, std::size_t axis, std::size_t least);

/// A full or partial plane: points by two numeric axes, everything else equal.
std::vector<Slice> slices_across(const Group& group, std::size_t axis_a, std::size_t axis_b,
                                 std::size_t least);

/// Value of a key in one result: what was swept, else what the experiment resolved to, else "".
std::string setting_value(const Result& result, std::string_view key);

/// Digital schemes that others are compared with.
bool is_reference_scheme(std::string_view scheme);

/// "key: value" lines of resolved settings.
std::vector<std::pair<std::string, std::string>> settings_lines(const std::string& yaml);

}  // namespace attohm
