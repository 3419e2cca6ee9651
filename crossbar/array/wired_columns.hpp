#pragma once

#include "crossbar/array/programmed_keys.hpp"

namespace attohm {

/// Puts the keys behind the wires of their arrays: `transfer` and `own` become those of the exact
/// solution. Physical columns of an array, from the drivers on: the reference's planes, then key by
/// key its planes; key slots that nobody wrote follow as columns at G_min (`reset`) or are not
/// there (`open`). Word lines behind the part's length carry no cells.
/// Args: n: keys.
/// Source: physics.md section 4 ("Wires"). Noise to first order in the own cell of every output;
/// what a cell's noise does to its neighbours' outputs is left out.
void wire_columns(const ArraySettings& arrays, const Mapping& mapping, std::size_t n,
                  ProgrammedKeys& keys);

}  // namespace attohm
