#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crossbar/fit/card_writer.hpp"
#include "crossbar/fit/statistics.hpp"
#include "src/base/settings.hpp"

namespace attohm::fit {

/// The card that what was not measured is taken from: every leaf of it is marked assumed and names
/// it.
class BaseCard {
  public:
    /// Throws: UserError of device_card.
    explicit BaseCard(const std::string& name_or_path);

    const std::string& name() const { return name_; }
    bool has(const std::string& key) const { return settings_.has(key); }
    bool has_section(const std::string& section) const;
    /// Nothing where the key is absent or no number.
    std::optional<double> number(const std::string& key) const;
    CardLeaf leaf(const std::string& key) const;
    std::vector<CardLeaf> section(const std::string& section) const;
    /// The relaxation as a card says it whose t0 and g_max differ: s0 moves along its own line to
    /// the new t0, coefficients of G / G_max are rescaled.
    std::vector<CardLeaf> relaxation(double t0_s, double g_max_uS) const;
    /// Where the new card's range of conductances is wider than this one's.
    std::vector<std::string> warnings(const Bounds& range_uS) const;

  private:
    std::string name_;
    Settings settings_;
};

}  // namespace attohm::fit
