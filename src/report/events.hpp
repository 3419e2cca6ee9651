#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/report/group.hpp"

namespace attohm {

/// A rare but legal event, as often as it happened.
struct EventRate {
    std::string name;  ///< in words
    std::int64_t count = 0;
    double whole = 0.0;  ///< how often it could have happened
    std::string of;      ///< "of the valid pairs"
    double rate = 0.0;
    bool flagged = false;  ///< above kFlaggedRate
};

/// Events with something to count over, chips taken together.
std::vector<EventRate> event_rates(const Point& point);

}  // namespace attohm
