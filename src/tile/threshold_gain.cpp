#include "src/tile/threshold_gain.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/wired_columns.hpp"
#include "src/tile/tile_core.hpp"

namespace attohm {

namespace {

/// Mean conductance that a cell written to `written` shows at an age.
double shown(const TileCore& core, double written, double age) {
    double g = written;
    if (core.device.relaxation) {
        g += core.device.relaxation->mean(Siemens::from_value(g), Second::from_value(age)).value();
    }
    g *= core.device.temperature_factors().of(Siemens::from_value(g));
    if (core.device.cell.selector.law == SelectorLaw::none) return g;
    const Volt v = core.circuits.drive.v_read;
    return core.device.cell.current(Siemens::from_value(g), v).value() / v.value();
}

double drive_gain(const TileCore& core) {
    if (!core.drive.curved()) return 1.0;
    double products = 0.0, squares = 0.0;
    const int levels = static_cast<int>(core.circuits.drive.q_levels);
    for (int c = 1; c <= levels; ++c) {
        float value = 0.0F;
        const auto code = static_cast<float>(c);
        core.drive.value_row(&code, &value, 1);
        products += static_cast<double>(c) * static_cast<double>(value);
        squares += static_cast<double>(c) * static_cast<double>(c);
    }
    return products / squares;
}

/// Gains of the wires, key by key, with the middle of the range in every cell.
std::vector<double> wire_gains(const TileCore& core, double middle) {
    std::vector<double> gains(core.n(), 1.0);
    if (core.circuits.arrays.wires.none()) return gains;
    const double dG = core.mapping.dG().value();
    const auto level = static_cast<float>(middle / dG);
    const std::size_t rows = core.keys().cells.front().conductance.rows();
    ProgrammedKeys flat;
    for (const Plane& plane : core.mapping.planes()) {
        flat.cells.push_back({plane, {}, Matrix<float>(rows, core.d(), level)});
    }
    wire_columns(core.circuits.arrays, core.mapping, core.n(), flat);
    for (std::size_t j = 0; j < core.n(); ++j) {
        double sum = 0.0, nominal = 0.0;
        for (std::size_t p = 0; p < flat.cells.size(); ++p) {
            const double weight = std::abs(flat.cells[p].plane.weight);
            for (std::size_t i = 0; i < core.d(); ++i) {
                sum += weight * static_cast<double>(flat.transfer[p](j, i));
                nominal += weight * static_cast<double>(level);
            }
        }
        gains[j] = sum / nominal;
    }
    return gains;
}

}  // namespace

std::vector<float> threshold_gains(const TileCore& core) {
    const double low = core.device.g_min.value(), span = core.device.g_max.value() - low;
    const double oldest = core.circuits.schedule.age(0, core.n(), 0);
    const double middle = shown(core, low + 0.5 * span, oldest);
    const std::vector<double> wires = wire_gains(core, middle);
    const double drive = drive_gain(core);
    std::vector<float> gains(core.n());
    for (std::size_t j = 0; j < core.n(); ++j) {
        const double age = core.circuits.schedule.age(j, core.n(), 0);
        const double cells =
            (shown(core, low + 0.75 * span, age) - shown(core, low + 0.25 * span, age)) /
            (0.5 * span);
        gains[j] = static_cast<float>(cells * wires[j] * drive);
    }
    if (core.circuits.calibration == ThresholdCalibration::column) return gains;
    const ArrayShape& shape = core.circuits.arrays.shape;
    for (std::size_t begin = 0; begin < gains.size(); begin += shape.slots()) {
        const std::size_t end = std::min(gains.size(), begin + shape.slots());
        double sum = 0.0;
        for (std::size_t j = begin; j < end; ++j) sum += static_cast<double>(gains[j]);
        std::fill(gains.begin() + static_cast<std::ptrdiff_t>(begin),
                  gains.begin() + static_cast<std::ptrdiff_t>(end),
                  static_cast<float>(sum / static_cast<double>(end - begin)));
    }
    return gains;
}

}  // namespace attohm
