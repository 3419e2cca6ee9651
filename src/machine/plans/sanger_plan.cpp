#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/special_plans.hpp"
#include "src/work/op_builder.hpp"

/// Kept pairs of a row are packed into rows of the array; a row that keeps more than fit is split
/// over several. Sanger's plan, and that of other schemes that choose pairs.
namespace attohm {

std::int64_t packed_rows(std::span<const std::int64_t> kept_begin, std::int64_t columns) {
    std::int64_t rows = 0;
    for (std::size_t query = 0; query + 1 < kept_begin.size(); ++query)
        rows += ceil_div(kept_begin[query + 1] - kept_begin[query], columns);
    return rows;
}

namespace {

constexpr std::string_view kPacking =
    "kept pairs of a query fill rows of the array (split where they are more): ceil(packed rows / "
    "rows) width cycles for each product; heads are cut by query rows, whose predictions, packed "
    "scores and weighted sums follow each other in a pipeline";

/// Who says which pairs count: a selection that takes every pair or what it needs, or none, and
/// then all that mask and causality allow do.
enum class Selecting { all_pairs, needed, nothing };

constexpr std::string_view name_of(Selecting selecting) {
    return selecting == Selecting::all_pairs ? "sanger"
           : selecting == Selecting::needed  ? "kept-pairs"
                                             : "allowed-pairs";
}

/// Pairs before each query that causality and padding allow; where a mask allows fewer, the same in
/// proportion.
std::vector<std::int64_t> allowed_before(const HeadShape& shape) {
    std::vector<std::int64_t> before = {0};
    for (std::int64_t query = 0; query < shape.valid_q; ++query) {
        const std::int64_t seen = query + 1 + shape.n_k - shape.n_q;
        const std::int64_t keys = shape.causal ? std::clamp<std::int64_t>(seen, 0, shape.valid_k)
                                               : static_cast<std::int64_t>(shape.valid_k);
        before.push_back(before.back() + keys);
    }
    const std::int64_t all = before.back();
    for (std::int64_t& pairs : before)
        if (all > 0) pairs = pairs * shape.allowed_pairs / all;
    return before;
}

class KeptPlanner final : public EnginePlanner {
  public:
    KeptPlanner(const Machine& machine, const PlanOptions& options, Selecting selecting)
        : EnginePlanner(machine, options), selecting_(selecting) {}

  private:
    HeadJob job_of(const HeadWork& work, const Selection& selection) override {
        if (selecting_ == Selecting::nothing)
            return {dense_attention_ops(work.shape, work.bits.q), work.shape.first_of_kv_head,
                    work.shape.valid_q, allowed_before(work.shape)};
        HeadJob job{work.ops, work.shape.first_of_kv_head, work.shape.valid_q, {}};
        for (std::int64_t row = 0; row <= job.rows && !job.ops.empty(); ++row)
            job.kept_begin.push_back(selection.row_begin.at(static_cast<std::size_t>(row)));
        return job;
    }
    void refine(PlacedList& placed, std::span<const std::int64_t> kept_begin) const override {
        for (std::size_t i = 0; i < placed.ops.size(); ++i) {
            const Operator& op = placed.list.ops[i];
            if (op.kind == OpKind::matmul && op.stage == Stage::attention)
                pack(op, kept_begin, placed, placed.ops[i]);
            else if (op.stage == Stage::attention)
                compress(op, placed.ops[i]);
            else if (selecting_ == Selecting::needed && op.stage == Stage::selection)
                shorten(op, placed, placed.ops[i]);
        }
    }
    HeadWork step_of(const HeadWork&, std::int64_t) const override {
        throw UserError(
            fmt::format("plan `{}` cannot take queries one by one", name_of(selecting_)), "phase",
            "decode", "prefill: rows of the array are packed from the kept pairs of many queries");
    }
    LayerPlan plan_layer(std::span<const HeadJob> jobs,
                         std::span<const PlacedList> heads) override {
        return best_of_orders(jobs, heads);
    }

    /// A product over kept pairs: every element of the array holds one pair and works through the
    /// width of a vector. Padding of packed rows takes the time of a pair, not its energy.
    void pack(const Operator& op, std::span<const std::int64_t> kept_begin,
              const PlacedList& placed, PlacedOp& out) const {
        const EngineUnit& array = engine_.units[static_cast<std::size_t>(out.unit)];
        const std::int64_t pairs = kept_begin.back() - kept_begin.front();
        const std::int64_t width = pairs == 0 ? 0 : op.nonzeros / pairs;
        const std::int64_t rows = packed_rows(kept_begin, array.columns);
        out.cycles = ceil_div(rows, array.rows) * ceil_div(width, array.macs_per_pe) + array.rows +
                     array.columns - 2;
        out.operations = op.nonzeros;
        // Each packed row reads its query (or holds its output) once, each pair its key or value.
        std::fill(out.read_bits.begin(), out.read_bits.end(), 0);
        std::fill(out.write_bits.begin(), out.write_bits.end(), 0);
        const auto move = [&](std::vector<std::int64_t>& moved, TensorId id,
                              std::int64_t elements) {
            if (id == kNoTensor) return;
            const auto t = static_cast<std::size_t>(id);
            moved[static_cast<std::size_t>(placed.buffers[t])] +=
                elements * placed.list.tensors[t].bits;
        };
        const bool scores =
            placed.list.tensors[static_cast<std::size_t>(op.inputs[0])].role == TensorRole::q;
        move(out.read_bits, op.inputs[0], scores ? rows * width : pairs);
        move(out.read_bits, op.inputs[1], pairs * width);
        move(out.read_bits, op.inputs[2], pairs);
        move(out.write_bits, op.output, scores ? pairs : rows * width);
    }
    /// Lanes see kept pairs only.
    void compress(const Operator& op, PlacedOp& out) const {
        const EngineUnit& unit = engine_.units[static_cast<std::size_t>(out.unit)];
        if (unit.kind != EngineUnit::Kind::lanes) return;
        out.cycles = ceil_div(op.nonzeros * unit.passes, unit.lanes);
        out.operations = op.nonzeros;
    }
    /// A selection that goes query by query over the keys: what it need not look at (pairs that
    /// are forbidden, bits after an early stop, rows that are not computed again) takes no time.
    /// Packing scans all mask bits; the list it makes is as long as what was kept.
    void shorten(const Operator& op, const PlacedList& placed, PlacedOp& out) const {
        if (op.kind == OpKind::pack || op.nonzeros == op.dense_count()) return;
        const EngineUnit& unit = engine_.units[static_cast<std::size_t>(out.unit)];
        out.operations = op.nonzeros;
        if (unit.kind == EngineUnit::Kind::lanes) {
            out.cycles = ceil_div(op.nonzeros * unit.passes, unit.lanes);
            return;
        }
        const double share =
            static_cast<double>(op.nonzeros) / static_cast<double>(op.dense_count());
        out.cycles = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(out.cycles)));
        // The second operand is read as far as it is needed, the first for every row.
        if (op.inputs[1] == kNoTensor) return;
        const auto buffer = placed.buffers[static_cast<std::size_t>(op.inputs[1])];
        std::int64_t& read = out.read_bits[static_cast<std::size_t>(buffer)];
        read = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(read)));
    }

    const Selecting selecting_;
};

PlanEntry entry(Selecting selecting, std::string_view help,
                std::vector<std::string_view> more_rules) {
    std::vector<std::string_view> rules = engine_rules(kPacking);
    rules.insert(rules.begin() + 1, more_rules.begin(), more_rules.end());
    return {name_of(selecting),
            help,
            std::move(rules),
            engine_not_modelled(),
            MachineKind::engine,
            {CostScope::attention, CostScope::model},
            [selecting](const Machine& machine,
                        const PlanOptions& options) -> std::unique_ptr<Planner> {
                return std::make_unique<KeptPlanner>(machine, options, selecting);
            }};
}

}  // namespace

PlanEntry sanger_plan() {
    return entry(Selecting::all_pairs,
                 "prediction, pack and split, then kept pairs packed into the rows of the array",
                 {});
}

PlanEntry kept_plan() {
    return entry(
        Selecting::needed,
        "a selection that stops early, then kept pairs packed into the rows of the array",
        {"the selection goes query by query: pairs that are forbidden, bits after an early stop "
         "and rows that are not computed again take no time; the list of kept keys is made from "
         "all mask bits"});
}

PlanEntry allowed_plan() {
    return entry(Selecting::nothing,
                 "dense softmax attention over the pairs that mask and causality allow, packed as "
                 "kept pairs are",
                 {"nothing is selected and no list is made; where a mask forbids pairs, those of "
                  "all queries are fewer in proportion"});
}

}  // namespace attohm
