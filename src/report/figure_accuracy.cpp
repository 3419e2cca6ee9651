#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "src/report/findings.hpp"
#include "src/report/format.hpp"
#include "src/report/metrics.hpp"
#include "src/report/quality.hpp"
#include "src/report/vega_lite.hpp"

/// Accuracy against energy: every setting a point, with the baselines and digital references.
namespace attohm {

namespace {

constexpr int kHeight = 340;
constexpr int kWidth = 680;

/// Energies of one machine with the unit they are drawn in.
struct EnergyAxis {
    std::string machine;
    SiScale scale;
    double least = 0.0, most = 0.0;  ///< J, of what is drawn
    Json x;
};

EnergyAxis energy_axis(const Group& group, const MachineOutcome& machine) {
    EnergyAxis axis;
    axis.machine = machine.machine;
    axis.least = std::numeric_limits<double>::infinity();
    for (const Point& p : group.points) {
        const Spread energy = *energy_J(p, machine.machine);
        axis.least = std::min(axis.least, energy.least);
        axis.most = std::max(axis.most, energy.most);
    }
    // A baseline that is near enough is shown in its place.
    const double limit = 1.5 * axis.most;
    for (const std::string& baseline : machine.baselines())
        if (const auto energy = energy_J(group.shown(), machine.machine, baseline);
            energy && energy->mean <= limit)
            axis.most = std::max(axis.most, energy->mean);
    axis.scale = si_scale(axis.most);
    axis.x = quantitative("e",
                          fmt::format("Energy per inference on {} ({}J), operand writes included",
                                      machine.machine, axis.scale.prefix),
                          false);
    axis.x["scale"]["padding"] = 24;
    if (axis.most > 4.0 * axis.least)
        axis.x["scale"] = {{"type", "log"}, {"nice", false}, {"padding", 24}};
    return axis;
}

/// Marks the rows that no setting of the same colour beats in both.
void mark_front(Json& rows, const std::vector<EnergyPoint>& points,
                const std::vector<std::string>& series) {
    for (const std::string& one : series) {
        std::vector<EnergyPoint> own;
        std::vector<std::size_t> at;
        for (std::size_t j = 0; j < points.size(); ++j) {
            if (series[j] != one) continue;
            own.push_back(points[j]);
            at.push_back(j);
        }
        for (const std::size_t f : pareto_front(own)) rows[at[f]]["front"] = true;
    }
}

Json point_rows(const Group& group, const Quality& kind, const EnergyAxis& axis, int colour) {
    Json rows = Json::array();
    std::vector<EnergyPoint> points;
    std::vector<std::string> series;
    for (const Point& p : group.points) {
        const Interval q = quality(kind, p);
        const Spread energy = *energy_J(p, axis.machine);
        Json row = {{"e", rounded(energy.mean * axis.scale.factor)}, {"q", rounded(q.value)}};
        if (kind.has_interval()) row.update({{"lo", rounded(q.low)}, {"hi", rounded(q.high)}});
        if (p.chips.size() > 1)
            row.update({{"elo", rounded(energy.least * axis.scale.factor)},
                        {"ehi", rounded(energy.most * axis.scale.factor)}});
        add_axis_values(group, p, row);
        rows.push_back(std::move(row));
        // Of an error or a perplexity less is better.
        points.push_back(
            {energy.mean, {kind.more_is_better() ? q.value : -q.value, q.low, q.high}});
        series.push_back(colour < 0 ? "" : p.values[static_cast<std::size_t>(colour)]);
    }
    mark_front(rows, points, series);
    return rows;
}

Json setting_layers(const Group& group, const Quality& kind, const EnergyAxis& axis, const Json& y,
                    const Channels& channels) {
    Json layers = Json::parse(R"json([
      {"transform": [{"filter": "isValid(datum.lo)"}], "mark": {"type": "rule", "opacity": 0.22},
       "encoding": {"y": {"field": "lo"}, "y2": {"field": "hi"}}},
      {"transform": [{"filter": "isValid(datum.elo)"}], "mark": {"type": "rule", "opacity": 0.22},
       "encoding": {"x": {"field": "elo"}, "x2": {"field": "ehi"}}},
      {"transform": [{"filter": "datum.front"}],
       "mark": {"type": "line", "interpolate": "step-after", "opacity": 0.7}, "encoding": {}},
      {"mark": {"type": "point", "filled": true, "size": 70, "opacity": 0.9}, "encoding": {}}
    ])json");
    for (Json& layer : layers) {
        Json& encoding = layer["encoding"];
        Json own_x = axis.x, own_y = y;
        if (encoding.contains("x")) own_x["field"] = encoding["x"]["field"];
        if (encoding.contains("y")) own_y["field"] = encoding["y"]["field"];
        encoding["x"] = own_x;
        encoding["y"] = own_y;
        encoding["color"] = colour_encoding(group, channels.colour);
    }
    Json tips = Json::array();
    add_axis_tips(group, tips);
    tips.push_back(tip("q", kind.word, ".4f"));
    if (kind.has_interval()) {
        tips.push_back(tip("lo", "0.95 interval from", ".4f"));
        tips.push_back(tip("hi", "0.95 interval to", ".4f"));
    }
    tips.push_back(tip("e", fmt::format("energy ({}J)", axis.scale.prefix), ".4g"));
    layers[3]["encoding"]["tooltip"] = tips;
    if (channels.shape >= 0) {
        const Axis& a = group.axes[static_cast<std::size_t>(channels.shape)];
        layers[3]["encoding"]["shape"] = {{"field", "a" + std::to_string(channels.shape)},
                                          {"type", a.numeric ? "ordinal" : "nominal"},
                                          {"title", a.word}};
    }
    return layers;
}

/// A dashed rule across the plot for each row, with its name `n`; along the other direction the
/// names stand at `at`, so that those of close rules do not meet.
void add_rules(Json& layers, const Json& rows, bool upright, const Json& place) {
    if (rows.empty()) return;
    const Json along = {{"field", "at"}, {"type", "quantitative"}, {"scale", nullptr}};
    Json rule = {{"data", {{"values", rows}}},
                 {"mark", {{"type", "rule"}, {"strokeDash", {4, 4}}, {"opacity", 0.7}}},
                 {"encoding", {{upright ? "x" : "y", place}}}};
    Json label = {
        {"data", {{"values", rows}}},
        {"mark", {{"type", "text"}, {"align", "right"}, {"dy", -6}}},
        {"encoding",
         {{upright ? "x" : "y", place}, {upright ? "y" : "x", along}, {"text", {{"field", "n"}}}}}};
    if (upright) label["mark"]["angle"] = 270;
    if (upright) label["mark"]["align"] = "left";
    layers.push_back(std::move(rule));
    layers.push_back(std::move(label));
}

/// Baselines by energy; one row for those of the same energy. `far`: those beyond the plot.
Json baseline_rows(const Group& group, const MachineOutcome& machine, const EnergyAxis& axis,
                   std::string& far) {
    Json rows = Json::array();
    for (const std::string& name : machine.baselines()) {
        const auto energy = energy_J(group.shown(), axis.machine, name);
        if (!energy) continue;
        const double drawn = rounded(energy->mean * axis.scale.factor);
        if (energy->mean > axis.most || energy->mean < axis.least / 1.5) {
            far +=
                fmt::format("{}{} {}", far.empty() ? "" : ", ", name, format_si(energy->mean, "J"));
            continue;
        }
        if (!rows.empty() && rows.back()["e"] == drawn)
            rows.back()["n"] = rows.back()["n"].get<std::string>() + ", " + name;
        else
            rows.push_back({{"e", drawn}, {"n", name}, {"at", kHeight - 6 - 90 * rows.size()}});
    }
    return rows;
}

Json reference_rows(const Group& group, const Quality& kind) {
    Json rows = Json::array();
    const auto add = [&](const Interval& accuracy, const std::string& scheme) {
        rows.push_back(
            {{"q", rounded(accuracy.value)}, {"n", scheme}, {"at", kWidth - 4 - 80 * rows.size()}});
    };
    const bool is_top1 = kind.kind == Quality::Kind::top1;
    add(is_top1 ? *top1_exact(group.shown()) : *perplexity_exact(group.shown()), "exact");
    for (const Point& r : group.references) {
        const auto own = is_top1 ? top1(r) : perplexity(r);
        if (r.first().scheme != "exact" && own) add(*own, r.first().scheme);
    }
    return rows;
}

Figure figure_of(const Group& group, const MachineOutcome& machine, const Quality& kind) {
    const EnergyAxis axis = energy_axis(group, machine);
    const Channels channels = choose_channels(group);
    const Json y = quantitative("q", kind.title, false);
    Json layers = setting_layers(group, kind, axis, y, channels);
    std::string far;
    add_rules(layers, baseline_rows(group, machine, axis, far), true, axis.x);
    if (kind.has_interval()) add_rules(layers, reference_rows(group, kind), false, y);
    const std::string title = fmt::format("{} against energy, {}", kind.noun, machine.machine);
    std::string caption = fmt::format(
        "Prices: {}. Lines: no setting of the same colour is better in both. Dashed upright: "
        "energy "
        "of the baselines on the same machine{}.",
        machine.headline, far.empty() ? "" : "; beyond the plot: " + far);
    if (kind.has_interval())
        caption += fmt::format(
            " Dashed level: {} of the digital references. Bars: 0.95 interval over samples.",
            kind.word);
    if (std::any_of(group.points.begin(), group.points.end(),
                    [](const Point& p) { return p.chips.size() > 1; }))
        caption += " Level bars: smallest to largest chip.";
    return make_figure("accuracy-energy-" + machine.machine, title, caption,
                       {{"width", kWidth}, {"height", kHeight}, {"layer", layers}},
                       point_rows(group, kind, axis, channels.colour));
}

}  // namespace

std::vector<Figure> accuracy_energy_figures(const Group& group) {
    std::vector<Figure> figures;
    const auto kind = quality_of(group);
    if (!kind || group.points.size() < 2) return figures;
    for (const MachineOutcome& machine : group.shown().first().machines) {
        const bool priced =
            std::all_of(group.points.begin(), group.points.end(),
                        [&](const Point& p) { return energy_J(p, machine.machine).has_value(); });
        if (priced) figures.push_back(figure_of(group, machine, *kind));
    }
    return figures;
}

}  // namespace attohm
