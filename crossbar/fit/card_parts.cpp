#include "crossbar/fit/card_parts.hpp"

#include <fmt/format.h>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

std::string interval(const Bounds& b) {
    return fmt::format("[{:.4g}, {:.4g}]", b.low, b.high);
}

std::string intervals(const std::vector<Bounds>& all) {
    std::string text;
    for (const Bounds& b : all) text += (text.empty() ? "" : ", ") + interval(b);
    return text;
}

/// Builds leaves of one section.
class Section {
  public:
    explicit Section(std::string name) : name_(std::move(name)) {}

    void number(const char* key, double value, std::string source, const char* help,
                Mark mark = Mark::fitted) {
        word(key, card_number(value), std::move(source), help, mark);
    }
    void word(const char* key, std::string value, std::string source, const char* help,
              Mark mark = Mark::choice) {
        leaves_.push_back({name_, key, {std::move(value)}, false, mark, std::move(source), help});
    }
    void list(const char* key, const std::vector<double>& values, std::string source,
              const char* help, Mark mark = Mark::fitted) {
        CardLeaf leaf{name_, key, {}, true, mark, std::move(source), help};
        for (const double v : values) leaf.values.push_back(card_number(v));
        leaves_.push_back(std::move(leaf));
    }
    std::vector<CardLeaf> take() { return std::move(leaves_); }

  private:
    std::string name_;
    std::vector<CardLeaf> leaves_;
};

std::string law_source(const std::string& data, const Polynomial& law, std::size_t levels) {
    return fmt::format(
        "{}, {} levels, weighted least squares; 0.95 intervals {}; chi-square {:.3g} "
        "of {} degrees of freedom",
        data, levels, intervals(law.coefficient_bounds()), law.chi2, law.dof);
}

}  // namespace

std::vector<CardLeaf> programming_leaves(const ProgrammingFit& fit) {
    Section out("programming");
    const std::string law(programming_law_name(fit.law));
    out.word("law", law, fmt::format("{}: {}", fit.source, fit.why), "law of the write's error");
    if (fit.law == ProgrammingLaw::table) {
        std::vector<double> targets, sigmas, biases;
        std::string sigma_bounds, bias_bounds;
        for (const Level& level : fit.levels) {
            targets.push_back(level.target_uS);
            sigmas.push_back(level.sigma_uS.value);
            biases.push_back(level.bias_uS());
            const double t = level.target_uS;
            const auto add = [](std::string& text, const Bounds& b) {
                text += (text.empty() ? "" : ", ") + interval(b);
            };
            add(sigma_bounds, level.sigma_uS.bounds);
            add(bias_bounds, {level.mean_uS.bounds.low - t, level.mean_uS.bounds.high - t});
        }
        out.list("target_uS", targets, fit.source, "levels written");
        out.list(
            "sigma_uS", sigmas,
            fmt::format("{}, {} readings; 0.95 intervals {}", fit.source, fit.points, sigma_bounds),
            "deviation of the conductance at each target");
        if (fit.table_bias || fit.bias)
            out.list("bias_uS", biases,
                     fmt::format("{}; 0.95 intervals {}", fit.source, bias_bounds),
                     "mean conductance less the target");
    } else {
        const bool logs = fit.law == ProgrammingLaw::log_normal;
        out.list(logs ? "sigma_ln_coefficients" : "sigma_uS_coefficients",
                 fit.sigma.law.coefficients,
                 law_source(fit.source, fit.sigma.law, fit.levels.size()),
                 logs ? "deviation of ln G as a polynomial of the target in uS, constant first"
                      : "sigma_p in uS as a polynomial of the target in uS, constant first");
        if (fit.bias)
            out.list("bias_uS_coefficients", fit.bias->coefficients,
                     law_source(fit.source, *fit.bias, fit.levels.size()),
                     "mean conductance less the target, polynomial of the target in uS");
    }
    out.number("measured_at_s", fit.measured_at_s,
               fmt::format("{}: median age, {:.4g} to {:.4g} s", fit.source, fit.ages_s.low,
                           fit.ages_s.high),
               "age at which sigma_p was measured");
    return out.take();
}

std::vector<CardLeaf> stuck_leaves(const ProgrammingFit& fit) {
    Section out("stuck");
    const StuckFit& s = fit.stuck;
    const auto rate = [&](const char* key, const Estimate& e, std::size_t n, const char* help) {
        out.number(key, e.value,
                   fmt::format("{}: {} of {} cells; 0.95 interval {}", fit.source, n, s.cells,
                               interval(e.bounds)),
                   help);
    };
    const auto resistance = [&](const char* key, std::optional<double> seen, double otherwise,
                                const char* which) {
        if (seen)
            out.number(key, *seen, fmt::format("{}: median of the stuck cells", fit.source),
                       "what such a cell shows");
        else
            out.number(key, otherwise,
                       fmt::format("no such cell in {}: 1 / {}, which nothing shows at rate 0",
                                   fit.source, which),
                       "what such a cell shows", Mark::assumed);
    };
    const double low = fit.levels.front().target_uS, high = fit.levels.back().target_uS;
    rate("low_rate", s.low_rate, s.low.size(), "P(cell stuck at low resistance)");
    resistance("low_resistance_ohm", s.low_resistance_ohm, 1e6 / high, "g_max");
    rate("high_rate", s.high_rate, s.high.size(), "P(cell stuck at high resistance)");
    resistance("high_resistance_ohm", s.high_resistance_ohm, low > 0.0 ? 1e6 / low : 1e15,
               low > 0.0 ? "g_min" : "g_floor");
    out.word("spatial", "independent", "clustering is not fitted", "how stuck cells lie");
    return out.take();
}

std::vector<CardLeaf> relaxation_leaves(const RetentionFit& fit) {
    if (fit.levels.empty()) return {};
    Section out("relaxation");
    out.word("law", "log-time",
             fmt::format("{}, {:.4g} to {:.4g} s at {:g} K", fit.source, fit.ages_s.low,
                         fit.ages_s.high, fit.reference_K),
             "G moves with ln(age / t0), t0 = programming.measured_at_s");
    const auto part = [&](const char* key, const PolynomialChoice& choice, const char* help) {
        const std::string source =
            choice.law.coefficients == std::vector<double>{0.0} && choice.law.dof == 0.0
                ? fit.source
                : law_source(fit.source, choice.law, fit.levels.size());
        out.list(key, choice.law.coefficients, source, help);
    };
    part("mean_uS_per_ln_coefficients", fit.mean,
         "mean change of G per unit of ln(age), uS, polynomial of G in uS");
    part("sigma_uS_coefficients", fit.sigma, "deviation of G over cells at t0, uS");
    part("sigma_uS_per_ln_coefficients", fit.sigma_per_ln,
         "growth of that deviation per unit of ln(age), uS");
    return out.take();
}

std::vector<CardLeaf> temperature_leaves(const RetentionFit& fit) {
    if (!fit.temperature) return {};
    const TemperatureFit& t = *fit.temperature;
    Section out("temperature");
    const std::string source = fmt::format("{}, {:g} to {:g} K", fit.source,
                                           t.temperatures_K.front(), t.temperatures_K.back());
    out.number("reference_K", fit.reference_K, fit.source + ": temperature with most readings",
               "temperature of the card's conductances");
    out.number("crossover_uS", t.crossover_uS,
               source + (!t.activation_eV ? ": every level falls with temperature"
                         : !t.alpha_per_K ? ": every level rises with temperature"
                                          : ": between the levels that rise and those that fall"),
               "metallic from here on, activated below");
    if (t.alpha_per_K)
        out.number("alpha_per_K", t.alpha_per_K->value,
                   fmt::format("{}; 0.95 interval {}", source, interval(t.alpha_per_K->bounds)),
                   "G(T) = G(T0)(1 + alpha (T - T0))");
    else
        out.number("alpha_per_K", 0.0, "no metallic level in " + fit.source,
                   "G(T) = G(T0)(1 + alpha (T - T0))", Mark::assumed);
    if (t.activation_eV)
        out.number("activation_eV", std::max(t.activation_eV->value, 0.0),
                   fmt::format("{}; 0.95 interval {}", source, interval(t.activation_eV->bounds)),
                   "G(T) = G(T0) exp(-(Ea / k)(1/T - 1/T0))");
    else
        out.number("activation_eV", 0.0, "no activated level in " + fit.source,
                   "G(T) = G(T0) exp(-(Ea / k)(1/T - 1/T0))", Mark::assumed);
    return out.take();
}

std::vector<CardLeaf> read_noise_leaves(const ReadsFit& fit) {
    Section out("read_noise");
    const std::string source =
        fmt::format("{}, {} records, {:.4g} to {:.4g} uS, Whittle likelihood", fit.source,
                    fit.records.size(), fit.conductance_uS.low, fit.conductance_uS.high);
    const auto part = [&](const char* key, const Estimate& e, const char* help) {
        if (e.value > 0.0)
            out.number(key, e.value,
                       fmt::format("{}; 0.95 interval {}", source, interval(e.bounds)), help);
        else
            out.number(key, 0.0, source + "; not significant", help);
    };
    part("sigma_rel", fit.sigma_rel, "white noise of one read as a fraction of the conductance");
    part("sigma_abs_uS", fit.sigma_abs_uS, "white noise of one read that does not depend on G");
    out.number("integration_time_ns", fit.integration_s * 1e9, fit.source + ", as stated",
               "integration time the sigmas belong to");
    return out.take();
}

std::vector<CardLeaf> slow_noise_leaves(const ReadsFit& fit) {
    if (!fit.slow) return {};
    Section out("slow_noise");
    const std::string source =
        fmt::format("{}, {} records, Whittle likelihood", fit.source, fit.records.size());
    out.number("amplitude_rel2", fit.amplitude_rel2.value,
               fmt::format("{}; 0.95 interval {}", source, interval(fit.amplitude_rel2.bounds)),
               "A of S(f) = A / f^g, one-sided, of dG/G, in Hz^(g-1)");
    out.number("exponent", fit.exponent.value,
               fmt::format("{}; 0.95 interval {}", source, interval(fit.exponent.bounds)), "g");
    out.number("f_low_Hz", fit.f_low_Hz, fit.source + ": 1 / length of the records",
               "lowest frequency measured");
    out.number("f_high_Hz", fit.f_high_Hz, fit.source + ": half the sampling rate",
               "highest frequency measured");
    return out.take();
}

std::vector<CardLeaf> iv_leaves(const IvFit& fit, bool v_ref_given) {
    if (fit.law == IvLaw::linear) return {};
    Section out("iv");
    const std::string source = fmt::format("{}, {} sweeps, {:.3g} to {:.3g} V", fit.source,
                                           fit.curves.size(), fit.volts_V.low, fit.volts_V.high);
    out.word("law", std::string(iv_law_name(fit.law)), source + ": " + fit.why,
             "shape of the cell's current");
    out.number("v_ref_V", fit.v_ref_V,
               v_ref_given ? "as stated" : fit.source + ": the middle of the sweep",
               "voltage at which the cell is the linear one", Mark::choice);
    if (fit.law == IvLaw::sinh) {
        out.number("v0_V", fit.v0_V.value,
                   fmt::format("{}; 0.95 interval {}; residual {:.3g} rms", source,
                               interval(fit.v0_V.bounds), fit.rms_sinh),
                   "I = G v_ref sinh(V/v0) / sinh(v_ref/v0)");
    } else {
        std::vector<double> values;
        std::vector<Bounds> bounds;
        for (const Estimate& e : fit.coefficients) {
            values.push_back(e.value);
            bounds.push_back(e.bounds);
        }
        out.list("coefficients", values,
                 fmt::format("{}; 0.95 intervals {}; residual {:.3g} rms", source,
                             intervals(bounds), fit.rms_polynomial),
                 "a2, a3 of I = G (V + a2 V^2 + a3 V^3) / (1 + a2 v_ref + a3 v_ref^2)");
    }
    return out.take();
}

std::vector<CardLeaf> verify_leaves(const PulsesFit& fit, const CardLeaf& read_sigma_rel) {
    if (!fit.loop || fit.window.value <= 0.0) return {};
    Section out("verify");
    out.number(fit.relative_window ? "window_rel" : "window_uS", fit.window.value,
               fmt::format("{}, {} writes, accepted share {:.4g}; 0.95 interval {}", fit.source,
                           fit.writes, fit.accepted.value, interval(fit.window.bounds)),
               "half-width of what the verify read accepts");
    out.number("pulse_step_uS", fit.step_uS.value,
               fmt::format("{}, {} pulses; 0.95 interval {}", fit.source, fit.pulses,
                           interval(fit.step_uS.bounds)),
               "mean change by one pulse, towards the target");
    out.number("pulse_sigma_uS", fit.sigma_uS.value,
               fmt::format("{}, {} pulses; 0.95 interval {}; holds the noise of both reads",
                           fit.source, fit.pulses, interval(fit.sigma_uS.bounds)),
               "deviation of the change by one pulse");
    out.number("pulses_max", static_cast<double>(fit.pulses_max + 1),
               fit.source + ": largest number of pulses in one write, and the reset before it",
               "pulses after which a write gives up, the reset counted");
    std::vector<CardLeaf> leaves = out.take();
    leaves.push_back(read_sigma_rel);
    leaves.push_back({"verify",
                      "endurance_cycles",
                      {"none"},
                      false,
                      Mark::choice,
                      "endurance was not measured",
                      "writes a cell survives"});
    return leaves;
}

}  // namespace attohm::fit
