#include <algorithm>
#include <cmath>
#include <random>

#include "src/verify/checks.hpp"
#include "src/verify/dense_nodes.hpp"

/// Lines with resistance, with cells of the card's range.
namespace attohm {

namespace {

struct Array {
    Matrix<double> conductance;
    std::vector<double> inputs;
    WireResistances wires;
};

/// Resistances that differ from each other, and drop about a tenth of the voltage at most: line
/// segments of 1/500 of the most conductive cell's resistance.
Array random_array(const Bench& bench, std::size_t rows, std::size_t columns, Drive drive) {
    std::mt19937_64 engine(bench.seed + 30);
    const auto uniform = [&] { return static_cast<double>(engine() >> 11) * 0x1p-53; };
    Array array;
    array.conductance = Matrix<double>(rows, columns);
    const double range = bench.card.g_max_S - bench.card.g_min_S;
    for (std::size_t k = 0; k < array.conductance.size(); ++k)
        array.conductance.data()[k] = bench.card.g_min_S + range * uniform();
    for (std::size_t i = 0; i < rows; ++i)
        array.inputs.push_back(bench.volt() * (0.2 + 0.8 * uniform()));
    const double unit = 1.0 / (500.0 * bench.card.g_max_S);
    array.wires.row = Ohm::from_value(unit);
    array.wires.column = Ohm::from_value(0.3 * unit);
    array.wires.driver = Ohm::from_value(7.0 * unit);
    array.wires.sense = Ohm::from_value(2.0 * unit);
    array.wires.drive = drive;
    return array;
}

std::vector<double> currents(const Matrix<double>& transfer, const std::vector<double>& inputs) {
    std::vector<double> out(transfer.rows(), 0.0);
    for (std::size_t j = 0; j < transfer.rows(); ++j) {
        for (std::size_t i = 0; i < transfer.cols(); ++i) out[j] += transfer(j, i) * inputs[i];
    }
    return out;
}

double total(const std::vector<double>& values) {
    double sum = 0.0;
    for (const double value : values) sum += value;
    return sum;
}

/// Current and power through the resistances of a line, added up.
struct Balance {
    double in_A = 0.0, out_A = 0.0;
    double supplied_W = 0.0, dissipated_W = 0.0;

    /// Current from a to b through `ohm`.
    double through(double a, double b, double ohm) {
        const double ampere = (a - b) / ohm;
        dissipated_W += ampere * (a - b);
        return ampere;
    }
};

/// From the node voltages alone, with the resistances that were asked for.
Balance balance_of(const Array& array, const WireSolution& solution) {
    const Matrix<double>& u = solution.row_nodes;
    const Matrix<double>& w = solution.column_nodes;
    const double row = array.wires.row.value(), column = array.wires.column.value();
    Balance balance;
    for (std::size_t i = 0; i < u.rows(); ++i) {
        const double ampere =
            balance.through(array.inputs[i], u(i, 0), array.wires.driver.value() + row);
        balance.in_A += ampere;
        balance.supplied_W += ampere * array.inputs[i];
        for (std::size_t j = 0; j < u.cols(); ++j) {
            balance.through(u(i, j), w(i, j), 1.0 / array.conductance(i, j));
            if (j + 1 < u.cols()) balance.through(u(i, j), u(i, j + 1), row);
            if (i + 1 < u.rows()) balance.through(w(i, j), w(i + 1, j), column);
        }
    }
    for (std::size_t j = 0; j < w.cols(); ++j)
        balance.out_A +=
            balance.through(w(w.rows() - 1, j), 0.0, array.wires.sense.value() + column);
    return balance;
}

}  // namespace

Outcome check_wire_oracle(const Bench& bench) {
    Judge judge;
    for (const Drive drive : {Drive::one_side, Drive::both_sides}) {
        for (const auto& [rows, columns] : {std::pair(6, 11), std::pair(14, 9)}) {
            const Array array = random_array(bench, std::size_t(rows), std::size_t(columns), drive);
            const std::vector<double> got = currents(
                bench.model.solve(array.conductance.view(), array.wires, array.inputs).transfer,
                array.inputs);
            const std::vector<double> right =
                dense_currents(array.conductance.view(), array.wires, array.inputs);
            double wrong = 0.0;
            for (std::size_t j = 0; j < right.size(); ++j)
                wrong = std::max(wrong, std::abs(got[j] - right[j]));
            const double largest = *std::max_element(right.begin(), right.end());
            judge.within(fmt::format("max|dI| / max|I|, {} x {}, driven from {}", rows, columns,
                                     drive == Drive::one_side ? "one side" : "both sides"),
                         wrong / largest, 0.0, 1e-9);
        }
    }
    return judge.outcome();
}

Outcome check_wire_conservation(const Bench& bench) {
    const Array array = random_array(bench, 24, 20, Drive::one_side);
    const WireSolution solution =
        bench.model.solve(array.conductance.view(), array.wires, array.inputs);
    const Balance balance = balance_of(array, solution);
    Judge judge;
    judge.within("current out of the drivers / into the senses", balance.in_A / balance.out_A, 1.0,
                 1e-9);
    judge.within("energy supplied / dissipated", balance.supplied_W / balance.dissipated_W, 1.0,
                 1e-9);
    judge.within("current of the transfer matrix / of the nodes",
                 total(currents(solution.transfer, array.inputs)) / balance.out_A, 1.0, 1e-9);
    return judge.outcome();
}

Outcome check_wire_limits(const Bench& bench) {
    Array array = random_array(bench, 20, 12, Drive::one_side);
    // One input for all rows: then current is power over voltage, which Rayleigh's law speaks of.
    array.inputs.assign(array.inputs.size(), bench.volt());
    const auto sum_with = [&](const WireResistances& wires) {
        return total(
            currents(bench.model.solve(array.conductance.view(), wires, array.inputs).transfer,
                     array.inputs));
    };
    double ideal = 0.0;
    for (std::size_t i = 0; i < array.conductance.rows(); ++i) {
        for (std::size_t j = 0; j < array.conductance.cols(); ++j)
            ideal += array.inputs[i] * array.conductance(i, j);
    }
    Judge judge;
    WireResistances tiny = array.wires;
    for (Ohm* r : {&tiny.row, &tiny.column, &tiny.driver, &tiny.sense}) *r = *r * 1e-9;
    judge.within("current / ideal, lines of almost no resistance", sum_with(tiny) / ideal, 1.0,
                 1e-7);
    const double now = sum_with(array.wires);
    judge.holds("current falls below the ideal one", now < ideal);
    // More resistance anywhere, less power, so less current in all.
    const char* names[] = {"r_row", "r_column", "r_driver", "r_sense"};
    for (int k = 0; k < 4; ++k) {
        WireResistances more = array.wires;
        Ohm* of[] = {&more.row, &more.column, &more.driver, &more.sense};
        *of[k] = *of[k] * 2.0;
        judge.holds(fmt::format("current falls as {} doubles", names[k]), sum_with(more) < now);
    }
    return judge.outcome();
}

Outcome check_line_segment(const Bench& bench) {
    Judge judge;
    // In nanometres throughout: ohm nm, so that a factor of 1e9 has nowhere to hide.
    struct Line {
        double ohm_nm, width_nm, height_nm, pitch_nm;
    };
    for (const Line& line : {Line{36.0, 70.0, 140.0, 200.0}, Line{80.0, 20.0, 40.0, 60.0}}) {
        LineGeometry geometry;
        geometry.resistivity = OhmMetre::from_value(line.ohm_nm * 1e-9);
        geometry.width = Metre::from_value(line.width_nm * 1e-9);
        geometry.height = Metre::from_value(line.height_nm * 1e-9);
        geometry.pitch = Metre::from_value(line.pitch_nm * 1e-9);
        const double ohm = line.ohm_nm * line.pitch_nm / (line.width_nm * line.height_nm);
        for (const double kelvin : {250.0, 300.0, 350.0}) {
            const double right = ohm * (1.0 + 0.00451 * (kelvin - 300.0));
            const double got = bench.model.segment(geometry, Kelvin::from_value(kelvin)).value();
            judge.within(fmt::format("segment of {} nm x {} nm, pitch {} nm, at {} K, ohm",
                                     line.width_nm, line.height_nm, line.pitch_nm, kelvin),
                         got, right, 1e-9 * right);
        }
    }
    return judge.outcome();
}

}  // namespace attohm
