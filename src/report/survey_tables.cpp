#include <fmt/format.h>

#include "src/replay/survey.hpp"
#include "src/replay/text_table.hpp"
#include "src/report/html.hpp"
#include "src/report/metrics.hpp"
#include "src/report/tables.hpp"

namespace attohm {

namespace {

/// Items down, plans across; what is the same for every plan is said once.
std::string machine_survey(const Result& result, const MachineOutcome& machine) {
    const std::vector<Survey> surveys = survey_of(result, machine);
    if (surveys.empty()) return "";
    std::vector<std::string> heads = {"Item"};
    for (const Survey& survey : surveys) heads.push_back(survey.title());
    heads.emplace_back("Meaning");
    HtmlTable table("survey", heads);
    for (std::size_t i = 0; i < surveys.front().fields.size(); ++i) {
        const SurveyField& first = surveys.front().fields[i];
        std::vector<std::string> cells = {std::string(first.name)};
        for (const Survey& survey : surveys) {
            const SurveyField& field = survey.fields[i];
            std::string text = survey_text(field);
            // Which components lack a figure differs from plan to plan.
            if (field.note != first.note) text += " (" + field.note + ")";
            cells.push_back(std::move(text));
        }
        cells.push_back(first.note);
        table.row(cells, first.known() ? "" : "unknown");
    }
    return table.take();
}

std::string plan_layers(const PlanSummary& plan) {
    HtmlTable table("layers", {"Layer", "#Cycles", "Bottleneck", "#Busy share"});
    for (const LayerTime& layer : plan.layers)
        table.row({std::to_string(layer.layer), number_text(layer.cycles, 8), layer.bottleneck,
                   format_figure(layer.busy_share)});
    return table.take();
}

}  // namespace

std::string survey_table(const Group& group) {
    const Result& shown = group.shown().first();
    std::string html;
    for (const MachineOutcome& machine : shown.machines)
        if (const std::string table = machine_survey(shown, machine); !table.empty())
            html += collapsed(fmt::format("{}: accuracy, work, traffic, time, energy by level, "
                                          "power and area of every plan",
                                          machine.machine),
                              table);
    if (html.empty()) return "";
    return paragraph(
               "What the survey of Sze, Chen, Yang and Emer (Proc. IEEE 105(12), 2017) asks of an "
               "accelerator: all together, because each number alone can be made to look good at "
               "the cost of another. Per inference; an item that is not known says why.") +
           html;
}

std::string bottleneck_table(const Group& group) {
    std::string html;
    for (const MachineOutcome& machine : group.shown().first().machines)
        for (const PlanSummary& plan : machine.plans)
            if (!plan.layers.empty())
                html += collapsed(
                    fmt::format("{}, plan {}: {} layers in {}", machine.machine, plan.title(),
                                plan.layers.size(), format_si(plan.latency.value(), "s")),
                    plan_layers(plan));
    if (html.empty()) return "";
    return paragraph(
               "Cycles per inference, the resource that is busy longest and its share of the "
               "layer's cycles: below 1 the layer waits for something else now and then. Layers "
               "-1 and past the last hold what stands before and after them.") +
           html;
}

}  // namespace attohm
