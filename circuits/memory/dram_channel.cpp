#include "circuits/memory/dram_channel.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

namespace {

bool uses_rows(DramCommand command) {
    return command == DramCommand::activate || command == DramCommand::read ||
           command == DramCommand::write;
}

}  // namespace

DramCounts& DramCounts::operator+=(const DramCounts& more) {
    activations += more.activations;
    reads += more.reads;
    writes += more.writes;
    refreshes += more.refreshes;
    open_cycles += more.open_cycles;
    return *this;
}

DramChannel::DramChannel(const DramTable& table)
    : geometry_(table.geometry),
      timing_(table.timing),
      banks_(static_cast<std::size_t>(table.geometry.banks())),
      groups_(static_cast<std::size_t>(table.geometry.bank_groups)) {
    activations_.fill(kPast);
}

std::size_t DramChannel::index(const DramAddress& at) const {
    return static_cast<std::size_t>(at.group * geometry_.banks_per_group + at.bank);
}

std::optional<std::int64_t> DramChannel::open_row(int group, int bank) const {
    const Bank& b = banks_[index({group, bank, 0, 0})];
    if (b.row < 0) return std::nullopt;
    return b.row;
}

std::int64_t DramChannel::refreshes_owed(std::int64_t cycle) const {
    return cycle / timing_.refi - counts_.refreshes;
}

DramCounts DramChannel::counts(std::int64_t cycle) const {
    DramCounts counts = counts_;
    if (open_rows_ > 0) counts.open_cycles += cycle - opened_;
    return counts;
}

std::int64_t DramChannel::earliest_activate(const DramAddress& at) const {
    const Bank& bank = banks_[index(at)];
    if (bank.row >= 0) return kNever;
    const Last& group = groups_[static_cast<std::size_t>(at.group)];
    return std::max({bank.activate + timing_.rc(), bank.precharge + timing_.rp,
                     group.activate + timing_.rrd_l, rank_.activate + timing_.rrd_s,
                     activations_[oldest_] + timing_.faw, last_refresh_ + timing_.rfc});
}

std::int64_t DramChannel::earliest_precharge(const Bank& bank) const {
    return std::max({bank.activate + timing_.ras, bank.read + timing_.rtp,
                     bank.write + timing_.write_to_precharge()});
}

std::int64_t DramChannel::earliest_column(bool write, const DramAddress& at) const {
    const Bank& bank = banks_[index(at)];
    if (bank.row != at.row) return kNever;
    const Last& group = groups_[static_cast<std::size_t>(at.group)];
    const std::int64_t row_ready = bank.activate + timing_.rcd;
    if (write)
        return std::max({row_ready, group.write + timing_.column(true),
                         rank_.write + timing_.column(false),
                         rank_.read + timing_.read_to_write()});
    return std::max({row_ready, group.read + timing_.column(true),
                     rank_.read + timing_.column(false), group.write + timing_.write_to_read(true),
                     rank_.write + timing_.write_to_read(false)});
}

std::int64_t DramChannel::after_timing(DramCommand command, const DramAddress& at) const {
    switch (command) {
        case DramCommand::activate:
            return earliest_activate(at);
        case DramCommand::read:
            return earliest_column(false, at);
        case DramCommand::write:
            return earliest_column(true, at);
        case DramCommand::precharge: {
            const Bank& bank = banks_[index(at)];
            return bank.row < 0 ? kNever : earliest_precharge(bank);
        }
        case DramCommand::precharge_all: {
            if (all_closed()) return kNever;
            std::int64_t cycle = kPast;
            for (const Bank& bank : banks_)
                if (bank.row >= 0) cycle = std::max(cycle, earliest_precharge(bank));
            return cycle;
        }
        case DramCommand::refresh:
            // A bank that was activated is closed only by a precharge, so t_rc has passed too.
            return all_closed()
                       ? std::max(rank_.precharge + timing_.rp, last_refresh_ + timing_.rfc)
                       : kNever;
    }
    ATTOHM_CHECK(false);
    return kNever;
}

std::size_t DramChannel::bus_of(DramCommand command) const {
    const bool is_column = command == DramCommand::read || command == DramCommand::write;
    return is_column && timing_.command_buses == 2 ? 1 : 0;
}

std::int64_t DramChannel::earliest(DramCommand command, const DramAddress& at) const {
    const std::int64_t cycle = after_timing(command, at);
    if (cycle == kNever) return kNever;
    // In order of time; one command per clock on each bus.
    const std::size_t bus = bus_of(command);
    const std::int64_t next = std::max({cycle, last_command_[bus] + 1, last_command_[1 - bus]});
    return uses_rows(command) && refreshes_owed(next) > timing_.postponed_max ? kNever : next;
}

void DramChannel::open(const DramAddress& at, std::int64_t cycle) {
    Bank& bank = banks_[index(at)];
    bank.row = at.row;
    bank.activate = cycle;
    groups_[static_cast<std::size_t>(at.group)].activate = cycle;
    rank_.activate = cycle;
    activations_[oldest_] = cycle;
    oldest_ = (oldest_ + 1) % activations_.size();
    if (open_rows_++ == 0) opened_ = cycle;
    ++counts_.activations;
}

void DramChannel::close(Bank& bank, std::int64_t cycle) {
    bank.row = -1;
    bank.precharge = cycle;
    rank_.precharge = cycle;
    if (--open_rows_ == 0) counts_.open_cycles += cycle - opened_;
}

void DramChannel::transfer(bool write, const DramAddress& at, std::int64_t cycle) {
    const std::int64_t first = cycle + (write ? timing_.cwl : timing_.cl);
    // The distances keep the data of two commands apart; here they prove it.
    ATTOHM_CHECK_LE(data_end_, first);
    data_end_ = first + timing_.burst;
    for (Last* last : {static_cast<Last*>(&banks_[index(at)]),
                       &groups_[static_cast<std::size_t>(at.group)], &rank_})
        (write ? last->write : last->read) = cycle;
    ++(write ? counts_.writes : counts_.reads);
}

void DramChannel::issue(DramCommand command, const DramAddress& at, std::int64_t cycle) {
    ATTOHM_CHECK_LE(earliest(command, at), cycle);
    if (uses_rows(command)) ATTOHM_CHECK_LE(refreshes_owed(cycle), timing_.postponed_max);
    ATTOHM_CHECK(at.row >= 0 && at.row < geometry_.rows && at.bank < geometry_.banks_per_group);
    switch (command) {
        case DramCommand::activate:
            open(at, cycle);
            break;
        case DramCommand::read:
            transfer(false, at, cycle);
            break;
        case DramCommand::write:
            transfer(true, at, cycle);
            break;
        case DramCommand::precharge:
            close(banks_[index(at)], cycle);
            break;
        case DramCommand::precharge_all:
            for (Bank& bank : banks_)
                if (bank.row >= 0) close(bank, cycle);
            break;
        case DramCommand::refresh:
            last_refresh_ = cycle;
            ++counts_.refreshes;
            break;
    }
    last_command_[bus_of(command)] = cycle;
}

}  // namespace attohm
