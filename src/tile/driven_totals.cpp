#include <algorithm>
#include <cmath>

#include "src/tile/tile_core.hpp"

/// What a tile does where the DACs of every array drive its own lines (DrivenLines).
namespace attohm {

LineInputs TileCore::step_inputs(const ReadBlock& block, std::size_t step) const {
    LineInputs inputs;
    if (lines.none()) {
        Matrix<float>& x = inputs.emplace_back(block.rows(), d());
        for (std::size_t t = 0; t < block.rows(); ++t) {
            drive.step_row(step, block.codes.row(t), x.row(t), d());
        }
        return inputs;
    }
    for (std::size_t a = 0; a < lines.groups(); ++a) {
        Matrix<float>& x = inputs.emplace_back(block.rows(), d());
        lines.step(a, block.first, step, block.codes, x.view());
        if (!drive.curved()) continue;
        for (std::size_t i = 0; i < x.size(); ++i) {
            x.data()[i] = static_cast<float>(drive.value(static_cast<double>(x.data()[i])));
        }
    }
    return inputs;
}

/// Pulses have no DACs that could be off.
LineInputs TileCore::pulse_inputs(const ReadBlock& block, std::size_t step,
                                  std::size_t pulse) const {
    LineInputs inputs;
    Matrix<float>& x = inputs.emplace_back(block.rows(), d());
    for (std::size_t t = 0; t < block.rows(); ++t) {
        drive.pulse_row(step, pulse, block.codes.row(t), x.row(t), d());
    }
    return inputs;
}

/// Values and squares of all steps, by array.
void TileCore::drive_arrays(ReadBlock& block) const {
    LineInputs& values = block.values.emplace_back();
    LineInputs& squares = block.squares.emplace_back();
    for (std::size_t a = 0; a < lines.groups(); ++a) {
        values.emplace_back(block.rows(), d(), 0.0F);
        squares.emplace_back(block.rows(), d(), 0.0F);
    }
    for (std::size_t step = 0; step < drive.steps(); ++step) {
        const auto weight = static_cast<float>(drive.weight(step));
        const LineInputs inputs = step_inputs(block, step);
        for (std::size_t a = 0; a < lines.groups(); ++a) {
            for (std::size_t i = 0; i < inputs[a].size(); ++i) {
                const float x = weight * inputs[a].data()[i];
                values[a].data()[i] += x;
                squares[a].data()[i] += x * x;
            }
        }
    }
}

/// Energies and white variances by the voltages that the DACs really gave.
void TileCore::add_driven_totals(const ReadBlock& block, TileTotals& totals) const {
    const ArrayShape& shape = circuits.arrays.shape;
    const double volt = circuits.drive.v_read.value() / circuits.drive.q_levels;
    const double second = circuits.drive.step_time.value();
    const double supply = circuits.drive.v_supply.value();
    Matrix<float> line(block.rows(), d());
    for (std::size_t a = 0; a < lines.groups(); ++a) {
        std::vector<double> cell(d(), 0.0), driver(d(), 0.0), conductance(d(), 0.0),
            variance(d(), 0.0), squares(d(), 0.0);
        for (std::size_t step = 0; step < drive.steps(); ++step) {
            lines.step(a, block.first, step, block.codes, line.view());
            for (std::size_t i = 0; i < line.size(); ++i) {
                const double v = volt * static_cast<double>(line.data()[i]);
                cell[i % d()] += v * v * second;
                driver[i % d()] += supply * std::abs(v) * second;
            }
        }
        const Matrix<float>& of_array = block.squares.front()[block.by_array() ? a : 0];
        for (std::size_t i = 0; i < of_array.size(); ++i) {
            squares[i % d()] += static_cast<double>(of_array.data()[i]);
        }
        const std::size_t end = std::min(n(), (a + 1) * shape.slots());
        const auto add = [&](std::size_t j, bool key) {
            for (const CellPlane& plane : keys().cells) {
                for (std::size_t i = 0; i < d(); ++i)
                    conductance[i] += static_cast<double>(plane.conductance(j, i));
            }
            for (std::size_t i = 0; i < d() && key; ++i) {
                variance[i] += keys().variance.empty() ? keys().uniform_variance
                                                       : static_cast<double>(keys().variance(j, i));
            }
        };
        for (std::size_t j = a * shape.slots(); j < end; ++j) add(j, true);
        if (keys().cells.front().conductance.rows() > n()) add(n() + a, false);
        for (std::size_t i = 0; i < d(); ++i) {
            totals.cell_J += cell[i] * conductance[i] * mapping.dG().value();
            totals.driver_J += driver[i] * conductance[i] * mapping.dG().value();
            totals.noise_variance += squares[i] * variance[i];
        }
    }
}

}  // namespace attohm
