#include "crossbar/device/stuck.hpp"

#include <algorithm>
#include <set>

#include "tests/crossbar/device/parts_fixture.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

/// Columns are rows of the map.
using Map = Matrix<std::uint8_t>;

StuckStreams streams_of(std::uint64_t chip, std::uint64_t plane = 0) {
    return {{5, Purpose::stuck_fault, {chip, plane}},
            {5, Purpose::fault_cluster, {chip, plane}},
            {5, Purpose::fault_cluster, {chip}}};
}

StuckFaults faults_of(double low, double high, StuckSpatial spatial, int cells = 1) {
    return {low, Ohm::from_value(1e4), high, Ohm::from_value(1e6), spatial, cells};
}

Map map_of(const StuckFaults& faults, std::size_t columns, std::size_t rows,
           const StuckStreams& streams) {
    Map map(columns, rows, std::uint8_t{77});
    fill_stuck_map(faults, streams, map.view());
    return map;
}

/// Places whose event makes a cell faulty, the deciding one first.
using Places = std::vector<std::pair<int, int>>;

Places places_of(const StuckFaults& faults, int column, int row) {
    if (faults.spatial == StuckSpatial::independent) return {{column, row}};
    // Lines: rows and columns of the array, told apart by where they are not.
    if (faults.spatial == StuckSpatial::line) return {{-1000, row}, {column, -1000}};
    int width = 1;
    while (width * width < faults.cluster_cells) ++width;
    Places places;
    for (int k = 0; k < faults.cluster_cells; ++k)
        places.emplace_back(column - k % width, row - k / width);
    return places;
}

/// P(both cells low), by going through which place decides each cell.
double both_low(const Places& a, const Places& b, double q, double w) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        for (std::size_t j = 0; j < b.size(); ++j) {
            std::set<std::pair<int, int>> quiet(a.begin(), a.begin() + std::ptrdiff_t(i));
            quiet.insert(b.begin(), b.begin() + std::ptrdiff_t(j));
            if (quiet.contains(a[i]) || quiet.contains(b[j])) continue;
            const double none = std::pow(1.0 - q, double(quiet.size()));
            sum += a[i] == b[j] ? none * q * w : none * q * q * w * w;
        }
    }
    return sum;
}

/// Number of low cells in `maps` arrays: every cell has the same law, so the covariance depends on
/// the distance of two cells alone.
BinomialBand low_band(const StuckFaults& faults, int columns, int rows, double maps, double q) {
    const double p = faults.low_rate + faults.high_rate;
    const double w = faults.low_rate / p;
    double variance = 0.0;
    for (int dc = 1 - columns; dc < columns; ++dc) {
        for (int dr = 1 - rows; dr < rows; ++dr) {
            const double pairs = double(columns - std::abs(dc)) * double(rows - std::abs(dr));
            const double both = dc == 0 && dr == 0 ? faults.low_rate
                                                   : both_low(places_of(faults, 0, 0),
                                                              places_of(faults, dc, dr), q, w);
            variance += pairs * (both - faults.low_rate * faults.low_rate);
        }
    }
    const double cells = double(columns) * double(rows);
    return {maps * cells * faults.low_rate, std::sqrt(maps * variance)};
}

struct Mode {
    const char* name;
    StuckSpatial spatial;
    int cells;
};
const Mode kModes[] = {{"independent", StuckSpatial::independent, 1},
                       {"cluster(1)", StuckSpatial::cluster, 1},
                       {"cluster(4)", StuckSpatial::cluster, 4},
                       {"cluster(7)", StuckSpatial::cluster, 7},
                       {"line", StuckSpatial::line, 1}};

/// P(a place starts), from p = 1 - (1 - q)^n by bisection.
double start_rate(double p, double n) {
    double low = 0.0, high = 1.0;
    for (int i = 0; i < 200; ++i) {
        const double q = 0.5 * (low + high);
        (1.0 - std::pow(1.0 - q, n) < p ? low : high) = q;
    }
    return low;
}

std::int64_t count(const Map& map, StuckKind kind) {
    return std::count(map.data(), map.data() + map.size(), static_cast<std::uint8_t>(kind));
}

}  // namespace

TEST_CASE("cells are stuck as often as asked however they lie", "[stat]") {
    constexpr int kColumns = 64, kRows = 48, kMaps = 300;
    for (const auto& [low, high] :
         {std::pair{0.01, 0.01}, std::pair{0.03, 0.005}, std::pair{0.2, 0.3}}) {
        for (const Mode& mode : kModes) {
            CAPTURE(mode.name, low, high);
            const StuckFaults faults = faults_of(low, high, mode.spatial, mode.cells);
            const double places = mode.spatial == StuckSpatial::line ? 2.0 : double(mode.cells);
            const double q = start_rate(low + high, places);
            CHECK(faults.seed_rate() == Approx(q));
            std::int64_t lows = 0, highs = 0;
            for (std::uint64_t chip = 0; chip < kMaps; ++chip) {
                const Map map = map_of(faults, kColumns, kRows, streams_of(chip));
                lows += count(map, StuckKind::low);
                highs += count(map, StuckKind::high);
                CHECK(count(map, StuckKind::none) + count(map, StuckKind::low) +
                          count(map, StuckKind::high) ==
                      kColumns * kRows);
            }
            const BinomialBand band = low_band(faults, kColumns, kRows, kMaps, q);
            REQUIRE(judgeable(band));
            // 1 % asked and 2 % given, or half of it, would be seen.
            REQUIRE(band.sigma * 5.0 < 0.5 * band.expected);
            CHECK(std::abs(deviation(band, double(lows))) < 5.0);
            const StuckFaults mirrored = faults_of(high, low, mode.spatial, mode.cells);
            const BinomialBand other = low_band(mirrored, kColumns, kRows, kMaps, q);
            REQUIRE(judgeable(other));
            CHECK(std::abs(deviation(other, double(highs))) < 5.0);
        }
    }
}

TEST_CASE("corners and middle of an array are stuck equally often", "[stat]") {
    constexpr std::size_t kColumns = 9, kRows = 7;
    constexpr std::uint64_t kMaps = 20000;
    const std::pair<std::size_t, std::size_t> cells[] = {{0, 0}, {8, 0}, {0, 6},
                                                         {8, 6}, {4, 3}, {0, 3}};
    for (const Mode& mode : kModes) {
        const StuckFaults faults = faults_of(0.06, 0.04, mode.spatial, mode.cells);
        std::vector<std::int64_t> lows(std::size(cells)), highs(std::size(cells));
        for (std::uint64_t chip = 0; chip < kMaps; ++chip) {
            const Map map = map_of(faults, kColumns, kRows, streams_of(chip));
            for (std::size_t i = 0; i < std::size(cells); ++i) {
                const auto kind = static_cast<StuckKind>(map(cells[i].first, cells[i].second));
                lows[i] += kind == StuckKind::low ? 1 : 0;
                highs[i] += kind == StuckKind::high ? 1 : 0;
            }
        }
        for (std::size_t i = 0; i < std::size(cells); ++i) {
            CAPTURE(mode.name, cells[i].first, cells[i].second);
            const BinomialBand low = binomial_band(std::int64_t(kMaps), 0.06);
            const BinomialBand high = binomial_band(std::int64_t(kMaps), 0.04);
            REQUIRE(judgeable(low));
            REQUIRE(judgeable(high));
            CHECK(std::abs(deviation(low, double(lows[i]))) < 5.0);
            CHECK(std::abs(deviation(high, double(highs[i]))) < 5.0);
        }
    }
}

TEST_CASE("independent faults are one uniform per cell", "[unit]") {
    const StuckFaults faults = faults_of(0.1, 0.2, StuckSpatial::independent);
    const StuckStreams streams = streams_of(3);
    const Map map = map_of(faults, 30, 20, streams);
    for (std::size_t c = 0; c < 30; ++c) {
        for (std::size_t r = 0; r < 20; ++r) {
            const double u = streams.cells.uniform32(c * 20 + r);
            const StuckKind expected = u < 0.1         ? StuckKind::low
                                       : u < 0.1 + 0.2 ? StuckKind::high
                                                       : StuckKind::none;
            CHECK(map(c, r) == static_cast<std::uint8_t>(expected));
        }
    }
}

TEST_CASE("clusters are what their definition says cell by cell", "[property]") {
    for (const int n : {1, 2, 4, 7, 9, 30}) {
        const StuckFaults faults = faults_of(0.15, 0.1, StuckSpatial::cluster, n);
        const StuckStreams streams = streams_of(4);
        const int columns = 23, rows = 17;
        const Map map = map_of(faults, 23, 17, streams);
        int width = 1;
        while (width * width < n) ++width;
        const int height = (n + width - 1) / width;
        const double q = start_rate(0.25, n);
        for (int c = 0; c < columns; ++c) {
            for (int r = 0; r < rows; ++r) {
                auto expected = StuckKind::none;
                for (int k = 0; k < n && expected == StuckKind::none; ++k) {
                    const int c0 = c - k % width + width - 1, r0 = r - k / width + height - 1;
                    const double u =
                        streams.clusters.uniform32(std::uint64_t(c0 * (rows + height - 1) + r0));
                    if (u < q) expected = u < q * 0.6 ? StuckKind::low : StuckKind::high;
                }
                CAPTURE(n, c, r);
                CHECK(map(std::size_t(c), std::size_t(r)) == static_cast<std::uint8_t>(expected));
            }
        }
    }
}

namespace {

/// Size of the connected group of stuck cells at a cell, and whether it touches the edge.
std::pair<int, bool> flood(Map& map, std::size_t column, std::size_t row) {
    std::vector<std::pair<std::size_t, std::size_t>> open = {{column, row}};
    map(column, row) = 0;
    int size = 0;
    bool edge = false;
    while (!open.empty()) {
        const auto [c, r] = open.back();
        open.pop_back();
        ++size;
        edge = edge || c == 0 || r == 0 || c + 1 == map.rows() || r + 1 == map.cols();
        const std::pair<std::size_t, std::size_t> near[] = {
            {c + 1, r}, {c - 1, r}, {c, r + 1}, {c, r - 1}};
        for (const auto& [nc, nr] : near) {
            if (nc >= map.rows() || nr >= map.cols() || map(nc, nr) == 0) continue;
            map(nc, nr) = 0;
            open.emplace_back(nc, nr);
        }
    }
    return {size, edge};
}

}  // namespace

TEST_CASE("a cluster has as many cells as asked", "[stat]") {
    for (const int n : {1, 4, 6, 9}) {
        // Rare enough that few meet.
        const StuckFaults faults = faults_of(0.0005 * n, 0.0, StuckSpatial::cluster, n);
        std::int64_t groups = 0, exact = 0;
        for (std::uint64_t chip = 0; chip < 40; ++chip) {
            Map map = map_of(faults, 100, 100, streams_of(chip));
            for (std::size_t c = 0; c < 100; ++c) {
                for (std::size_t r = 0; r < 100; ++r) {
                    if (map(c, r) == 0) continue;
                    const auto [size, edge] = flood(map, c, r);
                    if (edge) continue;
                    CHECK(size >= n);
                    ++groups;
                    exact += size == n ? 1 : 0;
                }
            }
        }
        CAPTURE(n, groups, exact);
        CHECK(groups > 120);
        // A neighbour starts within reach of one (touching or overlapping: fewer than 49 places).
        CHECK(double(exact) > 0.9 * double(groups));
    }
}

TEST_CASE("broken lines are whole, rows common to both planes", "[unit]") {
    const StuckFaults faults = faults_of(0.1, 0.1, StuckSpatial::line);
    const Map plus = map_of(faults, 40, 30, streams_of(9, 0));
    const Map minus = map_of(faults, 40, 30, streams_of(9, 1));
    std::vector<std::size_t> whole_rows, plus_columns, minus_columns;
    const auto stuck_column = [&](const Map& map, std::size_t c) {
        return std::all_of(map.row(c), map.row(c) + 30, [](std::uint8_t k) { return k != 0; });
    };
    for (std::size_t r = 0; r < 30; ++r) {
        const auto in = [&](const Map& map) {
            for (std::size_t c = 0; c < 40; ++c) {
                if (map(c, r) != map(0, r) || map(c, r) == 0) return false;
            }
            return true;
        };
        CHECK(in(plus) == in(minus));
        if (in(plus)) {
            whole_rows.push_back(r);
            CHECK(plus(0, r) == minus(0, r));
        }
    }
    for (std::size_t c = 0; c < 40; ++c) {
        if (stuck_column(plus, c)) plus_columns.push_back(c);
        if (stuck_column(minus, c)) minus_columns.push_back(c);
    }
    CHECK_FALSE(whole_rows.empty());
    CHECK_FALSE(plus_columns.empty());
    CHECK(plus_columns != minus_columns);
    // Nothing is stuck outside a line.
    const auto expected = std::int64_t(whole_rows.size() * 40 + plus_columns.size() * 30 -
                                       whole_rows.size() * plus_columns.size());
    CHECK(std::int64_t(plus.size()) - count(plus, StuckKind::none) == expected);
}

TEST_CASE("all cells or none can be stuck", "[unit]") {
    for (const Mode& mode : kModes) {
        CAPTURE(mode.name);
        const Map all = map_of(faults_of(0.4, 0.6, mode.spatial, mode.cells), 12, 9, streams_of(1));
        CHECK(count(all, StuckKind::none) == 0);
        const Map low = map_of(faults_of(1.0, 0.0, mode.spatial, mode.cells), 12, 9, streams_of(1));
        CHECK(count(low, StuckKind::low) == 12 * 9);
        const Map none = map_of(faults_of(0, 0, mode.spatial, mode.cells), 12, 9, streams_of(1));
        CHECK(count(none, StuckKind::none) == 12 * 9);
    }
    const StuckFaults faults = faults_of(0.1, 0.1, StuckSpatial::line);
    CHECK(faults.conductance(StuckKind::low).value() == Approx(1e-4));
    CHECK(faults.conductance(StuckKind::high).value() == Approx(1e-6));
}

TEST_CASE("stuck cells come from the card and the experiment goes over it", "[unit]") {
    const std::string card =
        "stuck: {low_rate: 0.01, low_resistance_ohm: 1e4, high_rate: 0.02, high_resistance_ohm: "
        "1e6, spatial: cluster(6)}\n";
    const StuckFaults own = device_of(card).stuck;
    CHECK(own.spatial == StuckSpatial::cluster);
    CHECK(own.cluster_cells == 6);
    CHECK(own.cluster_width() == 3);
    const StuckFaults line = device_of(card, {"device.stuck.spatial=line"}).stuck;
    CHECK(line.spatial == StuckSpatial::line);
    CHECK(line.low_rate == 0.01);
    CHECK(device_of(card, {"device.stuck.spatial=cluster(12)"}).stuck.cluster_cells == 12);
    CHECK(device_of(card, {"device.stuck.spatial=independent"}).stuck.spatial ==
          StuckSpatial::independent);
    CHECK_THAT(complaint(card, {"device.stuck.spatial=cluster(2.5)"}), Contains("cluster(2.5)"));
    CHECK_THAT(complaint(card, {"device.stuck.spatial=cluster(0)"}), Contains("cluster(n)"));
    CHECK_THAT(complaint(card, {"device.stuck.spatial=block"}), Contains("device.stuck.spatial"));
    CHECK_THAT(complaint(card, {"device.stuck.low_rate=0.99"}), Contains("add to more than 1"));
    CHECK_THAT(complaint(card, {"device.stuck.low_resistance_ohm=1e7"}),
               Contains("wrong way round"));
    // A card without the section: everything has to be said.
    CHECK(device_of("").stuck.none());
    CHECK(complaint("", {"device.stuck.low_rate=0"}).empty());
    CHECK_THAT(complaint("", {"device.stuck.low_rate=0.1"}),
               Contains("says nothing of `stuck.high_rate`"));
    const Device given =
        device_of("", {"device.stuck.low_rate=0.1", "device.stuck.high_rate=0",
                       "device.stuck.low_resistance_ohm=1e4",
                       "device.stuck.high_resistance_ohm=1e6", "device.stuck.spatial=line"});
    CHECK(given.stuck.low_rate == 0.1);
    CHECK(given.stuck.spatial == StuckSpatial::line);
}
