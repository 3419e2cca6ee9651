#include <catch2/catch.hpp>
#include <cmath>

#include "tests/schemes/sprint_pair.hpp"

/// What SPRINT says it did: energy against the twin, counts and writes by hand.
using namespace attohm;

namespace {

PairDesign energy_design() {
    PairDesign design;
    design.sigma_uS = {1.0, 0.05};
    design.stuck_low_rate = 0.01;
    design.stuck_high_rate = 0.01;
    design.read_rel = 0.02;
    design.offset_V = 5e-3;
    return design;
}

/// Ones among bits 0 .. bits-1 of the two's complement code.
int ones_below(int code, int bits) {
    int count = 0;
    for (int b = 0; b < bits; ++b) count += (code >> b) & 1;
    return count;
}

/// Bits and ones of a tensor of codes.
struct Bits {
    std::int64_t bits = 0, ones = 0;
    void add(const Matrix<int>& codes, int rows, int low, int high) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
            for (std::size_t c = 0; c < codes.cols(); ++c) {
                bits += high - low;
                ones += ones_below(codes(i, c), high) - ones_below(codes(i, c), low);
            }
        }
    }
    /// 1.4 V, 40 ns, 90 uS for a one, 10 uS for a zero (the test's card).
    double joule() const {
        return 1.4 * 1.4 * 40e-9 *
               (static_cast<double>(ones) * 90e-6 + static_cast<double>(bits - ones) * 10e-6);
    }
};

}  // namespace

TEST_CASE("read energy is the twin's, cell by cell", "[property]") {
    for (const auto& bits :
         {std::optional(1), std::optional(4), std::optional(8), std::optional<int>()}) {
        PairDesign design = energy_design();
        design.k_bits = bits;
        design.v_read_V = 0.17;
        design.read_time_ns = 13.0;
        for (const LayerSpec& spec : awkward_layers()) {
            const std::vector<AttentionLayer> layers = {random_layer(spec, 61)};
            const auto scheme = make_calibrated(
                "sprint", pair_settings(design, write_card(card_text(design))), layers);
            const SchemeRun run = run_scheme(*scheme, layers[0], 7);
            for (int h = 0; h < spec.heads; ++h) {
                const auto twin =
                    run_twin(*scheme, design, head_view(layers[0], 7, h), {}, 7, spec.kv_heads);
                const HeadWork& work = run.works[static_cast<std::size_t>(h)];
                CAPTURE(spec.n_q, h);
                CHECK(work[Physical::in_memory_cell_J] == Approx(twin.cell_energy_J).epsilon(1e-5));
                CHECK(work[Physical::in_memory_driver_J] ==
                      Approx(twin.driver_energy_J).epsilon(1e-5));
                CHECK(twin.cell_energy_J > 0.0);
            }
        }
    }
}

TEST_CASE("work agrees with its shape and its Selection", "[property]") {
    for (const auto k_msb :
         {ReferenceKMsb::stored, ReferenceKMsb::slc_copy, ReferenceKMsb::ideal}) {
        for (const auto rule : {ReferenceEmptyRow::dense, ReferenceEmptyRow::zero}) {
            for (const int columns : {7, 128}) {
                PairDesign design = energy_design();
                design.k_msb = k_msb;
                design.empty_row = rule;
                design.columns = columns;
                design.threshold = "quantile(0.97)";
                for (const LayerSpec& spec : awkward_layers()) {
                    const std::vector<AttentionLayer> layers = {random_layer(spec, 62)};
                    const auto scheme = make_calibrated(
                        "sprint", pair_settings(design, write_card(card_text(design))), layers);
                    const SchemeRun run = run_scheme(*scheme, layers[0]);
                    REQUIRE(run.works.size() == static_cast<std::size_t>(spec.heads));
                    REQUIRE(run.selections.size() == run.works.size());
                    for (std::size_t h = 0; h < run.works.size(); ++h) {
                        const HeadWork& work = run.works[h];
                        CAPTURE(spec.n_q, h, columns, static_cast<int>(k_msb));
                        CHECK_NOTHROW(check_head_work(work, run.selections[h]));
                        const std::int64_t queries = work.shape.valid_q, keys = work.shape.valid_k;
                        const std::int64_t arrays = (keys + columns - 1) / columns;
                        CHECK(work[Event::in_memory_mac] == queries * keys * spec.d);
                        CHECK(work[Event::array_read] == queries * arrays);
                        CHECK(work[Event::dac_conversion] == queries * arrays * spec.d);
                        CHECK(work[Event::threshold_conversion] == queries * arrays);
                        CHECK(work[Event::comparator_decision] == queries * keys);
                        CHECK(work[Event::copy_q] == queries);
                        CHECK(work[Event::read_p] == queries);
                        CHECK(work[Event::softmax_row] == queries);
                        CHECK(work.kept_pairs == run.reports[h].kept_pairs);
                    }
                }
            }
        }
    }
}

TEST_CASE("writes by kind are those of the codes, bit by bit", "[property]") {
    for (const auto k_msb :
         {ReferenceKMsb::stored, ReferenceKMsb::slc_copy, ReferenceKMsb::ideal}) {
        for (const int k_bits : {1, 3, 4, 8}) {
            PairDesign design = energy_design();
            design.k_msb = k_msb;
            design.k_bits = k_bits;
            const LayerSpec spec{4, 2, 30, 35, 20, 24, false, 26, 31, false};
            const std::vector<AttentionLayer> layers = {random_layer(spec, 63)};
            const auto scheme = make_calibrated(
                "sprint", pair_settings(design, write_card(card_text(design))), layers);
            const SchemeRun run = run_scheme(*scheme, layers[0]);
            for (int h = 0; h < 4; ++h) {
                const AttentionHead head = head_view(layers[0], 0, h);
                const auto twin = run_twin(*scheme, design, head, {}, 0, 2);
                const HeadWork& work = run.works[static_cast<std::size_t>(h)];
                // Query heads 0 and 2 write the kv heads that 1 and 3 share.
                const bool writes = h % 2 == 0;
                Bits slc, copy;
                slc.add(twin.codes.q8, 26, 0, 8);
                double mlc_J = 0.0;
                if (writes) {
                    slc.add(twin.codes.k8, 31, 0, 8 - k_bits);
                    slc.add(twin.codes.v8, 31, 0, 8);
                    if (k_msb == ReferenceKMsb::slc_copy) {
                        copy.add(twin.codes.k8, 31, 8 - k_bits, 8);
                    }
                    // Eight pulses of 1.5 V, 50 ns, each with a verify read of 0.2 V, 10 ns.
                    double sum_S = 0.0;
                    for (std::size_t i = 0; i < twin.cells.G_plus_S.size(); ++i) {
                        sum_S += twin.cells.G_plus_S.data()[i] + twin.cells.G_minus_S.data()[i];
                    }
                    mlc_J = 8.0 * (1.5 * 1.5 * 50e-9 + 0.2 * 0.2 * 10e-9) * sum_S;
                }
                CAPTURE(h, k_bits, static_cast<int>(k_msb));
                CHECK(work.shape.first_of_kv_head == writes);
                CHECK(work[Event::mlc_cell_write] == (writes ? 2 * 31 * 20 : 0));
                CHECK(work[Physical::mlc_write_pulses] == (writes ? 8.0 * 2 * 31 * 20 : 0.0));
                CHECK(work[Event::slc_bit_write] == slc.bits);
                CHECK(work[Event::slc_copy_bit_write] == copy.bits);
                CHECK(work[Physical::slc_write_J] == Approx(slc.joule() + copy.joule()));
                CHECK(work[Physical::mlc_write_J] == Approx(mlc_J).epsilon(1e-5));
                CHECK(work.bits.k_msb == k_bits);
                CHECK(work.bits.k_msb_copy == (k_msb == ReferenceKMsb::slc_copy));
            }
        }
    }
}

TEST_CASE("what one cell operation costs follows from the device", "[unit]") {
    PairDesign design;  // no errors
    const LayerSpec spec{1, 1, 10, 12, 16, 8, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 64)};
    const auto scheme =
        make_calibrated("sprint", pair_settings(design, write_card(card_text(design))), layers);
    const SchemeRun run = run_scheme(*scheme, layers[0]);
    const auto twin = run_twin(*scheme, design, head_view(layers[0], 0, 0));
    const CellCosts& cell = run.works[0].cell;
    double pair_S = 0.0;
    for (std::size_t i = 0; i < twin.cells.G_plus_S.size(); ++i) {
        pair_S += (twin.cells.G_plus_S.data()[i] + twin.cells.G_minus_S.data()[i]) / (12.0 * 16.0);
    }
    // Single-level cells are 10 or 90 uS, 50 uS in the mean.
    CHECK(cell.slc_read_J == Approx(0.2 * 0.2 * 50e-6 * 10e-9));
    CHECK(cell.slc_write_J == Approx(1.4 * 1.4 * 50e-6 * 40e-9));
    CHECK(cell.mlc_sense_J == Approx(0.2 * 0.2 * 10e-9 * pair_S).epsilon(1e-5));
    CHECK(cell.slc_write_s == Approx(40e-9));
    CHECK(cell.mlc_pulse_s == Approx(60e-9));
}

TEST_CASE("where the verify loop is run, its own pulses and energy are counted", "[property]") {
    PairDesign design = energy_design();
    design.stuck_low_rate = design.stuck_high_rate = 0.0;
    const std::string loop =
        "verify: {window_uS: 1, pulse_step_uS: 4, pulse_sigma_uS: 1.5, pulses_max: 60, "
        "read_sigma_rel: 0.01, endurance_cycles: none}\n";
    const std::vector<AttentionLayer> layers = {random_layer(awkward_layers().front(), 61)};
    const auto work_of = [&](const std::string& mode) {
        Settings settings = pair_settings(design, write_card(card_text(design) + loop));
        settings.overlay_assignment("device.programming.mode=" + mode);
        const auto scheme = make_calibrated("sprint", settings, layers);
        return run_scheme(*scheme, layers[0], 7).works[0];
    };
    const HeadWork direct = work_of("direct"), verify = work_of("verify");
    const auto cells = static_cast<double>(verify[Event::mlc_cell_write]);
    CHECK(direct[Physical::mlc_write_pulses] == 8.0 * cells);
    const double pulses = verify[Physical::mlc_write_pulses];
    CHECK(pulses == std::floor(pulses));
    CHECK(pulses > cells);
    CHECK(pulses < 60.0 * cells);
    CHECK(pulses != direct[Physical::mlc_write_pulses]);
    // Every pulse ended between the floor and a few steps above the range.
    const double per_siemens = 1.5 * 1.5 * 50e-9 + 0.2 * 0.2 * 10e-9;
    CHECK(verify[Physical::mlc_write_J] > pulses * per_siemens * 5e-6);
    CHECK(verify[Physical::mlc_write_J] < pulses * per_siemens * 110e-6);
}

TEST_CASE("a read voltage beyond the card's range is refused", "[unit]") {
    PairDesign design = energy_design();
    const std::string range =
        "validity: {conductance_uS: [1, 100], age_s: [0, 1], temperature_K: [300, 300], read_V: "
        "[0, "
        "0.15]}\n";
    Settings settings = pair_settings(design, write_card(card_text(design) + range));
    settings.overlay_assignment("drive.v_read_V=0.15");
    CHECK_NOTHROW(load_analog_settings(settings));
    settings.overlay_assignment("drive.v_read_V=0.16");
    CHECK_THROWS_WITH(load_analog_settings(settings),
                      Catch::Contains("voltage across a cell") && Catch::Contains("0 to 0.15 V"));
}
