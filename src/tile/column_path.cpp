#include "src/tile/column_path.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/cell_kernels.hpp"
#include "src/base/blas.hpp"

namespace attohm {

/// What is sensed or converted on its own.
struct ColumnPath::Conversion {
    std::size_t part = 0;      ///< of a key; 0 where its parts add before
    double weight = 1.0;       ///< of the step, where bits add digitally
    std::uint64_t number = 0;  ///< among all conversions of a read, for the draws
    Matrix<double> value;      ///< [r, n] steps
    Matrix<double> unit;       ///< [r, groups] output of the unit columns; empty: none
};

/// One step, part and plane of a read.
struct ColumnPath::Place {
    std::size_t step;
    std::size_t part;
    std::size_t plane;
    double weight;         ///< of the column in its conversion
    std::uint64_t number;  ///< of step, pulse and part, for the draws
};

bool ColumnPath::needed(const TileCircuits& circuits, const Device& device, std::size_t parts) {
    const bool alone = parts > 1 && circuits.summation != Summation::current;
    return circuits.readout == Readout::adc || circuits.sense.n_column_max || alone ||
           SolvedColumns::needed(circuits, device);
}

ColumnPath::ColumnPath(TileCore& core) : core_(core) {
    if (digital_steps()) step_groups_ = core_.drive.steps();
    if (parts_alone()) part_groups_ = core_.parts();
    if (converts()) make_adcs();
    if (SolvedColumns::needed(core.circuits, core.device)) solved_.emplace(core);
}

bool ColumnPath::digital_steps() const {
    return core_.circuits.drive.accumulation == Accumulation::digital && core_.drive.steps() > 1;
}

bool ColumnPath::parts_alone() const {
    return core_.parts() > 1 && core_.circuits.summation != Summation::current;
}

bool ColumnPath::converts() const {
    return core_.circuits.readout == Readout::adc;
}

bool ColumnPath::unit_column() const {
    return core_.mapping.signs() == Signs::unit;
}

void ColumnPath::make_adcs() {
    const ArrayShape& shape = core_.circuits.arrays.shape;
    const std::size_t share = core_.circuits.columns_per_adc;
    adcs_per_array_ = (shape.slots() + share - 1) / share;
    const std::size_t arrays = shape.arrays(core_.n()) * core_.parts();
    for (std::size_t a = 0; a < arrays; ++a) {
        for (std::size_t i = 0; i < adcs_per_array_; ++i) {
            adcs_.emplace_back(core_.circuits.adc, adc_static_stream(core_.site, a, i));
        }
        if (unit_column()) {
            reference_adcs_.emplace_back(core_.circuits.adc,
                                         adc_static_stream(core_.site, a, adcs_per_array_));
        }
    }
}

/// Outputs without white noise: the means of the keys, exact integers where nothing went wrong.
std::vector<ColumnPath::Conversion> ColumnPath::make_conversions(const ReadBlock& block) const {
    const std::size_t rows = block.rows(), n = core_.n(), d = core_.d();
    const ArrayShape& shape = core_.circuits.arrays.shape;
    const ProgrammedKeys& keys = core_.keys();
    std::vector<Conversion> conversions;
    Matrix<float> out(rows, n);
    for (std::size_t step = 0; step < step_groups_; ++step) {
        const LineInputs x =
            digital_steps() ? core_.step_inputs(block, step) : block.values.front();
        for (std::size_t part = 0; part < part_groups_; ++part) {
            const std::size_t begin = parts_alone() ? shape.part_begin(part) : 0;
            const std::size_t end = parts_alone() ? shape.part_end(part, d) : d;
            Conversion one{part,
                           digital_steps() ? core_.drive.weight(step) : 1.0,
                           conversions.size(),
                           Matrix<double>(rows, n, 0.0),
                           {}};
            if (solved_) {
                if (unit_column()) one.unit = Matrix<double>(rows, shape.arrays(n), 0.0);
                conversions.push_back(std::move(one));
                continue;
            }
            core_.product(x, keys.mean.view(), begin, end, false, out.view());
            for (std::size_t i = 0; i < out.size(); ++i) {
                one.value.data()[i] = static_cast<double>(out.data()[i]);
            }
            if (unit_column()) add_unit_columns(x, begin, end, one);
            conversions.push_back(std::move(one));
        }
    }
    return conversions;
}

/// A unit column is not subtracted before the ADC: the key's conversion holds it, and its own
/// conversion takes it off again.
void ColumnPath::add_unit_columns(const LineInputs& inputs, std::size_t begin, std::size_t end,
                                  Conversion& conversion) const {
    const ProgrammedKeys& keys = core_.keys();
    const std::size_t n = core_.n(), groups = core_.circuits.arrays.shape.arrays(n);
    const std::size_t rows = inputs.front().rows();
    conversion.unit = Matrix<double>(rows, groups, 0.0);
    for (std::size_t t = 0; t < rows; ++t) {
        for (std::size_t a = 0; a < groups; ++a) {
            const Matrix<float>& x = inputs[inputs.size() > 1 ? a : 0];
            for (std::size_t p = 0; p < keys.cells.size(); ++p) {
                const float* g = keys.column(p).row(n + a);
                for (std::size_t i = begin; i < end; ++i) {
                    conversion.unit(t, a) += keys.cells[p].plane.weight *
                                             static_cast<double>(x(t, i)) *
                                             static_cast<double>(g[i]);
                }
            }
        }
        for (std::size_t j = 0; j < n; ++j) {
            conversion.value(t, j) += conversion.unit(t, core_.circuits.arrays.shape.array_of(j));
        }
    }
}

/// How far a column's draw moves it, less what the limit takes away.
double ColumnPath::drawn_shift(double current, double noise, bool counted,
                               TileTotals& totals) const {
    if (!core_.circuits.sense.n_column_max) return noise;
    const double limit = *core_.circuits.sense.n_column_max;
    const double drawn = current + noise;
    const double inside = std::clamp(drawn, -limit, limit);
    totals.column_clipped += inside != drawn && counted ? 1 : 0;
    return noise - (drawn - inside);
}

void ColumnPath::add_plane(const ReadBlock& block, const Place& place, const LineInputs& x,
                           const Matrix<float>* change, Conversion& conversion,
                           TileTotals& totals) const {
    const ProgrammedKeys& keys = core_.keys();
    const ArrayShape& shape = core_.circuits.arrays.shape;
    const std::size_t n = core_.n(), d = core_.d(), rows = block.rows();
    const Matrix<float>& columns = keys.column(place.plane);
    const std::size_t all = columns.rows();
    const std::size_t begin = shape.part_begin(place.part);
    const std::size_t end = shape.part_end(place.part, d);
    Matrix<float> cell_variance(all, d, 0.0F), mean(rows, all), variance(rows, all);
    for (std::size_t j = 0; j < all; ++j) {
        add_variance(1.0F, static_cast<float>(keys.read_relative),
                     static_cast<float>(keys.read_absolute),
                     keys.cells[place.plane].conductance.row(j), keys.own_row(place.plane, j),
                     cell_variance.row(j), d);
    }
    LineInputs squares = x;
    for (Matrix<float>& of_array : squares) {
        for (std::size_t t = 0; t < rows; ++t)
            core_.drive.step_squares(of_array.row(t), of_array.row(t), d);
    }
    core_.product(x, columns.view(), begin, end, false, mean.view());
    core_.product(squares, cell_variance.view(), begin, end, false, variance.view());
    Matrix<float> memory(rows, all, 0.0F);
    if (change != nullptr) core_.product(x, change->view(), begin, end, false, memory.view());
    AlignedVector<float> normals(n);
    const std::uint64_t id = keys.cells[place.plane].plane.id();
    const Stream stream = column_noise_stream(core_.site, id, place.number);
    std::vector<double> reference(all - n);
    for (std::size_t t = 0; t < rows; ++t) {
        const std::uint64_t query = block.first + t;
        const auto shift_of = [&](std::size_t j, double z, bool counted) {
            const double noise = static_cast<double>(memory(t, j)) +
                                 std::sqrt(static_cast<double>(variance(t, j))) * z;
            return place.weight *
                   drawn_shift(static_cast<double>(mean(t, j)), noise, counted, totals);
        };
        for (std::size_t a = 0; a < reference.size(); ++a) {
            const double z =
                reference_column_noise_stream(core_.site, a, id, place.number).normal(query);
            reference[a] = shift_of(n + a, z, false);
            if (unit_column()) conversion.unit(t, a) += reference[a];
        }
        stream.normals(query * core_.n_k, normals);
        for (std::size_t j = 0; j < n; ++j) {
            double shift = shift_of(j, static_cast<double>(normals[j]), block.counted(t, j));
            if (!reference.empty() && !unit_column()) shift -= reference[shape.array_of(j)];
            conversion.value(t, j) += shift;
        }
    }
}

/// Every column of every step drawn at its output.
void ColumnPath::add_drawn(const ReadBlock& block, SlowReads* slow,
                           std::vector<Conversion>& conversions, TileTotals& totals) const {
    const std::size_t planes = core_.keys().cells.size();
    // A limit acts on currents: pulse by pulse.
    const std::size_t pulses = core_.circuits.sense.n_column_max ? core_.drive.pulses() : 1;
    for (std::size_t step = 0; step < core_.drive.steps(); ++step) {
        std::vector<Matrix<float>> changes;
        if (slow != nullptr) slow->changes(block.first, step, changes);
        for (std::size_t pulse = 0; pulse < pulses; ++pulse) {
            const LineInputs x = pulses == 1 ? core_.step_inputs(block, step)
                                             : core_.pulse_inputs(block, step, pulse);
            for (std::size_t at = 0; at < core_.parts() * planes; ++at) {
                const std::size_t part = at / planes, p = at % planes;
                const std::size_t conversion = conversion_of(step, part);
                const double step_weight = digital_steps() ? 1.0 : core_.drive.weight(step);
                const Place place{step, part, p, step_weight * core_.keys().cells[p].plane.weight,
                                  (step * pulses + pulse) * core_.parts() + part};
                add_plane(block, place, x, slow != nullptr ? &changes[p] : nullptr,
                          conversions[conversion], totals);
            }
        }
    }
}

std::size_t ColumnPath::conversion_of(std::size_t step, std::size_t part) const {
    return (digital_steps() ? step : 0) * part_groups_ + (parts_alone() ? part : 0);
}

/// Every array of every step solved with its cells' own noise.
void ColumnPath::add_solved(const ReadBlock& block, SlowReads* slow,
                            std::vector<Conversion>& conversions, TileTotals& totals) const {
    const std::size_t planes = core_.keys().cells.size(), pulses = core_.drive.pulses();
    const std::size_t columns = core_.keys().cells.front().conductance.rows();
    const std::vector<std::vector<double>> of_part(planes, std::vector<double>(columns));
    std::vector<std::vector<std::vector<double>>> currents(core_.parts(), of_part);
    for (std::size_t step = 0; step < core_.drive.steps(); ++step) {
        std::vector<Matrix<float>> changes;
        if (slow != nullptr) slow->changes(block.first, step, changes);
        for (std::size_t pulse = 0; pulse < pulses; ++pulse) {
            const LineInputs lines = pulses == 1 ? core_.step_inputs(block, step)
                                                 : core_.pulse_inputs(block, step, pulse);
            for (std::size_t t = 0; t < block.rows(); ++t) {
                solved_->read(block.first + t, (step * pulses + pulse) * core_.parts(), lines, t,
                              changes, currents);
                add_solved_read(block, t, step, currents, conversions, totals);
            }
        }
    }
}

void ColumnPath::add_solved_read(const ReadBlock& block, std::size_t t, std::size_t step,
                                 const std::vector<std::vector<std::vector<double>>>& currents,
                                 std::vector<Conversion>& conversions, TileTotals& totals) const {
    const ArrayShape& shape = core_.circuits.arrays.shape;
    const std::size_t n = core_.n();
    const double step_weight = digital_steps() ? 1.0 : core_.drive.weight(step);
    for (std::size_t part = 0; part < core_.parts(); ++part) {
        Conversion& conversion = conversions[conversion_of(step, part)];
        for (std::size_t p = 0; p < currents[part].size(); ++p) {
            const std::vector<double>& current = currents[part][p];
            const double weight = step_weight * core_.keys().cells[p].plane.weight;
            const auto inside = [&](std::size_t j, bool counted) {
                return weight * (current[j] + drawn_shift(current[j], 0.0, counted, totals));
            };
            std::vector<double> reference(current.size() - n);
            for (std::size_t a = 0; a < reference.size(); ++a) {
                reference[a] = inside(n + a, false);
                if (unit_column()) conversion.unit(t, a) += reference[a];
            }
            for (std::size_t j = 0; j < n; ++j) {
                double value = inside(j, block.counted(t, j));
                if (!reference.empty() && !unit_column()) value -= reference[shape.array_of(j)];
                conversion.value(t, j) += value;
            }
        }
    }
}

void ColumnPath::decide(const ReadBlock& block, SlowReads* slow, MatrixView<std::uint8_t> keep,
                        TileTotals& totals) {
    std::vector<Conversion> conversions = make_conversions(block);
    if (solved_) {
        add_solved(block, slow, conversions, totals);
    } else {
        add_drawn(block, slow, conversions, totals);
    }
    Matrix<double> sum(block.rows(), core_.n(), 0.0);
    if (converts() && core_.circuits.adc.bits && !totals.adc_codes)
        totals.adc_codes.emplace(Adc(core_.circuits.adc));
    read_out(block, conversions, sum, totals);
    compare(block, sum, keep, totals);
}

/// Each conversion sensed (clipped) or converted, and added up digitally or as shared charge.
void ColumnPath::read_out(const ReadBlock& block, std::vector<Conversion>& conversions,
                          Matrix<double>& sum, TileTotals& totals) const {
    const double n_fs = core_.circuits.sense.n_fs;
    for (const Conversion& one : conversions) {
        for (std::size_t t = 0; t < block.rows(); ++t) {
            for (std::size_t j = 0; j < core_.n(); ++j) {
                if (converts()) {
                    sum(t, j) += one.weight * converted(block, one, t, j, totals);
                    continue;
                }
                const double value = one.value(t, j);
                const double inside = std::clamp(value, -n_fs, n_fs);
                totals.sense_clipped += inside != value && block.counted(t, j) ? 1 : 0;
                sum(t, j) += inside;
            }
        }
    }
}

double ColumnPath::convert_one(const Adc& adc, double value, double z, bool counted,
                               TileTotals& totals) const {
    const AdcSpec& spec = adc.spec();
    const double noisy = value + spec.errors.noise_sigma * z;
    if (!spec.bits) return noisy + noisy * adc.gain_error() + adc.offset();
    const Adc::Reading reading = adc.code_from_value(noisy);
    if (counted) {
        totals.adc_clipped += reading.clipped ? 1 : 0;
        totals.adc_codes->add(reading);
    }
    return adc.value_from_code(reading.code);
}

/// What the ADC of key j makes of one conversion; a unit column's own conversion is taken off.
double ColumnPath::converted(const ReadBlock& block, const Conversion& one, std::size_t t,
                             std::size_t j, TileTotals& totals) const {
    const ArrayShape& shape = core_.circuits.arrays.shape;
    const std::size_t array = shape.physical(shape.array_of(j), one.part, core_.d());
    const Adc& adc =
        adcs_[array * adcs_per_array_ + shape.slot_of(j) / core_.circuits.columns_per_adc];
    const std::uint64_t query = block.first + t;
    const Stream noise = adc_noise_stream(core_.site, 0, one.number);
    const bool noisy = core_.circuits.adc.errors.noise_sigma > 0.0;
    const double z = noisy ? noise.normal(query * core_.n_k + j) : 0.0;
    const double value = convert_one(adc, one.value(t, j), z, block.counted(t, j), totals);
    if (!unit_column()) return value;
    // One conversion of the unit column serves all keys of the array.
    const Stream unit_noise = adc_noise_stream(core_.site, 1 + array, one.number);
    const double z_unit = noisy ? unit_noise.normal(query) : 0.0;
    return value - convert_one(reference_adcs_[array], one.unit(t, shape.array_of(j)), z_unit,
                               block.counted(t, j), totals);
}

void ColumnPath::compare(const ReadBlock& block, const Matrix<double>& sum,
                         MatrixView<std::uint8_t> keep, TileTotals& totals) const {
    const std::size_t n = core_.n();
    AlignedVector<float> offsets(n), normals(n, 0.0F);
    const double sigma_c = core_.comparator_steps(core_.circuits.comparator.noise_sigma);
    for (std::size_t t = 0; t < block.rows(); ++t) {
        const auto threshold = static_cast<double>(block.threshold[t]);
        if (converts()) {
            for (std::size_t j = 0; j < n; ++j) {
                // In float as thresholds are: equal codes tie, however their sum was rounded.
                const float level = block.threshold[t] * core_.gains[j];
                keep(t, j) = static_cast<float>(sum(t, j)) >= level ? 1 : 0;
            }
            continue;
        }
        core_.key_offsets(block, t, offsets);
        comparator_noise_stream(core_.site).normals((block.first + t) * core_.n_k, normals);
        for (std::size_t j = 0; j < n; ++j) {
            const double overdrive = sum(t, j) + static_cast<double>(offsets[j]) +
                                     sigma_c * static_cast<double>(normals[j]) - threshold;
            keep(t, j) = core_.compare(block, t, j, overdrive, totals) ? 1 : 0;
        }
        core_.remember(keep.row(t));
    }
}

}  // namespace attohm
