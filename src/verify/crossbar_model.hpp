#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "crossbar/array/mapping.hpp"
#include "crossbar/array/plain_array.hpp"
#include "crossbar/array/plain_read.hpp"
#include "crossbar/wires/line_resistance.hpp"
#include "crossbar/wires/wire_array.hpp"

/// The crossbar as its referee sees it: a few functions, so that a test can put a broken one in the
/// place of each.
namespace attohm {

/// An array behind its lines, and all its nodes under one input.
struct WireSolution {
    Matrix<double> transfer;      ///< [columns, rows] siemens
    Matrix<double> row_nodes;     ///< [rows, columns] volt
    Matrix<double> column_nodes;  ///< [rows, columns] volt
};

/// The keys of one head, with 4-bit levels.
struct KeyRequest {
    MatrixView<const float> levels;  ///< [n, d]
    Signs signs = Signs::differential;
    DrawSite site;
};

/// What became of it, in units of dG.
struct KeyColumns {
    struct Column {
        Polarity polarity = Polarity::plus;
        Matrix<float> conductance;  ///< [n, d]; where there is a reference, its cells in row n
    };
    std::vector<Column> columns;
    Matrix<float> mean;  ///< [n, d] what a unit input on a row adds to a score
};

struct CrossbarModel {
    static constexpr int kKeyBits = 4;

    /// What the card became.
    Device device;

    /// Writes targets [rows, columns] and lets them age. Nothing for the age: as written.
    std::function<PlainArray(const Device&, MatrixView<const double>, const DrawSite&,
                             std::optional<Second>)>
        program;
    /// Currents [batch, columns] of conductances [rows, columns] and inputs [batch, rows].
    std::function<Matrix<float>(const Device&, MatrixView<const double>, MatrixView<const double>,
                                const PlainReadSettings&)>
        read;
    std::function<KeyColumns(const Device&, const KeyRequest&)> keys;
    /// Args: conductance [rows, columns]; inputs [rows] volt, for the nodes.
    std::function<WireSolution(MatrixView<const double>, const WireResistances&,
                               const std::vector<double>&)>
        solve;
    std::function<Ohm(const LineGeometry&, Kelvin)> segment;
    std::function<Ampere(const Device&, Siemens, Volt)> cell_current;
};

/// The crossbar of this program with this device.
CrossbarModel real_model(const Device& device);

}  // namespace attohm
