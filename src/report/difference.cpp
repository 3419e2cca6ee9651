#include <fmt/format.h>

#include <map>

#include "src/report/comparison.hpp"
#include "src/report/html.hpp"
#include "src/report/metrics.hpp"
#include "src/report/tables.hpp"

namespace attohm {

namespace {

/// A ledger line by what it stands for, in the order of first mention.
struct LinePair {
    std::string component, event, scope;
    const LedgerLine* a = nullptr;
    const LedgerLine* b = nullptr;
};

std::vector<LinePair> pair_lines(const PricedPlan* a, const PricedPlan* b) {
    std::vector<LinePair> pairs;
    std::map<std::tuple<std::string, std::string, std::string>, std::size_t> at;
    const auto add = [&](const PricedPlan* plan, const LedgerLine* LinePair::*side) {
        if (!plan) return;
        for (const LedgerLine& line : plan->lines) {
            const auto [place, fresh] =
                at.try_emplace({line.component, line.event, line.scope}, pairs.size());
            if (fresh) pairs.push_back({line.component, line.event, line.scope, nullptr, nullptr});
            pairs[place->second].*side = &line;
        }
    };
    add(a, &LinePair::a);
    add(b, &LinePair::b);
    return pairs;
}

std::string energy_text(const LedgerLine* line) {
    if (!line) return "";
    return line->known() ? format_si(line->energy.value(), "J", 4) : "unknown";
}

bool same(const LinePair& pair) {
    return pair.a && pair.b && pair.a->count == pair.b->count &&
           pair.a->unit_energy == pair.b->unit_energy;
}

std::string plan_difference(const PricedPlan* a, const PricedPlan* b, int& differing) {
    HtmlTable table("ledger", {"Component", "Event", "Scope", "#Count A", "#Count B", "#Energy A",
                               "#Energy B", "#B - A", "#B / A"});
    const auto row = [&](const std::string& component, const std::string& event,
                         const std::string& scope, const std::string& counts_a,
                         const std::string& counts_b, const std::string& text_a,
                         const std::string& text_b, double joules_a, double joules_b, bool known) {
        table.row({component, event, scope, counts_a, counts_b, text_a, text_b,
                   known ? format_si(joules_b - joules_a, "J") : "",
                   known && joules_a > 0.0 ? format_figure(joules_b / joules_a) : ""});
    };
    for (const LinePair& pair : pair_lines(a, b)) {
        if (same(pair)) continue;
        ++differing;
        const bool known = (!pair.a || pair.a->known()) && (!pair.b || pair.b->known());
        row(pair.component, pair.event, pair.scope, pair.a ? format_figure(pair.a->count, 4) : "",
            pair.b ? format_figure(pair.b->count, 4) : "", energy_text(pair.a), energy_text(pair.b),
            pair.a ? pair.a->energy.value() : 0.0, pair.b ? pair.b->energy.value() : 0.0, known);
    }
    if (a && b)
        row("sum", "", "", "", "", format_si(a->energy.value(), "J", 4),
            format_si(b->energy.value(), "J", 4), a->energy.value(), b->energy.value(), true);
    return table.take();
}

}  // namespace

std::string ledger_difference_table(const Result& a, const Result& b) {
    std::string html = machines_difference_html(a, b);
    for (const MachineOutcome& machine : a.machines) {
        const MachineOutcome* other = find_machine(b, machine.machine);
        if (!other) continue;
        for (const Pricing& pricing : machine.pricings) {
            const Pricing* other_pricing = find_pricing(*other, pricing.name);
            if (!other_pricing) continue;
            for (const PricedPlan& plan : pricing.plans) {
                const PricedPlan* other_plan = nullptr;
                for (const PricedPlan& p : other_pricing->plans)
                    if (p.title() == plan.title()) other_plan = &p;
                int differing = 0;
                const std::string table = plan_difference(&plan, other_plan, differing);
                if (differing > 0)
                    html += collapsed(
                        fmt::format("{}, {} prices, plan {}: {} lines differ", machine.machine,
                                    pricing.name, plan.title(), differing),
                        table, &plan == &pricing.plans.front());
            }
        }
    }
    if (html.empty()) return paragraph("The two ledgers do not differ on any machine of both.");
    return html;
}

}  // namespace attohm
