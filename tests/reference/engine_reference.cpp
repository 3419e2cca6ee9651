#include "tests/reference/engine_reference.hpp"

#include <algorithm>
#include <set>

#include "src/base/error.hpp"

namespace attohm::reference {

namespace {

WalkedProduct walk_output_held(const ArraySize& array, std::int64_t m, std::int64_t n,
                               std::int64_t k) {
    WalkedProduct use;
    for (std::int64_t i = 0; i < m; i += array.rows)
        for (std::int64_t j = 0; j < n; j += array.columns) {
            const std::int64_t tile_m = std::min(array.rows, m - i);
            const std::int64_t tile_n = std::min(array.columns, n - j);
            for (std::int64_t l = 0; l < k; l += array.macs) {
                ++use.cycles;
                for (std::int64_t s = l; s < std::min(k, l + array.macs); ++s) {
                    use.a_reads += tile_m;
                    use.b_reads += tile_n;
                }
            }
            use.out_writes += tile_m * tile_n;
        }
    return use;
}

/// The held operand is [k, held]; vectors of the other stream past.
WalkedProduct walk_operand_held(const ArraySize& array, std::int64_t held, std::int64_t streamed,
                                std::int64_t k) {
    WalkedProduct use;  // a streams, b is held
    const std::int64_t deep = array.rows * array.macs;
    for (std::int64_t l = 0; l < k; l += deep)
        for (std::int64_t j = 0; j < held; j += array.columns) {
            const std::int64_t tile_k = std::min(deep, k - l);
            const std::int64_t tile_n = std::min(array.columns, held - j);
            use.b_reads += tile_k * tile_n;
            std::int64_t busy = 0;
            for (std::int64_t vector = 0; vector < streamed; ++vector) {
                ++busy;
                use.a_reads += tile_k;
                if (l > 0) use.out_reads += tile_n;
                use.out_writes += tile_n;
            }
            // The next tile moves in a row a cycle meanwhile.
            use.cycles += std::max(busy, array.rows);
        }
    return use;
}

}  // namespace

WalkedProduct walk_product(const ArraySize& array, Held held, std::int64_t m, std::int64_t n,
                           std::int64_t k) {
    WalkedProduct use;
    if (held == Held::output) use = walk_output_held(array, m, n, k);
    if (held == Held::b) use = walk_operand_held(array, n, m, k);
    if (held == Held::a) {
        use = walk_operand_held(array, m, n, k);
        std::swap(use.a_reads, use.b_reads);
    }
    use.cycles += (array.rows - 1) + (array.columns - 1);
    return use;
}

std::int64_t walk_packed_rows(const Selection& selection, std::int64_t columns) {
    std::int64_t rows = 0;
    for (std::size_t query = 0; query + 1 < selection.row_begin.size(); ++query) {
        std::int64_t free_places = 0;
        for (std::size_t kept = 0; kept < selection.row(query).size(); ++kept) {
            if (free_places == 0) {
                ++rows;
                free_places = columns;
            }
            --free_places;
        }
    }
    return rows;
}

namespace {

/// One place for one head's tensor.
struct Copy {
    std::int64_t head = -1;
    std::int64_t filled = 0;  ///< when it can be read
    int readers_left = 0;
    std::int64_t last_read = 0;  ///< when the last of them is done
};

}  // namespace

std::vector<ChainTime> walk_chain(const std::vector<ChainTask>& tasks,
                                  const std::vector<std::int64_t>& copies, int resources,
                                  const std::vector<std::vector<std::int64_t>>& cycles) {
    std::vector<std::vector<Copy>> place;
    for (const std::int64_t count : copies) place.emplace_back(static_cast<std::size_t>(count));
    std::vector<int> readers(copies.size(), 0);
    int last_lag = 0;
    for (const ChainTask& task : tasks) {
        for (const int tensor : std::set<int>(task.reads.begin(), task.reads.end()))
            ++readers[static_cast<std::size_t>(tensor)];
        last_lag = std::max(last_lag, task.lag);
    }
    const auto heads = static_cast<std::int64_t>(cycles.size());
    std::vector<std::int64_t> free_at(static_cast<std::size_t>(resources), 0);
    std::vector<ChainTime> times;
    const auto copy_of = [&](int tensor, std::int64_t head) -> Copy& {
        auto& all = place[static_cast<std::size_t>(tensor)];
        return all[static_cast<std::size_t>(head) % all.size()];
    };
    for (std::int64_t row = 0; row < heads + last_lag; ++row)
        for (std::size_t t = 0; t < tasks.size(); ++t) {
            const ChainTask& task = tasks[t];
            const std::int64_t head = row - task.lag;
            if (head < 0 || head >= heads) continue;
            std::int64_t& port = free_at[static_cast<std::size_t>(task.resource)];
            std::int64_t start = port;
            for (const int tensor : task.reads) {
                ATTOHM_CHECK_EQ(copy_of(tensor, head).head, head);
                start = std::max(start, copy_of(tensor, head).filled);
            }
            if (task.writes >= 0) {
                const Copy& old = copy_of(task.writes, head);
                // Nobody may still have to read what is overwritten.
                if (old.head >= 0) ATTOHM_CHECK_EQ(old.readers_left, 0);
                start = std::max(start, old.last_read);
            }
            const std::int64_t end = start + cycles[static_cast<std::size_t>(head)][t];
            port = end;
            for (const int tensor : std::set<int>(task.reads.begin(), task.reads.end())) {
                Copy& copy = copy_of(tensor, head);
                --copy.readers_left;
                copy.last_read = std::max(copy.last_read, end + task.latency);
            }
            if (task.writes >= 0)
                copy_of(task.writes, head) = {head, end + task.latency,
                                              readers[static_cast<std::size_t>(task.writes)], 0};
            times.push_back({head, static_cast<int>(t), start, end});
        }
    return times;
}

}  // namespace attohm::reference
