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

TEST_CASE("columns that end in ADCs are converted and not compared", "[property]") {
    // 20 queries, 23 keys of 40 elements: arrays of 16 lines and 10 keys, 3 x 3 of them.
    const LayerSpec spec{1, 1, 20, 23, 40, 8, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 65)};
    struct Case {
        std::vector<std::string> set;
        std::int64_t per_key, units, steps;
    };
    const std::vector<Case> cases = {
        {{}, 1, 0, 1},
        {{"array.long_keys=adc"}, 3, 0, 1},
        {{"drive.coding=bit-serial"}, 1, 0, 3},
        {{"drive.coding=bit-serial", "drive.accumulate=digital"}, 3, 0, 3},
        {{"drive.coding=bit-serial", "drive.accumulate=digital", "drive.mode=two-phase",
          "drive.repeats=2", "array.long_keys=adc"},
         36,
         0,
         12},
        {{"mapping.signs=unit-column", "array.long_keys=adc"}, 3, 3 * 3, 1}};
    for (const Case& one : cases) {
        PairDesign design;
        Settings settings = pair_settings(design, write_card(card_text(design)));
        for (const char* key : {"sense.readout=adc", "array.rows=16", "array.columns=10"})
            settings.overlay_assignment(key);
        for (const std::string& key : one.set) settings.overlay_assignment(key);
        const auto scheme = make_calibrated("sprint", settings, layers);
        const SchemeRun run = run_scheme(*scheme, layers[0]);
        const HeadWork& work = run.works[0];
        CAPTURE(one.per_key, one.units, one.steps);
        CHECK(work[Event::adc_conversion] == 20 * (23 * one.per_key + one.units));
        CHECK(work[Event::comparator_decision] == 0);
        CHECK(work[Event::threshold_conversion] == 0);
        CHECK(work[Event::array_read] == 20 * 9 * one.steps);
        CHECK(work[Event::dac_conversion] == 20 * 3 * 40 * one.steps);
        CHECK(work.bits.line_dac() == (one.steps > 1 ? 1 : 4));
        const HeadEvents& events = run.reports[0].events;
        CHECK(events.conversions == 20 * 23 * (one.per_key + one.units / 3));
        CHECK(events.keys == 23);
    }
}

TEST_CASE("what calibrates a chip is counted once for its arrays", "[unit]") {
    // Two query heads share one kv head: the first books it.
    const LayerSpec spec{2, 1, 12, 23, 16, 8, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 66)};
    PairDesign design;
    design.offset_V = 5e-3;
    Settings settings = pair_settings(design, write_card(card_text(design)));
    for (const char* key :
         {"comparator.calibration=trim(5)", "threshold.calibration=column", "array.columns=10"})
        settings.overlay_assignment(key);
    const auto scheme = make_calibrated("sprint", settings, layers);
    const SchemeRun run = run_scheme(*scheme, layers[0]);
    CHECK(run.reports[0].calibration_measurements == 23 * 5 + 23);
    CHECK(run.reports[1].calibration_measurements == 0);
    HeadReport sum;
    add_report(run.reports[0], sum);
    add_report(run.reports[0], sum);  // another sample on the same chip
    CHECK(sum.calibration_measurements == 23 * 6);
    settings.overlay_assignment("threshold.calibration=array");
    const auto arrays = make_calibrated("sprint", settings, layers);
    CHECK(run_scheme(*arrays, layers[0]).reports[0].calibration_measurements == 23 * 5 + 3);
}

TEST_CASE("an array with capacitances reports how long it settles", "[unit]") {
    const LayerSpec spec{1, 1, 6, 8, 16, 8, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 67)};
    PairDesign design;
    Settings settings = pair_settings(design, write_card(card_text(design)));
    const auto settle = [&](const std::vector<std::string>& keys) {
        Settings own = settings;
        own.overlay_assignment("array.rows=16");
        own.overlay_assignment("array.columns=6");
        for (const std::string& key : keys) own.overlay_assignment(key);
        const auto scheme = make_calibrated("sprint", own, layers);
        return run_scheme(*scheme, layers[0]).reports[0].settle_time_s;
    };
    CHECK(settle({}) == 0.0);
    CHECK(settle({"wires.row_ohm=5"}) == 0.0);
    CHECK(settle({"wires.row_fF=3"}) == 0.0);
    const std::vector<std::string> keys = {"wires.row_ohm=5", "wires.column_ohm=2",
                                           "wires.driver_ohm=100", "wires.row_fF=3",
                                           "wires.column_fF=1"};
    // Pairs of 50 uS on average: 10..90 uS. Two columns a key, 8 bits of the threshold DAC.
    WireResistances wires;
    wires.row = Ohm::from_value(5.0);
    wires.column = Ohm::from_value(2.0);
    wires.driver = Ohm::from_value(100.0);
    LineCapacitances lines;
    lines.row = Farad::from_value(3e-15);
    lines.column = Farad::from_value(1e-15);
    const Matrix<double> conductance(16, 12, 50e-6);
    const double expected = settling(conductance.view(), wires, lines).settle_time(8).value();
    CHECK(expected > 0.0);
    CHECK(settle(keys) == Approx(expected).epsilon(1e-9));
}
