#include "crossbar/device/stuck.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "crossbar/device/validity.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr int kMaxCluster = 4096;

/// Events of two kinds by one uniform each: none, low or high.
std::vector<StuckKind> draw_kinds(const Stream& stream, std::uint64_t first, std::size_t count,
                                  double low_rate, double any_rate) {
    std::vector<std::uint8_t> is_low(count), is_any(count);
    stream.events(first, low_rate, is_low);
    stream.events(first, any_rate, is_any);
    std::vector<StuckKind> kinds(count, StuckKind::none);
    for (std::size_t i = 0; i < count; ++i) {
        if (is_any[i] != 0) kinds[i] = is_low[i] != 0 ? StuckKind::low : StuckKind::high;
    }
    return kinds;
}

void fill_independent(const StuckFaults& faults, const Stream& cells,
                      MatrixView<std::uint8_t> map) {
    for (std::size_t c = 0; c < map.rows; ++c) {
        const auto kinds = draw_kinds(cells, c * map.cols, map.cols, faults.low_rate,
                                      faults.low_rate + faults.high_rate);
        for (std::size_t r = 0; r < map.cols; ++r) map(c, r) = static_cast<std::uint8_t>(kinds[r]);
    }
}

void fill_clusters(const StuckFaults& faults, const Stream& stream, MatrixView<std::uint8_t> map) {
    const auto cells = static_cast<std::size_t>(faults.cluster_cells);
    const std::size_t width = faults.cluster_width();
    const std::size_t height = (cells + width - 1) / width;
    const std::size_t grid_columns = map.rows + width - 1;
    const std::size_t grid_rows = map.cols + height - 1;
    const double any = faults.seed_rate();
    const double low = any * faults.low_rate / (faults.low_rate + faults.high_rate);
    // Which place of its cluster each cell is, of the cluster that decides its kind: the first.
    constexpr auto kFree = std::numeric_limits<std::uint16_t>::max();
    Matrix<std::uint16_t> place(map.rows, map.cols, kFree);
    for (std::size_t c0 = 0; c0 < grid_columns; ++c0) {
        const auto kinds = draw_kinds(stream, c0 * grid_rows, grid_rows, low, any);
        for (std::size_t r0 = 0; r0 < grid_rows; ++r0) {
            if (kinds[r0] == StuckKind::none) continue;
            for (std::size_t k = 0; k < cells; ++k) {
                // Wraps round, and so lies outside, left of and above the array.
                const std::size_t c = c0 + k % width - (width - 1);
                const std::size_t r = r0 + k / width - (height - 1);
                if (c >= map.rows || r >= map.cols || place(c, r) <= k) continue;
                place(c, r) = static_cast<std::uint16_t>(k);
                map(c, r) = static_cast<std::uint8_t>(kinds[r0]);
            }
        }
    }
}

void fill_lines(const StuckFaults& faults, const StuckStreams& streams,
                MatrixView<std::uint8_t> map) {
    const double any = faults.seed_rate();
    const double low = any * faults.low_rate / (faults.low_rate + faults.high_rate);
    const auto rows = draw_kinds(streams.lines, 0, map.cols, low, any);
    const auto columns = draw_kinds(streams.clusters, 0, map.rows, low, any);
    // A broken row decides before a broken column.
    for (std::size_t c = 0; c < map.rows; ++c) {
        for (std::size_t r = 0; r < map.cols; ++r) {
            const StuckKind kind = rows[r] != StuckKind::none ? rows[r] : columns[c];
            map(c, r) = static_cast<std::uint8_t>(kind);
        }
    }
}

}  // namespace

std::size_t StuckFaults::cluster_width() const {
    std::size_t width = 1;
    while (width * width < static_cast<std::size_t>(cluster_cells)) ++width;
    return width;
}

double StuckFaults::seed_rate() const {
    const double p = std::min(low_rate + high_rate, 1.0);
    const double places = spatial == StuckSpatial::cluster ? cluster_cells
                          : spatial == StuckSpatial::line  ? 2
                                                           : 1;
    return -std::expm1(std::log1p(-p) / places);
}

Siemens StuckFaults::conductance(StuckKind kind) const {
    ATTOHM_CHECK(kind != StuckKind::none);
    return 1.0 / (kind == StuckKind::low ? low_resistance : high_resistance);
}

void fill_stuck_map(const StuckFaults& faults, const StuckStreams& streams,
                    MatrixView<std::uint8_t> map) {
    ATTOHM_CHECK(!map.empty());
    for (std::size_t c = 0; c < map.rows; ++c) std::fill_n(map.row(c), map.cols, std::uint8_t{0});
    if (faults.none()) return;
    switch (faults.spatial) {
        case StuckSpatial::independent:
            fill_independent(faults, streams.cells, map);
            break;
        case StuckSpatial::cluster:
            fill_clusters(faults, streams.clusters, map);
            break;
        case StuckSpatial::line:
            fill_lines(faults, streams, map);
            break;
    }
}

namespace {

void set_spatial(const Settings& settings, std::string_view key, const Settings::Call& call,
                 StuckFaults& stuck) {
    if (call.name == "independent") return;
    if (call.name == "line") {
        stuck.spatial = StuckSpatial::line;
        return;
    }
    const double cells = call.argument.value_or(0.0);
    if (cells != std::floor(cells) || cells < 1.0 || cells > kMaxCluster) {
        throw UserError("size of a cluster of stuck cells", settings.entry(key).where,
                        fmt::format("cluster({})", cells),
                        fmt::format("cluster(n), n a whole number from 1 to {}", kMaxCluster));
    }
    stuck.spatial = StuckSpatial::cluster;
    stuck.cluster_cells = static_cast<int>(cells);
}

void load_spatial(const Settings& experiment, const Settings& card, StuckFaults& stuck) {
    constexpr std::string_view kKey = "device.stuck.spatial";
    constexpr std::string_view kCardKey = "stuck.spatial";
    StuckFaults of_card;
    if (card.has(kCardKey))
        set_spatial(card, kCardKey, card.call(kCardKey, {"independent", "cluster(n)", "line"}),
                    of_card);
    const auto given = experiment.call(kKey, {"card", "independent", "cluster(n)", "line"});
    if (given.name != "card") {
        set_spatial(experiment, kKey, given, stuck);
        return;
    }
    if (!card.has(kCardKey)) {
        throw UserError("the device card says nothing of `stuck.spatial`",
                        experiment.entry(kKey).where, fmt::format("{}: card", kKey),
                        "independent, cluster(n) or line, or a card with a section stuck");
    }
    stuck.spatial = of_card.spatial;
    stuck.cluster_cells = of_card.cluster_cells;
}

/// Whether neither card nor experiment says anything of stuck cells.
bool nothing_stuck(const Settings& experiment, const Settings& card) {
    if (has_section(card, "stuck")) return false;
    for (const char* key : {"device.stuck.low_rate", "device.stuck.high_rate"}) {
        const auto given = experiment.real_or(key, "card", {0.0, 1.0});
        if (given.value_or(0.0) != 0.0) return false;
    }
    for (const char* key :
         {"device.stuck.low_resistance_ohm", "device.stuck.high_resistance_ohm"}) {
        experiment.real_or(key, "card", {1e-3, 1e15});
    }
    experiment.call("device.stuck.spatial", {"card", "independent", "cluster(n)", "line"});
    return true;
}

}  // namespace

StuckFaults load_stuck(const Settings& experiment, const Settings& card) {
    StuckFaults stuck;
    if (nothing_stuck(experiment, card)) return stuck;
    const Range rate{0.0, 1.0};
    const Range resistance{1e-3, 1e15};
    const auto read = [&](const std::string& key, Range range) {
        return from_card_or(experiment, "device." + key, card, key, range);
    };
    stuck.low_rate = read("stuck.low_rate", rate);
    stuck.high_rate = read("stuck.high_rate", rate);
    stuck.low_resistance = Ohm::from_value(read("stuck.low_resistance_ohm", resistance));
    stuck.high_resistance = Ohm::from_value(read("stuck.high_resistance_ohm", resistance));
    load_spatial(experiment, card, stuck);
    if (stuck.low_rate + stuck.high_rate > 1.0) {
        throw UserError(
            "stuck-at rates add to more than 1", experiment.entry("device.stuck.low_rate").where,
            fmt::format("{} + {}", stuck.low_rate, stuck.high_rate), "low_rate + high_rate <= 1");
    }
    if (!stuck.none() && stuck.low_resistance > stuck.high_resistance) {
        throw UserError("stuck-at resistances are the wrong way round",
                        experiment.entry("device.stuck.low_resistance_ohm").where,
                        fmt::format("low {} ohm, high {} ohm", stuck.low_resistance.value(),
                                    stuck.high_resistance.value()),
                        "low_resistance_ohm <= high_resistance_ohm");
    }
    return stuck;
}

}  // namespace attohm
