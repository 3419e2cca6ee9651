#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/text.hpp"
#include "src/report/format.hpp"
#include "src/report/metrics.hpp"
#include "src/report/quality.hpp"
#include "src/report/vega_lite.hpp"

/// Plots along one axis of a sweep and across two.
namespace attohm {

namespace {

constexpr std::size_t kMostSlices = 8;  ///< curves in one plot, and panes of a heat map

// --- along the noise axis -----------------------------------------------------------------------

double fp_rate(const Point& p) {
    const DecisionCounts c = decisions(p).counts;
    return rate(static_cast<double>(c.fp_total), static_cast<double>(c.ref_kept));
}

/// What a figure leaves out, for its caption.
std::string first_of(std::size_t shown, std::size_t all) {
    if (shown == all) return "";
    return fmt::format("The first {} of {} settings are drawn, the tables have all. ", shown, all);
}

Json axis_rows(const Group& group, std::size_t axis, const Quality& kind,
               const std::vector<Slice>& slices) {
    Json rows = Json::array();
    for (const Slice& slice : slices)
        for (const Point* p : slice.points) {
            const Interval q = quality(kind, *p);
            Json row = {{"x", group.number(*p, axis)},
                        {"q", rounded(q.value)},
                        {"fp", rounded(fp_rate(*p))},
                        {"s", slice.label}};
            if (kind.has_interval()) row.update({{"lo", rounded(q.low)}, {"hi", rounded(q.high)}});
            rows.push_back(std::move(row));
        }
    return rows;
}

Figure axis_figure(const Group& group, std::size_t axis, const Quality& kind,
                   std::vector<Slice> slices) {
    const std::size_t all = slices.size();
    if (all > kMostSlices) slices.resize(kMostSlices);
    std::vector<double> values, rates;
    for (const Slice& slice : slices)
        for (const Point* p : slice.points) {
            values.push_back(group.number(*p, axis));
            rates.push_back(fp_rate(*p));
        }
    const auto [least, most] = std::minmax_element(rates.begin(), rates.end());
    const Axis& a = group.axes[axis];
    Json body = Json::parse(R"json({"vconcat": [
      {"width": 680, "height": 240, "layer": [
        {"mark": {"type": "area", "opacity": 0.15},
         "transform": [{"filter": "isValid(datum.lo)"}],
         "encoding": {"y": {"field": "lo"}, "y2": {"field": "hi"}}},
        {"mark": {"type": "line", "point": {"filled": true, "size": 50}}, "encoding": {}}]},
      {"width": 680, "height": 180,
       "mark": {"type": "line", "point": {"filled": true, "size": 50}}, "encoding": {}}
    ]})json");
    Json x = quantitative("x", a.title, false);
    x["scale"] = axis_scale(values);
    Json marks = Json::array();
    for (const std::string& value : a.values) marks.push_back(*parse_real(value));
    if (marks.size() <= 12) x["axis"] = {{"values", marks}};
    const Json colour =
        slices.size() > 1
            ? Json{{"field", "s"},
                   {"type", "nominal"},
                   {"title", "Setting"},
                   {"sort", nullptr},
                   {"scale",
                    {{"range", {kBlue, kOrange, kGreen, kPurple, kRed, kSky, kGrey, "#999933"}}}}}
            : Json{{"value", kBlue}};
    Json tips = Json::array({tip("s", "setting"), tip("x", a.key, ".4g"),
                             tip("q", kind.word, ".4f"), tip("fp", "false-prune rate", ".4g")});
    if (kind.has_interval()) tips.push_back(tip("lo", "0.95 interval from", ".4f"));
    if (kind.has_interval()) tips.push_back(tip("hi", "0.95 interval to", ".4f"));
    Json& layers = body["vconcat"][0]["layer"];
    for (Json* part : {&layers[0], &layers[1], &body["vconcat"][1]}) {
        Json& encoding = (*part)["encoding"];
        Json y = quantitative("q", kind.title, false);
        if (encoding.contains("y")) y["field"] = encoding["y"]["field"];
        encoding["x"] = x;
        encoding["y"] = y;
        encoding["color"] = colour;
        encoding["tooltip"] = tips;
    }
    for (Json* part : {&layers[0], &layers[1]}) (*part)["encoding"]["x"]["title"] = nullptr;
    Json& fp = body["vconcat"][1]["encoding"]["y"];
    fp = quantitative("fp", "False-prune rate", true);
    if (*least > 0.0 && *most > 8.0 * *least) fp["scale"] = {{"type", "log"}};
    fp["axis"] = {{"tickCount", 4}};
    return make_figure(
        "along-" + a.key,
        fmt::format("{} along the noise axis", kind.has_interval() ? kind.noun : "Error"),
        first_of(slices.size(), all) +
            fmt::format(
                "{}Below: falsely pruned of what threshold keeps (fp_total), over all valid "
                "pairs, layers and heads.",
                kind.has_interval()
                    ? fmt::format("Bands: 0.95 interval of {} over samples. ", kind.word)
                    : ""),
        body, axis_rows(group, axis, kind, slices));
}

// --- across two axes ----------------------------------------------------------------------------

/// The two numeric axes with most values, the noise axis last. Nothing: there are not two.
std::optional<std::pair<std::size_t, std::size_t>> plane_axes(const Group& group) {
    const auto noise = noise_axis(group);
    std::vector<std::size_t> axes;
    for (std::size_t a = 0; a < group.axes.size(); ++a)
        if (group.axes[a].numeric && a != noise) axes.push_back(a);
    std::stable_sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) {
        return group.axes[a].values.size() > group.axes[b].values.size();
    });
    if (noise) axes.push_back(*noise);
    if (axes.size() < 2) return std::nullopt;
    return std::pair{axes[0], axes[1]};
}

/// At least two values on both axes.
bool is_plane(const Slice& slice, std::size_t a, std::size_t b) {
    const auto differs = [&](std::size_t axis) {
        return std::any_of(slice.points.begin(), slice.points.end(), [&](const Point* p) {
            return p->values[axis] != slice.points.front()->values[axis];
        });
    };
    return slice.points.size() >= 4 && differs(a) && differs(b);
}

/// What a heat map shows.
struct Shade {
    std::string id, title, legend, format;
    double factor = 1.0;
    bool more_is_better = true;
};

template <class Value>
Figure heat_map(const Group& group, const std::vector<Slice>& planes, std::size_t a, std::size_t b,
                const Shade& shade, const std::string& caption, Value value) {
    Json rows = Json::array();
    double least = 1e300, most = -1e300;
    for (const Slice& plane : planes)
        for (const Point* p : plane.points) {
            const double v = rounded(value(*p) * shade.factor);
            least = std::min(least, v);
            most = std::max(most, v);
            rows.push_back({{"x", group.number(*p, a)},
                            {"y", group.number(*p, b)},
                            {"v", v},
                            {"s", plane.label}});
        }
    const std::size_t cells = group.axes[a].values.size();
    Json body = Json::parse(
        R"json({"facet": {"field": "s", "type": "nominal", "title": null, "sort": []}, "columns": 3,
      "spec": {"encoding": {"x": {"field": "x", "type": "ordinal", "axis": {"labelAngle": 0, "grid": false}},
                            "y": {"field": "y", "type": "ordinal", "sort": "descending", "axis": {"grid": false}}},
               "layer": [{"mark": {"type": "rect"}, "encoding": {}},
                         {"mark": {"type": "text", "fontSize": 11}, "encoding": {}}]}})json");
    Json& spec = body["spec"];
    const int step = std::clamp(
        static_cast<int>(760 / (cells * std::min<std::size_t>(planes.size(), 3))), 44, 90);
    spec["width"] = {{"step", step}};
    spec["height"] = {{"step", 30}};
    // Beside each other the long titles would run into one another.
    const bool one = planes.size() == 1;
    spec["encoding"]["x"]["title"] = one ? group.axes[a].title : group.axes[a].word;
    spec["encoding"]["y"]["title"] = one ? group.axes[b].title : group.axes[b].word;
    spec["layer"][0]["encoding"]["color"] = {
        {"field", "v"},
        {"type", "quantitative"},
        {"title", shade.legend},
        {"legend", {{"titleLimit", 300}}},
        {"scale", {{"scheme", "viridis"}, {"zero", false}, {"reverse", !shade.more_is_better}}}};
    spec["layer"][1]["encoding"]["text"] = {
        {"field", "v"}, {"type", "quantitative"}, {"format", shade.format}};
    // Dark text on the light end of the colours.
    const double middle = least + (shade.more_is_better ? 0.55 : 0.45) * (most - least);
    spec["layer"][1]["encoding"]["color"] = {
        {"condition",
         {{"test", fmt::format("datum.v {} {}", shade.more_is_better ? ">" : "<", middle)},
          {"value", "#111111"}}},
        {"value", "#ffffff"}};
    for (const Slice& plane : planes) body["facet"]["sort"].push_back(plane.label);
    if (planes.size() == 1) {
        body.erase("facet");
        Json single = body["spec"];
        body = single;
    }
    return make_figure(shade.id, shade.title, caption, body, rows);
}

}  // namespace

std::vector<Figure> axis_figures(const Group& group) {
    const auto axis = noise_axis(group);
    const auto kind = quality_of(group);
    if (!axis || !kind) return {};
    std::vector<Slice> slices = slices_along(group, *axis, 3);
    if (slices.empty()) return {};
    return {axis_figure(group, *axis, *kind, std::move(slices))};
}

std::vector<Figure> heat_map_figures(const Group& group) {
    const auto axes = plane_axes(group);
    const auto kind = quality_of(group);
    if (!axes || !kind) return {};
    const auto [a, b] = *axes;
    std::vector<Slice> planes = slices_across(group, a, b, 4);
    std::erase_if(planes, [&, a = a, b = b](const Slice& s) { return !is_plane(s, a, b); });
    if (planes.empty()) return {};
    const std::size_t all = planes.size();
    if (all > kMostSlices) planes.resize(kMostSlices);
    const std::string cut = first_of(planes.size(), all);
    std::vector<Figure> figures;
    figures.push_back(heat_map(group, planes, a, b,
                               {"plane-quality", kind->title + " across two axes", kind->title,
                                ".3f", 1.0, kind->more_is_better()},
                               cut + "One cell per setting, chips averaged.",
                               [&](const Point& p) { return quality(*kind, p).value; }));
    for (const MachineOutcome& machine : group.shown().first().machines) {
        double most = 0.0;
        bool priced = true;
        for (const Slice& plane : planes)
            for (const Point* p : plane.points) {
                const auto energy = energy_J(*p, machine.machine);
                priced = priced && energy.has_value();
                if (energy) most = std::max(most, energy->mean);
            }
        if (!priced) continue;
        const SiScale scale = si_scale(most);
        const std::string legend = fmt::format("Energy ({}J)", scale.prefix);
        figures.push_back(heat_map(
            group, planes, a, b,
            {"plane-energy-" + machine.machine, "Energy across two axes, " + machine.machine,
             legend, ".3g", scale.factor, false},
            cut + fmt::format("Per inference, operand writes included. Prices: {}.",
                              machine.headline),
            [&](const Point& p) { return energy_J(p, machine.machine)->mean; }));
    }
    return figures;
}

}  // namespace attohm
