#include "src/tile/solved_columns.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/tile/sprint_tile.hpp"
#include "tests/crossbar/device/card_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr std::size_t kQueries = 6, kKeys = 9, kDepth = 12;

struct Case {
    TileCircuits circuits;
    Device device = silent_device("ideal");
    DrawSite site{20221, 1, 2, 3, 4, 5, 6};
    Matrix<float> levels{kKeys, kDepth};
    Matrix<float> codes{kQueries, kDepth};

    Case() {
        const Stream stream(9, Purpose::synth_content);
        for (std::size_t i = 0; i < levels.size(); ++i) {
            levels.data()[i] = static_cast<float>(static_cast<int>(stream.word(i) % 16) - 8);
        }
        for (std::size_t i = 0; i < codes.size(); ++i) {
            codes.data()[i] = static_cast<float>(static_cast<int>(stream.word(900 + i) % 15) - 7);
        }
        circuits.arrays.shape = {16, 5};
        circuits.arrays.wires = {3.0_ohm, 2.0_ohm, 100.0_ohm, 50.0_ohm, Drive::one_side};
        circuits.drive.v_read = 0.2_V;
        circuits.drive.v_supply = 1.0_V;
        circuits.drive.step_time = 10.0_ns;
        circuits.drive.q_bits = 4;
        circuits.drive.q_levels = 7.0;
        circuits.sense.v_fs = 300.0_mV;
        circuits.sense.n_fs = 1000.0;
        circuits.schedule.reads_in_all = kQueries;
    }
    Mapping mapping() const { return {device.g_min, device.g_max, 4}; }
    void sinh_cells(Volt v0) {
        device.cell.iv.law = IvLaw::sinh;
        device.cell.iv.v_ref = 0.2_V;
        device.cell.iv.v0 = v0;
        device.cell.iv.v_max = 500.0 * v0.value();
    }
    Matrix<std::uint8_t> keep(float threshold, MatrixView<float> p_keep = {}) const {
        SprintTile tile(circuits, mapping(), device, site, levels.view(), kKeys);
        const std::vector<float> thresholds(kQueries, threshold);
        const std::vector<std::uint32_t> ends(kQueries, kKeys);
        Matrix<std::uint8_t> kept(kQueries, kKeys);
        tile.decide(0, codes.view(), thresholds, {ends, {}}, kept.view(), p_keep);
        return kept;
    }
};

/// Output of one key of one query by a direct solve of its array.
double direct_output(const Case& c, std::size_t t, std::size_t j) {
    const Mapping map = c.mapping();
    const std::size_t slots = c.circuits.arrays.shape.slots();
    const std::size_t first = j / slots * slots, last = std::min(kKeys, first + slots);
    Matrix<double> g(16, 2 * (last - first), 0.0), v(1, 16, 0.0);
    for (std::size_t k = first; k < last; ++k) {
        for (std::size_t i = 0; i < kDepth; ++i) {
            const auto m = static_cast<double>(c.levels(k, i));
            for (std::size_t p = 0; p < 2; ++p) {
                g(i, 2 * (k - first) + p) = map.conductance(map.planes()[p], m).value();
            }
        }
    }
    for (std::size_t i = 0; i < kDepth; ++i) {
        v(0, i) = 0.2 / 7.0 * static_cast<double>(c.codes(t, i));
    }
    const NonlinearArray array(g.view(), c.circuits.arrays.wires, c.device.cell);
    const Matrix<double> current = array.currents(v.view()).current;
    const std::size_t column = 2 * (j - first);
    return (current(0, column) - current(0, column + 1)) / (0.2 / 7.0 * map.dG().value());
}

}  // namespace

TEST_CASE("cells that are not linear behind wires are solved read by read", "[unit]") {
    Case c;
    c.sinh_cells(100.0_mV);
    REQUIRE(SolvedColumns::needed(c.circuits, c.device));
    const SprintTile tile(c.circuits, c.mapping(), c.device, c.site, c.levels.view(), kKeys);
    CHECK(tile.path() == ReadPath::column);
    for (std::size_t t = 0; t < kQueries; t += 2) {
        for (std::size_t j = 0; j < kKeys; ++j) {
            const double expected = direct_output(c, t, j);
            const double step = 1e-3 + 1e-5 * std::abs(expected);
            CHECK(c.keep(static_cast<float>(expected - step))(t, j) == 1);
            CHECK(c.keep(static_cast<float>(expected + step))(t, j) == 0);
        }
    }
}

TEST_CASE("a sinh that is nearly straight decides as the transfer matrix does", "[property]") {
    Case straight;
    Case curved;
    curved.sinh_cells(1000.0_V);
    REQUIRE_FALSE(SolvedColumns::needed(straight.circuits, straight.device));
    for (int threshold = -200; threshold <= 200; threshold += 25) {
        const float between = static_cast<float>(threshold) + 0.37F;
        const Matrix<std::uint8_t> a = straight.keep(between), b = curved.keep(between);
        for (std::size_t i = 0; i < a.size(); ++i) CHECK(a.data()[i] == b.data()[i]);
    }
}

TEST_CASE("noise of solved cells has the law of the first-order noise", "[stat]") {
    Case straight;
    straight.device.read_noise = {0.04, {}, 10.0_ns, 1.0};
    Case curved = straight;
    curved.sinh_cells(1000.0_V);
    constexpr int kReads = 60;
    double kept = 0.0, expected = 0.0, variance = 0.0;
    for (int read = 0; read < 16 * kReads; ++read) {
        // Every threshold has reads of its own.
        const float threshold = static_cast<float>(10 * (read / kReads) - 75) + 0.3F;
        Matrix<float> p(kQueries, kKeys);
        straight.keep(threshold, p.view());
        curved.site.head = static_cast<std::uint64_t>(read);
        const Matrix<std::uint8_t> keep = curved.keep(threshold);
        for (std::size_t i = 0; i < keep.size(); ++i) {
            const auto probability = static_cast<double>(p.data()[i]);
            if (probability < 0.02 || probability > 0.98) continue;
            kept += keep.data()[i];
            expected += probability;
            variance += probability * (1.0 - probability);
        }
    }
    REQUIRE(variance > 100.0);
    CHECK(std::abs(kept - expected) < 5.0 * std::sqrt(variance));
}
