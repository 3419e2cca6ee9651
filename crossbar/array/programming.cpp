#include "crossbar/array/programming.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/programming_kernels.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

LevelLaw level_law(const Device& device, const LevelMap& map, Second read_time) {
    LevelLaw law;
    const double dG = map.dG().value();
    const auto& coefficients = device.programming.sigma_coefficients;
    ATTOHM_CHECK_LE(coefficients.size(), LevelLaw::kTerms);
    // sigma / dG = sum_k c_k dG^(k-1) (G / dG)^k
    double factor = device.programming.scale / dG;
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
        law.sigma[k] = static_cast<float>(coefficients[k] * factor);
        factor *= dG;
    }
    law.base = static_cast<float>(map.base_level());
    law.floor = static_cast<float>(device.g_floor.value() / dG);
    law.ceiling = device.g_ceiling ? static_cast<float>(device.g_ceiling->value() / dG) : HUGE_VALF;
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

Cells program_polarity(MatrixView<const float> levels, const LevelLaw& law, const Device& device,
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

/// Whether the kernel alone says it all: target + polynomial sigma, clipped.
bool is_plain(const Device& device) {
    return !device.simulates_verify() && device.temperature_factors().none() &&
           (device.programming.none() || (device.programming.law == ProgrammingLaw::polynomial &&
                                          device.programming.bias_coefficients.empty()));
}

/// Cells of one polarity by any law: verify loop or programming error, clip, temperature.
std::int64_t program_any(MatrixView<const float> levels, const LevelMap& map, const Device& device,
                         const DrawSite& site, Polarity polarity, Cells& cells,
                         WriteVerifyTotals& verify) {
    const std::size_t n = levels.cols;
    const double dG = map.dG().value();
    const ConductanceRange range = device.conductance_range();
    const double ceiling = range.ceiling ? range.ceiling->value() : HUGE_VAL;
    const Temperature::Factors factors = device.temperature_factors();
    std::vector<double> targets(n), written(n), z(n, 0.0);
    std::vector<float> normals(n);
    std::int64_t clipped = 0;
    for (std::size_t j = 0; j < levels.rows; ++j) {
        for (std::size_t i = 0; i < n; ++i) {
            const auto m = static_cast<double>(levels(j, i));
            targets[i] = (polarity == Polarity::plus ? map.plus(m) : map.minus(m)).value();
        }
        if (device.simulates_verify()) {
            verify += write_cells(*device.verify, range, targets,
                                  verify_stream(site, plane_id(polarity)), j * n, written);
        } else {
            programming_stream(site, plane_id(polarity)).normals(j * n, normals);
            std::copy(normals.begin(), normals.end(), z.begin());
            device.programming.written(targets, z, written);
        }
        for (std::size_t i = 0; i < n; ++i) {
            const double kept = std::clamp(written[i], range.floor.value(), ceiling);
            clipped += kept != written[i] ? 1 : 0;
            const double g = kept * factors.of(Siemens::from_value(kept));
            cells.conductance(j, i) = static_cast<float>(g / dG);
            cells.deviation(j, i) = static_cast<float>((g - targets[i]) / dG);
        }
    }
    return clipped;
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
    const auto columns = static_cast<std::size_t>(shape.columns);
    Matrix<std::uint8_t> map_of_array(columns, static_cast<std::size_t>(shape.rows));
    std::int64_t count = 0;
    for (std::size_t j = 0; j < levels.rows; ++j) {
        if (j % columns == 0)
            fill_stuck_map(stuck, stuck_streams(site, j / columns, plane_id(polarity)),
                           map_of_array.view());
        const std::uint8_t* kinds = map_of_array.row(j % columns);
        for (std::size_t i = 0; i < levels.cols; ++i) {
            const auto kind = static_cast<StuckKind>(kinds[i]);
            if (kind == StuckKind::none) continue;
            ++count;
            const double g = kind == StuckKind::low ? low : high;
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
    const LevelLaw law = level_law(device, map, read_time);
    ProgrammedKeys keys;
    keys.cells = static_cast<std::int64_t>(2 * levels.rows * levels.cols);
    Cells plus = program_polarity(levels, law, device, site, Polarity::plus, keys.floored);
    Cells minus = program_polarity(levels, law, device, site, Polarity::minus, keys.floored);
    if (!is_plain(device)) {
        keys.floored = program_any(levels, map, device, site, Polarity::plus, plus, keys.verify) +
                       program_any(levels, map, device, site, Polarity::minus, minus, keys.verify);
    }
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
