#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/special_plans.hpp"

/// Sanger: kept pairs of a row are packed into rows of the array; a row that keeps more than fit is
/// split over several.
namespace attohm {

std::int64_t packed_rows(std::span<const std::int64_t> kept_begin, std::int64_t columns) {
    std::int64_t rows = 0;
    for (std::size_t query = 0; query + 1 < kept_begin.size(); ++query)
        rows += ceil_div(kept_begin[query + 1] - kept_begin[query], columns);
    return rows;
}

namespace {

class SangerPlanner final : public EnginePlanner {
  public:
    using EnginePlanner::EnginePlanner;

  private:
    HeadJob job_of(const HeadWork& work, const Selection& selection) override {
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
        }
    }
    HeadWork step_of(const HeadWork&, std::int64_t) const override {
        throw UserError(
            "plan `sanger` cannot take queries one by one", "phase", "decode",
            "prefill: rows of the array are packed from the kept pairs of many queries");
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
};

}  // namespace

PlanEntry sanger_plan() {
    return {"sanger",
            "prediction, pack and split, then kept pairs packed into the rows of the array",
            engine_rules("kept pairs of a query fill rows of the array (split where they are "
                         "more): ceil(packed rows / rows) width cycles for each product; heads are "
                         "cut by query rows, whose predictions, packed scores and weighted sums "
                         "follow each other in a pipeline"),
            engine_not_modelled(),
            MachineKind::engine,
            {CostScope::attention, CostScope::model},
            [](const Machine& machine, const PlanOptions& options) -> std::unique_ptr<Planner> {
                return std::make_unique<SangerPlanner>(machine, options);
            }};
}

}  // namespace attohm
