#include "src/machine/axes.hpp"

#include "src/machine/plans/chip_tally.hpp"

namespace attohm {

namespace {

std::vector<ResourceInfo> chip_resources(const SprintChip& chip) {
    std::vector<ResourceInfo> infos;
    for (std::size_t r = 0; r < kResources; ++r)
        infos.push_back({std::string(resource_name(static_cast<Resource>(r))), 0.0, ""});
    const auto peak = [&](Resource r, std::int64_t per_corelet, const char* work) {
        ResourceInfo& info = infos[static_cast<std::size_t>(r)];
        info.peak = static_cast<double>(chip.corelets) * static_cast<double>(per_corelet);
        info.work = work;
    };
    peak(Resource::qk_pu, chip.qk_macs_per_cycle, "MAC");
    peak(Resource::softmax, chip.softmax_per_cycle, "element");
    peak(Resource::v_pu, chip.v_macs_per_cycle, "MAC");
    return infos;
}

}  // namespace

std::vector<ResourceInfo> resources_of(const Machine& machine) {
    if (const SprintChip* chip = machine.sprint()) return chip_resources(*chip);
    return engine_resources(*machine.engine());
}

double buffer_bytes_of(const Machine& machine) {
    const SprintChip* chip = machine.sprint();
    return static_cast<double>(chip ? chip->buffer_bits : machine.engine()->buffer_bits()) / 8.0;
}

double memory_bytes_per_s_of(const Machine& machine) {
    if (const SprintChip* chip = machine.sprint())
        return static_cast<double>(chip->memory.read_bits_per_cycle) / 8.0 * chip->clock_Hz;
    return machine.engine()->memory->peak_bytes_per_s();
}

CountInfo count_of(const Machine& machine, CountId id) {
    if (machine.sprint() == nullptr) return engine_count(*machine.engine(), id);
    const ChipCount& count = count_info(static_cast<Count>(id));
    return {"", std::string(count.name), std::string(count.unit), std::string(count.help)};
}

CountInfo measurement_of(const Machine& machine, CountId id) {
    if (machine.sprint() == nullptr) return engine_count(*machine.engine(), id);
    return {"", std::string(measured_name(static_cast<Measured>(id))), "J",
            "measured by physics; NaN: the scheme could not say"};
}

}  // namespace attohm
