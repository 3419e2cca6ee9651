#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "circuits/cited.hpp"

namespace attohm {

/// A figure made of others: count times each, with every source named once. The weakest mark wins;
/// one part without a figure leaves the sum without one.
class FigureSum {
  public:
    FigureSum& add(double count, std::string_view noun, const std::optional<Cited>& figure);

    /// "2 x multiplication + 1 x addition: source; source". Nothing for an empty sum.
    /// Args: counts: how far to trust the numbers of the parts
    std::optional<Cited> total(Mark counts = Mark::cited) const;

  private:
    double value_ = 0.0;
    bool known_ = true;
    Mark mark_ = Mark::cited;
    std::string parts_;
    std::vector<std::string> sources_;
};

}  // namespace attohm
