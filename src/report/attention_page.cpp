#include "src/report/attention_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/report/html.hpp"
#include "src/report/page.hpp"

namespace attohm {

namespace {

std::string share_text(double part, std::int64_t whole) {
    return whole == 0 ? "-" : fmt::format("{:.4f}", part / static_cast<double>(whole));
}

std::string count_text(const std::optional<std::int64_t>& count, std::int64_t pairs) {
    return count ? fmt::format("{} ({})", *count, share_text(static_cast<double>(*count), pairs))
                 : "-";
}

/// "layer 0, head 1", "layer 0, head 1, window 3 of 64".
std::string name_of(const AttentionMap& map) {
    return fmt::format(
        "layer {}, head {}{}", map.layer, map.head,
        map.windows > 1 ? fmt::format(", window {} of {}", map.window, map.windows) : "");
}

std::string facts_table(const AttentionMaps& maps) {
    std::vector<std::string> heads = {"#layer",
                                      "#head",
                                      "#window",
                                      "#queries",
                                      "#keys",
                                      "#allowed pairs",
                                      "#row entropy (bits)",
                                      "#keys it amounts to",
                                      "#largest probability of a row"};
    const bool with_scheme = !maps.scheme.empty();
    if (with_scheme)
        for (const char* head :
             {"#kept pairs", "#kept share", "#probability kept", "#falsely pruned (share of pairs)",
              "#falsely kept (share of pairs)"})
            heads.emplace_back(head);
    HtmlTable table("even", heads);
    for (const AttentionMap& map : maps.maps) {
        std::vector<std::string> cells = {std::to_string(map.layer),
                                          std::to_string(map.head),
                                          map.windows > 1 ? std::to_string(map.window) : "-",
                                          std::to_string(map.valid_q),
                                          std::to_string(map.valid_k),
                                          std::to_string(map.pairs),
                                          fmt::format("{:.3f}", map.entropy_bits),
                                          fmt::format("{:.1f}", std::exp2(map.entropy_bits)),
                                          fmt::format("{:.4f}", map.largest)};
        if (with_scheme && map.decisions) {
            const MapDecisions& decisions = *map.decisions;
            cells.insert(cells.end(), {std::to_string(decisions.kept),
                                       share_text(static_cast<double>(decisions.kept), map.pairs),
                                       fmt::format("{:.4f}", decisions.mass),
                                       count_text(decisions.falsely_pruned, map.pairs),
                                       count_text(decisions.falsely_kept, map.pairs)});
        } else if (with_scheme) {
            cells.resize(cells.size() + 5, "-");
        }
        table.row(cells);
    }
    return table.take();
}

std::string map_html(const AttentionMap& map, std::size_t number) {
    const nlohmann::json data = {{"rows", map.rows},
                                 {"cols", map.cols},
                                 {"step", map.step},
                                 {"n_q", map.n_q},
                                 {"n_k", map.n_k},
                                 {"valid_q", map.valid_q},
                                 {"valid_k", map.valid_k},
                                 {"level", base64(map.level)},
                                 {"marks", base64(map.marks)}};
    const std::string coarse =
        map.step == 1 ? ""
                      : fmt::format(", {0} x {0} pairs per cell (the largest shows)", map.step);
    std::string facts = fmt::format("entropy {:.2f} bits", map.entropy_bits);
    if (map.decisions)
        facts += fmt::format(", kept {} of pairs with {:.4f} of the probability",
                             share_text(static_cast<double>(map.decisions->kept), map.pairs),
                             map.decisions->mass);
    return fmt::format(
        "<figure class=\"map\"><figcaption><b>{}</b>{}<br>{}</figcaption>"
        "<canvas id=\"map-{}\" role=\"img\" aria-label=\"attention of {}\"></canvas>"
        "</figure>\n<script type=\"application/json\" data-map=\"map-{}\">{}</script>\n",
        name_of(map), html_escape(coarse), html_escape(facts), number, name_of(map), number,
        inside_script(data.dump()));
}

std::string how_to_read(const AttentionMaps& maps) {
    std::string text =
        "Rows are queries, columns keys. Colour is the softmax probability, logarithmic from "
        "0.000001 (and below) to 1; pairs that mask, causality or padding forbid are left"
        " blank.";
    if (maps.scheme.empty()) return paragraph(text);
    text +=
        " With \"kept\", what the scheme " + maps.scheme +
        " prunes is faded; with \"decisions\", pairs it prunes although the scheme `threshold` "
        "keeps them are red, pairs it keeps although `threshold` prunes them are cyan; both after "
        "the rule for rows that would be empty.";
    return paragraph(text);
}

std::string controls(const AttentionMaps& maps) {
    const bool decided = std::any_of(
        maps.maps.begin(), maps.maps.end(),
        [](const AttentionMap& map) { return map.decisions && map.decisions->falsely_pruned; });
    std::string html =
        "<div class=\"controls\"><label>show <select id=\"overlay\">"
        "<option value=\"plain\">probabilities</option>";
    const bool kept = std::any_of(maps.maps.begin(), maps.maps.end(),
                                  [](const AttentionMap& map) { return !map.marks.empty(); });
    if (kept) html += "<option value=\"kept\" selected>kept</option>";
    if (decided) html += "<option value=\"decisions\">decisions</option>";
    return html +
           "</select></label> <canvas id=\"scale\" width=\"255\" height=\"10\"></canvas> "
           "<span class=\"note\">0.000001 to 1</span> <output id=\"readout\">Point at a "
           "map.</output></div>\n";
}

}  // namespace

std::string base64(const std::vector<std::uint8_t>& bytes) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8U | (j < count ? bytes[i + j] : std::uint32_t{0});
        for (std::size_t j = 0; j < 4; ++j)
            text += j <= count ? kDigits[group >> (18 - 6 * j) & 63U] : '=';
    }
    return text;
}

std::string attention_page(const AttentionMaps& maps, std::string_view version) {
    const std::string title =
        fmt::format("Attention of {}, sample {}", maps.trace_name, maps.sample);
    std::string body = "<h1>" + html_escape(title) + "</h1>\n";
    body += paragraph("trace " + maps.trace_id +
                      (maps.scheme.empty() ? "" : ", scheme " + maps.scheme));
    for (const std::string& note : maps.notes) body += paragraph("note: " + note);
    body += how_to_read(maps) + controls(maps) + "<div class=\"maps\">\n";
    for (std::size_t i = 0; i < maps.maps.size(); ++i) body += map_html(maps.maps[i], i);
    body += "</div>\n<h2>Heads in numbers</h2>\n" + facts_table(maps);
    return plain_page_html(title, version, body, report_resource("attention_page.css"),
                           report_resource("attention_page.js"));
}

}  // namespace attohm
