#include "circuits/memory/reram_write.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Verify reads of cells that did not accept.
double failed_reads(const CellPulses& pulses, std::int64_t cells) {
    if (!pulses.verify) return 0.0;
    const double all = pulses.per_cell * static_cast<double>(cells);
    return all - static_cast<double>(cells - pulses.failed_cells);
}

void check(const CellPulses& pulses, std::int64_t cells) {
    ATTOHM_CHECK(pulses.failed_cells >= 0 && pulses.failed_cells <= cells);
    if (cells == 0) return;
    ATTOHM_CHECK(pulses.per_cell >= 1.0 && pulses.pulse.value() > 0.0);
    if (pulses.verify) ATTOHM_CHECK(pulses.verify->value() > 0.0);
}

std::int64_t cycles_of(const ReramMemory& memory, const CellPulses& pulses, std::int64_t cells,
                       double clock_Hz) {
    return memory.write_cycles(cells, pulses.per_cell, pulses.pulse_and_verify().value(), clock_Hz);
}

}  // namespace

std::int64_t WritePlan::added_cycles(std::int64_t busy) const {
    return overlaps ? std::max<std::int64_t>(0, cycles - busy) : cycles;
}

WritePlan write_plan(const ReramMemory& memory, const WriteRequest& request, double clock_Hz) {
    ATTOHM_CHECK(request.valid_keys >= 0 && request.slc_cells_per_key >= 0);
    ATTOHM_CHECK_LE(0, request.mlc_cells_per_key);
    WritePlan plan;
    plan.keys = request.keys == WrittenKeys::all_valid
                    ? request.valid_keys
                    : std::min<std::int64_t>(1, request.valid_keys);
    plan.slc_cells = plan.keys * request.slc_cells_per_key;
    plan.mlc_cells = plan.keys * request.mlc_cells_per_key;
    check(request.slc, plan.slc_cells);
    check(request.mlc, plan.mlc_cells);
    plan.slc_pulses = request.slc.per_cell * static_cast<double>(plan.slc_cells);
    plan.mlc_pulses = request.mlc.per_cell * static_cast<double>(plan.mlc_cells);
    plan.failed_cells = request.slc.failed_cells + request.mlc.failed_cells;
    plan.failed_verifies =
        failed_reads(request.slc, plan.slc_cells) + failed_reads(request.mlc, plan.mlc_cells);
    plan.cycles = cycles_of(memory, request.slc, plan.slc_cells, clock_Hz) +
                  cycles_of(memory, request.mlc, plan.mlc_cells, clock_Hz);
    plan.overlaps = memory.writes_overlap;
    return plan;
}

std::optional<Cited> endurance_of(const Settings& card) {
    constexpr const char* kKey = "verify.endurance_cycles";
    const Range range{1.0, 1e18};
    if (!card.has(kKey) || !card.real_or(kKey, "none", range)) return std::nullopt;
    return cited(card, kKey, 1.0, range);
}

std::optional<Lifetime> lifetime(const WritePlan& plan, double writes_per_inference,
                                 Hertz inference_rate, const ReramOrganisation& organisation,
                                 const std::optional<Cited>& endurance) {
    ATTOHM_CHECK(writes_per_inference >= 0.0 && inference_rate.value() > 0.0);
    const double pulses = plan.slc_pulses + plan.mlc_pulses;
    if (!endurance || pulses * writes_per_inference == 0.0) return std::nullopt;
    Lifetime result;
    result.levelled = organisation.ideal_wear_levelling;
    result.endurance = *endurance;
    if (result.levelled) {
        const double cells = static_cast<double>(organisation.cells());
        result.pulses_per_cell = pulses * writes_per_inference / cells;
    } else {
        const auto each = [](double all, std::int64_t cells) {
            return cells == 0 ? 0.0 : all / static_cast<double>(cells);
        };
        result.pulses_per_cell =
            writes_per_inference *
            std::max(each(plan.slc_pulses, plan.slc_cells), each(plan.mlc_pulses, plan.mlc_cells));
    }
    result.time =
        Second::from_value(endurance->value / result.pulses_per_cell / inference_rate.value());
    return result;
}

}  // namespace attohm
