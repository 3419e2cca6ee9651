#include "src/report/fit_report.hpp"

#include <fmt/format.h>

#include "src/base/version.hpp"
#include "src/report/html.hpp"
#include "src/report/page.hpp"

namespace attohm {

namespace {

std::string list(const std::vector<std::string>& lines) {
    if (lines.empty()) return "";
    std::string html = "<ul class=\"findings\">\n";
    for (const std::string& line : lines) html += "<li>" + html_escape(line) + "</li>\n";
    return html + "</ul>\n";
}

std::vector<std::string> digest_lines(const fit::DeviceFit& fit) {
    std::vector<std::string> lines;
    const std::string text = fit::fit_digest(fit);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        std::string line = text.substr(at, end - at);
        line.erase(0, line.find_first_not_of(' '));
        // "part    numbers" of a terminal reads "part: numbers" here.
        const std::size_t gap = line.find("  ");
        if (gap != std::string::npos)
            line.replace(gap, line.find_first_not_of(' ', gap) - gap, ": ");
        if (!line.starts_with("- ")) lines.push_back(line);
        at = end + 1;
    }
    return lines;
}

/// Heading, source, tables, plots.
std::string part_html(const std::string& id, const std::string& title, const std::string& source,
                      const std::string& method, const std::string& tables,
                      const std::vector<Figure>& figures) {
    std::string html = fmt::format("<h2 id=\"{}\">{}</h2>\n", id, html_escape(title));
    html += paragraph("Data: " + source + ". " + method);
    for (const Figure& figure : figures) html += figure_html(figure, id + "-" + figure.id);
    return html + tables;
}

std::string parts_html(const fit::DeviceFit& fit) {
    std::string html;
    if (fit.programming)
        html += part_html(
            "programming", "Programming error and stuck cells", fit.programming->source,
            "Stuck cells are left out of all plots. Intervals of sigma: chi-square "
            "where a level is normal, else jackknife; of means: t; of shares: "
            "Clopper-Pearson; of the law: covariance of the weighted least squares "
            "at the degree chosen.",
            programming_fit_tables(*fit.programming), programming_fit_figures(*fit.programming));
    if (fit.reads)
        html += part_html("reads", "Read noise", fit.reads->source,
                          fit.reads->by_cells
                              ? "Whittle likelihood; intervals from the spread between cells."
                              : "Whittle likelihood; intervals from its curvature.",
                          reads_fit_tables(*fit.reads), reads_fit_figures(*fit.reads));
    if (fit.retention)
        html +=
            part_html("retention", "Relaxation and temperature", fit.retention->source,
                      "Intervals: t over writes for the mean slope, jackknife over writes for "
                      "the spread.",
                      retention_fit_tables(*fit.retention), retention_fit_figures(*fit.retention));
    if (fit.iv)
        html += part_html("iv", "Current against voltage", fit.iv->source,
                          "Least squares of ln(I / V), a conductance of its own per sweep; "
                          "intervals from the covariance.",
                          iv_fit_tables(*fit.iv), iv_fit_figures(*fit.iv));
    if (fit.pulses)
        html += part_html("pulses", "Pulses and write-verify", fit.pulses->source,
                          "Intervals: t for means, chi-square or jackknife for sigma.",
                          pulses_fit_tables(*fit.pulses), pulses_fit_figures(*fit.pulses));
    return html;
}

}  // namespace

std::string fit_report_html(const fit::DeviceFit& fit, const std::string& title,
                            const VegaFiles& vega) {
    std::string body = fmt::format("<h1>Device fit: {}</h1>\n", html_escape(title));
    body += paragraph("All intervals are at 0.95.");
    body += list(digest_lines(fit));
    if (!fit.warnings.empty()) body += "<h3>What to know before using the card</h3>\n";
    body += list(fit.warnings);
    body += parts_html(fit);
    body += "<h2 id=\"card\">The card</h2>\n" + card_fit_table(fit);
    return page_html("attohm device fit: " + title, version(), body, vega);
}

}  // namespace attohm
