#include <array>

#include "src/base/error.hpp"
#include "src/replay/result_fields.hpp"

/// The tables of `result_fields.hpp` on the cost side. All numbers are per inference unless said.
namespace attohm {

Fields<MachineOutcome> machine_fields() {
    using M = MachineOutcome;
    static const std::array<Field<M>, 9> kFields = {{
        {"machine", "", "name", &M::machine},
        {"batch", "1", "inferences that run together; a latency is of so many", &M::batch},
        {"clock_Hz", "Hz", "clock of its cycles", &M::clock_Hz},
        {"node_nm", "nm", "technology node", &M::node_nm},
        {"buffer_bytes", "byte", "on-chip buffers", &M::buffer_bytes},
        {"memory_bytes_per_s", "byte/s", "what its memory could carry without a gap",
         &M::memory_bytes_per_s},
        {"samples", "1", "inferences that the means are over", &M::samples},
        {"area_m2", "m2", "of the whole machine; NaN: no figure", &M::area},
        {"headline", "", "name of the pricing that the experiment asked for", &M::headline},
    }};
    return kFields;
}

Fields<PlanSummary> plan_fields() {
    using P = PlanSummary;
    static const std::array<Field<P>, 9> kFields = {{
        {"plan", "", "name", &P::name},
        {"scope", "", "attention, or model: everything", &P::scope},
        {"latency_cycles", "cycle", "summed over samples", &P::latency_cycles},
        {"latency_cycles_without_writes", "cycle", "summed over samples, operand writes left out",
         &P::latency_cycles_without_writes},
        {"overflow_rows", "row", "summed over samples: queries that keep more keys than fit",
         &P::overflow_rows},
        {"latency_s", "s", "of a batch, operand writes included", &P::latency},
        {"latency_without_writes_s", "s", "operand writes left out", &P::latency_without_writes},
        {"buffer_hits", "token", "fetches served by the K/V buffer", &P::buffer_hits},
        {"buffer_misses", "token", "fetches from memory", &P::buffer_misses},
    }};
    return kFields;
}

Fields<CountTotal> count_fields() {
    using C = CountTotal;
    static const std::array<Field<C>, 5> kFields = {{
        {"component", "", "what counts; empty: several components", &C::component},
        {"event", "", "what is counted", &C::event},
        {"unit", "", "of count", &C::unit},
        {"help", "", "meaning", &C::help, true},
        {"count", "see `unit`", "summed over samples", &C::count},
    }};
    return kFields;
}

Fields<MeasuredTotal> measured_fields() {
    using M = MeasuredTotal;
    static const std::array<Field<M>, 4> kFields = {{
        {"component", "", "what it belongs to; empty: several components", &M::component},
        {"name", "", "what was measured", &M::name},
        {"unit", "", "of amount", &M::unit},
        {"amount", "see `unit`", "summed over samples; NaN: the scheme could not say", &M::amount},
    }};
    return kFields;
}

Fields<ResourceTotal> resource_fields() {
    using R = ResourceTotal;
    static const std::array<Field<R>, 7> kFields = {{
        {"resource", "", "name", &R::resource},
        {"busy_cycles", "cycle", "busy, per inference", &R::busy_cycles},
        {"busy_cycles_summed", "cycle", "the same summed over samples", &R::busy_cycles_summed},
        {"utilisation", "1", "useful operations / (peak x cycles); NaN: it does none",
         &R::utilisation},
        {"work", "", "unit of its operations; empty: it does none", &R::work},
        {"peak", "1", "operations per cycle", &R::peak},
        {"useful", "1", "operations not known to be zero, per inference", &R::useful},
    }};
    return kFields;
}

Fields<TrafficTotal> traffic_fields() {
    using T = TrafficTotal;
    static const std::array<Field<T>, 5> kFields = {{
        {"tensor", "", "name", &T::tensor},
        {"read_bytes", "byte", "memory to chip, per inference", &T::read_bytes},
        {"written_bytes", "byte", "into memory, per inference", &T::written_bytes},
        {"read_bits_summed", "bit", "memory to chip, summed over samples", &T::read_bits_summed},
        {"written_bits_summed", "bit", "into memory, summed over samples", &T::written_bits_summed},
    }};
    return kFields;
}

Fields<LayerTime> layer_time_fields() {
    using L = LayerTime;
    static const std::array<Field<L>, 4> kFields = {{
        {"layer", "1", "ordinal", &L::layer},
        {"cycles", "cycle", "of the layer, per inference", &L::cycles},
        {"bottleneck", "", "the resource that is busy longest", &L::bottleneck},
        {"busy_share", "1", "of the layer's cycles, that resource", &L::busy_share},
    }};
    return kFields;
}

Fields<AreaLine> area_fields() {
    using A = AreaLine;
    static const std::array<Field<A>, 4> kFields = {{
        {"component", "", "what takes the area", &A::component},
        {"area_m2", "m2", "NaN: no figure", &A::area_m2},
        {"source", "", "where the figure comes from", &A::source, true},
        {"mark", "", "choice, cited, assumed or fitted", &A::mark},
    }};
    return kFields;
}

Fields<MachineFact> fact_fields() {
    using F = MachineFact;
    static const std::array<Field<F>, 4> kFields = {{
        {"name", "", "what the figure is", &F::name},
        {"value", "1", "in `unit`; NaN: unknown", &F::value},
        {"unit", "", "unit of value", &F::unit},
        {"reason", "", "what it rests on, or why it is unknown", &F::reason, true},
    }};
    return kFields;
}

Fields<Pricing> pricing_fields() {
    static const std::array<Field<Pricing>, 1> kFields = {{
        {"pricing", "", "name", &Pricing::name},
    }};
    return kFields;
}

Fields<EnergyOptions> energy_option_fields() {
    using O = EnergyOptions;
    static const std::array<Field<O>, 3> kFields = {{
        {"source_in_memory", "", "of thresholding in the arrays: paper or physics", &O::in_memory},
        {"source_read", "", "of reads of ReRAM: paper or physics", &O::read},
        {"source_write", "", "of writes of ReRAM: paper or physics", &O::write},
    }};
    return kFields;
}

Fields<PricedPlan> priced_fields() {
    using P = PricedPlan;
    static const std::array<Field<P>, 4> kFields = {{
        {"plan", "", "name", &P::name},
        {"scope", "", "attention, or model: everything", &P::scope},
        {"energy_J", "J", "sum of the known lines, operand writes included", &P::energy},
        {"energy_without_writes_J", "J", "operand writes left out", &P::energy_without_writes},
    }};
    return kFields;
}

Fields<LedgerLine> ledger_fields() {
    using L = LedgerLine;
    static const std::array<Field<L>, 12> kFields = {{
        {"component", "", "what is paid for", &L::component},
        {"event", "", "what is counted", &L::event},
        {"count", "1", "events", &L::count},
        {"count_unit", "", "unit of count", &L::count_unit},
        {"unit_energy", "1", "energy per event, in `unit`; NaN: unknown", &L::unit_energy},
        {"unit", "", "unit of unit_energy", &L::unit},
        {"energy_J", "J", "count times unit energy; 0 where unknown", &L::energy},
        {"energy_source", "", "paper, physics, digital, or unknown", &L::energy_source},
        {"source", "", "where the unit energy comes from", &L::source, true},
        {"mark", "", "choice, cited, assumed or fitted", &L::mark},
        {"scope", "", "what is included", &L::scope, true},
        {"operand_write", "1", "1: belongs to the writes of Q, K and V", &L::operand_write},
    }};
    return kFields;
}

Fields<Gain> gain_fields() {
    using G = Gain;
    static const std::array<Field<G>, 6> kFields = {{
        {"machine", "", "name", &G::machine},
        {"pricing", "", "name", &G::pricing},
        {"baseline", "", "plan on the same machine", &G::baseline},
        {"scope", "", "attention, or model: everything", &G::scope},
        {"with_writes", "1", "1: operand writes on both sides; 0: on neither", &G::with_writes},
        {"speedup", "1", "latency of the baseline / latency of the scheme", &G::speedup},
    }};
    return kFields;
}

Fields<EnergyGain> energy_gain_fields() {
    using G = EnergyGain;
    static const std::array<Field<G>, 3> kFields = {{
        {"energy_gain", "1", "energy of the baseline / energy of the scheme, known lines",
         &G::energy},
        {"energy_gain_low", "1", "least, whatever the unknown energies are", &G::low},
        {"energy_gain_high", "1", "largest, whatever the unknown energies are", &G::high},
    }};
    return kFields;
}

Fields<BreakEven> break_even_fields() {
    using B = BreakEven;
    static const std::array<Field<B>, 4> kFields = {{
        {"component", "", "what has no figure", &B::component},
        {"event", "", "what is counted", &B::event},
        {"unit", "", "unit of value", &B::unit},
        {"value", "1", "unit energy at which the gain is 1; NaN: at no positive one", &B::value},
    }};
    return kFields;
}

}  // namespace attohm
