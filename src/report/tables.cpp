#include "src/report/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "src/replay/read_summary.hpp"
#include "src/report/events.hpp"
#include "src/report/format.hpp"
#include "src/report/html.hpp"
#include "src/report/metrics.hpp"

namespace attohm {

namespace {

template <class Value>
std::string joined(const std::set<Value>& values) {
    return fmt::format("{}", fmt::join(values, ", "));
}

/// "1.4 (1.2 to 3)" where unknown components leave room.
std::string gain_text(const EnergyGain& gain) {
    std::string text = format_figure(gain.energy);
    if (gain.low < gain.energy || gain.high > gain.energy)
        text += fmt::format(" ({} to {})", format_figure(gain.low), format_figure(gain.high));
    return text;
}

const Gain* find_gain(const MachineOutcome& machine, const std::string& pricing,
                      const std::string& baseline, bool with_writes) {
    for (const Pricing& p : machine.pricings)
        for (const Gain& gain : p.gains)
            if (gain.pricing == pricing && gain.baseline_title() == baseline &&
                gain.with_writes == with_writes)
                return &gain;
    return nullptr;
}

/// Whether operands are written into a memory that computes; rows "without" say nothing elsewhere.
std::vector<bool> write_rows(const MachineOutcome& machine) {
    return has_operand_writes(machine) ? std::vector<bool>{true, false} : std::vector<bool>{true};
}

/// "sprint: in-memory ...; dense: ...": what every plan does.
std::string plans_sentence(const MachineOutcome& machine) {
    std::string text;
    std::set<std::string> said;
    for (const PlanSummary& plan : machine.plans) {
        const std::string help = plan_help(machine, plan.name);
        if (help.empty() || !said.insert(plan.name).second) continue;
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", plan.name, help);
    }
    return text.empty() ? text : text + ".";
}

std::string machine_gains(const MachineOutcome& machine) {
    std::vector<std::string> heads = {"Baseline", "Operand writes"};
    for (const Pricing& p : machine.pricings)
        heads.push_back("#Energy gain, " + p.name + " prices");
    heads.push_back("#Speed-up");
    HtmlTable table("gains", heads);
    for (const std::string& baseline : machine.baselines())
        for (const bool writes : write_rows(machine)) {
            std::vector<std::string> cells = {baseline, !has_operand_writes(machine) ? "none"
                                                        : writes                     ? "with"
                                                                                     : "without"};
            double speedup = 0.0;
            for (const Pricing& p : machine.pricings) {
                const Gain* gain = find_gain(machine, p.name, baseline, writes);
                cells.push_back(gain ? gain_text(gain->energy) : "");
                if (gain) speedup = gain->speedup;
            }
            if (speedup == 0.0) continue;
            cells.push_back(format_figure(speedup));
            table.row(cells);
        }
    return table.rows() == 0 ? "" : table.take();
}

/// "70.3 pJ/decision", or "none": no positive value makes the gain 1.
std::string even_text(const BreakEven& even) {
    if (!even.value) return "none";
    const std::size_t slash = even.unit.find('/');
    const std::string per = slash == std::string::npos ? "" : even.unit.substr(slash);
    return format_si(*even.value, even.unit.substr(0, slash)) + per;
}

/// A row for each component without a figure, a column for each baseline.
std::string break_even_table(const MachineOutcome& machine) {
    std::vector<std::string> heads = {"Component", "Event", "Prices"};
    std::vector<std::pair<std::string, bool>> columns;
    for (const std::string& baseline : machine.baselines())
        for (const bool writes : write_rows(machine)) {
            columns.emplace_back(baseline, writes);
            heads.push_back(has_operand_writes(machine) ? fmt::format("#{} {} writes", baseline,
                                                                      writes ? "with" : "without")
                                                        : "#" + baseline);
        }
    HtmlTable table("even", heads);
    for (const Pricing& p : machine.pricings) {
        std::map<std::pair<std::string, std::string>, std::vector<std::string>> rows;
        for (std::size_t c = 0; c < columns.size(); ++c)
            if (const Gain* gain = find_gain(machine, p.name, columns[c].first, columns[c].second))
                for (const BreakEven& even : gain->energy.break_even) {
                    auto& cells = rows[{even.component, even.event}];
                    cells.resize(columns.size());
                    cells[c] = even_text(even);
                }
        for (const auto& [id, cells] : rows) {
            std::vector<std::string> row = {id.first, id.second, p.name};
            row.insert(row.end(), cells.begin(), cells.end());
            table.row(row);
        }
    }
    if (table.rows() == 0) return "";
    return collapsed(
        fmt::format("Components without a figure: where the gain on {} would be 1",
                    machine.machine),
        paragraph("Energy per event (or power) at which the gain over the baseline is 1, the other "
                  "unknowns left out. none: at no positive value.") +
            table.take());
}

std::string plan_ledger(const PricedPlan& plan) {
    HtmlTable table("ledger", {"Component", "Event", "#Count per inference", "#Energy per event",
                               "#Energy per inference", "Prices", "Mark", "Scope", "Source"});
    for (const LedgerLine& line : plan.lines) {
        const std::string unit = line.unit.substr(0, line.unit.find('/'));
        table.row({line.component, line.event,
                   fmt::format("{} {}", format_figure(line.count, 4), line.count_unit),
                   line.known() ? format_si(*line.unit_energy, unit) : "unknown",
                   line.known() ? format_si(line.energy.value(), "J", 4) : "unknown",
                   line.energy_source, line.known() ? std::string(mark_name(line.mark)) : "",
                   line.scope + (line.operand_write ? " (operand write)" : ""), line.source},
                  line.known() ? "" : "unknown");
    }
    const bool has_writes = plan.energy.value() != plan.energy_without_writes.value();
    table.row({"sum", "", "", "", format_si(plan.energy.value(), "J", 4), "", "",
               has_writes ? fmt::format("{} without operand writes",
                                        format_si(plan.energy_without_writes.value(), "J", 4))
                          : "",
               ""},
              "sum");
    return table.take();
}

std::string list_of(const std::vector<std::string>& items) {
    std::string html = "<ul>\n";
    for (const std::string& item : items) html += "<li>" + html_escape(item) + "</li>\n";
    return html + "</ul>\n";
}

/// Of all results of the group, each once, in the order of first mention.
std::vector<std::string> gathered(const Group& group,
                                  const std::vector<std::string> Result::*member) {
    std::vector<std::string> out;
    for (const std::vector<Point>* points : {&group.points, &group.references})
        for (const Point& p : *points)
            for (const Result* r : p.chips)
                for (const std::string& text : r->*member)
                    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
    return out;
}

}  // namespace

std::string facts_table(const Group& group) {
    std::set<std::string> schemes, machines, versions;
    std::set<std::uint64_t> seeds, chips;
    for (const std::vector<Point>* points : {&group.points, &group.references})
        for (const Point& p : *points)
            for (const Result* r : p.chips) {
                schemes.insert(r->scheme);
                versions.insert(r->version);
                seeds.insert(r->seed);
                chips.insert(r->chip);
                for (const MachineOutcome& m : r->machines) machines.insert(m.machine);
            }
    const Result& shown = group.shown().first();
    HtmlTable table("facts", {"", ""});
    table.row({"Trace", group.trace_name + " (" + group.trace_id.substr(0, 16) + ")"});
    table.row({"Loop", group.mode == "closed" ? "closed: errors propagate through the network"
                                              : "open: every layer sees the trace's own inputs"});
    table.row({"Schemes", joined(schemes)});
    if (!machines.empty()) table.row({"Machines", joined(machines)});
    table.row({"Samples", std::to_string(shown.samples.size())});
    table.row({"Settings", std::to_string(group.points.size())});
    table.row({"Seeds, chips", "seed " + joined(seeds) + "; chip " + joined(chips)});
    table.row({"Version", "attohm " + joined(versions)});
    return table.take();
}

std::string settings_table(const Group& group) {
    if (group.points.size() < 2) return "";
    std::vector<std::string> heads;
    for (const Axis& axis : group.axes) heads.push_back((axis.numeric ? "#" : "") + axis.key);
    const bool closed = top1(group.shown()).has_value();
    const auto& machines = group.shown().first().machines;
    const bool language = perplexity(group.shown()).has_value();
    if (closed) heads.insert(heads.end(), {"#top-1", "#paired with exact"});
    if (language) heads.insert(heads.end(), {"#perplexity", "#ratio to exact, paired"});
    heads.insert(heads.end(), {"#rms error", "#kept", "#false prune", "#false keep"});
    for (const MachineOutcome& m : machines) heads.push_back("#energy, " + m.machine);
    HtmlTable table("settings", heads);
    for (const Point& p : group.points) {
        std::vector<std::string> cells = p.values;
        if (closed) {
            const auto accuracy = top1(p), change = top1_difference(p);
            cells.push_back(accuracy ? format_interval(*accuracy) : "");
            cells.push_back(change ? format_change(*change) : "");
        }
        if (language) {
            const auto own = perplexity(p), ratio = perplexity_ratio(p);
            cells.push_back(own ? format_interval(*own) : "");
            cells.push_back(ratio ? format_interval(*ratio) : "");
        }
        const auto error = output_error(p);
        const DecisionTotals d = decisions(p);
        const auto valid = static_cast<double>(d.counts.valid);
        const auto kept = static_cast<double>(d.counts.ref_kept);
        cells.push_back(error ? format_figure(*error) : "");
        cells.push_back(format_figure(rate(static_cast<double>(d.kept_pairs), valid)));
        cells.push_back(format_figure(rate(static_cast<double>(d.counts.fp_total), kept)));
        cells.push_back(format_figure(rate(static_cast<double>(d.counts.fk_total), valid - kept)));
        for (const MachineOutcome& m : machines) {
            const auto energy = energy_J(p, m.machine);
            cells.push_back(energy ? format_si(energy->mean, "J", 4) : "");
        }
        table.row(cells, &p == &group.shown() ? "shown" : "");
    }
    return collapsed(
        fmt::format("All {} settings", group.points.size()),
        paragraph("0.95 intervals over samples; rates over valid pairs; energy per "
                  "inference, operand writes included. Chips averaged. The marked row is "
                  "the setting whose details are shown.") +
            table.take());
}

std::string gains_table(const Group& group) {
    std::string html;
    for (const MachineOutcome& machine : group.shown().first().machines) {
        const std::string table = machine_gains(machine);
        if (table.empty()) continue;
        html += "<h4>" + html_escape(machine.machine) + "</h4>\n" +
                paragraph(plans_sentence(machine)) + table + break_even_table(machine);
    }
    if (html.empty()) return "";
    return paragraph(
               "Energy of the baseline over energy of the scheme, and time over time, per "
               "inference, on the same machine: MACs, clock, buffer, memory and bits. Rows without "
               "a scope cover attention only; `model` adds the linear operators around it. In "
               "brackets: whatever non-negative energies the components without a figure have, the "
               "gain lies there.") +
           html;
}

std::string ledger_table(const Group& group) {
    std::string html;
    for (const MachineOutcome& machine : group.shown().first().machines)
        for (const Pricing& pricing : machine.pricings)
            for (const PricedPlan& plan : pricing.plans)
                html += collapsed(
                    fmt::format("{}, {} prices, plan {}: {} per inference", machine.machine,
                                pricing.name, plan.title(), format_si(plan.energy.value(), "J")),
                    plan_ledger(plan));
    return html;
}

std::string reads_table(const Group& group) {
    const std::vector<const Result*>& chips = group.shown().chips;
    HtmlTable table("reads", {"", "#", ""});
    for (const ReadFact& fact : read_facts(chips))
        table.row({fact.name, fact.value, fact.note}, fact.warning ? "flagged" : "");
    if (table.rows() == 0) return "";
    std::string html = table.take();
    const auto times = decision_times(chips);
    if (!times) return html;
    HtmlTable bins("times", {"Decisions that took", "#Count", "#Share"});
    for (const TimeBin& bin : time_bins(*times))
        bins.row({fmt::format("{} to {}", format_si(bin.from_s, "s"),
                              std::isfinite(bin.to_s) ? format_si(bin.to_s, "s") : "any longer"),
                  format_count(bin.count),
                  format_figure(
                      rate(static_cast<double>(bin.count), static_cast<double>(times->total())))});
    return html + collapsed("Comparator decisions by time", bins.take());
}

std::string events_table(const Group& group) {
    HtmlTable table("events", {"Event", "#Count", "#Rate", "", ""});
    for (const EventRate& event : event_rates(group.shown())) {
        if (event.count == 0) continue;
        table.row({event.name, format_count(event.count), format_figure(event.rate), event.of,
                   event.flagged ? "above 0.01" : ""},
                  event.flagged ? "flagged" : "");
    }
    return table.rows() == 0 ? "" : table.take();
}

std::string numbers_table(const Group& group) {
    std::string html;
    const auto notes = gathered(group, &Result::notes);
    if (!notes.empty()) html += "<h4>Notes</h4>\n" + list_of(notes);
    const auto assumed = gathered(group, &Result::assumed);
    if (!assumed.empty())
        html += collapsed(fmt::format("{} assumed numbers", assumed.size()), list_of(assumed));
    const auto fitted = gathered(group, &Result::fitted);
    if (!fitted.empty())
        html += collapsed(fmt::format("{} fitted numbers", fitted.size()), list_of(fitted));
    for (const MachineOutcome& machine : group.shown().first().machines) {
        if (!machine.assumed.empty())
            html += collapsed(
                fmt::format("{} assumed numbers of {}", machine.assumed.size(), machine.machine),
                list_of(machine.assumed));
    }
    const Result& shown = group.shown().first();
    html += collapsed("Experiment as resolved, every key that was read",
                      "<pre>" + html_escape(shown.experiment_yaml) + "</pre>\n");
    for (const MachineOutcome& machine : shown.machines)
        html += collapsed("Machine " + machine.machine + " as resolved",
                          "<pre>" + html_escape(machine.resolved_yaml) + "</pre>\n");
    return html;
}

}  // namespace attohm
