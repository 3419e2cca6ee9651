#include "src/machine/plans/chip_tally.hpp"

#include <fmt/format.h>

#include "src/base/error.hpp"

namespace attohm {

namespace {

struct CountRow {
    Count id;
    ChipCount info;
};

constexpr CountRow kRows[] = {
    {Count::in_memory_mac, {"in_memory_mac", "MAC", "elements of in-memory scores"}},
    {Count::array_read, {"array_read", "array read", "arrays read by a query vector"}},
    {Count::dac_unit, {"dac_unit", "1-bit DAC", "word-line conversions in 1-bit DACs"}},
    {Count::dac_unpriced,
     {"dac_unpriced", "conversion", "word-line conversions of a width without a figure"}},
    {Count::comparator_decision, {"comparator_decision", "decision", "columns compared"}},
    {Count::column_read,
     {"column_read", "column read", "columns of keys held at a virtual ground"}},
    {Count::threshold_conversion, {"threshold_conversion", "conversion", "thresholds set"}},
    {Count::adc_conversion, {"adc_conversion", "conversion", "ADC conversions of column outputs"}},
    {Count::copy_q_bit, {"copy_q_bit", "bit", "bits of q copied to the in-memory query buffer"}},
    {Count::read_p_bit, {"read_p_bit", "bit", "bits of pruning vectors read"}},
    {Count::locality_bit,
     {"locality_bit", "bit", "pruning-vector bits through the locality engine"}},
    {Count::buffer_hit, {"buffer_hit", "token", "kept keys found in the K/V buffer"}},
    {Count::buffer_miss, {"buffer_miss", "token", "keys fetched from ReRAM with their values"}},
    {Count::buffer_streamed,
     {"buffer_streamed", "token", "fetched keys that do not stay in the K/V buffer"}},
    {Count::mlc_bit_read, {"mlc_bit_read", "bit", "K-MSB bits read from multi-level cells"}},
    {Count::mlc_sense, {"mlc_sense", "decision", "sense decisions behind the K-MSB bits"}},
    {Count::slc_bit_read,
     {"slc_bit_read", "bit", "bits of Q, K and V read from single-level cells"}},
    {Count::spill_bit_read, {"spill_bit_read", "bit", "bits of partial outputs read back"}},
    {Count::mlc_bit_write, {"mlc_bit_write", "bit", "K-MSB bits written to multi-level cells"}},
    {Count::mlc_cell_write, {"mlc_cell_write", "cell", "multi-level cells programmed"}},
    {Count::mlc_write_pulse,
     {"mlc_write_pulse", "pulse", "programming pulses of multi-level cells"}},
    {Count::slc_bit_write,
     {"slc_bit_write", "bit", "bits of Q, K and V written to single-level cells"}},
    {Count::spill_bit_write, {"spill_bit_write", "bit", "bits of partial outputs written"}},
    {Count::buffer_bit_write, {"buffer_bit_write", "bit", "bits written to on-chip buffers"}},
    {Count::buffer_bit_read, {"buffer_bit_read", "bit", "bits read from on-chip buffers"}},
    {Count::qk_mac, {"qk_mac", "MAC", "multiply-accumulates of q.k"}},
    {Count::softmax_element, {"softmax_element", "element", "exponentials"}},
    {Count::softmax_row, {"softmax_row", "row", "reciprocals"}},
    {Count::sv_mac, {"sv_mac", "MAC", "multiply-accumulates of the weighted sum of V"}},
};

std::array<ChipCount, kCounts> count_table() {
    std::array<ChipCount, kCounts> infos{};
    for (const CountRow& row : kRows) {
        ChipCount& info = infos[static_cast<std::size_t>(row.id)];
        if (!info.name.empty())
            throw InvariantError(fmt::format("`{}` stands twice in its table", info.name));
        info = row.info;
    }
    for (std::size_t i = 0; i < kCounts; ++i)
        if (infos[i].name.empty() || infos[i].unit.empty() || infos[i].help.empty())
            throw InvariantError(fmt::format("entry {} of the count table is incomplete", i));
    return infos;
}

}  // namespace

const ChipCount& count_info(Count count) {
    static const auto infos = count_table();
    return infos.at(static_cast<std::size_t>(count));
}

std::string_view resource_name(Resource resource) {
    static constexpr std::array<std::string_view, kResources> kNames = {
        "reram_read", "thresholding", "qk_pu", "softmax", "v_pu", "fill", "write"};
    return kNames.at(static_cast<std::size_t>(resource));
}

std::string_view measured_name(Measured measured) {
    static constexpr std::array<std::string_view, kMeasured> kNames = {
        "in_memory_cell", "in_memory_driver", "mlc_write", "slc_write",
        "spill_write",    "mlc_read",         "slc_read"};
    static_assert(!kNames.back().empty());
    return kNames[static_cast<std::size_t>(measured)];
}

ChipTally& ChipTally::operator+=(const ChipTally& other) {
    for (std::size_t i = 0; i < kCounts; ++i) counts[i] += other.counts[i];
    for (std::size_t i = 0; i < kMeasured; ++i) measured_J[i] += other.measured_J[i];
    for (std::size_t i = 0; i < kResources; ++i) cycles[i] += other.cycles[i];
    for (std::size_t i = 0; i < kTensorRoles; ++i) {
        traffic[i].read_bits += other.traffic[i].read_bits;
        traffic[i].written_bits += other.traffic[i].written_bits;
    }
    latency_cycles += other.latency_cycles;
    latency_cycles_without_writes += other.latency_cycles_without_writes;
    overflow_rows += other.overflow_rows;
    return *this;
}

}  // namespace attohm
