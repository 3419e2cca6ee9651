#include "crossbar/device/device_models.hpp"

/// The table's entries on what a card is and how it is written.
namespace attohm {

namespace {

constexpr std::string_view kUpToFour = "1 to 4 numbers, constant first";

constexpr DeviceModelParameter kMeasuredAt = {
    "programming.measured_at_s", "s", "0 to 1e12",
    "age at which the spread was measured; relaxation starts there"};
constexpr DeviceModelParameter kBias = {"programming.bias_uS_coefficients", "uS^(1-k)", kUpToFour,
                                        "mean error of the target; may be left out"};

DeviceModelParameter programming_law(std::string_view name) {
    return {"programming.law", "-", name, "law of the spread"};
}

DeviceModel conductance_model() {
    return {
        "conductance",
        "conductance",
        "",
        "range of targets, and where draws are clipped",
        {"g_floor <= g_min <= G_target <= g_max <= g_ceil",
         "G = min(max(G, g_floor), g_ceil), counted where it changes a draw"},
        {{"conductance.g_min_uS", "uS", "0 to 1e7, below g_max", "lowest level"},
         {"conductance.g_max_uS", "uS", "0 to 1e7", "highest level"},
         {"conductance.g_floor_uS", "uS", "0 to g_min", "draws below it are clipped"},
         {"conductance.g_ceil_uS", "uS", "at least g_max, or none", "draws above it are clipped"}},
        "physics.md section 3",
        {"levels that are not evenly spaced", "a range that differs from cell to cell"}};
}

DeviceModel validity_model() {
    return {"validity",
            "validity",
            "",
            "where the card's source says something; outside is refused",
            {"low <= x <= high for every conductance written, age (from above), temperature, |V|"},
            {{"validity.conductance_uS", "uS", "[low, high] around g_min .. g_max",
              "conductances written"},
             {"validity.age_s", "s", "[low, high]", "ages since the write"},
             {"validity.temperature_K", "K", "[low, high]", "temperatures"},
             {"validity.read_V", "V", "[low, high]", "voltages across a cell"}},
            "physics.md section 3",
            {"a range that depends on another quantity"}};
}

DeviceModel polynomial_model() {
    return {"programming-polynomial",
            "programming",
            "polynomial",
            "Gaussian programming error, spread a polynomial of the target",
            {"G_w = G + b(G) + sigma_p(G) z,  z standard normal, once per write event",
             "sigma_p(G) = sum_k c_k G^k,  b(G) = sum_k b_k G^k   (uS)",
             "or sigma_p / G_max = sum_k c_k (G / G_max)^k"},
            {programming_law("polynomial"),
             {"programming.sigma_uS_coefficients", "uS^(1-k)",
              "1 to 4 numbers, constant first; sigma_p >= 0 from g_min to g_max", "sigma_p(G)"},
             {"programming.sigma_over_gmax_coefficients", "1",
              "1 to 4 numbers, in place of sigma_uS_coefficients", "sigma_p / G_max of G / G_max"},
             kBias,
             kMeasuredAt},
            "physics.md section 3; Wan et al., Nature 608 (2022), doi:10.1038/s41586-022-04992-8, "
            "for a spread that depends on the state",
            {"correlation between neighbours or writes", "device-to-device differences of the law",
             "dependence on what the cell held before"}};
}

DeviceModel table_model() {
    return {"programming-table",
            "programming",
            "table",
            "Gaussian programming error, spread from a table",
            {"G_w = G + b(G) + sigma_p(G) z,  z standard normal, once per write event",
             "sigma_p and b on straight lines between the points; outside refused"},
            {programming_law("table"),
             {"programming.target_uS", "uS", "2 or more, increasing, covering g_min .. g_max",
              "targets of the points"},
             {"programming.sigma_uS", "uS", "as many, not negative", "sigma_p there"},
             {"programming.bias_uS", "uS", "as many; may be left out", "mean error there"},
             kMeasuredAt},
            "physics.md section 3",
            {"correlation between neighbours or writes", "device-to-device differences of the law",
             "dependence on what the cell held before"}};
}

DeviceModel log_normal_model() {
    return {"programming-log-normal",
            "programming",
            "log-normal",
            "log-normal programming error that keeps the mean",
            {"G_w = (G + b(G)) exp(s(G) z - s(G)^2 / 2),  z standard normal, once per write event",
             "mean G + b, standard deviation (G + b) sqrt(exp(s^2) - 1)",
             "s(G) = sum_k c_k G^k   (G in uS)"},
            {programming_law("log-normal"),
             {"programming.sigma_ln_coefficients", "uS^-k",
              "1 to 4 numbers, constant first; s >= 0 from g_min to g_max", "s(G)"},
             kBias,
             kMeasuredAt},
            "physics.md section 3",
            {"correlation between neighbours or writes", "device-to-device differences of the law",
             "dependence on what the cell held before"}};
}

DeviceModel verify_model() {
    return {
        "write-verify",
        "verify",
        "",
        "the write loop itself, with device.programming.mode: verify",
        {"pulse 0 (reset)   G_0 = g_min + pulse_sigma z",
         "verify read p     R_p = G_p (1 + read_sigma_rel z)",
         "accepted          |R_p - G_target| <= window   (window_rel: of the target)",
         "pulse p >= 1      G_p = G_(p-1) + sign(G_target - R_(p-1)) pulse_step + pulse_sigma z",
         "G_w = G_p of the accepted pulse; after pulses_max pulses the last one, counted failed",
         "energy = sum_p (V_pulse^2 t_pulse + V_verify^2 t_verify) G_p"},
        {{"verify.window_uS", "uS", "above 0", "half width of the window"},
         {"verify.window_rel", "1", "above 0 to 1, in place of window_uS",
          "half width as a fraction of the target"},
         {"verify.pulse_step_uS", "uS", "above 0", "mean step of a pulse"},
         {"verify.pulse_sigma_uS", "uS", "0 or more", "cycle-to-cycle spread of a pulse"},
         {"verify.pulses_max", "1", "1 to 1e6", "pulses after which a cell fails, reset included"},
         {"verify.read_sigma_rel", "1", "0 to 10", "noise of the verify read, of G"},
         {"verify.endurance_cycles", "1", "1 to 1e18, or none",
          "pulses that a cell survives; counted against it"}},
        "physics.md section 3",
        {"steps that depend on the state or shrink near the target",
         "relaxation between pulse and read, and from there to the relaxation's start",
         "wear: pulses are counted and change nothing"}};
}

DeviceModel write_model() {
    return {
        "write",
        "write",
        "",
        "what writing costs",
        {"one pulse into G costs V^2 G t; a multi-level cell takes mlc_pulses_mean of them, each "
         "with a verify read",
         "with device.programming.mode: verify the loop's own pulses are counted"},
        {{"write.mlc_pulse_V", "V", "0 to 20", "pulse of a multi-level cell"},
         {"write.mlc_pulse_ns", "ns", "0 to 1e9", "its length"},
         {"write.mlc_pulses_mean", "1", "0 to 1e6", "pulses per cell until verified"},
         {"write.verify_V", "V", "0 to 20", "verify read after each pulse"},
         {"write.verify_ns", "ns", "0 to 1e9", "its length"},
         {"write.slc_pulse_V", "V", "0 to 20", "single pulse of a binary cell"},
         {"write.slc_pulse_ns", "ns", "0 to 1e9", "its length"}},
        "physics.md section 6",
        {"charge of lines, selectors and drivers", "conductance that changes within a pulse"}};
}

DeviceModel stuck_model() {
    return {
        "stuck",
        "stuck",
        "",
        "cells that cannot be written, by resistance; chip lifetime",
        {"P(low) = low_rate, P(high) = high_rate for every cell, p = low_rate + high_rate",
         "independent: one uniform per cell",
         "cluster(n): n neighbours, a block ceil(sqrt n) wide; starts q = 1 - (1 - p)^(1/n), also "
         "outside the array",
         "line: whole rows and columns, each broken with q = 1 - (1 - p)^(1/2)",
         "a cluster or line is low with probability low_rate / p; the first of several decides"},
        {{"stuck.low_rate", "1", "0 to 1", "P(cell stuck at the low resistance)"},
         {"stuck.low_resistance_ohm", "ohm", "1e-3 to 1e15", "what such a cell shows"},
         {"stuck.high_rate", "1", "0 to 1 - low_rate", "P(cell stuck at the high resistance)"},
         {"stuck.high_resistance_ohm", "ohm", "1e-3 to 1e15, at least the low one",
          "what such a cell shows"},
         {"stuck.spatial", "-", "independent | cluster(n) | line", "how they lie"}},
        "physics.md section 3; Chen et al., IEEE Trans. Computers 64 (2015) 180, for stuck cells "
        "by state",
        {"cells that fail in use", "clusters of random shape or across the cells of a pair",
         "lines broken half-way"}};
}

DeviceModel points_model() {
    return {"points",
            "points",
            "",
            "published points that the card was fitted to; a test compares them one by one",
            {"no equation of the cell: no law reads them"},
            {{"points.file", "-", "a CSV beside the card", "the points"},
             {"points.sha256", "-", "64 hexadecimal digits", "hash of its bytes"}},
            "crossbar/device/cards/points/README.md",
            {"errors of digitising beyond what the file itself states"}};
}

}  // namespace

std::vector<DeviceModel> device_frame_models() {
    return {conductance_model(), validity_model(), points_model()};
}

std::vector<DeviceModel> device_write_models() {
    return {polynomial_model(), table_model(), log_normal_model(),
            verify_model(),     write_model(), stuck_model()};
}

}  // namespace attohm
