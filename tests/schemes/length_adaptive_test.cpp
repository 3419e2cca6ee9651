#include "src/schemes/length_adaptive.hpp"

#include <catch2/catch.hpp>

#include "tests/schemes/selection_pair.hpp"

using namespace attohm;

namespace {

SchemeRun run_top_keys(const AttentionLayer& layer, int k, int bits = 4) {
    return run_scheme(*make_calibrated("length-adaptive",
                                       settings_of({fmt::format("length_adaptive.k={}", k),
                                                    fmt::format("length_adaptive.bits={}", bits)}),
                                       {layer}),
                      layer);
}

}  // namespace

TEST_CASE("length-adaptive keeps and computes what its twin does", "[unit]") {
    // Narrow codes give many equal products.
    for (const int bits : {4, 2, 8}) {
        for (const int k : {1, 7, 30}) {
            std::uint64_t seed = 800;
            for (const LayerSpec& spec : selection_layers()) {
                const AttentionLayer layer = random_layer(spec, ++seed);
                const SchemeRun run = run_top_keys(layer, k, bits);
                for (int h = 0; h < spec.heads; ++h) {
                    const AttentionHead head = head_view(layer, 0, h);
                    CAPTURE(bits, k);
                    check_against(run, static_cast<std::size_t>(h), head,
                                  reference::length_adaptive_attention(head, bits, k));
                }
            }
        }
    }
}

TEST_CASE("length-adaptive keeps k keys of every query, or all there are", "[property]") {
    std::uint64_t seed = 830;
    for (const LayerSpec& spec : selection_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        check_dense(run_top_keys(layer, 1000), layer, 1e-5);
        SchemeRun last = run_top_keys(layer, 1000);
        for (const int k : {40, 12, 3, 1}) {
            SchemeRun next = run_top_keys(layer, k);
            CHECK(is_subset(last, next));
            for (std::size_t h = 0; h < next.selections.size(); ++h) {
                const AttentionHead head = head_view(layer, 0, static_cast<int>(h));
                std::int64_t wrong = 0;
                for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
                    std::size_t allowed = 0;
                    for (std::size_t j = 0; j < head.n_k(); ++j) allowed += head.allowed(t, j);
                    const std::size_t expected = std::min(allowed, static_cast<std::size_t>(k));
                    wrong += next.selections[h].row(t).size() != expected ? 1 : 0;
                }
                CHECK(wrong == 0);
            }
            last = std::move(next);
        }
    }
}

TEST_CASE("length-adaptive ranks on codes of one scale a tensor", "[unit]") {
    // Keys that all fall into code 0 beside one large value are equal: the first ones stay.
    AttentionLayer layer = random_layer({1, 1, 6, 6, 4, 4, false, -1, -1, false}, 3);
    for (float& k : layer.k.data) k = 0.01F;
    layer.k.plane(0)(5, 0) = 1.0F;
    for (float& q : layer.q.data) q = -1.0F;
    const SchemeRun run = run_top_keys(layer, 2);
    for (std::size_t t = 0; t < 6; ++t) {
        const auto row = run.selections[0].row(t);
        REQUIRE(row.size() == 2);
        CHECK(row[0] == 0);
        CHECK(row[1] == 1);
    }
}

TEST_CASE("length-adaptive pays for its ranking and then for k keys", "[unit]") {
    const std::int64_t n = 197, d = 64, dv = 48, kept = 197 * 30;
    const OpList list = length_adaptive_ops(square_shape(197, 64, 48), 4, 8, kept);
    check_op_list(list);
    CHECK(names_of(list) ==
          std::vector<std::string>{"q4", "k4", "L4", "top-k", "pack", "L", "softmax", "A"});
    CHECK(dense_sum(list, OpKind::matmul, Stage::selection) == n * n * d);
    CHECK(named(list, "L4").at(0).bits == 4);
    CHECK(dense_sum(list, OpKind::top_k) == n * n * 8);
    CHECK(named(list, "L").at(0).nonzeros == kept * d);
    CHECK(named(list, "A").at(0).nonzeros == kept * dv);
    CHECK(length_adaptive_ops(square_shape(0, 64, 64), 4, 8, 0).empty());
}

TEST_CASE("length-adaptive refuses what it does not define", "[unit]") {
    check_refuses_bias("length-adaptive");
    check_refuses("length-adaptive",
                  {"length_adaptive.k=0", "length_adaptive.k=1.5", "length_adaptive.bits=1"});
}
