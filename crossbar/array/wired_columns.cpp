#include "crossbar/array/wired_columns.hpp"

#include <algorithm>

namespace attohm {

namespace {

/// One physical array: which planes' rows its columns are.
struct Columns {
    struct One {
        std::size_t plane;
        std::size_t row;
    };
    std::vector<One> written;
    std::size_t reset = 0;  ///< columns at G_min behind them
    std::size_t first_word_line = 0;
    std::size_t word_lines = 0;
};

Columns columns_of(const ArraySettings& arrays, const ProgrammedKeys& keys, std::size_t n,
                   std::size_t array, std::size_t part) {
    const ArrayShape& shape = arrays.shape;
    const std::size_t planes = keys.cells.size();
    const std::size_t rows = keys.cells.front().conductance.rows();
    const std::size_t d = keys.cells.front().conductance.cols();
    Columns columns;
    columns.first_word_line = shape.part_begin(part);
    columns.word_lines = shape.part_end(part, d) - columns.first_word_line;
    if (rows > n) {
        for (std::size_t p = 0; p < planes; ++p) columns.written.push_back({p, n + array});
    }
    const std::size_t begin = array * shape.slots();
    const std::size_t end = std::min(n, begin + shape.slots());
    for (std::size_t j = begin; j < end; ++j) {
        for (std::size_t p = 0; p < planes; ++p) columns.written.push_back({p, j});
    }
    if (arrays.unwritten == Unwritten::reset) {
        columns.reset = (shape.slots() - (end - begin)) * planes;
    }
    return columns;
}

}  // namespace

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
            const Columns columns = columns_of(arrays, keys, n, array, part);
            // A column passes all word lines on its way to the foot, those without a cell too.
            Matrix<double> conductance(arrays.shape.word_lines(),
                                       columns.written.size() + columns.reset, 0.0);
            for (std::size_t i = 0; i < columns.word_lines; ++i) {
                std::fill_n(conductance.row(i), conductance.cols(), mapping.g_min().value());
            }
            for (std::size_t c = 0; c < columns.written.size(); ++c) {
                const Columns::One one = columns.written[c];
                const float* cells = keys.column(one.plane).row(one.row) + columns.first_word_line;
                for (std::size_t i = 0; i < columns.word_lines; ++i) {
                    conductance(i, c) = static_cast<double>(cells[i]) * dG;
                }
            }
            const WireSensitivity solved = solve_sensitivity(conductance.view(), arrays.wires);
            keys.wire_residual = std::max(keys.wire_residual, solved.base.residual);
            keys.wire_coupling = std::max(keys.wire_coupling, solved.coupling);
            for (std::size_t c = 0; c < columns.written.size(); ++c) {
                const Columns::One one = columns.written[c];
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
