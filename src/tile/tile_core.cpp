#include "src/tile/tile_core.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/tile/threshold_gain.hpp"

namespace attohm {

namespace {

/// I / G of a cell without selector at a voltage; nothing where that is the voltage.
std::function<double(double)> word_line_curve(const CellLaw& cell) {
    if (cell.iv.is_linear() || cell.selector.law != SelectorLaw::none) return {};
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
      drive(tile.drive, word_line_curve(cell_device.cell)),
      cells(stored, map, device, tile.arrays.shape, draw_site) {
    for (std::size_t j = 0; j < stored.rows; ++j) {
        std::copy_n(stored.row(j), stored.cols, levels.row(j));
    }
    last.assign(n(), LastDecision::none);
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
    measurements += circuits.trim->measurements_per_comparator() * static_cast<std::int64_t>(n());
}

void TileCore::calibrate_gains() {
    gains.assign(n(), 1.0F);
    if (circuits.calibration == ThresholdCalibration::none) return;
    gains = threshold_gains(*this);
    const auto groups = static_cast<std::int64_t>(circuits.arrays.shape.arrays(n()));
    measurements += circuits.calibration == ThresholdCalibration::array
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
    one.keys = programmed_keys(cells, levels.view(), mapping, device, circuits.arrays, state);
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
    if (!selector || circuits.drive.coding != InputCoding::amplitude) {
        classes.push_back(look_at(0.0F, ages));
        return;
    }
    for (int code = 1; code <= static_cast<int>(circuits.drive.q_levels); ++code) {
        classes.push_back(look_at(static_cast<float>(code), ages));
    }
}

std::size_t TileCore::same_age_until(std::size_t query, std::size_t end) const {
    if (!device.relaxation || n() == 0) return end;
    const double t0 = device.relaxation->t0.value();
    const auto log_age = [&](std::size_t t) {
        return std::log(std::max(circuits.schedule.age(n() - 1, n(), t), t0));
    };
    const double now = log_age(*looked_at_);
    std::size_t until = query;
    while (until < end && log_age(until) - now <= kAgeStep) ++until;
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
        block.values.push_back(std::move(values));
        block.squares.push_back(std::move(squares));
    }
    block.analog.resize(nq.rows, n());
    block.variance.resize(nq.rows, n());
    for (std::size_t c = 0; c < classes.size(); ++c) {
        sgemm_nt(1.0F, block.values[c].view(), classes[c].keys.mean.view(), c == 0 ? 0.0F : 1.0F,
                 block.analog.view());
    }
    return block;
}

void TileCore::know_variance(ReadBlock& block) const {
    if (block.variance_known) return;
    block.variance_known = true;
    for (std::size_t c = 0; c < classes.size(); ++c) {
        const ProgrammedKeys& keys = classes[c].keys;
        if (!keys.variance.empty()) {
            sgemm_nt(1.0F, block.squares[c].view(), keys.variance.view(), c == 0 ? 0.0F : 1.0F,
                     block.variance.view());
            continue;
        }
        for (std::size_t t = 0; t < block.rows(); ++t) {
            const double v =
                sum_row(block.squares[c].row(t), block.squares[c].cols()) * keys.uniform_variance;
            for (std::size_t j = 0; j < n(); ++j) {
                const float before = c == 0 ? 0.0F : block.variance(t, j);
                block.variance(t, j) = before + static_cast<float>(v);
            }
        }
    }
}

float TileCore::variance_bound(const ReadBlock& block, std::size_t t) const {
    double bound = 0.0;
    for (std::size_t c = 0; c < classes.size(); ++c) {
        for (std::size_t i = 0; i < d(); ++i) {
            bound += static_cast<double>(block.squares[c](t, i)) *
                     static_cast<double>(classes[c].most_variance[i]);
        }
    }
    constexpr double kRounding = 1.0001;  // of the products that the bound is compared with
    return static_cast<float>(bound * kRounding);
}

void TileCore::add_totals(const ReadBlock& block, TileTotals& totals) const {
    std::vector<double> cell(d(), 0.0), driver(d(), 0.0), squares(d(), 0.0);
    for (std::size_t t = 0; t < block.rows(); ++t) {
        drive.add_energies(block.codes.row(t), cell.data(), driver.data(), d());
    }
    for (std::size_t c = 0; c < classes.size(); ++c) {
        std::fill(squares.begin(), squares.end(), 0.0);
        for (std::size_t t = 0; t < block.rows(); ++t) {
            add_row(block.squares[c].row(t), squares.data(), d());
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
    const auto decisions = static_cast<std::int64_t>(block.rows() * n());
    totals.decisions += decisions;
    totals.noise_variance +=
        static_cast<double>(decisions) * square(comparator_steps(circuits.comparator.noise_sigma));
}

double TileCore::comparator_steps(Volt v) const {
    // Charge sharing leaves the mean of the parts' voltages: a volt is worth as many steps more.
    const double shared =
        circuits.summation == Summation::charge ? static_cast<double>(parts()) : 1.0;
    return circuits.sense.steps(v) * shared;
}

bool TileCore::constant_offsets() const {
    return circuits.threshold_noise.value() == 0.0 &&
           circuits.comparator.hysteresis.value() == 0.0 &&
           circuits.calibration == ThresholdCalibration::none && keys().reference_variance.empty();
}

void TileCore::key_offsets(const ReadBlock& block, std::size_t t, bool with_reference,
                           std::span<float> out) const {
    std::copy(offsets.begin(), offsets.end(), out.begin());
    const ArrayShape& shape = circuits.arrays.shape;
    const std::size_t query = block.first + t;
    const double noise = comparator_steps(circuits.threshold_noise);
    for (std::size_t array = 0; array < shape.arrays(n()); ++array) {
        double common = 0.0;
        if (noise > 0.0) common = noise * threshold_noise_stream(site, array).normal(query);
        if (with_reference && !keys().reference_variance.empty()) {
            double variance = 0.0;
            for (std::size_t c = 0; c < classes.size(); ++c) {
                const float* reference = classes[c].keys.reference_variance.row(array);
                for (std::size_t i = 0; i < d(); ++i) {
                    variance += static_cast<double>(block.squares[c](t, i)) *
                                static_cast<double>(reference[i]);
                }
            }
            common += std::sqrt(variance) * reference_noise_stream(site, array).normal(query);
        }
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

bool TileCore::compare(const ReadBlock& block, std::size_t t, std::size_t j, double overdrive,
                       TileTotals& totals) const {
    const Comparator& comparator = circuits.comparator;
    if (!comparator.timing) return overdrive >= 0.0;
    const std::uint64_t index = (block.first + t) * n_k + j;
    const bool coin =
        comparator.undecided == Undecided::coin && metastability_stream(site).below(index, 0.5);
    const Volt volts = Volt::from_value(overdrive / comparator_steps(Volt::from_value(1.0)));
    const Comparator::Decision decision = comparator.decide(volts, coin);
    totals.undecided += decision.undecided && block.counted(t, j) ? 1 : 0;
    return decision.keep;
}

void TileCore::remember(const std::uint8_t* keep) {
    if (circuits.comparator.hysteresis.value() == 0.0) return;
    for (std::size_t j = 0; j < n(); ++j) {
        last[j] = circuits.comparator.remembered(keep[j] != 0, true);
    }
}

}  // namespace attohm
