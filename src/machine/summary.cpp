#include "src/machine/summary.hpp"

#include <algorithm>

#include "src/base/error.hpp"
#include "src/machine/axes.hpp"

namespace attohm {

namespace {

void add_resources(const Tally& total, double samples, const std::vector<ResourceInfo>& infos,
                   PlanSummary& summary) {
    ATTOHM_CHECK_EQ(total.resources.size(), infos.size());
    for (std::size_t r = 0; r < infos.size(); ++r) {
        const ResourceUse& use = total.resources[r];
        ResourceTotal line;
        line.resource = infos[r].name;
        line.busy_cycles_summed = use.busy;
        line.busy_cycles = static_cast<double>(use.busy) / samples;
        const double most = infos[r].peak * static_cast<double>(total.latency_cycles);
        if (most > 0.0) line.utilisation = static_cast<double>(use.useful) / most;
        line.work = infos[r].work;
        line.peak = infos[r].peak;
        line.useful = static_cast<double>(use.useful) / samples;
        summary.resources.push_back(std::move(line));
    }
}

void add_traffic(const Tally& total, double samples, PlanSummary& summary) {
    for (std::size_t t = 0; t < kTensorRoles; ++t) {
        const Traffic& moved = total.traffic[t];
        if (moved == Traffic{}) continue;
        summary.traffic.push_back({std::string(tensor_role_name(static_cast<TensorRole>(t))),
                                   static_cast<double>(moved.read_bits) / samples / 8.0,
                                   static_cast<double>(moved.written_bits) / samples / 8.0,
                                   moved.read_bits, moved.written_bits});
    }
}

void add_layers(const Tally& total, double samples, const std::vector<ResourceInfo>& infos,
                PlanSummary& summary) {
    for (const LayerUse& layer : total.layers) {
        const auto busiest = std::max_element(layer.busy.begin(), layer.busy.end());
        LayerTime line;
        line.layer = layer.layer;
        line.cycles = static_cast<double>(layer.cycles) / samples;
        line.bottleneck = infos[static_cast<std::size_t>(busiest - layer.busy.begin())].name;
        if (layer.cycles > 0)
            line.busy_share = static_cast<double>(*busiest) / static_cast<double>(layer.cycles);
        summary.layers.push_back(std::move(line));
    }
}

}  // namespace

PlanSummary summarise(std::string_view plan, CostScope scope, const Tally& total,
                      std::int64_t samples, std::int64_t batch, const Machine& machine) {
    const auto runs = static_cast<double>(samples);
    const double n = runs * static_cast<double>(batch);
    const std::vector<ResourceInfo> infos = resources_of(machine);
    PlanSummary summary;
    summary.name = plan;
    summary.scope = cost_scope_name(scope);
    const auto seconds = [&](std::int64_t cycles) {
        return Second::from_value(static_cast<double>(cycles) / runs / machine.clock_Hz);
    };
    summary.latency = seconds(total.latency_cycles);
    summary.latency_without_writes = seconds(total.latency_cycles_without_writes);
    summary.latency_cycles = total.latency_cycles;
    summary.latency_cycles_without_writes = total.latency_cycles_without_writes;
    summary.overflow_rows = total.overflow_rows;
    summary.buffer_hits = static_cast<double>(total.buffer_hits) / n;
    summary.buffer_misses = static_cast<double>(total.buffer_misses) / n;
    for (const auto& [id, events] : total.counts()) {
        const CountInfo info = count_of(machine, id);
        summary.counts.push_back({info.component, info.name, info.unit, info.help, events});
    }
    for (const auto& [id, amount] : total.measurements()) {
        const CountInfo info = measurement_of(machine, id);
        summary.measured.push_back({info.component, info.name, info.unit, amount});
    }
    add_resources(total, n, infos, summary);
    add_traffic(total, n, summary);
    add_layers(total, n, infos, summary);
    return summary;
}

std::vector<AreaLine> areas_of(const Machine& machine) {
    if (const Engine* engine = machine.engine()) return engine_areas(*engine);
    // SPRINT publishes one figure for the chip, with its CORELETs, buffers and controllers.
    AreaLine line{"chip", std::nullopt, "no figure", Mark::choice};
    if (machine.area) {
        const SettingsEntry& entry = machine.settings.entry("machine.area_mm2");
        line = {"chip", machine.area->value(), entry.source, entry.mark};
    }
    return {line};
}

}  // namespace attohm
