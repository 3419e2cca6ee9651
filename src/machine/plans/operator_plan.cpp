#include "src/machine/plans/operator_plan.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/even_cuts.hpp"
#include "src/machine/schedule/pipeline.hpp"

namespace attohm {

namespace {

/// Bits moved by one choice of blocks.
struct BlockChoice {
    std::int64_t rows = 1, columns = 1, depth = 1;
    std::int64_t read_bits = 0;
    std::int64_t blocks = 1;
};

std::int64_t held_bits(const MatmulExtent& e, const BlockChoice& c, int slots) {
    return (c.rows * c.depth + c.depth * c.columns + c.rows * c.columns) * e.element_bits * slots;
}

/// The cheaper of the two orders of the outer loops.
void measure(const MatmulExtent& e, BlockChoice& c) {
    const std::int64_t row_blocks = ceil_div(e.m, c.rows);
    const std::int64_t column_blocks = ceil_div(e.n, c.columns);
    const std::int64_t depth_blocks = ceil_div(e.k, c.depth);
    const std::int64_t a = e.m * e.k * e.a_bits, b = e.k * e.n * e.b_bits;
    // An operand is kept over the inner loop only where its block holds the whole sum.
    const std::int64_t a_inside = depth_blocks == 1 || column_blocks == 1 ? 1 : column_blocks;
    const std::int64_t b_inside = depth_blocks == 1 || row_blocks == 1 ? 1 : row_blocks;
    const bool b_whole = column_blocks == 1 && depth_blocks == 1;
    const bool a_whole = row_blocks == 1 && depth_blocks == 1;
    const std::int64_t rows_outside = a * a_inside + b * (b_whole ? 1 : row_blocks);
    const std::int64_t columns_outside = b * b_inside + a * (a_whole ? 1 : column_blocks);
    c.read_bits = std::min(rows_outside, columns_outside);
    c.blocks = row_blocks * column_blocks * depth_blocks;
}

/// Cuts `whole` into as few equal blocks of at most `limit`; 0: not even one element fits.
std::int64_t even_block(std::int64_t whole, std::int64_t limit) {
    return limit < 1 ? 0 : ceil_div(whole, ceil_div(whole, std::min(whole, limit)));
}

/// The best blocks of so many rows that hold `room` elements. Fewer column blocks never move more,
/// and how often the sum is cut does not matter once it is: a whole sum and the thinnest slices are
/// all there is to compare, then slices as thick as fit.
template <class Consider>
void blocks_of_rows(const MatmulExtent& e, std::int64_t rows, std::int64_t room,
                    Consider consider) {
    const std::int64_t whole_sum = even_block(e.n, (room - rows * e.k) / (e.k + rows));
    if (whole_sum > 0) consider({rows, whole_sum, e.k});
    const std::int64_t columns = even_block(e.n, (room - rows) / (1 + rows));
    if (columns == 0 || e.k == 1) return;
    const std::int64_t depth = even_block(e.k, (room - rows * columns) / (rows + columns));
    if (depth > 0) consider({rows, columns, depth});
}

}  // namespace

OperatorBlocks block_matmul(const MatmulExtent& e, std::int64_t room_bits, int slots) {
    BlockChoice best;
    bool found = false;
    const std::int64_t room = room_bits / (e.element_bits * slots);
    even_cuts(e.m, [&](std::int64_t rows) {
        blocks_of_rows(e, rows, room, [&](BlockChoice c) {
            measure(e, c);
            if (found && (c.read_bits > best.read_bits ||
                          (c.read_bits == best.read_bits && c.blocks >= best.blocks)))
                return;
            best = c;
            found = true;
        });
    });
    if (!found) {
        // Not even single elements fit: they pass through registers.
        best = {1, 1, 1};
        measure(e, best);
    }
    return {best.blocks, best.read_bits, e.m * e.n * e.out_bits, held_bits(e, best, slots)};
}

namespace {

/// Intermediates are kept in the order in which they are made, as far as `room` [per buffer] goes,
/// from the operator that makes them to the last that reads them.
std::vector<double> kept_shares(const Engine& engine, std::span<const PlacedList> heads,
                                std::int64_t times, double reserve) {
    const PlacedList& first = heads.front();
    const std::size_t tensors = first.list.tensors.size();
    std::vector<int> made(tensors, -1), last(tensors, -1);
    for (std::size_t i = 0; i < first.ops.size(); ++i) {
        for (const TensorId input : first.list.ops[i].inputs)
            if (input != kNoTensor) last[static_cast<std::size_t>(input)] = static_cast<int>(i);
        made[static_cast<std::size_t>(first.list.ops[i].output)] = static_cast<int>(i);
    }
    std::vector<double> share(tensors, 0.0);
    // Room left in each buffer while each operator runs.
    std::vector<std::vector<double>> room(first.ops.size());
    for (auto& per_buffer : room)
        for (const EngineBuffer& buffer : engine.buffers)
            per_buffer.push_back(reserve * static_cast<double>(buffer.bits));
    for (std::size_t t = 0; t < tensors; ++t) {
        if (made[t] < 0 || last[t] < 0) continue;
        double size = 0.0;
        for (const PlacedList& head : heads)
            size += static_cast<double>(head.list.tensors[t].total_bits());
        size *= static_cast<double>(times);
        const auto buffer = static_cast<std::size_t>(first.buffers[t]);
        double least = size;
        for (int i = made[t]; i <= last[t]; ++i)
            least = std::min(least, room[static_cast<std::size_t>(i)][buffer]);
        share[t] = size > 0.0 ? least / size : 0.0;
        for (int i = made[t]; i <= last[t]; ++i) room[static_cast<std::size_t>(i)][buffer] -= least;
    }
    return share;
}

/// Runs one operator of all heads after the other.
class OrderBuilder {
  public:
    OrderBuilder(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times,
                 double reserve)
        : engine_(engine),
          heads_(heads),
          times_(times),
          first_(heads.front()),
          share_(kept_shares(engine, heads, times, reserve)),
          made_(first_.list.tensors.size(), false) {
        for (const EngineBuffer& buffer : engine.buffers) {
            slots_ = std::min(slots_, buffer.slots);
            room_ += static_cast<std::int64_t>((1.0 - reserve) * static_cast<double>(buffer.bits));
        }
        order_.schedule.resources = memory_resource(engine) + 1;
        order_.traffic.resize(first_.list.tensors.size());
        order_.runs.assign(first_.list.tensors.size(), 0);
    }

    OperatorOrder build() {
        for (std::size_t i = 0; i < first_.ops.size(); ++i) run(i);
        return std::move(order_);
    }

  private:
    /// Bits of a tensor that pass between memory and chip when it is moved once.
    std::int64_t outside(const PlacedList& head, std::size_t t) const {
        const double away = 1.0 - share_[t];
        return std::llround(away * static_cast<double>(head.list.tensors[t].total_bits()));
    }
    bool comes_from_memory(const PlacedList& head, std::size_t t) const {
        return made_[t] || head.load_bits[t] > 0;
    }

    /// Loads of an operator of one head; a matrix product may read operands more than once.
    std::int64_t load(const PlacedList& head, std::size_t i, std::int64_t& blocks) {
        const Operator& op = head.list.ops[i];
        if (op.kind != OpKind::matmul) return add_loads(head, op, 1.0, 1);
        std::int64_t once = 0;
        for (const TensorId input : op.inputs)
            if (input != kNoTensor && comes_from_memory(head, static_cast<std::size_t>(input)))
                once += outside(head, static_cast<std::size_t>(input));
        const OperatorBlocks& cut = cut_of({op.m, op.n, op.k, 1, 1, 0, op.bits});
        blocks = std::max(blocks, cut.blocks);
        const auto least = static_cast<double>(op.m * op.k + op.k * op.n);
        return once == 0
                   ? 0
                   : add_loads(head, op, static_cast<double>(cut.read_bits) / least, cut.blocks);
    }
    /// Equal heads are cut alike: the search is done for the first of them.
    const OperatorBlocks& cut_of(const MatmulExtent& extent) {
        if (!(extent == extent_) || cut_.held_bits == 0) {
            extent_ = extent;
            cut_ = block_matmul(extent, room_, slots_);
        }
        return cut_;
    }
    /// What an operator takes as two inputs comes once where it comes whole; blocks of it as either
    /// input are other blocks.
    std::int64_t add_loads(const PlacedList& head, const Operator& op, double times_read,
                           std::int64_t blocks) {
        std::int64_t bits = 0;
        for (auto input = op.inputs.begin(); input != op.inputs.end(); ++input) {
            if (*input == kNoTensor) continue;
            const bool again = std::find(op.inputs.begin(), input, *input) != input;
            if (again && times_read == 1.0) continue;
            const auto t = static_cast<std::size_t>(*input);
            if (!comes_from_memory(head, t)) continue;
            const std::int64_t moved =
                std::llround(times_read * static_cast<double>(outside(head, t)));
            set_run(t, ceil_div(moved, 8 * blocks));
            order_.traffic[t].read_bits += moved * times_;
            bits += moved;
        }
        return bits;
    }

    void run(std::size_t i) {
        std::int64_t read = 0, written = 0, compute = 0, useful = 0, blocks = 1;
        for (const PlacedList& head : heads_) {
            read += load(head, i, blocks) * times_;
            compute += head.ops[i].cycles * times_;
            useful += head.ops[i].useful * times_;
            written += store(head, i) * times_;
        }
        made_[static_cast<std::size_t>(first_.list.ops[i].output)] = true;
        blocks *= static_cast<std::int64_t>(heads_.size()) * times_;
        stream(first_.ops[i], read, written, compute, useful, blocks);
    }
    std::int64_t store(const PlacedList& head, std::size_t i) {
        const auto t = static_cast<std::size_t>(head.list.ops[i].output);
        const std::int64_t bits =
            head.list.tensors[t].to_memory ? head.list.tensors[t].total_bits() : outside(head, t);
        order_.traffic[t].written_bits += bits * times_;
        set_run(t, ceil_div(bits, 8));
        return bits;
    }

    /// A piece is what one block moves of a tensor: the smallest of its uses.
    void set_run(std::size_t t, std::int64_t bytes) {
        std::int64_t& run = order_.runs[t];
        if (bytes > 0) run = run == 0 ? bytes : std::min(run, bytes);
    }

    void stream(const PlacedOp& op, std::int64_t read, std::int64_t written, std::int64_t compute,
                std::int64_t useful, std::int64_t blocks) {
        const auto memory = static_cast<ResourceId>(memory_resource(engine_));
        const auto cycles = [&](std::int64_t bits, bool write) {
            const std::int64_t bytes = ceil_div(bits, 8);
            const std::int64_t run = std::max<std::int64_t>(1, bytes / blocks);
            return ceil_div(engine_.memory_cycles({bytes, run, write}), blocks);
        };
        PipelineShape shape;
        shape.load = cycles(read, false);
        shape.compute = ceil_div(compute, blocks);
        shape.store = cycles(written, true);
        shape.iterations = blocks;
        shape.buffers = slots_;
        shape.shared_port = true;
        const auto unit = static_cast<ResourceId>(op.unit);
        std::vector<TaskLoop> loops = pipeline_loops(shape, {memory, unit, memory});
        loops.front().entry = LoopEntry::barrier;
        for (TaskLoop& loop : loops)
            for (Task& task : loop.body)
                if (task.resource == unit) {
                    task.latency = engine_.units[static_cast<std::size_t>(op.unit)].latency_cycles;
                    // The task that only drains the pipeline computes nothing and waits for
                    // nothing: or the latency would be paid again behind the last store.
                    if (task.cycles > 0) task.useful = useful / blocks;
                    if (&loop == &loops.back()) task.after = {};
                }
        for (TaskLoop& loop : loops) order_.schedule.loops.push_back(std::move(loop));
    }

    const Engine& engine_;
    std::span<const PlacedList> heads_;
    std::int64_t times_;
    const PlacedList& first_;
    std::vector<double> share_;
    std::vector<bool> made_;
    int slots_ = 2;
    std::int64_t room_ = 0;
    MatmulExtent extent_;
    OperatorBlocks cut_;  ///< of `extent_`
    OperatorOrder order_;
};

}  // namespace

OperatorOrder operator_order(const Engine& engine, std::span<const PlacedList> heads,
                             std::int64_t times, double reserve) {
    ATTOHM_CHECK(!heads.empty() && 0.0 <= reserve && reserve <= 1.0);
    return OrderBuilder(engine, heads, times, reserve).build();
}

}  // namespace attohm
