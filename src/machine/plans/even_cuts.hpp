#pragma once

#include <cstdint>

#include "src/base/ceil_div.hpp"

namespace attohm {

/// Calls `visit(size)` with the smallest block of every number of blocks that `whole` can be cut
/// into, fewest blocks first. What lies between these sizes makes no fewer blocks.
template <class Visit>
void even_cuts(std::int64_t whole, Visit visit) {
    for (std::int64_t size = whole;;) {
        visit(size);
        if (size == 1) return;
        size = ceil_div(whole, ceil_div(whole, size - 1));
    }
}

}  // namespace attohm
