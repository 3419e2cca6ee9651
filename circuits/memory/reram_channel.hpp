#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "circuits/memory/reram_organisation.hpp"

namespace attohm {

enum class ReramCommand {
    activate,   ///< senses a row into the row buffer of its bank
    read,       ///< row buffer to the bus
    write,      ///< bus to the cells of a row
    copy_q,     ///< a query into the buffer in front of the transposable arrays
    threshold,  ///< scores all keys of the channel in place against the threshold
    read_p,     ///< the pruning vector to the bus
};

struct ReramRequest {
    ReramCommand command = ReramCommand::activate;
    int bank = 0;
    std::int64_t subarray = 0;
    std::int64_t row = 0;
    int cell_bits = 1;        ///< of the row's cells; above 1 they lie in transposable arrays
    std::int64_t bits = 0;    ///< read, write, read_p: over the bus
    std::int64_t cycles = 0;  ///< write: programming; threshold: array reads x tAxTh
};

/// State machine of one channel of the ReRAM memory: which command may come when.
///
///     activate    t_rcd per sense step until its row can be read; a bank senses one row at a time,
///                 its row buffer must have been emptied, and the subarray not be written
///                 (write_blocks: nor any other of the bank)
///     read        data t_cl later; bits / bus on the channel's bus
///     write       data t_cl later, then `cycles` of programming in the row's subarray
///     copy_q      obeys only tCL: waits for nothing but the last copy_q, and the query can be used
///                 tCL later; it is latched there, so that the next may come while one is scored
///     threshold   after copy_q + tCL, `cycles` long, in all transposable arrays of the channel:
///                 their rows are neither sensed nor written meanwhile; the last pruning vector
///                 must have left
///     read_p      after the thresholding, from then on as a normal read
/// One command per cycle. Reads are not destructive: rows are not written back or precharged.
/// Units: cycles. Source: SPRINT, MICRO 2022 (arXiv 2209.00606), from a public summary, for CopyQ,
/// ReadP and tAxTh; the rest is the common organisation of non-volatile main memories.
/// Not modelled: the bus under CopyQ, limits of charge pumps, write pausing, refresh (none).
class ReramChannel {
  public:
    /// The request does not fit the state: no query, no pruning vector, another row in the buffer.
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    explicit ReramChannel(const ReramOrganisation& organisation);

    /// First cycle at which the request may be issued, or kNever.
    std::int64_t earliest(const ReramRequest& request) const;
    /// Throws: InvariantError before `earliest`.
    void issue(const ReramRequest& request, std::int64_t cycle);

    /// First cycle after the last data on the bus.
    std::int64_t data_end() const { return bus_end_; }
    /// When every programming and thresholding has ended too.
    std::int64_t idle_from() const { return idle_from_; }

  private:
    static constexpr std::int64_t kPast = std::numeric_limits<std::int64_t>::min() / 4;
    struct Bank {
        std::int64_t subarray = -1, row = -1;  ///< in the row buffer, or being sensed
        std::int64_t sensed = kPast;           ///< its row can be read
        std::int64_t emptied = kPast;          ///< its row buffer has gone to the bus
    };
    struct Programming {
        int bank = 0;
        std::int64_t subarray = 0;
        int cell_bits = 1;
        std::int64_t end = 0;
    };

    const Bank& bank_of(const ReramRequest& r) const;
    std::int64_t writes_block_until(const ReramRequest& r, bool whole_bank) const;
    std::int64_t earliest_activate(const ReramRequest& r) const;
    std::int64_t earliest_write(const ReramRequest& r) const;
    std::int64_t earliest_threshold() const;
    std::int64_t after_distances(const ReramRequest& r) const;
    void program(const ReramRequest& r, std::int64_t cycle);
    void transfer(std::int64_t bits, std::int64_t cycle);

    ReramOrganisation organisation_;
    std::vector<Bank> banks_;
    std::vector<Programming> programming_;  ///< writes that have not ended
    std::int64_t bus_end_ = 0;
    std::int64_t last_command_ = -1;
    std::int64_t copy_q_ = kPast;
    std::int64_t threshold_end_ = kPast;
    std::int64_t vector_left_ = kPast;  ///< the pruning vector has gone to the bus
    std::int64_t mlc_sensed_ = kPast;   ///< rows of transposable arrays
    std::int64_t idle_from_ = 0;
    bool has_vector_ = false;
};

}  // namespace attohm
