#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/report/fit_report.hpp"
#include "src/report/format.hpp"
#include "src/report/vega_lite.hpp"

/// Programming: sigma(G), histograms, probability paper, Q-Q.
namespace attohm {

namespace {

constexpr int kLawPoints = 64;

std::string level_name(double target) {
    return fmt::format("{:g} uS", target);
}

Json level_colour(const fit::ProgrammingFit& p) {
    Json domain = Json::array();
    for (const fit::Level& l : p.levels) domain.push_back(level_name(l.target_uS));
    return {
        {"field", "l"},
        {"type", "nominal"},
        {"title", "Target"},
        {"sort", domain},
        {"scale", {{"domain", domain}, {"scheme", p.levels.size() > 10 ? "turbo" : "tableau10"}}}};
}

Figure sigma_figure(const fit::ProgrammingFit& p) {
    Json rows = Json::array();
    for (const fit::Level& l : p.levels)
        rows.push_back({{"g", l.target_uS},
                        {"s", rounded(l.sigma_uS.value)},
                        {"low", rounded(l.sigma_uS.bounds.low)},
                        {"high", rounded(l.sigma_uS.bounds.high)},
                        {"n", l.values_uS.size()}});
    const double low = p.levels.front().target_uS, high = p.levels.back().target_uS;
    const bool band = p.law == ProgrammingLaw::polynomial;
    for (int i = 0; i <= kLawPoints; ++i) {
        const double g = low + (high - low) * i / kLawPoints;
        Json row = {{"g", rounded(g)}, {"law", rounded(p.sigma_at(g))}};
        if (band) {
            row["a"] = rounded(p.sigma.law.bounds_at(g).low);
            row["b"] = rounded(p.sigma.law.bounds_at(g).high);
        }
        rows.push_back(row);
    }
    Json body = Json::parse(R"json({"width": 680, "height": 240,
      "encoding": {"x": {"field": "g", "type": "quantitative", "title": "Target (uS)",
                         "scale": {"zero": false, "nice": false, "padding": 12}}},
      "layer": [
        {"transform": [{"filter": "isValid(datum.a)"}],
         "mark": {"type": "area", "color": "#0072b2", "opacity": 0.2},
         "encoding": {"y": {"field": "a", "type": "quantitative"}, "y2": {"field": "b"}}},
        {"transform": [{"filter": "isValid(datum.law)"}],
         "mark": {"type": "line", "color": "#0072b2"},
         "encoding": {"y": {"field": "law", "type": "quantitative"}}},
        {"transform": [{"filter": "isValid(datum.low)"}],
         "mark": {"type": "rule", "strokeWidth": 1.5},
         "encoding": {"y": {"field": "low", "type": "quantitative",
                            "title": "Sigma of the written conductance (uS)", "scale": {"zero": true}},
                      "y2": {"field": "high"}}},
        {"transform": [{"filter": "isValid(datum.low)"}],
         "mark": {"type": "point", "filled": true, "size": 50, "color": "#d55e00", "opacity": 1},
         "encoding": {"y": {"field": "s", "type": "quantitative"}}}
      ]})json");
    body["layer"][3]["encoding"]["tooltip"] =
        Json::array({tip("g", "target (uS)", ".4g"), tip("s", "sigma (uS)", ".4g"),
                     tip("low", "low", ".4g"), tip("high", "high", ".4g"), tip("n", "readings")});
    return make_figure("sigma", "sigma(G): levels and the law",
                       "Dots: deviation of each level with its interval. Line: the law that the "
                       "card holds, with the band of its coefficients where it is a polynomial.",
                       body, rows);
}

/// Bins of one width for all levels: a third of the median sigma.
Figure histogram_figure(const fit::ProgrammingFit& p) {
    std::vector<double> sigmas;
    for (const fit::Level& l : p.levels) sigmas.push_back(l.sigma_uS.value);
    const double bin = fit::median_of(sigmas) / 3.0;
    Json rows = Json::array();
    for (const fit::Level& l : p.levels) {
        const std::string name = level_name(l.target_uS);
        const double n = static_cast<double>(l.values_uS.size());
        std::size_t at = 0;
        const auto first = static_cast<long>(std::floor(l.values_uS.front() / bin));
        const auto last = static_cast<long>(std::floor(l.values_uS.back() / bin));
        if (last - first > 400) continue;
        for (long k = first; k <= last; ++k) {
            const double right = static_cast<double>(k + 1) * bin;
            std::size_t count = 0;
            for (; at < l.values_uS.size() && l.values_uS[at] < right; ++at) ++count;
            rows.push_back({{"l", name},
                            {"x", rounded(static_cast<double>(k) * bin)},
                            {"x2", rounded(right)},
                            {"d", rounded(static_cast<double>(count) / n / bin)}});
        }
        const double mean = p.mean_at(l.target_uS), s = p.sigma_at(l.target_uS);
        for (int k = -20; k <= 20; ++k) {
            const double g = mean + 0.2 * k * s, h = 0.01 * s;
            const double density =
                (p.cdf(l.target_uS, g + h) - p.cdf(l.target_uS, g - h)) / (2.0 * h);
            rows.push_back({{"l", name}, {"g", rounded(g)}, {"law", rounded(density)}});
        }
    }
    for (const fit::Overlap& o : p.overlaps)
        rows.push_back({{"m", rounded(0.5 * (o.low_uS + o.high_uS))}});
    Json body = Json::parse(R"json({"width": 680, "height": 260, "layer": [
      {"transform": [{"filter": "isValid(datum.d)"}],
       "mark": {"type": "rect", "opacity": 0.45},
       "encoding": {
         "x": {"field": "x", "type": "quantitative", "title": "Conductance (uS)",
               "scale": {"zero": false}},
         "x2": {"field": "x2"},
         "y": {"field": "d", "type": "quantitative", "title": "Density (1/uS)"},
         "y2": {"datum": 0}}},
      {"transform": [{"filter": "isValid(datum.law)"}],
       "mark": {"type": "line", "strokeWidth": 1.5},
       "encoding": {"x": {"field": "g", "type": "quantitative"},
                    "y": {"field": "law", "type": "quantitative"}}},
      {"transform": [{"filter": "isValid(datum.m)"}],
       "mark": {"type": "rule", "strokeDash": [3, 4], "opacity": 0.5},
       "encoding": {"x": {"field": "m", "type": "quantitative"}}}]})json");
    body["layer"][0]["encoding"]["color"] = level_colour(p);
    body["layer"][1]["encoding"]["color"] = level_colour(p);
    return make_figure("histogram", "Levels and how they overlap",
                       "Bars: measured, one colour per target. Lines: the card's law. Dashed: the "
                       "middle between neighbouring targets; what lies beyond is read as the "
                       "neighbour (table below).",
                       body, rows);
}

/// Every reading, or as many quantiles of many.
std::vector<std::size_t> thinned(std::size_t count) {
    constexpr std::size_t kMost = 100;
    std::vector<std::size_t> out;
    if (count <= kMost)
        for (std::size_t i = 0; i < count; ++i) out.push_back(i);
    else
        // Both tails whole, the middle thinned.
        for (std::size_t i = 0; i < count; ++i)
            if (i < 10 || i + 10 >= count || i % (count / (kMost - 20) + 1) == 0) out.push_back(i);
    return out;
}

double plotting_quantile(std::size_t i, std::size_t n) {
    return fit::normal_quantile((static_cast<double>(i) + 0.625) / (static_cast<double>(n) + 0.25));
}

/// Axis of normal quantiles, labelled as the probabilities they stand for.
Json probability_axis() {
    Json values = Json::array();
    std::string places, labels;
    for (const char* p : {"0.001", "0.01", "0.05", "0.2", "0.5", "0.8", "0.95", "0.99", "0.999"}) {
        const double z = fit::normal_quantile(std::stod(p));
        const double shown = std::abs(z) < 1e-9 ? 0.0 : rounded(z, 4);
        const char* comma = labels.empty() ? "" : ", ";
        values.push_back(shown);
        places += fmt::format("{}{}", comma, shown);
        labels += fmt::format("{}'{}'", comma, p);
    }
    return {{"values", values},
            {"labelOverlap", false},
            {"labelExpr", fmt::format("[{}][indexof([{}], datum.value)]", labels, places)}};
}

Figure paper_figure(const fit::ProgrammingFit& p) {
    Json rows = Json::array();
    double reach = 2.0;
    for (const fit::Level& l : p.levels) {
        const std::size_t n = l.values_uS.size();
        for (const std::size_t i : thinned(n)) {
            const double z = plotting_quantile(i, n);
            reach = std::max(reach, std::abs(z));
            rows.push_back({{"l", level_name(l.target_uS)},
                            {"g", rounded(l.values_uS[i])},
                            {"z", rounded(z, 4)}});
        }
        const double mean = p.mean_at(l.target_uS), s = p.sigma_at(l.target_uS);
        for (int k = -16; k <= 16; ++k) {
            const double g = mean + 0.2 * k * s;
            const double share = p.cdf(l.target_uS, g);
            if (share < 1e-4 || share > 1.0 - 1e-4) continue;
            rows.push_back({{"l", level_name(l.target_uS)},
                            {"x", rounded(g)},
                            {"law", rounded(fit::normal_quantile(share), 4)}});
        }
    }
    Json body = Json::parse(R"json({"width": 680, "height": 320, "layer": [
      {"transform": [{"filter": "isValid(datum.law)"}],
       "mark": {"type": "line", "strokeWidth": 1.2},
       "encoding": {"x": {"field": "x", "type": "quantitative", "title": "Conductance (uS)",
                          "scale": {"zero": false}},
                    "y": {"field": "law", "type": "quantitative"}}},
      {"transform": [{"filter": "isValid(datum.z)"}],
       "mark": {"type": "point", "size": 14, "filled": true, "opacity": 0.8},
       "encoding": {"x": {"field": "g", "type": "quantitative"},
                    "y": {"field": "z", "type": "quantitative",
                          "title": "Share of the readings below"}}}]})json");
    for (Json& layer : body["layer"]) layer["encoding"]["color"] = level_colour(p);
    body["layer"][0]["encoding"]["y"]["axis"] = probability_axis();
    body["layer"][0]["encoding"]["y"]["title"] = "Share of the readings below";
    body["layer"][0]["encoding"]["y"]["scale"] = {{"domain", {-reach - 0.2, reach + 0.2}}};
    return make_figure("paper", "Distribution of every level on probability paper",
                       "Dots: measured, thinned in the middle. Lines: the card's law, straight "
                       "where it is normal. Steep and apart: levels that do not overlap.",
                       body, rows);
}

Figure quantile_figure(const fit::ProgrammingFit& p) {
    Json rows = Json::array();
    double reach = 2.0;
    for (const fit::Level& l : p.levels) {
        const std::size_t n = l.values_uS.size();
        for (const std::size_t i : thinned(n)) {
            const double share = std::clamp(p.cdf(l.target_uS, l.values_uS[i]), 1e-9, 1.0 - 1e-9);
            const double z = plotting_quantile(i, n), r = fit::normal_quantile(share);
            reach = std::max({reach, std::abs(z), std::abs(r)});
            rows.push_back(
                {{"l", level_name(l.target_uS)}, {"z", rounded(z, 4)}, {"r", rounded(r, 4)}});
        }
    }
    for (const double end : {-reach, reach}) rows.push_back({{"one", rounded(end, 4)}});
    Json body = Json::parse(R"json({"width": 420, "height": 320, "layer": [
      {"transform": [{"filter": "isValid(datum.one)"}],
       "mark": {"type": "line", "strokeDash": [4, 4], "color": "#8c8c8c"},
       "encoding": {"x": {"field": "one", "type": "quantitative", "title": "Normal quantile",
                          "axis": {"values": [-4, -3, -2, -1, 0, 1, 2, 3, 4]}},
                    "y": {"field": "one", "type": "quantitative",
                          "title": "Reading in sigmas of the law"}}},
      {"transform": [{"filter": "isValid(datum.r)"}],
       "mark": {"type": "point", "size": 14, "filled": true, "opacity": 0.8},
       "encoding": {"x": {"field": "z", "type": "quantitative"},
                    "y": {"field": "r", "type": "quantitative"}}}]})json");
    body["layer"][1]["encoding"]["color"] = level_colour(p);
    return make_figure("quantiles", "Q-Q against the fitted law",
                       "Readings as the card's law sees them (bias and sigma of the level taken "
                       "off) against a standard normal. On the dashed line the law holds; a "
                       "steeper level is wider than the law, a shifted one has another mean.",
                       body, rows);
}

}  // namespace

std::vector<Figure> programming_fit_figures(const fit::ProgrammingFit& p) {
    return {sigma_figure(p), histogram_figure(p), paper_figure(p), quantile_figure(p)};
}

}  // namespace attohm
