#include <catch2/catch.hpp>
#include <cmath>

#include "tests/tile/tile_pair.hpp"

/// Decisions of the tile against the twin's, one by one, where nothing is drawn in a read: errors
/// of the write, faults, offsets and thresholds are the same draws on both sides.
using namespace attohm;
using namespace attohm::literals;

namespace {

/// Errors of chip and write, none of the read.
TilePairDesign still_design(const std::string& name) {
    TilePairDesign design = silent_design(name);
    make_noisy(design);
    design.device.read_noise = {};
    design.circuits.comparator.noise_sigma = {};
    design.circuits.sense.n_fs = 120.0;
    design.n_q = 40;
    return design;
}

struct Seen {
    std::int64_t decisions = 0, kept = 0, wrong = 0, undecided = 0;
    std::int64_t sense_clipped = 0, column_clipped = 0;
};

/// Every decision at thresholds all over the range. A value that lies within float rounding of its
/// threshold may go either way.
Seen compare_decisions(const TilePair& pair) {
    Seen seen;
    const bool codes = pair.circuits.readout == Readout::adc;
    for (const float share : {-0.61F, -0.27F, -0.083F, 0.011F, 0.13F, 0.35F, 0.77F}) {
        const float threshold = share * static_cast<float>(pair.circuits.sense.n_fs);
        TileTotals totals;
        const Matrix<std::uint8_t> fast = pair.keep(threshold, nullptr, &totals);
        const SprintReferenceRead twin = pair.twin_read(threshold);
        for (std::size_t i = 0; i < fast.size(); ++i) {
            seen.wrong += fast.data()[i] != twin.kept.data()[i] ? 1 : 0;
            seen.kept += fast.data()[i];
        }
        seen.decisions += static_cast<std::int64_t>(fast.size());
        seen.undecided += totals.undecided;
        seen.sense_clipped += totals.sense_clipped;
        seen.column_clipped += totals.column_clipped;
        CHECK(totals.undecided == twin.undecided_count);
        CHECK((codes ? totals.adc_clipped : totals.sense_clipped) == twin.sense_clipped);
        CHECK(totals.column_clipped == twin.column_clipped);
    }
    return seen;
}

/// The twin measures its gains on circuits of its own.
void check_gains(const TilePair& pair) {
    const SprintTile tile = pair.make_tile();
    double least = HUGE_VAL, most = 0.0;
    for (std::size_t j = 0; j < pair.keys(); ++j) {
        const auto gain = static_cast<double>(tile.threshold_gains()[j]);
        CHECK(gain == Approx(pair.settings.threshold_gain[j]).epsilon(1e-6));
        least = std::min(least, gain);
        most = std::max(most, gain);
    }
    CHECK(std::abs(least - 1.0) > 0.01);
    const bool by_array = pair.circuits.calibration == ThresholdCalibration::array;
    CHECK((by_array || most - least > 1e-3));
}

Seen check_decisions(const TilePair& pair) {
    if (pair.circuits.calibration != ThresholdCalibration::none) check_gains(pair);
    const Seen seen = compare_decisions(pair);
    CAPTURE(pair.design.name, seen.decisions, seen.kept);
    CHECK(seen.wrong == 0);
    CHECK(seen.kept > seen.decisions / 20);
    CHECK(seen.kept < seen.decisions * 19 / 20);
    return seen;
}

template <class Change>
void for_mappings(const char* name, Change change) {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        for (const int rows : {64, 7}) {
            TilePairDesign design = still_design(name);
            design.mapping.signs = signs;
            design.circuits.arrays.shape.rows = rows;
            change(design);
            CAPTURE(name, static_cast<int>(signs), rows);
            check_decisions(TilePair(design));
        }
    }
}

}  // namespace

TEST_CASE("offsets, thresholds and full scale decide as in the twin", "[property]") {
    for_mappings("plain", [](TilePairDesign&) {});
    for_mappings("sliced, bit by bit", [](TilePairDesign& d) {
        d.mapping.cell_bits = 2;
        d.circuits.drive.coding = InputCoding::bit_serial;
        d.circuits.drive.signs = DriveSigns::twos_complement;
    });
    for_mappings("pulses", [](TilePairDesign& d) {
        d.circuits.drive.coding = InputCoding::pulse_width;
        d.circuits.drive.signs = DriveSigns::two_phase;
    });
}

TEST_CASE("parts that share their charge decide as in the twin", "[property]") {
    for (const InputCoding coding :
         {InputCoding::amplitude, InputCoding::bit_serial, InputCoding::pulse_width}) {
        for_mappings("charge", [coding](TilePairDesign& d) {
            d.circuits.summation = Summation::charge;
            d.circuits.drive.coding = coding;
            d.circuits.sense.n_fs = 45.0;  // parts clip
        });
    }
}

TEST_CASE("converted parts decide as in the twin", "[property]") {
    for (const int bits : {3, 6, 10}) {
        for_mappings("adc", [bits](TilePairDesign& d) {
            d.circuits.readout = Readout::adc;
            d.circuits.summation = Summation::adc;
            d.adc_bits = bits;
        });
    }
}

TEST_CASE("columns stop at their largest current as in the twin", "[property]") {
    for (const auto& [coding, signs] :
         {std::pair{InputCoding::amplitude, DriveSigns::bipolar},
          std::pair{InputCoding::amplitude, DriveSigns::two_phase},
          std::pair{InputCoding::bit_serial, DriveSigns::bipolar},
          std::pair{InputCoding::bit_serial, DriveSigns::twos_complement},
          std::pair{InputCoding::pulse_width, DriveSigns::bipolar},
          std::pair{InputCoding::pulse_width, DriveSigns::two_phase}}) {
        for (const Signs mapping : {Signs::differential, Signs::offset}) {
            for (const int rows : {64, 7}) {
                TilePairDesign design = still_design("i_max");
                design.mapping.signs = mapping;
                design.circuits.arrays.shape.rows = rows;
                design.circuits.drive.coding = coding;
                design.circuits.drive.signs = signs;
                // About a standard deviation of a column's current.
                const double lines = std::min(rows, 19);
                const double share = coding == InputCoding::amplitude ? 0.4 : 0.7;
                design.i_max_A = share * std::sqrt(lines) * 0.2 * 40e-6;
                CAPTURE(static_cast<int>(coding), static_cast<int>(signs),
                        static_cast<int>(mapping), rows);
                const Seen seen = check_decisions(TilePair(design));
                CHECK(seen.column_clipped > 100);
            }
        }
    }
}

TEST_CASE("comparators remember, run out of time and are trimmed as in the twin", "[property]") {
    for (const HysteresisReset reset :
         {HysteresisReset::head, HysteresisReset::never, HysteresisReset::every}) {
        for_mappings("hysteresis", [reset](TilePairDesign& d) {
            d.circuits.comparator.hysteresis = 60.0_mV;
            d.circuits.comparator.reset = reset;
        });
    }
    for (const Undecided undecided : {Undecided::keep, Undecided::prune, Undecided::coin}) {
        for (const Summation summation : {Summation::current, Summation::charge}) {
            for_mappings("metastable", [=](TilePairDesign& d) {
                // 1 V exp(-(130 - 70) / 20) = 50 mV, a sixth of full scale.
                d.circuits.comparator.timing = DecisionTiming{70e-12_s, 20e-12_s, 1.0_V, 130e-12_s};
                d.circuits.comparator.undecided = undecided;
                d.circuits.comparator.hysteresis = 20.0_mV;
                d.circuits.summation = summation;
            });
        }
    }
    for (const int bits : {1, 3}) {
        for_mappings("trim", [bits](TilePairDesign& d) {
            d.circuits.comparator.offset_sigma = 20.0_mV;
            d.circuits.trim = OffsetTrim(bits, 30.0_mV);
        });
    }
}

TEST_CASE("a calibrated threshold is the twin's", "[property]") {
    for (const ThresholdCalibration calibration :
         {ThresholdCalibration::array, ThresholdCalibration::column}) {
        for_mappings("gains", [calibration](TilePairDesign& d) {
            d.circuits.calibration = calibration;
            d.circuits.arrays.wires.row = Ohm::from_value(40.0);
            d.circuits.arrays.wires.column = Ohm::from_value(60.0);
            d.circuits.arrays.wires.sense = Ohm::from_value(300.0);
            d.circuits.arrays.shape = {std::min(d.circuits.arrays.shape.rows, 20), 9};
            d.n_q = 6;
            if (d.mapping.signs == Signs::offset) d.mapping.cell_bits = 2;
            d.device.temperature_law = Temperature{Kelvin::from_value(300.0), 40.0_uS, -1e-3, 0.05};
            d.device.temperature = Kelvin::from_value(340.0);
        });
    }
}
