#include "crossbar/array/plain_read.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/noisy_product.hpp"
#include "crossbar/array/plain_array.hpp"
#include "crossbar/array/slow_state.hpp"
#include "crossbar/array/telegraph_state.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// The array as the output sees it, in units of its largest gain.
struct Seen {
    Matrix<float> gain;      ///< [rows, columns]
    Matrix<float> variance;  ///< [rows, columns] of the white noise of one read
    Matrix<float> weight;    ///< [columns, rows] what a relative change of 1 of a cell moves
    double unit_S = 1.0;
};

/// Solves the wires and says what they did.
void see_through_wires(MatrixView<const double> g, const WireResistances& wires,
                       Matrix<double>& gain, Matrix<double>& own, PlainReads& reads) {
    WireSensitivity solved = solve_sensitivity(g, wires);
    for (std::size_t r = 0; r < g.rows; ++r) {
        for (std::size_t c = 0; c < g.cols; ++c) {
            gain(r, c) = solved.base.transfer(c, r);
            own(r, c) = solved.own(c, r);
        }
    }
    reads.wired = true;
    reads.residual = solved.base.residual;
    reads.coupling = solved.coupling;
}

Seen see(MatrixView<const double> g, const Device& device, const PlainReadSettings& settings,
         double slow_white, PlainReads& reads) {
    Matrix<double> gain(g.rows, g.cols), own(g.rows, g.cols, 1.0);
    for (std::size_t r = 0; r < g.rows; ++r) std::copy_n(g.row(r), g.cols, gain.row(r));
    if (!settings.wires.none()) see_through_wires(g, settings.wires, gain, own, reads);
    const Matrix<double> white = white_variance(g, device, settings.read_time);
    Seen seen{Matrix<float>(g.rows, g.cols), Matrix<float>(g.rows, g.cols),
              Matrix<float>(g.cols, g.rows), 0.0};
    for (std::size_t i = 0; i < gain.size(); ++i)
        seen.unit_S = std::max(seen.unit_S, std::abs(gain.data()[i]));
    if (seen.unit_S == 0.0) seen.unit_S = 1.0;
    for (std::size_t r = 0; r < g.rows; ++r) {
        for (std::size_t c = 0; c < g.cols; ++c) {
            const double variance = white(r, c) + slow_white * g(r, c) * g(r, c);
            const double moved = own(r, c) / seen.unit_S;
            seen.gain(r, c) = static_cast<float>(gain(r, c) / seen.unit_S);
            seen.variance(r, c) = static_cast<float>(variance * moved * moved);
            seen.weight(c, r) = static_cast<float>(moved * g(r, c));
            if (g(r, c) > 0.0)
                reads.largest_step = std::max(reads.largest_step, std::sqrt(variance) / g(r, c));
        }
    }
    return seen;
}

void check(MatrixView<const double> v, const Device& device, const PlainReadSettings& settings) {
    if (!device.cell.is_linear())
        throw UserError("the card has a non-linear current, which a product of matrices has not",
                        "device.iv", device.card, "--set device.iv=linear, or `crossbar solve`");
    const bool memory = !device.slow_noise.none() || !device.telegraph.none();
    if (memory && !settings.read_interval)
        throw UserError("the card has noise with memory: the time between reads decides it",
                        "--read-interval-ns", device.card,
                        "a time from one read to the next, or device.slow_noise.scale=0 and "
                        "device.telegraph.scale=0");
    if (settings.read_interval && *settings.read_interval < settings.read_time)
        throw UserError(
            "reads follow each other faster than they end", "--read-interval-ns",
            fmt::format("{:g} ns", settings.read_interval->value() * 1e9),
            fmt::format("at least the read time, {:g} ns", settings.read_time.value() * 1e9));
    if (settings.reads < settings.first + v.rows)
        throw UserError("fewer reads in the pass than are made", "--reads",
                        fmt::format("{}", settings.reads),
                        fmt::format("at least {}", settings.first + v.rows));
    for (std::size_t b = 0; b < v.rows; ++b) {
        for (std::size_t r = 0; r < v.cols; ++r)
            device.validity.require_read(Volt::from_value(v(b, r)),
                                         fmt::format("v_in_V[{}, {}]", b, r));
    }
}

ReadTiming timing_of(const PlainReadSettings& settings) {
    const Second interval = settings.read_interval.value_or(settings.read_time);
    const auto further = static_cast<double>(std::max<std::uint64_t>(settings.reads, 1) - 1);
    return {settings.read_time, interval, interval * further + settings.read_time};
}

/// The frozen part moves the gain of its cell.
void freeze(const SlowSplit& split, const SlowDraws& draws, double age_s, Seen& seen) {
    Matrix<float> change(seen.weight.rows(), seen.weight.cols(), 0.0F);
    add_frozen_noise(split, draws, {&age_s, 1}, seen.weight.view(), change.view());
    for (std::size_t c = 0; c < change.rows(); ++c) {
        for (std::size_t r = 0; r < change.cols(); ++r) seen.gain(r, c) += change(c, r);
    }
}

}  // namespace

PlainReads read_plain(MatrixView<const double> conductance_S, MatrixView<const double> v_in_V,
                      const Device& device, const PlainReadSettings& settings) {
    ATTOHM_CHECK_EQ(v_in_V.cols, conductance_S.rows);
    check(v_in_V, device, settings);
    const ReadTiming timing = timing_of(settings);
    const NoiseReference reference{device.programming.measured_at, {}};
    SlowSplit split;
    if (!device.slow_noise.none())
        split = SlowSplit(device.slow_noise, reference, timing, settings.age, settings.age);
    PlainReads reads;
    reads.memory = !device.slow_noise.none() || !device.telegraph.none();
    Seen seen = see(conductance_S, device, settings, split.white_variance(), reads);
    const double age_s = settings.age.value();
    const SlowDraws draws = slow_draws(settings.site, 0);
    if (split.has_frozen()) freeze(split, draws, age_s, seen);

    Matrix<float> v(v_in_V.rows, v_in_V.cols);
    for (std::size_t b = 0; b < v.rows(); ++b) {
        for (std::size_t r = 0; r < v.cols(); ++r) v(b, r) = static_cast<float>(v_in_V(b, r));
    }
    const std::size_t rows = conductance_S.rows, columns = conductance_S.cols;
    reads.current_A = Matrix<float>(v.rows(), columns);
    reads.sigma_A = Matrix<float>(v.rows(), columns);
    NoisyProduct(seen.gain.view(), seen.variance.view())
        .read(column_noise_stream(settings.site, 0), settings.first, v.view(),
              reads.current_A.view(), reads.sigma_A.view());
    const ReadOrder order{settings.first, 1, 1};
    if (split.tracks())
        SlowState(split, draws, columns, rows, {&age_s, 1})
            .add_to(order, v.view(), seen.weight.view(), reads.current_A.view());
    if (!device.telegraph.none())
        TelegraphState(device.telegraph, reference, timing, telegraph_draws(settings.site, 0),
                       columns, rows, {&age_s, 1})
            .add_to(order, v.view(), seen.weight.view(), reads.current_A.view());
    for (Matrix<float>* out : {&reads.current_A, &reads.sigma_A}) {
        for (std::size_t i = 0; i < out->size(); ++i)
            out->data()[i] = static_cast<float>(static_cast<double>(out->data()[i]) * seen.unit_S);
    }
    return reads;
}

}  // namespace attohm
