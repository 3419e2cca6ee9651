#include <algorithm>
#include <memory>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/released_planner.hpp"
#include "src/machine/plans/special_plans.hpp"

/// The cycle model that was released with ViTCoD.
namespace attohm {

namespace {

/// The cycle model of github.com/GATECH-EIC/ViTCoD Hardware/Simulator (ViTCoD.py, ViT_FFN.py):
/// the first head of a layer stands for all, softmax, index and output cost no cycle, and the
/// attention part multiplies with lines x lines elements where the array has lines x columns.
class VitcodReleasedPlanner final : public ReleasedPlanner {
  public:
    VitcodReleasedPlanner(const Machine& machine, const PlanOptions& options)
        : ReleasedPlanner(machine, options, "vitcod-released", Covers::whole_model) {
        Operator product;
        product.kind = OpKind::matmul;
        unit_ = engine().unit_for(product);
        if (unit_ < 0 ||
            engine().units[static_cast<std::size_t>(unit_)].kind != EngineUnit::Kind::array)
            refuse("needs an array of MAC lines", "none", "a machine such as vitcod-released");
    }

  private:
    /// What the formulas of a layer take: tokens N, width d, heads H and those they are coded to.
    struct Sizes {
        std::int64_t n = 0, d = 0, heads = 0, code = 0;
        int bits = 8;
    };
    Sizes sizes_of(std::span<const HeadWork> heads) const {
        const HeadShape& shape = heads.front().shape;
        Sizes s{shape.n_q, shape.d, static_cast<std::int64_t>(heads.size()), 0,
                heads.front().bits.q};
        if (shape.n_q != shape.n_k || shape.dv != shape.d)
            refuse("knows square heads only",
                   fmt::format("layer {}: {} queries, {} keys, widths {} and {}", shape.layer,
                               shape.n_q, shape.n_k, shape.d, shape.dv),
                   "as many queries as keys, q and v equally wide");
        const Operator* decode = find(heads.front().ops, "decode q");
        s.code = decode != nullptr ? decode->k : s.heads;
        return s;
    }
    std::int64_t lines() const { return engine().units[static_cast<std::size_t>(unit_)].rows; }
    std::int64_t macs() const {
        const EngineUnit& unit = engine().units[static_cast<std::size_t>(unit_)];
        return std::int64_t{unit.rows} * unit.columns * unit.macs_per_pe;
    }
    /// Cycles that so many elements take, one transfer after another.
    std::int64_t transfer(std::int64_t elements, int bits) const {
        const std::int64_t bytes = ceil_div(elements * bits, 8);
        return engine().memory_cycles({bytes, bytes, false});
    }

    ReleasedCycles attention(std::span<const HeadWork> heads) const override {
        const Sizes s = sizes_of(heads);
        const VitcodPairs pairs = vitcod_pairs(heads.front().ops);
        const Operator* columns = find(heads.front().ops, "L global");
        const std::int64_t globals = columns == nullptr ? 0 : columns->n;
        const std::int64_t row = transfer(s.code * s.d, s.bits);
        const std::int64_t weights = transfer(s.code * s.heads, s.bits);
        const std::int64_t decode = ceil_div(s.code * s.d, lines() * lines() / s.heads);
        ReleasedCycles cycles;
        std::int64_t rows = 0;
        if (globals > 0) {
            rows += globals + s.n;
            cycles.load += 2 * weights;
        }
        rows += s.n - globals;
        cycles.load += rows * row + weights + s.n * transfer(s.heads * s.d, s.bits);
        // Without a global key nothing holds the queries: they come again for the listed pairs.
        if (globals == 0) cycles.load += pairs.rest * row;
        cycles.compute = rows * decode + products(s, globals, pairs.rest);
        return cycles;
    }
    /// Scores and weighted sums of the two engines, each pair of them side by side.
    std::int64_t products(const Sizes& s, std::int64_t globals, std::int64_t rest) const {
        const std::int64_t all = lines(), dense_pairs = globals * s.n;
        const std::int64_t dense = dense_pairs == 0 ? 0 : all * dense_pairs / (dense_pairs + rest);
        const std::int64_t sparse = all - dense;
        if ((globals > 0 && dense == 0) || (rest > 0 && sparse == 0))
            refuse("no MAC line is left for one of its engines",
                   fmt::format("{} global keys, {} listed pairs, {} lines", globals, rest, all),
                   "more lines, or another mask");
        const std::int64_t steps = ceil_div(s.d * s.heads, all);
        std::int64_t scores = 0, sums = 0;
        if (globals > 0) {
            scores = globals * ceil_div(s.n, dense) * steps;
            sums = ceil_div(dense_pairs * s.d, dense * all / s.heads);
        }
        if (rest > 0) {
            scores = std::max(scores, ceil_div(rest, sparse) * steps);
            sums = std::max(sums, ceil_div(rest * s.d, sparse * all / s.heads));
        }
        return scores + sums;
    }

    std::map<Stage, ReleasedCycles> linear(const LayerWork& work,
                                           std::span<const HeadWork> heads) const override {
        const Sizes s = sizes_of(heads);
        const Operator* q = find(work.ops, "q");
        const Operator* up = find(work.ops, "up");
        std::map<Stage, ReleasedCycles> cycles;
        if (q != nullptr) cycles[Stage::projection] = projections(s, q->k);
        if (up != nullptr) {
            if (s.n >= macs())
                refuse("the load of a feed-forward layer is not known for so many tokens",
                       std::to_string(s.n), fmt::format("fewer than {}", macs()));
            cycles[Stage::feed_forward].compute = 2 * (s.n * up->k * up->n / macs());
        }
        return cycles;
    }
    /// q, k, v and the concatenation of heads with embedding width e, and the encoder.
    ReleasedCycles projections(const Sizes& s, std::int64_t e) const {
        const std::int64_t per_head = macs() / s.heads;
        ReleasedCycles cycles;
        cycles.compute = 3 * s.n * (e * s.d / per_head) + s.n * e * s.d / per_head;
        if (s.code < s.heads) cycles.compute += 2 * s.n * ceil_div(s.heads * s.d, macs() / s.code);
        const std::int64_t code_row = transfer(s.code * s.d, s.bits);
        const std::int64_t head_row = transfer(s.heads * s.d, s.bits);
        cycles.load = 3 * s.d * transfer(s.heads * e, s.bits) +
                      2 * transfer(s.heads * s.code, s.bits) + 2 * s.n * code_row + s.n * head_row +
                      s.n / per_head * e * head_row;
        return cycles;
    }

    int unit_ = -1;
};

}  // namespace

PlanEntry vitcod_released_plan() {
    return {"vitcod-released",
            "the cycle model released with ViTCoD, as it is",
            {"attention: the larger of two sums over the network, loads and decoding plus "
             "products; head 0 of a layer stands for all",
             "linear: projections with the encoder, and feed-forward layers: each the larger of "
             "the sums of its computing and its loads",
             "without a global key the queries are loaded again for every listed pair",
             "padding is computed; the samples of a batch follow each other"},
            released_not_modelled("softmax, index fetch, misses of forwarded queries, write-back; "
                                  "the attention part computes with lines x lines multipliers, 8 "
                                  "times those that the paper states"),
            MachineKind::engine,
            {CostScope::attention, CostScope::model},
            [](const Machine& machine, const PlanOptions& options) -> std::unique_ptr<Planner> {
                return std::make_unique<VitcodReleasedPlanner>(machine, options);
            }};
}

}  // namespace attohm
