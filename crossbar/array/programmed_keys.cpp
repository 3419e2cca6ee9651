#include "crossbar/array/programmed_keys.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/cell_kernels.hpp"
#include "crossbar/array/wired_columns.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// A selector in series leaves I(G, V) / V of a cell, and dI/dG of its noise.
void select_cells(const CellLaw& law, Volt volt, Siemens dG, ProgrammedKeys& keys) {
    for (const CellPlane& plane : keys.cells) {
        const std::size_t n = plane.conductance.size();
        std::vector<double> g(n), volts(n, volt.value()), current(n), slope(n);
        for (std::size_t i = 0; i < n; ++i) {
            g[i] = static_cast<double>(plane.conductance.data()[i]) * dG.value();
        }
        law.currents(g, volts, current, slope);
        Matrix<float> transfer, own;
        transfer.resize(plane.conductance.rows(), plane.conductance.cols());
        own.resize(transfer.rows(), transfer.cols());
        for (std::size_t i = 0; i < n; ++i) {
            transfer.data()[i] = static_cast<float>(current[i] / volt.value() / dG.value());
            // dI/dG of the pair in series: s(u) (dI/dV) / (G s'(u)), u the element's own voltage.
            const double u = law.element_voltage(Siemens::from_value(g[i]), volt).value();
            const double element = law.iv.slope(u);
            own.data()[i] = g[i] > 0.0
                                ? static_cast<float>(law.iv.shape(u) * slope[i] /
                                                     (g[i] * element * volt.value()))
                                : static_cast<float>(law.iv.shape(volt.value()) / volt.value());
        }
        keys.transfer.push_back(std::move(transfer));
        keys.own.push_back(std::move(own));
    }
}

/// Means of the keys: the level itself and what every column adds to it.
void combine_means(MatrixView<const float> levels, const ArrayShape& shape, ProgrammedKeys& keys) {
    const std::size_t n = levels.rows, d = levels.cols;
    keys.mean.resize(n, d);
    for (std::size_t j = 0; j < n; ++j) std::copy_n(levels.row(j), d, keys.mean.row(j));
    for (std::size_t p = 0; p < keys.cells.size(); ++p) {
        const Matrix<float>& column = keys.column(p);
        const Matrix<float>& target = keys.cells[p].target();
        const auto weight = static_cast<float>(keys.cells[p].plane.weight);
        for (std::size_t j = 0; j < n; ++j) {
            add_deviation(weight, column.row(j), target.row(j), keys.mean.row(j), d);
            if (column.rows() == n) continue;
            const std::size_t reference = n + shape.array_of(j);
            add_deviation(-weight, column.row(reference), target.row(reference), keys.mean.row(j),
                          d);
        }
    }
}

/// White variances of one step, of the keys and of the references.
void combine_variances(std::size_t n, std::size_t d, ProgrammedKeys& keys) {
    const std::size_t references = keys.cells.front().conductance.rows() - n;
    double weights = 0.0;
    for (const CellPlane& plane : keys.cells) weights += plane.plane.weight * plane.plane.weight;
    if (keys.read_relative == 0.0 && keys.own.empty()) {
        keys.uniform_variance = weights * keys.read_absolute * keys.read_absolute;
        if (references > 0) {
            keys.reference_variance =
                Matrix<float>(references, d, static_cast<float>(keys.uniform_variance));
        }
        return;
    }
    keys.variance = Matrix<float>(n, d, 0.0F);
    keys.reference_variance = Matrix<float>(references, d, 0.0F);
    for (std::size_t p = 0; p < keys.cells.size(); ++p) {
        const CellPlane& plane = keys.cells[p];
        for (std::size_t j = 0; j < n + references; ++j) {
            float* variance = j < n ? keys.variance.row(j) : keys.reference_variance.row(j - n);
            add_variance(static_cast<float>(plane.plane.weight),
                         static_cast<float>(keys.read_relative),
                         static_cast<float>(keys.read_absolute), plane.conductance.row(j),
                         keys.own_row(p, j), variance, d);
        }
    }
}

}  // namespace

void ProgrammedKeys::shift_column(std::size_t plane, const Matrix<float>& columns,
                                  const ArrayShape& shape) {
    if (transfer.empty()) {
        for (const CellPlane& one : cells) transfer.push_back(one.conductance);
    }
    const Matrix<float>& before = transfer[plane];
    const auto weight = static_cast<float>(cells[plane].plane.weight);
    const std::size_t n = mean.rows();
    for (std::size_t j = 0; j < n; ++j) {
        add_deviation(weight, columns.row(j), before.row(j), mean.row(j), mean.cols());
        if (columns.rows() == n) continue;
        const std::size_t reference = n + shape.array_of(j);
        add_deviation(-weight, columns.row(reference), before.row(reference), mean.row(j),
                      mean.cols());
    }
    transfer[plane] = columns;
}

ProgrammedKeys programmed_keys(const KeyCells& cells, MatrixView<const float> levels,
                               const Mapping& mapping, const Device& device,
                               const ArraySettings& arrays, const ReadState& state) {
    ProgrammedKeys keys;
    keys.cells = cells.at(state.age_s, keys.counts);
    keys.read_relative = std::sqrt(std::pow(device.read_noise.relative_at(state.step_time), 2) +
                                   state.extra_relative_variance);
    keys.read_absolute = (device.read_noise.absolute_at(state.step_time) / mapping.dG()).value();
    const bool selector = device.cell.selector.law != SelectorLaw::none;
    if (selector) select_cells(device.cell, state.step_voltage, mapping.dG(), keys);
    if (!arrays.wires.none()) {
        ATTOHM_CHECK(device.cell.iv.is_linear() &&
                     device.cell.selector.law != SelectorLaw::exponential);
        wire_columns(arrays, mapping, levels.rows, keys);
    }
    combine_means(levels, arrays.shape, keys);
    combine_variances(levels.rows, levels.cols, keys);
    keys.row_conductance_S.assign(levels.cols, 0.0);
    for (const CellPlane& plane : keys.cells) {
        for (std::size_t j = 0; j < plane.conductance.rows(); ++j) {
            add_conductances(plane.conductance.row(j), keys.row_conductance_S.data(), levels.cols);
        }
    }
    for (double& g : keys.row_conductance_S) g *= mapping.dG().value();
    if (arrays.unwritten == Unwritten::reset) {
        const ArrayShape& shape = arrays.shape;
        const std::size_t slots = shape.arrays(levels.rows) * shape.slots() - levels.rows;
        const double reset = static_cast<double>(slots * keys.cells.size());
        for (double& g : keys.row_conductance_S) g += reset * mapping.g_min().value();
    }
    return keys;
}

namespace {

/// Adds what the columns p .. p + count - 1 of key j hold beside their targets, minus columns
/// subtracted.
void add_columns(const ProgrammedKeys& keys, std::size_t p, std::size_t count, std::size_t j,
                 AlignedVector<float>& digit) {
    for (std::size_t q = p; q < p + count; ++q) {
        const CellPlane& cells = keys.cells[q];
        const float sign = cells.plane.polarity == Polarity::plus ? 1.0F : -1.0F;
        add_deviation(sign, cells.conductance.row(j), cells.target().row(j), digit.data(),
                      digit.size());
    }
}

/// Level of a key whose digits are sensed one by one.
void sense_digits(const ProgrammedKeys& keys, const Mapping& mapping, const float* levels,
                  std::size_t j, AlignedVector<float>& sum) {
    const bool pair = mapping.signs() == Signs::differential;
    const std::size_t columns = pair ? 2 : 1;
    const auto top = static_cast<float>(mapping.largest_digit());
    AlignedVector<float> digit(sum.size()), sensed(sum.size()), nominal(sum.size());
    std::fill(sum.begin(), sum.end(), pair ? 0.0F : -static_cast<float>(mapping.n_max()));
    for (std::size_t p = 0; p < keys.cells.size(); p += columns) {
        for (std::size_t i = 0; i < sum.size(); ++i) {
            const auto m = static_cast<double>(levels[i]);
            const double minus = pair ? mapping.digit(keys.cells[p + 1].plane, m) : 0.0;
            nominal[i] = static_cast<float>(mapping.digit(keys.cells[p].plane, m) - minus);
        }
        digit = nominal;
        add_columns(keys, p, columns, j, digit);
        sense_cells(digit.data(), nominal.data(), pair ? -top : 0.0F, top, sensed.data(),
                    digit.size());
        const auto weight = static_cast<float>(std::abs(keys.cells[p].plane.weight));
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * sensed[i];
    }
}

}  // namespace

std::int64_t sense_levels(const ProgrammedKeys& keys, const Mapping& mapping,
                          MatrixView<const float> levels, MatrixView<float> sensed) {
    const std::size_t d = levels.cols;
    const auto n_max = static_cast<float>(mapping.n_max());
    AlignedVector<float> level(d);
    std::int64_t wrong = 0;
    for (std::size_t j = 0; j < levels.rows; ++j) {
        if (mapping.slices() > 1) {
            sense_digits(keys, mapping, levels.row(j), j, level);
        } else {
            std::copy_n(levels.row(j), d, level.begin());
            add_columns(keys, 0, keys.cells.size(), j, level);
        }
        wrong += sense_cells(level.data(), levels.row(j), -n_max, n_max - 1.0F, sensed.row(j), d);
    }
    return wrong;
}

}  // namespace attohm
