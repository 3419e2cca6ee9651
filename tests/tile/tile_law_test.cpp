#include <catch2/catch.hpp>
#include <cmath>

#include "tests/tile/tile_pair.hpp"

/// The tile against the twin on the same chip and write event: cells, means of the outputs and
/// P(keep), one by one.
using namespace attohm;
using namespace attohm::literals;

namespace {

struct Way {
    Signs signs;
    std::optional<int> cell_bits;
    DriveSigns drive;
    InputCoding coding;
    int rows;
};

std::vector<Way> ways() {
    std::vector<Way> all;
    const std::optional<int> whole;
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        for (const std::optional<int> cell_bits :
             {whole, std::optional(1), std::optional(2), std::optional(3)}) {
            for (const auto& [drive, coding] :
                 {std::pair{DriveSigns::bipolar, InputCoding::amplitude},
                  std::pair{DriveSigns::two_phase, InputCoding::amplitude},
                  std::pair{DriveSigns::bipolar, InputCoding::bit_serial},
                  std::pair{DriveSigns::two_phase, InputCoding::bit_serial},
                  std::pair{DriveSigns::twos_complement, InputCoding::bit_serial},
                  std::pair{DriveSigns::bipolar, InputCoding::pulse_width},
                  std::pair{DriveSigns::two_phase, InputCoding::pulse_width}}) {
                for (const int rows : {64, 7})
                    all.push_back({signs, cell_bits, drive, coding, rows});
            }
        }
    }
    return all;
}

TilePairDesign design_of(const Way& way) {
    TilePairDesign design = silent_design("way");
    make_noisy(design);
    design.mapping = {way.signs, way.cell_bits};
    design.circuits.drive.signs = way.drive;
    design.circuits.drive.coding = way.coding;
    design.circuits.arrays.shape.rows = way.rows;
    design.n_q = 8;
    return design;
}

/// Largest difference of the cells that query 0 meets, in dG, over their size.
double worst_cell(const TilePair& pair) {
    const SprintTile tile = pair.make_tile();
    const auto shot =
        sprint_reference_snapshot(pair.head, pair.cells, pair.settings, pair.design.site, 0);
    const double dG = pair.cells.dG_S;
    double worst = 0.0;
    const auto compare = [&](float fast, double twin_S) {
        worst = std::max(worst,
                         std::abs(static_cast<double>(fast) - twin_S / dG) / (twin_S / dG + 1.0));
    };
    REQUIRE(tile.keys().cells.size() == shot.G_S.size());
    for (std::size_t p = 0; p < shot.G_S.size(); ++p) {
        const Matrix<float>& cells = tile.keys().cells[p].conductance;
        for (std::size_t j = 0; j < pair.keys(); ++j) {
            for (std::size_t i = 0; i < pair.design.d; ++i) compare(cells(j, i), shot.G_S[p](j, i));
        }
        for (std::size_t a = 0; a + pair.keys() < cells.rows(); ++a) {
            for (std::size_t i = 0; i < pair.design.d; ++i) {
                compare(cells(pair.keys() + a, i), shot.reference_G_S[p](a, i));
            }
        }
    }
    return worst;
}

/// Largest difference of the means of the outputs over their size.
double worst_mean(const TilePair& pair) {
    const SprintTile tile = pair.make_tile();
    const WordLineDrive drive(pair.circuits.drive, pair.settings.iv_shape_V);
    std::vector<float> x(pair.design.d);
    double worst = 0.0;
    for (std::size_t t = 0; t < pair.rows(); ++t) {
        drive.value_row(pair.nq.row(t), x.data(), x.size());
        for (std::size_t j = 0; j < pair.keys(); ++j) {
            double mean = 0.0, size = 1.0;
            for (std::size_t i = 0; i < x.size(); ++i) {
                const double one =
                    static_cast<double>(x[i]) * static_cast<double>(tile.keys().mean(j, i));
                mean += one;
                size += std::abs(one);
            }
            worst = std::max(worst, std::abs(mean - pair.columns.mean(t, j)) / size);
        }
    }
    return worst;
}

struct WorstP {
    double p = 0.0;
    int judged = 0;
};

/// Largest difference of P(keep) at thresholds all over the range.
WorstP worst_probability(const TilePair& pair) {
    WorstP worst;
    Matrix<float> p;
    const auto n_fs = static_cast<float>(pair.circuits.sense.n_fs);
    for (const float share : {-1.0F, -0.3F, -0.1F, 0.0F, 0.05F, 0.2F, 0.98F, 1.0F}) {
        pair.keep(share * n_fs, &p);
        const Matrix<double> exact = pair.twin_probabilities(share * n_fs);
        for (std::size_t i = 0; i < exact.size(); ++i) {
            REQUIRE(!std::isnan(exact.data()[i]));
            worst.p =
                std::max(worst.p, std::abs(static_cast<double>(p.data()[i]) - exact.data()[i]));
            worst.judged += exact.data()[i] > 0.01 && exact.data()[i] < 0.99 ? 1 : 0;
        }
    }
    return worst;
}

void check_laws(const TilePair& pair) {
    CHECK(worst_cell(pair) < 2e-6);
    CHECK(worst_mean(pair) < 2e-6);
    const WorstP worst = worst_probability(pair);
    CHECK(worst.p < 2e-4);
    CHECK(worst.judged > 50);
}

}  // namespace

TEST_CASE("every mapping under every drive has the twin's laws", "[property]") {
    for (const Way& way : ways()) {
        CAPTURE(static_cast<int>(way.signs), way.cell_bits.value_or(0), static_cast<int>(way.drive),
                static_cast<int>(way.coding), way.rows);
        check_laws(TilePair(design_of(way)));
    }
}

TEST_CASE("a sense circuit clips what the reference column's noise left", "[property]") {
    for (const int rows : {64, 7}) {
        TilePairDesign design = design_of(
            {Signs::offset, std::nullopt, DriveSigns::bipolar, InputCoding::amplitude, rows});
        // A third of the outputs clips; the reference's noise is as large as a column's.
        design.circuits.sense.n_fs = 40.0;
        design.device.read_noise.sigma_rel = 0.1;
        CAPTURE(rows);
        check_laws(TilePair(design));
    }
}

TEST_CASE("cells are the twin's under every law of writing and ageing", "[property]") {
    const auto check = [](const char* what, auto change) {
        for (const Signs signs : {Signs::differential, Signs::offset}) {
            for (const int rows : {64, 7}) {
                TilePairDesign design = silent_design(what);
                make_noisy(design);
                design.mapping.signs = signs;
                design.circuits.arrays.shape.rows = rows;
                design.n_q = 1;
                change(design);
                const TilePair pair(design);
                CAPTURE(what, static_cast<int>(signs), rows);
                CHECK(worst_cell(pair) < 2e-6);
                CHECK(worst_mean(pair) < 3e-6);
                // Counts of keys and references together; ages are those of the first query.
                const auto shot =
                    sprint_reference_snapshot(pair.head, pair.cells, pair.settings, design.site, 0);
                const SprintTile tile = pair.make_tile();
                CHECK(tile.keys().counts.stuck == pair.cells.stuck);
                CHECK(tile.keys().counts.age_clamped == shot.age_clamped);
                if (signs == Signs::offset) continue;
                CHECK(tile.keys().counts.floored == shot.floored);
                CHECK(tile.keys().counts.ceiled == shot.ceiled);
            }
        }
    };
    check("floor and ceiling", [](TilePairDesign& d) {
        d.device.g_floor = 9.0_uS;
        d.device.g_ceiling = 85.0_uS;
    });
    check("table", [](TilePairDesign& d) {
        d.device.programming.law = ProgrammingLaw::table;
        d.device.programming.table_target_S = {0.0, 20e-6, 100e-6};
        d.device.programming.table_sigma_S = {1e-6, 4e-6, 2e-6};
        d.device.programming.table_bias_S = {0.0, 1e-6, -1e-6};
    });
    check("log-normal", [](TilePairDesign& d) {
        d.device.programming.law = ProgrammingLaw::log_normal;
        d.device.programming.sigma_coefficients = {0.2, -500.0};
    });
    check("verify", [](TilePairDesign& d) {
        d.device.programming_mode = ProgrammingMode::verify;
        WriteVerify loop;
        loop.window = 2.0_uS;
        loop.pulse_step = 3.0_uS;
        loop.pulse_sigma = 1.0_uS;
        loop.pulses_max = 50;
        loop.read_sigma_rel = 0.02;
        d.device.verify = loop;
    });
    check("clusters", [](TilePairDesign& d) {
        d.device.stuck.spatial = StuckSpatial::cluster;
        d.device.stuck.cluster_cells = 4;
        d.device.stuck.low_rate = 0.1;
    });
    check("lines", [](TilePairDesign& d) {
        d.device.stuck.spatial = StuckSpatial::line;
        d.device.stuck.high_rate = 0.15;
    });
    check("temperature", [](TilePairDesign& d) {
        d.device.temperature_law = Temperature{Kelvin::from_value(300.0), 40.0_uS, -1e-3, 0.05};
        d.device.temperature = Kelvin::from_value(340.0);
    });
    for (const double delay : {0.0, 1e-3, 3600.0}) {
        const auto age = [delay](TilePairDesign& d, RelaxationLaw law) {
            Relaxation relaxation;
            relaxation.law = law;
            relaxation.t0 = 1e-6_s;
            relaxation.g_max = d.device.g_max;
            if (law == RelaxationLaw::log_time) {
                relaxation.mean_coefficients = {-2e-8, -2e-3};
                relaxation.spread_coefficients = {1e-7, 5e-3};
                relaxation.spread_ln_coefficients = {2e-8, 1e-3};
            } else {
                relaxation.mean_coefficients = {0.01, -0.005};
                relaxation.spread_coefficients = {0.004};
            }
            d.device.relaxation = relaxation;
            d.device.g_floor = 8.0_uS;
            d.circuits.schedule.delay = Second::from_value(delay);
            d.circuits.schedule.write_interval = 1e-7_s;
        };
        check("log-time ages", [&](TilePairDesign& d) { age(d, RelaxationLaw::log_time); });
        check("power ages", [&](TilePairDesign& d) { age(d, RelaxationLaw::power); });
    }
}

TEST_CASE("cells are looked at anew before any of them has aged by a hundredth", "[property]") {
    // Keys 100 ns apart, read every 50 ns from the last write on: some pass t0 in every query.
    TilePairDesign design = silent_design("ageing");
    design.n_q = 120;
    Relaxation relaxation;
    relaxation.t0 = 1e-6_s;
    relaxation.mean_coefficients = {-1e-6};
    design.device.relaxation = relaxation;
    design.circuits.schedule.write_interval = 1e-7_s;
    design.circuits.schedule.read_interval = 5e-8_s;
    const TilePair pair(design);
    SprintTile tile = pair.make_tile();
    Matrix<std::uint8_t> kept(1, pair.keys());
    const auto end = static_cast<std::uint32_t>(pair.keys());
    const float threshold = 0.0F;
    double worst_S = 0.0, moved_S = 0.0;
    for (std::size_t t = 0; t < design.n_q; ++t) {
        tile.decide(t, pair.nq.view().rows_from(t, 1), {&threshold, 1}, {{&end, 1}, {}},
                    kept.view(), {});
        const auto shot =
            sprint_reference_snapshot(pair.head, pair.cells, pair.settings, design.site, t);
        for (std::size_t j = 0; j < pair.keys(); ++j) {
            const double fast_S =
                pair.cells.dG_S * static_cast<double>(tile.keys().cells[0].conductance(j, 0));
            worst_S = std::max(worst_S, std::abs(fast_S - shot.G_S[0](j, 0)));
            moved_S = std::max(moved_S, pair.cells.planes[0].written_S(j, 0) - shot.G_S[0](j, 0));
        }
    }
    CHECK(moved_S > 1.9e-6);
    CHECK(worst_S < 1e-6 * 0.01 + 1e-11);
}

TEST_CASE("a bent cell has the twin's means and variances in every coding", "[property]") {
    for (const InputCoding coding :
         {InputCoding::amplitude, InputCoding::bit_serial, InputCoding::pulse_width}) {
        for (const Signs signs : {Signs::differential, Signs::offset}) {
            TilePairDesign design = silent_design("bent");
            make_noisy(design);
            design.n_q = 6;
            design.mapping.signs = signs;
            design.circuits.drive.coding = coding;
            design.device.cell.iv.law = IvLaw::sinh;
            design.device.cell.iv.v_ref = 0.1_V;
            design.device.cell.iv.v0 = 0.15_V;
            CAPTURE(static_cast<int>(coding), static_cast<int>(signs));
            check_laws(TilePair(design));
        }
    }
}

TEST_CASE("means through wires are those of a dense nodal solve", "[property]") {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        for (const Unwritten unwritten : {Unwritten::open, Unwritten::reset}) {
            for (const int rows : {7, 24}) {
                TilePairDesign design = silent_design("wires");
                make_noisy(design);
                design.n_q = 2;
                design.mapping.signs = signs;
                design.circuits.drive.coding =
                    rows == 7 ? InputCoding::bit_serial : InputCoding::amplitude;
                design.circuits.arrays.shape = {rows, 9};
                design.circuits.arrays.unwritten = unwritten;
                WireResistances& wires = design.circuits.arrays.wires;
                wires.row = Ohm::from_value(20.0);
                wires.column = Ohm::from_value(35.0);
                wires.driver = Ohm::from_value(200.0);
                wires.sense = Ohm::from_value(150.0);
                const TilePair pair(design);
                CAPTURE(static_cast<int>(signs), static_cast<int>(unwritten), rows);
                CHECK(worst_cell(pair) < 2e-6);
                // Of the sum of sizes: conductances are kept in single precision.
                CHECK(worst_mean(pair) < 1e-5);
            }
        }
    }
}

TEST_CASE("the energy of a read is the twin's", "[property]") {
    for (const InputCoding coding :
         {InputCoding::amplitude, InputCoding::bit_serial, InputCoding::pulse_width}) {
        for (const Unwritten unwritten : {Unwritten::open, Unwritten::reset}) {
            TilePairDesign design = design_of({Signs::offset, 2, DriveSigns::two_phase, coding, 7});
            design.circuits.arrays.unwritten = unwritten;
            const TilePair pair(design);
            TileTotals totals;
            pair.keep(0.0F, nullptr, &totals);
            const auto twin =
                sprint_reference(pair.head, 0.0, pair.settings, coded_scales(design), design.site);
            CAPTURE(static_cast<int>(coding), static_cast<int>(unwritten));
            CHECK(totals.cell_J == Approx(twin.cell_energy_J).epsilon(1e-5));
            CHECK(totals.driver_J == Approx(twin.driver_energy_J).epsilon(1e-5));
        }
    }
}
