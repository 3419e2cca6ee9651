#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "crossbar/device/validity.hpp"
#include "crossbar/device/write_model.hpp"
#include "src/base/random.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// Writing in a loop: pulse, read, again until the read is near enough.
namespace attohm {

/// The loop of one cell, target G_t, all z standard normal:
///     pulse 0 (reset)    G_0 = G_min + pulse_sigma z
///     verify read p      R_p = G_p (1 + read_sigma_rel z)
///     accepted           |R_p - G_t| <= window,  window = window_uS or window_rel G_t
///     pulse p >= 1       G_p = G_(p-1) + sign(G_t - R_(p-1)) pulse_step + pulse_sigma z
/// Every G_p is clipped to the card's floor and ceiling (counted). The written value is the true
/// G_p of the accepted pulse, not what the verify read showed. After `pulses_max` pulses (the reset
/// is one) the cell keeps its last value and counts as failed.
/// Energy: sum over pulses of (V_pulse^2 t_pulse + V_verify^2 t_verify) G_p, the conductance at the
/// end of each pulse; time: pulses (t_pulse + t_verify), one cell after the other.
/// Units: siemens, joule, second. Source: physics.md section 3; numbers from the cards.
/// Not modelled: steps that depend on the state or shrink near the target, a spread of the reset
/// other than pulse_sigma, relaxation between pulse and read and up to the relaxation's t0, wear
/// (pulses are counted against the endurance and change nothing).
struct WriteVerify {
    Siemens window = {};      ///< absolute; 0 where relative
    double window_rel = 0.0;  ///< of the target; 0 where absolute
    Siemens pulse_step = {};
    Siemens pulse_sigma = {};
    int pulses_max = 1;
    double read_sigma_rel = 0.0;
    std::optional<double> endurance_cycles;  ///< pulses a cell survives; nothing: no limit known

    Siemens window_of(Siemens target) const {
        return window_rel > 0.0 ? target * window_rel : window;
    }
};

/// What the loops of some cells did.
struct WriteVerifyTotals {
    std::int64_t cells = 0;
    std::int64_t pulses = 0;     ///< one verify read follows each
    std::int64_t failed = 0;     ///< cells that reached pulses_max without being accepted
    std::int64_t clipped = 0;    ///< pulses that ended on the floor or the ceiling
    double conductance_S = 0.0;  ///< sum over pulses of G_p

    Joule energy(const WriteModel& write) const;
    /// One cell after the other.
    Second time(const WriteModel& write) const;
    WriteVerifyTotals& operator+=(const WriteVerifyTotals& more);
};

/// Runs the loops of some cells of one write event.
/// Args:
///   targets: [n] siemens
///   stream: the write event's (verify_stream in crossbar/array/draws.hpp). Pulse p of cell c takes
///     stream.with(2p).normal(c), its verify read stream.with(2p + 1).normal(c), so a cell's draws
///     depend neither on its neighbours nor on how the cells are cut into calls.
///   first_cell: c of targets[0]
///   written: [n] siemens, the true values at the end
///   pulses: [n] or empty: pulses of each cell
WriteVerifyTotals write_cells(const WriteVerify& loop, const ConductanceRange& range,
                              std::span<const double> targets, const Stream& stream,
                              std::uint64_t first_cell, std::span<double> written,
                              std::span<std::uint32_t> pulses = {});

/// Pulses that each location has taken so far, against what a cell survives.
/// Not modelled: wear; a cell over its limit works on.
class EnduranceCounter {
  public:
    EnduranceCounter(std::size_t cells, std::optional<double> endurance_cycles);

    /// Adds the pulses of one write of cells first, first + 1, ...
    void add(std::size_t first, std::span<const std::uint32_t> pulses);

    std::uint64_t worst() const;  ///< pulses of the location with most
    double mean() const;          ///< over all locations
    std::size_t over() const;     ///< locations beyond the limit; 0 without one
    /// Further writes like those so far (per location) until the first goes over; nothing without a
    /// limit or a pulse.
    std::optional<double> writes_left(std::int64_t writes_so_far) const;

  private:
    std::vector<std::uint64_t> pulses_;
    std::optional<double> limit_;
};

/// Section `verify` (absent: nothing).
/// Throws: UserError by key and place.
std::optional<WriteVerify> load_write_verify(const Settings& card);

}  // namespace attohm
