#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "circuits/circuit_tables.hpp"
#include "src/base/settings.hpp"

namespace attohm::test {

/// The numbers of a DRAM table as written, so that a test derives its expectations from the text
/// and not from the types under test.
class DramText {
  public:
    explicit DramText(const std::string& name)
        : settings_(Settings::from_text(*circuit_table(name), name)) {}

    std::int64_t number(const std::string& key) const { return settings_.integer("dram." + key); }
    double real(const std::string& key) const { return settings_.real("dram." + key); }
    std::string text(const std::string& key) const { return settings_.text("dram." + key); }
    /// `t("rcd")` is t_rcd_cycles, `t("cl")` is cl_cycles.
    std::int64_t t(const std::string& key) const {
        return settings_.has("dram.t_" + key + "_cycles") ? number("t_" + key + "_cycles")
                                                          : number(key + "_cycles");
    }
    std::int64_t burst() const { return number("burst_length") / 2; }
    std::int64_t spacing(bool same_group) const {
        return std::max(t(same_group ? "ccd_l" : "ccd_s"), burst());
    }
    std::int64_t burst_bytes() const { return number("burst_length") * number("bus_bits") / 8; }
    std::int64_t row_bursts() const { return number("columns") / number("burst_length"); }
    std::int64_t banks() const { return number("bank_groups") * number("banks_per_group"); }

  private:
    Settings settings_;
};

}  // namespace attohm::test
