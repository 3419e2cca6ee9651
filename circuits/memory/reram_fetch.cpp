#include "circuits/memory/reram_fetch.hpp"

#include <algorithm>
#include <bit>
#include <deque>

#include "circuits/memory/reram_channel.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// One row of a key.
struct RowRead {
    int cell_bits = 1;
    std::int64_t bits = 0;
};

/// The rows of one key, single-level ones first.
std::vector<RowRead> rows_of(const ReramOrganisation& o, const FetchShape& shape) {
    ATTOHM_CHECK(shape.slc_bits >= 0 && shape.mlc_cells >= 0);
    ATTOHM_CHECK_LT(0, shape.slc_bits + shape.mlc_cells);
    std::vector<RowRead> rows;
    for (std::int64_t left = shape.slc_bits; left > 0; left -= o.row_cells)
        rows.push_back({1, std::min(left, o.row_cells)});
    for (std::int64_t left = shape.mlc_cells; left > 0; left -= o.row_cells)
        rows.push_back({shape.mlc_bits, std::min(left, o.row_cells) * shape.mlc_bits});
    return rows;
}

/// Rows that one bank still has to read.
struct BankQueue {
    std::deque<ReramRequest> rows;
    bool is_sensed = false;  ///< the front row has been activated

    /// Ties: reads, which keep the bus busy; then the bank with most left to do, so that none is
    /// left over at the end.
    bool precedes(const BankQueue& other) const {
        if (is_sensed != other.is_sensed) return is_sensed;
        return rows.size() > other.rows.size();
    }

    ReramRequest next() const {
        ReramRequest r = rows.front();
        r.command = is_sensed ? ReramCommand::read : ReramCommand::activate;
        return r;
    }
};

std::int64_t play_channel(const ReramOrganisation& o, std::vector<BankQueue>& banks) {
    ReramChannel channel(o);
    while (true) {
        BankQueue* chosen = nullptr;
        std::int64_t best = ReramChannel::kNever;
        for (BankQueue& bank : banks) {
            if (bank.rows.empty()) continue;
            const std::int64_t cycle = channel.earliest(bank.next());
            if (cycle < best || (cycle == best && chosen != nullptr && bank.precedes(*chosen)))
                best = cycle, chosen = &bank;
        }
        if (chosen == nullptr) return channel.data_end();
        channel.issue(chosen->next(), best);
        if (chosen->is_sensed) chosen->rows.pop_front();
        chosen->is_sensed = !chosen->is_sensed;
    }
}

}  // namespace

ReramFetch::ReramFetch(const ReramOrganisation& o, const FetchShape& shape)
    : slot_(o.channels * o.banks),
      channel_(o.channels),
      t_cl_(o.t_cl),
      in_slot_(slot_.divisor, 0),
      in_channel_(channel_.divisor, 0) {
    const std::vector<RowRead> rows = rows_of(o, shape);
    rows_ = static_cast<std::int64_t>(rows.size());
    first_sense_ = o.sense_cycles(rows.front().cell_bits);
    last_bus_ = o.bus_cycles(rows.back().bits);
    for (const RowRead& row : rows) {
        bus_cycles_ += o.bus_cycles(row.bits);
        bank_cycles_ += o.sense_cycles(row.cell_bits) + o.bus_cycles(row.bits);
    }
}

std::int64_t ReramFetch::of(std::int64_t fullest_bank, std::int64_t fullest_channel) const {
    if (fullest_channel == 0) return 0;
    return t_cl_ +
           std::max({fullest_bank * bank_cycles_, first_sense_ + fullest_channel * bus_cycles_,
                     fullest_channel * 2 * rows_ - 1 + last_bus_});
}

std::uint32_t ReramFetch::Modulo::operator()(std::uint32_t key) const {
    return mask != 0 ? key & mask : key % divisor;
}

std::int64_t ReramFetch::few(std::span<const std::uint32_t> keys) {
    std::int32_t fullest_bank = 0, fullest_channel = 0;
    for (const std::uint32_t key : keys) {
        fullest_bank = std::max(fullest_bank, ++in_slot_[slot_(key)]);
        fullest_channel = std::max(fullest_channel, ++in_channel_[channel_(key)]);
    }
    for (const std::uint32_t key : keys) in_slot_[slot_(key)] = in_channel_[channel_(key)] = 0;
    return of(fullest_bank, fullest_channel);
}

/// The fullest bank and the fullest channel may be two: each limit takes its own worst.
std::int64_t ReramFetch::finish() {
    std::int32_t fullest_bank = 0, fullest_channel = 0;
    const std::size_t channels = in_channel_.size();
    for (std::size_t channel = 0; channel < channels; ++channel) {
        std::int32_t keys = 0;
        for (std::size_t slot = channel; slot < in_slot_.size(); slot += channels) {
            keys += in_slot_[slot];
            fullest_bank = std::max(fullest_bank, in_slot_[slot]);
            in_slot_[slot] = 0;
        }
        fullest_channel = std::max(fullest_channel, keys);
    }
    return of(fullest_bank, fullest_channel);
}

std::int64_t ReramFetch::cycles(std::span<const std::uint32_t> keys) {
    if (2 * keys.size() < in_slot_.size()) return few(keys);
    for (const std::uint32_t key : keys) ++in_slot_[slot_(key)];
    return finish();
}

std::int64_t ReramFetch::cycles_of_mask(std::span<const std::uint64_t> mask) {
    for (std::size_t word = 0; word < mask.size(); ++word)
        for (std::uint64_t bits = mask[word]; bits != 0; bits &= bits - 1)
            ++in_slot_[slot_(static_cast<std::uint32_t>(64 * word) +
                             static_cast<std::uint32_t>(std::countr_zero(bits)))];
    return finish();
}

std::int64_t ReramFetch::cycles_even(std::int64_t keys) const {
    const auto channels = static_cast<std::int64_t>(in_channel_.size());
    const auto slots = static_cast<std::int64_t>(in_slot_.size());
    return of((keys + slots - 1) / slots, (keys + channels - 1) / channels);
}

std::int64_t play_fetch(const ReramOrganisation& o, const FetchShape& shape,
                        std::span<const std::uint32_t> keys) {
    const std::vector<RowRead> rows = rows_of(o, shape);
    std::int64_t cycles = 0;
    for (int c = 0; c < o.channels; ++c) {
        std::vector<BankQueue> banks(static_cast<std::size_t>(o.banks));
        for (const std::uint32_t key : keys) {
            const auto channels = static_cast<std::uint32_t>(o.channels);
            if (static_cast<int>(key % channels) != c) continue;
            const int bank = static_cast<int>(key / channels) % o.banks;
            for (std::size_t i = 0; i < rows.size(); ++i) {
                ReramRequest r;
                r.bank = bank;
                r.subarray = static_cast<std::int64_t>(i);
                r.row = key;
                r.cell_bits = rows[i].cell_bits;
                r.bits = rows[i].bits;
                banks[static_cast<std::size_t>(bank)].rows.push_back(r);
            }
        }
        cycles = std::max(cycles, play_channel(o, banks));
    }
    return cycles;
}

}  // namespace attohm
