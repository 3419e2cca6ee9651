#include "src/report/figures.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/replay/read_summary.hpp"
#include "src/report/format.hpp"
#include "src/report/metrics.hpp"
#include "src/report/vega_lite.hpp"

/// What a key's place in its array does to it: far columns see the drop along the word lines. And
/// how the codes of the ADCs behind the columns were used.
namespace attohm {

namespace {

ColumnProfile summed(const Point& point) {
    ColumnProfile sum;
    for (const Result* result : point.chips)
        for (const HeadSummary& head : result->heads)
            for (std::size_t b = 0; b < sum.reference_kept.size(); ++b) {
                sum.reference_kept[b] += head.report.columns.reference_kept[b];
                sum.false_prune[b] += head.report.columns.false_prune[b];
            }
    return sum;
}

/// Pairs below which a rate is noise.
constexpr std::int64_t kLeastPairs = 30;

Json profile_rows(const Group& group) {
    Json rows = Json::array();
    for (const Point* p : detail_points(group)) {
        const ColumnProfile sum = summed(*p);
        for (std::size_t b = 0; b < sum.reference_kept.size(); ++b) {
            if (sum.reference_kept[b] < kLeastPairs) continue;
            const double place = (static_cast<double>(b) + 0.5) / ColumnProfile::kBins;
            rows.push_back({{"r", detail_label(group, *p)},
                            {"x", rounded(place)},
                            {"v", rounded(rate(static_cast<double>(sum.false_prune[b]),
                                               static_cast<double>(sum.reference_kept[b])))},
                            {"n", sum.false_prune[b]},
                            {"of", sum.reference_kept[b]}});
        }
    }
    return rows;
}

Json code_rows(const Group& group) {
    Json rows = Json::array();
    for (const Point* p : detail_points(group)) {
        const auto use = adc_code_use(p->chips);
        if (!use) continue;
        for (const AdcCodeUse::Bin& bin : use->bins)
            rows.push_back({{"r", detail_label(group, *p)},
                            {"a", static_cast<double>(bin.first) - 0.5},
                            {"b", static_cast<double>(bin.last) + 0.5},
                            {"f", bin.first},
                            {"l", bin.last},
                            {"v", rounded(rate(static_cast<double>(bin.count),
                                               static_cast<double>(use->conversions)))},
                            {"n", bin.count}});
    }
    return rows;
}

}  // namespace

std::vector<Figure> column_figures(const Group& group) {
    // Digital references have no columns.
    if (group.shown().first().scheme != "sprint") return {};
    const Json rows = profile_rows(group);
    if (rows.empty()) return {};
    Json body = Json::parse(R"json({"width": 680, "height": 200,
      "mark": {"type": "line", "point": {"size": 22}},
      "encoding": {
        "x": {"field": "x", "type": "quantitative",
              "title": "Place of the key's column in its array, from the row drivers on",
              "scale": {"domain": [0, 1]}},
        "y": {"field": "v", "type": "quantitative", "title": "False-prune rate",
              "scale": {"zero": true}}}})json");
    body["encoding"]["tooltip"] =
        Json::array({tip("x", "place", ".2f"), tip("v", "rate", ".4g"), tip("n", "count", ",.0f"),
                     tip("of", "pairs that threshold keeps", ",.0f")});
    add_choice(group, body);
    return {make_figure("columns", "False prunes by column",
                        "Of the pairs that threshold keeps, all layers and heads; 0 is the column "
                        "next to the row drivers, 1 the last key slot of the array. A level line: "
                        "the place of a key does not matter. Wires without threshold.calibration: "
                        "column make it rise. Bins with fewer than 30 pairs are left out.",
                        body, rows)};
}

std::vector<Figure> code_figures(const Group& group) {
    const auto use = adc_code_use(group.shown().chips);
    if (!use) return {};
    Json body = Json::parse(R"json({"width": 680, "height": 120,
      "mark": {"type": "bar", "binSpacing": 0},
      "encoding": {
        "x": {"field": "a", "type": "quantitative", "title": "Code", "scale": {"zero": false, "nice": false}},
        "x2": {"field": "b"},
        "y": {"field": "v", "type": "quantitative", "title": "Share of conversions"}}})json");
    body["encoding"]["tooltip"] =
        Json::array({tip("f", "from code"), tip("l", "to code"), tip("v", "share", ".4g"),
                     tip("n", "conversions", ",.0f")});
    add_choice(group, body);
    return {make_figure(
        "codes", "Codes of the ADCs",
        fmt::format("Conversions of valid pairs, all layers and heads. Of the setting in the text: "
                    "codes {} to {} came out of {} to {}, {} of the range; {} of the conversions "
                    "lay below it and {} above.",
                    use->used_first, use->used_last, use->first, use->last,
                    format_figure(use->range_used()), format_figure(use->rate_low()),
                    format_figure(use->rate_high())),
        body, code_rows(group))};
}

}  // namespace attohm
