#include "tests/reference/engine_reference.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

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

std::int64_t walk_held_bits(const std::vector<ChainTask>& tasks,
                            const std::vector<ChainTime>& times,
                            const std::vector<std::vector<HeldTensor>>& tensors) {
    struct Life {
        std::int64_t from = -1, to = 0, bits = 0;
    };
    // Tensor, then its tile or (below 0) its head.
    std::map<std::pair<int, std::int64_t>, Life> lives;
    const auto life_of = [&](int tensor, std::int64_t tile) -> Life& {
        const HeldTensor& held =
            tensors[static_cast<std::size_t>(tile)][static_cast<std::size_t>(tensor)];
        Life& life = lives[{tensor, held.head < 0 ? tile : -1 - held.head}];
        life.bits = held.bits;
        return life;
    };
    for (const ChainTime& time : times) {
        const ChainTask& task = tasks[static_cast<std::size_t>(time.task)];
        if (task.writes >= 0) {
            Life& life = life_of(task.writes, time.head);
            if (life.from < 0) life.from = time.start;
            life.to = std::max(life.to, time.end + task.latency);
        }
        for (const int tensor : task.reads) {
            Life& life = life_of(tensor, time.head);
            life.to = std::max(life.to, time.end + task.latency);
        }
    }
    std::int64_t most = 0;
    for (const auto& [at, begun] : lives) {
        std::int64_t bits = 0;
        for (const auto& [other, life] : lives)
            if (life.from <= begun.from && begun.from < life.to) bits += life.bits;
        most = std::max(most, bits);
    }
    return most;
}

WalkedDecode& WalkedDecode::operator+=(const WalkedDecode& other) {
    macs += other.macs;
    q_bits += other.q_bits;
    out_bits += other.out_bits;
    k_all_bits += other.k_all_bits;
    v_all_bits += other.v_all_bits;
    k_new_bits += other.k_new_bits;
    v_new_bits += other.v_new_bits;
    return *this;
}

WalkedDecode walk_engine_decode(const HeadShape& head, int bits, std::int64_t batch) {
    WalkedDecode walked;
    for (std::int64_t sample = 0; sample < batch; ++sample)
        for (int query = 0; query < head.valid_q; ++query) {
            walked.q_bits += std::int64_t{head.d} * bits;
            walked.out_bits += std::int64_t{head.dv} * bits;
            for (int key = 0; key <= query; ++key) {
                walked.macs += head.d + head.dv;
                // A query head that shares its kv head finds what the first one fetched.
                if (!head.first_of_kv_head) continue;
                walked.k_all_bits += std::int64_t{head.d} * bits;
                walked.v_all_bits += std::int64_t{head.dv} * bits;
                if (key < query) continue;
                walked.k_new_bits += std::int64_t{head.d} * bits;
                walked.v_new_bits += std::int64_t{head.dv} * bits;
            }
        }
    return walked;
}

}  // namespace attohm::reference
