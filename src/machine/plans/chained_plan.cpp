#include "src/machine/plans/chained_plan.hpp"

#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr int kNone = -1;

/// Who makes each tensor (operator index, or none: it comes from memory).
std::vector<int> producers(const OpList& list) {
    std::vector<int> producer(list.tensors.size(), kNone);
    for (std::size_t i = 0; i < list.ops.size(); ++i)
        producer[static_cast<std::size_t>(list.ops[i].output)] = static_cast<int>(i);
    return producer;
}

std::vector<int> lags(const PlacedList& head) {
    const std::vector<int> producer = producers(head.list);
    std::vector<int> lag(head.ops.size(), 0);
    for (std::size_t i = 0; i < head.ops.size(); ++i) {
        const bool unit_used =
            std::any_of(head.ops.begin(), head.ops.begin() + static_cast<std::ptrdiff_t>(i),
                        [&](const PlacedOp& before) { return before.unit == head.ops[i].unit; });
        for (const TensorId input : head.list.ops[i].inputs) {
            if (input == kNoTensor) continue;
            const int made_by = producer[static_cast<std::size_t>(input)];
            if (made_by == kNone) continue;
            const auto maker = static_cast<std::size_t>(made_by);
            const bool elsewhere = head.ops[maker].unit != head.ops[i].unit;
            lag[i] = std::max(lag[i], lag[maker] + (elsewhere && unit_used ? 1 : 0));
        }
    }
    return lag;
}

/// Lags of the first and the last use of a tensor; a tensor that is only loaded or stored: 0.
struct Span {
    int from = 0;
    int to = 0;
};

std::vector<Span> spans(const PlacedList& head, const std::vector<int>& lag) {
    const std::vector<int> producer = producers(head.list);
    std::vector<Span> span(head.list.tensors.size());
    for (std::size_t t = 0; t < span.size(); ++t)
        if (producer[t] != kNone)
            span[t] = {lag[static_cast<std::size_t>(producer[t])],
                       lag[static_cast<std::size_t>(producer[t])]};
    for (std::size_t i = 0; i < head.ops.size(); ++i)
        for (const TensorId input : head.list.ops[i].inputs)
            if (input != kNoTensor) {
                Span& s = span[static_cast<std::size_t>(input)];
                s.to = std::max(s.to, lag[i]);
            }
    return span;
}

/// Builds the body of tasks and the row of durations of every head.
class ChainBuilder {
  public:
    ChainBuilder(const Engine& engine, std::span<const PlacedList> heads, const ChainedShape& shape)
        : engine_(engine), heads_(heads), shape_(shape), first_(heads.front()) {
        const auto memory = static_cast<ResourceId>(memory_resource(engine));
        producer_ = producers(first_.list);
        load_task_.assign(first_.list.tensors.size(), kNone);
        for (std::size_t t = 0; t < first_.list.tensors.size(); ++t)
            if (first_.list.tensors[t].from_memory) load_task_[t] = add(memory, 0);
        for (std::size_t i = 0; i < first_.ops.size(); ++i) {
            op_task_.push_back(add(static_cast<ResourceId>(first_.ops[i].unit), shape.lag[i]));
            body_.back().latency =
                engine.units[static_cast<std::size_t>(first_.ops[i].unit)].latency_cycles;
        }
        for (std::size_t t = 0; t < first_.list.tensors.size(); ++t)
            if (first_.list.tensors[t].to_memory && producer_[t] != kNone) {
                const auto maker = static_cast<std::size_t>(producer_[t]);
                store_task_.push_back(add(memory, shape.lag[maker]));
                stored_.push_back(t);
                after(store_task_.back(), op_task_[maker]);
            }
        connect();
        waits_.resize(body_.size());
    }

    /// Whether every task's dependencies find room in its list.
    bool is_schedule() const {
        for (std::int64_t head = 0; head <= longest_reach_; ++head)
            for (std::size_t task = 0; task < body_.size(); ++task)
                if (needed(task, head).size() > TaskAfterList::kMost) return false;
        return true;
    }

    /// A row per head and per lag: the steady ones in one loop, those around them each in its own.
    std::vector<TaskLoop> loops(std::int64_t times) const {
        const std::int64_t last_lag = *std::max_element(task_lag_.begin(), task_lag_.end());
        const auto heads = static_cast<std::int64_t>(heads_.size()) * times;
        const HeadRows of_head = head_rows();
        std::vector<TaskLoop> loops;
        for (std::int64_t row = 0; row < heads + last_lag;) {
            // Between the first heads and the last one every task has a head and all its waits.
            const bool steady = last_lag + longest_reach_ <= row && row < heads;
            const std::int64_t end = steady ? heads : row + 1;
            loops.push_back(rows(row, end, heads, of_head));
            loops.back().entry = row == 0 ? LoopEntry::barrier : LoopEntry::continues;
            row = end;
        }
        return loops;
    }

  private:
    /// A task of some rows ago, which worked on the head of some heads ago.
    struct Wait {
        std::int32_t task = 0;
        std::int32_t rows_back = 0;
        std::int32_t heads_back = 0;
        bool operator==(const Wait&) const = default;
    };
    /// Durations and work of the tasks of each head.
    struct HeadRows {
        std::vector<std::vector<std::int64_t>> cycles, useful;
    };

    /// Rows from .. to, of so many heads.
    TaskLoop rows(std::int64_t from, std::int64_t to, std::int64_t heads,
                  const HeadRows& of_head) const {
        TaskLoop loop;
        loop.repeat = to - from;
        loop.body = body_;
        for (std::size_t task = 0; task < body_.size(); ++task) {
            // A task without a head waits for nothing, or it would hold up its resource.
            const std::int64_t head = from - task_lag_[task];
            if (head < 0 || heads <= head) continue;
            for (const Wait& wait : needed(task, head))
                loop.body[task].after.add({wait.task, wait.rows_back});
        }
        loop.row_cycles.assign(static_cast<std::size_t>(to - from) * body_.size(), 0);
        loop.row_useful = loop.row_cycles;
        std::size_t at = 0;
        for (std::int64_t row = from; row < to; ++row)
            for (std::size_t task = 0; task < body_.size(); ++task, ++at) {
                const std::int64_t head = row - task_lag_[task];
                if (head < 0 || head >= heads) continue;
                const auto which = static_cast<std::size_t>(head) % heads_.size();
                loop.row_cycles[at] = of_head.cycles[which][task];
                loop.row_useful[at] = of_head.useful[which][task];
            }
        return loop;
    }
    int add(ResourceId resource, int lag) {
        Task task;
        task.resource = resource;
        body_.push_back(task);
        task_lag_.push_back(lag);
        return static_cast<int>(body_.size()) - 1;
    }
    /// `task` of a head waits for `before` of the head that came `heads_back` before it.
    void after(int task, int before, int heads_back = 0) {
        const int back = task_lag_[static_cast<std::size_t>(task)] -
                         task_lag_[static_cast<std::size_t>(before)] + heads_back;
        ATTOHM_CHECK_LE(0, back);
        waits_.resize(body_.size());
        waits_[static_cast<std::size_t>(task)].push_back({before, back, heads_back});
        longest_reach_ = std::max<std::int64_t>(longest_reach_, heads_back);
    }
    /// What a task of a head waits for: not for heads that never were, and not for what another
    /// wait says already (a later task on the same resource ends later, and its result comes as
    /// late after its end).
    std::vector<Wait> needed(std::size_t task, std::int64_t head) const {
        std::vector<Wait> waits;
        for (const Wait& wait : waits_[task]) {
            if (head < wait.heads_back) continue;
            const auto covered = [&](const Wait& other) {
                return other.heads_back <= head && covers(other, wait);
            };
            if (std::none_of(waits_[task].begin(), waits_[task].end(), covered) &&
                std::find(waits.begin(), waits.end(), wait) == waits.end())
                waits.push_back(wait);
        }
        return waits;
    }
    bool covers(const Wait& other, const Wait& wait) const {
        if (body_[static_cast<std::size_t>(other.task)].resource !=
            body_[static_cast<std::size_t>(wait.task)].resource)
            return false;
        return other.rows_back != wait.rows_back ? other.rows_back < wait.rows_back
                                                 : other.task > wait.task;
    }

    int filler_of(std::size_t tensor) const {
        return producer_[tensor] == kNone ? load_task_[tensor]
                                          : op_task_[static_cast<std::size_t>(producer_[tensor])];
    }

    /// Operators wait for their inputs; what fills a tensor waits until its users of so many heads
    /// ago have let a copy go: the last one on each unit.
    void connect() {
        std::vector<std::vector<int>> users(first_.list.tensors.size());
        for (std::size_t i = 0; i < first_.ops.size(); ++i)
            for (const TensorId input : first_.list.ops[i].inputs) {
                if (input == kNoTensor) continue;
                const auto t = static_cast<std::size_t>(input);
                after(op_task_[i], filler_of(t));
                std::erase_if(users[t], [&](int user) { return replaces(op_task_[i], user); });
                users[t].push_back(op_task_[i]);
            }
        for (std::size_t s = 0; s < stored_.size(); ++s)
            users[stored_[s]].push_back(store_task_[s]);
        for (std::size_t t = 0; t < users.size(); ++t)
            for (const int user : users[t])
                after(filler_of(t), user, static_cast<int>(shape_.copies[t]));
    }
    /// Whether `task` ends after `user` of the same head whatever the durations are.
    bool replaces(int task, int user) const {
        const auto a = static_cast<std::size_t>(task), b = static_cast<std::size_t>(user);
        return body_[a].resource == body_[b].resource && task_lag_[a] >= task_lag_[b];
    }

    HeadRows head_rows() const {
        HeadRows rows;
        for (const PlacedList& head : heads_) {
            std::vector<std::int64_t> row(body_.size(), 0), useful(body_.size(), 0);
            for (std::size_t t = 0; t < load_task_.size(); ++t)
                if (load_task_[t] != kNone)
                    row[static_cast<std::size_t>(load_task_[t])] =
                        memory_cycles(head.load_bits[t], false);
            for (std::size_t i = 0; i < op_task_.size(); ++i) {
                row[static_cast<std::size_t>(op_task_[i])] = head.ops[i].cycles;
                useful[static_cast<std::size_t>(op_task_[i])] = head.ops[i].useful;
            }
            for (std::size_t s = 0; s < stored_.size(); ++s)
                row[static_cast<std::size_t>(store_task_[s])] =
                    memory_cycles(head.store_bits[stored_[s]], true);
            rows.cycles.push_back(std::move(row));
            rows.useful.push_back(std::move(useful));
        }
        return rows;
    }
    std::int64_t memory_cycles(std::int64_t bits, bool write) const {
        const std::int64_t bytes = ceil_div(bits, 8);
        return engine_.memory_cycles({bytes, bytes, write});
    }

    const Engine& engine_;
    std::span<const PlacedList> heads_;
    const ChainedShape& shape_;
    const PlacedList& first_;
    std::vector<int> producer_;
    std::vector<Task> body_;
    std::vector<std::vector<Wait>> waits_;  ///< per task
    std::int64_t longest_reach_ = 0;        ///< in heads
    std::vector<int> task_lag_;
    std::vector<int> load_task_;  ///< per tensor
    std::vector<int> op_task_;    ///< per operator
    std::vector<int> store_task_;
    std::vector<std::size_t> stored_;  ///< tensors of the stores
};

}  // namespace

bool same_structure(const PlacedList& a, const PlacedList& b) {
    if (a.ops.size() != b.ops.size() || a.list.tensors.size() != b.list.tensors.size())
        return false;
    for (std::size_t i = 0; i < a.ops.size(); ++i)
        if (a.ops[i].unit != b.ops[i].unit || a.list.ops[i].kind != b.list.ops[i].kind ||
            a.list.ops[i].inputs != b.list.ops[i].inputs ||
            a.list.ops[i].output != b.list.ops[i].output)
            return false;
    for (std::size_t t = 0; t < a.list.tensors.size(); ++t)
        if (a.list.tensors[t].from_memory != b.list.tensors[t].from_memory ||
            a.list.tensors[t].to_memory != b.list.tensors[t].to_memory)
            return false;
    return true;
}

ChainedShape chained_shape(const Engine& engine, std::span<const PlacedList> heads, int slots,
                           std::int64_t tiles) {
    ATTOHM_CHECK(!heads.empty() && slots >= 1 && tiles >= 1);
    ChainedShape shape;
    shape.lag = lags(heads.front());
    const std::vector<Span> span = spans(heads.front(), shape.lag);
    for (const Span& s : span) shape.copies.push_back(slots + s.to - s.from);
    shape.held_bits.assign(engine.buffers.size(), 0);
    for (const PlacedList& head : heads) {
        ATTOHM_CHECK(same_structure(head, heads.front()));
        std::vector<std::int64_t> held(engine.buffers.size(), 0);
        for (std::size_t t = 0; t < span.size(); ++t) {
            const bool shared = !head.of_head.empty() && head.of_head[t];
            const std::int64_t copies =
                shared ? ceil_div(shape.copies[t] - 1, tiles) + 1 : shape.copies[t];
            held[static_cast<std::size_t>(head.buffers[t])] +=
                head.list.tensors[t].total_bits() * copies;
        }
        for (std::size_t b = 0; b < held.size(); ++b)
            shape.held_bits[b] = std::max(shape.held_bits[b], held[b]);
    }
    shape.fits = true;
    for (std::size_t b = 0; b < shape.held_bits.size(); ++b)
        shape.fits = shape.fits && shape.held_bits[b] <= engine.buffers[b].bits;
    shape.fits = shape.fits && ChainBuilder(engine, heads.first(1), shape).is_schedule();
    return shape;
}

Schedule chained_schedule(const Engine& engine, std::span<const PlacedList> heads,
                          const ChainedShape& shape, std::int64_t times) {
    const ChainBuilder builder(engine, heads, shape);
    ATTOHM_CHECK(builder.is_schedule());
    Schedule schedule;
    schedule.resources = memory_resource(engine) + 1;
    schedule.loops = builder.loops(times);
    return schedule;
}

}  // namespace attohm
