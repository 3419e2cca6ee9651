#include "circuits/memory/dram_closed_form.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

double real(std::int64_t value) {
    return static_cast<double>(value);
}

/// Sum over a = 1..n of min(g, a).
double sum_of_min(double g, double n) {
    return n <= g ? n * (n + 1.0) / 2.0 : g * (g + 1.0) / 2.0 + g * (n - g);
}

}  // namespace

DramClosedForm::DramClosedForm(const DramTable& table, const DramChannels& channels,
                               std::optional<double> io_J_per_bit)
    : table_(table),
      channels_(channels),
      energy_(dram_energy(table)),
      io_J_per_bit_(io_J_per_bit),
      channel_bins_(channels.count),
      bank_bins_(table.geometry.banks()),
      group_bins_(table.geometry.banks_per_group) {
    ATTOHM_CHECK(channels.count > 0 && channels.interleave_bytes > 0);
    ATTOHM_CHECK_EQ(channels.interleave_bytes % table.geometry.burst_bytes(), 0);
}

double DramClosedForm::rows_of_stream(double bursts) const {
    const DramGeometry& g = table_.geometry;
    const double row = real(g.bursts_per_row());
    if (table_.mapping == DramMapping::column_low) return std::ceil(bursts / row);
    const double groups = g.bank_groups, stripe = groups * row;
    const double whole = std::floor(bursts / stripe);
    return whole * groups + std::min(groups, std::ceil(bursts - whole * stripe));
}

double DramClosedForm::rows_of_piece(double bursts, double granules) const {
    const DramGeometry& g = table_.geometry;
    const double row = real(g.bursts_per_row());
    if (table_.mapping == DramMapping::column_low) {
        // A row ends where a granule ends, if a row holds whole granules; otherwise anywhere.
        const std::int64_t granule = channels_.interleave_bytes / g.burst_bytes();
        if (g.bursts_per_row() % granule != 0) return 1.0 + (bursts - 1.0) / row;
        return 1.0 + std::max(0.0, granules - 1.0) * real(granule) / row;
    }
    // A stripe is a row in every group. Of its `stripe` starts, most leave the piece inside one.
    const double groups = g.bank_groups, stripe = groups * row;
    if (bursts >= stripe) return groups * (1.0 + (bursts - 1.0) / stripe);
    const double inside = (stripe - bursts + 1.0) * std::min(groups, bursts);
    return (inside + 2.0 * sum_of_min(groups, bursts - 1.0)) / stripe;
}

DramClosedForm::Load DramClosedForm::load(const AccessPattern& pattern) const {
    const std::int64_t size = table_.geometry.burst_bytes();
    const double count = channels_.count;
    const double granule = real(channels_.interleave_bytes / size);
    const std::int64_t run = std::min(pattern.run_bytes, pattern.bytes);
    const std::int64_t whole = pattern.bytes / run, rest = pattern.bytes % run;
    const double bursts = real(whole * ceil_div(run, size) + ceil_div(rest, size));
    const double per_run = real(ceil_div(run, size));

    Load load;
    load.is_stream = run == pattern.bytes;
    // Channels that a run reaches: from its first granule on, one more every granule.
    const double reach =
        load.is_stream ? std::ceil(per_run / granule) : 1.0 + (per_run - 1.0) / granule;
    const double parts = std::min(count, reach);
    const double runs = bursts / per_run;
    load.bursts_per_piece = per_run / parts;
    load.busy_channels = std::min(count, runs * parts);
    load.pieces = runs * parts / load.busy_channels;
    load.bursts = bursts / load.busy_channels;
    const double rows = load.is_stream ? rows_of_stream(load.bursts_per_piece)
                                       : rows_of_piece(load.bursts_per_piece, reach / parts);
    load.rows = load.pieces * rows;
    load.bursts_per_row = load.bursts_per_piece / rows;
    if (!load.is_stream && parts < count)
        load.fullest = channel_bins_.fullest(runs * parts) / load.pieces;
    return load;
}

double DramClosedForm::spacing(const Load& load) const {
    const DramTiming& t = table_.timing;
    const double same = real(t.column(true)), other = real(t.column(false));
    const double groups = table_.geometry.bank_groups;
    // Consecutive bursts of a row share their group; the window must reach another piece to mix.
    const bool alone = table_.mapping == DramMapping::column_low &&
                       (load.is_stream || 2.0 * load.bursts_per_piece > table_.window);
    return alone ? same : std::max(other, same / groups);
}

double DramClosedForm::rows_of_fullest_bank(const Load& load) const {
    const DramGeometry& g = table_.geometry;
    const bool group_low = table_.mapping == DramMapping::group_low;
    const double stripe = g.bank_groups * real(g.bursts_per_row());
    const double mean = load.rows / g.banks();
    // What fills rows one after another spreads evenly over the banks.
    if (load.is_stream || load.bursts_per_piece >= stripe) return std::max(1.0, mean);
    // A piece that reaches every group falls at random only within them.
    const bool whole = group_low && load.bursts_per_piece >= g.bank_groups;
    const RandomBins& bins = whole ? group_bins_ : bank_bins_;
    // In all the fullest bank holds more; and a window may hold nothing for some bank.
    const double in_window = table_.window / (whole ? real(g.bank_groups) : 1.0);
    return std::max(bins.fullest(mean * bins.count()),
                    mean * (1.0 + (bins.count() - 1.0) / (2.0 * in_window)));
}

DramClosedForm::Rates DramClosedForm::rates(const Load& load, bool write) const {
    const DramTiming& t = table_.timing;
    const double tail = real(t.column_to_precharge(write));
    Rates r;
    r.bus = spacing(load);
    r.row = std::max(real(t.rrd_s), real(t.faw) / 4.0);
    r.bank = std::max(real(t.rc()), real(t.rcd + t.rp) + tail +
                                        (load.bursts_per_row - 1.0) * real(t.column(true)));
    r.bus_drain = real(t.rcd + t.rp) + tail - r.bus;
    // The last row before a refresh still has to be read and closed.
    r.row_drain = r.bank - r.row;
    r.bank_drain = r.bank / 2.0;
    return r;
}

double DramClosedForm::cycles_with_refresh(const Bound& bound, double before) const {
    const double refi = real(table_.timing.refi);
    const double share = refi - real(table_.timing.rfc) - std::max(0.0, bound.drain);
    return (before + std::max(0.0, bound.cycles)) * refi / share;
}

double DramClosedForm::cycles_alone(const Load& load, const Rates& r, double first) const {
    const auto one_less = [&load](double events, double rate) {
        return (events - 1.0) * rate * load.fullest;
    };
    const Bound slowest =
        std::max({Bound{one_less(load.bursts, r.bus), r.bus_drain},
                  Bound{one_less(load.rows, r.row), r.row_drain},
                  Bound{one_less(rows_of_fullest_bank(load), r.bank), r.bank_drain}});
    return cycles_with_refresh(slowest, first);
}

double DramClosedForm::cycles_among_others(const Load& load, const Rates& r) const {
    const double taking_part = load.busy_channels / channels_.count;
    const double rows = load.rows * taking_part;
    const Bound slowest = std::max({Bound{load.bursts * taking_part * r.bus, r.bus_drain},
                                    Bound{rows * r.row, r.row_drain},
                                    Bound{rows / table_.geometry.banks() * r.bank, r.bank_drain}});
    return cycles_with_refresh(slowest, 0.0);
}

MemoryCost DramClosedForm::access(const AccessPattern& pattern) const {
    MemoryCost cost;
    cost.cycles = 0.0;
    if (pattern.bytes == 0) {
        price(cost, pattern.write, 0.0);
        return cost;
    }
    ATTOHM_CHECK(pattern.bytes > 0 && pattern.run_bytes > 0);
    const DramTiming& t = table_.timing;
    const Load load = this->load(pattern);
    const Rates rates = this->rates(load, pattern.write);
    const double first = real(t.rcd + (pattern.write ? t.cwl : t.cl) + t.burst);
    const double refi = real(t.refi);
    cost.cycles = cycles_alone(load, rates, first);
    cost.busy = t.clock * cycles_among_others(load, rates);
    cost.time = t.clock * *cost.cycles;
    cost.bursts = load.bursts * load.busy_channels;
    cost.refreshes = *cost.cycles / refi * channels_.count;
    // A refresh closes the rows in use; pieces of several bursts have to open them again.
    const double reopened =
        table_.mapping == DramMapping::group_low ? table_.geometry.bank_groups : 1.0;
    const double unfinished = 1.0 - 1.0 / std::max(1.0, load.bursts_per_row);
    cost.activations =
        load.busy_channels * (load.rows + *cost.cycles / refi * reopened * unfinished);
    cost.bus_bytes = cost.bursts * real(table_.geometry.burst_bytes());
    price(cost, pattern.write, load.busy_channels);
    return cost;
}

void DramClosedForm::price(MemoryCost& cost, bool write, double busy_channels) const {
    MemoryEnergy& e = cost.energy;
    e.burst = (write ? energy_.write_burst : energy_.read_burst) * cost.bursts;
    e.activate = energy_.activation * cost.activations;
    e.refresh = energy_.refresh * cost.refreshes;
    // Rows of the channels that take part are open, except in refreshes; the others are closed.
    const DramTiming& t = table_.timing;
    const double refreshing = real(t.rfc + t.rp) / real(t.refi);
    const Second open = cost.time * (busy_channels * (1.0 - refreshing));
    const Second all = cost.time * static_cast<double>(channels_.count);
    const Joule standby = energy_.active_standby * open + energy_.precharge_standby * (all - open);
    e.background = standby;
    if (io_J_per_bit_) e.io = Joule::from_value(*io_J_per_bit_ * cost.bus_bytes * 8.0);
}

Watt DramClosedForm::idle_power() const {
    const DramTiming& t = table_.timing;
    const Watt refresh = energy_.refresh / (t.clock * real(t.refi));
    return (energy_.precharge_standby + refresh) * static_cast<double>(channels_.count);
}

double DramClosedForm::peak_bytes_per_s() const {
    const double per_cycle = 2.0 * table_.geometry.bus_bits / 8.0;
    return per_cycle * channels_.count / table_.timing.clock.value();
}

}  // namespace attohm
