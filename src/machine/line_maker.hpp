#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "circuits/cited.hpp"
#include "src/machine/ledger.hpp"

/// Makes the lines of one plan's ledger. A line with nothing counted is not made.
namespace attohm {

/// What a line is about, before its price.
struct LineHead {
    std::string component;
    std::string_view event;
    std::string_view count_unit;
    double count = 0.0;  ///< per inference
    std::string scope;
    bool operand_write = false;
};

class LineMaker {
  public:
    /// A unit energy times the count.
    void priced(LineHead head, const Cited& unit, std::string energy_source);
    /// A total that physics measured, joules per inference; unknown where the scheme could not say
    /// (NaN or nothing).
    void measured(LineHead head, double joules);
    void unknown(LineHead head);
    /// Paid per second that the machine is on; nothing: no figure.
    void powered(std::string component, double seconds, const std::optional<Cited>& power,
                 std::string scope, bool operand_write = false);

    std::vector<LedgerLine> take() { return std::move(lines_); }

  private:
    LedgerLine& start(LineHead head);

    std::vector<LedgerLine> lines_;
};

}  // namespace attohm
