#include "crossbar/array/telegraph_state.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kWordStep = 0x1p-32;

/// The same value as Stream::uniform32 makes of a word.
double uniform_of(std::uint32_t word) {
    return (static_cast<double>(word) + 0.5) * kWordStep;
}

/// How many words have uniform_of(word) < p: those below this number.
std::uint64_t words_below(double p) {
    return static_cast<std::uint64_t>(std::ceil(std::max(p / kWordStep - 0.5, 0.0)));
}

}  // namespace

TelegraphState::TelegraphState(const TelegraphNoise& noise, const NoiseReference& reference,
                               const ReadTiming& timing, const TelegraphDraws& draws, std::size_t n,
                               std::size_t d, std::span<const double> ages)
    : read_time_(timing.read_time.value()),
      interval_(timing.read_interval.value()),
      occupancy_(noise.occupancy),
      key_begin_(n + 1, 0) {
    ATTOHM_CHECK(ages.size() == 1 || ages.size() == n);
    ATTOHM_CHECK_LT(0.0, read_time_);
    ATTOHM_CHECK_LE(read_time_, interval_);
    if (noise.none()) return;
    // Most cells are told to have no trap by one comparison.
    const double none_below = std::exp(-noise.traps_mean);
    std::vector<std::uint32_t> words(d);
    for (std::size_t j = 0; j < n; ++j) {
        draws.traps.words(j * d, words);
        for (std::size_t i = 0; i < d; ++i) {
            const double u = uniform_of(words[i]);
            const int count = u < none_below ? 0 : noise.traps(u);
            for (int k = 0; k < count; ++k) {
                const Trap place{static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(i),
                                 static_cast<std::uint32_t>(k), 0.0F, 0.0};
                const std::uint64_t cell = j * d + i;
                const auto number = static_cast<std::uint64_t>(k);
                add_trap(noise, reference, draws.traps.with({cell, number}),
                         draws.step.with({cell, number}), place,
                         ages.size() == 1 ? ages[0] : ages[j]);
            }
        }
        key_begin_[j + 1] = traps_.size();
    }
}

void TelegraphState::add_trap(const TelegraphNoise& noise, const NoiseReference& reference,
                              const Stream& draws, const Stream& step, const Trap& place,
                              double age) {
    Trap trap = place;
    const double raw_step = noise.step(draws.normal(0));
    limited_ += raw_step > 1.0 ? 1 : 0;
    trap.step = static_cast<float>(std::min(raw_step, 1.0));
    trap.rate = noise.rate(draws.uniform32(1));
    const double p = noise.occupancy;
    const double x = trap.rate * read_time_;

    Motion motion{step};
    motion.occupied = draws.below(2, p);
    motion.kind = x < kPointBelow                         ? Kind::point
                  : x * std::min(p, 1.0 - p) > kManyMoves ? Kind::gaussian
                                                          : Kind::dwell;
    motion.sigma = static_cast<float>(std::sqrt(p * (1.0 - p) * averaged_variance(x)));
    motion.baseline = static_cast<float>(p);
    // From middle to middle, or from the end of a read to the start of the next.
    const double gap = motion.kind == Kind::point ? interval_ : interval_ - read_time_;
    motion.move_below[0] = words_below(noise.occupied_after(false, trap.rate, gap));
    motion.move_below[1] = words_below(noise.occupied_after(true, trap.rate, gap));
    motion.first_move[0] = 0.0;
    motion.first_move[1] = 1.0;
    if (const auto from = reference.age_for(trap.rate)) {
        motion.baseline = motion.occupied ? 1.0F : 0.0F;
        motion.first_read = first_read_after(*from, age, interval_);
        double since = age + static_cast<double>(motion.first_read) * interval_ - *from;
        if (motion.kind == Kind::point) since += 0.5 * read_time_;
        motion.first_move[0] = noise.occupied_after(false, trap.rate, since);
        motion.first_move[1] = noise.occupied_after(true, trap.rate, since);
    }
    traps_.push_back(trap);
    motions_.push_back(motion);
}

float TelegraphState::dwell(std::size_t index, std::uint64_t read) {
    const Trap& trap = traps_[index];
    Motion& motion = motions_[index];
    const Stream draws = motion.step.with(read);
    double at = 0.0, occupied = 0.0;
    for (std::uint64_t k = 0;; ++k) {
        const double leave = trap.rate * (motion.occupied ? 1.0 - occupancy_ : occupancy_);
        const double stay = leave > 0.0 ? -std::log(draws.uniform32(k)) / leave : read_time_;
        const double until = std::min(at + stay, read_time_);
        if (motion.occupied) occupied += until - at;
        if (at + stay >= read_time_) {
            const auto share = static_cast<float>(occupied / read_time_);
            return trap.step * (motion.baseline - share);
        }
        at = until;
        motion.occupied = !motion.occupied;
    }
}

void TelegraphState::path(std::size_t index, std::uint64_t first, std::span<float> deviation) {
    const Trap& trap = traps_[index];
    Motion& motion = motions_[index];
    if (motion.kind == Kind::gaussian) {
        motion.step.normals(first, deviation);
        const auto mean = static_cast<float>(occupancy_);
        for (std::size_t k = 0; k < deviation.size(); ++k) {
            const float share = mean + motion.sigma * deviation[k];
            deviation[k] =
                first + k < motion.first_read ? 0.0F : trap.step * (motion.baseline - share);
        }
        return;
    }
    const float shown[2] = {trap.step * motion.baseline, trap.step * (motion.baseline - 1.0F)};
    const bool points = motion.kind == Kind::point;
    std::size_t k = 0;
    while (k < deviation.size() && first + k < motion.first_read) deviation[k++] = 0.0F;
    if (k < deviation.size() && first + k == motion.first_read) {
        const double u = motion.step.uniform32(first + k);
        motion.occupied = u < motion.first_move[motion.occupied ? 1 : 0];
        deviation[k] = points ? shown[motion.occupied ? 1 : 0] : dwell(index, first + k);
        ++k;
    }
    constexpr std::size_t kStrip = 64;
    std::uint32_t words[kStrip];
    while (k < deviation.size()) {
        const std::span strip(words, std::min(kStrip, deviation.size() - k));
        motion.step.words(first + k, strip);
        if (points) {
            const std::uint64_t if_empty = motion.move_below[0], if_full = motion.move_below[1];
            bool occupied = motion.occupied;
            for (const std::uint32_t word : strip) {
                occupied = word < (occupied ? if_full : if_empty);
                deviation[k++] = shown[occupied ? 1 : 0];
            }
            motion.occupied = occupied;
            continue;
        }
        for (const std::uint32_t word : strip) {
            motion.occupied = word < motion.move_below[motion.occupied ? 1 : 0];
            deviation[k] = dwell(index, first + k);
            ++k;
        }
    }
}

void TelegraphState::add_to(const ReadOrder& order, MatrixView<const float> nq,
                            MatrixView<const float> weight, MatrixView<float> analog) {
    ATTOHM_CHECK_EQ(nq.rows, analog.rows);
    ATTOHM_CHECK_EQ(nq.cols, weight.cols);
    ATTOHM_CHECK_EQ(analog.cols, weight.rows);
    ATTOHM_CHECK_EQ(weight.rows + 1, key_begin_.size());
    ATTOHM_CHECK_LT(0U, order.repeats);
    ATTOHM_CHECK_LE(order.repeats, order.stride);
    ATTOHM_CHECK_LE(next_read_, order.first);
    if (nq.rows == 0) return;
    const std::uint64_t end = order.end(nq.rows);
    const float share = 1.0F / static_cast<float>(order.repeats);
    std::vector<float> deviation(end - next_read_), sum(nq.rows);
    // By element, so that the reads of a trap lie side by side.
    Matrix<float> q(nq.cols, nq.rows);
    for (std::size_t t = 0; t < nq.rows; ++t) {
        for (std::size_t i = 0; i < nq.cols; ++i) q(i, t) = nq(t, i);
    }
    for (std::size_t j = 0; j < weight.rows; ++j) {
        if (key_begin_[j] == key_begin_[j + 1]) continue;
        std::fill(sum.begin(), sum.end(), 0.0F);
        for (std::size_t index = key_begin_[j]; index < key_begin_[j + 1]; ++index) {
            path(index, next_read_, deviation);
            const std::size_t i = traps_[index].element;
            const float w = weight(j, i);
            const float* wanted = deviation.data() + (order.first - next_read_);
            for (std::size_t t = 0; t < nq.rows; ++t) {
                float mean = 0.0F;
                for (std::size_t k = 0; k < order.repeats; ++k)
                    mean += share * wanted[t * order.stride + k];
                sum[t] += q(i, t) * (w * mean);
            }
        }
        for (std::size_t t = 0; t < nq.rows; ++t) analog(t, j) += sum[t];
    }
    next_read_ = end;
}

void TelegraphState::read(std::uint64_t read, std::span<float> deviation) {
    ATTOHM_CHECK_EQ(deviation.size(), traps_.size());
    ATTOHM_CHECK_LE(next_read_, read);
    std::vector<float> path_to(read + 1 - next_read_);
    for (std::size_t index = 0; index < traps_.size(); ++index) {
        path(index, next_read_, path_to);
        deviation[index] = path_to.back();
    }
    next_read_ = read + 1;
}

}  // namespace attohm
