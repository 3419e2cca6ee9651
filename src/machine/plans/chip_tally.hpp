#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "src/machine/tally.hpp"

/// What the plans of the SPRINT chip count, as fixed arrays: fast to fill, head by head.
namespace attohm {

/// Things that a plan counts. Units and meaning: `count_info`.
enum class Count : std::uint8_t {
    in_memory_mac,
    array_read,
    dac_unit,
    dac_unpriced,
    comparator_decision,
    column_read,
    threshold_conversion,
    adc_conversion,
    copy_q_bit,
    read_p_bit,
    locality_bit,
    buffer_hit,
    buffer_miss,
    buffer_streamed,
    mlc_bit_read,
    mlc_sense,
    slc_bit_read,
    spill_bit_read,
    mlc_bit_write,
    mlc_cell_write,
    mlc_write_pulse,
    slc_bit_write,
    spill_bit_write,
    buffer_bit_write,
    buffer_bit_read,
    qk_mac,
    softmax_element,
    softmax_row,
    sv_mac,
    count_
};

/// Joules measured by physics. NaN: the scheme could not say.
enum class Measured : std::uint8_t {
    in_memory_cell,    ///< cells, by in-memory reads
    in_memory_driver,  ///< supply of the word-line drivers, cells included
    mlc_write,
    slc_write,
    spill_write,  ///< cells, by partial outputs written to single-level cells
    mlc_read,     ///< cells, by sensing K MSBs
    slc_read,     ///< cells, by reading single-level bits (spilled bits and CopyQ included)
    count_
};

/// What is busy, in cycles of the machine's clock.
enum class Resource : std::uint8_t {
    reram_read,
    thresholding,
    qk_pu,
    softmax,
    v_pu,
    fill,  ///< prefill: what a head takes beyond its busiest resource; decode: latencies
    write,
    count_
};

struct ChipCount {
    std::string_view name;
    std::string_view unit;
    std::string_view help;
};
const ChipCount& count_info(Count count);
std::string_view resource_name(Resource resource);
std::string_view measured_name(Measured measured);

constexpr std::size_t kCounts = static_cast<std::size_t>(Count::count_);
constexpr std::size_t kMeasured = static_cast<std::size_t>(Measured::count_);
constexpr std::size_t kResources = static_cast<std::size_t>(Resource::count_);

/// One plan on one machine: of a head, of a sample, or summed over samples. Integers add exactly;
/// joules are added in the order of heads, then of samples.
struct ChipTally {
    std::array<std::int64_t, kCounts> counts{};
    std::array<double, kMeasured> measured_J{};
    std::array<std::int64_t, kResources> cycles{};
    std::array<Traffic, kTensorRoles> traffic{};
    std::int64_t latency_cycles = 0;                 ///< heads one after another
    std::int64_t latency_cycles_without_writes = 0;  ///< operand writes left out
    std::int64_t overflow_rows = 0;

    std::int64_t& operator[](Count c) { return counts[static_cast<std::size_t>(c)]; }
    std::int64_t operator[](Count c) const { return counts[static_cast<std::size_t>(c)]; }
    double& operator[](Measured m) { return measured_J[static_cast<std::size_t>(m)]; }
    double operator[](Measured m) const { return measured_J[static_cast<std::size_t>(m)]; }
    std::int64_t& operator[](Resource r) { return cycles[static_cast<std::size_t>(r)]; }
    std::int64_t operator[](Resource r) const { return cycles[static_cast<std::size_t>(r)]; }
    Traffic& operator[](TensorRole t) { return traffic[static_cast<std::size_t>(t)]; }
    const Traffic& operator[](TensorRole t) const { return traffic[static_cast<std::size_t>(t)]; }

    ChipTally& operator+=(const ChipTally& other);
};

}  // namespace attohm
