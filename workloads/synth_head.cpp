#include "workloads/synth_head.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "src/base/float16.hpp"

namespace attohm {

namespace {

// The character of the generated heads. Choices: they shape the scores only, every asked statistic
// is met for any of them.
constexpr double kScoreSpread = 2.0;        ///< median standard deviation of scaled scores
constexpr double kScoreSpreadLog = 0.25;    ///< its log-normal spread over heads
constexpr double kLargestFixedShare = 0.3;  ///< uniform over heads from 0 to this
constexpr float kKeyLengthLog = 0.2F;       ///< log-normal spread of key lengths within a head
constexpr float kKeyShift = 0.3F;           ///< common shift of all keys of a head, per element

// Of dimensions, where something is asked that needs its own.
constexpr std::size_t kWaveShare = 4;   ///< one pair of waves for so many dimensions
constexpr std::size_t kMostWaves = 16;  ///< more would not sharpen the bump
constexpr std::size_t kSinkShare = 8;   ///< one dimension of sinks for so many
constexpr float kSinkKey = 2.0F;        ///< elements of a sink key along its direction
constexpr double kBumpWidth = 1.0;      ///< standard deviation of the bump over the reach

double normal_quantile_upper(double tail) {
    // Bisection of the complementary error function: exact enough and obviously right.
    double low = -40.0, high = 40.0;
    for (int i = 0; i < 100; ++i) {
        const double middle = 0.5 * (low + high);
        (0.5 * std::erfc(middle / std::numbers::sqrt2) > tail ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

}  // namespace

double query_position(const AttentionSize& size, int query) {
    if (size.causal) return query + size.n_k - size.n_q;
    if (size.n_q == size.n_k) return query;
    return (query + 0.5) * size.n_k / size.n_q - 0.5;
}

SynthContent::SynthContent(const SynthSpec& spec, const AttentionSize& size)
    : spec_(&spec), size_(size) {
    const auto d = static_cast<std::size_t>(size.head_dim);
    if (spec.local_share) waves_ = std::clamp<std::size_t>(d / kWaveShare, 1, kMostWaves);
    if (spec.sink_mass) sink_dims_ = std::max<std::size_t>(1, d / kSinkShare);
    content_ = d - 2 * waves_ - sink_dims_;
}

Stream SynthContent::stream(Part part, int layer, int head) const {
    return {spec_->seed,
            Purpose::synth_content,
            {static_cast<std::uint64_t>(part), static_cast<std::uint64_t>(layer),
             static_cast<std::uint64_t>(head)}};
}

Stream SynthContent::sample_stream(Part part, int head, const SynthPlace& place) const {
    const Stream sample = stream(part, place.layer, head)
                              .with({place.calibration ? std::uint64_t{1} : std::uint64_t{0},
                                     static_cast<std::uint64_t>(place.sample)});
    return place.window == 0 ? sample : sample.with(static_cast<std::uint64_t>(place.window));
}

void SynthContent::store(MatrixView<float> x) const {
    if (spec_->tensors != StoredAs::float16) return;
    std::vector<std::uint16_t> halves(x.cols);
    for (std::size_t i = 0; i < x.rows; ++i) {
        const std::span<float> row(x.row(i), x.cols);
        narrow_to_halves(row, halves);
        widen_halves(halves, row);
    }
}

double SynthContent::fixed_share(const SynthPlace& place) const {
    return kLargestFixedShare * stream(Part::style, place.layer, place.head).uniform(1);
}

/// Standard deviation of the scaled scores of the head at gain 1.
double SynthContent::spread(const SynthPlace& place) const {
    const Stream style = stream(Part::style, place.layer, place.head);
    return kScoreSpread * std::exp(kScoreSpreadLog * style.normal(0));
}

/// One angular frequency of each part of a half-normal distribution of equal weight, so that the
/// mean of their cosines is close to a Gaussian bump.
std::vector<double> SynthContent::frequencies(const SynthPlace& place) const {
    const Stream draws = stream(Part::waves, place.layer, place.kv_head);
    const double width = kBumpWidth * spec_->local_reach;
    std::vector<double> found(waves_);
    for (std::size_t m = 0; m < waves_; ++m) {
        const double part =
            (static_cast<double>(m) + draws.uniform(m)) / static_cast<double>(waves_);
        found[m] = normal_quantile_upper(0.5 * (1.0 - part)) / width;
    }
    return found;
}

/// The waves of the query's own position; `height` is that of the bump in scaled scores.
void SynthContent::local_queries(const SynthPlace& place, double height,
                                 MatrixView<float> q) const {
    const std::vector<double> omega = frequencies(place);
    const double factor =
        height * std::sqrt(static_cast<double>(q.cols)) / static_cast<double>(waves_);
    for (std::size_t t = 0; t < q.rows; ++t) {
        const double position = query_position(size_, static_cast<int>(t));
        for (std::size_t m = 0; m < waves_; ++m) {
            q(t, content_ + 2 * m) = static_cast<float>(factor * std::cos(omega[m] * position));
            q(t, content_ + 2 * m + 1) = static_cast<float>(factor * std::sin(omega[m] * position));
        }
    }
}

void SynthContent::queries(const SynthPlace& place, const QueryProcess& process,
                           MatrixView<float> q) const {
    // Fewer dimensions of content give the scores the same spread.
    const double room =
        content_ == q.cols ? 1.0
                           : std::sqrt(static_cast<double>(q.cols) / static_cast<double>(content_));
    const double deviation = process.gain * spread(place);
    const auto moving = static_cast<float>(room * deviation * std::sqrt(1.0 - process.fixed_share));
    const auto fixed = static_cast<float>(room * deviation * std::sqrt(process.fixed_share));
    const double rho = process.correlation;
    const auto carry = static_cast<float>(rho);
    const auto fresh = static_cast<float>(std::sqrt(std::max(0.0, 1.0 - rho * rho)));
    std::vector<float> direction(content_);
    stream(Part::query_direction, place.layer, place.head).normals(0, direction);
    // The moving part first, row by row ...
    const Stream innovations = sample_stream(Part::query, place.head, place);
    for (std::size_t t = 0; t < q.rows; ++t) {
        innovations.normals(t * content_, {q.row(t), content_});
        if (t == 0) continue;
        const float* before = q.row(t - 1);
        for (std::size_t c = 0; c < content_; ++c) q(t, c) = carry * before[c] + fresh * q(t, c);
    }
    // ... then the head's fixed direction and the spread of its scores.
    for (std::size_t t = 0; t < q.rows; ++t)
        for (std::size_t c = 0; c < content_; ++c)
            q(t, c) = moving * q(t, c) + fixed * direction[c];
    if (waves_ > 0) local_queries(place, process.bump * deviation, q);
    if (sink_dims_ > 0) {
        const double along = process.sink * std::sqrt(static_cast<double>(q.cols)) /
                             (static_cast<double>(kSinkKey) * static_cast<double>(sink_dims_));
        for (std::size_t t = 0; t < q.rows; ++t)
            std::fill_n(q.row(t) + q.cols - sink_dims_, sink_dims_, static_cast<float>(along));
    }
    store(q);
}

void SynthContent::keys(const SynthPlace& place, MatrixView<float> k) const {
    std::vector<float> shift(content_), length(k.rows);
    stream(Part::key_shift, place.layer, place.kv_head).normals(0, shift);
    const Stream draws = sample_stream(Part::key, place.kv_head, place);
    draws.with(1).normals(0, length);
    for (std::size_t j = 0; j < k.rows; ++j) {
        draws.with(0).normals(j * content_, {k.row(j), content_});
        const float factor = std::exp(kKeyLengthLog * length[j]);
        for (std::size_t c = 0; c < content_; ++c)
            k(j, c) = factor * k(j, c) + kKeyShift * shift[c];
    }
    const std::vector<double> omega = frequencies(place);
    for (std::size_t j = 0; j < k.rows; ++j) {
        for (std::size_t m = 0; m < waves_; ++m) {
            const double phase = omega[m] * static_cast<double>(j);
            k(j, content_ + 2 * m) = static_cast<float>(std::cos(phase));
            k(j, content_ + 2 * m + 1) = static_cast<float>(std::sin(phase));
        }
        const bool is_sink = j < static_cast<std::size_t>(spec_->sinks);
        std::fill_n(k.row(j) + k.cols - sink_dims_, sink_dims_, is_sink ? kSinkKey : 0.0F);
    }
    store(k);
}

void SynthContent::values(const SynthPlace& place, MatrixView<float> v) const {
    const Stream draws = sample_stream(Part::value, place.kv_head, place);
    for (std::size_t j = 0; j < v.rows; ++j) draws.normals(j * v.cols, {v.row(j), v.cols});
    store(v);
}

double gaussian_new_keys(double kept, double angle) {
    constexpr int kSteps = 400;
    const double h = normal_quantile_upper(kept);
    double sum = 0.0;
    for (int i = 0; i < kSteps; ++i) {
        const double phi = angle * (i + 0.5) / kSteps;
        const double denominator = 1.0 + std::cos(phi);
        sum += denominator > 0.0 ? std::exp(-h * h / denominator) : 0.0;
    }
    return sum * angle / kSteps / (2.0 * std::numbers::pi);
}

double gaussian_angle(double kept, double new_keys) {
    double low = 0.0, high = std::numbers::pi;
    for (int i = 0; i < 50; ++i) {
        const double middle = 0.5 * (low + high);
        (gaussian_new_keys(kept, middle) < new_keys ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

}  // namespace attohm
