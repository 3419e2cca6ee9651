#include "src/schemes/mass_statistic.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "src/base/blas.hpp"
#include "src/base/vmath.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// The threshold of a softmax mass: counted in two passes, against all scores held and sorted.
using namespace attohm;

namespace {

using Weighted = std::vector<std::pair<float, float>>;  ///< value, weight

/// The twin: all of them at once, from the largest down, added in double.
float held(Weighted all, double target) {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a > b; });
    double sum = 0.0;
    for (const auto& [value, weight] : all) {
        sum += static_cast<double>(weight);
        if (sum >= target) return value;
    }
    return all.empty() ? 0.0F : all.back().first;
}

float counted(const Weighted& all, double target) {
    const auto each = [&](auto&& take) {
        for (const auto& [value, weight] : all) take(value, weight);
    };
    return mass_statistic(each, [&] { return target; });
}

/// Scores and softmax of all allowed pairs, by the calls of the scheme: the same floats.
Weighted scores_of(const AttentionLayer& layer, double& rows) {
    const AttentionHead head = head_view(layer, 0, 0);
    const auto valid_q = static_cast<std::size_t>(head.valid_q);
    const auto keys = static_cast<std::size_t>(head.valid_k);
    Weighted all;
    Matrix<float> block(kQueryBlock, keys);
    for (std::size_t first = 0; first < valid_q; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, valid_q - first);
        sgemm_nt(head.scale, {head.q.row(first), count, head.d(), head.q.stride}, head.k.top(keys),
                 0.0F, block.view().top(count));
        for (std::size_t t = 0; t < count; ++t) {
            const std::size_t n = head.key_end(first + t);
            AlignedVector<float> p(block.row(t), block.row(t) + n);
            for (std::size_t j = 0; j < n; ++j)
                if (!head.allowed(first + t, j)) p[j] = -std::numeric_limits<float>::infinity();
            softmax_row(p);
            const std::size_t before = all.size();
            for (std::size_t j = 0; j < n; ++j)
                if (head.allowed(first + t, j)) all.emplace_back(block(t, j), p[j]);
            rows += all.size() > before ? 1.0 : 0.0;
        }
    }
    return all;
}

/// What the scheme calibrates on the layers as samples.
float calibrated(const std::vector<AttentionLayer>& samples, double mass) {
    Settings settings = scheme_preset();
    settings.overlay_assignment(fmt::format("threshold.source=mass({})", mass));
    SchemeInputs inputs;
    inputs.model = model_of({samples.front()});
    const auto scheme = find_scheme("threshold").make(inputs, settings);
    std::vector<AttentionHead> heads;
    for (const AttentionLayer& sample : samples) heads.push_back(head_view(sample, 0, 0));
    scheme->calibrate(0, 0, heads);
    return dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0).threshold;
}

/// Few distinct scores: each is shared by many pairs, most of them of either sign of zero.
void make_ties(AttentionLayer& layer) {
    for (Tensor3* tensor : {&layer.q, &layer.k})
        for (float& value : tensor->data) value = std::trunc(value);
}

const double kMasses[] = {0.01, 0.1, 0.37, 0.5, 0.9, 0.99, 0.999, 0.9999};

}  // namespace

TEST_CASE("the mass threshold is that of all scores sorted, ties and masks included",
          "[property]") {
    const LayerSpec specs[] = {{1, 1, 50, 48, 32, 8, true, 47, 45, true},
                               {1, 1, 300, 300, 16, 8, false, -1, -1, false},
                               {1, 1, 130, 257, 24, 8, false, -1, 200, true},
                               {1, 1, 129, 129, 8, 8, true, -1, -1, false},
                               {1, 1, 1, 1, 8, 8, false, -1, -1, false}};
    std::uint64_t seed = 500;
    int compared = 0;
    for (const LayerSpec& spec : specs)
        for (const bool ties : {false, true})
            for (const float sharpness : {0.25F, 1.0F, 20.0F}) {
                std::vector<AttentionLayer> samples = {random_layer(spec, ++seed),
                                                       random_layer(spec, ++seed)};
                Weighted all;
                double rows = 0.0;
                for (AttentionLayer& sample : samples) {
                    sample.scale *= sharpness;
                    if (ties) make_ties(sample);
                    const Weighted more = scores_of(sample, rows);
                    all.insert(all.end(), more.begin(), more.end());
                }
                for (const double mass : kMasses) {
                    CAPTURE(spec.n_k, ties, sharpness, mass);
                    CHECK(calibrated(samples, mass) == held(all, mass * rows));
                    ++compared;
                }
            }
    CHECK(compared == 5 * 2 * 3 * 8);
}

TEST_CASE("random weights of any size give the value that sorting gives", "[property]") {
    std::mt19937 draw(7);
    std::normal_distribution<float> normal;
    for (int round = 0; round < 200; ++round) {
        // Whole multiples of 2^-20: sums in double are exact, so equality holds at any target.
        Weighted all(1 + draw() % 400);
        for (auto& [value, weight] : all) {
            value = round % 2 == 0 ? normal(draw) * 1e3F : std::round(normal(draw));
            weight = static_cast<float>(draw() % 3 == 0 ? 0U : draw() % (1U << 20U)) * 0x1p-20F;
        }
        double total = 0.0;
        for (const auto& [value, weight] : all) total += static_cast<double>(weight);
        CAPTURE(round, total);
        for (const double share : {0.0, 1e-9, 0.25, 0.5, 0.75, 1.0, 1.0000001, 3.0})
            CHECK(counted(all, share * total) == held(all, share * total));
        // Exactly at a sum, and a hair above it.
        Weighted sorted = all;
        std::sort(sorted.begin(), sorted.end(), std::greater<>());
        double sum = 0.0;
        for (std::size_t i = 0; i < sorted.size(); i += 1) {
            sum += static_cast<double>(sorted[i].second);
            if (i % 37 != 0) continue;
            CHECK(counted(all, sum) == held(all, sum));
            CHECK(counted(all, sum + 0x1p-30) == held(all, sum + 0x1p-30));
        }
    }
}

TEST_CASE("the order of the values changes nothing", "[property]") {
    std::mt19937 draw(8);
    std::uniform_real_distribution<float> uniform;
    Weighted all(5000);
    for (auto& [value, weight] : all) {
        value = uniform(draw);
        weight = std::exp(-40.0F * uniform(draw));
    }
    double total = 0.0;
    for (const auto& [value, weight] : all) total += static_cast<double>(weight);
    for (const double share : kMasses) {
        const float once = counted(all, share * total);
        for (int round = 0; round < 5; ++round) {
            std::shuffle(all.begin(), all.end(), draw);
            CHECK(counted(all, share * total) == once);
        }
    }
}

TEST_CASE("nothing, and nothing asked for", "[unit]") {
    CHECK(counted({}, 1.0) == 0.0F);
    CHECK(counted({{-2.0F, 0.5F}, {3.0F, 0.5F}}, 0.0) == 3.0F);
    CHECK(counted({{-2.0F, 0.0F}, {3.0F, 0.0F}}, 0.1) == -2.0F);
    // A weight below what a double's sum of 1 resolves still counts.
    CHECK(counted({{2.0F, 1.0F}, {1.0F, 0x1p-60F}, {0.0F, 0.5F}}, 1.0) == 2.0F);
}
