#include "circuits/memory/reram_channel.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

ReramChannel::ReramChannel(const ReramOrganisation& organisation)
    : organisation_(organisation), banks_(static_cast<std::size_t>(organisation.banks)) {}

const ReramChannel::Bank& ReramChannel::bank_of(const ReramRequest& r) const {
    ATTOHM_CHECK(r.bank >= 0 && r.bank < organisation_.banks);
    return banks_[static_cast<std::size_t>(r.bank)];
}

std::int64_t ReramChannel::writes_block_until(const ReramRequest& r, bool whole_bank) const {
    std::int64_t until = kPast;
    for (const Programming& p : programming_)
        if (p.bank == r.bank && (whole_bank || p.subarray == r.subarray))
            until = std::max(until, p.end);
    return until;
}

std::int64_t ReramChannel::earliest_activate(const ReramRequest& r) const {
    const Bank& bank = bank_of(r);
    std::int64_t cycle = std::max(
        {bank.sensed, bank.emptied, writes_block_until(r, organisation_.write_blocks_bank)});
    if (r.cell_bits > 1) cycle = std::max(cycle, threshold_end_);
    return cycle;
}

std::int64_t ReramChannel::earliest_write(const ReramRequest& r) const {
    const Bank& bank = bank_of(r);
    std::int64_t cycle = std::max(bus_end_ - organisation_.t_cl,
                                  writes_block_until(r, organisation_.write_blocks_bank));
    // A row that is being sensed in this subarray, or in the bank that the write would block.
    if (bank.subarray == r.subarray || organisation_.write_blocks_bank)
        cycle = std::max(cycle, bank.sensed);
    if (r.cell_bits > 1) cycle = std::max(cycle, threshold_end_);
    return cycle;
}

std::int64_t ReramChannel::earliest_threshold() const {
    if (copy_q_ == kPast) return kNever;
    std::int64_t cycle =
        std::max({copy_q_ + organisation_.t_cl, threshold_end_, vector_left_, mlc_sensed_});
    for (const Programming& p : programming_)
        if (p.cell_bits > 1) cycle = std::max(cycle, p.end);
    return cycle;
}

std::int64_t ReramChannel::after_distances(const ReramRequest& r) const {
    switch (r.command) {
        case ReramCommand::activate:
            return earliest_activate(r);
        case ReramCommand::write:
            return earliest_write(r);
        case ReramCommand::threshold:
            return earliest_threshold();
        case ReramCommand::copy_q:
            return copy_q_ == kPast ? 0 : copy_q_ + organisation_.t_cl;
        case ReramCommand::read: {
            const Bank& bank = bank_of(r);
            if (bank.subarray != r.subarray || bank.row != r.row) return kNever;
            return std::max(bank.sensed, bus_end_ - organisation_.t_cl);
        }
        case ReramCommand::read_p:
            return has_vector_ ? std::max(threshold_end_, bus_end_ - organisation_.t_cl) : kNever;
    }
    ATTOHM_CHECK(false);
    return kNever;
}

std::int64_t ReramChannel::earliest(const ReramRequest& request) const {
    const std::int64_t cycle = after_distances(request);
    return cycle == kNever ? kNever : std::max(cycle, last_command_ + 1);
}

void ReramChannel::transfer(std::int64_t bits, std::int64_t cycle) {
    ATTOHM_CHECK_LT(0, bits);
    const std::int64_t first = cycle + organisation_.t_cl;
    ATTOHM_CHECK_LE(bus_end_, first);
    bus_end_ = first + organisation_.bus_cycles(bits);
    idle_from_ = std::max(idle_from_, bus_end_);
}

void ReramChannel::program(const ReramRequest& r, std::int64_t cycle) {
    ATTOHM_CHECK_LT(0, r.cycles);
    transfer(r.bits, cycle);
    std::erase_if(programming_, [cycle](const Programming& p) { return p.end <= cycle; });
    programming_.push_back({r.bank, r.subarray, r.cell_bits, bus_end_ + r.cycles});
    idle_from_ = std::max(idle_from_, bus_end_ + r.cycles);
    // What the row buffer held of this row is no longer what the cells hold.
    Bank& bank = banks_[static_cast<std::size_t>(r.bank)];
    if (bank.subarray == r.subarray && bank.row == r.row) bank.row = -1;
}

void ReramChannel::issue(const ReramRequest& r, std::int64_t cycle) {
    ATTOHM_CHECK_LE(earliest(r), cycle);
    last_command_ = cycle;
    Bank& bank = banks_[static_cast<std::size_t>(r.bank)];
    switch (r.command) {
        case ReramCommand::activate:
            bank.subarray = r.subarray;
            bank.row = r.row;
            bank.sensed = cycle + organisation_.sense_cycles(r.cell_bits);
            if (r.cell_bits > 1) mlc_sensed_ = std::max(mlc_sensed_, bank.sensed);
            break;
        case ReramCommand::read:
            ATTOHM_CHECK_LE(r.bits, organisation_.row_cells * r.cell_bits);
            transfer(r.bits, cycle);
            bank.emptied = std::max(bank.emptied, cycle + organisation_.bus_cycles(r.bits));
            break;
        case ReramCommand::write:
            program(r, cycle);
            break;
        case ReramCommand::copy_q:
            copy_q_ = cycle;
            break;
        case ReramCommand::threshold:
            ATTOHM_CHECK_LT(0, r.cycles);
            threshold_end_ = cycle + r.cycles;
            idle_from_ = std::max(idle_from_, threshold_end_);
            has_vector_ = true;
            break;
        case ReramCommand::read_p:
            transfer(r.bits, cycle);
            vector_left_ = cycle + organisation_.bus_cycles(r.bits);
            break;
    }
}

}  // namespace attohm
