#include "src/report/figures.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/report/format.hpp"
#include "src/report/metrics.hpp"
#include "src/report/vega_lite.hpp"

/// What a key's place in its array does to it: far columns see the drop along the word lines.
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

}  // namespace attohm
