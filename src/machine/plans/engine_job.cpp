#include "src/machine/plans/engine_job.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/array_mapping.hpp"

namespace attohm {

namespace {

int unit_of(const Engine& engine, const std::string& machine, const Operator& op) {
    const int unit = engine.unit_for(op);
    if (unit >= 0) return unit;
    throw UserError(fmt::format("machine `{}` has no unit for `{}`", machine, op.name),
                    engine.where, std::string(op_kind_info(op.kind).name),
                    fmt::format("a machine with a unit that does {}", op_kind_info(op.kind).name));
}

int buffer_of(const Engine& engine, const std::string& machine, TensorRole role) {
    const int buffer = engine.buffer_for(role);
    if (buffer >= 0) return buffer;
    throw UserError(
        fmt::format("machine `{}` has no buffer for tensors `{}`", machine, tensor_role_name(role)),
        engine.where, std::string(tensor_role_name(role)),
        "a buffer that holds it, or one without `holds`");
}

/// Elements of an operand that are moved when all of it is read once.
std::int64_t stored(const OpList& list, TensorId id) {
    return list.tensors[static_cast<std::size_t>(id)].stored;
}

class Placer {
  public:
    Placer(const Engine& engine, const std::string& machine, PlacedList& placed)
        : engine_(engine), machine_(machine), placed_(placed) {}

    PlacedOp place(const Operator& op) {
        PlacedOp out;
        out.unit = unit_of(engine_, machine_, op);
        out.kind = op.kind;
        out.bits = op.bits;
        out.stage = op.stage;
        out.read_bits.assign(engine_.buffers.size(), 0);
        out.write_bits.assign(engine_.buffers.size(), 0);
        const EngineUnit& unit = engine_.units[static_cast<std::size_t>(out.unit)];
        if (unit.kind == EngineUnit::Kind::array)
            on_array(unit, op, out);
        else
            on_lanes(unit, op, out);
        // A port that is slower than the unit holds it up.
        for (std::size_t b = 0; b < engine_.buffers.size(); ++b) {
            const std::int64_t port = engine_.buffers[b].bits_per_cycle;
            if (port > 0)
                out.cycles =
                    std::max(out.cycles, ceil_div(out.read_bits[b] + out.write_bits[b], port));
        }
        return out;
    }

  private:
    /// Rows of the array are engines, each on a row of the operator; its pairs go through every
    /// stage, operands out of the buffer and back. An element (half a pair) is one operation.
    void on_butterflies(const EngineUnit& unit, const Operator& op, PlacedOp& out) {
        const std::int64_t runs = ceil_div(op.m, unit.rows);
        out.cycles = runs * op.k * ceil_div(op.n, std::int64_t{unit.columns} * unit.macs_per_pe);
        out.operations = op.dense_count();
        out.useful = op.nonzeros;
        read(op.inputs[0], op.dense_count(), op.bits, out);
        if (op.inputs[1] != kNoTensor)
            read(op.inputs[1], runs * 2 * op.n * op.k, bits_of(op.inputs[1]), out);
        write(op.output, op.dense_count(), op.bits, out);
    }

    void on_array(const EngineUnit& unit, const Operator& op, PlacedOp& out) {
        if (op.kind == OpKind::transform) return on_butterflies(unit, op, out);
        const ArrayUse use = map_matmul(unit, op.m, op.n, op.k);
        const bool narrow = op.bits <= unit.narrow_bits;
        out.cycles = narrow ? ceil_div(use.cycles, unit.narrow_factor) : use.cycles;
        out.operations = op.dense_count();
        // A narrow operation takes its share of a full one: no element does more than its peak.
        out.useful = narrow ? ceil_div(op.nonzeros, unit.narrow_factor) : op.nonzeros;
        read(op.inputs[0], use.a_reads, op.bits, out);
        read(op.inputs[1], use.b_reads, op.bits, out);
        const int result = placed_.list.tensors[static_cast<std::size_t>(op.output)].bits;
        write(op.output, use.out_writes, result, out);
        read(op.output, use.out_reads, result, out);
    }

    void on_lanes(const EngineUnit& unit, const Operator& op, PlacedOp& out) {
        const std::int64_t count = op.dense_count();
        out.cycles = ceil_div(count * unit.passes, unit.lanes);
        out.operations = count;
        out.useful = op.nonzeros;
        if (op.kind == OpKind::softmax) out.rows = op.m;
        for (const TensorId input : op.inputs)
            if (input != kNoTensor)
                read(input, stored(placed_.list, input) * unit.passes, bits_of(input), out);
        write(op.output, stored(placed_.list, op.output), bits_of(op.output), out);
    }

    int bits_of(TensorId id) const {
        return placed_.list.tensors[static_cast<std::size_t>(id)].bits;
    }
    void read(TensorId id, std::int64_t elements, int bits, PlacedOp& out) {
        if (id != kNoTensor) out.read_bits[buffer(id)] += elements * bits;
    }
    void write(TensorId id, std::int64_t elements, int bits, PlacedOp& out) {
        out.write_bits[buffer(id)] += elements * bits;
    }
    std::size_t buffer(TensorId id) const {
        return static_cast<std::size_t>(placed_.buffers[static_cast<std::size_t>(id)]);
    }

    const Engine& engine_;
    const std::string& machine_;
    PlacedList& placed_;
};

bool is_kv(TensorRole role) {
    return role == TensorRole::k || role == TensorRole::v;
}

}  // namespace

PlacedList place(const Engine& engine, const std::string& machine, const OpList& list,
                 bool loads_kv) {
    PlacedList placed;
    placed.list = list;
    for (const TensorInfo& tensor : list.tensors) {
        placed.buffers.push_back(buffer_of(engine, machine, tensor.role));
        const bool loaded = tensor.from_memory && (loads_kv || !is_kv(tensor.role));
        placed.load_bits.push_back(loaded ? tensor.total_bits() : 0);
        placed.store_bits.push_back(tensor.to_memory ? tensor.total_bits() : 0);
    }
    Placer placer(engine, machine, placed);
    for (const Operator& op : list.ops) placed.ops.push_back(placer.place(op));
    return placed;
}

void count_ops(const Engine& engine, const PlacedList& placed, std::int64_t times, Tally& tally) {
    for (const PlacedOp& op : placed.ops) {
        tally.count(unit_op(op.unit, op.kind, op.bits), op.operations * times);
        tally.count(unit_op(op.unit, OpKind::reciprocal, op.bits), op.rows * times);
        for (std::size_t b = 0; b < engine.buffers.size(); ++b) {
            const int buffer = static_cast<int>(b);
            tally.count(buffer_bits_moved(buffer, false), op.read_bits[b] * times);
            tally.count(buffer_bits_moved(buffer, true), op.write_bits[b] * times);
            const std::int64_t port = engine.buffers[b].bits_per_cycle;
            if (port > 0)
                tally.resources[buffer_resource(engine, buffer)].busy +=
                    ceil_div(op.read_bits[b] + op.write_bits[b], port) * times;
        }
    }
}

void count_traffic(const Engine& engine, TensorRole role, std::int64_t bits, std::int64_t run_bytes,
                   bool write, Tally& tally) {
    if (bits == 0) return;
    Traffic& traffic = tally[role];
    (write ? traffic.written_bits : traffic.read_bits) += bits;
    const int buffer = engine.buffer_for(role);
    if (buffer >= 0) tally.count(buffer_bits_moved(buffer, !write), bits);
    const std::int64_t bytes = ceil_div(bits, 8);
    const MemoryCost cost = engine.memory->access(
        {bytes, std::max<std::int64_t>(1, std::min(bytes, run_bytes)), write});
    const std::vector<UnitCost>& events = engine.memory->unit_costs();
    for (std::size_t i = 0; i < events.size(); ++i) {
        const std::string& event = events[i].event;
        double amount = 0.0;
        if (event == "read_burst" && !write) amount = cost.bursts;
        if (event == "write_burst" && write) amount = cost.bursts;
        if (event == (write ? "write_bit" : "read_bit")) amount = 8.0 * cost.bus_bytes;
        if (event == "activation") amount = cost.activations;
        if (event == "refresh") amount = cost.refreshes;
        if (event == "io_bit" || event == "bit") amount = 8.0 * cost.bus_bytes;
        if (event == "standby") amount = cost.time.value();
        if (amount > 0.0) tally.measure(memory_event(i), amount);
    }
}

}  // namespace attohm
