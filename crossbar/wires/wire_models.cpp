#include "crossbar/wires/wire_models.hpp"

#include <fmt/format.h>

#include <set>
#include <string>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr DeviceModelParameter kLines[] = {
    {"r_row_ohm", "ohm", "0, or 1e-9 to 1e15", "one segment of a row, between two cells"},
    {"r_col_ohm", "ohm", "0, or 1e-9 to 1e15", "one segment of a column"},
    {"r_driver_ohm", "ohm", "0, or 1e-9 to 1e15", "output of a row driver"},
    {"r_sense_ohm", "ohm", "0, or 1e-9 to 1e15", "input of a sense circuit"},
    {"drive", "-", "one-side, both-sides", "where the drivers of a row are"}};

std::vector<DeviceModelParameter> lines_and(std::vector<DeviceModelParameter> more) {
    more.insert(more.begin(), std::begin(kLines), std::end(kLines));
    return more;
}

WireModel transfer_model() {
    return {"array-lines",
            "linear cells behind lines, drivers and sense circuits with resistance, exactly",
            {"row i: v_in -> r_driver -> r_row -> cell (i, 0) -> r_row -> cell (i, 1) -> ...",
             "column j: cell (0, j) -> r_col -> cell (1, j) -> ... -> r_col -> r_sense -> 0 V",
             "Y u = b at every node; I = T V, T_ji the current into sense j per volt on row i",
             "residual = max|Y u - b| / max|b|"},
            lines_and({{"conductance_S", "S", "0 to 1e9", "of each cell"}}),
            "Kirchhoff's laws; physics.md section 4",
            {"capacitance (array-settling)", "contacts that differ from line to line",
             "lines that float"}};
}

WireModel nonlinear_model() {
    return {
        "array-nonlinear",
        "cells with an I-V of their own or a selector, behind the same lines",
        {"Y u + sum over cells of p I(G, p'u) = b, p the incidence of a cell",
         "Newton on the convex co-content from the linear array's solution, to a residual of "
         "1e-12",
         "without lines: I_j = sum_i I(G_ij, V_i)"},
        lines_and({{"conductance_S", "S", "0 to 1e9", "of each cell, I / V at v_ref"},
                   {"--card", "-", "a device card", "whose `iv` and `selector` the cells have"}}),
        "Kirchhoff's laws; physics.md section 3; Duffin, Bull. Amer. Math. Soc. 53 (1947) 963",
        {"lines that float: an unselected row is a row at 0 V", "capacitance",
         "what the law of the cell leaves out (attohm explain model)"}};
}

WireModel settling_model() {
    return {"array-settling",
            "Elmore delay of each output after a step of the inputs",
            {"C dv/dt + Y v = b; tau = int (1 - I(t) / I(inf)) dt, from Y^-1 C Y^-1 b: exact",
             "settle time to half a step of a converter = tau ln(2^(bits + 1)), one time constant"},
            lines_and({{"conductance_S", "S", "0 to 1e9", "of each cell: a leak to the other line"},
                       {"c_row_F", "F", "at least 0", "of a row line, per cell"},
                       {"c_col_F", "F", "at least 0", "of a column line, per cell"},
                       {"c_driver_F", "F", "at least 0", "at the output of a driver"},
                       {"c_sense_F", "F", "at least 0", "in front of a sense resistance"}}),
            "Elmore, J. Appl. Phys. 19 (1948) 55, doi:10.1063/1.1697872",
            {"capacitance between lines", "slew of drivers, bandwidth of the sense amplifier",
             "non-linear cells"}};
}

std::vector<WireModel> build_table() {
    std::vector<WireModel> table = {transfer_model(), nonlinear_model(), settling_model()};
    std::set<std::string_view> names;
    for (const WireModel& model : table) {
        bool whole = names.insert(model.name).second && !model.help.empty() &&
                     !model.source.empty() && !model.equations.empty() &&
                     !model.not_modelled.empty();
        for (const DeviceModelParameter& p : model.parameters)
            whole =
                whole && !p.key.empty() && !p.unit.empty() && !p.range.empty() && !p.help.empty();
        if (!whole)
            throw InvariantError(
                fmt::format("array model `{}` is twice there or not complete", model.name));
    }
    return table;
}

}  // namespace

const std::vector<WireModel>& wire_model_table() {
    static const std::vector<WireModel> table = build_table();
    return table;
}

const WireModel& find_wire_model(std::string_view name) {
    std::vector<std::string> names;
    for (const WireModel& model : wire_model_table()) {
        if (model.name == name) return model;
        names.emplace_back(model.name);
    }
    const std::string near = nearest(name, names);
    throw UserError("unknown array model", "explain", std::string(name),
                    fmt::format("{}{}", fmt::join(names, ", "),
                                near.empty() ? "" : " (did you mean " + near + "?)"));
}

}  // namespace attohm
