#include "src/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.hpp"
#include "src/replay/result_summary.hpp"
#include "src/report/comparison.hpp"
#include "src/report/figures.hpp"
#include "src/report/findings.hpp"
#include "src/report/html.hpp"
#include "src/report/knees.hpp"
#include "src/report/metrics.hpp"
#include "src/report/page.hpp"
#include "src/report/tables.hpp"

namespace attohm {

namespace {

std::string section(std::string_view title, const std::string& html) {
    return html.empty() ? "" : "<h3>" + html_escape(title) + "</h3>\n" + html;
}

std::string group_title(const Group& group) {
    return fmt::format("{} ({} loop)", group.trace_name.empty() ? group.trace_id : group.trace_name,
                       group.mode);
}

std::string shown_note(const Group& group) {
    if (group.points.size() < 2) return "";
    const Result& shown = group.shown().first();
    const auto with_detail = std::count_if(group.points.begin(), group.points.end(),
                                           [](const Point& p) { return detailed(p.first()); });
    std::string why = "the one nearest the middle of every axis.";
    if (detailed(shown) && with_detail == 1)
        why = "the one that was measured in full (metrics.level: full).";
    else if (energy_knee(group))
        why = fmt::format(
            "the cheapest whose {} is not worse than the best by more than the paired interval.",
            top1(group.shown()) ? "top-1" : "perplexity");
    return paragraph(fmt::format("Details below are of the setting {}: {}",
                                 point_label(group, group.shown()), why));
}

/// What a reader may look for in vain, in a sentence.
std::string unmeasured_note(const Group& group) {
    const Result& shown = group.shown().first();
    const DecisionTotals totals = decisions(group.shown());
    if (totals.counts.valid > 0 && has_threshold_reference(totals)) return "";
    if (is_reference_scheme(shown.scheme)) return "";
    return paragraph(
        fmt::format("{} has no threshold on scores to be held to: no false prunes and keeps, "
                    "margins or score eye.",
                    shown.scheme));
}

std::string group_html(const Group& group, const std::string& id) {
    std::string html = fmt::format("<h2 id=\"{}\">{}</h2>\n", id, html_escape(group_title(group)));
    html += "<ul class=\"findings\">\n";
    for (const std::string& text : findings(group)) html += "<li>" + html_escape(text) + "</li>\n";
    html += "</ul>\n" + facts_table(group) + settings_table(group);
    const auto add = [&](const std::vector<Figure>& figures) {
        for (const Figure& figure : figures) html += figure_html(figure, id + "-" + figure.id);
    };
    add(accuracy_energy_figures(group));
    add(axis_figures(group));
    html += knees_table(group);
    add(heat_map_figures(group));
    html += shown_note(group);
    html += section("Gains over the baselines", gains_table(group));
    add(energy_figures(group));
    add(latency_figures(group));
    html += section("Bottlenecks by layer", bottleneck_table(group));
    html += section("Survey", survey_table(group));
    html += unmeasured_note(group);
    add(layer_figures(group));
    add(margin_figures(group));
    add(eye_figures(group));
    add(fidelity_figures(group));
    add(column_figures(group));
    add(code_figures(group));
    html += section("How the arrays were read", reads_table(group));
    html += section("Events", events_table(group));
    html += section("Ledger", ledger_table(group));
    html += section("Numbers behind this", numbers_table(group));
    return html;
}

std::string compare_html(std::span<const Result> results) {
    if (results.size() != 2)
        throw UserError("--compare sets two results against each other", "--compare",
                        fmt::format("{} results", results.size()), "exactly two results");
    const auto name = [](const Result& r) {
        return fmt::format("{}, {}, seed {}, chip {}", r.trace_name, r.scheme, r.seed, r.chip);
    };
    std::string html = fmt::format("<h2>Ledgers compared</h2>\n<p>A: {}<br>B: {}</p>\n",
                                   html_escape(name(results[0])), html_escape(name(results[1])));
    const auto sentences = comparison_findings(results[0], results[1]);
    if (!sentences.empty()) html += "<ul class=\"findings\">\n";
    for (const std::string& text : sentences) html += "<li>" + html_escape(text) + "</li>\n";
    if (!sentences.empty()) html += "</ul>\n";
    return html + ledger_difference_table(results[0], results[1]);
}

/// Letters, digits, - and _ only.
std::string file_stem(std::string text) {
    for (char& c : text)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.')
            c = '-';
    return text;
}

}  // namespace

std::string report_html(std::span<const Result> results, const VegaFiles& vega,
                        const ReportOptions& options) {
    ATTOHM_CHECK(!results.empty());
    const std::vector<Group> groups = group_results(results);
    std::string body = "<h1>attohm report</h1>\n";
    if (groups.size() > 1) {
        body += "<nav>";
        for (std::size_t g = 0; g < groups.size(); ++g)
            body += fmt::format("<a href=\"#t{}\">{}</a>", g, html_escape(group_title(groups[g])));
        body += "</nav>\n";
    }
    if (options.compare) body += compare_html(results);
    for (std::size_t g = 0; g < groups.size(); ++g)
        body += group_html(groups[g], "t" + std::to_string(g));
    std::set<std::string> names;
    for (const Group& group : groups) names.insert(group.trace_name);
    return page_html(fmt::format("attohm: {}", fmt::join(names, ", ")), results.front().version,
                     body, vega);
}

std::string report_digest(std::span<const Result> results, const ReportOptions& options) {
    std::string text;
    if (options.compare && results.size() == 2)
        for (const std::string& finding : comparison_findings(results[0], results[1]))
            text += "  - " + finding + "\n";
    for (const Group& group : group_results(results)) {
        text += group_title(group) + "\n";
        for (const std::string& finding : findings(group)) text += "  - " + finding + "\n";
    }
    return text;
}

std::vector<FigureFile> report_figures(std::span<const Result> results) {
    std::vector<FigureFile> files;
    std::set<std::string> used;
    for (const Group& group : group_results(results)) {
        std::string stem = file_stem(group.trace_name.empty() ? group.trace_id : group.trace_name);
        while (!used.insert(stem).second) stem += "-" + file_stem(group.mode);
        for (const Figure& figure : all_figures(group)) {
            nlohmann::json spec = nlohmann::json::parse(figure.spec);
            spec["$schema"] = "https://vega.github.io/schema/vega-lite/v6.json";
            files.push_back({file_stem(stem + "-" + figure.id) + ".vl.json", spec.dump(1) + "\n"});
        }
    }
    return files;
}

}  // namespace attohm
