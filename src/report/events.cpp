#include "src/report/events.hpp"

#include "src/report/metrics.hpp"

namespace attohm {

namespace {

/// Elements per row of q and k, and of v, from what the plan counted; 0 where nothing was planned.
struct Widths {
    double d = 0.0;
    double dv = 0.0;
};

Widths widths(const Result& result) {
    for (const MachineOutcome& machine : result.machines)
        for (const PlanSummary& plan : machine.plans) {
            const auto pairs = static_cast<double>(plan.total[Count::softmax_element]);
            if (pairs > 0.0)
                return {static_cast<double>(plan.total[Count::qk_mac]) / pairs,
                        static_cast<double>(plan.total[Count::sv_mac]) / pairs};
        }
    return {};
}

}  // namespace

std::vector<EventRate> event_rates(const Point& point) {
    const DecisionTotals totals = decisions(point);
    const HeadEvents& e = totals.events;
    const auto pairs = static_cast<double>(totals.counts.valid);
    const auto rows = static_cast<double>(totals.rows);
    const auto cells = static_cast<double>(e.cells);
    const Widths width = widths(point.first());
    std::vector<EventRate> out;
    const auto add = [&](std::string name, std::int64_t count, double whole, std::string of) {
        if (whole <= 0.0) return;
        const double r = rate(static_cast<double>(count), whole);
        out.push_back({std::move(name), count, whole, std::move(of), r, r > kStatedRate});
    };
    add("rows that kept nothing", totals.empty_rows, rows, "of the valid queries");
    add("8-bit codes of q clipped", e.q_clipped, rows * width.d, "of the elements of q");
    add("8-bit codes of k clipped", e.k_clipped, rows * width.d, "of the elements of k");
    add("8-bit codes of v clipped", e.v_clipped, rows * width.dv, "of the elements of v");
    add("word-line codes of q clipped", e.q_low_clipped, rows * width.d, "of the elements of q");
    add("thresholds beyond the threshold DAC", e.threshold_clamped, rows, "of the valid queries");
    add("outputs beyond the sense full scale", e.sense_clipped, pairs, "of the valid pairs");
    add("column currents beyond the limit", e.column_clipped, 2.0 * pairs,
        "of the columns read for valid pairs");
    add("programming draws below zero conductance", e.conductance_floored, cells,
        "of the cells written");
    add("stuck cells", e.stuck_cells, cells, "of the cells written");
    add("K MSBs sensed as another level", e.level_errors, 0.5 * cells, "of the cell pairs written");
    add("scores within 1e-5 |q||k| scale of the threshold", e.borderline, pairs,
        "of the valid pairs");
    return out;
}

}  // namespace attohm
