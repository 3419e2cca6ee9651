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

Stream SynthContent::stream(Part part, int layer, int head) const {
    return {spec_->seed,
            Purpose::synth_content,
            {static_cast<std::uint64_t>(part), static_cast<std::uint64_t>(layer),
             static_cast<std::uint64_t>(head)}};
}

Stream SynthContent::sample_stream(Part part, int head, const SynthPlace& place) const {
    return stream(part, place.layer, head)
        .with({place.calibration ? std::uint64_t{1} : std::uint64_t{0},
               static_cast<std::uint64_t>(place.sample)});
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

void SynthContent::queries(const SynthPlace& place, const QueryProcess& process,
                           MatrixView<float> q) const {
    const Stream style = stream(Part::style, place.layer, place.head);
    const double spread = kScoreSpread * std::exp(kScoreSpreadLog * style.normal(0));
    const auto moving = static_cast<float>(spread * std::sqrt(1.0 - process.fixed_share));
    const auto fixed = static_cast<float>(spread * std::sqrt(process.fixed_share));
    const double rho = process.correlation;
    const auto carry = static_cast<float>(rho);
    const auto fresh = static_cast<float>(std::sqrt(std::max(0.0, 1.0 - rho * rho)));
    std::vector<float> direction(q.cols);
    stream(Part::query_direction, place.layer, place.head).normals(0, direction);
    // The moving part first, row by row ...
    const Stream innovations = sample_stream(Part::query, place.head, place);
    for (std::size_t t = 0; t < q.rows; ++t) {
        innovations.normals(t * q.cols, {q.row(t), q.cols});
        if (t == 0) continue;
        const float* before = q.row(t - 1);
        for (std::size_t c = 0; c < q.cols; ++c) q(t, c) = carry * before[c] + fresh * q(t, c);
    }
    // ... then the head's fixed direction and the spread of its scores.
    for (std::size_t t = 0; t < q.rows; ++t)
        for (std::size_t c = 0; c < q.cols; ++c) q(t, c) = moving * q(t, c) + fixed * direction[c];
    store(q);
}

void SynthContent::keys(const SynthPlace& place, MatrixView<float> k) const {
    std::vector<float> shift(k.cols), length(k.rows);
    stream(Part::key_shift, place.layer, place.kv_head).normals(0, shift);
    const Stream draws = sample_stream(Part::key, place.kv_head, place);
    draws.with(1).normals(0, length);
    for (std::size_t j = 0; j < k.rows; ++j) {
        draws.with(0).normals(j * k.cols, {k.row(j), k.cols});
        const float factor = std::exp(kKeyLengthLog * length[j]);
        for (std::size_t c = 0; c < k.cols; ++c) k(j, c) = factor * k(j, c) + kKeyShift * shift[c];
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
