#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "crossbar/device/slow_noise.hpp"
#include "src/report/fit_report.hpp"
#include "src/report/format.hpp"
#include "src/report/vega_lite.hpp"

/// Plots of the other parts of a fit: spectrum, retention, I-V, pulses.
namespace attohm {

namespace {

// --- spectrum -----------------------------------------------------------------------------------

/// The ladder of the card's slow noise: every component and their sum, inside the band.
void add_ladder(const fit::ReadsFit& r, double least, Json& rows) {
    const SlowNoise noise = r.slow_noise();
    constexpr int kPoints = 60;
    for (int i = 0; i <= kPoints; ++i) {
        const double f = r.f_low_Hz * std::pow(r.f_high_Hz / r.f_low_Hz, i / double(kPoints));
        double sum = 0.0;
        for (const SlowComponent& c : noise.components()) {
            const double w = 2.0 * std::numbers::pi * f;
            const double s = 4.0 * c.sigma * c.sigma * c.rate / (c.rate * c.rate + w * w);
            sum += s;
            if (s > 0.3 * least)
                rows.push_back({{"f", rounded(f)}, {"c", c.number}, {"s", rounded(s)}});
        }
        rows.push_back({{"f", rounded(f)}, {"k", "ladder, summed"}, {"law", rounded(sum)}});
    }
}

Figure spectrum_figure(const fit::ReadsFit& r) {
    Json rows = Json::array();
    double least = r.spectrum.front().measured;
    for (const fit::SpectrumPoint& p : r.spectrum) {
        least = std::min(least, p.bounds.low);
        rows.push_back({{"f", rounded(p.frequency_Hz)},
                        {"m", rounded(p.measured)},
                        {"low", rounded(p.bounds.low)},
                        {"high", rounded(p.bounds.high)}});
        rows.push_back({{"f", rounded(p.frequency_Hz)},
                        {"k", "fit: 1/f, folded, and white"},
                        {"law", rounded(p.by_law)}});
    }
    double floor = least;
    if (r.slow) {
        // So low that where the ladder crosses the white floor can be seen.
        floor = std::min(least, r.amplitude_rel2.value * std::pow(r.f_high_Hz, -r.exponent.value));
        add_ladder(r, floor, rows);
    }
    Json body = Json::parse(R"json({"width": 680, "height": 300,
      "encoding": {"x": {"field": "f", "type": "quantitative", "title": "Frequency (Hz)",
                         "scale": {"type": "log", "nice": false}, "axis": {"format": "~g"}}},
      "layer": [
        {"transform": [{"filter": "isValid(datum.c)"}],
         "mark": {"type": "line", "strokeWidth": 0.8, "color": "#8c8c8c", "opacity": 0.7, "clip": true},
         "encoding": {"y": {"field": "s", "type": "quantitative",
                            "title": "Spectrum of dG/G, one-sided (1/Hz)",
                            "scale": {"type": "log"}, "axis": {"format": "~e"}},
                      "detail": {"field": "c", "type": "nominal"}}},
        {"transform": [{"filter": "isValid(datum.low)"}],
         "mark": {"type": "rule", "strokeWidth": 1.2},
         "encoding": {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}},
        {"transform": [{"filter": "isValid(datum.m)"}],
         "mark": {"type": "point", "filled": true, "size": 36, "color": "#d55e00", "opacity": 1},
         "encoding": {"y": {"field": "m", "type": "quantitative"}}},
        {"transform": [{"filter": "isValid(datum.law)"}],
         "mark": {"type": "line", "strokeWidth": 2},
         "encoding": {"y": {"field": "law", "type": "quantitative"},
                      "color": {"field": "k", "type": "nominal", "title": null,
                                "scale": {"domain": ["fit: 1/f, folded, and white", "ladder, summed"],
                                          "range": ["#0072b2", "#009e73"]}}}}
      ]})json");
    body["layer"][0]["encoding"]["y"]["scale"]["domainMin"] = rounded(0.5 * floor, 3);
    body["layer"][2]["encoding"]["tooltip"] =
        Json::array({tip("f", "frequency (Hz)", ".4g"), tip("m", "measured (1/Hz)", ".4g")});
    return make_figure(
        "spectrum", "Spectrum of the reads and the fitted ladder",
        "Dots: periodograms averaged over records and a twelfth of a decade, with intervals. Blue: "
        "the fit as these reads see it, noise from above half the sampling rate folded back. "
        "Green: "
        "the card's slow noise, the sum of its ladder; grey: the ladder's components.",
        body, rows);
}

Figure spectrum_residual_figure(const fit::ReadsFit& r) {
    Json rows = Json::array();
    for (const fit::SpectrumPoint& p : r.spectrum)
        rows.push_back({{"f", rounded(p.frequency_Hz)},
                        {"m", rounded(p.measured / p.by_law)},
                        {"low", rounded(p.bounds.low / p.by_law)},
                        {"high", rounded(p.bounds.high / p.by_law)}});
    Json body = Json::parse(R"json({"width": 680, "height": 130,
      "encoding": {"x": {"field": "f", "type": "quantitative", "title": "Frequency (Hz)",
                         "scale": {"type": "log", "nice": false}, "axis": {"format": "~g"}}},
      "layer": [
        {"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"x": null, "y": {"datum": 1}}},
        {"mark": {"type": "rule", "strokeWidth": 1.2},
         "encoding": {"y": {"field": "low", "type": "quantitative", "title": "Measured / fit",
                            "scale": {"zero": false}},
                      "y2": {"field": "high"}}},
        {"mark": {"type": "point", "filled": true, "size": 36, "color": "#d55e00", "opacity": 1},
         "encoding": {"y": {"field": "m", "type": "quantitative"}}}]})json");
    return make_figure("spectrum-residual", "Spectrum: what is left",
                       "Measured over fit, with intervals; 1 where the law holds.", body, rows);
}

// --- retention ----------------------------------------------------------------------------------

void add_retention_rows(const fit::RetentionFit& r, Json& rows, Json& order) {
    constexpr int kPoints = 24;
    for (const fit::RetentionLevel& l : r.levels) {
        const std::string name = fmt::format("{:g} uS", l.target_uS);
        order.push_back(name);
        const double first = l.ages.front().age_s, last = l.ages.back().age_s;
        const double start = l.ages.front().mean_uS.value;
        for (const fit::AgePoint& a : l.ages)
            rows.push_back({{"l", name},
                            {"a", rounded(a.age_s)},
                            {"d", rounded(a.mean_uS.value - start)},
                            {"s", rounded(a.sigma_uS.value)},
                            {"low", rounded(a.sigma_uS.bounds.low)},
                            {"high", rounded(a.sigma_uS.bounds.high)}});
        for (int i = 0; i <= kPoints; ++i) {
            const double age = first * std::pow(last / first, i / double(kPoints));
            const double x = std::log(age / r.t0_s);
            rows.push_back({{"l", name},
                            {"a", rounded(age)},
                            {"dl", rounded(r.mean.law.at(l.target_uS) * std::log(age / first))},
                            {"sl", rounded(r.sigma.law.at(l.target_uS) +
                                           r.sigma_per_ln.law.at(l.target_uS) * x)}});
        }
    }
}

Figure retention_figure(const fit::RetentionFit& r) {
    Json rows = Json::array(), order = Json::array();
    add_retention_rows(r, rows, order);
    Json body = Json::parse(R"json({"hconcat": [
      {"width": 320, "height": 260, "layer": [
        {"transform": [{"filter": "isValid(datum.dl)"}], "mark": {"type": "line"},
         "encoding": {"y": {"field": "dl", "type": "quantitative",
                            "title": "Mean change since the first age (uS)"}}},
        {"transform": [{"filter": "isValid(datum.d)"}],
         "mark": {"type": "point", "filled": true, "size": 40, "opacity": 1},
         "encoding": {"y": {"field": "d", "type": "quantitative"}}}]},
      {"width": 320, "height": 260, "layer": [
        {"transform": [{"filter": "isValid(datum.sl)"}], "mark": {"type": "line"},
         "encoding": {"y": {"field": "sl", "type": "quantitative",
                            "title": "Spread over cells, sigma (uS)", "scale": {"zero": false}}}},
        {"transform": [{"filter": "isValid(datum.s)"}], "mark": {"type": "rule", "opacity": 0.6},
         "encoding": {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}},
        {"transform": [{"filter": "isValid(datum.s)"}],
         "mark": {"type": "point", "filled": true, "size": 40, "opacity": 1},
         "encoding": {"y": {"field": "s", "type": "quantitative"}}}]}]})json");
    for (Json& panel : body["hconcat"])
        panel["encoding"] = {
            {"x",
             {{"field", "a"},
              {"type", "quantitative"},
              {"title", "Age since the write (s)"},
              {"scale", {{"type", "log"}, {"nice", false}}},
              {"axis", {{"format", "~e"}, {"tickCount", 6}}}}},
            {"color", {{"field", "l"}, {"type", "nominal"}, {"title", "Target"}, {"sort", order}}}};
    return make_figure("relaxation", "Relaxation by log time",
                       "Left: mean of each level, change since its first age. Right: spread over "
                       "cells with intervals. Lines: the card's law.",
                       body, rows);
}

Figure temperature_figure(const fit::RetentionFit& r) {
    Json rows = Json::array();
    for (const fit::TemperatureLevel& l : r.temperature->levels)
        rows.push_back({{"g", l.target_uS},
                        {"a", rounded(1e3 * l.alpha_per_K.value)},
                        {"low", rounded(1e3 * l.alpha_per_K.bounds.low)},
                        {"high", rounded(1e3 * l.alpha_per_K.bounds.high)},
                        {"k", l.metallic ? "metallic" : "activated"}});
    rows.push_back({{"x", rounded(r.temperature->crossover_uS)}, {"zero", 0}});
    Json body = Json::parse(R"json({"width": 680, "height": 180, "layer": [
      {"transform": [{"filter": "isValid(datum.x) && datum.x > 0"}],
       "mark": {"type": "rule", "strokeDash": [4, 4]},
       "encoding": {"x": {"field": "x", "type": "quantitative", "title": "Target (uS)",
                          "scale": {"zero": false}}}},
      {"transform": [{"filter": "isValid(datum.zero)"}], "mark": {"type": "rule", "opacity": 0.4},
       "encoding": {"y": {"field": "zero", "type": "quantitative"}}},
      {"transform": [{"filter": "isValid(datum.a)"}], "mark": {"type": "rule"},
       "encoding": {"x": {"field": "g", "type": "quantitative"},
                    "y": {"field": "low", "type": "quantitative",
                          "title": "Change of G per kelvin (0.001)"},
                    "y2": {"field": "high"}}},
      {"transform": [{"filter": "isValid(datum.a)"}],
       "mark": {"type": "point", "filled": true, "size": 60, "opacity": 1},
       "encoding": {"x": {"field": "g", "type": "quantitative"},
                    "y": {"field": "a", "type": "quantitative"},
                    "color": {"field": "k", "type": "nominal", "title": null,
                              "scale": {"domain": ["metallic", "activated"],
                                        "range": ["#0072b2", "#d55e00"]}}}}]})json");
    return make_figure("temperature", "Temperature coefficient by level",
                       "Linear coefficient of every level with its interval; dashed: the "
                       "crossover between activated and metallic levels.",
                       body, rows);
}

// --- I-V ----------------------------------------------------------------------------------------

Figure iv_figure(const fit::IvFit& v) {
    constexpr int kPoints = 60;
    constexpr std::size_t kCurves = 24;
    Json rows = Json::array();
    for (std::size_t k = 0; k < v.curves.size() && k < kCurves; ++k) {
        const fit::IvCurve& c = v.curves[k];
        for (std::size_t i = 0; i < c.volt.size(); ++i) {
            const double ratio = std::exp(c.log_chord[i]) / c.g_uS;
            const double law = v.shape(c.volt[i]) * v.v_ref_V / c.volt[i];
            rows.push_back({{"v", rounded(c.volt[i])},
                            {"y", rounded(ratio)},
                            {"e", rounded(ratio / law - 1.0, 4)}});
        }
    }
    for (int i = 1; i <= kPoints; ++i) {
        const double volt = v.volts_V.high * i / kPoints;
        if (volt < v.volts_V.low) continue;
        rows.push_back({{"v", rounded(volt)}, {"law", rounded(v.shape(volt) * v.v_ref_V / volt)}});
    }
    rows.push_back({{"ref", rounded(v.v_ref_V)}});
    Json body = Json::parse(R"json({"vconcat": [
      {"width": 680, "height": 230, "layer": [
        {"transform": [{"filter": "isValid(datum.ref)"}],
         "mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.6},
         "encoding": {"x": {"field": "ref", "type": "quantitative", "title": "Voltage (V)"}}},
        {"transform": [{"filter": "isValid(datum.y)"}],
         "mark": {"type": "point", "filled": true, "size": 22, "color": "#d55e00", "opacity": 0.5},
         "encoding": {"x": {"field": "v", "type": "quantitative"},
                      "y": {"field": "y", "type": "quantitative", "title": "I / V over G at v_ref",
                            "scale": {"zero": false}}}},
        {"transform": [{"filter": "isValid(datum.law)"}],
         "mark": {"type": "line", "color": "#0072b2", "strokeWidth": 2},
         "encoding": {"x": {"field": "v", "type": "quantitative"},
                      "y": {"field": "law", "type": "quantitative"}}}]},
      {"width": 680, "height": 110, "layer": [
        {"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"y": {"datum": 0}}},
        {"transform": [{"filter": "isValid(datum.e)"}],
         "mark": {"type": "point", "filled": true, "size": 22, "color": "#d55e00", "opacity": 0.5},
         "encoding": {"x": {"field": "v", "type": "quantitative", "title": "Voltage (V)"},
                      "y": {"field": "e", "type": "quantitative",
                            "title": "Measured / law - 1"}}}]}]})json");
    return make_figure("chord", "I-V: chord conductance and what the law leaves",
                       "Dots: I / V of every sweep (at most 24), each over its own conductance at "
                       "v_ref (dashed). Line: the card's law. Below: the relative residuals.",
                       body, rows);
}

// --- pulses -------------------------------------------------------------------------------------

Figure steps_figure(const fit::PulsesFit& p) {
    const double s = p.sigma_uS.value, mean = p.step_uS.value;
    const double bin = s / 3.0, n = static_cast<double>(p.steps_uS.size());
    Json rows = Json::array();
    std::size_t at = 0;
    const auto first = static_cast<long>(std::floor(p.steps_uS.front() / bin));
    const auto last = static_cast<long>(std::floor(p.steps_uS.back() / bin));
    for (long k = first; k <= last && last - first < 2000; ++k) {
        std::size_t count = 0;
        const double right = static_cast<double>(k + 1) * bin;
        for (; at < p.steps_uS.size() && p.steps_uS[at] < right; ++at) ++count;
        rows.push_back({{"x", rounded(static_cast<double>(k) * bin)},
                        {"x2", rounded(right)},
                        {"d", rounded(static_cast<double>(count) / n / bin)}});
    }
    for (int k = -40; k <= 40; ++k) {
        const double z = 0.1 * k;
        rows.push_back(
            {{"g", rounded(mean + z * s)},
             {"law", rounded(std::exp(-0.5 * z * z) / (s * std::sqrt(2.0 * std::numbers::pi)))}});
    }
    Json body = Json::parse(R"json({"width": 680, "height": 190, "layer": [
      {"transform": [{"filter": "isValid(datum.d)"}],
       "mark": {"type": "rect", "opacity": 0.5, "color": "#d55e00"},
       "encoding": {"x": {"field": "x", "type": "quantitative",
                          "title": "Change by one pulse, towards the target (uS)"},
                    "x2": {"field": "x2"},
                    "y": {"field": "d", "type": "quantitative", "title": "Density (1/uS)"},
                    "y2": {"datum": 0}}},
      {"transform": [{"filter": "isValid(datum.law)"}],
       "mark": {"type": "line", "color": "#0072b2"},
       "encoding": {"x": {"field": "g", "type": "quantitative"},
                    "y": {"field": "law", "type": "quantitative"}}}]})json");
    return make_figure("steps", "Steps of single pulses",
                       "Bars: measured. Line: normal law with the fitted step and sigma.", body,
                       rows);
}

Figure counts_figure(const fit::PulsesFit& p) {
    Json rows = Json::array();
    for (std::size_t k = 1; k < p.count_by_pulses.size(); ++k)
        rows.push_back({{"p", k}, {"n", p.count_by_pulses[k]}});
    Json body = Json::parse(R"json({"width": 680, "height": 150,
      "mark": {"type": "bar", "color": "#0072b2"},
      "encoding": {"x": {"field": "p", "type": "quantitative", "title": "Pulses of a write",
                         "scale": {"nice": false}},
                   "y": {"field": "n", "type": "quantitative", "title": "Writes"}}})json");
    return make_figure("counts", "Pulses per write",
                       "Writes by the number of pulses they took, accepted or given up.", body,
                       rows);
}

}  // namespace

std::vector<Figure> reads_fit_figures(const fit::ReadsFit& r) {
    return {spectrum_figure(r), spectrum_residual_figure(r)};
}

std::vector<Figure> retention_fit_figures(const fit::RetentionFit& r) {
    std::vector<Figure> figures;
    if (!r.levels.empty()) figures.push_back(retention_figure(r));
    if (r.temperature) figures.push_back(temperature_figure(r));
    return figures;
}

std::vector<Figure> iv_fit_figures(const fit::IvFit& v) {
    return {iv_figure(v)};
}

std::vector<Figure> pulses_fit_figures(const fit::PulsesFit& p) {
    std::vector<Figure> figures = {steps_figure(p)};
    if (p.loop) figures.push_back(counts_figure(p));
    return figures;
}

}  // namespace attohm
