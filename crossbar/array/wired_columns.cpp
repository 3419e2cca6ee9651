#include "crossbar/array/wired_columns.hpp"

#include <algorithm>

#include "crossbar/array/array_columns.hpp"

namespace attohm {

void wire_columns(const ArraySettings& arrays, const Mapping& mapping, std::size_t n,
                  ProgrammedKeys& keys) {
    const std::size_t planes = keys.cells.size();
    const std::size_t rows = keys.cells.front().conductance.rows();
    const std::size_t d = keys.cells.front().conductance.cols();
    const double dG = mapping.dG().value();
    std::vector<Matrix<float>> transfer(planes), own(planes);
    for (std::size_t p = 0; p < planes; ++p) {
        transfer[p].resize(rows, d);
        own[p].resize(rows, d);
    }
    for (std::size_t array = 0; array < arrays.shape.arrays(n); ++array) {
        for (std::size_t part = 0; part < arrays.shape.parts(d); ++part) {
            const ArrayColumns columns = array_columns(arrays, keys, n, array, part);
            Matrix<double> conductance = empty_array(arrays, columns, mapping.g_min());
            for (std::size_t c = 0; c < columns.written.size(); ++c) {
                const ArrayColumns::One one = columns.written[c];
                const float* cells = keys.column(one.plane).row(one.row) + columns.first_word_line;
                for (std::size_t i = 0; i < columns.word_lines; ++i) {
                    conductance(i, c) = static_cast<double>(cells[i]) * dG;
                }
            }
            const WireSensitivity solved = solve_sensitivity(conductance.view(), arrays.wires);
            keys.wire_residual = std::max(keys.wire_residual, solved.base.residual);
            keys.wire_coupling = std::max(keys.wire_coupling, solved.coupling);
            for (std::size_t c = 0; c < columns.written.size(); ++c) {
                const ArrayColumns::One one = columns.written[c];
                const float* series = keys.own_row(one.plane, one.row);
                for (std::size_t i = 0; i < columns.word_lines; ++i) {
                    const std::size_t line = columns.first_word_line + i;
                    transfer[one.plane](one.row, line) =
                        static_cast<float>(solved.base.transfer(c, i) / dG);
                    const double slope =
                        series != nullptr ? static_cast<double>(series[line]) : 1.0;
                    own[one.plane](one.row, line) = static_cast<float>(solved.own(c, i) * slope);
                }
            }
        }
    }
    keys.transfer = std::move(transfer);
    keys.own = std::move(own);
}

}  // namespace attohm
