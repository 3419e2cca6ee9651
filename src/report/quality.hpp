#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "src/report/group.hpp"

namespace attohm {

/// What the settings of a group are judged by: top-1, the perplexity of a next-token task, or in
/// the open loop the relative rms error of the attention output against `exact`.
struct Quality {
    enum class Kind { top1, perplexity, error };
    Kind kind = Kind::top1;
    std::string title;  ///< of an axis
    std::string word;
    std::string noun;  ///< "Accuracy"

    bool has_interval() const { return kind != Kind::error; }
    bool more_is_better() const { return kind == Kind::top1; }
};

/// Nothing where some point has none of them.
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
