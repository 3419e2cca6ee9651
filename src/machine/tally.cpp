#include "src/machine/tally.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// The entry of `id`, made where it is missing; entries stay in order of id.
template <class Value>
Value& entry_of(std::vector<std::pair<CountId, Value>>& entries, CountId id) {
    const auto at = std::lower_bound(entries.begin(), entries.end(), id,
                                     [](const auto& entry, CountId i) { return entry.first < i; });
    if (at != entries.end() && at->first == id) return at->second;
    return entries.insert(at, {id, Value{}})->second;
}

template <class Value>
Value value_of(const std::vector<std::pair<CountId, Value>>& entries, CountId id) {
    const auto at = std::lower_bound(entries.begin(), entries.end(), id,
                                     [](const auto& entry, CountId i) { return entry.first < i; });
    return at != entries.end() && at->first == id ? at->second : Value{};
}

}  // namespace

void Tally::count(CountId id, std::int64_t events) {
    ATTOHM_CHECK_LE(0, events);
    if (events != 0) entry_of(counts_, id) += events;
}

std::int64_t Tally::counted(CountId id) const {
    return value_of(counts_, id);
}

void Tally::measure(CountId id, double amount) {
    entry_of(measured_, id) += amount;
}

double Tally::measured(CountId id) const {
    return value_of(measured_, id);
}

void Tally::add_layer(const LayerUse& use) {
    const auto at =
        std::lower_bound(layers.begin(), layers.end(), use.layer,
                         [](const LayerUse& layer, int wanted) { return layer.layer < wanted; });
    if (at == layers.end() || at->layer != use.layer) {
        layers.insert(at, use);
        return;
    }
    ATTOHM_CHECK_EQ(at->busy.size(), use.busy.size());
    at->cycles += use.cycles;
    for (std::size_t r = 0; r < use.busy.size(); ++r) at->busy[r] += use.busy[r];
}

Tally& Tally::operator+=(const Tally& other) {
    if (resources.empty()) resources.resize(other.resources.size());
    ATTOHM_CHECK_EQ(resources.size(), other.resources.size());
    for (const auto& [id, events] : other.counts_) count(id, events);
    for (const auto& [id, joules] : other.measured_) measure(id, joules);
    for (std::size_t r = 0; r < resources.size(); ++r) resources[r] += other.resources[r];
    for (std::size_t t = 0; t < traffic.size(); ++t) {
        traffic[t].read_bits += other.traffic[t].read_bits;
        traffic[t].written_bits += other.traffic[t].written_bits;
    }
    for (const LayerUse& layer : other.layers) add_layer(layer);
    latency_cycles += other.latency_cycles;
    latency_cycles_without_writes += other.latency_cycles_without_writes;
    overflow_rows += other.overflow_rows;
    buffer_hits += other.buffer_hits;
    buffer_misses += other.buffer_misses;
    stall_cycles += other.stall_cycles;
    return *this;
}

}  // namespace attohm
