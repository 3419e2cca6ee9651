#pragma once

#include <cstdint>

#include "crossbar/array/mapping.hpp"
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

/// Static offset of the comparator of key column `c` in array `a`: normal(c).
inline Stream comparator_offset_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed, Purpose::comparator_offset, {s.chip, s.bank, array}};
}

/// Fault of the cell at (key column c, row i): uniform32(c * rows + i) with `rows` the array's
/// rows; below rate_low_resistance: stuck at the low resistance; else below the sum of both rates:
/// stuck at the high resistance. `plane` is Plane::id(); a reference column is c = columns.
inline Stream stuck_fault_stream(const DrawSite& s, std::uint64_t array, std::uint64_t plane) {
    return {s.seed, Purpose::stuck_fault, {s.chip, s.bank, array, plane}};
}

/// Programming error of row i of an array's reference column, written once per chip: normal(i).
inline Stream reference_programming_stream(const DrawSite& s, std::uint64_t array,
                                           std::uint64_t plane) {
    return {s.seed, Purpose::reference_programming, {s.chip, s.bank, array, plane}};
}

// -- write event ----------------------------------------------------------------------------------

/// Programming error of the cell of key j, row i: normal(j * d + i), d the length of a key.
inline Stream programming_stream(const DrawSite& s, std::uint64_t plane) {
    return {s.seed, Purpose::programming, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane}};
}

/// Relaxation of the same cell: normal(j * d + i), one draw for all ages of the write event.
inline Stream relaxation_stream(const DrawSite& s, std::uint64_t plane) {
    return {s.seed, Purpose::relaxation, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane}};
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

/// White noise of the reference column of array `a` in query t, common to all its keys: normal(t).
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

/// Noise of the threshold DAC for query t, common to all keys of array `a`: normal(t).
inline Stream threshold_noise_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed,
            Purpose::threshold_noise,
            {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head, array}};
}

}  // namespace attohm
