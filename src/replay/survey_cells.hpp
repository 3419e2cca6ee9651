#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "src/replay/result.hpp"

/// Inside of the survey: how an item is read from a result.
namespace attohm::survey_cells {

/// What the items are read from.
struct Case {
    const Result& result;
    const MachineOutcome& machine;
    const PlanSummary& plan;
    const PricedPlan* priced;  ///< null: not priced

    /// Inferences behind the sums of the plan.
    double inferences() const {
        return static_cast<double>(machine.samples) * static_cast<double>(machine.batch);
    }
    /// Whether the scheme itself runs so, and not a baseline.
    bool is_own() const { return plan.name == machine.own().name; }
    double cycles() const {
        return static_cast<double>(plan.latency_cycles) / static_cast<double>(machine.samples);
    }
};

struct Cell {
    std::optional<double> number;
    std::string words;
    std::string reason;
    std::string note;
};

inline Cell number(double value, std::string note = "") {
    return {value, "", "", std::move(note)};
}
inline Cell words(std::string text, std::string note = "") {
    return {std::nullopt, std::move(text), "", std::move(note)};
}
inline Cell unknown(std::string reason) {
    return {std::nullopt, "", std::move(reason), ""};
}

inline std::string listed(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, ", "));
}

// Network and work; the others stand beside the table of items.
Cell model(const Case& c);
Cell dataset(const Case& c);
Cell accuracy(const Case& c);
Cell accuracy_source(const Case& c);
Cell macs(const Case& c);
Cell macs_nonzero(const Case& c);
Cell macs_by_kind(const Case& c);
Cell weights(const Case& c);
Cell weights_nonzero(const Case& c);
Cell operand_bits(const Case& c);

}  // namespace attohm::survey_cells
