#include "src/machine/schedule/loop_sums.hpp"

#include <limits>

namespace attohm {

namespace schedule_inside {

namespace {

constexpr std::int64_t kMostTasks = std::numeric_limits<std::int32_t>::max();

/// Adds a product to a sum. Throws where it is negative or the sum gets too large.
void add_product(std::int64_t& sum, std::int64_t a, std::int64_t b) {
    ATTOHM_CHECK_LE(0, a);
    std::int64_t product = 0;
    ATTOHM_CHECK(!__builtin_mul_overflow(a, b, &product));
    ATTOHM_CHECK_LE(product, kMostCycles - sum);
    sum += product;
}

/// Sums of the columns of a table [rows x columns].
std::vector<std::int64_t> column_sums(const std::vector<std::int64_t>& table, std::int64_t rows,
                                      std::size_t columns) {
    ATTOHM_CHECK(rows <=
                 std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(columns));
    ATTOHM_CHECK_EQ(table.size(), static_cast<std::size_t>(rows) * columns);
    // No value is larger than the bits of all together, so one product bounds every sum.
    std::vector<std::int64_t> sums(columns, 0);
    std::uint64_t bits = 0;
    const std::int64_t* value = table.data();
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::size_t c = 0; c < columns; ++c, ++value) {
            bits |= static_cast<std::uint64_t>(*value);
            sums[c] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sums[c]) +
                                                static_cast<std::uint64_t>(*value));
        }
    std::int64_t bound = 0;
    if (bits <= static_cast<std::uint64_t>(kMostCycles / rows)) return sums;
    // Rare: a value is negative or huge. Each addition is looked at.
    for (std::int64_t& sum : sums) sum = 0;
    for (std::size_t i = 0; i < table.size(); ++i) add_product(sums[i % columns], table[i], 1);
    for (const std::int64_t sum : sums) add_product(bound, sum, 1);
    return sums;
}

void check_dependencies(const TaskLoop& loop, std::size_t resources) {
    const auto tasks = static_cast<std::int32_t>(loop.body.size());
    for (std::int32_t t = 0; t < tasks; ++t) {
        const Task& task = loop.body[static_cast<std::size_t>(t)];
        ATTOHM_CHECK_LT(std::size_t{task.resource}, resources);
        for (const TaskAfter& after : task.after) {
            ATTOHM_CHECK_LE(0, after.task);
            ATTOHM_CHECK_LT(after.task, tasks);
            ATTOHM_CHECK_LE(0, after.iterations_back);
            if (after.iterations_back == 0) ATTOHM_CHECK_LT(after.task, t);
        }
    }
}

void check_entry(const Schedule& schedule, std::size_t index) {
    const TaskLoop& loop = schedule.loops[index];
    if (loop.entry == LoopEntry::continues) {
        ATTOHM_CHECK_LT(std::size_t{0}, index);
        const TaskLoop& before = schedule.loops[index - 1];
        ATTOHM_CHECK_EQ(loop.body.size(), before.body.size());
        for (std::size_t t = 0; t < loop.body.size(); ++t) {
            ATTOHM_CHECK_EQ(loop.body[t].resource, before.body[t].resource);
            ATTOHM_CHECK_EQ(loop.body[t].latency, before.body[t].latency);
        }
    }
    for (const EntryAfter& after : loop.entry_after) {
        ATTOHM_CHECK_LE(0, after.task);
        ATTOHM_CHECK_LT(static_cast<std::size_t>(after.task), loop.body.size());
        ATTOHM_CHECK_LE(1, after.loops_back);
        ATTOHM_CHECK_LE(static_cast<std::size_t>(after.loops_back), index);
        const TaskLoop& other = schedule.loops[index - static_cast<std::size_t>(after.loops_back)];
        ATTOHM_CHECK_LE(0, after.their_task);
        ATTOHM_CHECK_LT(static_cast<std::size_t>(after.their_task), other.body.size());
    }
}

LoopSums sums_of(const TaskLoop& loop) {
    LoopSums sums;
    const std::size_t tasks = loop.body.size();
    if (!loop.row_cycles.empty()) sums.cycles = column_sums(loop.row_cycles, loop.repeat, tasks);
    if (!loop.row_useful.empty()) sums.useful = column_sums(loop.row_useful, loop.repeat, tasks);
    const bool constant_cycles = sums.cycles.empty();
    const bool constant_useful = sums.useful.empty();
    sums.cycles.resize(tasks, 0);
    sums.useful.resize(tasks, 0);
    for (std::size_t t = 0; t < tasks; ++t) {
        if (constant_cycles) add_product(sums.cycles[t], loop.body[t].cycles, loop.repeat);
        if (constant_useful) add_product(sums.useful[t], loop.body[t].useful, loop.repeat);
    }
    return sums;
}

}  // namespace

std::vector<LoopSums> checked_sums(const Schedule& schedule) {
    std::vector<LoopSums> all;
    all.reserve(schedule.loops.size());
    std::int64_t cycles = 0;
    std::int64_t useful = 0;
    for (std::size_t i = 0; i < schedule.loops.size(); ++i) {
        const TaskLoop& loop = schedule.loops[i];
        ATTOHM_CHECK_LE(1, loop.repeat);
        ATTOHM_CHECK_LE(std::size_t{1}, loop.body.size());
        ATTOHM_CHECK_LE(static_cast<std::int64_t>(loop.body.size()), kMostTasks);
        check_dependencies(loop, schedule.resources);
        check_entry(schedule, i);
        all.push_back(sums_of(loop));
        for (const Task& task : loop.body) add_product(cycles, task.latency, loop.repeat);
        for (const std::int64_t sum : all.back().cycles) add_product(cycles, sum, 1);
        for (const std::int64_t sum : all.back().useful) add_product(useful, sum, 1);
    }
    return all;
}

}  // namespace schedule_inside

TaskLoop row_loop(std::vector<Task> body, std::vector<std::int64_t> row_cycles, LoopEntry entry) {
    ATTOHM_CHECK(!body.empty());
    ATTOHM_CHECK_EQ(row_cycles.size() % body.size(), std::size_t{0});
    TaskLoop loop;
    loop.repeat = static_cast<std::int64_t>(row_cycles.size() / body.size());
    loop.entry = entry;
    loop.body = std::move(body);
    loop.row_cycles = std::move(row_cycles);
    return loop;
}

void check_peaks(const Schedule& schedule, std::span<const std::int64_t> peak) {
    ATTOHM_CHECK_EQ(peak.size(), schedule.resources);
    schedule_inside::checked_sums(schedule);
    for (const TaskLoop& loop : schedule.loops) {
        const bool constant = loop.row_cycles.empty() && loop.row_useful.empty();
        const std::size_t tasks = loop.body.size();
        const auto rows = constant ? std::size_t{1} : static_cast<std::size_t>(loop.repeat);
        for (std::size_t i = 0; i < rows * tasks; ++i) {
            const Task& task = loop.body[i % tasks];
            const std::int64_t cycles = loop.row_cycles.empty() ? task.cycles : loop.row_cycles[i];
            const std::int64_t useful = loop.row_useful.empty() ? task.useful : loop.row_useful[i];
            std::int64_t possible = 0;
            // A product beyond 64 bits is more than any work.
            if (__builtin_mul_overflow(peak[task.resource], cycles, &possible)) continue;
            ATTOHM_CHECK_LE(useful, possible);
        }
    }
}

}  // namespace attohm
