#include "crossbar/array/slow_state.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/slow_state_kernels.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Cells that are stepped together: their states stay in the first-level cache over a block of
/// reads.
constexpr std::size_t kBlockCells = 512;

double age_of(std::span<const double> ages, std::size_t key) {
    return ages.size() == 1 ? ages[0] : ages[key];
}

}  // namespace

std::uint64_t first_read_after(double reference_age, double age, double interval) {
    if (age > reference_age) return 0;
    auto read = static_cast<std::uint64_t>((reference_age - age) / interval);
    while (age + static_cast<double>(read) * interval <= reference_age) ++read;
    return read;
}

void add_frozen_noise(const SlowSplit& split, const SlowDraws& draws, std::span<const double> ages,
                      MatrixView<const float> amplitude, MatrixView<float> conductance) {
    ATTOHM_CHECK(ages.size() == 1 || ages.size() == conductance.rows);
    if (!split.has_frozen()) return;
    std::vector<float> z(conductance.cols);
    double age = age_of(ages, 0);
    auto sigma = static_cast<float>(std::sqrt(split.frozen_variance(Second::from_value(age))));
    for (std::size_t j = 0; j < conductance.rows; ++j) {
        if (age_of(ages, j) != age) {
            age = age_of(ages, j);
            sigma = static_cast<float>(std::sqrt(split.frozen_variance(Second::from_value(age))));
        }
        draws.frozen.normals(j * conductance.cols, z);
        for (std::size_t i = 0; i < conductance.cols; ++i)
            conductance(j, i) += amplitude(j, i) * (sigma * z[i]);
    }
}

SlowState::SlowState(const SlowSplit& split, const SlowDraws& draws, std::size_t n, std::size_t d,
                     std::span<const double> ages)
    : draws_(draws), n_(n), d_(d) {
    ATTOHM_CHECK(ages.size() == 1 || ages.size() == n);
    if (n == 0 || d == 0 || !split.tracks()) return;
    keys_per_block_ = std::clamp<std::size_t>(kBlockCells / d, 1, n);
    e_.resize(keys_per_block_ * d);
    y_.resize(keys_per_block_ * d);
    mean_.resize(keys_per_block_ * d);
    if (!split.whole().empty()) add_group(split, false, ages);
    if (!split.referenced().empty()) add_group(split, true, ages);
}

void SlowState::add_group(const SlowSplit& split, bool referenced, std::span<const double> ages) {
    Group group{SlowFilter(referenced ? split.referenced() : split.whole(), split.timing()),
                referenced ? 1U : 0U,
                referenced,
                {},
                {},
                {},
                {}};
    const std::size_t blocks = (n_ + keys_per_block_ - 1) / keys_per_block_;
    group.u.resize(blocks * keys_per_block_ * d_ * group.filter.size());
    group.first_read.resize(n_, 0);
    if (referenced) {
        group.offset.resize(n_ * d_);
        group.elapsed.resize(n_);
        const double reference_age = split.reference_age().value();
        const double interval = split.timing().read_interval.value();
        for (std::size_t j = 0; j < n_; ++j) {
            const double age = age_of(ages, j);
            group.first_read[j] = first_read_after(reference_age, age, interval);
            group.elapsed[j] =
                age + static_cast<double>(group.first_read[j]) * interval - reference_age;
        }
    }
    groups_.push_back(std::move(group));
}

std::size_t SlowState::block_keys(std::size_t block) const {
    return std::min(keys_per_block_, n_ - block * keys_per_block_);
}

void SlowState::start_key(Group& group, std::size_t key) {
    const std::size_t block = key / keys_per_block_;
    const std::size_t block_cells = keys_per_block_ * d_;
    const std::size_t in_block = (key - block * keys_per_block_) * d_;
    std::vector<float> z(d_), z_reference(d_);
    for (std::size_t m = 0; m < group.filter.size(); ++m) {
        const SlowComponent& component = group.filter.components()[m];
        const auto number = static_cast<std::uint64_t>(component.number);
        float* u = group.u.data() + (block * group.filter.size() + m) * block_cells + in_block;
        const float start = group.filter.start()[m];
        draws_.start.with(number).normals(key * d_, z);
        if (!group.referenced) {
            for (std::size_t i = 0; i < d_; ++i) u[i] = start * z[i];
            continue;
        }
        draws_.at_reference.with(number).normals(key * d_, z_reference);
        const double moved = component.rate * group.elapsed[key];
        const auto kept = static_cast<float>(std::exp(-moved));
        const auto fresh = static_cast<float>(std::sqrt(-std::expm1(-2.0 * moved)));
        const auto sigma = static_cast<float>(component.sigma);
        for (std::size_t i = 0; i < d_; ++i) {
            u[i] = start * (kept * z_reference[i] + fresh * z[i]);
            group.offset[key * d_ + i] -= sigma * z_reference[i];
        }
    }
}

void SlowState::step_group(Group& group, std::size_t block, std::uint64_t read) {
    const std::size_t first = block * keys_per_block_;
    const std::size_t end = first + block_keys(block);
    const std::size_t block_cells = keys_per_block_ * d_;
    float* u = group.u.data() + block * group.filter.size() * block_cells;
    const auto* started_at = group.first_read.data();
    if (read < *std::min_element(started_at + first, started_at + end)) return;
    draws_.step.with({group.id, read}).normals(first * d_, std::span(e_).first((end - first) * d_));
    // Keys that started at the same read have the same gains.
    for (std::size_t j = first; j < end;) {
        const std::uint64_t started = group.first_read[j];
        std::size_t next = j + 1;
        while (next < end && group.first_read[next] == started) ++next;
        const std::size_t at = (j - first) * d_;
        const std::size_t count = (next - j) * d_;
        if (read == started) {
            for (std::size_t key = j; key < next; ++key) start_key(group, key);
        }
        if (read >= started) {
            if (group.referenced) {
                const float* offset = group.offset.data() + j * d_;
                for (std::size_t i = 0; i < count; ++i) y_[at + i] += offset[i];
            }
            step_components(group.filter.gains(read - started), group.filter.decay().data(),
                            group.filter.size(), e_.data() + at, u + at, block_cells,
                            y_.data() + at, count);
        }
        j = next;
    }
}

void SlowState::step_block(std::size_t block, std::uint64_t read) {
    std::fill(y_.begin(), y_.end(), 0.0F);
    for (Group& group : groups_) step_group(group, block, read);
}

void SlowState::advance_to(std::uint64_t read) {
    ATTOHM_CHECK_LE(next_read_, read);
    for (std::size_t block = 0; !groups_.empty() && block * keys_per_block_ < n_; ++block) {
        for (std::uint64_t r = next_read_; r < read; ++r) step_block(block, r);
    }
    next_read_ = read;
}

void SlowState::add_to(const ReadOrder& order, MatrixView<const float> nq,
                       MatrixView<const float> amplitude, MatrixView<float> analog) {
    ATTOHM_CHECK_EQ(nq.rows, analog.rows);
    ATTOHM_CHECK_EQ(nq.cols, d_);
    ATTOHM_CHECK_EQ(amplitude.rows, n_);
    ATTOHM_CHECK_EQ(amplitude.cols, d_);
    ATTOHM_CHECK_EQ(analog.cols, n_);
    ATTOHM_CHECK_LT(0U, order.repeats);
    ATTOHM_CHECK_LE(order.repeats, order.stride);
    advance_to(order.first);
    const std::uint64_t end = order.end(nq.rows);
    const float share = 1.0F / static_cast<float>(order.repeats);
    for (std::size_t block = 0; !groups_.empty() && block * keys_per_block_ < n_; ++block) {
        const std::size_t first_key = block * keys_per_block_;
        for (std::uint64_t read = order.first; read < end; ++read) {
            step_block(block, read);
            const std::size_t t = (read - order.first) / order.stride;
            const std::uint64_t repeat = (read - order.first) % order.stride;
            if (repeat >= order.repeats) continue;
            if (order.repeats > 1) {
                for (std::size_t i = 0; i < y_.size(); ++i)
                    mean_[i] = (repeat == 0 ? 0.0F : mean_[i]) + share * y_[i];
                if (repeat + 1 < order.repeats) continue;
            }
            const float* y = order.repeats > 1 ? mean_.data() : y_.data();
            add_weighted_sums(nq.row(t), amplitude.row(first_key), amplitude.stride, y, d_,
                              block_keys(block), analog.row(t) + first_key);
        }
    }
    next_read_ = end;
}

void SlowState::read(std::uint64_t read, MatrixView<float> y) {
    ATTOHM_CHECK_EQ(y.rows, n_);
    ATTOHM_CHECK_EQ(y.cols, d_);
    advance_to(read);
    for (std::size_t j = 0; j < n_; ++j) std::fill_n(y.row(j), d_, 0.0F);
    for (std::size_t block = 0; !groups_.empty() && block * keys_per_block_ < n_; ++block) {
        step_block(block, read);
        for (std::size_t k = 0; k < block_keys(block); ++k)
            std::copy_n(y_.data() + k * d_, d_, y.row(block * keys_per_block_ + k));
    }
    next_read_ = read + 1;
}

}  // namespace attohm
