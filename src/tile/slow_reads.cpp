#include "src/tile/slow_reads.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/tile/tile_core.hpp"

namespace attohm {

namespace {

/// Time of one step and from one to the next.
ReadTiming step_timing(const WordLineDrive& drive, const ReadSchedule& schedule) {
    const auto steps = static_cast<double>(drive.steps());
    const Second step = drive.read_time() / steps;
    ReadTiming timing;
    timing.read_time = step;
    timing.read_interval = std::max(step, schedule.read_interval / steps);
    const auto reads = static_cast<double>(schedule.reads_in_all) * steps;
    timing.pass_time = timing.read_interval * (reads - 1.0) + step;
    return timing;
}

NoiseReference noise_reference(const Device& device) {
    NoiseReference reference{device.programming.measured_at, std::nullopt};
    if (device.simulates_verify()) reference.verified_at = Second{};
    return reference;
}

/// Root of the sum over the columns of a key of (weight d transfer / d ln G)^2.
Matrix<float> effective_amplitude(const ProgrammedKeys& keys, std::optional<std::size_t> plane) {
    const std::size_t rows = keys.cells.front().conductance.rows();
    const std::size_t d = keys.cells.front().conductance.cols();
    Matrix<float> amplitude(rows, d, 0.0F);
    for (std::size_t p = 0; p < keys.cells.size(); ++p) {
        if (plane && *plane != p) continue;
        const auto weight = static_cast<float>(plane ? 1.0 : keys.cells[p].plane.weight);
        for (std::size_t j = 0; j < rows; ++j) {
            const float* g = keys.cells[p].conductance.row(j);
            const float* own = keys.own_row(p, j);
            for (std::size_t i = 0; i < d; ++i) {
                const float a = weight * g[i] * (own != nullptr ? own[i] : 1.0F);
                amplitude(j, i) += a * a;
            }
        }
    }
    for (std::size_t i = 0; i < amplitude.size(); ++i) {
        amplitude.data()[i] = std::sqrt(amplitude.data()[i]);
    }
    return amplitude;
}

/// Signed share of one column's cells in the output of their key.
Matrix<float> column_weight(const ProgrammedKeys& keys, std::size_t plane, double weight) {
    const CellPlane& cells = keys.cells[plane];
    Matrix<float> all(cells.conductance.rows(), cells.conductance.cols());
    for (std::size_t j = 0; j < all.rows(); ++j) {
        const float* own = keys.own_row(plane, j);
        for (std::size_t i = 0; i < all.cols(); ++i) {
            all(j, i) = static_cast<float>(weight) * cells.conductance(j, i) *
                        (own != nullptr ? own[i] : 1.0F);
        }
    }
    return all;
}

}  // namespace

SlowSplit SlowReads::split(const Device& device, const WordLineDrive& drive,
                           const ReadSchedule& schedule, std::size_t keys) {
    return {device.slow_noise, noise_reference(device), step_timing(drive, schedule),
            Second::from_value(schedule.pass_age(keys - 1, keys)),
            Second::from_value(schedule.pass_age(0, keys))};
}

double SlowReads::white_variance(const Device& device, const WordLineDrive& drive,
                                 const ReadSchedule& schedule, std::size_t keys) {
    if (device.slow_noise.none()) return 0.0;
    return split(device, drive, schedule, keys).white_variance() *
           static_cast<double>(drive.pulses());
}

SlowReads::SlowReads(const Device& device, const WordLineDrive& drive, const ReadSchedule& schedule,
                     const DrawSite& site, const ArrayShape& shape, const ProgrammedKeys& keys,
                     bool by_plane)
    : device_(device),
      drive_(drive),
      schedule_(schedule),
      site_(site),
      shape_(shape),
      n_(keys.mean.rows()),
      d_(keys.mean.cols()),
      groups_(keys.cells.front().conductance.rows() - n_),
      by_plane_(by_plane),
      reference_(noise_reference(device)) {
    for (std::size_t j = 0; j < n_; ++j) ages_.push_back(schedule.pass_age(j, n_));
    const bool slow = !device.slow_noise.none();
    const bool traps = !device.telegraph.none();
    if (slow) split_ = split(device, drive, schedule, n_);
    const bool tracked = slow && split_.tracks();
    for (std::size_t p = 0; p < keys.cells.size(); ++p) {
        const bool gaussian = tracked && (by_plane_ || p == 0);
        if (gaussian || traps) {
            followed_.push_back(follow(keys.cells[p].plane.id(), gaussian, traps));
        }
    }
    tracks_ = !followed_.empty();
}

SlowReads::Followed SlowReads::follow(std::uint64_t plane, bool slow, bool traps) const {
    Followed followed;
    followed.draws = plane;
    const ReadTiming timing = step_timing(drive_, schedule_);
    const auto add = [&](std::size_t first, std::size_t count, std::span<const double> ages,
                         const SlowDraws& slow_draws, const TelegraphDraws& trap_draws) {
        Columns columns{first, count, std::nullopt, std::nullopt};
        if (slow) columns.slow.emplace(split_, slow_draws, count, d_, ages);
        if (traps) {
            columns.traps.emplace(device_.telegraph, reference_, timing, trap_draws, count, d_,
                                  ages);
        }
        followed.columns.push_back(std::move(columns));
    };
    add(0, n_, ages_, slow_draws(site_, plane), telegraph_draws(site_, plane));
    const double oldest = *std::max_element(ages_.begin(), ages_.end());
    for (std::size_t a = 0; a < groups_; ++a) {
        add(n_ + a, 1, {&oldest, 1}, reference_slow_draws(site_, a, plane),
            reference_telegraph_draws(site_, a, plane));
    }
    return followed;
}

void SlowReads::look(ProgrammedKeys& keys) {
    if (!device_.slow_noise.none() && split_.has_frozen()) add_frozen(keys);
    for (std::size_t f = 0; f < followed_.size(); ++f) {
        Followed& followed = followed_[f];
        const bool gaussian = followed.columns.front().slow.has_value();
        const bool traps = followed.columns.front().traps.has_value();
        // Planes are followed in their order; where only one is, it is the first.
        const std::size_t p = f;
        if (gaussian) {
            followed.amplitude =
                effective_amplitude(keys, by_plane_ ? std::optional(p) : std::nullopt);
        }
        if (traps) {
            followed.weight = column_weight(keys, p, by_plane_ ? 1.0 : keys.cells[p].plane.weight);
        }
    }
}

/// The frozen part goes into what the products take: one draw per element for the means of the
/// keys, or one per column where the columns are looked at alone.
void SlowReads::add_frozen(ProgrammedKeys& keys) const {
    const double oldest = *std::max_element(ages_.begin(), ages_.end());
    const auto freeze = [&](std::uint64_t plane, const Matrix<float>& amplitude,
                            Matrix<float>& values) {
        add_frozen_noise(split_, slow_draws(site_, plane), ages_, amplitude.view().top(n_),
                         values.view().top(n_));
        for (std::size_t a = 0; a < groups_; ++a) {
            const MatrixView<const float> one{amplitude.row(n_ + a), 1, d_};
            const MatrixView<float> to{values.row(n_ + a), 1, d_};
            add_frozen_noise(split_, reference_slow_draws(site_, a, plane), {&oldest, 1}, one, to);
        }
    };
    if (!by_plane_) {
        Matrix<float> change(n_ + groups_, d_, 0.0F);
        freeze(0, effective_amplitude(keys, std::nullopt), change);
        for (std::size_t j = 0; j < n_; ++j) {
            const float* reference = groups_ > 0 ? change.row(n_ + shape_.array_of(j)) : nullptr;
            for (std::size_t i = 0; i < d_; ++i) {
                keys.mean(j, i) += change(j, i) - (reference != nullptr ? reference[i] : 0.0F);
            }
        }
        return;
    }
    for (std::size_t p = 0; p < keys.cells.size(); ++p) {
        Matrix<float> columns = keys.column(p);
        freeze(keys.cells[p].plane.id(), effective_amplitude(keys, p), columns);
        keys.shift_column(p, columns, shape_);
    }
}

void SlowReads::add_columns(Columns& columns, const Followed& followed, const ReadOrder& order,
                            MatrixView<const float> x, MatrixView<float> out) const {
    if (columns.slow) {
        columns.slow->add_to(order, x, {followed.amplitude.row(columns.first), columns.count, d_},
                             out);
    }
    if (columns.traps) {
        columns.traps->add_to(order, x, {followed.weight.row(columns.first), columns.count, d_},
                              out);
    }
}

/// One step of consecutive queries: all keys, references taken off.
void SlowReads::add_reads(const ReadOrder& order, MatrixView<const float> x,
                          MatrixView<float> analog) {
    Matrix<float> reference(x.rows, 1);
    for (Followed& followed : followed_) {
        add_columns(followed.columns.front(), followed, order, x, analog);
        for (std::size_t a = 0; a < groups_; ++a) {
            std::fill_n(reference.data(), x.rows, 0.0F);
            add_columns(followed.columns[1 + a], followed, order, x, reference.view());
            const std::size_t end = std::min(n_, (a + 1) * shape_.slots());
            for (std::size_t t = 0; t < x.rows; ++t) {
                for (std::size_t j = a * shape_.slots(); j < end; ++j) {
                    analog(t, j) -= reference(t, 0);
                }
            }
        }
    }
}

void SlowReads::add_to(std::size_t first, MatrixView<const float> codes, MatrixView<float> analog) {
    const std::size_t steps = drive_.steps();
    const std::uint64_t read = (schedule_.first_read + first) * steps;
    if (steps == 1) {
        Matrix<float> values(codes.rows, d_);
        for (std::size_t t = 0; t < codes.rows; ++t) {
            drive_.value_row(codes.row(t), values.row(t), d_);
        }
        add_reads({read, 1}, values.view(), analog);
        return;
    }
    Matrix<float> x(1, d_);
    for (std::size_t t = 0; t < codes.rows; ++t) {
        for (std::size_t step = 0; step < steps; ++step) {
            drive_.step_row(step, codes.row(t), x.row(0), d_);
            const auto weight = static_cast<float>(drive_.weight(step));
            for (std::size_t i = 0; i < d_; ++i) x(0, i) *= weight;
            add_reads({read + t * steps + step, 1}, x.view(), {analog.row(t), 1, n_});
        }
    }
}

void SlowReads::marginal_law(const Matrix<float>& quiet_mean, const TileCore& core,
                             ReadBlock& block) const {
    const auto repeats = static_cast<std::size_t>(drive_.settings().repeats);
    const Second apart = step_timing(drive_, schedule_).read_interval *
                         static_cast<double>(drive_.steps() / repeats);
    const Second age = Second::from_value(ages_.back());
    const double slow =
        device_.slow_noise.none() ? 0.0 : split_.memory_variance(age, repeats, apart);
    const double traps =
        device_.telegraph.none()
            ? 0.0
            : device_.telegraph.variance(step_timing(drive_, schedule_).read_time.value());
    const auto relative = static_cast<float>(slow + traps);
    Matrix<float> variance = effective_amplitude(core.keys(), std::nullopt);
    for (std::size_t i = 0; i < variance.size(); ++i)
        variance.data()[i] *= relative * variance.data()[i];
    const LineInputs& values = block.values.front();
    LineInputs squares;
    for (const Matrix<float>& of_array : values) {
        Matrix<float> squared(block.rows(), d_);
        for (std::size_t t = 0; t < block.rows(); ++t) {
            square_row(of_array.row(t), squared.row(t), d_);
        }
        squares.push_back(std::move(squared));
    }
    core.product(values, quiet_mean.view(), 0, d_, false, block.analog.view());
    core.product(squares, variance.view().top(n_), 0, d_, true, block.variance.view());
    add_reference_variance(squares, variance, block);
}

/// Noise with memory of the reference columns, which all keys of a group share.
void SlowReads::add_reference_variance(const LineInputs& squares, const Matrix<float>& variance,
                                       ReadBlock& block) const {
    for (std::size_t a = 0; a < groups_; ++a) {
        const Matrix<float>& lines = squares[squares.size() > 1 ? a : 0];
        const float* cells = variance.row(n_ + a);
        const std::size_t end = std::min(n_, (a + 1) * shape_.slots());
        for (std::size_t t = 0; t < block.rows(); ++t) {
            double common = 0.0;
            for (std::size_t i = 0; i < d_; ++i) {
                common += static_cast<double>(lines(t, i)) * static_cast<double>(cells[i]);
            }
            for (std::size_t j = a * shape_.slots(); j < end; ++j) {
                block.variance(t, j) += static_cast<float>(common);
            }
        }
    }
}

void SlowReads::change_columns(Columns& columns, const Followed& followed, std::uint64_t read,
                               Matrix<float>& change) const {
    if (columns.slow) {
        Matrix<float> y(columns.count, d_);
        columns.slow->read(read, y.view());
        for (std::size_t j = 0; j < columns.count; ++j) {
            const float* amplitude = followed.amplitude.row(columns.first + j);
            float* to = change.row(columns.first + j);
            for (std::size_t i = 0; i < d_; ++i) to[i] += amplitude[i] * y(j, i);
        }
    }
    if (!columns.traps) return;
    const std::vector<TelegraphState::Trap>& traps = columns.traps->traps();
    std::vector<float> deviation(traps.size());
    columns.traps->read(read, deviation);
    for (std::size_t k = 0; k < traps.size(); ++k) {
        const std::size_t row = columns.first + traps[k].key;
        change(row, traps[k].element) += followed.weight(row, traps[k].element) * deviation[k];
    }
}

void SlowReads::changes(std::size_t query, std::size_t step, std::vector<Matrix<float>>& out) {
    const std::uint64_t read = (schedule_.first_read + query) * drive_.steps() + step;
    out.resize(followed_.size());
    for (std::size_t p = 0; p < followed_.size(); ++p) {
        out[p] = Matrix<float>(n_ + groups_, d_, 0.0F);
        for (Columns& columns : followed_[p].columns) {
            change_columns(columns, followed_[p], read, out[p]);
        }
    }
}

}  // namespace attohm
