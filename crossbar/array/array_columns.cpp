#include "crossbar/array/array_columns.hpp"

#include <algorithm>

namespace attohm {

ArrayColumns array_columns(const ArraySettings& arrays, const ProgrammedKeys& keys, std::size_t n,
                           std::size_t array, std::size_t part) {
    const ArrayShape& shape = arrays.shape;
    const std::size_t planes = keys.cells.size();
    const std::size_t rows = keys.cells.front().conductance.rows();
    const std::size_t d = keys.cells.front().conductance.cols();
    ArrayColumns columns;
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

Matrix<double> empty_array(const ArraySettings& arrays, const ArrayColumns& columns,
                           Siemens g_min) {
    Matrix<double> conductance(arrays.shape.word_lines(), columns.count(), 0.0);
    for (std::size_t i = 0; i < columns.word_lines; ++i) {
        std::fill_n(conductance.row(i), conductance.cols(), g_min.value());
    }
    return conductance;
}

}  // namespace attohm
