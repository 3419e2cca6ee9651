#pragma once

#include <cstdint>

#include "src/machine/schedule/loop_steps.hpp"

/// Inside of `simulate`: exact jumps over iterations of a loop with constant durations.
///
/// Ends follow a max-plus linear recurrence, x(t, i) = cycles(t) + max over terms of x(other, i -
/// b). Let each end have moved by delta over the last p iterations. If in each of these iterations
/// the term that decides a start moves as fast as the start itself, the next p iterations move by
/// the same deltas, for as long as no slower-growing lead runs out: a term that lies `gap` behind
/// and moves `d` faster per p iterations overtakes after gap / d of them. Until then every end,
/// cause and wait is known without stepping. Deltas of different tasks may differ (a load that
/// nothing holds back runs ahead).
namespace attohm::schedule_inside {

class Repetition {
  public:
    /// Args: the loop, its constant durations; rows of history that whatever follows may look at.
    Repetition(const BoundLoop& loop, const std::int64_t* durations, std::int64_t rows_needed);

    /// Rows of history that `jump` looks at, at most.
    std::int64_t rows_kept() const;

    /// Tries to jump. `stepped` rows of the history were stepped with these durations, all terms
    /// alive. Moves the history on, adds the waits of what was left out.
    ///
    /// Returns: iterations jumped over, at most `remaining`; 0: nothing repeats yet
    std::int64_t jump(EndHistory& history, std::int64_t stepped, std::int64_t remaining,
                      Waits& waits) const;

  private:
    /// Rows that are moved on over a jump of period p, to be looked at by what follows.
    std::int64_t rows_moved(std::int64_t p) const;
    /// How many periods of p iterations repeat exactly, at most `most`.
    std::int64_t repeats(const EndHistory& history, std::int64_t p, std::int64_t most) const;
    void add_waits(const EndHistory& history, std::int64_t p, std::int64_t count,
                   Waits& waits) const;
    void move_on(EndHistory& history, std::int64_t p, std::int64_t count) const;

    const BoundLoop& loop_;
    const std::int64_t* durations_;
    std::int64_t rows_needed_;
    std::int64_t longest_period_;
};

}  // namespace attohm::schedule_inside
