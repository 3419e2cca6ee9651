#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "src/report/format.hpp"
#include "src/report/metrics.hpp"
#include "src/report/vega_lite.hpp"

/// What pruning did: by layer, by distance from the threshold, and the score eye.
namespace attohm {

namespace {

/// Everything about one layer, heads and chips summed.
struct LayerSum {
    DecisionCounts counts;
    ScoreEye eye;
    double threshold_sigma = 0.0;  ///< comparator offset, 1 sigma, in sigmas of the score
    double lsb_sigma = 0.0;        ///< one integer score step in sigmas of the score
    int heads = 0;
};

void add_eye(ScoreEye& sum, const ScoreEye& eye) {
    for (std::size_t b = 0; b < sum.kept.size(); ++b) {
        sum.kept[b] += eye.kept[b];
        sum.pruned[b] += eye.pruned[b];
        sum.false_prune[b] += eye.false_prune[b];
        sum.false_keep[b] += eye.false_keep[b];
    }
}

std::map<int, LayerSum> by_layer(const Point& point) {
    std::map<int, DecisionTotals> totals;
    std::map<int, LayerSum> layers;
    for (const Result* r : point.chips)
        for (const HeadSummary& head : r->heads) {
            const HeadReport& report = head.report;
            LayerSum& layer = layers[report.layer];
            totals[report.layer].add(report);
            add_eye(layer.eye, report.eye);
            if (report.score_sigma > 0.0) {
                layer.threshold_sigma += report.offset_sigma_score / report.score_sigma;
                layer.lsb_sigma += report.lsb_score / report.score_sigma;
                ++layer.heads;
            }
        }
    for (auto& [index, layer] : layers) {
        layer.counts = totals[index].counts;
        layer.threshold_sigma = rate(layer.threshold_sigma, layer.heads);
        layer.lsb_sigma = rate(layer.lsb_sigma, layer.heads);
    }
    return layers;
}

double bin_left(std::size_t bin) {
    return -ScoreEye::kRange + 2.0 * ScoreEye::kRange * static_cast<double>(bin) / ScoreEye::kBins;
}

bool anything_compared(const Group& group) {
    const DecisionCounts c = decisions(group.shown()).counts;
    return c.valid > 0 && c.fp_total + c.fk_total + c.fp_quant + c.fk_quant > 0;
}

bool has_eye(const Group& group) {
    for (const auto& [index, layer] : by_layer(group.shown()))
        for (std::size_t b = 0; b < layer.eye.kept.size(); ++b)
            if (layer.eye.kept[b] + layer.eye.pruned[b] > 0) return true;
    return false;
}

// --- by layer -----------------------------------------------------------------------------------

constexpr const char* kFalsePrune = "False prune (of what the reference keeps)";
constexpr const char* kFalseKeep = "False keep (of what the reference prunes)";

void add_layer_rows(Json& rows, const std::string& label, int layer, const DecisionCounts& c) {
    const auto kept = static_cast<double>(c.ref_kept), quant = static_cast<double>(c.quant_kept);
    const auto valid = static_cast<double>(c.valid);
    const auto add = [&](const char* side, const char* kind, double count, double whole) {
        rows.push_back({{"r", label},
                        {"l", layer},
                        {"f", side},
                        {"k", kind},
                        {"v", rounded(rate(count, whole))},
                        {"n", rounded(count)},
                        {"of", whole}});
    };
    add(kFalsePrune, "total", static_cast<double>(c.fp_total), kept);
    add(kFalsePrune, "quant", static_cast<double>(c.fp_quant), kept);
    add(kFalsePrune, "analog", static_cast<double>(c.fp_analog), quant);
    add(kFalseKeep, "total", static_cast<double>(c.fk_total), valid - kept);
    add(kFalseKeep, "quant", static_cast<double>(c.fk_quant), valid - kept);
    add(kFalseKeep, "analog", static_cast<double>(c.fk_analog), valid - quant);
    if (c.fp_expected > 0.0) add(kFalsePrune, "total, expected", c.fp_expected, kept);
    if (c.fk_expected > 0.0) add(kFalseKeep, "total, expected", c.fk_expected, valid - kept);
}

Figure layer_figure(const Group& group) {
    Json rows = Json::array();
    std::size_t layers = 1;
    for (const Point* p : detail_points(group)) {
        const auto sums = by_layer(*p);
        layers = std::max(layers, sums.size());
        for (const auto& [index, layer] : sums)
            add_layer_rows(rows, detail_label(group, *p), index, layer.counts);
    }
    Json body = Json::parse(R"json({
      "facet": {"field": "f", "type": "nominal", "title": null, "header": {"labelAnchor": "start"}},
      "resolve": {"scale": {"y": "independent"}},
      "spec": {"height": 150,
        "encoding": {
          "x": {"field": "l", "type": "ordinal", "title": "Layer", "axis": {"labelAngle": 0}},
          "y": {"field": "v", "type": "quantitative", "title": "Rate"}},
        "layer": [
          {"transform": [{"filter": "datum.k !== 'total, expected'"}],
           "mark": {"type": "bar"},
           "encoding": {
             "xOffset": {"field": "k", "type": "nominal",
                         "scale": {"domain": ["total", "quant", "analog"]}},
             "color": {"field": "k", "type": "nominal", "title": "Against",
                       "scale": {"domain": ["total", "quant", "analog"],
                                 "range": ["#0072b2", "#e69f00", "#009e73"]}}}},
          {"transform": [{"filter": "datum.k === 'total, expected'"},
                         {"calculate": "'total'", "as": "k0"}],
           "mark": {"type": "tick", "thickness": 2},
           "encoding": {"xOffset": {"field": "k0", "type": "nominal",
                                    "scale": {"domain": ["total", "quant", "analog"]}}}}
        ]}})json");
    body["facet"]["sort"] = {kFalsePrune, kFalseKeep};
    body["columns"] = layers <= 6 ? 2 : 1;
    const int width = layers <= 6 ? 330 : 660;
    Json& spec = body["spec"];
    spec["width"] = {{"step", std::clamp(width / static_cast<int>(4 * layers), 4, 26)},
                     {"for", "offset"}};
    const Json tips = Json::array({tip("l", "layer"), tip("k", "kind"), tip("v", "rate", ".4g"),
                                   tip("n", "count", ",.0f"), tip("of", "of", ",.0f")});
    spec["layer"][0]["encoding"]["tooltip"] = tips;
    spec["layer"][1]["encoding"]["tooltip"] = tips;
    add_choice(group, body);
    return make_figure("layers", "False prune and false keep by layer",
                       "total: hardware against threshold; quant: threshold-q against threshold "
                       "(what bits cost); analog: hardware against threshold-q (what the device "
                       "costs). Over valid pairs, heads and samples summed. Lines across the bars: "
                       "expected over the read draws.",
                       body, rows);
}

// --- by distance from the threshold -------------------------------------------------------------

constexpr std::int64_t kLeastPairs = 30;

Figure margin_figure(const Group& group) {
    Json rows = Json::array();
    for (const Point* p : detail_points(group)) {
        ScoreEye eye;
        for (const auto& [index, layer] : by_layer(*p)) add_eye(eye, layer.eye);
        for (std::size_t b = 0; b < eye.kept.size(); ++b) {
            // Of the pairs that the reference keeps, and of those it prunes.
            const std::int64_t kept = eye.kept[b] - eye.false_keep[b] + eye.false_prune[b];
            const std::int64_t pruned = eye.pruned[b] - eye.false_prune[b] + eye.false_keep[b];
            const double x = bin_left(b) + ScoreEye::kRange / ScoreEye::kBins;
            const auto add = [&](const char* kind, std::int64_t count, std::int64_t whole) {
                // A handful of pairs, as of scores that round onto the threshold, is no rate.
                if (whole < kLeastPairs) return;
                rows.push_back(
                    {{"r", detail_label(group, *p)},
                     {"x", rounded(x)},
                     {"k", kind},
                     {"v", rounded(rate(static_cast<double>(count), static_cast<double>(whole)))},
                     {"n", count},
                     {"of", whole}});
            };
            add("false prune", eye.false_prune[b], kept);
            add("false keep", eye.false_keep[b], pruned);
        }
    }
    Json body = Json::parse(R"json({"width": 680, "height": 220, "layer": [
      {"mark": {"type": "line", "interpolate": "linear", "point": {"size": 18}, "clip": true}, "encoding": {
        "x": {"field": "x", "type": "quantitative", "title": "(score - threshold) / sigma of the scores",
              "scale": {"domain": [-3, 3]}},
        "y": {"field": "v", "type": "quantitative", "title": "Rate in the bin"},
        "color": {"field": "k", "type": "nominal", "title": null, "sort": ["false prune", "false keep"]}}},
      {"data": {"values": [{"x": 0}]}, "mark": {"type": "rule", "strokeDash": [4, 4]},
       "encoding": {"x": {"field": "x", "type": "quantitative"}}}]})json");
    Json& encoding = body["layer"][0]["encoding"];
    encoding["color"]["scale"] = {{"domain", {"false prune", "false keep"}},
                                  {"range", {kRed, kBlue}}};
    encoding["tooltip"] =
        Json::array({tip("k", "kind"), tip("x", "distance (sigma)", ".2f"), tip("v", "rate", ".4g"),
                     tip("n", "count", ",.0f"), tip("of", "pairs in the bin", ",.0f")});
    add_choice(group, body);
    return make_figure(
        "margins", "False prune and false keep by distance from the threshold",
        "Bins of 0.1 sigma; false prune of the pairs that threshold keeps, false keep "
        "of those it prunes, all layers and heads. Sigma: standard deviation of the "
        "scaled score of the layer and head on the calibration samples. Bins with fewer than 30 "
        "pairs are left out.",
        body, rows);
}

// --- the score eye ------------------------------------------------------------------------------

void add_eye_rows(Json& rows, const std::string& label, int index, const LayerSum& layer) {
    double pairs = 0.0;
    for (std::size_t b = 0; b < layer.eye.kept.size(); ++b)
        pairs += static_cast<double>(layer.eye.kept[b] + layer.eye.pruned[b]);
    if (pairs == 0.0) return;
    const double width = 2.0 * ScoreEye::kRange / ScoreEye::kBins;
    const std::string name = fmt::format("layer {}", index);
    double top = 0.0;
    const auto density = [&](std::int64_t count) {
        const double d = rounded(static_cast<double>(count) / pairs / width, 4);
        top = std::max(top, d);
        return d;
    };
    for (std::size_t b = 0; b < layer.eye.kept.size(); ++b) {
        const double x = rounded(bin_left(b) + 0.5 * width);
        for (const auto& [side, counts] :
             {std::pair{"kept", &layer.eye.kept}, std::pair{"pruned", &layer.eye.pruned}})
            rows.push_back(
                {{"r", label}, {"l", name}, {"k", side}, {"x", x}, {"v", density((*counts)[b])}});
    }
    rows.push_back({{"r", label},
                    {"l", name},
                    {"o", rounded(layer.threshold_sigma, 4)},
                    {"no", rounded(-layer.threshold_sigma, 4)},
                    {"b", rounded(layer.lsb_sigma, 4)},
                    {"z", 0},
                    {"top", rounded(0.93 * top, 4)}});
}

Figure eye_figure(const Group& group) {
    Json rows = Json::array();
    std::size_t layers = 0;
    for (const Point* p : detail_points(group)) {
        const auto sums = by_layer(*p);
        layers = std::max(layers, sums.size());
        for (const auto& [index, layer] : sums)
            add_eye_rows(rows, detail_label(group, *p), index, layer);
    }
    Json body = Json::parse(R"json({
      "facet": {"field": "l", "type": "nominal", "title": null, "sort": null},
      "resolve": {"scale": {"y": "independent"}, "axis": {"x": "independent"}},
      "spec": {"height": 150, "layer": [
        {"transform": [{"filter": "isValid(datum.o)"}],
         "mark": {"type": "rect", "color": "#8c8c8c", "opacity": 0.35, "clip": true},
         "encoding": {
           "x": {"field": "no", "type": "quantitative"}, "x2": {"field": "o"},
           "tooltip": [{"field": "o", "title": "comparator offset, 1 sigma (in sigma)"}]}},
        {"transform": [{"filter": "isValid(datum.k)"}],
         "mark": {"type": "area", "interpolate": "step", "opacity": 0.6, "clip": true},
         "encoding": {
           "x": {"field": "x", "type": "quantitative", "title": "(score - threshold) / sigma",
                 "scale": {"domain": [-3, 3]}},
           "y": {"field": "v", "type": "quantitative", "title": "Density", "stack": null},
           "color": {"field": "k", "type": "nominal", "title": "By the hardware",
                     "scale": {"domain": ["pruned", "kept"], "range": ["#0072b2", "#e69f00"]}}}},
        {"transform": [{"filter": "isValid(datum.z)"}],
         "mark": {"type": "rule", "strokeDash": [4, 4]},
         "encoding": {"x": {"field": "z", "type": "quantitative"}}},
        {"transform": [{"filter": "isValid(datum.b)"}],
         "mark": {"type": "rule", "strokeWidth": 4, "clip": true},
         "encoding": {
           "x": {"field": "z", "type": "quantitative"}, "x2": {"field": "b"},
           "y": {"field": "top", "type": "quantitative"},
           "tooltip": [{"field": "b", "title": "one integer score step (in sigma)"}]}},
        {"transform": [{"filter": "isValid(datum.b)"}],
         "mark": {"type": "text", "text": "LSB", "align": "left", "dx": 4, "clip": true},
         "encoding": {"x": {"field": "b", "type": "quantitative"},
                      "y": {"field": "top", "type": "quantitative"}}}
      ]}})json");
    // Layer 10 stands after layer 9.
    Json order = Json::array();
    for (const auto& [index, layer] : by_layer(group.shown()))
        order.push_back(fmt::format("layer {}", index));
    body["facet"]["sort"] = order;
    const bool pairs = layers == 2 || layers == 4;
    body["columns"] = layers < 2 ? 1 : pairs ? 2 : 3;
    body["spec"]["width"] = layers < 2 ? 680 : pairs ? 350 : 225;
    add_choice(group, body);
    return make_figure(
        "eye", "The score eye",
        "Where scores lie about the threshold (dashed), and which the hardware keeps; "
        "heads of a layer summed, outermost bins hold what lies beyond. Grey band: one "
        "sigma of the comparators' offset to either side. Thick bar at the threshold: "
        "one integer score step (LSB).",
        body, rows);
}

// --- distance of the output ---------------------------------------------------------------------

Figure fidelity_figure(const Group& group) {
    Json rows = Json::array();
    std::size_t heads = 0;
    for (const Point* p : detail_points(group)) {
        std::map<std::pair<int, int>, std::pair<Fidelity, Fidelity>> sums;
        for (const Result* r : p->chips)
            for (const HeadSummary& head : r->heads) {
                auto& [exact, threshold] = sums[{head.report.layer, head.report.head}];
                if (head.to_exact) exact.add(*head.to_exact);
                if (head.to_threshold) threshold.add(*head.to_threshold);
            }
        heads = std::max(heads, sums.size());
        for (const auto& [at, sum] : sums) {
            const auto add = [&](const char* against, const Fidelity& fidelity) {
                if (fidelity.rows > 0)
                    rows.push_back({{"r", detail_label(group, *p)},
                                    {"l", at.first},
                                    {"h", at.second},
                                    {"k", against},
                                    {"v", rounded(fidelity.relative_rms(), 4)}});
            };
            add("exact", sum.first);
            add("threshold", sum.second);
        }
    }
    Json body = Json::parse(R"json({"width": 680, "height": 200,
      "mark": {"type": "point", "filled": true, "size": 45, "opacity": 0.75},
      "encoding": {
        "x": {"field": "l", "type": "ordinal", "title": "Layer (one mark per head)",
              "axis": {"labelAngle": 0}},
        "xOffset": {"field": "k", "type": "nominal"},
        "y": {"field": "v", "type": "quantitative", "title": "Relative rms error"},
        "color": {"field": "k", "type": "nominal", "title": "Against",
                  "scale": {"domain": ["exact", "threshold"], "range": ["#0072b2", "#e69f00"]}},
        "shape": {"field": "k", "type": "nominal", "title": "Against",
                  "scale": {"domain": ["exact", "threshold"]}}}})json");
    body["encoding"]["tooltip"] = Json::array(
        {tip("l", "layer"), tip("h", "head"), tip("k", "against"), tip("v", "rms error", ".4g")});
    add_choice(group, body);
    return make_figure(
        "fidelity", "Error of the attention output by layer and head",
        "Root of summed squared error over summed squared reference, valid rows of all "
        "samples.",
        body, rows);
}

}  // namespace

std::vector<Figure> layer_figures(const Group& group) {
    if (!anything_compared(group)) return {};
    return {layer_figure(group)};
}

std::vector<Figure> margin_figures(const Group& group) {
    if (!anything_compared(group) || !has_eye(group)) return {};
    return {margin_figure(group)};
}

std::vector<Figure> eye_figures(const Group& group) {
    if (!has_eye(group)) return {};
    return {eye_figure(group)};
}

std::vector<Figure> fidelity_figures(const Group& group) {
    if (!output_error(group.shown())) return {};
    return {fidelity_figure(group)};
}

}  // namespace attohm
