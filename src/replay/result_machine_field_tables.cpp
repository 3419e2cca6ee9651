#include <array>

#include "src/base/error.hpp"
#include "src/replay/result_fields.hpp"

/// The tables of `result_fields.hpp` on the cost side. All numbers are per inference unless said.
namespace attohm {

Fields<MachineOutcome> machine_fields() {
    using M = MachineOutcome;
    static const std::array<Field<M>, 4> kFields = {{
        {"machine", "", "name", &M::machine},
        {"samples", "1", "inferences that the means are over", &M::samples},
        {"area_m2", "m2", "of the whole machine; NaN: no figure", &M::area},
        {"headline", "", "name of the pricing that the experiment asked for", &M::headline},
    }};
    return kFields;
}

Fields<PlanSummary> plan_fields() {
    using P = PlanSummary;
    static const std::array<Field<P>, 5> kFields = {{
        {"plan", "", "name", &P::name},
        {"latency_s", "s", "heads one after another, operand writes included", &P::latency},
        {"latency_without_writes_s", "s", "operand writes left out", &P::latency_without_writes},
        {"buffer_hits", "token", "fetches served by the K/V buffer", &P::buffer_hits},
        {"buffer_misses", "token", "fetches from memory", &P::buffer_misses},
    }};
    return kFields;
}

Fields<PlanTally> tally_fields() {
    using T = PlanTally;
    static const std::array<Field<T>, 3> kFields = {{
        {"latency_cycles", "cycle", "summed over samples", &T::latency_cycles},
        {"latency_cycles_without_writes", "cycle", "summed over samples, operand writes left out",
         &T::latency_cycles_without_writes},
        {"overflow_rows", "row", "summed over samples: queries that keep more keys than fit",
         &T::overflow_rows},
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
    static const std::array<Field<P>, 3> kFields = {{
        {"plan", "", "name", &P::name},
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
    static const std::array<Field<G>, 5> kFields = {{
        {"machine", "", "name", &G::machine},
        {"pricing", "", "name", &G::pricing},
        {"baseline", "", "plan on the same machine", &G::baseline},
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

std::string_view measured_name(Measured measured) {
    static constexpr std::array<std::string_view, kMeasured> kNames = {
        "in_memory_cell", "in_memory_driver", "mlc_write", "slc_write",
        "spill_write",    "mlc_read",         "slc_read"};
    static_assert(!kNames.back().empty());
    return kNames[static_cast<std::size_t>(measured)];
}

}  // namespace attohm
