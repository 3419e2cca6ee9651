#pragma once

#include <string_view>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/replay/result.hpp"
#include "src/replay/result_columns.hpp"

/// Parts of a result file, shared by its writer and its reader.
namespace attohm {

inline constexpr std::string_view kResultFormat = "attohm-result";
inline constexpr std::string_view kResultSchema = "2.2.0";

/// What every head of a result holds in its table. Args: table: a writer's or a reader's; rows:
/// pointers to summaries.
template <class Table, class Rows>
void head_fields(const Table& table, const Rows& rows) {
    table.fields(report_fields(), part_pointers(
                                      rows, [](auto& h) -> auto& { return h.report; }));
    table.fields(decision_fields(), part_pointers(
                                        rows, [](auto& h) -> auto& { return h.report.decisions; }));
    table.fields(event_fields(), part_pointers(
                                     rows, [](auto& h) -> auto& { return h.report.events; }));
}

/// Scores of tokens, answers of nodes and distances from stored logits; nothing where there are
/// none.
void write_token_scores(const H5Group& result, const Result& values);
void read_token_scores(const H5Group& group, Result& result);

/// The tables of the cost side, in the group of one result.
void write_machines(const H5Group& result, const std::vector<MachineOutcome>& machines);
/// Throws: UserError when tables are missing or contradict each other.
std::vector<MachineOutcome> read_machines(const H5Group& result);

}  // namespace attohm
