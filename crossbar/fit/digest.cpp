#include <fmt/format.h>

#include "crossbar/fit/device_fit.hpp"

namespace attohm::fit {

namespace {

std::string with(const Estimate& e) {
    return fmt::format("{:.4g} [{:.4g}, {:.4g}]", e.value, e.bounds.low, e.bounds.high);
}

std::string programming_line(const ProgrammingFit& p) {
    std::string law =
        p.law == ProgrammingLaw::table
            ? std::string("sigma by table")
            : fmt::format("{} = {}",
                          p.law == ProgrammingLaw::log_normal ? "sigma of ln G" : "sigma",
                          p.sigma.law.text(p.law == ProgrammingLaw::log_normal ? "" : "uS"));
    const std::string bias = p.bias         ? "mean error " + p.bias->text("uS")
                             : p.table_bias ? "mean error by table"
                                            : "no mean error resolved";
    return fmt::format("  programming  {} ({} law, {} levels, {} readings at {:.4g} s); {}\n", law,
                       programming_law_name(p.law), p.levels.size(), p.points, p.measured_at_s,
                       bias) +
           fmt::format("  stuck        low {}, high {} of {} cells\n", with(p.stuck.low_rate),
                       with(p.stuck.high_rate), p.stuck.cells);
}

std::string reads_line(const ReadsFit& r) {
    std::string text = fmt::format("  read noise   sigma_rel {}", with(r.sigma_rel));
    if (r.sigma_abs_uS.value > 0.0) text += fmt::format(", sigma_abs {} uS", with(r.sigma_abs_uS));
    text += fmt::format(" in {:.3g} s ({} records)\n", r.integration_s, r.records.size());
    if (r.slow)
        text += fmt::format("  slow noise   A {}, exponent {}, {:.3g} to {:.3g} Hz\n",
                            with(r.amplitude_rel2), with(r.exponent), r.f_low_Hz, r.f_high_Hz);
    return text;
}

std::string retention_line(const RetentionFit& r) {
    std::string text;
    if (!r.levels.empty())
        text += fmt::format("  relaxation   {} per ln(age), spread {} + ({}) ln(age / {:.4g} s)\n",
                            r.mean.law.text("uS"), r.sigma.law.text("uS"),
                            r.sigma_per_ln.law.text("uS"), r.t0_s);
    if (!r.temperature) return text;
    const TemperatureFit& t = *r.temperature;
    text += fmt::format("  temperature  from {:g} K, crossover {:.4g} uS", r.reference_K,
                        t.crossover_uS);
    if (t.alpha_per_K) text += fmt::format(", alpha {} per K", with(*t.alpha_per_K));
    if (t.activation_eV) text += fmt::format(", activation {} eV", with(*t.activation_eV));
    return text + "\n";
}

std::string iv_line(const IvFit& v) {
    std::string law = "linear within its noise";
    if (v.law == IvLaw::sinh) law = "sinh, v0 " + with(v.v0_V) + " V";
    if (v.law == IvLaw::polynomial)
        law = fmt::format("polynomial, a2 {}, a3 {}", with(v.coefficients[0]),
                          with(v.coefficients[1]));
    return fmt::format("  I-V          {}, linear cell at {:.4g} V ({} sweeps)\n", law, v.v_ref_V,
                       v.curves.size());
}

std::string pulses_line(const PulsesFit& p) {
    std::string text = fmt::format("  pulses       step {} uS, sigma {} uS ({} pulses)\n",
                                   with(p.step_uS), with(p.sigma_uS), p.pulses);
    if (p.loop)
        text += fmt::format("  verify       {} pulses per write, accepted {}, window {}{}\n",
                            with(p.pulses_mean), with(p.accepted), with(p.window),
                            p.relative_window ? " of the target" : " uS");
    return text;
}

}  // namespace

std::string fit_digest(const DeviceFit& fit) {
    std::string text;
    if (fit.programming) text += programming_line(*fit.programming);
    if (fit.reads) text += reads_line(*fit.reads);
    if (fit.retention) text += retention_line(*fit.retention);
    if (fit.iv) text += iv_line(*fit.iv);
    if (fit.pulses) text += pulses_line(*fit.pulses);
    for (const std::string& warning : fit.warnings) text += "  - " + warning + "\n";
    return text;
}

}  // namespace attohm::fit
