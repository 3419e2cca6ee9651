#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "circuits/memory/reram_organisation.hpp"

namespace attohm {

/// Cells that hold what is fetched of one key: in one bank, rows of `row_cells` cells.
struct FetchShape {
    std::int64_t slc_bits = 0;
    std::int64_t mlc_cells = 0;
    int mlc_bits = 1;  ///< of such a cell; above 1 where there are any
};

/// Time to fetch the kept keys of a query, with the conflicts of their banks.
///
/// Key j lies in channel j mod C and there in bank (j / C) mod B, so neighbours never meet. A bank
/// senses one row after another and empties its row buffer between them; a channel's bus carries
/// one row at a time:
///     bank    keys of the fullest bank x sum over rows (t_rcd x sense steps + bits / bus) + t_cl
///     bus     first row sensed + t_cl + keys of the channel x sum over rows bits / bus
///     commands  two per row (activate, read), one per cycle
///     cycles  the largest over banks, buses and channels
/// A lower bound of the command-level twin (play_fetch). The twin exceeds it by at most one key of
/// one bank and kBand of it, most where banks, bus and commands are loaded alike; by less than a
/// twentieth on average over the memories of tests/circuits/memory.
/// Not modelled: rows already in a row buffer, writes and thresholdings at the same time.
class ReramFetch {
  public:
    static constexpr double kBand = 0.20;

    /// Throws: InvariantError for a shape without cells.
    ReramFetch(const ReramOrganisation& organisation, const FetchShape& shape);

    /// O(keys), without allocation. Args: keys: [n] indices of kept keys, each once.
    std::int64_t cycles(std::span<const std::uint32_t> keys);
    /// The same for a row of a bit mask: key 64 w + b is bit b of word w, 1 = fetched. O(words +
    /// keys).
    std::int64_t cycles_of_mask(std::span<const std::uint64_t> mask);
    /// If `keys` of them were spread evenly over channels and banks: what no conflict would take.
    std::int64_t cycles_even(std::int64_t keys) const;
    /// One key of one bank, alone.
    std::int64_t bank_cycles() const { return bank_cycles_; }
    std::int64_t bus_cycles() const { return bus_cycles_; }

  private:
    /// Remainder by a number that is mostly a power of two.
    struct Modulo {
        explicit Modulo(int n)
            : divisor(static_cast<std::uint32_t>(n)), mask((n & (n - 1)) == 0 ? divisor - 1 : 0) {}
        std::uint32_t operator()(std::uint32_t key) const;
        std::uint32_t divisor, mask;
    };

    /// Fewer keys than banks: only what they touch is looked at.
    std::int64_t few(std::span<const std::uint32_t> keys);
    std::int64_t finish();
    std::int64_t of(std::int64_t fullest_bank, std::int64_t fullest_channel) const;

    Modulo slot_, channel_;
    std::int64_t t_cl_;
    std::int64_t rows_ = 0, first_sense_ = 0, last_bus_ = 0, bank_cycles_ = 0, bus_cycles_ = 0;
    std::vector<std::int32_t> in_slot_;     ///< [bank x channel] keys, 0 between calls
    std::vector<std::int32_t> in_channel_;  ///< [channel] keys, 0 between calls
};

/// The slow twin: every row as an activate and a read on ReramChannel; banks take their keys in
/// order, the command that can come first is issued.
std::int64_t play_fetch(const ReramOrganisation& organisation, const FetchShape& shape,
                        std::span<const std::uint32_t> keys);

}  // namespace attohm
