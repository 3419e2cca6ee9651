#include "src/report/page.hpp"

#include <fmt/format.h>

#include "src/base/error.hpp"
#include "src/base/resources.hpp"
#include "src/report/html.hpp"

namespace attohm {

const Resources& report_resources();

namespace {

void fill(std::string& page, const std::string& slot, const std::string& content) {
    const std::string mark = "{{" + slot + "}}";
    const std::size_t at = page.find(mark);
    ATTOHM_CHECK(at != std::string::npos);
    page.replace(at, mark.size(), content);
}

/// A plot's place, before it is drawn.
constexpr std::string_view kPlotEnd = "\"></div>";
constexpr std::string_view kPlotBegin = "<div class=\"plot\" id=\"";

/// A notice in the place of every plot.
std::string without_plots(std::string body) {
    const std::string notice =
        "\"><p class=\"note\">Not drawn: the plot library was missing when this page was written. "
        "Run scripts/setup and write it again; the data stands in the page.</p></div>";
    for (std::size_t at = 0; (at = body.find(kPlotBegin, at)) != std::string::npos;) {
        at = body.find(kPlotEnd, at);
        ATTOHM_CHECK(at != std::string::npos);
        body.replace(at, kPlotEnd.size(), notice);
    }
    return body;
}

struct PageParts {
    std::string style, libraries, script, plots, body;
};

std::string filled_page(std::string_view title, std::string_view version, const PageParts& parts) {
    std::string page = report_resource("page.html");
    fill(page, "title", html_escape(title));
    fill(page, "css", report_resource("page.css") + parts.style);
    fill(page, "version", html_escape(version));
    fill(page, "libraries", parts.libraries);
    fill(page, "script", parts.script);
    fill(page, "plots", parts.plots);
    fill(page, "body", parts.body);
    return page;
}

}  // namespace

std::string report_resource(std::string_view name) {
    const auto text = report_resources().find(name);
    ATTOHM_CHECK(text.has_value());
    return std::string(*text);
}

std::string inside_script(std::string text) {
    for (std::size_t at = 0; (at = text.find("</script", at)) != std::string::npos; at += 3)
        text.replace(at, 2, "<\\/");
    return text;
}

std::string figure_html(const Figure& figure, const std::string& id) {
    return fmt::format(
        "<h3 id=\"{0}-top\">{1}</h3>\n<figure>{4}{0}{5}"
        "<figcaption>{2}</figcaption></figure>\n"
        "<script type=\"application/json\" data-plot=\"{0}\">{3}</script>\n",
        html_escape(id), html_escape(figure.title), html_escape(figure.caption),
        inside_script(figure.spec), kPlotBegin, kPlotEnd);
}

std::string page_html(std::string_view title, std::string_view version, const std::string& body,
                      const VegaFiles& vega) {
    std::string libraries;
    for (const std::string& script : vega.scripts)
        libraries += "<script>" + inside_script(script) + "</script>\n";
    return filled_page(
        title, version,
        {"", libraries, vega.found() ? report_resource("page.js") : "",
         vega.found() ? " Plots: Vega-Lite (BSD-3-Clause), inlined." : " Plots were left out.",
         vega.found() ? body : without_plots(body)});
}

std::string plain_page_html(std::string_view title, std::string_view version,
                            const std::string& body, const std::string& style,
                            const std::string& script) {
    return filled_page(title, version, {style, "", script, "", body});
}

}  // namespace attohm
