#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/settings.hpp"
#include "src/work/operators.hpp"

/// What a plan emits for a machine: counts, busy cycles, traffic and the joules that physics
/// measured. Never a price.
namespace attohm {

/// Something that a machine counts; what it stands for is the machine's `CountInfo`.
using CountId = std::uint32_t;

struct CountInfo {
    std::string component;  ///< empty: several lines of the ledger share it
    std::string name;
    std::string unit;
    std::string help;
};

/// A resource of a machine, in the order of `Tally::resources`.
struct ResourceInfo {
    std::string name;
    double peak = 0.0;  ///< elementary operations per cycle; 0: it does none
    std::string work;   ///< unit of those operations: "MAC", "element"; empty: it does none
};

/// Area of one component of a machine.
struct AreaLine {
    std::string component;
    std::optional<double> area_m2;  ///< nothing: no figure
    std::string source;
    Mark mark = Mark::choice;
};

/// Bits that travelled between memory and chip.
struct Traffic {
    std::int64_t read_bits = 0;     ///< memory to chip
    std::int64_t written_bits = 0;  ///< into memory
    bool operator==(const Traffic&) const = default;
};

/// One resource of the machine (unit, memory port, ...), in cycles of the machine's clock.
struct ResourceUse {
    std::int64_t busy = 0;
    /// Elementary operations done that were not known to be zero, of peak x busy; 0: no operations.
    std::int64_t useful = 0;
    ResourceUse& operator+=(const ResourceUse& other) {
        busy += other.busy;
        useful += other.useful;
        return *this;
    }
    bool operator==(const ResourceUse&) const = default;
};

/// Cycles of one layer and how long each resource was busy in it.
struct LayerUse {
    int layer = 0;
    std::int64_t cycles = 0;
    std::vector<std::int64_t> busy;  ///< per resource
    bool operator==(const LayerUse&) const = default;
};

constexpr std::size_t kTensorRoles = static_cast<std::size_t>(TensorRole::count_);

/// Of a sample, or summed over samples: integers add exactly; joules are added in order.
class Tally {
  public:
    Tally() = default;
    explicit Tally(std::size_t resource_count) : resources(resource_count) {}

    void count(CountId id, std::int64_t events);
    std::int64_t counted(CountId id) const;
    /// Adds an amount that is not a whole count: joules that physics measured (NaN says that it
    /// could not), mean events of a memory.
    void measure(CountId id, double amount);
    double measured(CountId id) const;

    /// In ascending order of id; what was never counted is absent.
    const std::vector<std::pair<CountId, std::int64_t>>& counts() const { return counts_; }
    const std::vector<std::pair<CountId, double>>& measurements() const { return measured_; }

    Traffic& operator[](TensorRole role) { return traffic[static_cast<std::size_t>(role)]; }
    const Traffic& operator[](TensorRole role) const {
        return traffic[static_cast<std::size_t>(role)];
    }
    /// Adds a layer's cycles; a layer that was there already grows.
    void add_layer(const LayerUse& use);

    /// Throws: InvariantError when the other belongs to another machine.
    Tally& operator+=(const Tally& other);

    std::vector<ResourceUse> resources;
    std::array<Traffic, kTensorRoles> traffic{};
    std::vector<LayerUse> layers;                    ///< in ascending order
    std::int64_t latency_cycles = 0;                 ///< operand writes included
    std::int64_t latency_cycles_without_writes = 0;  ///< operand writes left out
    std::int64_t overflow_rows = 0;
    std::int64_t buffer_hits = 0;    ///< tokens found on chip
    std::int64_t buffer_misses = 0;  ///< tokens fetched
    std::int64_t stall_cycles = 0;   ///< cycles in which the busiest resource waited

  private:
    std::vector<std::pair<CountId, std::int64_t>> counts_;
    std::vector<std::pair<CountId, double>> measured_;
};

}  // namespace attohm
