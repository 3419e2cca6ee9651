#include "src/tile/threshold_gain.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/wired_columns.hpp"
#include "src/base/error.hpp"
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

/// Conductance that a cell with a digit, real-valued, shows at an age, in dG.
double shown_digit(const TileCore& core, double digit, double age) {
    const double dG = core.mapping.dG().value();
    return shown(core, core.mapping.g_min().value() + dG * digit, age) / dG;
}

/// An array whose cells all hold the mean digit of their plane, references level 0.
ProgrammedKeys mean_array(const TileCore& core, double age) {
    const std::size_t rows = core.keys().cells.front().conductance.rows();
    ProgrammedKeys flat;
    for (std::size_t p = 0; p < core.mapping.planes().size(); ++p) {
        const Plane& plane = core.mapping.planes()[p];
        const auto key = static_cast<float>(shown_digit(core, core.circuits.stored_digits[p], age));
        const auto reference =
            static_cast<float>(shown_digit(core, core.mapping.reference_digit(plane), age));
        Matrix<float> cells(rows, core.d(), reference);
        std::fill_n(cells.data(), core.n() * core.d(), key);
        flat.cells.push_back({plane, {}, std::move(cells)});
    }
    return flat;
}

/// Gains of the wires, key by key.
std::vector<double> wire_gains(const TileCore& core, double age) {
    std::vector<double> gains(core.n(), 1.0);
    if (core.circuits.arrays.wires.none()) return gains;
    ProgrammedKeys flat = mean_array(core, age);
    wire_columns(core.circuits.arrays, core.mapping, core.n(), flat);
    for (std::size_t j = 0; j < core.n(); ++j) {
        double sum = 0.0, nominal = 0.0;
        for (std::size_t p = 0; p < flat.cells.size(); ++p) {
            const double weight = std::abs(flat.cells[p].plane.weight);
            for (std::size_t i = 0; i < core.d(); ++i) {
                sum += weight * static_cast<double>(flat.transfer[p](j, i));
                nominal += weight * static_cast<double>(flat.cells[p].conductance(j, i));
            }
        }
        // Cells of 0 S: no current that wires could take from.
        if (nominal > 0.0) gains[j] = sum / nominal;
    }
    return gains;
}

double cell_gain(const TileCore& core, double age) {
    double rise = 0.0, nominal = 0.0;
    for (std::size_t p = 0; p < core.mapping.planes().size(); ++p) {
        const double weight = std::abs(core.mapping.planes()[p].weight);
        const double mean = core.circuits.stored_digits[p];
        const double low = 0.5 * mean;
        const double high = std::min(1.5 * mean, static_cast<double>(core.mapping.largest_digit()));
        rise += weight * (shown_digit(core, high, age) - shown_digit(core, low, age));
        nominal += weight * (high - low);
    }
    // Keys of zeros have no slope.
    return nominal > 0.0 ? rise / nominal : 1.0;
}

}  // namespace

MeanDigits::MeanDigits(const Mapping& mapping)
    : mapping_(mapping), sums_(mapping.planes().size(), 0.0) {}

void MeanDigits::add(MatrixView<const float> levels) {
    for (std::size_t j = 0; j < levels.rows; ++j) {
        for (std::size_t i = 0; i < levels.cols; ++i) {
            for (std::size_t p = 0; p < sums_.size(); ++p) {
                sums_[p] += mapping_.digit(mapping_.planes()[p], static_cast<double>(levels(j, i)));
            }
        }
    }
    cells_ += static_cast<double>(levels.rows * levels.cols);
}

std::vector<double> MeanDigits::values() const {
    std::vector<double> means = sums_;
    for (double& mean : means) mean /= std::max(cells_, 1.0);
    return means;
}

std::vector<float> threshold_gains(const TileCore& core) {
    ATTOHM_CHECK_EQ(core.circuits.stored_digits.size(), core.mapping.planes().size());
    const std::vector<double> wires = wire_gains(core, core.circuits.schedule.age(0, core.n(), 0));
    const double drive = drive_gain(core);
    std::vector<float> gains(core.n());
    for (std::size_t j = 0; j < core.n(); ++j) {
        const double age = core.circuits.schedule.age(j, core.n(), 0);
        gains[j] = static_cast<float>(cell_gain(core, age) * wires[j] * drive);
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
