#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "src/machine/engine.hpp"
#include "src/work/op_builder.hpp"

/// Random engines and operator lists, for tests of the plans of engines.
namespace attohm::test {

class EngineCases {
  public:
    explicit EngineCases(std::uint64_t seed) : engine_(seed) {}

    std::int64_t between(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
    }
    bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }

    EngineUnit array(const std::string& name) {
        EngineUnit unit;
        unit.name = name;
        unit.kind = EngineUnit::Kind::array;
        unit.does = {OpKind::matmul};
        unit.rows = static_cast<int>(between(1, 16));
        unit.columns = static_cast<int>(between(1, 16));
        unit.macs_per_pe = static_cast<int>(between(1, 3));
        unit.dataflow = static_cast<Dataflow>(between(0, 3));
        return unit;
    }
    EngineUnit lanes(const std::string& name, std::vector<OpKind> does) {
        EngineUnit unit;
        unit.name = name;
        unit.does = std::move(does);
        unit.lanes = static_cast<int>(between(1, 32));
        unit.passes = static_cast<int>(between(1, 3));
        unit.latency_cycles = chance(0.5) ? between(1, 90) : 0;
        return unit;
    }
    /// An array, two vector units, one buffer, a memory of some bandwidth.
    Engine engine() {
        Engine e;
        e.clock_Hz = 1e9;
        e.units = {array("array"), lanes("vector", {OpKind::softmax, OpKind::exp}),
                   lanes("adder", {OpKind::add, OpKind::multiply})};
        EngineBuffer buffer;
        buffer.name = "sram";
        buffer.bits = std::int64_t{1} << 40;
        buffer.bits_per_cycle = chance(0.5) ? between(8, 2048) : 0;
        e.buffers = {buffer};
        const double rate = static_cast<double>(between(1, 256)) * 1e9;
        e.memory = std::make_shared<Memory>(BandwidthMemory(rate, std::nullopt));
        return e;
    }
    /// A chain of up to seven operators; each reads the latest result and, at times, what was
    /// made or loaded before.
    OpList list() {
        OpBuilder build(Stage::attention, 8);
        std::vector<TensorId> made = {build.input(TensorRole::q, between(1, 4000))};
        const std::int64_t ops = between(1, 7);
        for (std::int64_t i = 0; i < ops; ++i) {
            const TensorId other = chance(0.5)
                                       ? build.input(TensorRole::k, between(1, 4000))
                                       : made[static_cast<std::size_t>(between(
                                             0, static_cast<std::int64_t>(made.size()) - 1))];
            const TensorInfo out = build.tensor(TensorRole::state, between(1, 4000));
            const std::int64_t m = between(1, 60), n = between(1, 60);
            TensorId result = kNoTensor;
            switch (between(0, 3)) {
                case 0:
                    result = build.step(OpKind::softmax, "softmax", {m, n}, {made.back()}, out);
                    break;
                case 1:
                    result = build.step(OpKind::add, "add", {m, n}, {made.back(), other}, out);
                    break;
                default:
                    result = build.step(OpKind::matmul, "product", {m, n, between(1, 60)},
                                        {made.back(), other}, out);
            }
            if (chance(0.2)) build.store(result);
            made.push_back(result);
        }
        return build.finish();
    }
    /// The same operators with other sizes.
    OpList resized(OpList list) {
        for (Operator& op : list.ops) {
            op.m = between(1, 60);
            op.nonzeros = op.dense_count();
        }
        for (TensorInfo& tensor : list.tensors) tensor.elements = tensor.stored = between(1, 4000);
        return list;
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace attohm::test
