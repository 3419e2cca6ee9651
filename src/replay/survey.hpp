#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/replay/result.hpp"

/// What the survey of Sze, Chen, Yang and Emer (Proc. IEEE 105(12), 2017) asks a report to give,
/// taken from a result: network, accuracy, work, traffic, time, energy by level, power, area. All
/// together, because each alone can be made to look good at the cost of another.
namespace attohm {

/// One item. Either a number, or words, or the reason why it is not known.
struct SurveyField {
    std::string_view key;   ///< "offchip_read_bytes"
    std::string_view name;  ///< in words
    std::string_view unit;  ///< of number, SI; empty: words
    std::optional<double> number;
    std::string words;
    std::string reason;  ///< why it is not known; empty where it is
    std::string note;    ///< what it includes, or leaves out

    bool known() const { return number.has_value() || !words.empty(); }
};

/// One plan of a machine in one scope, at the prices that the experiment asked for.
struct Survey {
    std::string machine;
    std::string plan;
    std::string scope;
    std::string pricing;  ///< empty: not priced
    std::vector<SurveyField> fields;

    std::string title() const { return plan_title(plan, scope); }
    /// Throws: InvariantError when there is no such key.
    const SurveyField& field(std::string_view key) const;
};

/// The items in their order, without values: the same for every plan.
std::vector<SurveyField> survey_items();

/// Of every plan and scope of the machine, the scheme's own first. Numbers are per inference unless
/// the item says otherwise.
std::vector<Survey> survey_of(const Result& result, const MachineOutcome& machine);

/// A part of a chip that energy goes to.
enum class EnergyLevel : std::uint8_t { arithmetic, in_memory, buffer, memory, standing, count_ };
/// Every ledger line belongs to one level. Args: plan: its resources tell units from buffers.
EnergyLevel energy_level(const LedgerLine& line, const PlanSummary& plan);

/// Value with its unit, or "unknown: reason".
std::string survey_text(const SurveyField& field);

/// A few lines for a terminal: plans side by side, and what is not known.
std::string survey_summary(const Result& result, const MachineOutcome& machine);

}  // namespace attohm
