#include "crossbar/device/device_models.hpp"

/// The table's entries on what becomes of a written cell and how it is read.
namespace attohm {

namespace {

DeviceModel log_time_model() {
    return {"relaxation-log-time",
            "relaxation",
            "log-time",
            "drift and spread that grow with the logarithm of the age",
            {"G(a) = G_w + c(G_w) L + sqrt(s(a)^2 - s(t0)^2) z,  L = ln(max(a, t0) / t0)",
             "s(a) = s0(G_w) + s1(G_w) L,  z standard normal, once per write event: one path",
             "t0 = programming.measured_at_s; the programming spread holds s(t0) already"},
            {{"relaxation.law", "-", "log-time", "law of the ageing"},
             {"relaxation.mean_uS_per_ln_coefficients", "uS^(1-k)",
              "1 to 4 numbers, constant first", "c(G)"},
             {"relaxation.sigma_uS_coefficients", "uS^(1-k)",
              "1 to 4 numbers; s0 >= 0 in the card's range", "s0(G): spread at t0"},
             {"relaxation.sigma_uS_per_ln_coefficients", "uS^(1-k)",
              "1 to 4 numbers; s1 >= 0 in the card's range", "s1(G): growth of the spread"}},
            "physics.md section 3; arXiv 2502.04524 for the law in ln(age)",
            {"a second time constant", "ages below t0 (taken as t0, counted)",
             "faster ageing when hot"}};
}

DeviceModel power_model() {
    return {"relaxation-power",
            "relaxation",
            "power",
            "drift by a power of the age",
            {"G(a) = G_w (max(a, t0) / t0)^-nu,  nu = nu(x) + nu_s(x) z,  x = G_w / G_max",
             "z standard normal, once per write event: one path;  t0 = programming.measured_at_s"},
            {{"relaxation.law", "-", "power", "law of the ageing"},
             {"relaxation.nu_coefficients", "1", "1 to 4 numbers, constant first", "nu(G / G_max)"},
             {"relaxation.nu_sigma_coefficients", "1",
              "1 to 4 numbers; nu_s >= 0 in the card's range", "nu_s(G / G_max)"}},
            "physics.md section 3; Joshi et al., Nature Communications 11 (2020) 2473, "
            "doi:10.1038/s41467-020-16108-9, for phase-change cells",
            {"a second time constant", "ages below t0 (taken as t0, counted)",
             "faster ageing when hot"}};
}

DeviceModel temperature_model() {
    return {
        "temperature",
        "temperature",
        "",
        "metallic cells above a crossover, thermally activated ones below",
        {"G >= crossover: G(T) = G(T0) (1 + alpha (T - T0))",
         "G <  crossover: G(T) = G(T0) exp(-(Ea / k) (1 / T - 1 / T0))",
         "wires: r(T) = r(300 K) (1 + 0.00451 (T - 300)), the sign kept below 300 K"},
        {{"temperature.reference_K", "K", "1 to 2000", "T0"},
         {"temperature.crossover_uS", "uS", "0 to 1e7", "between the two laws"},
         {"temperature.alpha_per_K", "1/K", "-1 to 1, 1 + alpha (T - T0) > 0", "of metallic cells"},
         {"temperature.activation_eV", "eV", "0 to 10", "Ea of activated cells"}},
        "physics.md section 3",
        {"coefficients that depend on the state", "temperature during the write", "self-heating"}};
}

DeviceModel white_model() {
    return {"white-noise",
            "read_noise",
            "",
            "Gaussian noise of one read, without memory",
            {"I = V (G (1 + eta) + g_n),  eta and g_n independent over cells and reads",
             "sigma(T) = sigma(T_0) sqrt(T_0 / T),  T_0 = integration_time_ns"},
            {{"read_noise.sigma_rel", "1", "0 to 10", "of eta at T_0"},
             {"read_noise.sigma_abs_uS", "uS", "0 to 1e7", "of g_n at T_0"},
             {"read_noise.integration_time_ns", "ns", "1e-3 to 1e15", "T_0"}},
            "physics.md section 4",
            {"clipping of a single noisy read", "noise with memory (1/f, rtn)"}};
}

DeviceModel slow_model() {
    return {
        "1/f",
        "slow_noise",
        "",
        "read noise with memory: a ladder of Ornstein-Uhlenbeck processes per cell",
        {"one-sided spectrum of dG/G: S(f) = A / f^g between f_low and f_high",
         "f_m = f_low / 10 * 10^(m/2) up to 10 f_high,  variance_m = A sin(pi g / 2) ln(sqrt 10) "
         "f_m^(1-g)",
         "covariance of x_m: variance_m exp(-2 pi f_m |t|)",
         "what the programming spread or the verify read holds already is taken off: "
         "x_m(a) - x_m(t)"},
        {{"slow_noise.amplitude_rel2", "Hz^(g-1)", "0 to 1e6", "A"},
         {"slow_noise.exponent", "1", "0.5 to 1.5", "g"},
         {"slow_noise.f_low_Hz", "Hz", "above 0, below f_high", "lower end of the band"},
         {"slow_noise.f_high_Hz", "Hz", "above f_low", "upper end of the band"}},
        "physics.md section 4; van der Ziel, Physica 16 (1950) 359",
        {"an amplitude that depends on state, bias or temperature", "cells whose spectra differ"}};
}

DeviceModel telegraph_model() {
    return {
        "rtn",
        "telegraph",
        "",
        "random telegraph noise: two-state traps, drawn once per write event",
        {"number of traps per cell Poisson(traps_mean); dG/G = step (p - occupied) per trap",
         "step log-normal: step_median exp(step_sigma_ln z)",
         "rate l = 1/tau_c + 1/tau_e log-uniform,  p = tau_e / (tau_c + tau_e)",
         "P(occupied after t | occupied) = p + (1 - p) e^(-l t),  P(. | empty) = p (1 - e^(-l t))"},
        {{"telegraph.traps_mean", "1", "0 to 16", "traps per cell"},
         {"telegraph.step_median_rel", "1", "0 to 1", "median relative step"},
         {"telegraph.step_sigma_ln", "1", "0 or more", "spread of its logarithm"},
         {"telegraph.rate_low_Hz", "1/s", "above 0, at most rate_high", "slowest trap"},
         {"telegraph.rate_high_Hz", "1/s", "at least rate_low", "fastest trap"},
         {"telegraph.occupancy", "1", "0 to 1", "p"}},
        "physics.md section 4; Machlup, J. Appl. Phys. 25 (1954) 341",
        {"rates that depend on bias, state or temperature", "traps that act on each other"}};
}

constexpr DeviceModelParameter kReference = {"iv.v_ref_V", "V", "above 0",
                                             "voltage at which the cell is the linear one"};
const std::vector<std::string_view> kIvNotModelled = {"polarity: I(-V) = -I(V)",
                                                      "a non-linearity that changes with the state",
                                                      "heating, disturb, hysteresis"};
constexpr std::string_view kIvSource =
    "physics.md section 3; Panda, Sahu, Tseng, Nanoscale Research Letters 13 (2018) 8, "
    "doi:10.1186/s11671-017-2419-8";

DeviceModel sinh_model() {
    return {"iv-sinh",
            "iv",
            "sinh",
            "current that grows as a sinh of the voltage",
            {"I = G v_ref sinh(V / v0) / sinh(v_ref / v0)"},
            {{"iv.law", "-", "sinh", "law of the current"},
             kReference,
             {"iv.v0_V", "V", "above 0", "v0"}},
            kIvSource,
            kIvNotModelled};
}

DeviceModel iv_polynomial_model() {
    return {
        "iv-polynomial",
        "iv",
        "polynomial",
        "current as a polynomial of the voltage, odd in V",
        {"I = G V p(|V|) / p(v_ref),  p(x) = 1 + a2 x + a3 x^2 + ..."},
        {{"iv.law", "-", "polynomial", "law of the current"},
         kReference,
         {"iv.coefficients", "V^-1, V^-2, ..", "dI/dV >= 0 over validity.read_V", "a2, a3, ..."}},
        kIvSource,
        kIvNotModelled};
}

DeviceModel iv_table_model() {
    return {"iv-table",
            "iv",
            "table",
            "current from a table, odd in V",
            {"I / (G v_ref) on straight lines between the points, odd in V; 1 at v_ref"},
            {{"iv.law", "-", "table", "law of the current"},
             kReference,
             {"iv.v_V", "V", "2 or more, rising from 0", "voltages"},
             {"iv.i_over_g_v", "1", "as many, from 0, not falling", "I / (G v_ref) there"}},
            kIvSource,
            kIvNotModelled};
}

constexpr std::string_view kSelectorSource =
    "physics.md section 3; Burr et al., J. Vac. Sci. Technol. B 32 (2014) 040802, "
    "doi:10.1116/1.4889999";
const std::vector<std::string_view> kSelectorNotModelled = {
    "saturation of the transistor", "leakage of a selector that is off", "threshold switching"};

DeviceModel selector_resistance_model() {
    return {"selector-resistance",
            "selector",
            "resistance",
            "1T1R: a transistor that is fully on, in series with the cell",
            {"V = u + r_on I,  I the cell's current at u"},
            {{"selector.law", "-", "resistance", "law of the selector"},
             {"selector.r_on_ohm", "ohm", "0 to 1e12", "resistance of the transistor"}},
            kSelectorSource,
            kSelectorNotModelled};
}

DeviceModel selector_exponential_model() {
    return {"selector-exponential",
            "selector",
            "exponential",
            "1S1R: two diodes back to back in series with the cell",
            {"V = u + v0 asinh(I / i0),  I the cell's current at u"},
            {{"selector.law", "-", "exponential", "law of the selector"},
             {"selector.i0_A", "A", "1e-21 to 1", "i0"},
             {"selector.v0_V", "V", "1e-4 to 100", "v0"}},
            kSelectorSource,
            kSelectorNotModelled};
}

}  // namespace

std::vector<DeviceModel> device_read_models() {
    return {log_time_model(),
            power_model(),
            temperature_model(),
            white_model(),
            slow_model(),
            telegraph_model(),
            sinh_model(),
            iv_polynomial_model(),
            iv_table_model(),
            selector_resistance_model(),
            selector_exponential_model()};
}

}  // namespace attohm
