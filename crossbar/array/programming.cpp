#include "crossbar/array/programming.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/programming_kernels.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

CellLaw cell_law(const Device& device, const LevelMap& map, Second read_time) {
    CellLaw law;
    const double dG = map.dG().value();
    const auto& coefficients = device.programming.sigma_coefficients;
    ATTOHM_CHECK_LE(coefficients.size(), CellLaw::kTerms);
    // sigma / dG = sum_k c_k dG^(k-1) (G / dG)^k
    double factor = device.programming.scale / dG;
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
        law.sigma[k] = static_cast<float>(coefficients[k] * factor);
        factor *= dG;
    }
    law.base = static_cast<float>(map.base_level());
    law.floor = static_cast<float>(device.g_floor.value() / dG);
    law.read_relative = static_cast<float>(device.read_noise.relative_at(read_time));
    const double absolute = device.read_noise.absolute_at(read_time).value() / dG;
    law.read_absolute_squared = static_cast<float>(absolute * absolute);
    return law;
}

/// Cells of one polarity while they are being programmed.
struct Cells {
    Matrix<float> conductance;
    Matrix<float> deviation;
};

Cells program_polarity(MatrixView<const float> levels, const CellLaw& law, const Device& device,
                       const DrawSite& site, Polarity polarity, std::int64_t& floored) {
    Cells cells;
    cells.conductance.resize(levels.rows, levels.cols);
    cells.deviation.resize(levels.rows, levels.cols);
    Matrix<float> normals;
    normals.resize(levels.rows, levels.cols);
    if (device.programming.none()) {
        std::fill_n(normals.data(), normals.size(), 0.0F);
    } else {
        programming_stream(site, plane_id(polarity)).normals(0, {normals.data(), normals.size()});
    }
    const float sign = polarity == Polarity::plus ? 1.0F : -1.0F;
    for (std::size_t j = 0; j < levels.rows; ++j) {
        floored += program_cells(law, sign, levels.row(j), normals.row(j), cells.conductance.row(j),
                                 cells.deviation.row(j), levels.cols);
    }
    return cells;
}

/// Faulty locations show their resistance, whatever was written.
std::int64_t stick_cells(MatrixView<const float> levels, const LevelMap& map, const Device& device,
                         const ArrayShape& shape, const DrawSite& site, Polarity polarity,
                         Cells& cells) {
    const StuckFaults& stuck = device.stuck;
    const double dG = map.dG().value();
    const double low = 1.0 / stuck.low_resistance.value() / dG;
    const double high = 1.0 / stuck.high_resistance.value() / dG;
    const float sign = polarity == Polarity::plus ? 1.0F : -1.0F;
    std::vector<std::uint8_t> is_low(levels.cols), is_any(levels.cols);
    std::int64_t count = 0;
    for (std::size_t j = 0; j < levels.rows; ++j) {
        const auto columns = static_cast<std::size_t>(shape.columns);
        const Stream stream = stuck_fault_stream(site, j / columns, plane_id(polarity));
        const std::uint64_t first = (j % columns) * static_cast<std::uint64_t>(shape.rows);
        stream.events(first, stuck.low_rate, is_low);
        stream.events(first, stuck.low_rate + stuck.high_rate, is_any);
        for (std::size_t i = 0; i < levels.cols; ++i) {
            if (is_any[i] == 0) continue;
            ++count;
            const double g = is_low[i] != 0 ? low : high;
            const double target =
                map.base_level() + std::max(static_cast<double>(sign * levels(j, i)), 0.0);
            cells.conductance(j, i) = static_cast<float>(g);
            cells.deviation(j, i) = static_cast<float>(g - target);
        }
    }
    return count;
}

}  // namespace

ProgrammedKeys program_keys(MatrixView<const float> levels, const LevelMap& map,
                            const Device& device, const ArrayShape& shape, Second read_time,
                            const DrawSite& site) {
    ATTOHM_CHECK_LE(levels.cols, static_cast<std::size_t>(shape.rows));
    const CellLaw law = cell_law(device, map, read_time);
    ProgrammedKeys keys;
    keys.cells = static_cast<std::int64_t>(2 * levels.rows * levels.cols);
    Cells plus = program_polarity(levels, law, device, site, Polarity::plus, keys.floored);
    Cells minus = program_polarity(levels, law, device, site, Polarity::minus, keys.floored);
    if (!device.stuck.none()) {
        keys.stuck += stick_cells(levels, map, device, shape, site, Polarity::plus, plus);
        keys.stuck += stick_cells(levels, map, device, shape, site, Polarity::minus, minus);
    }
    keys.mean.resize(levels.rows, levels.cols);
    keys.variance.resize(levels.rows, levels.cols);
    keys.row_conductance_S.assign(levels.cols, 0.0);
    for (std::size_t j = 0; j < levels.rows; ++j) {
        combine_pairs(law, levels.row(j), plus.conductance.row(j), minus.conductance.row(j),
                      plus.deviation.row(j), minus.deviation.row(j), keys.mean.row(j),
                      keys.variance.row(j), levels.cols);
        add_conductances(plus.conductance.row(j), minus.conductance.row(j),
                         keys.row_conductance_S.data(), levels.cols);
    }
    for (double& g : keys.row_conductance_S) g *= map.dG().value();
    keys.read_relative = device.read_noise.relative_at(read_time);
    keys.read_absolute = (device.read_noise.absolute_at(read_time) / map.dG()).value();
    if (law.read_relative == 0.0F) {
        keys.uniform_variance = 2.0 * static_cast<double>(law.read_absolute_squared);
        keys.variance = Matrix<float>();
    }
    keys.plus = std::move(plus.conductance);
    keys.minus = std::move(minus.conductance);
    return keys;
}

std::int64_t sense_levels(const ProgrammedKeys& keys, const LevelMap& map,
                          MatrixView<const float> levels, MatrixView<float> sensed) {
    const auto n_max = static_cast<float>(map.n_max());
    std::int64_t wrong = 0;
    for (std::size_t j = 0; j < levels.rows; ++j) {
        wrong += sense_cells(keys.mean.row(j), levels.row(j), -n_max, n_max - 1.0F, sensed.row(j),
                             levels.cols);
    }
    return wrong;
}

}  // namespace attohm
