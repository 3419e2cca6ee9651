#include "src/machine/schedule/loop_steps.hpp"

#include <algorithm>

namespace attohm::schedule_inside {

BoundLoop bind_loop(const TaskLoop& loop, std::size_t resources) {
    const auto tasks = static_cast<std::int64_t>(loop.body.size());
    BoundLoop bound;
    bound.tasks.resize(loop.body.size());
    // Before the body's first task on a resource comes the last one of the iteration before.
    std::vector<std::int64_t> latest(resources, -1);
    for (std::int64_t t = 0; t < tasks; ++t)
        latest[loop.body[static_cast<std::size_t>(t)].resource] = t - tasks;

    for (std::int64_t t = 0; t < tasks; ++t) {
        const Task& task = loop.body[static_cast<std::size_t>(t)];
        BoundTask& b = bound.tasks[static_cast<std::size_t>(t)];
        b.opens_resource = latest[task.resource] < 0;
        b.term[0] = {t - latest[task.resource], 0, b.opens_resource ? 1 : 0};
        latest[task.resource] = t;
        for (const TaskAfter& after : task.after) {
            b.term[b.terms++] = {after.iterations_back * tasks + t - after.task,
                                 loop.body[static_cast<std::size_t>(after.task)].latency,
                                 after.iterations_back};
            bound.reach = std::max<std::int64_t>(bound.reach, after.iterations_back);
        }
    }
    return bound;
}

void EndHistory::start(std::size_t tasks) {
    tasks_ = tasks;
    begin_ = 0;
    rows_ = 0;
}

std::int64_t* EndHistory::append(std::int64_t rows) {
    const auto width = static_cast<std::int64_t>(tasks_);
    // Moved to the front only after a chunk or as many rows as are kept: amortised one move per
    // row.
    const std::int64_t capacity = 2 * (std::min(rows_, keep_) + kChunk);
    const auto cells = static_cast<std::size_t>(capacity * width);
    if (ends_.size() < cells) ends_.resize(cells);
    if ((begin_ + rows_ + rows) * width > static_cast<std::int64_t>(ends_.size())) {
        trim(std::min(rows_, keep_));
        std::move(ends_.begin() + begin_ * width, ends_.begin() + (begin_ + rows_) * width,
                  ends_.begin());
        begin_ = 0;
    }
    rows_ += rows;
    return row(rows - 1);
}

void EndHistory::trim(std::int64_t rows) {
    begin_ += rows_ - rows;
    rows_ = rows;
}

void step_rows(const BoundLoop& loop, std::int64_t rows, const std::int64_t* durations,
               std::size_t stride, std::int64_t* cell, Waits& waits) {
    const std::size_t count = loop.tasks.size();
    for (std::int64_t row = 0; row < rows; ++row, durations += stride) {
        std::int64_t* wait = waits.data();
        for (std::size_t t = 0; t < count; ++t, ++cell, wait += kTerms) {
            const BoundTask& task = loop.tasks[t];
            const std::int64_t free = cell[-task.term[0].back];
            std::int64_t start = free;
            std::size_t cause = 0;
            for (std::size_t k = 1; k < task.terms; ++k) {
                const std::int64_t ready = cell[-task.term[k].back] + task.term[k].latency;
                // Without branches: which term comes last is as good as random.
                const std::uint64_t later = -static_cast<std::uint64_t>(ready > start);
                cause ^= (cause ^ k) & later;
                start += (ready - start) & static_cast<std::int64_t>(later);
            }
            wait[cause] += start - free;
            *cell = start + durations[t];
        }
    }
}

}  // namespace attohm::schedule_inside
