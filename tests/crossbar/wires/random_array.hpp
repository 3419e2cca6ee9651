#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "crossbar/wires/wire_array.hpp"
#include "src/base/random.hpp"

/// Arrays and inputs for the tests of wires.
namespace attohm::testing {

/// Conductances between 1 and 100 uS, spread evenly in their logarithm.
inline Matrix<double> random_conductance(std::size_t rows, std::size_t columns,
                                         std::uint64_t seed) {
    const Stream stream(seed, Purpose::synth_content, {rows, columns});
    Matrix<double> g(rows, columns);
    for (std::size_t k = 0; k < g.size(); ++k)
        g.data()[k] = 1e-6 * std::pow(100.0, stream.uniform(k));
    return g;
}

/// Voltages between -v_max and v_max.
inline Matrix<double> random_inputs(std::size_t batch, std::size_t rows, double v_max,
                                    std::uint64_t seed) {
    const Stream stream(seed, Purpose::synth_content, {batch, rows, 1});
    Matrix<double> v(batch, rows);
    for (std::size_t k = 0; k < v.size(); ++k)
        v.data()[k] = v_max * (2.0 * stream.uniform(k) - 1.0);
    return v;
}

inline WireResistances resistances(double row, double column, double driver, double sense,
                                   Drive drive = Drive::one_side) {
    return {Ohm::from_value(row), Ohm::from_value(column), Ohm::from_value(driver),
            Ohm::from_value(sense), drive};
}

/// max|a - b| / max|b|
inline double relative_distance(const Matrix<double>& a, const Matrix<double>& b) {
    double distance = 0.0, largest = 0.0;
    for (std::size_t k = 0; k < b.size(); ++k) {
        distance = std::max(distance, std::abs(a.data()[k] - b.data()[k]));
        largest = std::max(largest, std::abs(b.data()[k]));
    }
    return distance / largest;
}

}  // namespace attohm::testing
