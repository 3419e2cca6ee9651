#include "src/tile/tile_core.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/tile/solved_columns.hpp"
#include "src/tile/threshold_gain.hpp"

namespace attohm {

namespace {

/// I / G of a cell without selector at a voltage; nothing where that is the voltage.
std::function<double(double)> word_line_curve(const TileCircuits& circuits, const Device& device) {
    const CellLaw& cell = device.cell;
    if (cell.iv.is_linear() || cell.selector.law != SelectorLaw::none) return {};
    if (SolvedColumns::needed(circuits, device)) return {};
    return [iv = cell.iv](double v) { return iv.shape(v); };
}

double square(double x) {
    return x * x;
}

}  // namespace

TileCore::TileCore(const TileCircuits& tile, const Mapping& map, const Device& cell_device,
                   const DrawSite& draw_site, MatrixView<const float> stored, std::size_t keys_all)
    : circuits(tile),
      mapping(map),
      device(cell_device),
      site(draw_site),
      n_k(keys_all),
      levels(stored.rows, stored.cols),
      drive(tile.drive, word_line_curve(tile, cell_device)),
      lines(tile.dac, drive, tile.arrays.shape, draw_site, tile.arrays.shape.arrays(stored.rows),
            stored.cols),
      cells(stored, map, device, tile.arrays.shape, draw_site) {
    for (std::size_t j = 0; j < stored.rows; ++j) {
        std::copy_n(stored.row(j), stored.cols, levels.row(j));
    }
    last.assign(n(), LastDecision::none);
    for (std::size_t a = 0; a < lines.groups() && circuits.threshold_inl_lsb > 0.0; ++a) {
        threshold_inl.emplace_back(circuits.threshold_dac.value(), circuits.threshold_inl_lsb,
                                   threshold_inl_stream(site, a));
    }
    look(0);
    draw_offsets();
    calibrate_gains();
}

void TileCore::draw_offsets() {
    offsets.assign(n(), 0.0F);
    const ArrayShape& shape = circuits.arrays.shape;
    const auto sigma = static_cast<float>(comparator_steps(circuits.comparator.offset_sigma));
    for (std::size_t array = 0; array < shape.arrays(n()) && sigma > 0.0F; ++array) {
        const std::size_t first = array * shape.slots();
        const std::size_t count = std::min(shape.slots(), n() - first);
        comparator_offset_stream(site, shape.physical(array, 0, d()))
            .add_normals(0, sigma, std::span(offsets).subspan(first, count));
    }
    if (!circuits.trim) return;
    trim_clamped = circuits.trim->trim(
        offsets, Volt::from_value(1.0 / comparator_steps(Volt::from_value(1.0))));
    trim_measurements =
        circuits.trim->measurements_per_comparator() * static_cast<std::int64_t>(n());
}

void TileCore::calibrate_gains() {
    gains.assign(n(), 1.0F);
    if (circuits.calibration == ThresholdCalibration::none) return;
    gains = threshold_gains(*this);
    const auto groups = static_cast<std::int64_t>(circuits.arrays.shape.arrays(n()));
    gain_measurements = circuits.calibration == ThresholdCalibration::array
                            ? groups
                            : static_cast<std::int64_t>(n());
}

VoltageClass TileCore::look_at(float code, std::span<const double> ages) const {
    VoltageClass one;
    one.code = code;
    ReadState state;
    state.age_s = ages;
    state.step_time = circuits.drive.step_time;
    const double share = code > 0.0F ? static_cast<double>(code) / circuits.drive.q_levels : 1.0;
    state.step_voltage = circuits.drive.v_read * share;
    state.extra_relative_variance =
        SlowReads::white_variance(device, drive, circuits.schedule, n());
    if (SolvedColumns::needed(circuits, device)) {
        // Wires and I-V belong to the solve of every read; here are the cells alone.
        Device bare = device;
        bare.cell = {};
        ArraySettings ideal = circuits.arrays;
        ideal.wires = {};
        one.keys = programmed_keys(cells, levels.view(), mapping, bare, ideal, state);
    } else {
        one.keys = programmed_keys(cells, levels.view(), mapping, device, circuits.arrays, state);
    }
    one.most_variance.assign(d(), static_cast<float>(one.keys.uniform_variance));
    one.variance_sum.assign(d(), one.keys.uniform_variance * static_cast<double>(n()));
    if (one.keys.variance.empty()) return one;
    for (std::size_t j = 0; j < n(); ++j) {
        const float* variance = one.keys.variance.row(j);
        for (std::size_t i = 0; i < d(); ++i) {
            one.most_variance[i] = std::max(one.most_variance[i], variance[i]);
            one.variance_sum[i] += static_cast<double>(variance[i]);
        }
    }
    return one;
}

/// The cells at the ages they have when `query` is read.
void TileCore::look(std::size_t query) {
    classes.clear();
    looked_at_ = query;
    const std::vector<double> ages = circuits.schedule.ages(n(), query);
    const bool selector = device.cell.selector.law != SelectorLaw::none;
    if (!selector || circuits.drive.coding != InputCoding::amplitude ||
        SolvedColumns::needed(circuits, device)) {
        classes.push_back(look_at(0.0F, ages));
        return;
    }
    for (int code = 1; code <= static_cast<int>(circuits.drive.q_levels); ++code) {
        classes.push_back(look_at(static_cast<float>(code), ages));
    }
}

std::size_t TileCore::same_age_until(std::size_t query, std::size_t end) const {
    if (!device.relaxation || n() == 0) return end;
    const ReadSchedule& schedule = circuits.schedule;
    const double t0 = device.relaxation->t0.value();
    const double now = schedule.age(n() - 1, n(), *looked_at_);
    const auto same = [&](std::size_t t) {
        if (schedule.age(0, n(), t) <= t0) return true;
        // The youngest key may be held at t0 still, an older one that has just passed it moves.
        const double elapsed = schedule.age(n() - 1, n(), t) - now;
        return std::log1p(elapsed / std::max(now, t0)) <= kAgeStep;
    };
    std::size_t until = query;
    while (until < end && same(until)) ++until;
    return until;
}

bool TileCore::refresh(std::size_t query) {
    if (same_age_until(query, query + 1) > query) return false;
    look(query);
    return true;
}

ReadBlock TileCore::make_block(std::size_t first, MatrixView<const float> nq,
                               std::span<const float> threshold, const CountedKeys& counted) const {
    ReadBlock block{first, nq, {}, {}, {}, {}, false, threshold, counted};
    block.analog.resize(nq.rows, n());
    block.variance.resize(nq.rows, n());
    if (!lines.none()) {
        drive_arrays(block);
        product(block.values.front(), keys().mean.view(), 0, d(), false, block.analog.view());
        return block;
    }
    const bool codes_are_values = circuits.drive.coding == InputCoding::amplitude &&
                                  !drive.curved() && circuits.drive.repeats == 1;
    for (const VoltageClass& one : classes) {
        Matrix<float> values, squares;
        values.resize(nq.rows, nq.cols);
        squares.resize(nq.rows, nq.cols);
        for (std::size_t t = 0; t < nq.rows; ++t) {
            drive.value_row(nq.row(t), values.row(t), nq.cols);
            if (codes_are_values) {
                square_row(nq.row(t), squares.row(t), nq.cols);
            } else {
                drive.square_row(nq.row(t), squares.row(t), nq.cols);
            }
            if (one.code == 0.0F) continue;
            for (std::size_t i = 0; i < nq.cols; ++i) {
                if (std::abs(nq(t, i)) == one.code) continue;
                values(t, i) = 0.0F;
                squares(t, i) = 0.0F;
            }
        }
        block.values.emplace_back().push_back(std::move(values));
        block.squares.emplace_back().push_back(std::move(squares));
    }
    for (std::size_t c = 0; c < classes.size(); ++c) {
        product(block.values[c], classes[c].keys.mean.view(), 0, d(), c > 0, block.analog.view());
    }
    return block;
}

void TileCore::product(const LineInputs& inputs, MatrixView<const float> columns, std::size_t begin,
                       std::size_t end, bool add, MatrixView<float> out) const {
    const std::size_t lines_of_part = end - begin;
    const float before = add ? 1.0F : 0.0F;
    const MatrixView<const float> cut = columns.columns(begin, lines_of_part);
    if (inputs.size() == 1) {
        sgemm_nt(1.0F, inputs.front().view().columns(begin, lines_of_part), cut, before, out);
        return;
    }
    const ArrayShape& shape = circuits.arrays.shape;
    for (std::size_t a = 0; a < inputs.size(); ++a) {
        const MatrixView<const float> x = inputs[a].view().columns(begin, lines_of_part);
        const std::size_t first = a * shape.slots();
        const std::size_t count = std::min(n(), first + shape.slots()) - first;
        sgemm_nt(1.0F, x, cut.rows_from(first, count).top(count), before,
                 out.columns(first, count));
        if (columns.rows == n()) continue;
        sgemm_nt(1.0F, x, cut.rows_from(n() + a, 1).top(1), before, out.columns(n() + a, 1));
    }
}

void TileCore::know_variance(ReadBlock& block) const {
    if (block.variance_known) return;
    block.variance_known = true;
    for (std::size_t c = 0; c < classes.size(); ++c) {
        const ProgrammedKeys& keys = classes[c].keys;
        if (!keys.variance.empty()) {
            product(block.squares[c], keys.variance.view(), 0, d(), c > 0, block.variance.view());
            continue;
        }
        for (std::size_t a = 0; a < block.squares[c].size(); ++a) {
            const Matrix<float>& squares = block.squares[c][a];
            const std::size_t slots = block.by_array() ? circuits.arrays.shape.slots() : n();
            for (std::size_t t = 0; t < block.rows(); ++t) {
                const double v = sum_row(squares.row(t), d()) * keys.uniform_variance;
                for (std::size_t j = a * slots; j < std::min(n(), (a + 1) * slots); ++j) {
                    const float before = c == 0 ? 0.0F : block.variance(t, j);
                    block.variance(t, j) = before + static_cast<float>(v);
                }
            }
        }
    }
}

float TileCore::variance_bound(const ReadBlock& block, std::size_t t) const {
    double bound = 0.0;
    for (std::size_t a = 0; a < block.squares.front().size(); ++a) {
        double of_array = 0.0;
        for (std::size_t c = 0; c < classes.size(); ++c) {
            for (std::size_t i = 0; i < d(); ++i) {
                of_array += static_cast<double>(block.squares[c][a](t, i)) *
                            static_cast<double>(classes[c].most_variance[i]);
            }
        }
        bound = std::max(bound, of_array);
    }
    constexpr double kRounding = 1.0001;  // of the products that the bound is compared with
    return static_cast<float>(bound * kRounding);
}

void TileCore::add_totals(const ReadBlock& block, TileTotals& totals) const {
    if (lines.none()) {
        add_coded_totals(block, totals);
    } else {
        add_driven_totals(block, totals);
    }
    const auto decisions = static_cast<std::int64_t>(block.rows() * n());
    totals.decisions += decisions;
    totals.noise_variance +=
        static_cast<double>(decisions) * square(comparator_steps(circuits.comparator.noise_sigma));
}

void TileCore::add_coded_totals(const ReadBlock& block, TileTotals& totals) const {
    std::vector<double> cell(d(), 0.0), driver(d(), 0.0), squares(d(), 0.0);
    for (std::size_t t = 0; t < block.rows(); ++t) {
        drive.add_energies(block.codes.row(t), cell.data(), driver.data(), d());
    }
    for (std::size_t c = 0; c < classes.size(); ++c) {
        std::fill(squares.begin(), squares.end(), 0.0);
        for (std::size_t t = 0; t < block.rows(); ++t) {
            add_row(block.squares[c].front().row(t), squares.data(), d());
        }
        for (std::size_t i = 0; i < d(); ++i) {
            totals.noise_variance += squares[i] * classes[c].variance_sum[i];
        }
    }
    const std::vector<double>& conductance = keys().row_conductance_S;
    for (std::size_t i = 0; i < d(); ++i) {
        totals.cell_J += cell[i] * conductance[i];
        totals.driver_J += driver[i] * conductance[i];
    }
}

double TileCore::comparator_steps(Volt v) const {
    // Charge sharing leaves the mean of the parts' voltages: a volt is worth as many steps more.
    const double shared =
        circuits.summation == Summation::charge ? static_cast<double>(parts()) : 1.0;
    return circuits.sense.steps(v) * shared;
}

bool TileCore::constant_offsets() const {
    return circuits.threshold_noise.value() == 0.0 && threshold_inl.empty() &&
           circuits.comparator.hysteresis.value() == 0.0 &&
           circuits.calibration == ThresholdCalibration::none;
}

void TileCore::subtract_reference_noise(ReadBlock& block) const {
    if (keys().reference_variance.empty()) return;
    const ArrayShape& shape = circuits.arrays.shape;
    for (std::size_t array = 0; array < shape.arrays(n()); ++array) {
        const Stream noise = reference_noise_stream(site, array);
        const std::size_t end = std::min(n(), (array + 1) * shape.slots());
        for (std::size_t t = 0; t < block.rows(); ++t) {
            const auto common = static_cast<float>(std::sqrt(reference_variance(block, t, array)) *
                                                   noise.normal(block.first + t));
            for (std::size_t j = array * shape.slots(); j < end; ++j) block.analog(t, j) -= common;
        }
    }
}

void TileCore::key_offsets(const ReadBlock& block, std::size_t t, std::span<float> out) const {
    std::copy(offsets.begin(), offsets.end(), out.begin());
    const ArrayShape& shape = circuits.arrays.shape;
    for (std::size_t array = 0; array < shape.arrays(n()); ++array) {
        const double common = threshold_error(block, t, array);
        if (common == 0.0) continue;
        const std::size_t end = std::min(n(), (array + 1) * shape.slots());
        for (std::size_t j = array * shape.slots(); j < end; ++j) {
            out[j] -= static_cast<float>(common);
        }
    }
    if (circuits.calibration != ThresholdCalibration::none) {
        for (std::size_t j = 0; j < n(); ++j) out[j] += block.threshold[t] * (1.0F - gains[j]);
    }
    if (circuits.comparator.hysteresis.value() > 0.0) {
        for (std::size_t j = 0; j < n(); ++j) {
            out[j] -=
                static_cast<float>(comparator_steps(circuits.comparator.hysteresis_shift(last[j])));
        }
    }
}

/// Noise and static error of the threshold of one array.
double TileCore::threshold_error(const ReadBlock& block, std::size_t t, std::size_t array) const {
    double error = 0.0;
    const double noise = comparator_steps(circuits.threshold_noise);
    if (noise > 0.0) {
        error += noise * threshold_noise_stream(site, array).normal(block.first + t);
    }
    if (!threshold_inl.empty()) {
        // A threshold that the DAC has set is set to the same code again.
        const auto asked = static_cast<double>(block.threshold[t]);
        error += static_cast<double>(
            threshold_inl[array].steps(circuits.threshold_dac->set(asked).code));
    }
    return error;
}

double TileCore::reference_variance(const ReadBlock& block, std::size_t t,
                                    std::size_t array) const {
    double variance = 0.0;
    for (std::size_t c = 0; c < classes.size(); ++c) {
        const Matrix<float>& squares = block.squares[c][block.by_array() ? array : 0];
        const float* reference = classes[c].keys.reference_variance.row(array);
        for (std::size_t i = 0; i < d(); ++i) {
            variance += static_cast<double>(squares(t, i)) * static_cast<double>(reference[i]);
        }
    }
    return variance;
}

bool TileCore::compare(const ReadBlock& block, std::size_t t, std::size_t j, double overdrive,
                       TileTotals& totals) const {
    const Comparator& comparator = circuits.comparator;
    if (!comparator.timing) return overdrive >= 0.0;
    const std::uint64_t index = (block.first + t) * n_k + j;
    const bool coin =
        comparator.undecided == Undecided::coin && metastability_stream(site).below(index, 0.5);
    const Volt volts = Volt::from_value(overdrive / comparator_steps(Volt::from_value(1.0)));
    const Comparator::Decision decision = comparator.decide(volts, coin);
    if (block.counted(t, j)) {
        totals.undecided += decision.undecided ? 1 : 0;
        totals.times.add(comparator.timing->decision_time(volts));
    }
    return decision.keep;
}

void TileCore::remember(const std::uint8_t* keep) {
    if (circuits.comparator.hysteresis.value() == 0.0) return;
    for (std::size_t j = 0; j < n(); ++j) {
        last[j] = circuits.comparator.remembered(keep[j] != 0, true);
    }
}

}  // namespace attohm
