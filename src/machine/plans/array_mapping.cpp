#include "src/machine/plans/array_mapping.hpp"

#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

ArrayUse output_stationary(const EngineUnit& array, std::int64_t m, std::int64_t n,
                           std::int64_t k) {
    const std::int64_t row_tiles = ceil_div(m, array.rows);
    const std::int64_t column_tiles = ceil_div(n, array.columns);
    ArrayUse use;
    use.dataflow = Dataflow::output;
    use.cycles = row_tiles * column_tiles * ceil_div(k, array.macs_per_pe);
    use.a_reads = m * k * column_tiles;
    use.b_reads = k * n * row_tiles;
    use.out_writes = m * n;
    return use;
}

/// The held operand is [k, held], the streaming one has `streamed` vectors of length k.
ArrayUse operand_stationary(const EngineUnit& array, std::int64_t held, std::int64_t streamed,
                            std::int64_t k) {
    const std::int64_t depth_tiles = ceil_div(k, std::int64_t{array.rows} * array.macs_per_pe);
    const std::int64_t column_tiles = ceil_div(held, array.columns);
    ArrayUse use;
    use.cycles = depth_tiles * column_tiles * std::max<std::int64_t>(streamed, array.rows);
    use.b_reads = k * held;
    use.a_reads = streamed * k * column_tiles;
    use.out_writes = held * streamed * depth_tiles;
    use.out_reads = held * streamed * (depth_tiles - 1);
    return use;
}

ArrayUse map_with(const EngineUnit& array, Dataflow flow, std::int64_t m, std::int64_t n,
                  std::int64_t k) {
    ArrayUse use;
    if (flow == Dataflow::output) {
        use = output_stationary(array, m, n, k);
    } else if (flow == Dataflow::weight) {
        use = operand_stationary(array, n, m, k);
    } else {
        use = operand_stationary(array, m, n, k);
        std::swap(use.a_reads, use.b_reads);
    }
    use.dataflow = flow;
    use.cycles += array.rows + array.columns - 2;
    return use;
}

}  // namespace

ArrayUse map_matmul(const EngineUnit& array, std::int64_t m, std::int64_t n, std::int64_t k) {
    ATTOHM_CHECK(m > 0 && n > 0 && k > 0);
    ATTOHM_CHECK(array.kind == EngineUnit::Kind::array);
    if (array.dataflow != Dataflow::best) return map_with(array, array.dataflow, m, n, k);
    ArrayUse best = map_with(array, Dataflow::output, m, n, k);
    for (const Dataflow flow : {Dataflow::weight, Dataflow::input}) {
        const ArrayUse use = map_with(array, flow, m, n, k);
        if (use.cycles < best.cycles) best = use;
    }
    return best;
}

}  // namespace attohm
