#include "src/machine/plans/chained_plan.hpp"

#include <algorithm>

#include "src/base/error.hpp"
#include "src/machine/plans/ceil_div.hpp"

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
    }

    TaskLoop loop(std::int64_t times) const {
        const int last_lag = *std::max_element(task_lag_.begin(), task_lag_.end());
        const auto heads = static_cast<std::int64_t>(heads_.size()) * times;
        const std::int64_t rows = heads + last_lag;
        std::vector<std::int64_t> cycles(static_cast<std::size_t>(rows) * body_.size(), 0);
        std::vector<std::int64_t> useful(cycles.size(), 0);
        const std::vector<std::vector<std::int64_t>> of_head = head_cycles();
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::size_t task = 0; task < body_.size(); ++task) {
                const std::int64_t head = row - task_lag_[task];
                if (head < 0 || head >= heads) continue;
                const auto which = static_cast<std::size_t>(head) % heads_.size();
                const std::size_t at = static_cast<std::size_t>(row) * body_.size() + task;
                cycles[at] = of_head[which][task];
                useful[at] = useful_of(which, task);
            }
        TaskLoop loop = row_loop(body_, std::move(cycles), LoopEntry::barrier);
        loop.row_useful = std::move(useful);
        return loop;
    }

  private:
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
        body_[static_cast<std::size_t>(task)].after.add({before, back});
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

    std::vector<std::vector<std::int64_t>> head_cycles() const {
        std::vector<std::vector<std::int64_t>> cycles;
        for (const PlacedList& head : heads_) {
            std::vector<std::int64_t> row(body_.size(), 0);
            for (std::size_t t = 0; t < load_task_.size(); ++t)
                if (load_task_[t] != kNone)
                    row[static_cast<std::size_t>(load_task_[t])] =
                        memory_cycles(head.load_bits[t], false);
            for (std::size_t i = 0; i < op_task_.size(); ++i)
                row[static_cast<std::size_t>(op_task_[i])] = head.ops[i].cycles;
            for (std::size_t s = 0; s < stored_.size(); ++s)
                row[static_cast<std::size_t>(store_task_[s])] =
                    memory_cycles(head.store_bits[stored_[s]], true);
            cycles.push_back(std::move(row));
        }
        return cycles;
    }
    std::int64_t memory_cycles(std::int64_t bits, bool write) const {
        const std::int64_t bytes = ceil_div(bits, 8);
        return engine_.memory_cycles({bytes, bytes, write});
    }
    std::int64_t useful_of(std::size_t head, std::size_t task) const {
        for (std::size_t i = 0; i < op_task_.size(); ++i)
            if (static_cast<std::size_t>(op_task_[i]) == task) return heads_[head].ops[i].useful;
        return 0;
    }

    const Engine& engine_;
    std::span<const PlacedList> heads_;
    const ChainedShape& shape_;
    const PlacedList& first_;
    std::vector<int> producer_;
    std::vector<Task> body_;
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

ChainedShape chained_shape(const Engine& engine, std::span<const PlacedList> heads, int slots) {
    ATTOHM_CHECK(!heads.empty() && slots >= 1);
    ChainedShape shape;
    shape.lag = lags(heads.front());
    const std::vector<Span> span = spans(heads.front(), shape.lag);
    for (const Span& s : span) shape.copies.push_back(slots + s.to - s.from);
    shape.held_bits.assign(engine.buffers.size(), 0);
    for (const PlacedList& head : heads) {
        ATTOHM_CHECK(same_structure(head, heads.front()));
        std::vector<std::int64_t> held(engine.buffers.size(), 0);
        for (std::size_t t = 0; t < span.size(); ++t)
            held[static_cast<std::size_t>(head.buffers[t])] +=
                head.list.tensors[t].total_bits() * shape.copies[t];
        for (std::size_t b = 0; b < held.size(); ++b)
            shape.held_bits[b] = std::max(shape.held_bits[b], held[b]);
    }
    shape.fits = true;
    for (std::size_t b = 0; b < shape.held_bits.size(); ++b)
        shape.fits = shape.fits && shape.held_bits[b] <= engine.buffers[b].bits;
    return shape;
}

Schedule chained_schedule(const Engine& engine, std::span<const PlacedList> heads,
                          const ChainedShape& shape, std::int64_t times) {
    const ChainBuilder builder(engine, heads, shape);
    Schedule schedule;
    schedule.resources = memory_resource(engine) + 1;
    schedule.loops.push_back(builder.loop(times));
    return schedule;
}

}  // namespace attohm
