#pragma once

#include <algorithm>
#include <cstddef>

#include "crossbar/wires/wire_array.hpp"

namespace attohm {

/// Arrays that hold the keys of one head. Key j sits in key slot j % columns of the arrays number
/// j / columns. A key longer than a column is cut into parts of `rows` elements; part p lies in an
/// array of its own, as every array has one set of word lines and so one part of q at a time.
struct ArrayShape {
    int rows = 0;
    int columns = 0;  ///< keys per array; a differential pair takes two physical columns

    /// Groups of arrays that hold the same keys.
    std::size_t arrays(std::size_t keys) const { return (keys + slots() - 1) / slots(); }
    std::size_t array_of(std::size_t key) const { return key / slots(); }
    std::size_t slot_of(std::size_t key) const { return key % slots(); }
    /// Parts of a key of d elements.
    std::size_t parts(std::size_t d) const { return (d + word_lines() - 1) / word_lines(); }
    std::size_t part_begin(std::size_t part) const { return part * word_lines(); }
    std::size_t part_end(std::size_t part, std::size_t d) const {
        return std::min(d, (part + 1) * word_lines());
    }
    /// Number of the physical array that holds part `part` of the keys of group `array`.
    std::size_t physical(std::size_t array, std::size_t part, std::size_t d) const {
        return array * parts(d) + part;
    }
    std::size_t slots() const { return static_cast<std::size_t>(columns); }
    std::size_t word_lines() const { return static_cast<std::size_t>(rows); }
};

/// Columns that no key was written to.
enum class Unwritten {
    open,   ///< not connected: no load on the word lines
    reset,  ///< cells at G_min
};

struct ArraySettings {
    ArrayShape shape;
    WireResistances wires;
    Unwritten unwritten = Unwritten::open;
};

}  // namespace attohm
