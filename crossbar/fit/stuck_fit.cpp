#include <algorithm>
#include <cmath>
#include <map>

#include "crossbar/fit/programming_fit.hpp"

namespace attohm::fit {

namespace {

struct CellReadings {
    std::vector<double> targets, conductances;
    std::size_t far = 0;
};

double span_of(const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    return *most - *least;
}

bool is_stuck(const CellReadings& cell) {
    if (cell.far == 0) return false;
    if (cell.far == cell.targets.size()) return true;
    const double asked = span_of(cell.targets);
    return asked > 0.0 && span_of(cell.conductances) < 0.5 * asked;
}

std::optional<double> resistance_ohm(const std::vector<double>& conductances_uS) {
    // What a card can still write: an open cell reads as zero.
    constexpr double kOpenOhm = 1e15;
    if (conductances_uS.empty()) return std::nullopt;
    const double middle = median_of(conductances_uS);
    return middle > 0.0 ? std::min(1e6 / middle, kOpenOhm) : kOpenOhm;
}

}  // namespace

StuckFit find_stuck(const std::vector<Reading>& readings) {
    std::map<double, std::vector<double>> levels;
    for (const Reading& r : readings) levels[r.target_uS].push_back(r.conductance_uS);
    struct Centre {
        double middle, spread;
    };
    std::map<double, Centre> centres;
    for (const auto& [target, values] : levels)
        centres[target] = {median_of(values), robust_deviation(values)};
    std::map<CellId, CellReadings> cells;
    for (const Reading& r : readings) {
        CellReadings& cell = cells[r.cell];
        const Centre& centre = centres[r.target_uS];
        cell.targets.push_back(r.target_uS);
        cell.conductances.push_back(r.conductance_uS);
        if (std::abs(r.conductance_uS - centre.middle) > StuckFit::kFarSigmas * centre.spread)
            ++cell.far;
    }
    StuckFit fit;
    fit.cells = cells.size();
    const double middle = 0.5 * (levels.begin()->first + levels.rbegin()->first);
    std::vector<double> low, high;
    for (const auto& [id, cell] : cells) {
        if (!is_stuck(cell)) {
            fit.outliers += cell.far;
            continue;
        }
        const double shows = median_of(cell.conductances);
        (shows > middle ? fit.low : fit.high).insert(id);
        (shows > middle ? low : high).push_back(shows);
    }
    fit.low_rate = share_estimate(low.size(), fit.cells);
    fit.high_rate = share_estimate(high.size(), fit.cells);
    fit.low_resistance_ohm = resistance_ohm(low);
    fit.high_resistance_ohm = resistance_ohm(high);
    return fit;
}

}  // namespace attohm::fit
