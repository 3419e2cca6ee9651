#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

/// When the tasks of a head run on the in-order resources of the SPRINT chip: what `simulate`
/// (schedule/schedule.hpp) says of these chains, exactly, in a few operations per query.
namespace attohm {

/// Cycles that one query keeps each resource busy.
struct QueryRow {
    std::int64_t fetch = 0;  ///< q, and K and V of what is not on chip
    std::int64_t qk = 0;
    std::int64_t softmax = 0;
    std::int64_t v = 0;
    bool operator==(const QueryRow&) const = default;
};

/// What is the same for every query of a head.
struct ChainTimes {
    bool in_memory = false;         ///< queries are thresholded in the arrays
    std::int64_t thresholding = 0;  ///< cycles of T
    std::int64_t read_p = 0;        ///< cycles of P on the memory channel
    std::int64_t fetch_latency = 0;
    std::int64_t softmax_latency = 0;
    int fetch_slots = 1;
};

/// Sums of durations by resource.
struct ChipBusy {
    std::int64_t arrays = 0;
    std::int64_t channel = 0;
    std::int64_t qk = 0;
    std::int64_t softmax = 0;
    std::int64_t v = 0;
};

/// Loads and the queries that use them, in program order.
///
///   T   arrays, by `threshold`: waits for the P before it, since the arrays hold the outcome of a
///       query until it has been read
///   P   channel, behind its T
///   F   channel, by `load` and `load_query`; its result is there `fetch_latency` after its end.
///       A load waits for the last V of the load `fetch_slots` before it; a single q, which lives
///       in a register, for that load's last QK
///   QK  waits for the latest load
///   S   waits for its QK; its result is there `softmax_latency` after its end
///   V   waits for its S
class ChipPipeline {
  public:
    static constexpr int kMostSlots = 16;

    /// Throws: InvariantError for slots outside of 1 to kMostSlots.
    explicit ChipPipeline(const ChainTimes& times);

    /// T and P of the next query; nothing where nothing is thresholded.
    void threshold() {
        if (!times_.in_memory) return;
        const std::int64_t end = at_.arrays + times_.thresholding;
        at_.arrays = at_.channel = std::max(at_.channel, end) + times_.read_p;
        busy_.arrays += times_.thresholding;
        busy_.channel += times_.read_p;
    }
    void load(std::int64_t cycles) { load_after(at_.v_ends[0], cycles); }
    void load_query(std::int64_t cycles) { load_after(at_.qk_ends[0], cycles); }
    /// A query on the latest load.
    void row(std::int64_t qk, std::int64_t softmax, std::int64_t v) {
        at_.qk = std::max(at_.qk, at_.loaded) + qk;
        at_.softmax = std::max(at_.softmax, at_.qk) + softmax;
        at_.v = std::max(at_.v, at_.softmax + times_.softmax_latency) + v;
        busy_.qk += qk;
        busy_.softmax += softmax;
        busy_.v += v;
    }
    /// `count` >= 1 equal queries on the latest load, in closed form. With ends QK_m, S_m, V_m of
    /// the last and S_0, V_0 of what was before, each is a longest path:
    ///     S_m = max(S_0 + m s, QK_1 + m s, QK_m + s)
    ///     V_m = max(V_0 + m v, S_1 + latency + m v, S_m + latency + v)
    void rows(std::int64_t count, std::int64_t qk, std::int64_t softmax, std::int64_t v);
    /// No more queries use the latest load.
    void end_load() {
        const auto slots = static_cast<std::size_t>(times_.fetch_slots);
        for (std::size_t k = 0; k + 1 < slots; ++k) {
            at_.v_ends[k] = at_.v_ends[k + 1];
            at_.qk_ends[k] = at_.qk_ends[k + 1];
        }
        at_.v_ends[slots - 1] = at_.v;
        at_.qk_ends[slots - 1] = at_.qk;
    }

    /// Runs `body` so many times. Once all times have moved on by the same number of cycles over
    /// `fetch_slots` runs, so will they ever after, and the rest is jumped over.
    /// Args: body: does the same every time, with at least one load.
    template <class Body>
    void repeat(std::int64_t times, const Body& body) {
        while (times > 2 * times_.fetch_slots) {
            const Times before = at_;
            const ChipBusy busy_before = busy_;
            for (int i = 0; i < times_.fetch_slots; ++i) body();
            times -= times_.fetch_slots;
            if (jump(times / times_.fetch_slots, before, busy_before)) {
                times %= times_.fetch_slots;
                break;
            }
        }
        for (; times > 0; --times) body();
    }

    /// Until the last V has ended.
    std::int64_t cycles() const { return at_.v; }
    const ChipBusy& busy() const { return busy_; }

  private:
    struct Times {
        std::int64_t arrays = 0;  ///< the arrays may take the next query
        std::int64_t channel = 0;
        std::int64_t loaded = 0;  ///< the result of the latest load is there
        std::int64_t qk = 0, softmax = 0, v = 0;
        std::array<std::int64_t, kMostSlots> v_ends{};   ///< by load, the oldest first
        std::array<std::int64_t, kMostSlots> qk_ends{};  ///< by load, the oldest first
    };

    void load_after(std::int64_t freed, std::int64_t cycles) {
        at_.channel = std::max(at_.channel, freed) + cycles;
        at_.loaded = at_.channel + times_.fetch_latency;
        busy_.channel += cycles;
    }
    bool jump(std::int64_t periods, const Times& before, const ChipBusy& busy_before);

    ChainTimes times_;
    Times at_;
    ChipBusy busy_;
};

/// What a head's queries take.
struct HeadTime {
    std::int64_t cycles = 0;
    ChipBusy busy;
};

/// Every query with a load of its own, one query of lookahead on the channel:
///     P(0), P(1), F(0), P(2), F(1), ..., P(n-1), F(n-2), F(n-1)
HeadTime time_queries(std::span<const QueryRow> rows, const ChainTimes& times);
/// The same for `queries` equal ones, in a number of steps that hardly grows with them.
HeadTime time_equal_queries(const QueryRow& row, std::int64_t queries, const ChainTimes& times);

}  // namespace attohm
