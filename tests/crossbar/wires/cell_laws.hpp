#pragma once

#include <vector>

#include "crossbar/device/cell_iv.hpp"

/// Cells with every kind of law, for the tests of arrays.
namespace attohm::testing {

inline CellIv sinh_iv(double v_ref, double v0) {
    CellIv iv;
    iv.law = IvLaw::sinh;
    iv.v_ref = Volt::from_value(v_ref);
    iv.v0 = Volt::from_value(v0);
    return iv;
}

inline CellIv polynomial_iv() {
    CellIv iv;
    iv.law = IvLaw::polynomial;
    iv.v_ref = Volt::from_value(0.2);
    iv.coefficients = {0.5, 6.0};
    return iv;
}

/// Speaks of voltages up to 0.4 V.
inline CellIv table_iv() {
    CellIv iv;
    iv.law = IvLaw::table;
    iv.v_ref = Volt::from_value(0.2);
    iv.v_V = {0.0, 0.1, 0.2, 0.4};
    iv.shape_V = {0.0, 0.08, 0.2, 0.55};
    iv.v_max = 0.4;
    return iv;
}

inline Selector resistance_selector(double ohm) {
    Selector selector;
    selector.law = SelectorLaw::resistance;
    selector.r_on = Ohm::from_value(ohm);
    return selector;
}

inline Selector exponential_selector(double i0, double v0) {
    Selector selector;
    selector.law = SelectorLaw::exponential;
    selector.i0 = Ampere::from_value(i0);
    selector.v0 = Volt::from_value(v0);
    return selector;
}

/// Every law alone, and with the two selectors where that says something new.
inline std::vector<CellLaw> cell_laws() {
    const CellIv sinh = sinh_iv(0.2, 0.25);
    CellIv table = table_iv();
    table.v_max = 1.0;  // the last line goes on
    return {{sinh, {}},
            {polynomial_iv(), {}},
            {table, {}},
            {CellIv{}, resistance_selector(8e3)},
            {CellIv{}, exponential_selector(1e-6, 0.05)},
            {sinh, resistance_selector(8e3)},
            {sinh, exponential_selector(1e-6, 0.05)}};
}

}  // namespace attohm::testing
