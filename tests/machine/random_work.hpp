#pragma once

#include "src/base/random.hpp"
#include "src/work/work.hpp"

/// Heads with consistent Work and a random Selection, for tests of the cost side.
namespace attohm::test {

struct HeadCase {
    HeadWork work;
    Selection selection;
};

/// Shape of a head without padding.
inline HeadShape plain_shape(int tokens, int width) {
    HeadShape s;
    s.n_q = s.n_k = s.valid_q = s.valid_k = tokens;
    s.d = s.dv = width;
    s.allowed_pairs = std::int64_t{tokens} * tokens;
    return s;
}

/// A Selection from rows of keys.
inline Selection selection_of(const HeadShape& shape,
                              const std::vector<std::vector<std::uint32_t>>& rows) {
    Selection s;
    s.shape = shape;
    s.row_begin.push_back(0);
    for (const auto& row : rows) {
        s.keys.insert(s.keys.end(), row.begin(), row.end());
        s.row_begin.push_back(static_cast<std::uint32_t>(s.keys.size()));
    }
    return s;
}

/// Counts that a SPRINT head with this Selection has: B = 4, differential pairs, one read each.
inline HeadCase head_case(Selection selection) {
    HeadCase c;
    HeadWork& w = c.work;
    const HeadShape& s = selection.shape;
    w.shape = s;
    w.bits.k_msb = 4;
    w.bits.q_line = 4;
    w.kept_pairs = static_cast<std::int64_t>(selection.keys.size());
    const std::int64_t arrays = (s.valid_k + 127) / 128;
    w[Event::in_memory_mac] = std::int64_t{s.valid_q} * s.valid_k * s.d;
    w[Event::array_read] = s.valid_q * arrays;
    w[Event::dac_conversion] = std::int64_t{s.valid_q} * s.d;
    w[Event::comparator_decision] = std::int64_t{s.valid_q} * s.valid_k;
    w[Event::threshold_conversion] = s.valid_q * arrays;
    w[Event::copy_q] = s.valid_q;
    w[Event::read_p] = s.valid_q;
    w[Event::slc_bit_write] = slc_bits_written(w);
    if (s.first_of_kv_head) w[Event::mlc_cell_write] = std::int64_t{2} * s.valid_k * s.d;
    w[Event::qk_mac] = w.kept_pairs * s.d;
    w[Event::softmax_element] = w.kept_pairs;
    w[Event::softmax_row] = s.valid_q;
    w[Event::sv_mac] = w.kept_pairs * s.dv;
    w.cell = {2e-14, 5e-12, 4e-14, 50e-9, 60e-9};
    w[Physical::in_memory_cell_J] = 1e-15 * static_cast<double>(w[Event::in_memory_mac]);
    w[Physical::in_memory_driver_J] = 2e-15 * static_cast<double>(w[Event::in_memory_mac]);
    w[Physical::mlc_write_J] = 5e-11 * static_cast<double>(w[Event::mlc_cell_write]);
    w[Physical::mlc_write_pulses] = 10.0 * static_cast<double>(w[Event::mlc_cell_write]);
    w[Physical::slc_write_J] = 5e-12 * static_cast<double>(w[Event::slc_bit_write]);
    c.selection = std::move(selection);
    return c;
}

/// Rows that keep each valid key with probability `kept`, and what the query before kept with
/// probability `stay`.
inline Selection random_selection(const HeadShape& shape, double kept, double stay,
                                  std::uint64_t seed) {
    const Stream stream(seed, Purpose::sampling);
    std::vector<std::vector<std::uint32_t>> rows(static_cast<std::size_t>(shape.n_q));
    std::vector<bool> before(static_cast<std::size_t>(shape.n_k), false);
    std::uint64_t draw = 0;
    for (int query = 0; query < shape.valid_q; ++query)
        for (int key = 0; key < shape.valid_k; ++key) {
            const bool was = before[static_cast<std::size_t>(key)];
            const double p = was ? stay + (1.0 - stay) * kept : (1.0 - stay) * kept;
            const bool now = stream.below(draw++, p);
            before[static_cast<std::size_t>(key)] = now;
            if (now)
                rows[static_cast<std::size_t>(query)].push_back(static_cast<std::uint32_t>(key));
        }
    return selection_of(shape, rows);
}

}  // namespace attohm::test
