#include "src/schemes/registry.hpp"

#include <set>

#include "src/base/error.hpp"
#include "src/base/resources.hpp"
#include "src/schemes/a3.hpp"
#include "src/schemes/digital_schemes.hpp"
#include "src/schemes/digital_work.hpp"
#include "src/schemes/ecoformer.hpp"
#include "src/schemes/elsa.hpp"
#include "src/schemes/fabnet.hpp"
#include "src/schemes/flat.hpp"
#include "src/schemes/length_adaptive.hpp"
#include "src/schemes/leopard.hpp"
#include "src/schemes/mait.hpp"
#include "src/schemes/qna.hpp"
#include "src/schemes/salo.hpp"
#include "src/schemes/sanger.hpp"
#include "src/schemes/sima.hpp"
#include "src/schemes/spatten.hpp"
#include "src/schemes/sprint.hpp"
#include "src/schemes/vitality.hpp"
#include "src/schemes/vitcod.hpp"

namespace attohm {

const Resources& scheme_resources();

namespace {

constexpr std::string_view kLeopard = "LeOPArd, ISCA 2022, arXiv 2204.03227";
constexpr std::string_view kThresholdFamily = "presets/sprint.yaml";
constexpr std::string_view kSprint = "SPRINT, MICRO 2022, arXiv 2209.00606";

template <class SchemeType>
std::unique_ptr<Scheme> make_scheme(const SchemeInputs& inputs, const Settings& settings) {
    return std::make_unique<SchemeType>(inputs, settings);
}

SchemeEntry exact_entry() {
    SchemeEntry entry;
    entry.name = "exact";
    entry.help = "float32 softmax attention; the network as it was trained";
    entry.source = "Vaswani et al., NeurIPS 2017, arXiv 1706.03762";
    entry.equations = {
        "out = softmax(scale q.k + bias) v over the keys that mask, causality and padding allow"};
    entry.not_modelled = {"number formats below float32"};
    entry.keys = {"exact"};
    entry.preset = "presets/exact.yaml";
    entry.make = [](const SchemeInputs&, const Settings& settings) {
        return std::make_unique<ExactScheme>(load_operand_bits(settings, "exact.operand_bits"));
    };
    return entry;
}

SchemeEntry threshold_entry() {
    SchemeEntry entry;
    entry.name = "threshold";
    entry.help = "float scores, hard threshold, float softmax over kept keys";
    entry.source = kLeopard;
    entry.equations = {"s_ij = scale q_i.k_j", "keep_ij  iff  s_ij >= Th(layer, head) + margin",
                       "out_i = sum_kept softmax(s_i) v"};
    entry.not_modelled = {"codes", "noise",
                          "the bit-serial early stop of LeOPArd's hardware (it decides the same)"};
    entry.keys = {"threshold.source", "threshold.margin", "empty_row", "always_keep"};
    entry.preset = kThresholdFamily;
    entry.thresholds = true;
    entry.make = make_scheme<ThresholdScheme>;
    return entry;
}

SchemeEntry threshold_q_entry() {
    SchemeEntry entry;
    entry.name = "threshold-q";
    entry.help = "the hardware's integer codes and threshold code, 8-bit recompute, nothing analog";
    entry.source = kSprint;
    entry.equations = {
        "k8 = clamp(round(k / Dk), -127, 127) = 2^(8-B) m + l,  m = floor(k8 / 2^(8-B))",
        "nq = clamp(round(q / dq), -L, L),  L = 2^(Bq-1) - 1",
        "z = sum_i nq_i m_i,  stands for  s~ = u (z + mu_q),  u = scale dq Dk 2^(8-B)",
        "mu_q = (1/2 - 2^-(9-B)) sum_i nq_i   (split.midpoint)",
        "keep  iff  clip(z, +-n_fs) >= n_th,  n_th = DAC(Th / u - mu_q); a tie keeps",
        "out = sum_kept softmax(scale Dq Dk q8.k8) Dv v8"};
    entry.not_modelled = {"noise and errors of any kind", "quantisation of the softmax"};
    entry.keys = {"quant",
                  "threshold.source",
                  "threshold.margin",
                  "threshold.dac_bits",
                  "threshold.range",
                  "bits",
                  "split",
                  "sense.full_scale",
                  "sense.percentile",
                  "empty_row",
                  "always_keep"};
    entry.preset = kThresholdFamily;
    entry.thresholds = true;
    entry.make = make_scheme<ThresholdQScheme>;
    return entry;
}

SchemeEntry sprint_entry() {
    SchemeEntry entry;
    entry.name = "sprint";
    entry.help =
        "in-ReRAM scores from K's MSBs, analog threshold, 8-bit digital recompute of kept keys";
    entry.source = kSprint;
    entry.equations = {
        "codes k8 = 2^(8-B) m + l, nq, u, mu_q and n_th as in threshold-q",
        "G+ = G_min + dG max(m, 0),  G- = G_min + dG max(-m, 0),  dG = (G_max - G_min) / 2^(B-1)",
        "(mapping.signs: offset and unit columns; mapping.cell_bits: slices of weight 2^(b slice))",
        "G_w = G + b(G) + sigma_p(G) z, or the last pulse of a verify loop; once per write",
        "G = clip(G_w + mu(G_w, a) + s_r(G_w, a) z_r), a = age of the key; temperature; stuck "
        "cells",
        "V_i = V_read (nq_i (1 + gain_i) + offset_i + INL_i(nq_i) + noise) / L, by array",
        "one read: I_j = sum_i V_i (G+_ij - G-_ij)(1 + eta),  eta = white + 1/f + telegraph",
        "wires: I = T V with the exact transfer matrix T of the array",
        "white noise: Var(I_j) = sum_i V_i^2 (dT/dG s_ij)^2 by coding, drawn at the output; noise",
        "with memory is followed cell by cell; a common draw per reference column",
        "v_j = R_t I_j,  R_t = v_fs / I_fs,  clipped at +-v_fs",
        "keep_j  iff  v_j + o_j + w_j >= v_th +- h/2 + t,  v_th = R_t I_lsb n_th gain_j",
        "undecided where |v - v_th| < v_swing exp(-(t_available - t_0) / tau)",
        "recompute: K = 2^(8-B) m^ + l,  m^ = clamp(round((G+ - G-) / dG), -2^(B-1), 2^(B-1) - 1)",
        "E_read = sum over steps of t V_i^2 sum_j G_ij"};
    entry.not_modelled = {"what a cell's noise does to its neighbours' outputs through wires",
                          "slices converted on their own", "keys appended between queries",
                          "disturb and wear of cells", "quantisation of the softmax"};
    entry.keys = {"quant",     "threshold",   "bits",  "split",      "mapping", "placement",
                  "array",     "drive",       "sense", "comparator", "device",  "recompute",
                  "empty_row", "always_keep", "wires", "timing",     "adc",     "dac"};
    entry.preset = kThresholdFamily;
    entry.thresholds = true;
    entry.plan = "sprint";
    entry.baselines = {"dense", "mask-only", "dense-tiled"};
    entry.machine = "sprint-s";
    entry.make = make_scheme<SprintScheme>;
    return entry;
}

std::vector<SchemeEntry> checked_table() {
    // clang-format off
    std::vector<SchemeEntry> table = {
        exact_entry(),
        threshold_entry(),
        threshold_q_entry(),
        sprint_entry(),
        vitality_entry(),
        flat_entry(),
        sanger_entry(),
        sima_entry(),
        mait_entry(),
        ecoformer_entry(),
        qna_entry(),
        vitcod_entry(),
        salo_entry(),
        fabnet_entry(),
        leopard_entry(),
        elsa_entry(),
        a3_entry(),
        spatten_entry(),
        length_adaptive_entry(),
    };
    // clang-format on
    std::set<std::string_view> names;
    for (const SchemeEntry& entry : table) {
        ATTOHM_CHECK(names.insert(entry.name).second);
        ATTOHM_CHECK(!entry.help.empty() && !entry.source.empty() && !entry.equations.empty());
        ATTOHM_CHECK(!entry.not_modelled.empty() && entry.make != nullptr);
        ATTOHM_CHECK(entry.preset.empty() || scheme_resources().find(entry.preset));
    }
    return table;
}

}  // namespace

const std::vector<SchemeEntry>& scheme_table() {
    static const std::vector<SchemeEntry> table = checked_table();
    return table;
}

const SchemeEntry& find_scheme(std::string_view name) {
    std::vector<std::string> names;
    for (const SchemeEntry& entry : scheme_table()) {
        if (entry.name == name) return entry;
        names.emplace_back(entry.name);
    }
    const std::string near = nearest(name, names);
    throw UserError("unknown scheme", "scheme", std::string(name),
                    fmt::format("{}{}", fmt::join(names, ", "),
                                near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
}

Settings scheme_preset() {
    Settings settings = threshold_family_preset();
    std::set<std::string_view> added = {kThresholdFamily};
    for (const SchemeEntry& entry : scheme_table()) {
        if (entry.preset.empty() || !added.insert(entry.preset).second) continue;
        settings.extend(
            Settings::from_text(*scheme_resources().find(entry.preset), std::string(entry.preset)));
    }
    return settings;
}

}  // namespace attohm
