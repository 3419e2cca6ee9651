#include "src/schemes/leopard.hpp"

#include <catch2/catch.hpp>

#include "src/base/ceil_div.hpp"
#include "tests/schemes/selection_pair.hpp"

using namespace attohm;

namespace {

struct LeopardRun {
    SchemeRun run;
    std::unique_ptr<Scheme> scheme;
};

LeopardRun run_leopard(const AttentionLayer& layer, const std::vector<std::string>& keys) {
    LeopardRun result;
    result.scheme = make_calibrated("leopard", settings_of(keys), {layer});
    result.run = run_scheme(*result.scheme, layer);
    return result;
}

std::int64_t bit_steps(const HeadWork& work) {
    return named(work.ops, "stop").at(0).nonzeros;
}

}  // namespace

TEST_CASE("leopard keeps and counts what its twin does, bit by bit", "[unit]") {
    for (const std::string source : {"quantile(0.7)", "quantile(0.3)", "value(0)", "mass(0.9)"}) {
        for (const int bits : {8, 4, 2}) {
            std::uint64_t seed = 300;
            for (const LayerSpec& spec : selection_layers()) {
                const AttentionLayer layer = random_layer(spec, ++seed);
                // A quantile is a score itself: away from it.
                const LeopardRun fast =
                    run_leopard(layer, {"threshold.source=" + source, "threshold.margin=3.1e-4",
                                        fmt::format("leopard.bits={}", bits), "empty_row=dense"});
                const auto& own = dynamic_cast<const CalibratedScheme&>(*fast.scheme);
                for (int h = 0; h < spec.heads; ++h) {
                    const auto i = static_cast<std::size_t>(h);
                    const AttentionHead head = head_view(layer, 0, h);
                    const auto twin = reference::leopard_attention(
                        head, bits, static_cast<double>(own.calibration(0, h).threshold), true);
                    CAPTURE(source, bits);
                    check_against(fast.run, i, head, twin);
                    CHECK(bit_steps(fast.run.works[i]) == twin.steps);
                    CHECK(named(fast.run.works[i].ops, "QK bits").at(0).nonzeros ==
                          ceil_div(twin.steps * spec.d, bits));
                }
            }
        }
    }
}

TEST_CASE("leopard decides as the threshold on the same codes, whenever it stops", "[property]") {
    const AttentionLayer layer = random_layer({2, 2, 70, 70, 32, 16, false, -1, 60, true}, 31);
    const LeopardRun fast =
        run_leopard(layer, {"threshold.source=quantile(0.8)", "empty_row=zero"});
    for (int h = 0; h < 2; ++h) {
        const AttentionHead head = head_view(layer, 0, h);
        const CodedHead codes = code_head(head, largest_scales({&head, 1}), 8);
        const auto threshold = static_cast<double>(
            dynamic_cast<const CalibratedScheme&>(*fast.scheme).calibration(0, h).threshold);
        const Matrix<std::uint8_t> kept =
            selected(fast.run.selections[static_cast<std::size_t>(h)]);
        std::int64_t wrong = 0;
        for (std::size_t t = 0; t < head.n_q(); ++t)
            for (std::size_t j = 0; j < codes.k.rows(); ++j) {
                double z = 0.0;
                for (std::size_t i = 0; i < head.d(); ++i)
                    z += static_cast<double>(codes.q(t, i)) * static_cast<double>(codes.k(j, i));
                const bool keep = z * static_cast<double>(codes.score_step) >= threshold;
                wrong += (kept(t, j) != 0) != (keep && head.allowed(t, j)) ? 1 : 0;
            }
        CHECK(wrong == 0);
    }
}

TEST_CASE("leopard without a threshold is attention on 8-bit codes and looks at every bit",
          "[property]") {
    std::uint64_t seed = 330;
    for (const LayerSpec& spec : selection_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const LeopardRun all = run_leopard(layer, {"threshold.source=value(-1e30)"});
        check_dense(all.run, layer, 3e-2);
        const LeopardRun none =
            run_leopard(layer, {"threshold.source=value(1e30)", "empty_row=zero"});
        for (std::size_t h = 0; h < all.run.works.size(); ++h) {
            const std::int64_t pairs = all.run.works[h].shape.allowed_pairs;
            CHECK(bit_steps(all.run.works[h]) == 8 * pairs);
            // Out of reach: the signs say so.
            CHECK(bit_steps(none.run.works[h]) == pairs);
            CHECK(none.run.reports[h].kept_pairs == 0);
            check_op_list(none.run.works[h].ops);
        }
    }
}

TEST_CASE("a higher threshold of leopard keeps less and stops sooner", "[property]") {
    const AttentionLayer layer = random_layer({2, 1, 70, 70, 33, 40, true, -1, -1, true}, 35);
    LeopardRun last = run_leopard(layer, {"threshold.source=value(-3)", "empty_row=zero"});
    for (const double threshold : {-1.0, -0.2, 0.0, 0.4, 1.0, 2.0}) {
        LeopardRun next = run_leopard(
            layer, {fmt::format("threshold.source=value({})", threshold), "empty_row=zero"});
        CHECK(is_subset(last.run, next.run));
        for (std::size_t h = 0; h < next.run.works.size(); ++h) {
            CHECK(next.run.reports[h].kept_pairs < last.run.reports[h].kept_pairs);
            CHECK(bit_steps(next.run.works[h]) < bit_steps(last.run.works[h]));
        }
        last = std::move(next);
    }
}

TEST_CASE("leopard pays for bit steps and for what it keeps", "[unit]") {
    const std::int64_t n = 197, d = 64, dv = 48, kept = 5000, steps = 100003;
    const OpList list = leopard_ops(square_shape(197, 64, 48), 8, steps, kept);
    check_op_list(list);
    CHECK(names_of(list) ==
          std::vector<std::string>{"|q|", "QK bits", "stop", "pack", "softmax", "A"});
    CHECK(dense_sum(list, OpKind::matmul, Stage::selection) == n * n * d);
    CHECK(dense_sum(list, OpKind::compare) == n * n * 8);
    CHECK(dense_sum(list, OpKind::matmul, Stage::attention) == n * n * dv);
    CHECK(named(list, "QK bits").at(0).nonzeros == steps * d / 8);
    CHECK(named(list, "stop").at(0).nonzeros == steps);
    CHECK(named(list, "A").at(0).nonzeros == kept * dv);
    CHECK(leopard_ops(square_shape(0, 64, 64), 8, 0, 0).empty());
}

TEST_CASE("leopard refuses what it does not define", "[unit]") {
    check_refuses_bias("leopard");
    check_refuses("leopard", {"leopard.bits=1", "leopard.bits=9", "threshold.source=first"});
    // No threshold to be had: says where it should be and what else there is.
    SchemeInputs inputs;
    inputs.trace_path = "some/trace.h5";
    inputs.model.layers = inputs.model.heads = 1;
    CHECK_THROWS_WITH(
        find_scheme("leopard").make(inputs, scheme_preset()),
        Catch::Contains("some/trace.h5:/model/thresholds") && Catch::Contains("quantile(p)"));
    // Longer keys than exact sums allow.
    const AttentionLayer layer = random_layer({1, 1, 3, 3, 600, 8, false, -1, -1, false}, 1);
    CHECK_THROWS_WITH(run_leopard(layer, {"threshold.source=value(0)"}),
                      Catch::Contains("scheme leopard") && Catch::Contains("layer 0") &&
                          Catch::Contains("600 elements"));
    const SchemeRun fewer = run_leopard(layer, {"threshold.source=value(0)", "leopard.bits=7"}).run;
    CHECK(fewer.works.size() == 1);
}
