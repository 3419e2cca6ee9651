#include "src/report/comparison.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "src/replay/result_summary.hpp"
#include "src/replay/survey.hpp"
#include "src/replay/text_table.hpp"
#include "src/report/html.hpp"
#include "src/report/metrics.hpp"

namespace attohm {

namespace {

double peak_macs(const PlanSummary& plan) {
    double peak = 0.0;
    for (const ResourceTotal& use : plan.resources)
        if (use.work == "MAC") peak += use.peak;
    return peak;
}

const PlanSummary* own_plan(const MachineOutcome& machine, const std::string& scope) {
    for (const PlanSummary& plan : machine.plans)
        if (plan.name == machine.own().name && plan.scope == scope) return &plan;
    return nullptr;
}

const PricedPlan* headline_plan(const MachineOutcome& machine, const PlanSummary& plan) {
    const Pricing* pricing = find_pricing(machine, machine.headline);
    return pricing ? find_plan(*pricing, plan.title()) : nullptr;
}

double off_chip(const PlanSummary& plan) {
    double sum = 0.0;
    for (const TrafficTotal& moved : plan.traffic) sum += moved.read_bytes + moved.written_bytes;
    return sum;
}

/// Bits of the products that a survey names: "8", "4, 8".
std::string bits_of(const Result& result, const MachineOutcome& machine) {
    for (const Survey& survey : survey_of(result, machine))
        return survey_text(survey.field("operand_bits"));
    return "";
}

std::string ratio_text(double a, double b) {
    return a > 0.0 ? format_figure(b / a, 4) : "";
}

/// Lines of one component and event as one: scopes differ between machines.
struct LineSum {
    double count = 0.0;
    std::string count_unit;
    double energy_J = 0.0;
    bool known = true;
};
using LineKey = std::pair<std::string, std::string>;

std::map<LineKey, LineSum> summed(const PricedPlan& plan) {
    std::map<LineKey, LineSum> sums;
    for (const LedgerLine& line : plan.lines) {
        LineSum& sum = sums[{line.component, line.event}];
        sum.count += line.count;
        sum.count_unit = line.count_unit;
        sum.energy_J += line.energy.value();
        sum.known = sum.known && line.known();
    }
    return sums;
}

std::string energy_text(const LineSum* line) {
    if (!line) return "";
    if (line->known) return format_si(line->energy_J, "J", 4);
    return line->energy_J > 0.0 ? format_si(line->energy_J, "J", 4) + " + unknown" : "unknown";
}

std::string lines_table(const PricedPlan& a, const PricedPlan& b) {
    const auto lines_a = summed(a), lines_b = summed(b);
    std::set<LineKey> keys;
    for (const auto* lines : {&lines_a, &lines_b})
        for (const auto& [key, sum] : *lines) keys.insert(key);
    HtmlTable table("even", {"Component", "Event", "In", "#Count A", "#Count B", "#Energy A",
                             "#Energy B", "#B / A"});
    const auto find = [](const auto& lines, const LineKey& key) -> const LineSum* {
        const auto at = lines.find(key);
        return at == lines.end() ? nullptr : &at->second;
    };
    // What both have first, then what only one has.
    for (const char* in : {"both", "A only", "B only"})
        for (const LineKey& key : keys) {
            const LineSum* of_a = find(lines_a, key);
            const LineSum* of_b = find(lines_b, key);
            if (in != std::string(of_a && of_b ? "both" : of_a ? "A only" : "B only")) continue;
            table.row({key.first, key.second, in, of_a ? format_figure(of_a->count, 4) : "",
                       of_b ? format_figure(of_b->count, 4) : "", energy_text(of_a),
                       energy_text(of_b),
                       of_a && of_b && of_a->known && of_b->known
                           ? ratio_text(of_a->energy_J, of_b->energy_J)
                           : ""});
        }
    table.row({"sum", "", "", "", "", format_si(a.energy.value(), "J", 4),
               format_si(b.energy.value(), "J", 4), ratio_text(a.energy.value(), b.energy.value())},
              "sum");
    return table.take();
}

std::string resources_table(const Result& a, const MachineOutcome& in_a, const Result& b,
                            const MachineOutcome& in_b) {
    HtmlTable table("facts", {"", "#A", "#B", "#B / A"});
    for (const ResourceRatio& r : resource_ratios(a, in_a, b, in_b))
        table.row({r.name, r.a_text, r.b_text,
                   r.equal               ? "equal"
                   : std::isnan(r.ratio) ? "differ"
                                         : format_figure(r.ratio, 4)},
                  r.equal ? "" : "flagged");
    return table.take();
}

std::string totals_table(const MachineOutcome& a, const MachineOutcome& b) {
    HtmlTable table("totals", {"Total", "#A", "#B", "#B / A"});
    const auto row = [&](const std::string& name, double of_a, double of_b, const char* unit) {
        table.row(
            {name, format_si(of_a, unit, 4), format_si(of_b, unit, 4), ratio_text(of_a, of_b)});
    };
    for (const PlanSummary& plan : a.plans) {
        if (plan.name != a.own().name) continue;
        const PlanSummary* other = own_plan(b, plan.scope);
        if (!other) continue;
        const auto of = [&](const char* what) { return fmt::format("{}, {}", what, plan.scope); };
        row(of("latency of the batch"), plan.latency.value(), other->latency.value(), "s");
        row(of("off-chip traffic"), off_chip(plan), off_chip(*other), "B");
        const PricedPlan *priced = headline_plan(a, plan), *other_priced = headline_plan(b, *other);
        if (!priced || !other_priced) continue;
        const double joules_a = priced->energy.value(), joules_b = other_priced->energy.value();
        row(of("energy"), joules_a, joules_b, "J");
        row(of("energy-delay product"), joules_a * plan.latency.value(),
            joules_b * other->latency.value(), "J s");
    }
    return table.take();
}

/// Machines of `a` that `b` does not have.
std::vector<const MachineOutcome*> apart(const Result& a, const Result& b) {
    std::vector<const MachineOutcome*> machines;
    for (const MachineOutcome& machine : a.machines)
        if (!find_machine(b, machine.machine) && !machine.plans.empty())
            machines.push_back(&machine);
    return machines;
}

template <class Visit>
void for_pairs(const Result& a, const Result& b, Visit visit) {
    for (const MachineOutcome* in_a : apart(a, b))
        for (const MachineOutcome* in_b : apart(b, a)) visit(*in_a, *in_b);
}

}  // namespace

std::vector<ResourceRatio> resource_ratios(const Result& a, const MachineOutcome& in_a,
                                           const Result& b, const MachineOutcome& in_b) {
    std::vector<ResourceRatio> out;
    const auto add = [&](const char* name, double of_a, double of_b, auto text) {
        out.push_back({name, text(of_a), text(of_b), of_b / of_a, of_a == of_b});
    };
    const auto plain = [](double v) { return number_text(v, 6); };
    const auto si = [](const char* unit) {
        return [unit](double v) { return engineering_text(v, unit); };
    };
    const double peak_a = peak_macs(in_a.own()), peak_b = peak_macs(in_b.own());
    add("peak of the arrays (MAC/cycle)", peak_a, peak_b, plain);
    add("clock", in_a.clock_Hz, in_b.clock_Hz, si("Hz"));
    add("peak of the arrays (MAC/s)", peak_a * in_a.clock_Hz, peak_b * in_b.clock_Hz, plain);
    add("on-chip buffers", in_a.buffer_bytes, in_b.buffer_bytes, si("B"));
    add("memory bandwidth", in_a.memory_bytes_per_s, in_b.memory_bytes_per_s, si("B/s"));
    add("node (nm)", in_a.node_nm, in_b.node_nm, plain);
    add("batch", static_cast<double>(in_a.batch), static_cast<double>(in_b.batch), plain);
    const std::string bits_a = bits_of(a, in_a), bits_b = bits_of(b, in_b);
    out.push_back({"bits of the products", bits_a, bits_b, std::numeric_limits<double>::quiet_NaN(),
                   bits_a == bits_b});
    return out;
}

std::vector<std::string> comparison_findings(const Result& a, const Result& b) {
    std::vector<std::string> out;
    for_pairs(a, b, [&](const MachineOutcome& in_a, const MachineOutcome& in_b) {
        std::string unequal;
        for (const ResourceRatio& r : resource_ratios(a, in_a, b, in_b))
            if (!r.equal)
                unequal += fmt::format(
                    "{}{} {} against {}{}", unequal.empty() ? "" : "; ", r.name, r.a_text, r.b_text,
                    std::isnan(r.ratio) ? "" : fmt::format(" (x {})", format_figure(r.ratio, 4)));
        const std::string pair =
            fmt::format("A {} on {}, B {} on {}", a.scheme, in_a.machine, b.scheme, in_b.machine);
        out.push_back(unequal.empty() ? pair + ": equal resources."
                                      : pair + ": resources that differ: " + unequal + ".");
        for (const PlanSummary& plan : in_a.plans) {
            const PlanSummary* other = own_plan(in_b, plan.scope);
            if (plan.name != in_a.own().name || !other) continue;
            const PricedPlan *priced = headline_plan(in_a, plan),
                             *other_priced = headline_plan(in_b, *other);
            std::string text =
                fmt::format("B / A, {}: latency {}", plan.scope,
                            ratio_text(plan.latency.value(), other->latency.value()));
            if (priced && other_priced)
                text +=
                    fmt::format(", energy of the known lines {}",
                                ratio_text(priced->energy.value(), other_priced->energy.value()));
            out.push_back(text + ".");
        }
    });
    return out;
}

std::string machines_difference_html(const Result& a, const Result& b) {
    std::string html;
    for_pairs(a, b, [&](const MachineOutcome& in_a, const MachineOutcome& in_b) {
        html += fmt::format("<h3>{}</h3>\n",
                            html_escape(fmt::format("A: {}, B: {}", in_a.machine, in_b.machine)));
        html += resources_table(a, in_a, b, in_b) + totals_table(in_a, in_b);
        for (const PlanSummary& plan : in_a.plans) {
            const PlanSummary* other = own_plan(in_b, plan.scope);
            if (plan.name != in_a.own().name || !other) continue;
            const PricedPlan *priced = headline_plan(in_a, plan),
                             *other_priced = headline_plan(in_b, *other);
            if (!priced || !other_priced) continue;
            html += collapsed(
                fmt::format("Ledger lines, {}: A plan {} ({} prices), B plan {} "
                            "({} prices)",
                            plan.scope, plan.name, in_a.headline, other->name, in_b.headline),
                lines_table(*priced, *other_priced), &plan == &in_a.own());
        }
    });
    return html;
}

}  // namespace attohm
