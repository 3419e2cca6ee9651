#pragma once

#include <cstdint>
#include <vector>

#include "src/work/selection.hpp"

/// Which keys a query of SALO sees: a sliding window, a dilated window, global tokens.
namespace attohm {

struct SaloPattern {
    int window = 0;    ///< keys i - window / 2 .. i + (window - 1) / 2; causal: the last `window`
    int dilated = 0;   ///< span of the dilated window, placed alike; 0: none
    int dilation = 1;  ///< of it: every so many-th key
    int globals = 0;   ///< first tokens, which see all and are seen by all

    /// Keys j with first <= j - query <= last of a window of that span.
    struct Span {
        int first = 0;
        int last = -1;
    };
    static Span span_of(int width, bool causal);
    bool allows(int query, int key, bool causal) const;
    /// Keys of one query among [0, key_end), ascending. Args: shift: n_k - n_q, where queries are
    /// the last tokens.
    void keys(int query, int key_end, int shift, bool causal,
              std::vector<std::uint32_t>& out) const;
};

/// Kept pairs of a head of that shape: in windows, and with a global token on either side.
struct SaloPairs {
    std::int64_t window = 0;
    std::int64_t global_keys = 0;     ///< pairs of other queries with global keys
    std::int64_t global_queries = 0;  ///< pairs of global queries with all keys
    std::int64_t all() const { return window + global_keys + global_queries; }
};
SaloPairs salo_pairs(const SaloPattern& pattern, const HeadShape& shape);

}  // namespace attohm
