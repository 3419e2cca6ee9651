#include "src/schemes/elsa.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/schemes/selection_pair.hpp"

using namespace attohm;

namespace {

constexpr std::uint64_t kSeed = 20221;

std::unique_ptr<Scheme> make_elsa(const AttentionLayer& layer,
                                  const std::vector<std::string>& keys) {
    return make_calibrated("elsa", settings_of(keys), {layer}, {kSeed, 0, MetricsLevel::full});
}

SchemeRun run_elsa(const AttentionLayer& layer, const std::vector<std::string>& keys) {
    return run_scheme(*make_elsa(layer, keys), layer);
}

/// Mean softmax mass of the keys at or above a cut.
double mass_above(const AttentionHead& head, double bias, double cut) {
    const auto twin = reference::elsa_attention(
        head, hash_projection(kSeed, head.layer, 64, head.d()), bias, cut, false);
    double mass = 0.0, rows = 0.0;
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        double all = 0.0, kept = 0.0;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            const double e = std::exp(reference::scaled_score(head, t, j));
            all += e;
            kept += twin.kept(t, j) != 0 ? e : 0.0;
        }
        if (all == 0.0) continue;
        mass += kept / all;
        rows += 1.0;
    }
    return mass / rows;
}

}  // namespace

TEST_CASE("elsa keeps what its twin does", "[unit]") {
    for (const double cut : {0.1003, -0.2007, 0.3001}) {
        for (const int bits : {64, 16}) {
            for (const double bias : {0.0, 0.127}) {
                std::uint64_t seed = 400;
                for (const LayerSpec& spec : selection_layers()) {
                    const AttentionLayer layer = random_layer(spec, ++seed);
                    const SchemeRun run = run_elsa(
                        layer, {fmt::format("elsa.cut=value({})", cut),
                                fmt::format("elsa.hash_bits={}", bits),
                                fmt::format("elsa.angle_bias={}", bias), "empty_row=dense"});
                    for (int h = 0; h < spec.heads; ++h) {
                        const AttentionHead head = head_view(layer, 0, h);
                        const auto twin = reference::elsa_attention(
                            head, hash_projection(kSeed, 0, bits, head.d()), bias, cut, true);
                        CAPTURE(cut, bits, bias, twin.nearest);
                        REQUIRE(twin.nearest > 1e-7);
                        check_against(run, static_cast<std::size_t>(h), head, twin);
                    }
                }
            }
        }
    }
}

TEST_CASE("elsa with the lowest cut is exact attention, and a higher cut keeps less",
          "[property]") {
    std::uint64_t seed = 430;
    for (const LayerSpec& spec : selection_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        SchemeRun last = run_elsa(layer, {"elsa.cut=value(-1)", "empty_row=zero"});
        check_dense(last, layer, 1e-5);
        for (const double cut : {-0.4, -0.1, 0.0, 0.2, 0.5, 2.0}) {
            SchemeRun next =
                run_elsa(layer, {fmt::format("elsa.cut=value({})", cut), "empty_row=zero"});
            CHECK(is_subset(last, next));
            last = std::move(next);
        }
        for (const HeadReport& report : last.reports) CHECK(report.kept_pairs == 0);
    }
}

TEST_CASE("elsa's cut holds the mass that it was asked for, and no lower one is needed",
          "[property]") {
    for (const double mass : {0.5, 0.9, 0.99}) {
        const AttentionLayer layer = random_layer({2, 2, 60, 60, 32, 16, false, -1, 50, true}, 44);
        const auto scheme = make_elsa(layer, {fmt::format("elsa.cut=mass({})", mass)});
        for (int h = 0; h < 2; ++h) {
            const AttentionHead head = head_view(layer, 0, h);
            const double cut = dynamic_cast<const ElsaScheme&>(*scheme).cut(0, h);
            CAPTURE(mass, cut);
            CHECK(mass_above(head, 0.0, cut) >= mass - 1e-6);
            CHECK(mass_above(head, 0.0, cut + 2.0 / 4096) < mass);
        }
    }
}

TEST_CASE("elsa's estimate is right where the angle is known, and does not ask for lengths of q",
          "[property]") {
    // Hamming distances of a hash of n bits: binomial with angle / pi.
    AttentionLayer layer = random_layer({1, 1, 32, 32, 64, 8, false, -1, -1, false}, 47);
    std::copy_n(layer.q.data.begin(), layer.q.data.size(), layer.k.data.begin());
    const AttentionHead head = head_view(layer, 0, 0);
    HashedScores hashed(head, hash_projection(kSeed, 0, 64, 64), 0.0);
    HashedScores biased(head, hash_projection(kSeed, 0, 64, 64), 0.127);
    hashed.load(0, 32);
    biased.load(0, 32);
    std::vector<float> row(32), closer(32);
    double sum = 0.0;
    for (std::size_t t = 0; t < 32; ++t) {
        hashed.scores(t, 32, row.data());
        biased.scores(t, 32, closer.data());
        // No angle is less than 0.
        CHECK(closer[t] == row[t]);
        for (std::size_t j = 0; j < 32; ++j) CHECK(closer[j] >= row[j]);
        // The same vector: angle 0, so the score is its length.
        double longest = 0.0, own = 0.0;
        for (std::size_t j = 0; j < 32; ++j) {
            double norm = 0.0;
            for (std::size_t i = 0; i < 64; ++i)
                norm += std::pow(static_cast<double>(head.k(j, i)), 2.0);
            longest = std::max(longest, std::sqrt(norm));
            if (j == t) own = std::sqrt(norm);
        }
        CHECK(static_cast<double>(row[t]) == Approx(own / longest).epsilon(1e-5));
        for (std::size_t j = 0; j < 32; ++j)
            sum += j == t ? 0.0 : static_cast<double>(row[j]) / (32.0 * 31.0);
    }
    // Independent normal vectors are at right angles on average: sigma of one is at most
    // pi / 2 / sqrt(64) + 1 / sqrt(64), pairs share hashes of 32 vectors.
    CHECK(std::abs(sum) < 5.0 * 0.33 / std::sqrt(32.0));
    AttentionLayer longer = layer;
    for (float& q : longer.q.data) q *= 8.0F;
    const std::vector<std::string> keys = {"elsa.cut=value(0.1)", "empty_row=zero"};
    CHECK(differences(selected(run_elsa(layer, keys).selections[0]),
                      selected(run_elsa(longer, keys).selections[0])) == 0);
}

TEST_CASE("elsa's projections follow from the seed and the layer", "[property]") {
    const Matrix<float> a = hash_projection(1, 0, 64, 32);
    CHECK(differences(a, hash_projection(1, 0, 64, 32)) == 0);
    CHECK(differences(a, hash_projection(2, 0, 64, 32)) > 2000);
    CHECK(differences(a, hash_projection(1, 1, 64, 32)) > 2000);
}

TEST_CASE("elsa pays for hashes, estimates and what it keeps", "[unit]") {
    const std::int64_t n = 197, d = 64, dv = 48, kept = 5000;
    const OpList list = elsa_ops(square_shape(197, 64, 48), 32, 8, kept);
    check_op_list(list);
    CHECK(names_of(list) == std::vector<std::string>{"hash q", "hash k", "k squares", "k norm",
                                                     "Hamming", "cos", "cut", "pack", "L",
                                                     "softmax", "A"});
    CHECK(dense_sum(list, OpKind::matmul, Stage::selection) == 2 * n * 32 * d);
    CHECK(dense_sum(list, OpKind::compare) == 2 * n * n);
    CHECK(named(list, "Hamming").at(0).bits == 32);
    CHECK(named(list, "L").at(0).nonzeros == kept * d);
    CHECK(named(list, "A").at(0).nonzeros == kept * dv);
    const Operator hash = named(list, "hash k").at(0);
    CHECK(list.tensors[static_cast<std::size_t>(hash.output)].total_bits() == n * 32);
    CHECK(elsa_ops(square_shape(0, 64, 64), 64, 8, 0).empty());
}

TEST_CASE("elsa refuses what it does not define", "[unit]") {
    check_refuses_bias("elsa");
    check_refuses("elsa", {"elsa.hash_bits=1", "elsa.hash_bits=65", "elsa.cut=mass(1.5)",
                           "elsa.cut=best", "elsa.angle_bias=-1"});
}
