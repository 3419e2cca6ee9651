#include "src/schemes/a3.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/schemes/selection_pair.hpp"

using namespace attohm;

namespace {

SchemeRun run_a3(const AttentionLayer& layer, const std::vector<std::string>& keys) {
    return run_scheme(*make_calibrated("a3", settings_of(keys), {layer}), layer);
}

}  // namespace

TEST_CASE("a3 finds and keeps what its twin does", "[unit]") {
    for (const double iterations : {0.5, 0.125, 2.0}) {
        for (const double weight : {0.0503, 0.3007, 0.0}) {
            std::uint64_t seed = 500;
            for (const LayerSpec& spec : selection_layers()) {
                const AttentionLayer layer = random_layer(spec, ++seed);
                const SchemeRun run = run_a3(
                    layer, {fmt::format("a3.iterations={}", iterations),
                            fmt::format("a3.smallest_weight={}", weight), "empty_row=dense"});
                for (int h = 0; h < spec.heads; ++h) {
                    const auto i = static_cast<std::size_t>(h);
                    const AttentionHead head = head_view(layer, 0, h);
                    const int steps = static_cast<int>(std::ceil(iterations * head.valid_k));
                    const auto twin = reference::a3_attention(head, steps, weight, true);
                    CAPTURE(iterations, weight, twin.nearest);
                    REQUIRE(twin.nearest > 1e-6);
                    check_against(run, i, head, twin);
                    const OpList& ops = run.works[i].ops;
                    CHECK(named(ops, "pack candidates").at(0).nonzeros == twin.steps);
                    CHECK(named(ops, "L").at(0).nonzeros ==
                          (twin.steps + twin.kept_pairs - ones(twin.kept)) * spec.d);
                }
            }
        }
    }
}

TEST_CASE("of equal products a3 takes the lower column's, then the lower key's", "[unit]") {
    for (const double iterations : {0.3, 0.6, 1.1}) {
        std::uint64_t seed = 570;
        for (const LayerSpec& spec : selection_layers()) {
            AttentionLayer layer = random_layer(spec, ++seed);
            // Few values: most products have equals, zero among them, and sums are exact.
            for (Tensor3* x : {&layer.q, &layer.k})
                for (float& value : x->data) value = std::nearbyint(value);
            const SchemeRun run = run_a3(layer, {fmt::format("a3.iterations={}", iterations),
                                                 "a3.smallest_weight=0", "empty_row=dense"});
            for (int h = 0; h < spec.heads; ++h) {
                const AttentionHead head = head_view(layer, 0, h);
                const int steps = static_cast<int>(std::ceil(iterations * head.valid_k));
                check_against(run, static_cast<std::size_t>(h), head,
                              reference::a3_attention(head, steps, 0.0, true));
            }
        }
    }
}

TEST_CASE("a3 with every key a candidate is exact attention", "[property]") {
    std::uint64_t seed = 530;
    for (const LayerSpec& spec : selection_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const SchemeRun all = run_a3(layer, {"a3.iterations=all", "a3.smallest_weight=0"});
        check_dense(all, layer, 1e-5);
        for (const HeadWork& work : all.works) {
            check_op_list(work.ops);
            CHECK(named(work.ops, "sort keys").empty());
        }
        // A larger weight keeps less, down to the largest score of a row.
        SchemeRun last = all;
        for (const double weight : {0.01, 0.1, 0.5, 1.0}) {
            SchemeRun next =
                run_a3(layer, {"a3.iterations=all", fmt::format("a3.smallest_weight={}", weight)});
            CHECK(is_subset(last, next));
            last = std::move(next);
        }
    }
}

TEST_CASE("a3's search over all products knows the sign of every score", "[property]") {
    // Keys x columns iterations take every product from both ends.
    const AttentionLayer layer = random_layer({1, 1, 40, 30, 16, 8, false, -1, -1, false}, 55);
    const AttentionHead head = head_view(layer, 0, 0);
    const SchemeRun run =
        run_a3(layer, {"a3.iterations=16", "a3.smallest_weight=0", "empty_row=zero"});
    const Matrix<std::uint8_t> kept = selected(run.selections[0]);
    std::int64_t wrong = 0;
    for (std::size_t t = 0; t < kept.rows(); ++t)
        for (std::size_t j = 0; j < kept.cols(); ++j)
            wrong += (kept(t, j) != 0) != (reference::scaled_score(head, t, j) > 0.0) ? 1 : 0;
    CHECK(wrong == 0);
    // More iterations reach more keys with their positive products at first.
    std::int64_t few =
        run_a3(layer, {"a3.iterations=0.1", "a3.smallest_weight=0", "empty_row=zero"})
            .reports[0]
            .kept_pairs;
    CHECK(few > 0);
    CHECK(few < run.reports[0].kept_pairs);
}

TEST_CASE("a3 pays for sorting, searching, candidates and what it keeps", "[unit]") {
    const std::int64_t n = 197, d = 64, dv = 48;
    const OpList list = a3_ops(square_shape(197, 64, 48), 8, {99, 9000, 9100, 5000});
    check_op_list(list);
    CHECK(names_of(list) == std::vector<std::string>{"sort keys", "products", "queues", "greedy",
                                                     "candidates", "pack candidates", "L", "post",
                                                     "pack", "softmax", "A"});
    CHECK(dense_sum(list, OpKind::sort) == d * n * 8);
    CHECK(dense_sum(list, OpKind::multiply) == n * 2 * 99);
    CHECK(dense_sum(list, OpKind::top_k) == n * 2 * 99 * 6);
    CHECK(dense_sum(list, OpKind::accumulate) == n * 2 * 99);
    CHECK(named(list, "L").at(0).nonzeros == 9100 * d);
    CHECK(named(list, "L").at(0).stage == Stage::selection);
    CHECK(named(list, "A").at(0).nonzeros == 5000 * dv);
    // No more iterations than products.
    CHECK(dense_sum(a3_ops(square_shape(3, 2, 2), 8, {100, 9, 9, 9}), OpKind::multiply) == 36);
    CHECK(a3_ops(square_shape(0, 64, 64), 8, {}).empty());
}

TEST_CASE("a3 refuses what it does not define", "[unit]") {
    check_refuses_bias("a3");
    check_refuses("a3", {"a3.iterations=0", "a3.iterations=some", "a3.smallest_weight=1.5",
                         "a3.smallest_weight=-0.1"});
}
