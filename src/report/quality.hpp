#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "src/report/group.hpp"

namespace attohm {

/// What the settings of a group are judged by: top-1, or in the open loop the relative rms error of
/// the attention output against `exact`.
struct Quality {
    bool top1 = true;
    std::string title;
    std::string word;
};

/// Nothing where some point has neither.
std::optional<Quality> quality_of(const Group& group);
/// Without an interval (value three times) for the error. Args: a point of that group.
Interval quality(const Quality& kind, const Point& point);

/// Axes that colours and shapes stand for; -1: none.
struct Channels {
    int colour = -1;
    int shape = -1;
};
Channels choose_channels(const Group& group);

/// Colour by the values of an axis: ordered colours for many numbers, else the palette.
nlohmann::json colour_encoding(const Group& group, int axis);

}  // namespace attohm
