#include "src/machine/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

bool EngineUnit::can(OpKind op) const {
    return std::find(does.begin(), does.end(), op) != does.end();
}

std::int64_t EngineUnit::peak() const {
    if (kind == Kind::array) return std::int64_t{rows} * columns * macs_per_pe;
    return lanes;
}

int Engine::unit_for(const Operator& op) const {
    int general = -1;
    for (std::size_t i = 0; i < units.size(); ++i) {
        const EngineUnit& unit = units[i];
        if (!unit.can(op.kind)) continue;
        if (std::find(unit.ops.begin(), unit.ops.end(), op.name) != unit.ops.end())
            return static_cast<int>(i);
        if (unit.ops.empty() && general < 0) general = static_cast<int>(i);
    }
    return general;
}

int Engine::buffer_for(TensorRole role) const {
    int general = -1;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        const auto& holds = buffers[i].holds;
        if (std::find(holds.begin(), holds.end(), role) != holds.end()) return static_cast<int>(i);
        if (holds.empty() && general < 0) general = static_cast<int>(i);
    }
    return general;
}

std::int64_t Engine::buffer_bits() const {
    std::int64_t bits = 0;
    for (const EngineBuffer& buffer : buffers) bits += buffer.bits;
    return bits;
}

std::int64_t Engine::memory_cycles(const AccessPattern& pattern) const {
    if (pattern.bytes == 0) return 0;
    const double cycles = memory->access(pattern).time.value() * clock_Hz;
    // A whole number of cycles that a division left a rounding error beside stays whole.
    return static_cast<std::int64_t>(std::ceil(cycles * (1.0 - 1e-12)));
}

namespace {

// Layout of an id: event, index, kind, bits; a byte each.
constexpr int kEventShift = 24;
constexpr int kIndexShift = 16;
constexpr int kKindShift = 8;

CountId make_id(EngineEvent event, std::size_t index, OpKind kind = OpKind::matmul, int bits = 0) {
    ATTOHM_CHECK_LT(index, 256U);
    ATTOHM_CHECK(0 <= bits && bits < 256);
    return static_cast<CountId>(event) << kEventShift | static_cast<CountId>(index) << kIndexShift |
           static_cast<CountId>(kind) << kKindShift | static_cast<CountId>(bits);
}

}  // namespace

CountId unit_op(int unit, OpKind kind, int bits) {
    return make_id(EngineEvent::unit_op, static_cast<std::size_t>(unit), kind, bits);
}

CountId buffer_bits_moved(int buffer, bool write) {
    return make_id(write ? EngineEvent::buffer_write : EngineEvent::buffer_read,
                   static_cast<std::size_t>(buffer));
}

CountId memory_event(std::size_t event) {
    return make_id(EngineEvent::memory_event, event);
}

EngineCount engine_count_of(CountId id) {
    return {static_cast<EngineEvent>(id >> kEventShift),
            static_cast<int>(id >> kIndexShift & 0xFFU),
            static_cast<OpKind>(id >> kKindShift & 0xFFU), static_cast<int>(id & 0xFFU)};
}

std::vector<ResourceInfo> engine_resources(const Engine& engine) {
    std::vector<ResourceInfo> infos;
    for (const EngineUnit& unit : engine.units)
        infos.push_back({unit.name, static_cast<double>(unit.peak()),
                         unit.kind == EngineUnit::Kind::array ? "MAC" : "element"});
    for (const EngineBuffer& buffer : engine.buffers) infos.push_back({buffer.name, 0.0, ""});
    infos.push_back({"memory", 0.0, ""});
    return infos;
}

std::size_t buffer_resource(const Engine& engine, int buffer) {
    return engine.units.size() + static_cast<std::size_t>(buffer);
}

std::size_t memory_resource(const Engine& engine) {
    return engine.units.size() + engine.buffers.size();
}

CountInfo engine_count(const Engine& engine, CountId id) {
    const EngineCount count = engine_count_of(id);
    const auto index = static_cast<std::size_t>(count.index);
    switch (count.event) {
        case EngineEvent::unit_op: {
            const OpKindInfo& kind = op_kind_info(count.kind);
            return {engine.units.at(index).name, fmt::format("{}_{}bit", kind.name, count.bits),
                    std::string(kind.unit), fmt::format("{} of {} bits", kind.help, count.bits)};
        }
        case EngineEvent::buffer_read:
            return {engine.buffers.at(index).name, "bit_read", "bit", "bits read from the buffer"};
        case EngineEvent::buffer_write:
            return {engine.buffers.at(index).name, "bit_write", "bit",
                    "bits written to the buffer"};
        case EngineEvent::memory_event: {
            const UnitCost& cost = engine.memory->unit_costs().at(index);
            return {"memory", cost.event, cost.event, "counted by the memory's model"};
        }
    }
    throw InvariantError(fmt::format("no count has id {}", id));
}

std::vector<AreaLine> engine_areas(const Engine& engine) {
    std::vector<AreaLine> lines;
    const auto add = [&](const std::string& component, const std::optional<Cited>& area) {
        AreaLine line{component, std::nullopt, "no figure", Mark::choice};
        if (area) line = {component, area->value, area->source, area->mark};
        lines.push_back(std::move(line));
    };
    for (const EngineUnit& unit : engine.units) add(unit.name, unit.area);
    for (const EngineBuffer& buffer : engine.buffers) add(buffer.name, buffer.area);
    return lines;
}

}  // namespace attohm
