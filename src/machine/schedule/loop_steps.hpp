#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/machine/schedule/schedule.hpp"

/// Inside of `simulate`: a loop whose dependencies are distances in the history of ends.
namespace attohm::schedule_inside {

/// Terms of a start: the task before on its resource, then the dependencies.
constexpr std::size_t kTerms = TaskAfterList::kMost + 1;

/// A result that a start waits for.
struct Term {
    std::int64_t back = 0;             ///< cells of the history from the task's own to the other's
    std::int64_t latency = 0;          ///< from that end to the result
    std::int64_t iterations_back = 0;  ///< rows of the history between the two
};

struct BoundTask {
    std::size_t terms = 1;
    std::array<Term, kTerms> term{};  ///< term[0]: the resource, which has no latency
    bool opens_resource = false;      ///< the first of the body on its resource
};

struct BoundLoop {
    std::vector<BoundTask> tasks;
    std::int64_t reach = 1;  ///< largest distance of a dependency, in iterations; at least 1
};

BoundLoop bind_loop(const TaskLoop& loop, std::size_t resources);

/// Ends of tasks, one row per iteration [rows x tasks], of which the latest are kept.
class EndHistory {
  public:
    /// Forgets everything. Args: tasks per row.
    void start(std::size_t tasks);
    /// At least so many rows stay below what is appended.
    void keep(std::int64_t rows) { keep_ = rows; }
    /// Room for `rows` more (1 .. kChunk); returns the first of them. Rows lie one behind another.
    std::int64_t* append(std::int64_t rows);
    /// Forgets all but the latest rows.
    void trim(std::int64_t rows);

    std::int64_t rows() const { return rows_; }
    /// The row `back` before the latest one.
    std::int64_t* row(std::int64_t back) {
        return ends_.data() + (begin_ + rows_ - 1 - back) * static_cast<std::int64_t>(tasks_);
    }
    const std::int64_t* row(std::int64_t back) const {
        return const_cast<EndHistory*>(this)->row(back);
    }

    static constexpr std::int64_t kChunk = 128;

  private:
    std::vector<std::int64_t> ends_;
    std::size_t tasks_ = 0;
    std::int64_t begin_ = 0;
    std::int64_t rows_ = 0;
    std::int64_t keep_ = 0;
};

/// Waits of a body: [tasks x kTerms] cycles, by the term that ended the wait.
using Waits = std::vector<std::int64_t>;

/// Steps `rows` iterations, all of whose terms exist, into `cell`. Durations of iteration i stand
/// at durations + i * stride.
void step_rows(const BoundLoop& loop, std::int64_t rows, const std::int64_t* durations,
               std::size_t stride, std::int64_t* cell, Waits& waits);

}  // namespace attohm::schedule_inside
