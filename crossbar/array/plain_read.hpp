#pragma once

#include <cstdint>
#include <optional>

#include "crossbar/array/draws.hpp"
#include "crossbar/device/device.hpp"
#include "crossbar/wires/wire_array.hpp"
#include "src/base/matrix.hpp"

/// Reading a plain array (no pairs, no keys): a batch of input voltages, the currents of the
/// columns, with everything that the card says of reads.
namespace attohm {

struct PlainReadSettings {
    Second read_time = {};                ///< one read integrates for so long
    std::optional<Second> read_interval;  ///< from one read to the next; noise with memory needs it
    Second age = {};                      ///< of the cells at read 0 of the pass
    std::uint64_t first = 0;              ///< number of the first input among the reads of the pass
    std::uint64_t reads = 0;              ///< of the whole pass; at least first + batch
    WireResistances wires;
    DrawSite site;  ///< column c is key c of plane 0
};

struct PlainReads {
    Matrix<float> current_A;  ///< [batch, columns]
    Matrix<float> sigma_A;    ///< [batch, columns] of the white part of one read
    bool memory = false;      ///< slow noise or traps were drawn per cell
    bool wired = false;
    double residual = 0.0;      ///< of the wire solution
    double coupling = 0.0;      ///< k of physics.md section 4
    double largest_step = 0.0;  ///< white sigma of a cell over its conductance, the largest
};

/// Gain and noise of every cell as the output sees them: G and 1 with ideal wires; else the
/// transfer matrix and own_ij = dT_ji / dG_ij, so that a change dG of a cell moves its entry by own
/// dG, to first order.
///     white       drawn at the output: Var I_j = sum_i V_i^2 own_ij^2 s_ij^2
///     frozen      per cell and write event, added to the gain
///     tracked, traps   per cell, read by read, with the weight own_ij G_ij
/// Reads draw by their number: a batch cut into pieces (with the same settings.reads) has the same
/// bytes but for noise that is tracked, whose sums are the same numbers in another rounding.
/// Arithmetic: float32 in units of the largest gain.
/// Source: physics.md section 4. Not modelled: relaxation during the pass, non-linear cells.
/// Args: conductance_S: [rows, columns], finite, >= 0; v_in_V: [batch, rows].
/// Throws: UserError for a card with non-linear cells, noise with memory without an interval, an
///   interval shorter than a read, a voltage outside the card's validity (names its index), fewer
///   reads than are made.
PlainReads read_plain(MatrixView<const double> conductance_S, MatrixView<const double> v_in_V,
                      const Device& device, const PlainReadSettings& settings);

}  // namespace attohm
