#include "src/machine/schedule/repetition.hpp"

#include <algorithm>

namespace attohm::schedule_inside {

namespace {

constexpr std::int64_t kShortPeriod = 8;  ///< always tried
constexpr std::int64_t kLongPeriod = 64;  ///< never exceeded

/// One start, beside itself p iterations ago.
class Start {
  public:
    /// Args: the task and its cell; rows between that cell and the latest; iterations and cells
    /// of a period.
    Start(const BoundTask& task, std::int64_t cycles, const std::int64_t* cell,
          std::int64_t rows_after, std::int64_t period, std::int64_t period_cells)
        : task_(task),
          cell_(cell),
          rows_after_(rows_after),
          period_(period),
          period_cells_(period_cells),
          start_(*cell - cycles),
          moved_(*cell - cell[-period_cells]) {
        while (cause_ + 1 < task_.terms && gap(cause_) != 0) ++cause_;
    }

    /// The first of the terms that decided the start.
    std::size_t cause() const { return cause_; }
    /// How far a term lies behind the start.
    std::int64_t gap(std::size_t k) const {
        return start_ - cell_[-task_.term[k].back] - task_.term[k].latency;
    }
    /// How much more than the start a term moves in the next p iterations.
    std::int64_t gain(std::size_t k) const {
        const Term& term = task_.term[k];
        const std::int64_t* other = cell_ - term.back;
        // Its next value is known already where the history holds it; else it moves as it did.
        if (term.iterations_back + rows_after_ >= period_) other += period_cells_;
        return *other - other[-period_cells_] - moved_;
    }

  private:
    const BoundTask& task_;
    const std::int64_t* cell_;
    std::int64_t rows_after_;
    std::int64_t period_;
    std::int64_t period_cells_;
    std::int64_t start_;
    std::int64_t moved_;
    std::size_t cause_ = 0;
};

/// Periods for which no term overtakes the cause, at most `most`; 0 where the cause moves
/// otherwise than the start.
std::int64_t lasting(const Start& start, std::size_t terms, std::int64_t most) {
    if (start.gain(start.cause()) != 0) return 0;
    for (std::size_t k = 0; k < terms; ++k) {
        const std::int64_t gain = start.gain(k);
        if (gain <= 0) continue;
        // A term named before the cause would take its place as soon as it draws level.
        const std::int64_t lead = start.gap(k) - (k < start.cause() ? 1 : 0);
        most = std::min(most, lead / gain);
    }
    return most;
}

}  // namespace

Repetition::Repetition(const BoundLoop& loop, const std::int64_t* durations,
                       std::int64_t rows_needed)
    : loop_(loop),
      durations_(durations),
      rows_needed_(std::max(rows_needed, loop.reach)),
      longest_period_(std::clamp(2 * loop.reach, kShortPeriod, kLongPeriod)) {}

std::int64_t Repetition::rows_moved(std::int64_t p) const {
    return std::max(rows_needed_, p);
}

std::int64_t Repetition::rows_kept() const {
    return rows_moved(longest_period_) + longest_period_;
}

std::int64_t Repetition::repeats(const EndHistory& history, std::int64_t p,
                                 std::int64_t most) const {
    const std::size_t count = loop_.tasks.size();
    const std::int64_t period_cells = p * static_cast<std::int64_t>(count);
    for (std::int64_t i = 0; i < p && most > 0; ++i)
        for (std::size_t t = 0; t < count && most > 0; ++t) {
            const BoundTask& task = loop_.tasks[t];
            const Start start(task, durations_[t], history.row(i) + t, i, p, period_cells);
            most = lasting(start, task.terms, most);
        }
    // Rows that outlive the jump must have moved by the same deltas.
    for (std::int64_t i = 0; i < rows_moved(p) - p && most > 0; ++i)
        for (std::size_t t = 0; t < count; ++t) {
            const std::int64_t* cell = history.row(i) + t;
            const std::int64_t before = cell[-period_cells];
            if (*cell - before != before - cell[-2 * period_cells]) return 0;
        }
    return most;
}

void Repetition::add_waits(const EndHistory& history, std::int64_t p, std::int64_t count,
                           Waits& waits) const {
    const std::size_t tasks = loop_.tasks.size();
    const std::int64_t period_cells = p * static_cast<std::int64_t>(tasks);
    for (std::int64_t i = 0; i < p; ++i)
        for (std::size_t t = 0; t < tasks; ++t) {
            const Start start(loop_.tasks[t], durations_[t], history.row(i) + t, i, p,
                              period_cells);
            // The wait grows by the same amount every period: an arithmetic series.
            const std::int64_t grows = -start.gain(0);
            waits[t * kTerms + start.cause()] +=
                count * start.gap(0) + (grows == 0 ? 0 : grows * (count * (count + 1) / 2));
        }
}

void Repetition::move_on(EndHistory& history, std::int64_t p, std::int64_t count) const {
    const std::size_t tasks = loop_.tasks.size();
    const std::int64_t period_cells = p * static_cast<std::int64_t>(tasks);
    history.trim(rows_moved(p) + p);
    // From the latest row down, so that a row is changed after those that are measured against it.
    for (std::int64_t i = 0; i < rows_moved(p); ++i)
        for (std::size_t t = 0; t < tasks; ++t) {
            std::int64_t* cell = history.row(i) + t;
            *cell += count * (*cell - cell[-period_cells]);
        }
    history.trim(rows_moved(p));
}

std::int64_t Repetition::jump(EndHistory& history, std::int64_t stepped, std::int64_t remaining,
                              Waits& waits) const {
    for (std::int64_t p = 1; p <= std::min(longest_period_, remaining); ++p) {
        if (stepped < rows_moved(p) + p) break;
        const std::int64_t count = repeats(history, p, remaining / p);
        if (count == 0) continue;
        add_waits(history, p, count, waits);
        move_on(history, p, count);
        return count * p;
    }
    return 0;
}

}  // namespace attohm::schedule_inside
