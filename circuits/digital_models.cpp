#include "circuits/digital_models.hpp"

#include "circuits/digital_report.hpp"

namespace attohm {

namespace {

constexpr std::string_view kLibrary =
    "Horowitz, ISSCC 2014, fig. 1.1.9; points and marks: circuit table horowitz-45nm";

CircuitModel laws() {
    return {"digital-laws",
            "energy and area of adders and multipliers by width, of SRAM by capacity",
            {"y(w) = y_0 (w / w_0)^p per family: least squares of ln y over ln w",
             "two points: p = ln(y_1 / y_0) / ln(w_1 / w_0), residual 0 by construction",
             "a width with a cited point has the point where the law goes through it",
             "refused: a residual above fit_residual_ratio, an exponent outside fit_exponents"},
            {{"digital.*_bits, digital.*_pJ", "pJ", "above 0", "points of energies"},
             {"digital.*_area_bits, digital.*_area_um2", "um2", "above 0", "points of areas"},
             {"digital.int_limits_bits", "bits", "of the table", "widths of integers"},
             {"digital.float_limits_bits", "bits", "of the table", "widths of floats"},
             {"digital.fit_residual_ratio", "1", "0 to 1", "largest residual of a family"},
             {"digital.fit_exponents", "1", "-10 to 10", "allowed exponents"}},
            kLibrary,
            {"architecture of the unit, timing pressure", "data-dependent switching",
             "operands of two widths"},
            digital_fit_text};
}

CircuitModel units() {
    return {
        "digital-units",
        "one operation of every kind: MAC, add, multiply, exp, divide, softmax, top-k, sort",
        {"MAC = multiplication(w) + addition(max(w, accumulator_bits))",
         "any other = sum of count x {multiplication(w), addition(max(w, accumulator_bits)), "
         "comparison(w), register access(w)}; comparison = addition",
         "softmax, normalise: one element, the reciprocal of the row apart",
         "top_k, sort, transform: one element through one stage",
         "area, leakage: all these units side by side; leakage of other widths by area",
         "latency: add, multiply, MAC as synthesised at 32 bits, else unknown",
         "gather, DMA, I/O: no figure, unknown"},
        {{"digital.accumulator_bits", "bits", "1 to 64", "width of sums"},
         {"digital.*_operations", "1", "0 to 1000 each, not all 0",
          "multiplications, additions, comparisons, register accesses of one operation"},
         {"digital.*_delay_ns", "ns", "above 0", "of a unit of synthesis_bits"},
         {"digital.*_leakage_uW", "uW", "above 0", "of a unit of synthesis_bits"},
         {"digital.softmax_pipeline_cycles", "1", "above 0",
          "first score to first probability of a row"}},
        "Horowitz, ISSCC 2014; harvard-acc/ALADDIN common/power_func.h; numbers of parts assumed",
        {"clock tree and control", "wires between units", "special cases of floats",
         "energy of an idle unit beyond its leakage"},
        nullptr};
}

CircuitModel memories() {
    return {"digital-memories",
            "SRAM by capacity and width, register file, shift-add, error-correcting code",
            {"SRAM, points: ln e linear in ln C between the points, exponent of the fit beyond",
             "SRAM, law: e(C) = e_0 (C / C_0)^p; energy per bit = e / sram_access_bits",
             "SRAM area = bits x cell, decoders and amplifiers not included",
             "register file: bits of flip-flops; energy per bit clocked",
             "shift-add = shifter(w) + addition(w)",
             "Hamming, r checks and parity for d bits: r (d/2 - 1) + d + r - 1 XORs a word"},
            {{"digital.sram_method", "-", "points, law", "which of the two"},
             {"digital.sram_limits_KB", "KB", "of the table", "capacities"},
             {"digital.sram_limits_bits", "bits", "of the table", "access widths"},
             {"digital.register_file_limits_bytes", "bytes", "of the table", "capacities"},
             {"digital.register_bit_pJ", "pJ", "above 0", "one bit of a register"},
             {"digital.shifter_pJ", "pJ", "above 0", "one shift of synthesis_bits"},
             {"digital.gates_pJ", "pJ", "above 0", "one gate operation of synthesis_bits"}},
            "Horowitz, ISSCC 2014; harvard-acc/ALADDIN common/power_func.h; gates counted",
            {"ports beyond one", "writes apart from reads", "leakage and delay of SRAM",
             "read multiplexer of a register file", "correction after an error"},
            nullptr};
}

CircuitModel node_scaling() {
    return {"node-scaling",
            "how a figure is carried from the node and supply of its source to a machine's",
            {"constant_field: energy x (n / n_0) (V / V_0)^2, area x (n / n_0)^2, delay x n / n_0",
             "table: energy x (a V^2 + b V + c)(n, V) / (...)(n_0, V_0), delay a cubic of V, area "
             "a ratio by node",
             "between nodes of the table: straight lines in log-log (assumed)",
             "leakage x (n / n_0) (V / V_0) by either: an off current per width that stays",
             "the factor stands in the source of every figure"},
            {{"node_scaling.method", "-", "constant_field, table", "which of the two"},
             {"node_scaling.node_nm", "nm", "of the table", "constant_field: from and to"},
             {"node_scaling.vdd_V", "V", "of the table", "constant_field: from and to"},
             {"node_scaling.table_nodes_nm", "nm", "130 to 7", "table: from and to"},
             {"node_scaling.table_vdd_V", "V", "of the table", "table: from and to"}},
            "Stillmaker and Baas, Integration 58 (2017) 74-81 (table); constant_field assumed",
            {"low-power flavours of a process", "temperature",
             "memories that shrink less than logic", "wires"},
            nullptr};
}

CircuitModel published() {
    return {"digital-published",
            "published digital energies of other origin beside the library at their node",
            {"ratio = library at that node and supply / published, by either way to the node",
             "no band is claimed"},
            {{"points.*.node_nm", "nm", "as node-scaling", "node of the figure"},
             {"points.*.vdd_V", "V", "as node-scaling", "supply of the figure"},
             {"points.*_pJ", "pJ", "above 0", "one operation"}},
            "circuit table digital-points",
            {"why they differ: timing, operands, what each counts as a MAC"},
            digital_published_text};
}

}  // namespace

std::vector<CircuitModel> digital_circuit_models() {
    return {laws(), units(), memories(), node_scaling(), published()};
}

}  // namespace attohm
