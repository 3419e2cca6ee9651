#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Which keys each query of one head kept, in order: indices only, never values.
namespace attohm {

struct HeadShape {
    int layer = 0;
    int head = 0;
    int kv_head = 0;
    int n_q = 0;      ///< queries, padding included
    int n_k = 0;      ///< keys, padding included
    int valid_q = 0;  ///< queries that are real tokens
    int valid_k = 0;  ///< keys that are real tokens
    int d = 0;        ///< width of q and k
    int dv = 0;       ///< width of v
    bool causal = false;
    bool first_of_kv_head = true;    ///< this query head is the one that writes its kv head
    std::int64_t allowed_pairs = 0;  ///< (query, key) pairs that mask, causality and padding allow
};

/// Kept keys per query in compressed rows: query i kept `keys[row_begin[i] .. row_begin[i+1])`,
/// ascending. Rows of padded queries are empty.
struct Selection {
    HeadShape shape;
    std::vector<std::uint32_t> row_begin;
    std::vector<std::uint32_t> keys;

    std::span<const std::uint32_t> row(std::size_t query) const {
        return {keys.data() + row_begin[query], keys.data() + row_begin[query + 1]};
    }
};

struct HeadWork;

/// Receives every head's Selection, one head at a time, together with the head's finished Work;
/// the planner of the machines is one. A scheme calls the two-argument form, once per head, query
/// heads of one kv head one after another. A sink that needs indices only overrides the other.
class SelectionSink {
  public:
    virtual ~SelectionSink() = default;
    virtual void consume(const Selection& selection) = 0;
    virtual void consume(const HeadWork& /*work*/, const Selection& selection) {
        consume(selection);
    }
    /// A head whose scheme selects nothing: its operators say it all.
    virtual void consume(const HeadWork& /*work*/) {}
};

}  // namespace attohm
