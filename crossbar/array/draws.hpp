#pragma once

#include <cstdint>

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

/// Which of the two cells of a differential pair.
enum class Polarity : std::uint64_t { plus = 0, minus = 1 };

// -- chip -----------------------------------------------------------------------------------------

/// Static offset of the comparator of key column `c` in array `a`: normal(c).
inline Stream comparator_offset_stream(const DrawSite& s, std::uint64_t array) {
    return {s.seed, Purpose::comparator_offset, {s.chip, s.bank, array}};
}

/// Fault of the cell at (key column c, row i): uniform32(c * rows + i) with `rows` the array's
/// rows; below rate_low_resistance: stuck at the low resistance; else below the sum of both rates:
/// stuck at the high resistance.
inline Stream stuck_fault_stream(const DrawSite& s, std::uint64_t array, Polarity polarity) {
    return {s.seed,
            Purpose::stuck_fault,
            {s.chip, s.bank, array, static_cast<std::uint64_t>(polarity)}};
}

// -- write event ----------------------------------------------------------------------------------

/// Programming error of the cell of key j, row i: normal(j * d + i), d the length of a key.
inline Stream programming_stream(const DrawSite& s, Polarity polarity) {
    return {s.seed,
            Purpose::programming,
            {s.chip, s.bank, s.sample, s.layer, s.kv_head, static_cast<std::uint64_t>(polarity)}};
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

/// White noise of single physical columns, where each clips on its own: normal(t * n_k + j).
inline Stream column_noise_stream(const DrawSite& s, Polarity polarity) {
    return {s.seed,
            Purpose::read_white,
            {s.chip, s.bank, s.sample, s.layer, s.kv_head, s.head,
             static_cast<std::uint64_t>(polarity)}};
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
