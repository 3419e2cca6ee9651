#include "src/tile/tile_models.hpp"

#include <set>

#include "src/base/error.hpp"

namespace attohm {

namespace {

WireModel mapping() {
    return {"mapping",
            "levels of a key as conductances: signs, bits of a cell, slices",
            {"differential-pair: G+ = G_min + dG max(m, 0), G- = G_min + dG max(-m, 0)",
             "offset-column: G = G_min + dG (m + n_max), less one shared reference column",
             "unit-column: as offset-column, the reference is converted and taken off digitally",
             "dG = (G_max - G_min) / n_max; a level of B bits in slices of b bits has cells of "
             "weight 2^(b slice), 2^b levels each",
             "levels are sensed back as m^ = clamp(round((G+ - G-) / dG))"},
            {{"mapping.signs", "-", "differential-pair, offset-column, unit-column", "how"},
             {"mapping.cell_bits", "1", "1 to 5, or whole", "b; whole: one cell (pair) a level"},
             {"recompute.k_msb", "-", "stored, slc-copy, ideal", "what the recompute reads"}},
            "physics.md section 2; ISAAC, ISCA 2016, for slices and the unit column",
            {"slices that are converted on their own", "levels that are not equally spaced"}};
}

WireModel tiles() {
    return {"tiles",
            "keys in arrays: which array and column, long keys, columns without a key",
            {"key j sits in slot j mod columns of array j / columns",
             "a key longer than the column is cut into parts of `rows` elements, an array each",
             "current: parts add before one comparator; charge: the comparator sees the mean of "
             "the parts' voltages; adc: parts are converted and added digitally"},
            {{"placement", "-", "own, shared", "whether layers and heads have arrays of their own"},
             {"array.rows", "1", "1 to 65536", "word lines"},
             {"array.columns", "1", "1 to 65536", "keys per array"},
             {"array.unwritten", "-", "open, reset", "columns without a key, seen through wires"},
             {"array.long_keys", "-", "current, charge, adc", "how parts meet"}},
            "physics.md section 2",
            {"keys appended between queries", "arrays of different sizes"}};
}

WireModel lines() {
    return {"lines",
            "wires of the arrays of a replay: array-lines with the settings of an experiment",
            {"r(T) = r (1 + alpha (T - 300 K)); I = T V, T exact for every array and write",
             "noise through wires: own sensitivities, first order, relative error at most "
             "k e / (1 - k e)",
             "settling to half a step (array-settling), every cell in the middle of the range; it "
             "is told beside drive.read_time_ns and changes no output"},
            {{"wires.row_ohm", "ohm", "0 to 1e12", "a segment of a row, at 300 K"},
             {"wires.column_ohm", "ohm", "0 to 1e12", "a segment of a column, at 300 K"},
             {"wires.driver_ohm", "ohm", "0 to 1e12", "output of a row driver"},
             {"wires.sense_ohm", "ohm", "0 to 1e12", "input of a sense circuit"},
             {"wires.row_fF", "fF", "0 to 1e9", "of a row, at each cell"},
             {"wires.column_fF", "fF", "0 to 1e9", "of a column, at each cell"},
             {"wires.drive", "-", "one-side, both-sides", "where the drivers of a row are"}},
            "physics.md section 4",
            {"outputs that have not settled"}};
}

WireModel drive() {
    return {"drive",
            "how a code reaches the word lines, with the noise law of each way",
            {"amplitude: V_i = V_read nq_i / L; variance takes nq_i^2",
             "bit-serial: one step a bit at V_read, weights 2^b; variance takes sum_b 4^b c_b",
             "pulse-width: |nq_i| unit pulses; variance takes |nq_i|",
             "two-phase: positive and negative codes in two reads; twos-complement: the top bit "
             "weighs negative",
             "n repeats: variance / n, energy n times; E = sum over steps of t V_i^2 sum_j G_ij"},
            {{"drive.mode", "-", "bipolar, two-phase, twos-complement", "what makes the sign"},
             {"drive.coding", "-", "amplitude, bit-serial, pulse-width", "how"},
             {"drive.accumulate", "-", "analog, digital", "where bits add"},
             {"drive.repeats", "1", "1 to 4096", "n"},
             {"drive.v_read_V", "V", "1e-12 to 100", "of the largest code"},
             {"drive.v_supply_V", "V", "0 to 100", "of the drivers"},
             {"drive.read_time_ns", "ns", "1e-3 to 1e9", "of one read, bit cycle or unit pulse"}},
            "physics.md sections 2, 4, 6",
            {"rise and fall of the steps", "time between the steps of one read"}};
}

WireModel read_paths() {
    return {"read-paths",
            "which law the outputs are drawn by; chosen by what is asked, told in the result",
            {"output: white noise of a column as one Gaussian with the coding's variance: exact "
             "while nothing clips before the sum",
             "cells: the same, noise with memory added cell by cell (1/f, telegraph)",
             "column: every physical column and step drawn, clipped at i_max, sensed or converted "
             "on its own",
             "rows_output, rows_cells, rows_column: queries that took each"},
            {{"sense.readout", "-", "comparator, adc", "adc: column"},
             {"sense.i_max_A", "A", "1e-12 to 1e3, or ideal", "a number: column"},
             {"array.long_keys", "-", "current, charge, adc", "charge, adc with parts: column"},
             {"device.slow_noise.scale", "1", "0 or more", "above 0: cells, where rates are slow"},
             {"device.telegraph.scale", "1", "0 or more", "above 0: cells"}},
            "physics.md section 4",
            {"a closed law of P(keep) on the column path (expected rates are unknown there)"}};
}

WireModel threshold_calibration() {
    return {"threshold-calibration",
            "the threshold follows what cells, wires and drive leave of a nominal output",
            {"v_th,j = gain_j v_th; array: the mean gain of its keys",
             "x_p: mean digit that the keys of the calibration samples store in plane p (a line of "
             "a pair, a slice)",
             "cells: slope of the mean conductance between x_p / 2 and 3 x_p / 2",
             "wires: sum_i T_ji / sum_i G_ij of a key in an array whose cells all hold x_p",
             "drive: least-squares slope of value(c) over the codes",
             "measurements, once per chip: one an array or one a column, and the trims' bits"},
            {{"threshold.calibration", "-", "none, array, column", "how fine"}},
            "own derivation from physics.md sections 2 to 4",
            {"noise of the measurement", "codes of the gain",
             "what single arrays store off that mean"}};
}

WireModel slow_split() {
    return {"slow-noise-split",
            "noise with memory by its rates: frozen, followed, or white, at the reads' own times",
            {"rate x pass time < 0.05: frozen, one draw per cell and write",
             "rate x read interval > 3: white, joins the variance of every read",
             "between: an Ornstein-Uhlenbeck state per cell, averaged over each read; traps: a "
             "telegraph state per trap",
             "starts at the age at which the card's programming sigma was measured; younger keys "
             "are read at that age and counted (age_clamped)"},
            {{"timing.write_interval_ns", "ns", "0 to 1e18, or card", "from key to key"},
             {"timing.delay_s", "s", "0 to 1e12", "from the last write to the first read"},
             {"timing.read_interval_ns", "ns", "read time to 1e18, or back-to-back",
              "from query to query"},
             {"device.slow_noise.scale", "1", "0 or more", "of the 1/f sigma"},
             {"device.telegraph.scale", "1", "0 or more", "of the traps' steps"}},
            "physics.md section 4",
            {"steps at uneven intervals", "keys appended between queries"}};
}

WireModel cells() {
    return {"cells",
            "what an experiment asks of the card of its cells",
            {"G_w = G + scale (b(G) + sigma_p(G) z), or the last pulse of the verify loop",
             "each part of the card (attohm explain model) with its own scale; 0 turns it off"},
            {{"device.card", "-", "a card or a file", "attohm list devices"},
             {"device.programming.mode", "-", "direct, verify", "error of the card, or its loop"},
             {"device.programming.scale", "1", "0 or more", "of sigma and bias (direct)"},
             {"device.relaxation.scale", "1", "0 or more", "of drift and spread"},
             {"device.temperature_K", "K", "within the card, or card", "of cells and wires"},
             {"device.read_noise.scale", "1", "0 or more", "of the white read noise"},
             {"device.iv", "-", "card, linear", "whether I-V and selector of the card are used"},
             {"device.stuck.low_rate", "1", "0 to 1, or card", "P(stuck at low resistance)"},
             {"device.stuck.low_resistance_ohm", "ohm", "above 0, or card", "what it shows"},
             {"device.stuck.high_rate", "1", "0 to 1, or card", "P(stuck at high resistance)"},
             {"device.stuck.high_resistance_ohm", "ohm", "above 0, or card", "what it shows"},
             {"device.stuck.spatial", "-", "card, independent, cluster(n), line", "how they lie"}},
            "physics.md section 3",
            {"wear: cells do not age by being written again"}};
}

std::vector<WireModel> build_table() {
    std::vector<WireModel> table = {mapping(),    tiles(),      lines(),
                                    drive(),      read_paths(), threshold_calibration(),
                                    slow_split(), cells()};
    std::set<std::string_view> names;
    for (const WireModel& model : table) {
        ATTOHM_CHECK(names.insert(model.name).second);
        ATTOHM_CHECK(!model.help.empty() && !model.source.empty() && !model.equations.empty());
        ATTOHM_CHECK(!model.parameters.empty() && !model.not_modelled.empty());
        for (const DeviceModelParameter& p : model.parameters)
            ATTOHM_CHECK(!p.key.empty() && !p.unit.empty() && !p.range.empty() && !p.help.empty());
    }
    return table;
}

}  // namespace

const std::vector<WireModel>& tile_model_table() {
    static const std::vector<WireModel> table = build_table();
    return table;
}

const WireModel* find_tile_model(std::string_view name) {
    for (const WireModel& model : tile_model_table()) {
        if (model.name == name) return &model;
    }
    return nullptr;
}

}  // namespace attohm
