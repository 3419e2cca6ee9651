#include <algorithm>
#include <memory>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/released_planner.hpp"
#include "src/machine/plans/special_plans.hpp"

/// FABNet: rows of tokens, one per butterfly engine, go through all stages of a transform or a
/// butterfly product; then the next rows.
namespace attohm {

namespace {

Operator transform_of_any_name() {
    Operator op;
    op.kind = OpKind::transform;
    return op;
}

const EngineUnit& engines_of(const Engine& engine) {
    const int unit = engine.unit_for(transform_of_any_name());
    if (unit < 0 || engine.units[static_cast<std::size_t>(unit)].kind != EngineUnit::Kind::array)
        throw UserError("FABNet's plans need an array of butterfly engines", engine.where, "none",
                        "a machine such as fabnet-be120");
    return engine.units[static_cast<std::size_t>(unit)];
}

/// Cycles of one row in one engine.
std::int64_t stage_cycles(const EngineUnit& engines, std::int64_t length, std::int64_t stages) {
    return ceil_div(length * stages, std::int64_t{engines.columns} * engines.macs_per_pe);
}

/// Cycles of a port; one that has no width of its own holds nobody up.
std::int64_t port_cycles(std::int64_t bits, std::int64_t port_bits) {
    return port_bits > 0 ? ceil_div(bits, port_bits) : 0;
}

bool is_fft(const Operator& op) {
    return op.stage == Stage::attention;
}

const TensorInfo& tensor_of(const OpList& list, TensorId id) {
    return list.tensors[static_cast<std::size_t>(id)];
}

/// simulator/bfly_accelerator.py and simulator_bfly.py of github.com/SamsungLabs/Butterfly_Acc, in
/// closed form. For one pass of n = 2^m with R runs of P_be rows:
///     C = n m / (2 P_bu),  Ld = max(ceil(n P_be b / in), n),  Cf = ceil(2 n m b / weights),
///     S = max(ceil(n P_be b / out), n),  b doubled where words are complex
///     FFT        F = C + max(Ld, Cf);  F + max(R - 2, 0) max(F, S)
///     butterfly  L = max(Ld, Cf);  L + C + max(R - 3, 0) max(L, C, S) + [R >= 3] max(C, S)
class FabnetReleasedPlanner final : public ReleasedPlanner {
  public:
    FabnetReleasedPlanner(const Machine& machine, const PlanOptions& options)
        : ReleasedPlanner(machine, options, "fabnet-released", Covers::whole_model,
                          OpKind::transform) {
        (void)engines_of(engine());
        if (engine().ports.in == 0)
            refuse("needs ports for inputs, weights and results",
                   "a memory without in_bits, weight_bits and out_bits",
                   "a machine such as fabnet-released");
    }

  private:
    /// One pass, its times per run.
    struct Pass {
        std::int64_t compute = 0, load = 0, store = 0;
    };
    Pass pass(const Operator& op, int in_words, int out_words) const {
        const Engine::MemoryPorts& ports = engine().ports;
        const std::int64_t row_bits = op.n * engines_of(engine()).rows * op.bits;
        const std::int64_t load = std::max(ceil_div(row_bits * in_words, ports.in), op.n);
        return {stage_cycles(engines_of(engine()), op.n, op.k),
                std::max(load, ceil_div(2 * op.n * op.k * op.bits, ports.weights)),
                std::max(ceil_div(row_bits * out_words, ports.out), op.n)};
    }
    std::int64_t runs(std::int64_t tokens) const {
        return ceil_div(tokens, std::int64_t{engines_of(engine()).rows});
    }
    static std::int64_t tokens_of(std::span<const HeadWork> heads) {
        return heads.front().shape.n_q * static_cast<std::int64_t>(heads.size());
    }
    std::int64_t fft(const Pass& one, std::int64_t runs) const {
        const std::int64_t filled = one.compute + one.load;
        return filled + std::max<std::int64_t>(runs - 2, 0) * std::max(filled, one.store);
    }
    std::int64_t butterfly(const Operator& op, std::int64_t runs) const {
        const Pass one = pass(op, 1, 1);
        std::int64_t cycles = one.load + one.compute;
        if (runs >= 3)
            cycles += (runs - 3) * std::max({one.load, one.compute, one.store}) +
                      std::max(one.compute, one.store);
        return cycles;
    }

    ReleasedCycles attention(std::span<const HeadWork> heads) const override {
        const Operator* rows = find(heads.front().ops, "FFT hidden");
        if (rows == nullptr)
            refuse("knows Fourier mixing only",
                   fmt::format("layer {} without it", heads.front().shape.layer),
                   "operators of scheme fabnet");
        // The second transform is a first one again, of complex words.
        const std::int64_t r = runs(tokens_of(heads));
        return {fft(pass(*rows, 1, 2), r) + fft(pass(*rows, 2, 1), r), 0};
    }
    std::map<Stage, ReleasedCycles> linear(const LayerWork& work,
                                           std::span<const HeadWork> heads) const override {
        const Operator* up = find(work.ops, "up");
        const Operator* down = find(work.ops, "down");
        if (up == nullptr || down == nullptr) return {};
        for (const Operator* op : {up, down})
            if (op->kind != OpKind::transform)
                refuse("knows butterfly products only",
                       fmt::format("a dense `{}` in layer {}", op->name, work.layer),
                       "operators of scheme fabnet");
        // Padded widths: as many butterflies as the one over the other.
        const auto widened = [](const Operator& from, const Operator& to) {
            return std::max<std::int64_t>(1, to.n / from.n);
        };
        const std::int64_t r = runs(tokens_of(heads));
        return {
            {Stage::feed_forward,
             {butterfly(*up, r * widened(*up, *down)) + butterfly(*down, r * widened(*down, *up)),
              0}}};
    }
};

/// The same engines with every pass, length and operator paid for.
class FabnetPlanner final : public EnginePlanner {
  public:
    FabnetPlanner(const Machine& machine, const PlanOptions& options)
        : EnginePlanner(machine, options) {
        (void)engines_of(engine_);
    }

  private:
    HeadJob job_of(const HeadWork& work, const Selection&) override {
        require_own_operators(work.ops, {"FFT hidden"}, "fabnet", engine_);
        return {work.ops, work.shape.first_of_kv_head, 1, {}};
    }
    HeadWork step_of(const HeadWork&, std::int64_t) const override {
        throw UserError("plan `fabnet` cannot take queries one by one", "phase", "decode",
                        "prefill: a transform needs all tokens");
    }
    LayerPlan plan_layer(std::span<const HeadJob>, std::span<const PlacedList> heads) override {
        LayerPlan plan = empty_plan();
        for (const PlacedList& head : heads) add_list(head, options_.batch, plan);
        set_useful(heads, options_.batch, plan.times);
        return plan;
    }
    LayerPlan plan_linear(const PlacedList& placed) override {
        LayerPlan plan = empty_plan();
        add_list(placed, 1, plan);
        set_useful({&placed, 1}, 1, plan.times);
        return plan;
    }

    /// What one operator asks of the memory, and how long it takes.
    struct Use {
        std::int64_t in_bits = 0, weight_bits = 0, out_bits = 0;
        std::int64_t cycles = 0, port_cycles = 0;
    };
    LayerPlan empty_plan() const {
        LayerPlan plan;
        plan.tally = Tally(memory_resource(engine_) + 1);
        plan.times.resources.resize(memory_resource(engine_) + 1);
        return plan;
    }
    std::int64_t bandwidth_cycles(std::int64_t bits) const {
        const std::int64_t bytes = ceil_div(bits, 8);
        return engine_.memory_cycles({bytes, std::max<std::int64_t>(1, bytes), false});
    }

    /// Operators one after another, each from memory to memory.
    void add_list(const PlacedList& placed, std::int64_t times, LayerPlan& plan) const {
        count_ops(engine_, placed, times, plan.tally);
        for (std::size_t i = 0; i < placed.ops.size(); ++i) {
            const Operator& op = placed.list.ops[i];
            const Use use = op.kind == OpKind::transform ? transform_use(placed.list, op)
                                                         : stream_use(placed, i);
            const auto unit = static_cast<std::size_t>(placed.ops[i].unit);
            plan.times.cycles += use.cycles * times;
            plan.times.resources[unit].busy += placed.ops[i].cycles * times;
            plan.times.resources[memory_resource(engine_)].busy += use.port_cycles * times;
            const auto move = [&](TensorRole role, std::int64_t bits, bool write) {
                count_traffic(engine_, role, bits * times, ceil_div(bits, 8), write, plan.tally);
            };
            move(TensorRole::activation, use.in_bits, false);
            move(TensorRole::weight, use.weight_bits, false);
            move(tensor_of(placed.list, op.output).role, use.out_bits, true);
        }
    }
    /// Elements stream past a unit, memory and unit side by side.
    Use stream_use(const PlacedList& placed, std::size_t i) const {
        const Operator& op = placed.list.ops[i];
        Use use;
        for (const TensorId id : op.inputs) {
            if (id == kNoTensor) continue;
            const TensorInfo& tensor = tensor_of(placed.list, id);
            const bool weight = tensor.role == TensorRole::weight;
            (weight ? use.weight_bits : use.in_bits) += tensor.total_bits();
        }
        use.out_bits = tensor_of(placed.list, op.output).total_bits();
        use.port_cycles =
            std::max({port_cycles(use.in_bits, engine_.ports.in),
                      port_cycles(use.weight_bits, engine_.ports.weights),
                      port_cycles(use.out_bits, engine_.ports.out),
                      bandwidth_cycles(use.in_bits + use.weight_bits + use.out_bits)});
        use.cycles = std::max(placed.ops[i].cycles, use.port_cycles);
        return use;
    }
    /// Runs of as many rows as there are engines. Weights stay for the runs of one butterfly where
    /// they fit.
    Use transform_use(const OpList& list, const Operator& op) const {
        const EngineUnit& engines = engines_of(engine_);
        const std::int64_t matrix_bits = 2 * op.n * op.k * op.bits;
        const TensorInfo& weights = tensor_of(list, op.inputs[1]);
        const std::int64_t copies = std::max<std::int64_t>(1, weights.total_bits() / matrix_bits);
        const std::int64_t runs = copies * ceil_div(op.m / copies, std::int64_t{engines.rows});
        const EngineBuffer& room =
            engine_.buffers[static_cast<std::size_t>(engine_.buffer_for(TensorRole::weight))];
        const bool held = matrix_bits <= room.bits / room.slots;
        const std::int64_t fetches = held ? copies : runs;
        Use use;
        use.in_bits = tensor_of(list, op.inputs[0]).total_bits() * copies;
        use.weight_bits = fetches * matrix_bits;
        use.out_bits = tensor_of(list, op.output).total_bits();

        // Per run; an engine's bank takes a word a cycle.
        const std::int64_t in = ceil_div(use.in_bits, runs), out = ceil_div(use.out_bits, runs);
        const auto loads = [&](std::int64_t weight_bits) {
            return std::max({op.n, port_cycles(in, engine_.ports.in),
                             port_cycles(weight_bits, engine_.ports.weights),
                             bandwidth_cycles(in + weight_bits)});
        };
        const std::int64_t compute = stage_cycles(engines, op.n, op.k);
        const std::int64_t first = loads(matrix_bits), load = held ? loads(0) : first;
        const std::int64_t store =
            std::max({op.n, port_cycles(out, engine_.ports.out), bandwidth_cycles(out)});
        const std::int64_t both = bandwidth_cycles(in + out + (held ? 0 : matrix_bits));
        const std::int64_t fetching = fetches * (first - load);
        if (is_fft(op))
            use.cycles = fetching + load + compute +
                         (runs - 1) * std::max({load + compute, store, both}) + store;
        else
            use.cycles = fetching + load + compute + store +
                         (runs - 1) * std::max({load, compute, store, both});
        use.port_cycles = std::min(use.cycles, fetching + runs * std::max({load, store, both}));
        return use;
    }
};

template <class PlannerType>
std::unique_ptr<Planner> make(const Machine& machine, const PlanOptions& options) {
    return std::make_unique<PlannerType>(machine, options);
}

}  // namespace

PlanEntry fabnet_plan() {
    return {"fabnet",
            "rows in butterfly engines, every pass, length and operator paid for",
            {"a run takes one row in every engine through all stages, n m / (pairs a cycle) "
             "cycles, n = 2^m the padded length; FFT: load and compute, beside the store of the "
             "run before; butterfly: load, compute and store side by side; the transform over the "
             "sequence has length N over D columns; 2 x 2 matrices stay for all runs of a "
             "butterfly where the weight buffer holds them, else they come again for every run; "
             "norm, activation and residual stream past their lanes, one after the other; every "
             "operator reads from memory and writes to it, through its ports and within the "
             "memory's bandwidth; an engine's bank takes one word a cycle"},
            {"network on chip, control, instruction fetch", "bank conflicts in buffers",
             "fetching the next butterfly's matrices while the present one works",
             "operators that overlap, and results that stay on chip for the next one"},
            MachineKind::engine,
            {CostScope::attention, CostScope::model},
            make<FabnetPlanner>};
}

PlanEntry fabnet_released_plan() {
    return {"fabnet-released",
            "the cycle model released with FABNet, as it is",
            {"FFT, twice a layer: F + max(R - 2, 0) max(F, S), F = C + max(Ld, Cf), R = ceil(N / "
             "P_be); butterfly: L + C + max(R - 3, 0) max(L, C, S) + [R >= 3] max(C, S), L = "
             "max(Ld, Cf), R = ceil(N / P_be) padded outputs / padded inputs (at least 1); C = n "
             "log2 n / (2 P_bu), Ld and S = max(bits of P_be rows / port, n), Cf = bits of the "
             "coefficients / port; n padded to 2^m; its defects are kept: the second FFT has "
             "length D over N rows, not N over D columns; one run of every pass is dropped as "
             "overlapped, and the last store; coefficients are read again for every run; an "
             "efficiency of 0.85 divides all of it: the clock of machine fabnet-released"},
            released_not_modelled("norm, GELU and shortcut of FABNet"),
            MachineKind::engine,
            {CostScope::attention, CostScope::model},
            make<FabnetReleasedPlanner>};
}

}  // namespace attohm
