#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "crossbar/array/draws.hpp"
#include "crossbar/device/device.hpp"
#include "src/base/matrix.hpp"

/// A plain array: rows and columns of cells, each with a target of its own, no pairs, no keys. What
/// device-level work needs; attention goes through program_keys.
namespace attohm {

/// What one write event left in the cells.
struct PlainArray {
    Matrix<double> conductance_S;  ///< [rows, columns] at the age and temperature asked
    Matrix<std::uint8_t> stuck;    ///< [rows, columns] StuckKind
    Matrix<std::int32_t> pulses;   ///< [rows, columns] of the verify loop; empty: not simulated
    std::int64_t clipped = 0;      ///< draws (pulses, of a simulated loop) at floor or ceiling
    std::int64_t stuck_low = 0;
    std::int64_t stuck_high = 0;
    bool age_clamped = false;  ///< younger than the card's t0, taken as t0
    WriteVerifyTotals verify;  ///< of a simulated loop
    /// Dissipated in the cells by writing: of a simulated loop its own pulses; else the card's mean
    /// number of pulses at each cell's target.
    Joule write_energy = {};
    Second write_time = {};  ///< one cell after the other
    double pulses_total = 0.0;
};

/// Writes the targets and lets them age.
/// Args:
///   target_S: [rows, columns] siemens
///   site: draws: chip (stuck cells, array 0), write event; plane 0, column c as key c
///   age: since the write; nothing: the age at which the card measured its programming error
///   name: of the targets, in messages
/// Order per cell: target, programming error (or the verify loop), clip, relaxation, clip,
/// temperature, stuck. Source: physics.md section 3.
/// Throws: UserError naming row and column for a target that is not finite or outside
///   [g_min, g_max], and for an age above the card's validity.
/// Not modelled: what an earlier write left behind, neighbours disturbed by a write.
PlainArray program_plain(MatrixView<const double> target_S, const Device& device,
                         const DrawSite& site, std::optional<Second> age = {},
                         const std::string& name = "target_S");

/// Variance of the white noise of each cell over one read of `read_time`, siemens squared:
/// (sigma_rel(T) G)^2 + sigma_abs(T)^2. Args: conductance_S: [rows, columns].
Matrix<double> white_variance(MatrixView<const double> conductance_S, const Device& device,
                              Second read_time);

}  // namespace attohm
