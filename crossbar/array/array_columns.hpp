#pragma once

#include <cstddef>
#include <vector>

#include "crossbar/array/programmed_keys.hpp"

namespace attohm {

/// Physical columns of one array, from the row drivers on: the reference's planes, then key by key
/// its planes; key slots that nobody wrote follow as columns at G_min (Unwritten::reset) or are not
/// there (Unwritten::open).
struct ArrayColumns {
    struct One {
        std::size_t plane;
        std::size_t row;  ///< of the plane's matrices
    };
    std::vector<One> written;
    std::size_t reset = 0;            ///< columns at G_min behind them
    std::size_t first_word_line = 0;  ///< element of the keys on word line 0
    std::size_t word_lines = 0;       ///< lines with cells

    std::size_t count() const { return written.size() + reset; }
};

/// Columns of part `part` of the arrays of group `array`. Args: n: keys.
ArrayColumns array_columns(const ArraySettings& arrays, const ProgrammedKeys& keys, std::size_t n,
                           std::size_t array, std::size_t part);

/// Conductances of an array before its cells are filled in, siemens [word lines, columns]: lines
/// behind the length of a part carry no cells, but every column passes them on its way to its foot.
Matrix<double> empty_array(const ArraySettings& arrays, const ArrayColumns& columns, Siemens g_min);

}  // namespace attohm
