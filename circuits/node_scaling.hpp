#pragma once

#include <string>
#include <vector>

#include "circuits/unit_cost.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// A process as far as figures are carried between them.
struct ProcessPoint {
    double node_nm = 0.0;
    Volt vdd;
};

/// Factors that carry a figure from the process where it was published to a machine's own.
///
/// `node_scaling.method`:
///   constant_field  energy ~ node V^2, area ~ node^2, delay ~ node: `assumed`
///   table           energy ~ a V^2 + b V + c, delay ~ a V^3 + b V^2 + c V + d with coefficients by
///                   node, area by a table of ratios: `cited` between two nodes of the table, else
///                   `assumed`, with straight lines in log-log between the nodes around
/// Leakage ~ node V by either (an off current per width that stays): `assumed`.
///
/// Source of the table: Stillmaker and Baas, Integration 58 (2017) 74-81,
/// doi:10.1016/j.vlsi.2017.02.002. Not modelled: low-power flavours of a process, temperature,
/// memories and wires that shrink less than logic.
class NodeScaling {
  public:
    /// Throws: UserError for a node or supply outside `node_scaling.node_nm` and
    ///   `node_scaling.vdd_V` (`table_node_nm` and `table_vdd_V` by the table).
    NodeScaling(const Settings& settings, ProcessPoint to);

    // Dimensionless factors from `from` to the machine's process.
    Cited energy(ProcessPoint from) const;
    Cited area(ProcessPoint from) const;
    Cited delay(ProcessPoint from) const;
    Cited leakage(ProcessPoint from) const;

    const std::string& method() const { return method_; }

  private:
    void require_inside(ProcessPoint at, const std::string& where) const;
    /// Of one row of the table at a supply; `coefficients` by node, highest power first.
    std::vector<double> by_node(const std::vector<std::vector<double>>& coefficients, Volt v) const;
    double interpolated(const std::vector<double>& values, double node_nm) const;
    bool is_tabulated(double node_nm) const;
    Cited factor(double value, ProcessPoint from, const char* law) const;

    ProcessPoint to_;
    std::string method_;
    std::string source_;
    std::string where_;
    Range node_range_, vdd_range_;
    std::vector<double> nodes_, area_;
    std::vector<std::vector<double>> energy_, delay_;  ///< [power][node]
};

}  // namespace attohm
