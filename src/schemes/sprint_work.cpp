#include "src/schemes/sprint_work.hpp"

#include "src/schemes/row_kernels.hpp"

namespace attohm {

namespace {

/// Ones among the low `bits` bits of the first `cols` codes of every row, two's complement.
template <class Code>
std::int64_t count_ones(const Matrix<Code>& codes, std::size_t cols, int bits) {
    const auto mask = static_cast<std::uint16_t>((1U << bits) - 1U);
    std::int64_t ones = 0;
    for (std::size_t i = 0; i < codes.rows(); ++i)
        ones += count_code_ones(codes.row(i), cols, mask);
    return ones;
}

/// Joule of writing single-level cells: V^2 G t with G_max for a one and G_min for a zero.
double slc_energy(const Device& device, std::int64_t bits, std::int64_t ones) {
    const double v = device.write.slc_pulse_voltage.value();
    const double conductance = static_cast<double>(ones) * device.g_max.value() +
                               static_cast<double>(bits - ones) * device.g_min.value();
    return v * v * device.write.slc_pulse_time.value() * conductance;
}

CellCosts cell_costs(const SprintWorkInputs& in) {
    const Device& device = in.analog.device;
    const WriteModel& write = device.write;
    const double g_mean = 0.5 * (device.g_min.value() + device.g_max.value());
    const double v_read = in.analog.drive.v_read.value();
    const double t_read = in.analog.drive.step_time.value();
    const double v_slc = write.slc_pulse_voltage.value();
    CellCosts costs;
    costs.slc_read_J = v_read * v_read * g_mean * t_read;
    costs.slc_write_J = v_slc * v_slc * g_mean * write.slc_pulse_time.value();
    double conductance = 0.0;
    for (const double g : in.keys.row_conductance_S) conductance += g;
    const auto elements = static_cast<double>(in.keys.mean.size());
    if (elements > 0.0) {
        costs.mlc_sense_J = v_read * v_read * t_read * conductance / elements;
    }
    costs.slc_write_s = write.slc_pulse_time.value();
    costs.mlc_pulse_s = write.mlc_pulse_time.value() + write.verify_time.value();
    return costs;
}

/// Pulses as the write loop counted them, or as many as the card's mean.
void record_mlc_writes(const SprintWorkInputs& in, double conductance, HeadWork& work) {
    const WriteModel& write = in.analog.device.write;
    const WriteVerifyTotals& verify = in.keys.counts.verify;
    if (in.analog.device.simulates_verify()) {
        work[Physical::mlc_write_J] = verify.energy(write).value();
        work[Physical::mlc_write_pulses] = static_cast<double>(verify.pulses);
        return;
    }
    work[Physical::mlc_write_J] = write.mlc_pulses_mean * write.pulse_energy_per_S() * conductance;
    work[Physical::mlc_write_pulses] =
        write.mlc_pulses_mean * static_cast<double>(in.keys.counts.cells);
}

void record_writes(const SprintWorkInputs& in, HeadWork& work) {
    const AttentionHead& head = in.head;
    const Device& device = in.analog.device;
    const int k_msb = work.bits.k_msb;
    const auto elements =
        static_cast<std::int64_t>(head.valid_q) * static_cast<std::int64_t>(head.d());
    std::int64_t bits = elements * work.bits.q;
    std::int64_t ones = count_ones(in.codes.q8, head.d(), work.bits.q);
    if (head.first_of_kv_head) {
        const auto k_elements = static_cast<std::int64_t>(in.codes.k8.rows() * head.d());
        bits += k_elements * (work.bits.k - k_msb);
        ones += count_ones(in.codes.k8, head.d(), work.bits.k - k_msb);
        bits += static_cast<std::int64_t>(in.codes.v8.size()) * work.bits.v;
        ones += count_ones(in.codes.v8, head.dv(), work.bits.v);
        work[Event::mlc_cell_write] = in.keys.counts.cells;
        double conductance = 0.0;
        for (const double g : in.keys.row_conductance_S) conductance += g;
        record_mlc_writes(in, conductance, work);
        if (in.k_msb_copy) work[Event::slc_copy_bit_write] = k_elements * k_msb;
    }
    work[Event::slc_bit_write] = bits;
    work[Physical::slc_write_J] = slc_energy(device, bits, ones);
    if (work[Event::slc_copy_bit_write] > 0) {
        // The MSBs' own ones are those of the whole code less those of its low part.
        const std::int64_t copy_ones = count_ones(in.codes.k8, head.d(), work.bits.k) -
                                       count_ones(in.codes.k8, head.d(), work.bits.k - k_msb);
        work[Physical::slc_write_J] +=
            slc_energy(device, work[Event::slc_copy_bit_write], copy_ones);
    }
}

}  // namespace

ReadCounts read_counts(const AnalogSettings& analog, const Mapping& map,
                       const DriveSettings& settings, std::size_t d) {
    const auto parts = static_cast<std::int64_t>(analog.arrays.shape.parts(d));
    const auto steps = static_cast<std::int64_t>(WordLineDrive(settings).steps());
    ReadCounts counts;
    counts.columns = parts * steps * static_cast<std::int64_t>(map.columns_per_key());
    if (analog.readout != Readout::adc) return counts;
    const bool digital = settings.accumulation == Accumulation::digital;
    const bool alone = analog.summation == Summation::adc;
    counts.conversions = (digital ? steps : 1) * (alone ? parts : 1);
    if (map.signs() == Signs::unit) counts.unit_conversions = counts.conversions;
    counts.key_conversions = counts.conversions + counts.unit_conversions;
    return counts;
}

HeadWork sprint_work(const SprintWorkInputs& in) {
    HeadWork work;
    work.bits.k_msb = in.k_bits.value_or(Mapping::kIdealBits);
    work.bits.q_line = in.q_bits.value_or(0);
    work.bits.k_msb_copy = in.k_msb_copy;
    work.bits.reads_per_decision = static_cast<int>(in.steps);
    work.bits.one_bit_lines = in.analog.drive.coding != InputCoding::amplitude;
    work.cell = cell_costs(in);
    const auto queries = static_cast<std::int64_t>(in.codes.nq.rows());
    const auto keys = static_cast<std::int64_t>(in.codes.m.rows());
    const auto depth = static_cast<std::int64_t>(in.head.d());
    const ArrayShape& shape = in.analog.arrays.shape;
    const auto arrays =
        static_cast<std::int64_t>(shape.arrays(in.codes.m.rows()) * shape.parts(in.head.d()));
    const auto groups = static_cast<std::int64_t>(shape.arrays(in.codes.m.rows()));
    const std::int64_t steps = work.bits.reads_per_decision;
    work[Event::in_memory_mac] = queries * keys * depth;
    work[Event::array_read] = queries * arrays * steps;
    work[Event::dac_conversion] = queries * groups * depth * steps;
    if (in.analog.readout == Readout::comparator) {
        work[Event::comparator_decision] = queries * keys;
        work[Event::threshold_conversion] = queries * groups;
    } else {
        work[Event::adc_conversion] =
            queries * (keys * in.reads.conversions + groups * in.reads.unit_conversions);
    }
    work[Event::copy_q] = queries;
    work[Event::read_p] = queries;
    record_writes(in, work);
    return work;
}

}  // namespace attohm
