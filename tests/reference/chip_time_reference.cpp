#include "tests/reference/chip_time_reference.hpp"

#include <algorithm>
#include <deque>
#include <set>
#include <vector>

#include "tests/reference/plan_reference.hpp"

namespace attohm::reference {

namespace {

/// How many groups of `size` hold n things, by filling them.
std::int64_t groups_of(std::int64_t n, std::int64_t size) {
    std::int64_t groups = 0;
    for (std::int64_t left = n; left > 0; left -= size) ++groups;
    return groups;
}

struct Job {
    int queue = 0;
    std::int64_t cycles = 0;
    std::int64_t latency = 0;
    std::vector<int> after;  ///< jobs whose results it needs
    bool is_started = false;
    std::int64_t result = 0;  ///< when it can be used, once started
};

/// Jobs in program order; each queue runs its own one after another.
class Play {
  public:
    int add(int queue, std::int64_t cycles, std::int64_t latency, std::vector<int> after) {
        jobs_.push_back({queue, cycles, latency, std::move(after)});
        const int id = static_cast<int>(jobs_.size()) - 1;
        waiting_[static_cast<std::size_t>(queue)].push_back(id);
        return id;
    }

    ReferencePrefill run() {
        ReferencePrefill done;
        std::set<std::int64_t> events = {0};
        while (!events.empty()) {
            const std::int64_t now = *events.begin();
            // Jobs without duration may start one another at the same time.
            while (start_what_can(now, events, done)) {
            }
            events.erase(now);
        }
        for (const Job& job : jobs_) done.cycles = std::max(done.cycles, job.result);
        return done;
    }

  private:
    bool start_what_can(std::int64_t now, std::set<std::int64_t>& events, ReferencePrefill& done) {
        bool any = false;
        for (std::size_t queue = 0; queue < kChipQueues; ++queue) {
            if (waiting_[queue].empty() || free_at_[queue] > now) continue;
            Job& job = jobs_[static_cast<std::size_t>(waiting_[queue].front())];
            const bool ready = std::all_of(job.after.begin(), job.after.end(), [&](int id) {
                const Job& other = jobs_[static_cast<std::size_t>(id)];
                return other.is_started && other.result <= now;
            });
            if (!ready) continue;
            job.is_started = true;
            free_at_[queue] = now + job.cycles;
            job.result = free_at_[queue] + job.latency;
            done.busy[queue] += job.cycles;
            events.insert(free_at_[queue]);
            events.insert(job.result);
            waiting_[queue].pop_front();
            any = true;
        }
        return any;
    }

    std::vector<Job> jobs_;
    std::array<std::deque<int>, kChipQueues> waiting_;
    std::array<std::int64_t, kChipQueues> free_at_{};
};

/// The three units on one query; returns the last two of QK, S, V that others wait for.
struct Units {
    int qk = 0;
    int v = 0;
};

Units add_units(Play& play, const HeadWork& work, const PrefillChip& chip, int load,
                std::int64_t qk_slots, std::int64_t v_slots) {
    const int qk = play.add(kQk, qk_slots * groups_of(work.shape.d, chip.macs), 0, {load});
    const int s = play.add(kSoftmax, v_slots, chip.softmax_latency, {qk});
    const int v = play.add(kV, v_slots * groups_of(work.shape.dv, chip.macs), 0, {s});
    return {qk, v};
}

/// What the channel and the units do for one query.
struct QueryLoad {
    std::int64_t fetch_bits = 0;  ///< sense steps of multi-level cells count as bits
    std::int64_t slots = 0;
};

ReferencePrefill play_queries(const HeadWork& work, const PrefillChip& chip,
                              const std::vector<QueryLoad>& queries, bool in_memory) {
    Play play;
    std::vector<int> v_of;
    std::vector<int> p_of;
    const auto threshold = [&](std::size_t query) {
        if (!in_memory || query >= queries.size()) return;
        std::vector<int> after;
        if (query > 0) after.push_back(p_of[query - 1]);
        const std::int64_t reads = work.bits.reads_per_decision;
        const int t = play.add(kArrays, chip.t_cl + reads * chip.t_ax_th + chip.t_cl, 0, after);
        p_of.push_back(
            play.add(kChannel, groups_of(work.shape.valid_k, chip.bits_per_cycle), 0, {t}));
    };
    threshold(0);
    for (std::size_t i = 0; i < queries.size(); ++i) {
        threshold(i + 1);
        std::vector<int> after;
        if (in_memory) after.push_back(p_of[i]);
        const auto slots = static_cast<std::size_t>(chip.fetch_slots);
        if (i >= slots) after.push_back(v_of[i - slots]);
        const int f = play.add(kChannel, groups_of(queries[i].fetch_bits, chip.bits_per_cycle),
                               chip.t_cl, after);
        v_of.push_back(add_units(play, work, chip, f, queries[i].slots, queries[i].slots).v);
    }
    return play.run();
}

bool sees(const HeadShape& s, int query, int key) {
    return !s.causal || key <= query + s.valid_k - s.valid_q;
}

}  // namespace

ReferencePrefill play_sprint(const HeadWork& work, const Selection& selection,
                             const PrefillChip& chip) {
    const HeadShape& s = work.shape;
    const int msb = work.bits.k_msb_copy ? 0 : work.bits.k_msb;
    ReferenceBuffer buffer(chip.residency, chip.buffer_tokens);
    const std::vector<std::int64_t> misses = buffer.misses_by_query(selection);
    std::vector<QueryLoad> queries;
    for (int query = 0; query < s.valid_q; ++query) {
        const auto i = static_cast<std::size_t>(query);
        std::int64_t token = s.d * (8 - msb) + s.dv * 8;
        if (msb > 0) token += s.d * ((std::int64_t{1} << msb) - 1);
        queries.push_back(
            {s.d * 8 + misses[i] * token, row_slots_reference(selection.row(i), chip.corelets)});
    }
    return play_queries(work, chip, queries, true);
}

ReferencePrefill play_streamed(const HeadWork& work, const PrefillChip& chip) {
    const HeadShape& s = work.shape;
    std::vector<QueryLoad> queries;
    for (int query = 0; query < s.valid_q; ++query) {
        std::int64_t seen = 0;
        for (int key = 0; key < s.valid_k; ++key) seen += sees(s, query, key) ? 1 : 0;
        queries.push_back({s.d * 8 + seen * 8 * (s.d + s.dv), groups_of(seen, chip.corelets)});
    }
    return play_queries(work, chip, queries, false);
}

namespace {

/// The chip while a tiling runs.
struct TiledPlay {
    const HeadWork& work;
    const PrefillChip& chip;
    Play play = {};
    std::set<int> keys = {};     ///< on chip
    std::set<int> queries = {};  ///< on chip, with their outputs
    std::set<int> started = {};  ///< queries whose output has been begun
    std::vector<Units> visits = {};

    /// One block of queries against one block of keys.
    void visit(int q0, int q1, int k0, int k1) {
        const HeadShape& s = work.shape;
        std::set<int> now_keys, now_queries;
        for (int q = q0; q < q1; ++q)
            for (int k = k0; k < k1; ++k)
                if (sees(s, q, k)) now_keys.insert(k), now_queries.insert(q);
        if (!now_keys.empty()) work_on(q0, q1, k0, k1, now_keys, now_queries);
        // Keys of the block that no query needed now stay if they are there, and so do queries.
        for (int k = k0; k < k1; ++k)
            if (keys.contains(k)) now_keys.insert(k);
        for (int q = q0; q < q1; ++q)
            if (queries.contains(q)) now_queries.insert(q);
        keys = now_keys;
        queries = now_queries;
    }

    void work_on(int q0, int q1, int k0, int k1, const std::set<int>& now_keys,
                 const std::set<int>& now_queries) {
        const HeadShape& s = work.shape;
        std::int64_t tokens = 0, vectors = 0, outputs = 0;
        for (const int k : now_keys) tokens += keys.contains(k) ? 0 : 1;
        for (const int q : now_queries) {
            if (queries.contains(q)) continue;
            ++vectors;
            outputs += started.contains(q) ? 1 : 0;
        }
        const int load = add_load(tokens, vectors, outputs, q1 - q0 == 1);
        Units last;
        for (const int q : now_queries) {
            std::int64_t pairs = 0;
            for (int k = k0; k < k1; ++k) pairs += sees(s, q, k) ? 1 : 0;
            const std::int64_t rescale = started.insert(q).second ? 0 : 1;
            last = add_units(play, work, chip, load, groups_of(pairs, chip.corelets),
                             groups_of(pairs + rescale, chip.corelets));
        }
        visits.push_back(last);
    }

    int add_load(std::int64_t tokens, std::int64_t vectors, std::int64_t outputs, bool one_query) {
        const HeadShape& s = work.shape;
        std::vector<int> after;
        const auto slots = static_cast<std::size_t>(chip.fetch_slots);
        if (visits.size() >= slots) {
            const Units& before = visits[visits.size() - slots];
            after.push_back(tokens == 0 && outputs == 0 && one_query ? before.qk : before.v);
        }
        const std::int64_t bits =
            vectors * s.d * 8 + tokens * 8 * (s.d + s.dv) + outputs * chip.output_bits;
        return play.add(kChannel, groups_of(bits, chip.bits_per_cycle), chip.t_cl, after);
    }
};

}  // namespace

ReferencePrefill play_tiled(const HeadWork& work, const PrefillChip& chip, int query_block,
                            int key_block, bool keys_outside) {
    const HeadShape& s = work.shape;
    TiledPlay tiled{work, chip};
    const auto visit = [&](int q, int k) {
        tiled.visit(q, std::min(q + query_block, s.valid_q), k, std::min(k + key_block, s.valid_k));
    };
    if (keys_outside) {
        for (int k = 0; k < s.valid_k; k += key_block)
            for (int q = 0; q < s.valid_q; q += query_block) visit(q, k);
    } else {
        for (int q = 0; q < s.valid_q; q += query_block)
            for (int k = 0; k < s.valid_k; k += key_block) visit(q, k);
    }
    return tiled.play.run();
}

}  // namespace attohm::reference
