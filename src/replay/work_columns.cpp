#include "src/replay/work_columns.hpp"

namespace attohm {

namespace {

/// Where a head's work holds its shape, and where its operand widths.
template <class Part>
constexpr Part HeadWork::*kPart = nullptr;
template <>
constexpr HeadShape HeadWork::*kPart<HeadShape> = &HeadWork::shape;
template <>
constexpr OperandBits HeadWork::*kPart<OperandBits> = &HeadWork::bits;

template <class Part, class Number>
HeadColumn column(std::string name, std::string unit, std::string help, Number Part::*member) {
    return {std::move(name), std::move(unit), std::move(help),
            [member](const HeadWork& w) {
                return static_cast<std::int64_t>((w.*kPart<Part>) .*member);
            },
            [member](HeadWork& w, std::int64_t value) {
                (w.*kPart<Part>) .*member = static_cast<Number>(value);
            }};
}

std::vector<HeadColumn> make_columns() {
    std::vector<HeadColumn> columns = {
        column("layer", "1", "of the head", &HeadShape::layer),
        column("head", "1", "query head in its layer", &HeadShape::head),
        column("kv_head", "1", "kv head that it reads", &HeadShape::kv_head),
        column("n_q", "query", "padding included", &HeadShape::n_q),
        column("n_k", "key", "padding included", &HeadShape::n_k),
        column("valid_q", "query", "that are real tokens", &HeadShape::valid_q),
        column("valid_k", "key", "that are real tokens", &HeadShape::valid_k),
        column("d", "element", "width of q and k", &HeadShape::d),
        column("dv", "element", "width of v", &HeadShape::dv),
        column("causal", "1", "1: a query sees no later key", &HeadShape::causal),
        column("first_of_kv_head", "1", "1: this query head writes its kv head",
               &HeadShape::first_of_kv_head),
        column("allowed_pairs", "pair", "that mask, causality and padding allow",
               &HeadShape::allowed_pairs),
        column("bits_q", "bit", "of q in digital units", &OperandBits::q),
        column("bits_k", "bit", "of k in digital units", &OperandBits::k),
        column("bits_v", "bit", "of v in digital units", &OperandBits::v),
        column("bits_k_msb", "bit", "of k in multi-level cells", &OperandBits::k_msb),
        column("bits_q_line", "bit", "of the word-line copy of q", &OperandBits::q_line),
        column("reads_per_decision", "1", "sequential array reads",
               &OperandBits::reads_per_decision),
        column("k_msb_copy", "1", "1: the recompute reads a single-level copy",
               &OperandBits::k_msb_copy),
        column("one_bit_lines", "1", "1: word lines carry bits or pulses",
               &OperandBits::one_bit_lines),
        {"kept_pairs", "pair", "query-key pairs that were kept",
         [](const HeadWork& w) { return w.kept_pairs; },
         [](HeadWork& w, std::int64_t value) { w.kept_pairs = value; }}};
    for (std::size_t i = 0; i < kEvents; ++i) {
        const EventInfo& info = event_info(static_cast<Event>(i));
        columns.push_back({"event_" + std::string(info.name), std::string(info.unit),
                           std::string(info.help), [i](const HeadWork& w) { return w.events[i]; },
                           [i](HeadWork& w, std::int64_t value) { w.events[i] = value; }});
    }
    return columns;
}

HeadAmount cell_amount(std::string name, std::string unit, std::string help,
                       double CellCosts::*member) {
    return {std::move(name), std::move(unit), std::move(help),
            [member](HeadWork& w) -> double& { return w.cell.*member; }};
}

std::vector<HeadAmount> make_amounts() {
    std::vector<HeadAmount> amounts = {
        cell_amount("slc_read_J", "J", "of one single-level cell read once",
                    &CellCosts::slc_read_J),
        cell_amount("slc_write_J", "J", "of one single-level cell written",
                    &CellCosts::slc_write_J),
        cell_amount("mlc_sense_J", "J", "of one sense step of the cells of one element",
                    &CellCosts::mlc_sense_J),
        cell_amount("slc_write_s", "s", "pulse that writes a single-level cell",
                    &CellCosts::slc_write_s),
        cell_amount("mlc_pulse_s", "s", "one programming pulse of a multi-level cell",
                    &CellCosts::mlc_pulse_s)};
    for (std::size_t i = 0; i < kPhysicals; ++i) {
        const EventInfo& info = physical_info(static_cast<Physical>(i));
        amounts.push_back({"physical_" + std::string(info.name), std::string(info.unit),
                           std::string(info.help),
                           [i](HeadWork& w) -> double& { return w.physical[i]; }});
    }
    return amounts;
}

}  // namespace

const std::vector<HeadColumn>& head_columns() {
    static const std::vector<HeadColumn> columns = make_columns();
    return columns;
}

const std::vector<HeadAmount>& head_amounts() {
    static const std::vector<HeadAmount> amounts = make_amounts();
    return amounts;
}

}  // namespace attohm
