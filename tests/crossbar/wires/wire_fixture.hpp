#pragma once

#include <random>
#include <vector>

#include "crossbar/wires/wire_array.hpp"

namespace attohm::test {

/// Conductances of 1 .. 100 uS, spread evenly in their logarithm; a share of them open.
inline Matrix<double> random_cells(std::size_t rows, std::size_t columns, std::uint32_t seed,
                                   double open = 0.0) {
    std::mt19937 engine(seed);
    Matrix<double> g(rows, columns);
    for (std::size_t k = 0; k < g.size(); ++k) {
        const double u = static_cast<double>(engine()) / 4294967296.0;
        const double cut = static_cast<double>(engine()) / 4294967296.0;
        g.data()[k] = cut < open ? 0.0 : 1e-6 * std::pow(100.0, u);
    }
    return g;
}

inline WireResistances wires_of(double row, double column, double driver, double sense,
                                Drive drive = Drive::one_side) {
    WireResistances wires;
    wires.row = Ohm::from_value(row);
    wires.column = Ohm::from_value(column);
    wires.driver = Ohm::from_value(driver);
    wires.sense = Ohm::from_value(sense);
    wires.drive = drive;
    return wires;
}

/// Every way of leaving some of the four resistances out, with one-sided and two-sided drive.
inline std::vector<WireResistances> all_wires(double row = 2.5, double column = 1.5,
                                              double driver = 300.0, double sense = 120.0) {
    std::vector<WireResistances> all;
    for (int mask = 0; mask < 16; ++mask) {
        for (const Drive drive : {Drive::one_side, Drive::both_sides}) {
            all.push_back(wires_of(mask & 1 ? row : 0.0, mask & 2 ? column : 0.0,
                                   mask & 4 ? driver : 0.0, mask & 8 ? sense : 0.0, drive));
        }
    }
    return all;
}

}  // namespace attohm::test
