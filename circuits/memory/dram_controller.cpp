#include "circuits/memory/dram_controller.hpp"

#include <algorithm>

#include "src/base/error.hpp"
#include "src/base/random.hpp"

namespace attohm {

namespace {

/// What may be issued next. Smaller is better.
struct Candidate {
    std::int64_t cycle = DramChannel::kNever;
    int kind = 0;  ///< activate, column, precharge
    std::size_t slot = 0;
    DramCommand command = DramCommand::read;

    bool operator<(const Candidate& other) const {
        if (cycle != other.cycle) return cycle < other.cycle;
        if (kind != other.kind) return kind < other.kind;
        return slot < other.slot;
    }
};

/// One channel and the window of requests in front of it.
class Controller {
  public:
    Controller(const DramTable& table, std::span<const std::int64_t> bursts, bool write)
        : table_(table),
          bursts_(bursts),
          column_(write ? DramCommand::write : DramCommand::read),
          channel_(table),
          first_(static_cast<std::size_t>(table.geometry.banks())),
          hit_(first_.size()) {}

    DramRun run() {
        fill();
        while (!window_.empty() || taken_ < bursts_.size()) step();
        const std::int64_t end = channel_.data_end();
        return {end, channel_.counts(end), end};
    }

  private:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    std::size_t bank_of(const DramAddress& at) const {
        return static_cast<std::size_t>(at.group * table_.geometry.banks_per_group + at.bank);
    }

    void fill() {
        const auto limit = static_cast<std::size_t>(table_.window);
        while (window_.size() < limit && taken_ < bursts_.size())
            window_.push_back(dram_address(table_, bursts_[taken_++]));
    }

    /// The oldest request of every bank, and the oldest one to the row that is open there.
    void look() {
        std::fill(first_.begin(), first_.end(), kNone);
        std::fill(hit_.begin(), hit_.end(), kNone);
        for (std::size_t slot = 0; slot < window_.size(); ++slot) {
            const DramAddress& at = window_[slot];
            const std::size_t bank = bank_of(at);
            if (first_[bank] == kNone) first_[bank] = slot;
            if (hit_[bank] == kNone && channel_.open_row(at.group, at.bank) == at.row)
                hit_[bank] = slot;
        }
    }

    Candidate best(bool only_hits) const {
        Candidate best;
        for (std::size_t bank = 0; bank < first_.size(); ++bank) {
            if (first_[bank] == kNone) continue;
            Candidate c;
            if (hit_[bank] != kNone) {
                c = {0, 1, hit_[bank], column_};
            } else if (only_hits) {
                continue;
            } else {
                const DramAddress& at = window_[first_[bank]];
                const bool is_open = channel_.open_row(at.group, at.bank).has_value();
                c = {0, is_open ? 2 : 0, first_[bank],
                     is_open ? DramCommand::precharge : DramCommand::activate};
            }
            c.cycle = channel_.earliest(c.command, window_[c.slot]);
            best = std::min(best, c);
        }
        return best;
    }

    void issue(const Candidate& c) {
        channel_.issue(c.command, window_[c.slot], c.cycle);
        if (c.command != column_) return;
        window_.erase(window_.begin() + static_cast<std::ptrdiff_t>(c.slot));
        if (!draining_) fill();
    }

    void step() {
        look();
        const Candidate next = best(draining_);
        if (!draining_ && next.cycle < channel_.refresh_due()) return issue(next);
        draining_ = true;
        const Candidate hit = best(true);
        if (hit.cycle != DramChannel::kNever) return issue(hit);
        refresh();
    }

    void refresh() {
        const DramAddress any;
        if (!channel_.all_closed())
            channel_.issue(DramCommand::precharge_all, any,
                           channel_.earliest(DramCommand::precharge_all, any));
        const std::int64_t ready = channel_.earliest(DramCommand::refresh, any);
        channel_.issue(DramCommand::refresh, any, std::max(ready, channel_.refresh_due()));
        draining_ = false;
        fill();
    }

    const DramTable& table_;
    std::span<const std::int64_t> bursts_;
    DramCommand column_;
    DramChannel channel_;
    std::vector<DramAddress> window_;
    std::vector<std::size_t> first_, hit_;
    std::size_t taken_ = 0;
    bool draining_ = false;
};

/// First byte of piece `i`.
std::int64_t piece_start(const DramTable& table, const DramChannels& channels,
                         const DramPattern& pattern, std::int64_t i) {
    if (pattern.kind == DramPattern::Kind::stream) return 0;
    if (pattern.kind == DramPattern::Kind::stride) return i * pattern.stride_bytes;
    const std::int64_t bursts = table.geometry.channel_bursts() * channels.count;
    const Stream stream(pattern.seed, Purpose::sampling);
    const double u = stream.uniform32(static_cast<std::uint64_t>(i));
    return static_cast<std::int64_t>(u * static_cast<double>(bursts)) *
           table.geometry.burst_bytes();
}

/// Burst numbers of every channel, in the order of the pattern.
std::vector<std::vector<std::int64_t>> split(const DramTable& table, const DramChannels& channels,
                                             const DramPattern& pattern) {
    std::vector<std::vector<std::int64_t>> bursts(static_cast<std::size_t>(channels.count));
    const std::int64_t size = table.geometry.burst_bytes();
    const std::int64_t granule = channels.interleave_bytes / size;
    const std::int64_t run =
        pattern.kind == DramPattern::Kind::stream ? pattern.bytes : pattern.run_bytes;
    for (std::int64_t i = 0, done = 0; done < pattern.bytes; ++i, done += run) {
        const std::int64_t start = piece_start(table, channels, pattern, i);
        const std::int64_t end = start + std::min(run, pattern.bytes - done);
        for (std::int64_t b = start / size; b * size < end; ++b) {
            const std::int64_t block = b / granule;
            bursts[static_cast<std::size_t>(block % channels.count)].push_back(
                block / channels.count * granule + b % granule);
        }
    }
    return bursts;
}

}  // namespace

DramAddress dram_address(const DramTable& table, std::int64_t number) {
    const DramGeometry& g = table.geometry;
    DramAddress at;
    const auto take = [&number](std::int64_t count) {
        const std::int64_t digit = number % count;
        number /= count;
        return digit;
    };
    if (table.mapping == DramMapping::group_low) {
        at.group = static_cast<int>(take(g.bank_groups));
        at.burst = take(g.bursts_per_row());
    } else {
        at.burst = take(g.bursts_per_row());
        at.group = static_cast<int>(take(g.bank_groups));
    }
    at.bank = static_cast<int>(take(g.banks_per_group));
    at.row = take(g.rows);
    return at;
}

DramRun play_channel(const DramTable& table, std::span<const std::int64_t> bursts, bool write) {
    return Controller(table, bursts, write).run();
}

DramRun play(const DramTable& table, const DramChannels& channels, const DramPattern& pattern) {
    ATTOHM_CHECK(pattern.bytes > 0 && channels.count > 0);
    ATTOHM_CHECK(channels.interleave_bytes >= table.geometry.burst_bytes());
    ATTOHM_CHECK_EQ(channels.interleave_bytes % table.geometry.burst_bytes(), 0);
    if (pattern.kind != DramPattern::Kind::stream) ATTOHM_CHECK_LT(0, pattern.run_bytes);
    if (pattern.kind == DramPattern::Kind::stride) ATTOHM_CHECK_LT(0, pattern.stride_bytes);
    DramRun total;
    for (const std::vector<std::int64_t>& bursts : split(table, channels, pattern)) {
        const DramRun run = play_channel(table, bursts, pattern.write);
        total.cycles = std::max(total.cycles, run.cycles);
        total.channel_cycles += run.channel_cycles;
        total.counts += run.counts;
    }
    return total;
}

}  // namespace attohm
