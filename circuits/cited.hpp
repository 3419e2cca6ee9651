#pragma once

#include <string>
#include <string_view>

#include "src/base/settings.hpp"

namespace attohm {

/// A number that prices something, with where it came from. `value` is SI, per counted thing.
struct Cited {
    double value = 0.0;
    std::string source;
    Mark mark = Mark::choice;
};

/// The setting `key` times `si_factor`, with its source and mark.
/// Throws: UserError when it is missing, not a number or outside `range` (in the key's own unit).
Cited cited(const Settings& settings, std::string_view key, double si_factor, Range range = {});

constexpr Range kPositive{1e-300, 1e300};
constexpr Range kNonNegative{0.0, 1e300};
constexpr double kPico = 1e-12;
constexpr double kFemto = 1e-15;
constexpr double kMicro = 1e-6;

}  // namespace attohm
