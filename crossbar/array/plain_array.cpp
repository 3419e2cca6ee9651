#include "crossbar/array/plain_array.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Cells in the order of their draws: column by column.
using Cells = std::vector<double>;

Cells targets_of(MatrixView<const double> target_S, const Device& device, const std::string& name) {
    Cells cells;
    cells.reserve(target_S.rows * target_S.cols);
    for (std::size_t c = 0; c < target_S.cols; ++c) {
        for (std::size_t r = 0; r < target_S.rows; ++r) {
            const double g = target_S(r, c);
            // A level that is the end of the range may lie a rounding beyond it.
            const double slack = 1e-12 * device.g_max.value();
            if (!(g >= device.g_min.value() - slack && g <= device.g_max.value() + slack))
                throw UserError(
                    "target outside the conductances that the card writes",
                    fmt::format("{}[{}, {}]", name, r, c), fmt::format("{:.6g} S", g),
                    fmt::format("{:.6g} to {:.6g} S", device.g_min.value(), device.g_max.value()));
            cells.push_back(g);
        }
    }
    return cells;
}

std::int64_t clip(const Device& device, Cells& cells) {
    const double floor = device.g_floor.value();
    const double ceiling = device.g_ceiling ? device.g_ceiling->value() : HUGE_VAL;
    std::int64_t clipped = 0;
    for (double& g : cells) {
        const double kept = std::clamp(g, floor, ceiling);
        clipped += kept != g ? 1 : 0;
        g = kept;
    }
    return clipped;
}

Matrix<std::int32_t> by_rows(const std::vector<std::uint32_t>& cells, std::size_t rows,
                             std::size_t columns) {
    Matrix<std::int32_t> matrix(rows, columns);
    for (std::size_t c = 0; c < columns; ++c) {
        for (std::size_t r = 0; r < rows; ++r)
            matrix(r, c) = static_cast<std::int32_t>(cells[c * rows + r]);
    }
    return matrix;
}

/// Simulates the loop; the cells become what it accepted.
void write_in_loop(const Device& device, const DrawSite& site, std::size_t rows, Cells& cells,
                   PlainArray& array) {
    const Cells targets = cells;
    std::vector<std::uint32_t> pulses(cells.size());
    array.verify = write_cells(*device.verify, device.conductance_range(), targets,
                               verify_stream(site, 0), 0, cells, pulses);
    array.clipped += array.verify.clipped;
    array.pulses = by_rows(pulses, rows, cells.size() / rows);
    array.pulses_total = static_cast<double>(array.verify.pulses);
    array.write_energy = array.verify.energy(device.write);
    array.write_time = array.verify.time(device.write);
}

/// Writes by the measured error.
void write_directly(const Device& device, const DrawSite& site, Cells& cells, PlainArray& array) {
    double sum_S = 0.0;
    for (const double g : cells) sum_S += g;
    const double mean = device.write.mlc_pulses_mean;
    array.pulses_total = mean * static_cast<double>(cells.size());
    array.write_energy = Joule::from_value(mean * device.write.pulse_energy_per_S() * sum_S);
    array.write_time = device.write.pulse_and_verify_time() * array.pulses_total;
    if (device.programming.none()) return;
    std::vector<float> drawn(cells.size());
    programming_stream(site, 0).normals(0, drawn);
    const Cells targets = cells, z(drawn.begin(), drawn.end());
    device.programming.written(targets, z, cells);
    array.clipped += clip(device, cells);
}

void relax(const Device& device, const DrawSite& site, Second age, Cells& cells,
           PlainArray& array) {
    const Relaxation::At law = device.relaxation->at(age);
    array.age_clamped = law.clamped();
    if (law.none()) return;
    std::vector<float> z(cells.size());
    relaxation_stream(site, 0).normals(0, z);
    for (std::size_t i = 0; i < cells.size(); ++i)
        cells[i] = law.value(Siemens::from_value(cells[i]), static_cast<double>(z[i])).value();
    array.clipped += clip(device, cells);
}

void stick(const Device& device, const DrawSite& site, PlainArray& array) {
    const std::size_t rows = array.conductance_S.rows(), columns = array.conductance_S.cols();
    array.stuck = Matrix<std::uint8_t>(rows, columns, 0);
    if (device.stuck.none()) return;
    Matrix<std::uint8_t> map(columns, rows, 0);
    fill_stuck_map(device.stuck, stuck_streams(site, 0, 0), map.view());
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            const auto kind = static_cast<StuckKind>(map(c, r));
            array.stuck(r, c) = map(c, r);
            if (kind == StuckKind::none) continue;
            (kind == StuckKind::low ? array.stuck_low : array.stuck_high) += 1;
            array.conductance_S(r, c) = device.stuck.conductance(kind).value();
        }
    }
}

}  // namespace

PlainArray program_plain(MatrixView<const double> target_S, const Device& device,
                         const DrawSite& site, std::optional<Second> age, const std::string& name) {
    PlainArray array;
    array.conductance_S = Matrix<double>(target_S.rows, target_S.cols);
    Cells cells = targets_of(target_S, device, name);
    if (!cells.empty()) {
        if (device.simulates_verify()) {
            write_in_loop(device, site, target_S.rows, cells, array);
        } else {
            write_directly(device, site, cells, array);
        }
    }
    if (age) device.validity.require_age(*age);
    if (age && device.relaxation) relax(device, site, *age, cells, array);
    const Temperature::Factors factors = device.temperature_factors();
    for (std::size_t c = 0; c < target_S.cols; ++c) {
        for (std::size_t r = 0; r < target_S.rows; ++r) {
            const double g = cells[c * target_S.rows + r];
            array.conductance_S(r, c) = g * factors.of(Siemens::from_value(g));
        }
    }
    stick(device, site, array);
    return array;
}

Matrix<double> white_variance(MatrixView<const double> conductance_S, const Device& device,
                              Second read_time) {
    const double relative = device.read_noise.relative_at(read_time);
    const double absolute = device.read_noise.absolute_at(read_time).value();
    Matrix<double> variance(conductance_S.rows, conductance_S.cols);
    for (std::size_t r = 0; r < conductance_S.rows; ++r) {
        for (std::size_t c = 0; c < conductance_S.cols; ++c) {
            const double s = relative * conductance_S(r, c);
            variance(r, c) = s * s + absolute * absolute;
        }
    }
    return variance;
}

}  // namespace attohm
