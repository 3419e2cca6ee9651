#pragma once

#include "src/machine/plans/chained_plan.hpp"
#include "tests/reference/engine_reference.hpp"

/// Heads in a pipeline as the tasks of the slow twin.
namespace attohm::test {

/// The tasks of a head as the header of the chained plan says: loads, operators, stores.
inline std::vector<reference::ChainTask> chain_tasks(const Engine& engine, const PlacedList& head,
                                                     const ChainedShape& shape) {
    std::vector<reference::ChainTask> tasks;
    const int memory = static_cast<int>(memory_resource(engine));
    for (std::size_t t = 0; t < head.list.tensors.size(); ++t)
        if (head.list.tensors[t].from_memory)
            tasks.push_back({memory, 0, 0, {}, static_cast<int>(t)});
    for (std::size_t i = 0; i < head.ops.size(); ++i) {
        reference::ChainTask task{
            head.ops[i].unit,
            shape.lag[i],
            engine.units[static_cast<std::size_t>(head.ops[i].unit)].latency_cycles,
            {},
            head.list.ops[i].output};
        for (const TensorId input : head.list.ops[i].inputs)
            if (input != kNoTensor) task.reads.push_back(input);
        tasks.push_back(task);
    }
    for (std::size_t t = 0; t < head.list.tensors.size(); ++t)
        for (std::size_t i = 0; i < head.ops.size(); ++i)
            if (head.list.tensors[t].to_memory && head.list.ops[i].output == static_cast<int>(t))
                tasks.push_back({memory, shape.lag[i], 0, {static_cast<int>(t)}, -1});
    return tasks;
}

/// Cycles of each of them.
inline std::vector<std::int64_t> task_cycles(const Engine& engine, const PlacedList& head) {
    const auto port = [&](std::int64_t bits, bool write) {
        return engine.memory_cycles({(bits + 7) / 8, (bits + 7) / 8, write});
    };
    std::vector<std::int64_t> cycles;
    for (std::size_t t = 0; t < head.list.tensors.size(); ++t)
        if (head.list.tensors[t].from_memory) cycles.push_back(port(head.load_bits[t], false));
    for (const PlacedOp& op : head.ops) cycles.push_back(op.cycles);
    for (std::size_t t = 0; t < head.list.tensors.size(); ++t)
        if (head.list.tensors[t].to_memory) cycles.push_back(port(head.store_bits[t], true));
    return cycles;
}

}  // namespace attohm::test
