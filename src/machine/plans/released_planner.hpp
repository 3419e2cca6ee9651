#pragma once

#include <map>
#include <span>
#include <vector>

#include "src/machine/plans/engine_job.hpp"
#include "src/machine/plans/planner.hpp"

/// Cycle models that authors released with their papers, as they are, omissions included. Counts,
/// traffic and so joules are those of the operators; only the cycles are the model's.
namespace attohm {

/// Cycles of one part of one layer in a released model.
struct ReleasedCycles {
    std::int64_t compute = 0;
    std::int64_t load = 0;
};

/// Gathers the heads of a layer; parts of the network whose computing and loading overlap over all
/// layers are summed apart: a part takes the larger of its two sums.
class ReleasedPlanner : public Planner {
  public:
    enum class Covers { attention, whole_model };

    /// The samples of a batch follow each other: released models know one.
    /// Throws: UserError for decode.
    /// Args: product: what the unit computes whose cycles these are.
    ReleasedPlanner(const Machine& machine, const PlanOptions& options, std::string_view plan,
                    Covers covers, OpKind product = OpKind::matmul);

    void head(const HeadWork& work, const Selection& selection) final;
    void layer(const LayerWork& work) final;
    bool models_scheme() const final { return true; }
    std::vector<Tally> finish() final;

  protected:
    /// Cycles of a layer's attention. Args: heads: not empty, each with operators.
    virtual ReleasedCycles attention(std::span<const HeadWork> heads) const = 0;
    /// Cycles of what a layer does besides attention, by stage; what is absent takes none.
    virtual std::map<Stage, ReleasedCycles> linear(const LayerWork& /*work*/,
                                                   std::span<const HeadWork> /*heads*/) const {
        return {};
    }

    const Engine& engine() const { return *machine_.engine(); }
    /// The operator of that name, or null.
    static const Operator* find(const OpList& ops, std::string_view name);
    [[noreturn]] void refuse(const std::string& what, const std::string& got,
                             const std::string& allowed) const;

  private:
    void close_layer();
    void count(const OpList& ops, bool loads_kv, Tally& tally) const;
    void add(const Tally& counts, int layer, Stage stage, const ReleasedCycles& cycles);

    const Machine& machine_;
    const std::string_view plan_;
    const Covers covers_;
    const std::int64_t batch_;
    int array_ = 0;  ///< unit that multiplies matrices
    std::vector<HeadWork> heads_;
    std::vector<HeadWork> last_heads_;  ///< of the layer whose linear operators follow
    std::vector<Tally> totals_;         ///< by CostScope
    std::map<Stage, ReleasedCycles> sums_;
};

/// What `explain` says of every released model.
std::vector<std::string_view> released_not_modelled(std::string_view own);

}  // namespace attohm
