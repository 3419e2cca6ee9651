#include <fmt/format.h>

#include <algorithm>

#include "src/replay/result_columns.hpp"
#include "src/replay/result_parts.hpp"

/// The cost side of a result file, flat: every table names the ordinals of the rows that it belongs
/// to, so that a reader joins them without walking groups.
namespace attohm {

namespace {

/// Elements of one level with the ordinal of their parent.
template <class Row>
struct Level {
    std::vector<const Row*> rows;
    std::vector<std::int64_t> parents;

    void add(const std::vector<Row>& children, std::size_t parent) {
        for (const Row& child : children) {
            rows.push_back(&child);
            parents.push_back(static_cast<std::int64_t>(parent));
        }
    }
};

/// The children of every row of a level.
template <class Child, class Rows, class Member>
Level<Child> children_of(const Rows& rows, Member member) {
    Level<Child> level;
    for (std::size_t i = 0; i < rows.size(); ++i) level.add(member(*rows[i]), i);
    return level;
}

/// An array of every plan's tally as a subgroup: `name`, `unit`, `help` and value columns.
class TallyWriter {
  public:
    TallyWriter(const H5Group& plans, std::string_view name, std::string scope,
                const std::vector<const PlanSummary*>& rows)
        : table_(plans, name, rows.size(), std::move(scope)), rows_(rows) {}

    template <class Value>
    void values(std::string_view name, std::string_view unit, std::string_view help,
                std::size_t per_row, Value value) const {
        std::vector<decltype(value(*rows_.front(), std::size_t{0}))> numbers;
        for (const PlanSummary* row : rows_)
            for (std::size_t i = 0; i < per_row; ++i) numbers.push_back(value(*row, i));
        table_.numbers(name, unit, help, {rows_.size(), per_row}, numbers);
    }
    /// Names of the second axis.
    void names(const std::vector<std::string>& names) const {
        table_.group().write_texts("name", names);
        table_.group().dataset("name").set_text("help", "of the second axis");
    }
    const H5Group& group() const { return table_.group(); }

  private:
    ColumnWriter table_;
    const std::vector<const PlanSummary*>& rows_;
};

template <class Enum, class Name>
std::vector<std::string> enum_names(Name name) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < static_cast<std::size_t>(Enum::count_); ++i)
        names.emplace_back(name(static_cast<Enum>(i)));
    return names;
}

std::vector<std::string> count_names() {
    return enum_names<Count>([](Count c) { return count_info(c).name; });
}

void write_tallies(const H5Group& plans, const std::vector<const PlanSummary*>& rows) {
    const std::string summed = "per machine and plan, summed over samples";
    const std::string mean = "per machine and plan, per inference";

    const TallyWriter counts(plans, "counts", summed, rows);
    counts.names(count_names());
    counts.group().write_texts("unit",
                               enum_names<Count>([](Count c) { return count_info(c).unit; }));
    counts.group().write_texts("help",
                               enum_names<Count>([](Count c) { return count_info(c).help; }));
    counts.values("count", "see `unit`", "of every event", kCounts,
                  [](const PlanSummary& p, std::size_t i) { return p.total.counts[i]; });

    const TallyWriter measured(plans, "measured", summed, rows);
    measured.names(enum_names<Measured>(measured_name));
    measured.values("energy_J", "J", "measured by physics; NaN: the scheme could not say",
                    kMeasured,
                    [](const PlanSummary& p, std::size_t i) { return p.total.measured_J[i]; });

    const TallyWriter cycles(plans, "cycles", mean, rows);
    cycles.names(enum_names<Resource>(resource_name));
    cycles.values("cycles", "cycle", "that a resource is busy, per inference", kResources,
                  [](const PlanSummary& p, std::size_t i) { return p.cycles[i]; });
    cycles.values("cycles_summed", "cycle", "the same summed over samples", kResources,
                  [](const PlanSummary& p, std::size_t i) { return p.total.cycles[i]; });

    const TallyWriter traffic(plans, "traffic", mean, rows);
    traffic.names(enum_names<Tensor>(tensor_name));
    traffic.values("read_bytes", "byte", "memory to chip, per inference", kTensors,
                   [](const PlanSummary& p, std::size_t i) { return p.bytes_read[i]; });
    traffic.values("written_bytes", "byte", "into memory, per inference", kTensors,
                   [](const PlanSummary& p, std::size_t i) { return p.bytes_written[i]; });
    traffic.values(
        "read_bits_summed", "bit", "memory to chip, summed over samples", kTensors,
        [](const PlanSummary& p, std::size_t i) { return p.total.traffic[i].read_bits; });
    traffic.values(
        "written_bits_summed", "bit", "into memory, summed over samples", kTensors,
        [](const PlanSummary& p, std::size_t i) { return p.total.traffic[i].written_bits; });
}

/// Columns of an array, brought into the order of the enumeration by name.
class TallyReader {
  public:
    TallyReader(const H5Group& plans, std::string_view name,
                const std::vector<std::string>& expected, const std::vector<PlanSummary*>& rows)
        : table_(plans, name), rows_(rows) {
        if (table_.rows() != rows.size())
            throw UserError("wrong number of rows", table_.group().where(),
                            fmt::format("{}", table_.rows()), fmt::format("{}", rows.size()));
        const std::vector<std::string> names = table_.group().read_texts("name");
        stored_ = names.size();
        for (const std::string& wanted : expected) {
            const auto found = std::find(names.begin(), names.end(), wanted);
            if (found == names.end())
                throw UserError("missing quantity", table_.group().where("name"), "nothing",
                                wanted);
            order_.push_back(static_cast<std::size_t>(found - names.begin()));
        }
    }

    template <class Number, class Member>
    void values(std::string_view name, Member member) const {
        const auto numbers = table_.numbers<Number>(name, stored_);
        for (std::size_t row = 0; row < rows_.size(); ++row)
            for (std::size_t i = 0; i < order_.size(); ++i)
                member(*rows_[row], i) = numbers[row * stored_ + order_[i]];
    }

  private:
    ColumnReader table_;
    const std::vector<PlanSummary*>& rows_;
    std::size_t stored_ = 0;
    std::vector<std::size_t> order_;
};

void read_tallies(const H5Group& plans, const std::vector<PlanSummary*>& rows) {
    using P = PlanSummary;
    using Index = std::size_t;
    const TallyReader counts(plans, "counts", count_names(), rows);
    counts.values<std::int64_t>(
        "count", [](P & p, Index i) -> auto& { return p.total.counts[i]; });
    const TallyReader measured(plans, "measured", enum_names<Measured>(measured_name), rows);
    measured.values<double>(
        "energy_J", [](P & p, Index i) -> auto& { return p.total.measured_J[i]; });
    const TallyReader cycles(plans, "cycles", enum_names<Resource>(resource_name), rows);
    cycles.values<double>(
        "cycles", [](P & p, Index i) -> auto& { return p.cycles[i]; });
    cycles.values<std::int64_t>(
        "cycles_summed", [](P & p, Index i) -> auto& { return p.total.cycles[i]; });
    const TallyReader traffic(plans, "traffic", enum_names<Tensor>(tensor_name), rows);
    traffic.values<double>(
        "read_bytes", [](P & p, Index i) -> auto& { return p.bytes_read[i]; });
    traffic.values<double>(
        "written_bytes", [](P & p, Index i) -> auto& { return p.bytes_written[i]; });
    traffic.values<std::int64_t>(
        "read_bits_summed", [](P & p, Index i) -> auto& { return p.total.traffic[i].read_bits; });
    traffic.values<std::int64_t>(
        "written_bits_summed",
        [](P & p, Index i) -> auto& { return p.total.traffic[i].written_bits; });
}

constexpr std::string_view kMachineOrdinal = "machine_ordinal";
constexpr std::string_view kPricingOrdinal = "pricing_ordinal";
constexpr std::string_view kPricedOrdinal = "priced_ordinal";
constexpr std::string_view kGainOrdinal = "gain_ordinal";

void write_machine_table(const H5Group& result, const std::vector<MachineOutcome>& machines) {
    const ColumnWriter table(result, "machines", machines.size(), "per machine");
    table.fields(machine_fields(), row_pointers(machines));
    std::vector<std::string> settings;
    std::vector<std::string> assumed;
    std::vector<std::int64_t> owners;
    for (std::size_t i = 0; i < machines.size(); ++i) {
        settings.push_back(machines[i].resolved_yaml);
        for (const std::string& key : machines[i].assumed) {
            assumed.push_back(key);
            owners.push_back(static_cast<std::int64_t>(i));
        }
    }
    table.texts("settings", "resolved settings of the machine, YAML", settings);
    const ColumnWriter keys(result, "machine_assumed", assumed.size(),
                            "per assumed number of a machine");
    keys.ordinals(kMachineOrdinal, "row of /machines", owners);
    keys.texts("key", "key of the machine whose value is assumed", assumed);
}

void write_gains(const H5Group& result, const std::vector<const Pricing*>& pricings) {
    const auto gains = children_of<Gain>(
        pricings, [](auto& p) -> auto& { return p.gains; });
    const ColumnWriter table(result, "gains", gains.rows.size(),
                             "scheme against a baseline on the same machine, per inference");
    table.ordinals(kPricingOrdinal, "row of /pricings", gains.parents);
    table.fields(gain_fields(), gains.rows);
    table.fields(energy_gain_fields(), part_pointers(
                                           gains.rows, [](auto& g) -> auto& { return g.energy; }));

    const auto even = children_of<BreakEven>(
        gains.rows, [](auto& g) -> auto& { return g.energy.break_even; });
    const ColumnWriter evens(result, "break_even", even.rows.size(),
                             "per gain and energy without a figure");
    evens.ordinals(kGainOrdinal, "row of /gains", even.parents);
    evens.fields(break_even_fields(), even.rows);
}

/// Hands every child to its parent, in order.
template <class Row, class Parent>
void hand_out(std::vector<Row>& rows, const std::vector<std::int64_t>& parents,
              const std::vector<Parent*>& owners, std::vector<Row> Parent::*member) {
    for (std::size_t i = 0; i < rows.size(); ++i)
        (owners[static_cast<std::size_t>(parents[i])]->*member).push_back(std::move(rows[i]));
}

/// Pointers to all children, parents in order.
template <class Row, class Parent>
std::vector<Row*> all_children(const std::vector<Parent*>& owners,
                               std::vector<Row> Parent::*member) {
    std::vector<Row*> pointers;
    for (Parent* owner : owners)
        for (Row& row : owner->*member) pointers.push_back(&row);
    return pointers;
}

/// Reads a table whose rows belong to `owners`, and hands the rows out.
template <class Row, class Parent>
std::vector<Row*> read_level(const H5Group& result, std::string_view name, Fields<Row> fields,
                             std::string_view ordinal, const std::vector<Parent*>& owners,
                             std::vector<Row> Parent::*member) {
    const ColumnReader table(result, name);
    std::vector<Row> rows(table.rows());
    table.fields(fields, row_pointers(rows));
    hand_out(rows, table.ordinals(ordinal, owners.size()), owners, member);
    return all_children(owners, member);
}

void read_gains(const H5Group& result, const std::vector<Pricing*>& pricings) {
    const auto gains =
        read_level(result, "gains", gain_fields(), kPricingOrdinal, pricings, &Pricing::gains);
    const ColumnReader table(result, "gains");
    const auto energies = part_pointers(
        gains, [](auto& g) -> auto& { return g.energy; });
    table.fields(energy_gain_fields(), energies);
    read_level(result, "break_even", break_even_fields(), kGainOrdinal, energies,
               &EnergyGain::break_even);
}

}  // namespace

void write_machines(const H5Group& result, const std::vector<MachineOutcome>& machines) {
    write_machine_table(result, machines);
    const auto outcomes = row_pointers(machines);

    const auto plans = children_of<PlanSummary>(
        outcomes, [](auto& m) -> auto& { return m.plans; });
    const ColumnWriter plan_table(result, "plans", plans.rows.size(),
                                  "per machine and plan, per inference");
    plan_table.ordinals(kMachineOrdinal, "row of /machines", plans.parents);
    plan_table.fields(plan_fields(), plans.rows);
    plan_table.fields(tally_fields(), part_pointers(
                                          plans.rows, [](auto& p) -> auto& { return p.total; }));
    write_tallies(plan_table.group(), plans.rows);

    const auto pricings = children_of<Pricing>(
        outcomes, [](auto& m) -> auto& { return m.pricings; });
    const ColumnWriter pricing_table(result, "pricings", pricings.rows.size(),
                                     "per machine and pricing");
    pricing_table.ordinals(kMachineOrdinal, "row of /machines", pricings.parents);
    pricing_table.fields(pricing_fields(), pricings.rows);
    pricing_table.fields(energy_option_fields(),
                         part_pointers(
                             pricings.rows, [](auto& p) -> auto& { return p.sources; }));

    const auto priced = children_of<PricedPlan>(
        pricings.rows, [](auto& p) -> auto& { return p.plans; });
    const ColumnWriter priced_table(result, "priced_plans", priced.rows.size(),
                                    "per machine, pricing and plan, per inference");
    priced_table.ordinals(kPricingOrdinal, "row of /pricings", priced.parents);
    priced_table.fields(priced_fields(), priced.rows);

    const auto lines = children_of<LedgerLine>(
        priced.rows, [](auto& p) -> auto& { return p.lines; });
    const ColumnWriter ledger(result, "ledger", lines.rows.size(),
                              "per machine, pricing, plan and event, per inference");
    ledger.ordinals(kPricedOrdinal, "row of /priced_plans", lines.parents);
    ledger.fields(ledger_fields(), lines.rows);
    write_gains(result, pricings.rows);
}

std::vector<MachineOutcome> read_machines(const H5Group& result) {
    const ColumnReader table(result, "machines");
    std::vector<MachineOutcome> machines(table.rows());
    const auto outcomes = row_pointers(machines);
    table.fields(machine_fields(), outcomes);
    const std::vector<std::string> settings = table.texts("settings");
    for (std::size_t i = 0; i < machines.size(); ++i) machines[i].resolved_yaml = settings[i];

    const ColumnReader keys(result, "machine_assumed");
    std::vector<std::string> assumed = keys.texts("key");
    hand_out(assumed, keys.ordinals(kMachineOrdinal, machines.size()), outcomes,
             &MachineOutcome::assumed);

    const auto plans = read_level(result, "plans", plan_fields(), kMachineOrdinal, outcomes,
                                  &MachineOutcome::plans);
    const ColumnReader plan_table(result, "plans");
    plan_table.fields(tally_fields(), part_pointers(
                                          plans, [](auto& p) -> auto& { return p.total; }));
    read_tallies(plan_table.group(), plans);

    const auto pricings = read_level(result, "pricings", pricing_fields(), kMachineOrdinal,
                                     outcomes, &MachineOutcome::pricings);
    ColumnReader(result, "pricings")
        .fields(energy_option_fields(), part_pointers(
                                            pricings, [](auto& p) -> auto& { return p.sources; }));
    const auto priced = read_level(result, "priced_plans", priced_fields(), kPricingOrdinal,
                                   pricings, &Pricing::plans);
    read_level(result, "ledger", ledger_fields(), kPricedOrdinal, priced, &PricedPlan::lines);
    read_gains(result, pricings);
    return machines;
}

}  // namespace attohm
