#include "circuits/memory/memory.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// J per event of a DRAM, with the formula in front of the table's source.
UnitCost dram_event(const DramTable& table, const char* event, const char* formula, Joule energy) {
    UnitCost cost;
    cost.circuit = table.name;
    cost.event = event;
    cost.energy = Cited{energy.value(), fmt::format("{}; {}", formula, table.energy_source),
                        table.energy_mark};
    return cost;
}

std::vector<UnitCost> dram_costs(const DramClosedForm& dram, const std::optional<Cited>& io) {
    const DramTable& table = dram.table();
    const DramEnergy& e = dram.energy();
    std::vector<UnitCost> costs = {
        dram_event(table, "read_burst", "V (IDD4R - IDD3N) BL/2 tCK", e.read_burst),
        dram_event(table, "write_burst", "V (IDD4W - IDD3N) BL/2 tCK", e.write_burst),
        dram_event(table, "activation", "V (IDD0 tRC - IDD3N tRAS - IDD2N tRP)", e.activation),
        dram_event(table, "refresh", "V (IDD5AB - IDD2N) tRFC", e.refresh)};
    UnitCost io_bit;
    io_bit.circuit = table.name;
    io_bit.event = "io_bit";
    io_bit.energy = io;
    costs.push_back(io_bit);
    UnitCost standby;
    standby.circuit = table.name;
    standby.event = "standby";
    const double channels = dram.channels().count;
    standby.leakage = Cited{e.precharge_standby.value() * channels,
                            "V IDD2N; " + table.energy_source, table.energy_mark};
    standby.bias_power = Cited{e.active_standby.value() * channels,
                               "V IDD3N; " + table.energy_source, table.energy_mark};
    costs.push_back(standby);
    return costs;
}

UnitCost bandwidth_cost(const BandwidthMemory& memory) {
    UnitCost cost;
    cost.circuit = "bandwidth";
    cost.event = "bit";
    cost.energy = memory.bit_energy();
    return cost;
}

std::vector<UnitCost> reram_costs(const ReramPrices& prices) {
    UnitCost read, write;
    read.circuit = write.circuit = "reram";
    read.event = "read_bit";
    read.energy = prices.slc_read_bit;
    write.event = "write_bit";
    write.energy = prices.slc_write_bit;
    return {read, write};
}

/// A number with its source, or nothing where the user writes `unknown`.
std::optional<Cited> cited_or_unknown(const Settings& settings, const std::string& key) {
    if (!settings.real_or(key, "unknown", kPositive)) return std::nullopt;
    return cited(settings, key, kPico, kPositive);
}

Memory make_dram(const Settings& settings, const std::string& prefix) {
    const std::string table_key = prefix + ".table";
    const DramTable table = dram_table(settings.text(table_key), settings.entry(table_key).where);
    DramChannels channels;
    channels.count = static_cast<int>(settings.integer(prefix + ".channels", {1, 4096}));
    const std::string granule_key = prefix + ".interleave_bytes";
    channels.interleave_bytes = settings.integer(granule_key, {1, 1e9});
    const std::int64_t burst = table.geometry.burst_bytes();
    if (channels.interleave_bytes % burst != 0)
        throw UserError("channels cannot share addresses in pieces of a burst",
                        settings.entry(granule_key).where,
                        fmt::format("{}", channels.interleave_bytes),
                        fmt::format("a multiple of {} (one burst of {})", burst, table.name));
    const std::optional<Cited> io = cited_or_unknown(settings, prefix + ".io_pJ_per_bit");
    const std::optional<double> io_J = io ? std::optional(io->value) : std::nullopt;
    return Memory(DramClosedForm(table, channels, io_J), io);
}

Memory make_bandwidth(const Settings& settings, const std::string& prefix) {
    const double rate = settings.real(prefix + ".bandwidth_GBps", {1e-6, 1e9}) * 1e9;
    return Memory(BandwidthMemory(rate, cited_or_unknown(settings, prefix + ".energy_pJ_per_bit")));
}

Memory make_reram(const Settings& settings, const std::string& prefix) {
    return Memory(make_reram_store(settings, prefix));
}

}  // namespace

BandwidthMemory::BandwidthMemory(double bytes_per_s, std::optional<Cited> bit_energy)
    : bytes_per_s_(bytes_per_s), bit_energy_(std::move(bit_energy)) {
    ATTOHM_CHECK(bytes_per_s > 0.0);
}

MemoryCost BandwidthMemory::access(const AccessPattern& pattern) const {
    MemoryCost cost;
    cost.bus_bytes = static_cast<double>(pattern.bytes);
    cost.time = Second::from_value(cost.bus_bytes / bytes_per_s_);
    cost.busy = cost.time;
    cost.energy.is_one_figure = true;
    if (bit_energy_) cost.energy.burst = Joule::from_value(bit_energy_->value * 8 * cost.bus_bytes);
    return cost;
}

Memory::Memory(DramClosedForm dram, std::optional<Cited> io)
    : model_(std::move(dram)),
      unit_costs_(dram_costs(std::get<DramClosedForm>(model_), io)),
      assumed_(std::get<DramClosedForm>(model_).table().assumed) {}

Memory::Memory(BandwidthMemory memory)
    : model_(std::move(memory)), unit_costs_{bandwidth_cost(std::get<BandwidthMemory>(model_))} {}

Memory::Memory(ReramStoreSource source)
    : model_(std::move(source.store)),
      unit_costs_(reram_costs(std::get<ReramStore>(model_).prices())),
      assumed_(std::move(source.assumed)) {}

std::string_view Memory::kind() const {
    return memory_kinds().at(model_.index()).name;
}

MemoryCost Memory::access(const AccessPattern& pattern) const {
    ATTOHM_CHECK(pattern.bytes >= 0);
    if (pattern.bytes > 0) ATTOHM_CHECK_LT(0, pattern.run_bytes);
    return std::visit([&pattern](const auto& model) { return model.access(pattern); }, model_);
}

double Memory::peak_bytes_per_s() const {
    if (const DramClosedForm* model = dram()) return model->peak_bytes_per_s();
    if (const auto* reram = std::get_if<ReramStore>(&model_)) return reram->peak_bytes_per_s();
    return std::get<BandwidthMemory>(model_).bytes_per_s();
}

std::optional<double> Memory::capacity_bytes() const {
    if (const auto* reram = std::get_if<ReramStore>(&model_)) return reram->capacity_bytes();
    const DramClosedForm* model = dram();
    if (model == nullptr) return std::nullopt;
    const DramGeometry& g = model->table().geometry;
    return static_cast<double>(g.channel_bursts()) * static_cast<double>(g.burst_bytes()) *
           model->channels().count;
}

std::optional<Watt> Memory::idle_power() const {
    const DramClosedForm* model = dram();
    if (model == nullptr) return std::nullopt;
    return model->idle_power();
}

const std::vector<MemoryKind>& memory_kinds() {
    // In the order of the models of `Memory`.
    static const std::vector<MemoryKind> kinds = {
        {"dram", "DRAM by the timing and currents of a table", make_dram},
        {"bandwidth", "a bandwidth and, if published, an energy per bit", make_bandwidth},
        {"reram", "ReRAM banks by the organisation and prices of a table", make_reram}};
    return kinds;
}

Memory make_memory(const Settings& settings, const std::string& prefix) {
    std::vector<std::string> names;
    for (const MemoryKind& kind : memory_kinds()) names.emplace_back(kind.name);
    const std::string chosen = settings.choice(prefix + ".kind", names);
    const auto kind = std::find_if(memory_kinds().begin(), memory_kinds().end(),
                                   [&chosen](const MemoryKind& k) { return k.name == chosen; });
    ATTOHM_CHECK(kind != memory_kinds().end());
    return kind->make(settings, prefix);
}

}  // namespace attohm
