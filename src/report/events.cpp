#include "src/report/events.hpp"

#include <fmt/format.h>

#include "src/replay/result_summary.hpp"
#include "src/report/metrics.hpp"

namespace attohm {

std::vector<EventRate> event_rates(const Point& point) {
    const DecisionTotals totals = decisions(point);
    std::vector<EventRate> out;
    const auto add = [&](std::string_view name, std::int64_t count, double whole,
                         std::string_view base) {
        if (whole <= 0.0) return;
        const double r = rate(static_cast<double>(count), whole);
        out.push_back(
            {std::string(name), count, whole, fmt::format("of the {}", base), r, r > kFlaggedRate});
    };
    add("rows that kept nothing", totals.empty_rows, static_cast<double>(totals.rows),
        "valid queries");
    for (const CountedEvent& event : counted_events(totals, point.first())) {
        add(event.help, event.count, event.of, event.base);
    }
    return out;
}

}  // namespace attohm
