#pragma once

#include "crossbar/array/programmed_keys.hpp"
#include "src/schemes/analog_settings.hpp"
#include "src/schemes/score_codes.hpp"
#include "src/work/work.hpp"

/// What SPRINT asks of memory and arrays for one head: counts, and the joules that only the cells
/// know.
namespace attohm {

/// What one decision on one key takes.
struct ReadCounts {
    std::int64_t columns = 0;           ///< physical columns, steps and parts drawn on their own
    std::int64_t key_conversions = 0;   ///< by ADCs, those of its unit column included
    std::int64_t conversions = 0;       ///< of the key's own columns alone: parts, bits
    std::int64_t unit_conversions = 0;  ///< of the unit column, once for all keys of an array
};
ReadCounts read_counts(const AnalogSettings& analog, const Mapping& map, const DriveSettings& drive,
                       std::size_t d);

struct SprintWorkInputs {
    const AttentionHead& head;
    const ScoreCodes& codes;
    const ProgrammedKeys& keys;
    const AnalogSettings& analog;
    const Mapping& map;
    std::optional<int> k_bits;
    std::optional<int> q_bits;
    bool k_msb_copy = false;
    std::size_t steps = 1;  ///< array reads behind one decision
    ReadCounts reads;
};

/// Reads, decisions, commands and writes of one head (kept keys and digital work are added by the
/// caller). Padding is neither written nor read; a kv head is written by its first query head
/// alone.
HeadWork sprint_work(const SprintWorkInputs& inputs);

}  // namespace attohm
