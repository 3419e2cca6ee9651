#include "src/work/work.hpp"

#include <fmt/format.h>

#include "src/base/error.hpp"

namespace attohm {

namespace {

template <class Id>
struct Row {
    Id id;
    EventInfo info;
};

constexpr Row<Event> kEventRows[] = {
    {Event::in_memory_mac,
     {"in_memory_mac", "MAC", "analog multiply-accumulate of a query element and a stored K MSB"}},
    {Event::array_read, {"array_read", "array read", "one array read by one query vector"}},
    {Event::dac_conversion, {"dac_conversion", "conversion", "one word line driven for one query"}},
    {Event::comparator_decision,
     {"comparator_decision", "decision", "one column compared with the threshold"}},
    {Event::threshold_conversion,
     {"threshold_conversion", "conversion", "one threshold DAC setting, per query and array"}},
    {Event::adc_conversion,
     {"adc_conversion", "conversion",
      "one ADC conversion: of a key, of a part or bit of it, or of a unit column"}},
    {Event::copy_q, {"copy_q", "command", "one query vector into the in-memory query buffer"}},
    {Event::read_p, {"read_p", "command", "one pruning vector out of the memory"}},
    {Event::mlc_cell_write,
     {"mlc_cell_write", "cell", "one multi-level cell programmed with K MSBs"}},
    {Event::slc_bit_write,
     {"slc_bit_write", "bit", "one single-level cell programmed with a bit of K LSBs, V or Q"}},
    {Event::slc_copy_bit_write,
     {"slc_copy_bit_write", "bit", "one single-level cell holding a copy of a K MSB"}},
    {Event::qk_mac, {"qk_mac", "MAC", "digital multiply-accumulate of the score recompute"}},
    {Event::softmax_element,
     {"softmax_element", "element", "one exponential with its share of the normalisation"}},
    {Event::softmax_row, {"softmax_row", "row", "one reciprocal, per query"}},
    {Event::sv_mac, {"sv_mac", "MAC", "digital multiply-accumulate of the weighted sum of V"}},
};

constexpr Row<Physical> kPhysicalRows[] = {
    {Physical::in_memory_cell_J,
     {"in_memory_cell_J", "J", "dissipated in cells by in-memory reads"}},
    {Physical::in_memory_driver_J,
     {"in_memory_driver_J", "J",
      "drawn from the word-line drivers' supply by in-memory reads, cells included"}},
    {Physical::mlc_write_J,
     {"mlc_write_J", "J",
      "dissipated in multi-level cells by programming pulses and verify reads"}},
    {Physical::mlc_write_pulses,
     {"mlc_write_pulses", "pulse", "programming pulses of multi-level cells"}},
    {Physical::slc_write_J,
     {"slc_write_J", "J", "dissipated in single-level cells by programming pulses"}},
};

/// One row per identifier, none missing, none twice, none without a name, a unit or a help text.
template <class Id, std::size_t kCount, std::size_t kRows>
std::array<EventInfo, kCount> table(const Row<Id> (&rows)[kRows]) {
    std::array<EventInfo, kCount> infos{};
    for (const Row<Id>& row : rows) {
        EventInfo& info = infos[static_cast<std::size_t>(row.id)];
        if (!info.name.empty())
            throw InvariantError(fmt::format("`{}` stands twice in its table", info.name));
        info = row.info;
    }
    for (std::size_t i = 0; i < kCount; ++i)
        if (infos[i].name.empty() || infos[i].unit.empty() || infos[i].help.empty())
            throw InvariantError(fmt::format("entry {} of an event table is incomplete", i));
    return infos;
}

std::int64_t product(std::int64_t a, std::int64_t b) {
    return a * b;
}

}  // namespace

const EventInfo& event_info(Event event) {
    static const auto infos = table<Event, kEvents>(kEventRows);
    return infos.at(static_cast<std::size_t>(event));
}

const EventInfo& physical_info(Physical physical) {
    static const auto infos = table<Physical, kPhysicals>(kPhysicalRows);
    return infos.at(static_cast<std::size_t>(physical));
}

std::int64_t total(const Work& work, Event event) {
    std::int64_t sum = 0;
    for (const HeadWork& head : work.heads) sum += head[event];
    return sum;
}

double total(const Work& work, Physical physical) {
    double sum = 0.0;
    for (const HeadWork& head : work.heads) sum += head[physical];
    return sum;
}

std::int64_t mlc_bits_written(const HeadWork& work) {
    const HeadShape& s = work.shape;
    return s.first_of_kv_head ? product(s.valid_k, s.d) * work.bits.k_msb : 0;
}

std::int64_t slc_bits_written(const HeadWork& work) {
    const HeadShape& s = work.shape;
    const OperandBits& bits = work.bits;
    std::int64_t written = product(s.valid_q, s.d) * bits.q;
    if (s.first_of_kv_head)
        written +=
            product(s.valid_k, s.d) * (bits.k - bits.k_msb) + product(s.valid_k, s.dv) * bits.v;
    return written;
}

void check_head_work(const HeadWork& work, const Selection& selection) {
    const HeadShape& s = work.shape;
    if (!work.ops.empty()) {
        check_op_list(work.ops);
        if (!selection.row_begin.empty())
            ATTOHM_CHECK_EQ(static_cast<std::int64_t>(selection.keys.size()), work.kept_pairs);
        return;
    }
    ATTOHM_CHECK_EQ(selection.row_begin.size(), static_cast<std::size_t>(s.n_q) + 1);
    ATTOHM_CHECK_EQ(static_cast<std::int64_t>(selection.keys.size()), work.kept_pairs);
    ATTOHM_CHECK_EQ(work[Event::qk_mac], work.kept_pairs * s.d);
    ATTOHM_CHECK_EQ(work[Event::sv_mac], work.kept_pairs * s.dv);
    ATTOHM_CHECK_EQ(work[Event::softmax_element], work.kept_pairs);
    ATTOHM_CHECK_LE(work.kept_pairs, s.allowed_pairs);
    ATTOHM_CHECK_LE(work[Event::softmax_row], s.valid_q);
    ATTOHM_CHECK_EQ(work[Event::slc_bit_write], slc_bits_written(work));
    const std::int64_t copied = work.bits.k_msb_copy ? mlc_bits_written(work) : 0;
    ATTOHM_CHECK_EQ(work[Event::slc_copy_bit_write], copied);
    // A multi-level cell holds part of one element: at least one cell per element written.
    if (work.bits.k_msb > 0)
        ATTOHM_CHECK_LE(mlc_bits_written(work) / work.bits.k_msb, work[Event::mlc_cell_write]);
}

}  // namespace attohm
