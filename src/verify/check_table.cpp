#include <set>

#include "src/base/error.hpp"
#include "src/verify/checks.hpp"

namespace attohm {

namespace {

std::vector<Check> build_table() {
    std::vector<Check> table = {
        {"card-bounds", "the card's own numbers can be meant",
         "conductances, currents, sigmas and rates inside physical bounds (docs/verify.md gives "
         "each reason)",
         check_card_bounds},
        {"card-numbers", "the model holds the card's numbers in SI",
         "each number read a second time, with units of the referee's own: within 1e-9",
         check_card_numbers},
        {"levels", "levels become conductances from g_min to g_max, rising",
         "G = g_min + dG digit of every level, pair and offset column: within 1e-6 g_max",
         check_levels},
        {"write-then-read", "keys written without error give the integer product",
         "sum_i q_i m_i, 4-bit levels, pair and offset column: within 1e-3 of a level",
         check_write_then_read},
        {"reference", "the reference column that was drawn is the one that is subtracted",
         "mean_ji = (G_ji - G_ref,i) / dG from the cells: within 1e-4 of a level", check_reference},
        {"product", "a silent read is the product",
         "I_j = sum_i V_i G_ij in double: within 1e-5 of sum |V| G", check_product},
        {"write-energy", "energy and time of a write",
         "pulses (V^2 t + V_verify^2 t_verify) G and pulses (t + t_verify): within 1e-9",
         check_write_energy},
        {"programming", "mean and variance of what is written, at five targets",
         "the card's law, clipped at floor and ceiling, its moments integrated: 5 standard errors "
         "of 16,384 cells",
         check_programming},
        {"cells-independent", "no cell draws its neighbour's error",
         "correlation along column and row 0: 5 / sqrt(n)", check_cells_independent},
        {"relaxation", "draws of three ages of the same cells by the card's law",
         "z = (G(a) - G_w - mu) / s_r (or from nu): mean 0, variance 1 within 5 standard errors; "
         "one path per cell",
         check_relaxation},
        {"stuck-rates", "realised rates of stuck cells, by what they show",
         "count / n against the card's low_rate and high_rate: 5 sqrt(p (1 - p) / n)",
         check_stuck_rates},
        {"temperature", "conductance at another temperature",
         "1 + alpha dT from the crossover on, exp(-(Ea / k)(1/T - 1/T0)) below: within 1e-9",
         check_temperature},
        {"cell-current", "the cell's I-V", "I(v_ref) = G v_ref, odd, rising: within 1e-9",
         check_cell_current},
        {"chip-lifetime", "faults and the reference belong to the chip",
         "the same map and column in two write events; two chips share n p^2 faults by chance",
         check_chip_lifetime},
        {"write-lifetime", "programming error belongs to the write event",
         "the same write has the same bits; two writes, chips, seeds correlate by 0 +- 5 / sqrt(n)",
         check_write_lifetime},
        {"read-lifetime", "nothing that was written changes from read to read",
         "silent reads of cells that vary are equal bit for bit, and right", check_read_lifetime},
        {"batch", "a read does not depend on the reads that it is made with",
         "batches of 1, 7, 32 and 64: the same bits (noise with memory: 2e-6)", check_batch},
        {"read-noise", "moments of white read noise, three conductances, two read times",
         "Var I = sum V^2 ((sigma_rel G)^2 + sigma_abs^2) T0 / T, Gaussian: 5 standard errors",
         check_read_noise},
        {"reads-independent", "white noise of a read is its own",
         "correlation with the next read and the next column 0: 5 / sqrt(n)",
         check_reads_independent},
        {"slow-spectrum", "level and slope of the spectrum of slow noise",
         "S(f) = A / f^g at both ends of the band: 5 standard errors and 0.04 of the ladder",
         check_slow_spectrum},
        {"telegraph", "moments of telegraph noise over cells",
         "0 and traps step^2 exp(2 s^2) p (1 - p): 5 standard errors and 0.02", check_telegraph},
        {"wire-oracle", "lines with resistance against a dense nodal matrix",
         "Gauss elimination of every node, rows unlike columns: max|dI| / max|I| <= 1e-9",
         check_wire_oracle},
        {"wire-conservation", "current and energy of an array with lines",
         "what the drivers give is what arrives, and what is dissipated: within 1e-9",
         check_wire_conservation},
        {"wire-limits", "lines of no resistance, and of more",
         "ideal within 1e-7; more resistance anywhere, less current", check_wire_limits},
        {"line-segment", "resistance of a line from its dimensions",
         "rho pitch / (width height) (1 + 0.00451 (T - 300)), all in nanometres: within 1e-9",
         check_line_segment},
    };
    std::set<std::string_view> names;
    for (const Check& check : table) {
        if (!names.insert(check.name).second || check.help.empty() || check.law.empty() ||
            check.judge == nullptr)
            throw InvariantError(
                fmt::format("check `{}` is there twice or incomplete", check.name));
    }
    return table;
}

}  // namespace

const std::vector<Check>& check_table() {
    static const std::vector<Check> table = build_table();
    return table;
}

}  // namespace attohm
