#include <algorithm>
#include <optional>

#include "src/base/error.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/row_tiles.hpp"
#include "src/work/linear_work.hpp"
#include "src/work/op_builder.hpp"

/// Decode on engines: query t of a causal head after its own key and value, over keys 0..t. Steps,
/// and in a step layers, follow each other: nothing overlaps across them. Costs are summed step by
/// step from closed forms, so that they grow with queries, not with pairs.
namespace attohm {

/// What stays on chip from step to step, in bits per buffer.
struct EnginePlanner::Resident {
    bool cache = false;    ///< K and V of all heads of the sample, of the whole batch
    bool weights = false;  ///< of all linear operators that work step by step
    std::vector<std::int64_t> bits;
};

namespace {

bool is_kv(TensorRole role) {
    return role == TensorRole::k || role == TensorRole::v;
}

/// Whether two heads ask for the same in every step.
bool same_step(const HeadWork& a, const HeadWork& b) {
    return a.shape.d == b.shape.d && a.shape.dv == b.shape.dv &&
           a.shape.first_of_kv_head == b.shape.first_of_kv_head && a.bits.q == b.bits.q &&
           a.ops.ops.size() == b.ops.ops.size();
}

/// The operators of one row of `tokens`; nothing where they are not over the tokens.
std::optional<OpList> one_row(const OpList& list, std::int64_t tokens) {
    OpList row = list;
    for (Operator& op : row.ops) {
        if (op.m != tokens) return std::nullopt;
        op.m = 1;
        op.nonzeros /= tokens;
    }
    for (TensorInfo& tensor : row.tensors) {
        if (tensor.shared) continue;
        tensor.elements /= tokens;
        tensor.stored /= tokens;
        tensor.index_bits /= tokens;
    }
    return row;
}

std::int64_t bits_of(const OpList& list, TensorRole role) {
    std::int64_t bits = 0;
    for (const TensorInfo& tensor : list.tensors)
        if (tensor.role == role && tensor.from_memory) bits += tensor.total_bits();
    return bits;
}

}  // namespace

HeadWork EnginePlanner::step_of(const HeadWork& work, std::int64_t keys) const {
    if (!work.shape.causal)
        throw UserError("queries cannot come one by one where they see later keys", "phase",
                        "decode", "prefill, or a trace whose heads are causal");
    HeadWork step;
    step.shape = work.shape;
    step.bits = work.bits;
    HeadShape& shape = step.shape;
    shape.n_q = shape.valid_q = 1;
    shape.n_k = shape.valid_k = static_cast<int>(keys);
    shape.allowed_pairs = keys;
    // A bias is the fourth input: "L", "bias", "softmax", "A".
    step.ops = dense_attention_ops(shape, work.bits.q, work.ops.ops.size() == 4);
    return step;
}

std::int64_t EnginePlanner::steps() const {
    std::int64_t most = 0;
    for (const HeadWork& head : causal_) most = std::max<std::int64_t>(most, head.shape.valid_q);
    return most;
}

EnginePlanner::Resident EnginePlanner::resident(bool cache, bool weights) const {
    Resident resident{cache, weights, std::vector<std::int64_t>(engine_.buffers.size(), 0)};
    const auto hold = [&](TensorRole role, std::int64_t bits) {
        const int buffer = engine_.buffer_for(role);
        if (buffer >= 0) resident.bits[static_cast<std::size_t>(buffer)] += bits;
    };
    for (const HeadWork& head : causal_) {
        if (!cache || !head.shape.first_of_kv_head) continue;
        const std::int64_t keys = head.shape.valid_k * options_.batch;
        hold(TensorRole::k, keys * head.shape.d * head.bits.q);
        hold(TensorRole::v, keys * head.shape.dv * head.bits.q);
    }
    for (const LayerWork& layer : linear_)
        if (weights && one_row(layer.ops, causal_.front().shape.n_q))
            hold(TensorRole::weight, bits_of(layer.ops, TensorRole::weight));
    return resident;
}

bool EnginePlanner::fits(const Resident& resident) const {
    for (std::size_t b = 0; b < resident.bits.size(); ++b)
        if (resident.bits[b] > engine_.buffers[b].bits) return false;
    return true;
}

std::vector<Tally> EnginePlanner::decode() {
    std::optional<std::vector<Tally>> best;
    // Of equals the one that reads less.
    for (const bool cache : {true, false})
        for (const bool weights : {true, false}) {
            if (causal_.empty() ? cache || weights : cache && !keeps_cache()) continue;
            const Resident what =
                causal_.empty() ? Resident{false, false, {}} : resident(cache, weights);
            if (!fits(what)) continue;
            std::vector<Tally> tallies = decode_with(what);
            if (!best || tallies.back().latency_cycles < best->back().latency_cycles)
                best = std::move(tallies);
        }
    causal_.clear();
    linear_.clear();
    return std::move(*best);
}

std::vector<Tally> EnginePlanner::decode_with(const Resident& resident) {
    totals_.assign(kCostScopes, Tally(memory_resource(engine_) + 1));
    for (std::size_t b = 0; b < resident.bits.size(); ++b) own_.buffers[b].bits -= resident.bits[b];
    decode_linear(resident);
    decode_attention(resident);
    own_ = *machine_.engine();
    return std::move(totals_);
}

void EnginePlanner::decode_linear(const Resident& resident) {
    for (const LayerWork& layer : linear_) {
        // What is not over the tokens (a class, an embedding of patches) is done once.
        std::optional<OpList> row;
        if (!causal_.empty()) row = one_row(layer.ops, causal_.front().shape.n_q);
        const OpList& once = row ? *row : layer.ops;
        PlacedList placed = place(engine_, machine_.name, batched_rows(once, options_.batch), true);
        const std::int64_t times = row ? steps() : 1;
        const bool stays = row && resident.weights;
        add(layer.layer, best_operator_order(engine_, {&placed, 1}, 1), false, stays ? 1 : times);
        if (!stays || times == 1) continue;
        for (std::size_t t = 0; t < placed.list.tensors.size(); ++t)
            if (placed.list.tensors[t].role == TensorRole::weight) placed.load_bits[t] = 0;
        add(layer.layer, best_operator_order(engine_, {&placed, 1}, 1), false, times - 1);
    }
}

void EnginePlanner::decode_attention(const Resident& resident) {
    for (std::int64_t step = 0; step < steps(); ++step) {
        std::optional<LayerPlan> plan;
        std::span<const HeadWork> planned;
        for (auto first = causal_.begin(); first != causal_.end();) {
            const auto end = std::find_if(first, causal_.end(), [&](const HeadWork& head) {
                return head.shape.layer != first->shape.layer;
            });
            // Layers alike take the same.
            const std::span<const HeadWork> heads(first, end);
            if (!plan ||
                !std::equal(heads.begin(), heads.end(), planned.begin(), planned.end(), same_step))
                plan = attention_step(heads, step + 1, resident.cache);
            planned = heads;
            add(first->shape.layer, *plan, true);
            first = end;
        }
    }
}

LayerPlan EnginePlanner::attention_step(std::span<const HeadWork> heads, std::int64_t keys,
                                        bool has_cache) {
    const Selection none;
    std::vector<HeadJob> jobs;
    std::vector<PlacedList> placed;
    for (const HeadWork& head : heads) {
        HeadJob job = job_of(EnginePlanner::step_of(head, keys), none);
        // Of a cache on chip only the new key and value pass by.
        for (TensorInfo& tensor : job.ops.tensors)
            if (has_cache && is_kv(tensor.role)) tensor.elements = tensor.stored /= keys;
        jobs.push_back(std::move(job));
        placed.push_back(std::move(tiles_of(jobs.back(), 1).front()));
    }
    return plan_layer(jobs, placed);
}

}  // namespace attohm
