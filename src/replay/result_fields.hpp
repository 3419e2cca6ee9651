#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "src/replay/result.hpp"

/// The columns of a result: one table per struct says name, unit, meaning and member. HDF5, JSON,
/// CSV and the tables on a terminal all read these.
namespace attohm {

/// Value of a field: whole number, number, or text. A number that is not known is NaN.
using FieldValue = std::variant<std::int64_t, double, std::string>;

template <class Row>
struct Field {
    using Member =
        std::variant<int Row::*, std::int64_t Row::*, bool Row::*, double Row::*, Joule Row::*,
                     Second Row::*, std::optional<double> Row::*, std::optional<SquareMetre> Row::*,
                     std::string Row::*, Mark Row::*, EnergySource Row::*>;
    std::string_view name;  ///< in SI, the unit as a suffix: "energy_J"
    std::string_view unit;  ///< "J", "pair", ...; "1" for a plain number, "" for text
    std::string_view help;
    Member member;
    bool repeats = false;  ///< a long text that many rows share
};

enum class FieldKind : std::uint8_t { integer, real, text };

/// Kind of what a member holds.
template <class Type>
constexpr FieldKind field_kind_of() {
    if constexpr (std::is_same_v<Type, std::string> || std::is_enum_v<Type>)
        return FieldKind::text;
    else if constexpr (std::is_integral_v<Type>)
        return FieldKind::integer;
    else
        return FieldKind::real;
}

template <class Row>
FieldKind field_kind(const Field<Row>& field) {
    return std::visit(
        []<class Type>(Type Row::*) { return field_kind_of<std::remove_cvref_t<Type>>(); },
        field.member);
}

/// The member as a value; quantities in SI, what is not known NaN.
FieldValue field_value(int member);
FieldValue field_value(std::int64_t member);
FieldValue field_value(bool member);
FieldValue field_value(double member);
FieldValue field_value(Joule member);
FieldValue field_value(Second member);
FieldValue field_value(const std::optional<double>& member);
FieldValue field_value(const std::optional<SquareMetre>& member);
FieldValue field_value(const std::string& member);
FieldValue field_value(Mark member);
FieldValue field_value(EnergySource member);

/// Sets the member. Returns false when the value is none that it can have.
bool set_field(int& member, const FieldValue& value);
bool set_field(std::int64_t& member, const FieldValue& value);
bool set_field(bool& member, const FieldValue& value);
bool set_field(double& member, const FieldValue& value);
bool set_field(Joule& member, const FieldValue& value);
bool set_field(Second& member, const FieldValue& value);
bool set_field(std::optional<double>& member, const FieldValue& value);
bool set_field(std::optional<SquareMetre>& member, const FieldValue& value);
bool set_field(std::string& member, const FieldValue& value);
bool set_field(Mark& member, const FieldValue& value);
bool set_field(EnergySource& member, const FieldValue& value);

template <class Row>
FieldValue get(const Field<Row>& field, const Row& row) {
    return std::visit([&](auto member) { return field_value(row.*member); }, field.member);
}
template <class Row>
bool set(const Field<Row>& field, Row& row, const FieldValue& value) {
    return std::visit([&](auto member) { return set_field(row.*member, value); }, field.member);
}
/// A field of numbers as a real number.
template <class Row>
double real_value(const Field<Row>& field, const Row& row) {
    const FieldValue value = get(field, row);
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    return std::get<double>(value);
}

template <class Row>
using Fields = std::span<const Field<Row>>;

Fields<SampleOutcome> sample_fields();
Fields<TokenScores> token_fields();
Fields<NodeOutcome> node_fields();
/// Of a sample against logits that the trace stores.
Fields<SampleOutcome> golden_fields();
Fields<DecisionCounts> decision_fields();
Fields<HeadEvents> event_fields();
Fields<HeadReport> report_fields();  ///< scalars of the report itself
Fields<Fidelity> fidelity_fields();
Fields<Interval> interval_fields();

Fields<MachineOutcome> machine_fields();
Fields<PlanSummary> plan_fields();
Fields<CountTotal> count_fields();
Fields<MeasuredTotal> measured_fields();
Fields<ResourceTotal> resource_fields();
Fields<TrafficTotal> traffic_fields();
Fields<LayerTime> layer_time_fields();
Fields<AreaLine> area_fields();
Fields<MachineFact> fact_fields();
Fields<Pricing> pricing_fields();
Fields<EnergyOptions> energy_option_fields();
Fields<PricedPlan> priced_fields();
Fields<LedgerLine> ledger_fields();
Fields<Gain> gain_fields();
Fields<EnergyGain> energy_gain_fields();
Fields<BreakEven> break_even_fields();

/// The four histograms of a score eye.
struct EyeField {
    std::string_view name;
    std::string_view help;
    std::vector<std::int64_t> ScoreEye::*member;
};
std::span<const EyeField> eye_fields();

/// The histograms over the columns of an array.
struct ColumnField {
    std::string_view name;
    std::string_view help;
    std::vector<std::int64_t> ColumnProfile::*member;
};
std::span<const ColumnField> column_fields();

/// The four estimates of an accuracy.
struct AccuracyField {
    std::string_view name;
    std::string_view help;
    Interval Accuracy::*member;
};
std::span<const AccuracyField> accuracy_fields();

/// The estimates of a next-token task.
struct LanguageField {
    std::string_view name;
    std::string_view unit;
    std::string_view help;
    Interval LanguageScore::*member;
};
std::span<const LanguageField> language_fields();

/// Name and factor for people: energies in pJ, times in ns, areas in mm2.
struct ShownName {
    std::string name;
    double factor = 1.0;
};
ShownName shown_name(std::string_view si_name);

}  // namespace attohm
