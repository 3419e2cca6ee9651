#include "tests/tile/tile_pair.hpp"

#include <cmath>
#include <map>

#include "src/tile/threshold_gain.hpp"
#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/reference/write_verify_reference.hpp"

namespace attohm {

namespace {

using namespace attohm::literals;

reference::VerifyLoop verify_loop(const Device& device, double target_S) {
    const WriteVerify& loop = *device.verify;
    return {device.g_min.value(),
            device.g_floor.value(),
            device.g_ceiling ? device.g_ceiling->value() : HUGE_VAL,
            loop.window_of(Siemens::from_value(target_S)).value(),
            loop.pulse_step.value(),
            loop.pulse_sigma.value(),
            loop.read_sigma_rel,
            loop.pulses_max};
}

/// How the write reaches its value, where that is no normal about the target.
void tell_write(const TilePairDesign& design, SprintReferenceSettings& twin) {
    const Device& device = design.device;
    const DrawSite s = design.site;
    const std::uint64_t d = design.d;
    if (device.simulates_verify()) {
        const auto run = [device, s](double target, const std::vector<std::uint64_t>& ids,
                                     std::uint64_t cell) {
            return reference::verify_cell(verify_loop(device, target), target, s.seed,
                                          static_cast<std::uint32_t>(Purpose::write_verify), ids,
                                          cell)
                .conductance;
        };
        twin.written_S = [=](std::uint64_t plane, std::size_t j, std::size_t i, double target) {
            return run(target, {s.chip, s.bank, s.sample, s.layer, s.kv_head, plane}, j * d + i);
        };
        twin.reference_written_S = [=](std::uint64_t plane, std::size_t a, std::size_t i,
                                       double target) {
            return run(target, {s.chip, s.bank, a, plane}, i);
        };
        return;
    }
    if (device.programming.law == ProgrammingLaw::log_normal) {
        const auto write = [law = device.programming](double target, double z) {
            return law.written(Siemens::from_value(target), z).value();
        };
        twin.written_S = [=](std::uint64_t plane, std::size_t j, std::size_t i, double target) {
            return write(target, programming_stream(s, plane).normal(j * d + i));
        };
        twin.reference_written_S = [=](std::uint64_t plane, std::size_t a, std::size_t i,
                                       double target) {
            return write(target, reference_programming_stream(s, a, plane).normal(i));
        };
        return;
    }
    twin.programming_sigma_S = [law = device.programming](double G) {
        return law.sigma(Siemens::from_value(G)).value();
    };
    twin.programming_bias_S = [law = device.programming](double G) {
        return law.bias(Siemens::from_value(G)).value();
    };
}

void tell_faults(const TilePairDesign& design, SprintReferenceSettings& twin) {
    const StuckFaults& stuck = design.device.stuck;
    twin.stuck_low_rate = stuck.low_rate;
    twin.stuck_high_rate = stuck.high_rate;
    twin.stuck_low_ohm = stuck.low_resistance.value();
    twin.stuck_high_ohm = stuck.high_resistance.value();
    if (stuck.spatial == StuckSpatial::independent) return;
    // Maps of whole arrays, the reference column behind the slots.
    using Maps = std::map<std::pair<std::uint64_t, std::size_t>, Matrix<std::uint8_t>>;
    twin.fault = [stuck, shape = design.circuits.arrays.shape, s = design.site,
                  extra = design.mapping.signs == Signs::differential ? 0U : 1U,
                  maps = std::make_shared<Maps>()](std::uint64_t plane, std::size_t array,
                                                   std::size_t column, std::size_t row) {
        Matrix<std::uint8_t>& map = (*maps)[{plane, array}];
        if (map.empty()) {
            map = Matrix<std::uint8_t>(shape.slots() + extra, shape.word_lines());
            fill_stuck_map(stuck, stuck_streams(s, array, plane), map.view());
        }
        return map(column, row);
    };
}

void tell_cells(const TilePairDesign& design, SprintReferenceSettings& twin) {
    const Device& device = design.device;
    twin.G_min_S = device.g_min.value();
    twin.G_max_S = device.g_max.value();
    twin.G_floor_S = device.g_floor.value();
    if (device.g_ceiling) twin.G_ceiling_S = device.g_ceiling->value();
    tell_write(design, twin);
    tell_faults(design, twin);
    if (device.relaxation) {
        twin.aged_S = [law = *device.relaxation](double G_w, double age, double z) {
            return law.at(Second::from_value(age)).value(Siemens::from_value(G_w), z).value();
        };
        twin.relaxation_t0_s = device.relaxation->t0.value();
    }
    const ReadSchedule& schedule = design.circuits.schedule;
    twin.age_delay_s = schedule.delay.value();
    twin.age_write_interval_s = schedule.write_interval.value();
    twin.age_read_interval_s = schedule.read_interval.value();
    if (device.temperature_law) {
        twin.temperature_factor = [law = *device.temperature_law, T = device.temperature](
                                      double G) { return law.factor(Siemens::from_value(G), T); };
    }
    twin.read_sigma_rel = device.read_noise.sigma_rel * device.read_noise.scale;
    twin.read_sigma_S = device.read_noise.sigma_abs.value() * device.read_noise.scale;
    twin.read_sigma_time_s = device.read_noise.integration_time.value();
    if (!device.cell.iv.is_linear()) {
        twin.iv_shape_V = [iv = device.cell.iv](double V) { return iv.shape(V); };
    }
}

void tell_drive(const TilePairDesign& design, SprintReferenceSettings& twin) {
    const DriveSettings& drive = design.circuits.drive;
    twin.drive = drive.signs == DriveSigns::bipolar     ? ReferenceDrive::bipolar
                 : drive.signs == DriveSigns::two_phase ? ReferenceDrive::two_phase
                                                        : ReferenceDrive::twos_complement;
    twin.coding = drive.coding == InputCoding::amplitude    ? ReferenceCoding::amplitude
                  : drive.coding == InputCoding::bit_serial ? ReferenceCoding::bit_serial
                                                            : ReferenceCoding::pulse_width;
    twin.V_read_V = drive.v_read.value();
    twin.V_dd_V = drive.v_supply.value();
    twin.t_read_s = drive.step_time.value();
}

void tell_comparators(const TilePairDesign& design, SprintReferenceSettings& twin) {
    const TileCircuits& circuits = design.circuits;
    const Comparator& comparator = circuits.comparator;
    twin.v_fs_V = circuits.sense.v_fs.value();
    twin.n_fs = circuits.sense.n_fs;
    twin.i_max_A = design.i_max_A;
    twin.summation = circuits.readout == Readout::adc          ? ReferenceSummation::adc
                     : circuits.summation == Summation::charge ? ReferenceSummation::charge
                                                               : ReferenceSummation::current;
    twin.adc_bits = design.adc_bits;
    twin.comparator_offset_V = comparator.offset_sigma.value();
    twin.comparator_noise_V = comparator.noise_sigma.value();
    twin.threshold_noise_V = circuits.threshold_noise.value();
    if (circuits.trim) {
        twin.offset_residual_V = [trim = *circuits.trim](double o) {
            return trim.trim(Volt::from_value(o)).residual.value();
        };
    }
    twin.hysteresis_V = comparator.hysteresis.value();
    twin.hysteresis_reset = comparator.reset == HysteresisReset::head    ? ReferenceReset::head
                            : comparator.reset == HysteresisReset::never ? ReferenceReset::never
                                                                         : ReferenceReset::every;
    twin.metastable_V = comparator.metastable_window().value();
    twin.metastable = comparator.undecided == Undecided::keep    ? ReferenceMetastable::keep
                      : comparator.undecided == Undecided::prune ? ReferenceMetastable::prune
                                                                 : ReferenceMetastable::coin;
}

}  // namespace

TileCircuits TilePairDesign::finished() const {
    TileCircuits all = circuits;
    all.drive.q_bits = q_bits;
    all.drive.q_levels = std::ldexp(1.0, q_bits - 1) - 1.0;
    const bool amplitude = all.drive.coding == InputCoding::amplitude;
    all.sense.i_lsb = all.drive.v_read * map().dG() / (amplitude ? all.drive.q_levels : 1.0);
    if (i_max_A) all.sense.n_column_max = *i_max_A / all.sense.i_lsb.value();
    all.adc.bits = adc_bits;
    all.adc.range = {all.sense.n_fs, true};
    all.schedule.reads_in_all = n_q;
    all.schedule.read_interval = std::max(all.schedule.read_interval, read_time());
    return all;
}

Second TilePairDesign::read_time() const {
    DriveSettings drive = circuits.drive;
    drive.q_bits = q_bits;
    drive.q_levels = std::ldexp(1.0, q_bits - 1) - 1.0;
    return WordLineDrive(drive).read_time();
}

TilePairDesign silent_design(const std::string& name) {
    TilePairDesign design;
    design.name = name;
    design.device = silent_device("ideal");
    design.device.g_min = 10.0_uS;
    design.device.g_max = 90.0_uS;
    design.circuits.arrays.shape = {64, 9};
    design.circuits.drive.v_read = 0.2_V;
    design.circuits.drive.v_supply = 1.0_V;
    design.circuits.drive.step_time = 10.0_ns;
    design.circuits.sense.v_fs = 300.0_mV;
    design.circuits.sense.n_fs = 400.0;
    return design;
}

void make_noisy(TilePairDesign& design) {
    Device& device = design.device;
    device.programming = {{1e-6, 0.03}, {}, 1.0};
    device.programming.bias_coefficients = {2e-7, -0.01};
    device.read_noise = {0.015, 0.25_uS, 40.0_ns, 1.0};
    device.stuck = {0.01, Ohm::from_value(10e3), 0.02, Ohm::from_value(1e6)};
    design.circuits.comparator.offset_sigma = 8.0_mV;
    design.circuits.comparator.noise_sigma = 3.0_mV;
    design.circuits.threshold_noise = 2.0_mV;
}

OwnedHead coded_head(const TilePairDesign& design) {
    OwnedHead head;
    const int most_q = (1 << (design.q_bits - 1)) - 1;
    const auto fill = [&](Matrix<float>& x, std::size_t rows, int most, std::uint64_t id) {
        x.resize(rows, design.d);
        const Stream stream(design.content, Purpose::synth_content, {id});
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double z = 0.45 * most * stream.normal(i);
            x.data()[i] = static_cast<float>(std::clamp<double>(std::nearbyint(z), -most, most));
        }
    };
    fill(head.q, design.n_q, most_q, 1);
    for (std::size_t t = 1; design.same_query && t < design.n_q; ++t)
        std::copy_n(head.q.row(0), design.d, head.q.row(t));
    fill(head.k, design.n_k, 127, 2);
    head.v.resize(design.n_k, 1);
    return head;
}

SprintReferenceScales coded_scales(const TilePairDesign& design) {
    return {std::ldexp(1.0, design.q_bits - 1) - 1.0, 127.0, 127.0};
}

SprintReferenceSettings twin_settings(const TilePairDesign& design) {
    SprintReferenceSettings twin;
    twin.k_bits = design.k_bits;
    twin.q_bits = design.q_bits;
    twin.signs = design.mapping.signs == Signs::differential ? ReferenceSigns::differential
                                                             : ReferenceSigns::offset;
    twin.cell_bits = design.mapping.cell_bits;
    const ArraySettings& arrays = design.circuits.arrays;
    twin.wires = arrays.wires;
    twin.unwritten =
        arrays.unwritten == Unwritten::open ? ReferenceUnwritten::open : ReferenceUnwritten::reset;
    twin.array_rows = arrays.shape.word_lines();
    twin.array_columns = arrays.shape.slots();
    tell_cells(design, twin);
    tell_drive(design, twin);
    tell_comparators(design, twin);
    twin.age_read_interval_s = design.finished().schedule.read_interval.value();
    return twin;
}

TilePair::TilePair(const TilePairDesign& asked)
    : design(asked),
      data(coded_head(asked)),
      head(data.view()),
      settings(twin_settings(asked)),
      codes(sprint_reference_codes(head, settings, coded_scales(asked))),
      circuits(asked.finished()),
      map(asked.map()),
      levels(head.n_k(), asked.d),
      nq(head.n_q(), asked.d) {
    for (std::size_t i = 0; i < levels.size(); ++i)
        levels.data()[i] = static_cast<float>(codes.k_level.data()[i]);
    for (std::size_t i = 0; i < nq.size(); ++i)
        nq.data()[i] = static_cast<float>(codes.q_line.data()[i]);
    MeanDigits stored(map);
    stored.add(levels.view());
    circuits.stored_digits = stored.values();
    cells = sprint_reference_cells(head, codes, settings, design.site);
    if (circuits.calibration != ThresholdCalibration::none) {
        const bool by_array = circuits.calibration == ThresholdCalibration::array;
        settings.threshold_gain =
            sprint_reference_gains(head, codes, cells, settings, design.site, by_array);
    }
    columns = sprint_reference_columns(head, codes, cells, settings, design.site);
}

SprintTile TilePair::make_tile() const {
    return {circuits, map, design.device, design.site, levels.view(), head.n_k()};
}

Matrix<std::uint8_t> TilePair::keep(float threshold, Matrix<float>* p, TileTotals* totals) const {
    SprintTile tile = make_tile();
    Matrix<std::uint8_t> kept(rows(), keys());
    const std::vector<float> thresholds(rows(), threshold);
    const std::vector<std::uint32_t> ends(rows(), static_cast<std::uint32_t>(keys()));
    if (p != nullptr) p->resize(rows(), keys());
    const TileTotals sums = tile.decide(0, nq.view(), thresholds, {ends, {}}, kept.view(),
                                        p != nullptr ? p->view() : MatrixView<float>{});
    if (totals != nullptr) *totals = sums;
    return kept;
}

SprintReferenceRead TilePair::twin_read(float threshold, std::uint64_t repeat) const {
    return sprint_reference_read(head, codes, cells, std::vector<float>(rows(), threshold),
                                 settings, design.site, repeat);
}

Matrix<double> TilePair::twin_probabilities(float threshold) const {
    return sprint_reference_probabilities(
        head, codes, cells, columns, std::vector<float>(rows(), threshold), settings, design.site);
}

}  // namespace attohm
