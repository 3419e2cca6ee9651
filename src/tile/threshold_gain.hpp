#pragma once

#include <vector>

namespace attohm {

class TileCore;

/// What a column gives of its nominal output, known without knowing what is stored: the gain of
/// every key [n], or of every array of keys, that the threshold is multiplied with.
///     cells   slope of the mean conductance after relaxation, temperature and selector between a
///             quarter and three quarters of the range
///     wires   sum_i T_i / sum_i G_i of a column of an array whose cells all hold the middle of the
///             range, weighted over the columns of a key
///     drive   least-squares slope of value(c) over all codes c
/// Source: own derivation from physics.md sections 2 to 4.
/// Keys whose levels lie below the middle load the wires less than that: through strong wires their
/// gain is taken too low, and they are kept too often.
/// Not modelled: noise of the measurement, codes of the gain (it is taken as a real number).
std::vector<float> threshold_gains(const TileCore& core);

}  // namespace attohm
