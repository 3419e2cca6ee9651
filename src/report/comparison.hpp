#pragma once

#include <string>
#include <vector>

#include "src/replay/result.hpp"

/// Two results on machines that are not the same: are the resources equal, and if not, by how much.
namespace attohm {

/// One resource of two machines.
struct ResourceRatio {
    std::string name;
    std::string a_text, b_text;
    double ratio = 1.0;  ///< B / A; NaN: no numbers
    bool equal = true;
};
/// Peak of the arrays, clock, buffers, memory bandwidth, node, batch, bits.
std::vector<ResourceRatio> resource_ratios(const Result& a, const MachineOutcome& in_a,
                                           const Result& b, const MachineOutcome& in_b);

/// In sentences, of every pair of machines that only one of the results has: resources that differ,
/// each with its ratio; latency and energy, scope by scope.
std::vector<std::string> comparison_findings(const Result& a, const Result& b);

/// The same as tables, with the ledgers of the two schemes' own plans line by line: what both have,
/// then what one has. "" where all machines are shared.
std::string machines_difference_html(const Result& a, const Result& b);

}  // namespace attohm
