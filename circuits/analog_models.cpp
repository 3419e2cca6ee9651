#include "circuits/analog_models.hpp"

namespace attohm {

namespace {

constexpr std::string_view kAlgebra = "algebra of ours; figures: circuit table analog-blocks";
constexpr std::string_view kToNode =
    "carried to a node and supply by node_scaling.method (circuit table horowitz-45nm)";

CircuitModel comparator_energy() {
    return {"comparator-energy",
            "what one decision costs",
            {"energy, delay of one published dynamic comparator", kToNode,
             "area, leakage: no figure, so unknown"},
            {{"analog.comparator_fJ", "fJ", "above 0", "one decision"},
             {"blocks.comparator_delay_ps", "ps", "above 0", "one decision"},
             {"blocks.comparator_rate_GHz", "GHz", "above 0", "a faster clock is refused"}},
            "CSSP 2023, doi:10.1007/s00034-023-02375-6",
            {"energy that depends on the overdrive", "clock distribution"}};
}

CircuitModel dac_settling() {
    return {"dac-energy",
            "word-line DAC: power, settling of its line",
            {"E = P_1 2^(bits - 1) on, up to dac_bits_max bits; beyond: unknown",
             "v(t) = target + (before - target) exp(-t / tau), tau = R_out C_line",
             "settled to half a step: t = tau (B + 1) ln 2", kToNode,
             "a P_1 further than dac_points_ratio from every published one is refused"},
            {{"analog.dac_uW_per_bit1", "uW", "near a published point", "P_1, of a 1-bit DAC"},
             {"analog.dac_bits_max", "1", "1 to 16", "bits that the doubling is stated for"},
             {"blocks.dac_output_ohm", "ohm", "above 0", "R_out"},
             {"blocks.dac_bit1_area_um2", "um2", "above 0", "a 1-bit DAC; wider: unknown"},
             {"blocks.word_line_fF_per_cell", "fF", "above 0", "C_line by cells"}},
            "MNSIM 2.0 Hardware_Model/DAC.py; first-order response",
            {"slewing", "its errors (dac-word-line has them)", "distributed line (array-lines)"}};
}

CircuitModel sample_hold() {
    return {"sample-hold",
            "a capacitor that samples and holds",
            {"held(t) = v + sqrt(k T / C) z - I_leak t / C, z once per sample",
             "C = max(unit, 12 k T / step^2): noise no more than a converter's own",
             "E = C V_fs V_dd; area = C / density; bias power from a published figure"},
            {{"blocks.unit_capacitor_fF", "fF", "above 0", "least C"},
             {"blocks.capacitor_fF_per_um2", "fF/um2", "above 0", "density"},
             {"blocks.sample_hold_nW", "nW", "above 0", "while powered"},
             {"blocks.sample_hold_leak_pA", "pA", "above 0", "I_leak"},
             {"blocks.switch_ohm", "ohm", "above 0", "sampling switch"}},
            "equipartition (Nyquist 1928); PUMA simulator constants for the power",
            {"charge injection", "aperture jitter", "leakage that depends on the voltage"}};
}

CircuitModel virtual_ground() {
    return {"virtual-ground",
            "amplifier that holds a column at 0 V: static power, whatever the signal",
            {"tau = settle / ((B + 1) ln 2), gm = C_column / (beta tau)",
             "P = V_dd (gm / (gm/I_d)) current ratio; energy of a read = P x on",
             "its input resistance is wires.sense_ohm of the experiment"},
            {{"blocks.amplifier_gm_over_id_per_V", "1/V", "above 0", "gm / I_d"},
             {"blocks.amplifier_feedback_ratio", "1", "above 0", "beta"},
             {"blocks.amplifier_current_ratio", "1", "above 0", "of the amplifier over one input"},
             {"blocks.column_line_fF_per_cell", "fF", "above 0", "C_column by cells"}},
            kAlgebra,
            {"bias network", "slewing", "noise of the amplifier", "area, leakage: unknown"}};
}

CircuitModel threshold_replica() {
    return {"threshold-replica",
            "threshold current from a column of cells, beside an ideal source",
            {"I(k) = V sum of the first k cells; one cell a step of the threshold",
             "G_i = G + sigma_G z_i, once per array and chip; sd(I(k)) = V sigma_G sqrt(k)",
             "extra energy of a read: V^2 t sum of k cells, once for all keys of an array",
             "ideal source: no error, and no figure for its energy"},
            {{"cells", "1", "1 and more", "of the replica column"},
             {"g_S", "S", "above 0", "target of every cell"},
             {"sigma_S", "S", "0 and more", "programming error of a cell"}},
            "replica biasing; algebra of ours",
            {"wires of the column", "read noise of the column", "cells rewritten later"}};
}

CircuitModel level_sense() {
    return {"level-sense",
            "read of a cell of several levels: one amplifier in turn, many at once, or by halves",
            {"sequential: 2^B - 1 steps on one amplifier; parallel: one step on 2^B - 1; binary: B "
             "steps on one",
             "energy: decisions x comparator (sequential = parallel); the cell conducts all steps",
             "an offset moves all references of one amplifier, its own reference of many",
             "P(wrong level) = 2 (1 - 2^-B) Q(1 / (2 sigma)), sigma in levels"},
            {{"bits", "1", "1 to 8", "B"},
             {"mode", "-", "sequential, parallel, binary", "memory.mlc_sense of a machine"}},
            kAlgebra,
            {"energy and mismatch of the references", "settling between steps"}};
}

CircuitModel lines() {
    return {"line-energy",
            "word, column and select lines, column multiplexer",
            {"E = C V^2 a full swing, C = cells x C_cell, C_cell ~ node",
             "mux: two gates at V_dd a change; settles in R C_column (B + 1) ln 2",
             "on the signal the resistance of the mux adds to wires.sense_ohm of the experiment"},
            {{"blocks.word_line_fF_per_cell", "fF", "above 0", "word line"},
             {"blocks.column_line_fF_per_cell", "fF", "above 0", "column line"},
             {"blocks.select_line_fF_per_cell", "fF", "above 0", "select line"},
             {"blocks.switch_ohm", "ohm", "above 0", "one way of the mux"},
             {"blocks.switch_gate_fF", "fF", "above 0", "its gate"}},
            kAlgebra,
            {"drivers and decoders", "coupling between lines", "area"}};
}

CircuitModel shift_add() {
    return {
        "shift-add-analog",
        "bits of a bit-serial input added by sharing charge, lowest bit first",
        {"v <- v (1 - r) + x r, r = C_2 / (C_1 + C_2); after n bits bit k weighs r (1 - r)^(n-1-k)",
         "C_1, C_2 off by sigma z each, once per instance",
         "noise k T / C (1 - 4^-n) after n bits; E = C V_fs V_dd a bit"},
        {{"sigma", "1", "0 to 0.15", "mismatch of one capacitor"},
         {"blocks.unit_capacitor_fF", "fF", "above 0", "least C"}},
        kAlgebra,
        {"parasitics", "droop between bits"}};
}

CircuitModel adc_parts() {
    return {
        "adc-parts",
        "what is inside an ADC, figure by figure (energy.source.adc: parts); adc-survey-fit prices "
        "the whole (energy.source.adc: survey)",
        {"comparisons: sar B, flash 2^B - 1, ramp 2^B; clocks: B + 1, 1, 2^B",
         "sar: capacitor array sum_i 2^(B-2i) (2^i - 1) C_u V_ref^2, area 2^B C_u / density",
         "unknown: logic (sar); ladder, encoder (flash); generator, counter (ramp)"},
        {{"blocks.unit_capacitor_fF", "fF", "above 0", "C_u"},
         {"blocks.capacitor_fF_per_um2", "fF/um2", "above 0", "density"},
         {"analog.comparator_fJ", "fJ", "above 0", "one comparison"},
         {"adc.clock_GHz", "GHz", "1e-6 to 1",
          "one comparison a clock; up to 100 with the survey"}},
        "Ginsburg and Chandrakasan, ISCAS 2005, for the array; followed charge by charge in tests",
        {"drivers of input and reference", "leakage"}};
}

}  // namespace

std::vector<CircuitModel> analog_circuit_models() {
    return {comparator_energy(), dac_settling(), sample_hold(), virtual_ground(),
            threshold_replica(), level_sense(),  lines(),       shift_add(),
            adc_parts()};
}

}  // namespace attohm
