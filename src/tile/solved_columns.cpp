#include "src/tile/solved_columns.hpp"

#include <algorithm>
#include <cmath>

namespace attohm {

bool SolvedColumns::needed(const TileCircuits& circuits, const Device& device) {
    const bool linear =
        device.cell.iv.is_linear() && device.cell.selector.law != SelectorLaw::exponential;
    return !linear && !circuits.arrays.wires.none();
}

/// Conductances of one read, siemens.
Matrix<double> SolvedColumns::noisy_array(const ArrayColumns& columns, std::uint64_t query,
                                          std::uint64_t number,
                                          const std::vector<Matrix<float>>& changes) const {
    const ProgrammedKeys& keys = core_.keys();
    const double dG = core_.mapping.dG().value();
    const std::size_t d = core_.d();
    Matrix<double> conductance = empty_array(core_.circuits.arrays, columns, core_.mapping.g_min());
    AlignedVector<float> normals(columns.word_lines);
    for (std::size_t c = 0; c < columns.written.size(); ++c) {
        const ArrayColumns::One one = columns.written[c];
        const CellPlane& plane = keys.cells[one.plane];
        cell_noise_stream(core_.site, plane.plane.id(), number, query)
            .normals(one.row * d + columns.first_word_line, normals);
        for (std::size_t i = 0; i < columns.word_lines; ++i) {
            const std::size_t line = columns.first_word_line + i;
            const auto g = static_cast<double>(plane.conductance(one.row, line));
            const double s = std::hypot(keys.read_relative * g, keys.read_absolute);
            const double memory =
                changes.empty() ? 0.0 : static_cast<double>(changes[one.plane](one.row, line));
            // Slow noise that is frozen lies in the columns, not in the cells.
            const auto frozen = static_cast<double>(keys.column(one.plane)(one.row, line));
            const double read = frozen + memory + s * static_cast<double>(normals[i]);
            conductance(i, c) = std::max(read, 0.0) * dG;
        }
    }
    return conductance;
}

void SolvedColumns::read(std::uint64_t query, std::uint64_t number, const LineInputs& lines,
                         std::size_t t, const std::vector<Matrix<float>>& changes,
                         std::vector<std::vector<std::vector<double>>>& out) const {
    const ArraySettings& arrays = core_.circuits.arrays;
    const DriveSettings& drive = core_.circuits.drive;
    const bool amplitude = drive.coding == InputCoding::amplitude;
    const double volt_per_code = drive.v_read.value() / (amplitude ? drive.q_levels : 1.0);
    const double unit = volt_per_code * core_.mapping.dG().value();
    for (std::size_t array = 0; array < arrays.shape.arrays(core_.n()); ++array) {
        const Matrix<float>& codes = lines[lines.size() == 1 ? 0 : array];
        for (std::size_t part = 0; part < core_.parts(); ++part) {
            const ArrayColumns columns =
                array_columns(arrays, core_.keys(), core_.n(), array, part);
            Matrix<double> volts(1, arrays.shape.word_lines(), 0.0);
            for (std::size_t i = 0; i < columns.word_lines; ++i) {
                volts(0, i) =
                    static_cast<double>(codes(t, columns.first_word_line + i)) * volt_per_code;
            }
            const Matrix<double> conductance = noisy_array(columns, query, number + part, changes);
            const NonlinearArray solved(conductance.view(), arrays.wires, core_.device.cell);
            const NonlinearCurrents currents = solved.currents(volts.view());
            for (std::size_t c = 0; c < columns.written.size(); ++c) {
                const ArrayColumns::One one = columns.written[c];
                out[part][one.plane][one.row] = currents.current(0, c) / unit;
            }
        }
    }
}

}  // namespace attohm
