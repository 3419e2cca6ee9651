#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "src/base/units.hpp"

namespace attohm {

/// Differential pair: an integer m becomes two cells, G+ = G_min + dG max(m, 0) and
/// G- = G_min + dG max(-m, 0), with dG = (G_max - G_min) / n_max and n_max = 2^(B-1).
/// Without a bit count (`ideal`) levels are real numbers on the scale of B = 4.
/// Source: physics.md section 2 (Hu et al., DAC 2016, for the pair).
class LevelMap {
  public:
    static constexpr int kIdealBits = 4;

    LevelMap(Siemens g_min, Siemens g_max, std::optional<int> bits) : g_min_(g_min), bits_(bits) {
        n_max_ = 1 << (bits.value_or(kIdealBits) - 1);
        dG_ = (g_max - g_min) / static_cast<double>(n_max_);
    }

    /// Conductance of one level.
    Siemens dG() const { return dG_; }
    Siemens g_min() const { return g_min_; }
    int n_max() const { return n_max_; }
    std::optional<int> bits() const { return bits_; }
    /// G_min in units of dG.
    double base_level() const { return g_min_ / dG_; }

    Siemens plus(double m) const { return g_min_ + dG_ * std::max(m, 0.0); }
    Siemens minus(double m) const { return g_min_ + dG_ * std::max(-m, 0.0); }

  private:
    Siemens g_min_;
    Siemens dG_;
    std::optional<int> bits_;
    int n_max_ = 1;
};

}  // namespace attohm
