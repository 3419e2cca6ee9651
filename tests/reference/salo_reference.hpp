#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "workloads/trace.hpp"

/// SALO's fixed point, one element at a time in real numbers that are cut to their grids.
namespace attohm::reference {

/// Output of one query over these keys, `columns` of them a pass. Returns: [dv].
std::vector<double> salo_row(const AttentionHead& head, std::size_t query,
                             std::span<const std::uint32_t> keys, std::size_t columns);

}  // namespace attohm::reference
