#pragma once

#include <cstdint>

#include "crossbar/array/mapping.hpp"
#include "crossbar/device/stuck.hpp"
#include "src/base/random.hpp"

/// The keys of every physical draw: which stream, which ids, which index. This is the contract that
/// lets two implementations (and two settings) share a chip, a write event or a read.
///
/// Lifetimes (physics.md section 5): chip draws know the location only; write events add sample,
/// layer and kv head (the key is part of the index); reads add the query head (the query is part of
/// the index). `chip` enters all of them, so that another chip is another world.
namespace attohm {

/// Where and when the arrays of one head live.
struct DrawSite {
    std::uint64_t seed = 0;
    std::uint64_t chip = 0;
    std::uint64_t bank =
        0;  ///< location: layer * kv_heads + kv_head (`placement: own`) or 0 (`shared`)
    std::uint64_t sample = 0;  ///< ordinal in the trace
    std::uint64_t layer = 0;
    std::uint64_t kv_head = 0;
    std::uint64_t head = 0;  ///< query head
};

// -- chip -----------------------------------------------------------------------------------------

/// Static offset of the comparator of key slot `c`: normal(c); array `a` holds the first part.
inline Stream comparator_offset_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed, Purpose::comparator_offset, {s.chip, s.bank, array}};
}

/// Fault of the cell at (key column c, row i): uniform32(c * rows + i) with `rows` the array's
/// rows; below rate_low_resistance: stuck at the low resistance; else below the sum of both rates:
/// stuck at the high resistance. `plane` is Plane::id(); a reference column is c = columns.
inline Stream stuck_fault_stream(const DrawSite& s, std::uint64_t array, std::uint64_t plane) {
    return {s.seed, Purpose::stuck_fault, {s.chip, s.bank, array, plane}};
}

/// Faults that lie in clusters or lines (see StuckStreams): the same location, and what all planes
/// of the array share.
inline StuckStreams stuck_streams(const DrawSite& s, std::uint64_t array, std::uint64_t plane) {
    return {stuck_fault_stream(s, array, plane),
            {s.seed, Purpose::fault_cluster, {s.chip, s.bank, array, plane}},
            {s.seed, Purpose::fault_cluster, {s.chip, s.bank, array}}};
}

/// Error of element i of the reference columns of array group `a`, once per chip: normal(i).
inline Stream reference_programming_stream(const DrawSite& s, std::uint64_t array,
                                           std::uint64_t plane) {
    return {s.seed, Purpose::reference_programming, {s.chip, s.bank, array, plane}};
}

/// Static errors of the word-line DACs of array `a`; the index is WordLineDac's.
inline Stream word_line_dac_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed, Purpose::dac_inl, {s.chip, s.bank, array}};
}

/// Static errors by code of the threshold DAC of array `a`; the index is ThresholdInl's.
inline Stream threshold_inl_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed, Purpose::threshold_inl, {s.chip, s.bank, array}};
}

/// Static errors of ADC number `adc` of array `a`; the index is Adc's.
inline Stream adc_static_stream(const DrawSite& s, std::uint64_t array, std::uint64_t adc) {
    return {s.seed, Purpose::adc_static, {s.chip, s.bank, array, adc}};
}

// -- write event ----------------------------------------------------------------------------------

/// Programming error of the cell of key j, row i: normal(j * d + i), d the length of a key.
inline Stream programming_stream(const DrawSite& s, std::uint64_t plane) {
    return {s.seed, Purpose::programming, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane}};
}

/// Verify loop of the same cell, c = j * d + i: pulse p takes .with(2p).normal(c), its verify read
/// .with(2p + 1).normal(c).
inline Stream verify_stream(const DrawSite& s, std::uint64_t plane) {
    return {s.seed, Purpose::write_verify, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane}};
}

/// Both for element i of the reference columns of array group `a`, once per chip: cell i.
inline Stream reference_verify_stream(const DrawSite& s, std::uint64_t array, std::uint64_t plane) {
    return {s.seed, Purpose::write_verify, {s.chip, s.bank, array, plane}};
}
inline Stream reference_relaxation_stream(const DrawSite& s, std::uint64_t array,
                                          std::uint64_t plane) {
    return {s.seed, Purpose::relaxation, {s.chip, s.bank, array, plane}};
}

/// Relaxation of the cell of key j, row i: normal(j * d + i), one draw for all ages of the write
/// event.
inline Stream relaxation_stream(const DrawSite& s, std::uint64_t plane) {
    return {s.seed, Purpose::relaxation, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane}};
}

/// Slow noise of the cells of one plane (or of the effective element that several planes make).
/// Every index is the cell's, j * d + i; m is the number of the component in its ladder.
struct SlowDraws {
    Stream frozen;        ///< write event: normal is the frozen part of the cell
    Stream start;         ///< write event: .with(m), x_m at the cell's first read (innovation)
    Stream at_reference;  ///< write event: .with(m), x_m at the reference age
    Stream step;          ///< read: .with({group, read}), what the read brings; see SlowState
};

inline SlowDraws slow_draws(const DrawSite& s, std::uint64_t plane) {
    const auto of = [&](Purpose purpose, std::uint64_t part) {
        return Stream(s.seed, purpose, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane, part});
    };
    return {of(Purpose::slow_noise_start, 0), of(Purpose::slow_noise_start, 1),
            of(Purpose::slow_noise_at_verify, 0), of(Purpose::slow_noise_step, 0)};
}

/// The same for the reference column of array `a`, which every pass finds in a state of its own:
/// j = 0, so the index is i.
inline SlowDraws reference_slow_draws(const DrawSite& s, std::uint64_t array, std::uint64_t plane) {
    const auto of = [&](std::uint64_t part) {
        return Stream(s.seed, Purpose::reference_slow_noise,
                      {s.chip, s.bank, s.sample, s.layer, s.kv_head, array, plane, part});
    };
    return {of(0), of(1), of(2), of(3)};
}

/// Traps of the cells of one plane.
struct TelegraphDraws {
    /// Write event: uniform32(j * d + i) gives the number of traps; .with({cell, k}) belongs to
    /// trap k: normal(0) its step, uniform32(1) its rate, uniform32(2) its first state.
    Stream traps;
    /// Read: .with({cell, k}): uniform32(read) or normal(read) the move from the read before;
    /// .with({cell, k, read}): the dwell times within that read.
    Stream step;
};

inline TelegraphDraws telegraph_draws(const DrawSite& s, std::uint64_t plane) {
    const auto of = [&](Purpose purpose) {
        return Stream(s.seed, purpose, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane, 0});
    };
    return {of(Purpose::rtn_traps), of(Purpose::telegraph_step)};
}

/// The same for the reference column of array `a`: j = 0.
inline TelegraphDraws reference_telegraph_draws(const DrawSite& s, std::uint64_t array,
                                                std::uint64_t plane) {
    const auto of = [&](Purpose purpose) {
        return Stream(s.seed, purpose,
                      {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane, 1, array});
    };
    return {of(Purpose::rtn_traps), of(Purpose::telegraph_step)};
}

// -- read -----------------------------------------------------------------------------------------

/// Output noise of the decision of query t on key j: normal(t * n_k + j), n_k keys, padding
/// included. One draw stands for the white cell noise of the column and the comparator's noise
/// together.
inline Stream decision_noise_stream(const DrawSite& s) {
    return {s.seed, Purpose::read_white, {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head}};
}

/// Splits the draw above into its two parts where clipping tells them apart: normal(t * n_k + j).
inline Stream decision_split_stream(const DrawSite& s) {
    return {
        s.seed, Purpose::decision_split, {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head}};
}

/// White noise of single physical columns, where each clips or is converted on its own:
/// normal(t * n_k + j). The first step of a read has no step among its ids.
inline Stream column_noise_stream(const DrawSite& s, std::uint64_t plane, std::uint64_t step = 0) {
    const Stream first(s.seed, Purpose::read_white,
                       {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head, plane});
    return step == 0 ? first : first.with(step);
}

/// White noise of single cells in a read that is solved cell by cell: normal(row * d + i), row that
/// of the key or n + a of the reference of array group `a`.
inline Stream cell_noise_stream(const DrawSite& s, std::uint64_t plane, std::uint64_t step,
                                std::uint64_t query) {
    constexpr std::uint64_t kCells = 0x63656c6c73;
    return column_noise_stream(s, plane, step).with({query, kCells});
}

/// White noise of the reference columns of group `a` in query t, common to its keys: normal(t).
inline Stream reference_noise_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed,
            Purpose::reference_read,
            {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head, array}};
}

/// The same for single physical columns of the reference: normal(t).
inline Stream reference_column_noise_stream(const DrawSite& s, std::uint64_t array,
                                            std::uint64_t plane, std::uint64_t step) {
    return reference_noise_stream(s, array).with({plane, step});
}

/// Noise of the word-line DACs of array `a` in query t: normal(t * rows + i), common to all keys of
/// the read; further reads of a query (two-phase, repeated) add a step.
inline Stream dac_noise_stream(const DrawSite& s, std::uint64_t array, std::uint64_t step = 0) {
    const Stream first(s.seed, Purpose::dac_noise,
                       {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head, array});
    return step == 0 ? first : first.with(step);
}

/// Noise of the conversion of key j's column of `plane` in query t: normal(t * n_k + j).
inline Stream adc_noise_stream(const DrawSite& s, std::uint64_t plane, std::uint64_t step = 0) {
    const Stream first(s.seed, Purpose::adc_noise,
                       {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head, plane});
    return step == 0 ? first : first.with(step);
}

/// The coin of an undecided comparator: keeps where below(t * n_k + j, 1/2).
inline Stream metastability_stream(const DrawSite& s) {
    return {s.seed, Purpose::metastability, {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head}};
}

/// Comparator noise of the decision of query t on key j, where it is drawn on its own:
/// normal(t * n_k + j).
inline Stream comparator_noise_stream(const DrawSite& s) {
    return {
        s.seed, Purpose::comparator_noise, {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head}};
}

/// Noise of the threshold DAC for query t, common to all keys of array group `a`: normal(t).
inline Stream threshold_noise_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed,
            Purpose::threshold_noise,
            {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head, array}};
}

}  // namespace attohm
