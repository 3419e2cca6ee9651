#pragma once

#include <cstdint>
#include <random>

#include "src/machine/schedule/schedule.hpp"

/// Random schedules, for tests of the schedule simulator.
namespace attohm::test {

class RandomSchedules {
  public:
    explicit RandomSchedules(std::uint64_t seed) : engine_(seed) {}

    /// Uniform in [low, high].
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
    }
    bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }

    /// Loops of up to `most_repeat` iterations; any mixture of entries, tables and dependencies.
    Schedule schedule(std::int64_t most_loops, std::int64_t most_repeat) {
        Schedule s;
        s.resources = static_cast<std::size_t>(between(1, 5));
        const std::int64_t loops = between(1, most_loops);
        for (std::int64_t l = 0; l < loops; ++l) s.loops.push_back(loop(s, most_repeat));
        return s;
    }

    /// One body. Args: resources, tasks, largest iterations_back.
    std::vector<Task> body(std::size_t resources, std::int64_t tasks, std::int64_t most_back) {
        std::vector<Task> all;
        const std::int64_t longest = chance(0.3) ? 3 : 40;
        for (std::int64_t t = 0; t < tasks; ++t) {
            Task task;
            task.resource =
                static_cast<ResourceId>(between(0, static_cast<std::int64_t>(resources) - 1));
            task.cycles = between(0, longest);
            task.latency = chance(0.2) ? between(0, longest) : 0;
            task.useful = between(0, 5);
            for (std::int64_t n = between(0, 4); n > 0; --n) {
                const std::int64_t back = t == 0 || chance(0.4) ? between(1, most_back) : 0;
                const std::int64_t other = between(0, back == 0 ? t - 1 : tasks - 1);
                task.after.add({static_cast<std::int32_t>(other), static_cast<std::int32_t>(back)});
            }
            all.push_back(task);
        }
        return all;
    }

    /// Makes a body one that may continue another.
    static void continue_body(std::vector<Task>& body, const std::vector<Task>& before) {
        for (std::size_t t = 0; t < body.size(); ++t) {
            body[t].resource = before[t].resource;
            body[t].latency = before[t].latency;
        }
    }

  private:
    TaskLoop loop(const Schedule& before, std::int64_t most_repeat) {
        TaskLoop made;
        const std::size_t index = before.loops.size();
        std::int64_t tasks = between(1, 7);
        const std::int64_t kind = between(0, 9);
        if (kind < 2) made.entry = LoopEntry::barrier;
        if (kind > 6 && index > 0) {
            made.entry = LoopEntry::continues;
            tasks = static_cast<std::int64_t>(before.loops.back().body.size());
        }
        made.repeat = between(1, most_repeat);
        made.body = body(before.resources, tasks, chance(0.2) ? 9 : 2);
        if (made.entry == LoopEntry::continues) continue_body(made.body, before.loops.back().body);
        const auto cells = static_cast<std::size_t>(made.repeat * tasks);
        if (chance(0.4))
            for (std::size_t i = 0; i < cells; ++i) made.row_cycles.push_back(between(0, 30));
        if (chance(0.3))
            for (std::size_t i = 0; i < cells; ++i) made.row_useful.push_back(between(0, 9));
        for (std::int64_t n = index == 0 ? 0 : between(0, 2); n > 0; --n) {
            const std::int64_t back = between(1, static_cast<std::int64_t>(index));
            const auto other = before.loops[index - static_cast<std::size_t>(back)].body.size();
            made.entry_after.push_back(
                {static_cast<std::int32_t>(between(0, tasks - 1)), static_cast<std::int32_t>(back),
                 static_cast<std::int32_t>(between(0, static_cast<std::int64_t>(other) - 1))});
        }
        return made;
    }

    std::mt19937_64 engine_;
};

}  // namespace attohm::test
