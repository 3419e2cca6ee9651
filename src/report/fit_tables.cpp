#include <fmt/format.h>

#include <cmath>

#include "src/report/fit_report.hpp"
#include "src/report/html.hpp"

/// The numbers of a fit as tables.
namespace attohm {

namespace {

using fit::Bounds;
using fit::Estimate;

std::string number(double value) {
    return fmt::format("{:.4g}", value);
}

std::string interval(const Bounds& b) {
    return fmt::format("[{:.4g}, {:.4g}]", b.low, b.high);
}

std::string with(const Estimate& e) {
    return number(e.value) + " " + interval(e.bounds);
}

std::string heading(const char* text) {
    return fmt::format("<h4>{}</h4>\n", text);
}

/// One row per coefficient, then how well the law fits.
void law_rows(HtmlTable& table, const std::string& name, const fit::Polynomial& law,
              const std::vector<double>& chi2_by_degree) {
    const auto bounds = law.coefficient_bounds();
    for (std::size_t k = 0; k < law.coefficients.size(); ++k)
        table.row({k == 0 ? name : "", fmt::format("G^{}", k), number(law.coefficients[k]),
                   interval(bounds[k]), k == 0 ? number(law.chi2) : "",
                   k == 0 ? number(law.dof) : "", k == 0 ? number(law.fit_p) : "",
                   k == 0 ? fmt::format("{:.4g}", fmt::join(chi2_by_degree, ", ")) : ""});
}

HtmlTable law_table() {
    return HtmlTable("numbers", {"Law", "Term", "#Value (uS, uS of G)", "#Interval", "#Chi-square",
                                 "#Degrees of freedom", "#p", "#Chi-square by degree 0, 1, .."});
}

std::string levels_table(const fit::ProgrammingFit& p) {
    HtmlTable table("numbers",
                    {"#Target (uS)", "#Readings", "#Mean (uS)", "#Sigma (uS)", "#Law (uS)", "#Pull",
                     "#Interval by", "#A*2", "#p (normal)", "#Q-Q corr."});
    for (const fit::Level& l : p.levels) {
        const double law = p.sigma_at(l.target_uS);
        const double half = 0.5 * std::log(l.sigma_uS.bounds.high / l.sigma_uS.bounds.low);
        table.row({number(l.target_uS), std::to_string(l.values_uS.size()), number(l.mean_uS.value),
                   with(l.sigma_uS), number(law),
                   fmt::format("{:+.2f}", 1.96 * std::log(l.sigma_uS.value / law) / half),
                   l.normal ? "chi-square" : "jackknife", number(l.normality.a2),
                   number(l.normality.p), fmt::format("{:.4f}", l.normality.q_correlation)});
    }
    return heading("Levels") + table.take();
}

std::string overlap_table(const fit::ProgrammingFit& p) {
    HtmlTable table("numbers", {"Neighbours (uS)", "#Middle (uS)", "#Lower read as upper, data",
                                "#By the law", "#Upper read as lower, data", "#By the law"});
    for (const fit::Overlap& o : p.overlaps)
        table.row({fmt::format("{:g} and {:g}", o.low_uS, o.high_uS),
                   number(0.5 * (o.low_uS + o.high_uS)), with(o.low_misread), number(o.low_by_law),
                   with(o.high_misread), number(o.high_by_law)});
    return heading("Overlap between neighbours: readings beyond the middle of the two targets") +
           table.take();
}

std::string stuck_table(const fit::StuckFit& s) {
    HtmlTable table("numbers", {"Stuck", "#Cells", "#Of", "#Rate", "#Resistance (ohm)"});
    const auto resistance = [](const std::optional<double>& r) {
        return r ? number(*r) : std::string("none seen");
    };
    table.row({"at low resistance", std::to_string(s.low.size()), std::to_string(s.cells),
               with(s.low_rate), resistance(s.low_resistance_ohm)});
    table.row({"at high resistance", std::to_string(s.high.size()), std::to_string(s.cells),
               with(s.high_rate), resistance(s.high_resistance_ohm)});
    return heading("Stuck cells") + table.take() +
           paragraph(fmt::format(
               "Rule: a reading further than {} robust sigmas (1.4826 x the median distance) from "
               "the median of its level, and either all readings of the cell are such, or its "
               "conductances span less than half of its targets. {} far readings of other cells "
               "were kept.",
               fit::StuckFit::kFarSigmas, s.outliers));
}

}  // namespace

std::string programming_fit_tables(const fit::ProgrammingFit& p) {
    std::string html = levels_table(p);
    HtmlTable laws = law_table();
    if (p.law != ProgrammingLaw::table)
        law_rows(laws, p.law == ProgrammingLaw::log_normal ? "sigma of ln G" : "sigma", p.sigma.law,
                 p.sigma.chi2_by_degree);
    if (p.bias) law_rows(laws, "mean error", *p.bias, {});
    if (laws.rows() > 0) html += heading("Law") + laws.take();
    html += paragraph(fmt::format(
        "Law: {} ({}). Mean error against none at all: chi-square {:.4g} of {} levels. "
        "Log-likelihood of log-normal less that of normal: {:.1f}.",
        fit::programming_law_name(p.law), p.why, p.bias_chi2, p.levels.size(), p.log_normal_gain));
    return html + overlap_table(p) + stuck_table(p.stuck);
}

std::string reads_fit_tables(const fit::ReadsFit& r) {
    HtmlTable table("numbers", {"Parameter", "#Value", "#Interval", "Unit"});
    const auto row = [&](const char* name, const Estimate& e, const std::string& unit) {
        if (e.value > 0.0)
            table.row({name, number(e.value), interval(e.bounds), unit});
        else
            table.row({name, "0", "not significant", unit});
    };
    const std::string read = fmt::format("one read of {:.3g} s", r.integration_s);
    row("white, relative to G", r.sigma_rel, read);
    row("white, absolute", r.sigma_abs_uS, "uS, " + read);
    if (r.slow) {
        row("A of S = A / f^g", r.amplitude_rel2, "Hz^(g-1)");
        row("exponent g", r.exponent, "");
    }
    std::string html = table.take();
    html += paragraph(fmt::format(
        "{} records, {} reads every {:.4g} s; band {:.4g} to {:.4g} Hz. The 1/f part raises twice "
        "the log-likelihood by {:.1f} (two parameters). Spread of the cells' scores over what one "
        "law allows: {:.2f}. Records on two levels: {}.",
        r.records.size(), r.samples, r.spacing_s, r.f_low_Hz, r.f_high_Hz, r.slow_gain, r.excess,
        r.two_level_records));
    HtmlTable points("numbers", {"#Frequency (Hz)", "#Spectrum of dG/G (1/Hz)", "#Interval",
                                 "#Law (1/Hz)", "#Measured over law"});
    for (const fit::SpectrumPoint& p : r.spectrum)
        points.row({number(p.frequency_Hz), number(p.measured), interval(p.bounds),
                    number(p.by_law), fmt::format("{:.3f}", p.measured / p.by_law)});
    return html + collapsed("Spectrum as numbers", points.take());
}

namespace {

std::string relaxation_tables(const fit::RetentionFit& r) {
    if (r.levels.empty()) return "";
    HtmlTable levels("numbers",
                     {"#Target (uS)", "#Writes", "#Mean slope c (uS per ln)", "#Spread at t0 (uS)",
                      "#Growth (uS per ln)", "#Law: c", "#s0", "#s1"});
    for (const fit::RetentionLevel& l : r.levels)
        levels.row({number(l.target_uS), std::to_string(l.writes), with(l.mean_per_ln_uS),
                    with(l.sigma_uS), with(l.sigma_per_ln_uS), number(r.mean.law.at(l.target_uS)),
                    number(r.sigma.law.at(l.target_uS)),
                    number(r.sigma_per_ln.law.at(l.target_uS))});
    HtmlTable laws = law_table();
    law_rows(laws, "c", r.mean.law, r.mean.chi2_by_degree);
    law_rows(laws, "s0", r.sigma.law, r.sigma.chi2_by_degree);
    law_rows(laws, "s1", r.sigma_per_ln.law, r.sigma_per_ln.chi2_by_degree);
    HtmlTable ages("numbers",
                   {"#Target (uS)", "#Age (s)", "#Cells", "#Mean (uS)",
                    "#Law: change from the first age (uS)", "#Sigma (uS)", "#Law: sigma (uS)"});
    for (const fit::RetentionLevel& l : r.levels)
        for (const fit::AgePoint& a : l.ages) {
            const double x = std::log(a.age_s / r.t0_s);
            ages.row(
                {number(l.target_uS), number(a.age_s), std::to_string(a.cells), with(a.mean_uS),
                 number(r.mean.law.at(l.target_uS) * std::log(a.age_s / l.ages[0].age_s)),
                 with(a.sigma_uS),
                 number(r.sigma.law.at(l.target_uS) + r.sigma_per_ln.law.at(l.target_uS) * x)});
        }
    std::string html = heading("Relaxation") + levels.take() + laws.take() +
                       collapsed("Every age as numbers", ages.take());
    if (r.hot.empty()) return html;
    HtmlTable hot("numbers", {"#Temperature (K)", "#Target (uS)", "#Mean slope (uS per ln)"});
    for (const fit::HotSlope& h : r.hot)
        hot.row({number(h.temperature_K), number(h.target_uS), with(h.mean_per_ln_uS)});
    return html + heading("Slopes at other temperatures (told, not used)") + hot.take();
}

}  // namespace

std::string retention_fit_tables(const fit::RetentionFit& r) {
    std::string html = relaxation_tables(r);
    if (r.stuck > 0) html += paragraph(fmt::format("{} stuck cells left out.", r.stuck));
    if (!r.temperature) return html;
    HtmlTable table("numbers", {"#Target (uS)", "#Writes", "#alpha (1/K)", "#Activation (eV)",
                                "Side of the crossover"});
    for (const fit::TemperatureLevel& l : r.temperature->levels)
        table.row({number(l.target_uS), std::to_string(l.writes), with(l.alpha_per_K),
                   with(l.activation_eV), l.metallic ? "metallic" : "activated"});
    const auto said = [](const std::optional<Estimate>& e) {
        return e ? with(*e) : std::string("none");
    };
    return html + heading("Temperature") + table.take() +
           paragraph(fmt::format("Reference {:g} K, crossover {:.4g} uS; common alpha {} per K, "
                                 "common activation {} eV.",
                                 r.reference_K, r.temperature->crossover_uS,
                                 said(r.temperature->alpha_per_K),
                                 said(r.temperature->activation_eV)));
}

std::string iv_fit_tables(const fit::IvFit& v) {
    HtmlTable table("numbers", {"Law", "Parameters", "#Residual (rms, relative)"});
    table.row({"linear", "", number(v.rms_linear)});
    table.row({"sinh", "v0 " + with(v.v0_V) + " V", number(v.rms_sinh)});
    table.row(
        {"polynomial",
         fmt::format("a2 {} 1/V, a3 {} 1/V^2", with(v.coefficients[0]), with(v.coefficients[1])),
         number(v.rms_polynomial)});
    return table.take() +
           paragraph(fmt::format("Written: {} ({}); {} points of {} sweeps, {:.4g} to {:.4g} V, "
                                 "v_ref {:.4g} V.",
                                 iv_law_name(v.law), v.why, v.points, v.curves.size(),
                                 v.volts_V.low, v.volts_V.high, v.v_ref_V));
}

std::string pulses_fit_tables(const fit::PulsesFit& p) {
    HtmlTable table("numbers", {"Quantity", "#Value", "#Interval", "Unit"});
    const auto row = [&](const char* name, const Estimate& e, const char* unit) {
        table.row({name, number(e.value), interval(e.bounds), unit});
    };
    row("step", p.step_uS, "uS per pulse");
    row("sigma of the step", p.sigma_uS, "uS");
    if (p.loop) {
        row("pulses per write", p.pulses_mean, "");
        row("writes accepted", p.accepted, "share");
        row("window", p.window, p.relative_window ? "of the target" : "uS");
    }
    return table.take() +
           paragraph(fmt::format(
               "{} pulses of {:.4g} V and {:.4g} s (medians){}; A*2 of the steps "
               "{:.3g}, p {:.3g}.",
               p.pulses, p.voltage_V, p.width_s,
               p.loop ? fmt::format(", {} writes, at most {} pulses", p.writes, p.pulses_max) : "",
               p.normality.a2, p.normality.p));
}

std::string card_fit_table(const fit::DeviceFit& fit) {
    HtmlTable table("numbers", {"Key", "Value", "Mark", "Source"});
    for (const std::string& section : fit::card_sections())
        for (const fit::CardLeaf& leaf : fit.card)
            if (leaf.section == section)
                table.row({leaf.section + "." + leaf.key,
                           fmt::format("{}", fmt::join(leaf.values, ", ")),
                           std::string(mark_name(leaf.mark)), leaf.source});
    return table.take();
}

}  // namespace attohm
