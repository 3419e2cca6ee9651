#include "src/schemes/sanger.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "src/schemes/kept_attention.hpp"
#include "tests/reference/attention_schemes_reference.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"

using namespace attohm;

namespace {

std::vector<LayerSpec> sanger_layers() {
    std::vector<LayerSpec> layers = awkward_layers();
    layers.push_back({1, 1, 1, 1, 5, 3, false, -1, -1, false});
    layers.push_back({1, 1, 1, 65, 64, 64, false, -1, -1, false});
    layers.push_back({1, 1, 197, 197, 64, 64, false, -1, -1, false});
    return layers;
}

SchemeRun run_sanger(const std::vector<AttentionLayer>& layers,
                     const std::vector<std::string>& keys) {
    Settings settings = scheme_preset();
    for (const std::string& key : keys) settings.overlay_assignment(key);
    return run_scheme(*make_calibrated("sanger", settings, layers), layers.front());
}

std::int64_t ones(const Matrix<std::uint8_t>& kept) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kept.size(); ++i) sum += kept.data()[i];
    return sum;
}

}  // namespace

TEST_CASE("sanger keeps and computes what its twin does", "[unit]") {
    // Not 2e-2: 50 equal scores lie on it.
    for (const double threshold : {2e-3, 2.03e-2, 0.101}) {
        for (const int bits : {4, 8, 2}) {
            std::uint64_t seed = 50;
            for (const LayerSpec& spec : sanger_layers()) {
                const std::vector<AttentionLayer> layers = {random_layer(spec, ++seed)};
                const SchemeRun run =
                    run_sanger(layers, {fmt::format("sanger.threshold={}", threshold),
                                        fmt::format("sanger.bits={}", bits), "empty_row=dense"});
                for (int h = 0; h < spec.heads; ++h) {
                    const auto i = static_cast<std::size_t>(h);
                    const AttentionHead head = head_view(layers[0], 0, h);
                    const auto twin = reference::sanger_attention(head, bits, threshold, true);
                    CAPTURE(threshold, bits, spec.n_q, spec.n_k, spec.d, h, twin.nearest);
                    // No probability so near the threshold that its rounding decides.
                    REQUIRE(twin.nearest > 2e-6);
                    CHECK(run.reports[i].decisions.hw_kept == ones(twin.kept));
                    CHECK(run.reports[i].empty_rows == twin.empty_rows);
                    CHECK(run.reports[i].kept_pairs == twin.kept_pairs);
                    CHECK(run.reports[i].decisions.valid == run.works[i].shape.allowed_pairs);
                    if (twin.empty_rows == 0)
                        CHECK(differences(selected(run.selections[i]), twin.kept) == 0);
                    CHECK(relative_error(run.out[i], twin.out) < 1e-5);
                }
            }
        }
    }
}

TEST_CASE("sanger at threshold 0 is exact attention, at 1 it keeps nothing", "[property]") {
    std::uint64_t seed = 70;
    for (const LayerSpec& spec : sanger_layers()) {
        const std::vector<AttentionLayer> layers = {random_layer(spec, ++seed)};
        const SchemeRun all = run_sanger(layers, {"sanger.threshold=0"});
        const SchemeRun none = run_sanger(layers, {"sanger.threshold=1", "empty_row=zero"});
        const SchemeRun dense = run_sanger(layers, {"sanger.threshold=1", "empty_row=dense"});
        for (std::size_t h = 0; h < all.out.size(); ++h) {
            const AttentionHead head = head_view(layers[0], 0, static_cast<int>(h));
            const Matrix<double> exact = reference::exact_attention(head);
            CAPTURE(spec.n_q, spec.n_k, h);
            CHECK(relative_error(all.out[h], exact) < 1e-5);
            CHECK(all.reports[h].kept_pairs == all.works[h].shape.allowed_pairs);
            CHECK(all.reports[h].empty_rows == 0);
            // Rows that have a key at all.
            std::int64_t rows = 0;
            for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
                bool any = false;
                for (std::size_t j = 0; j < head.n_k(); ++j) any = any || head.allowed(t, j);
                rows += any ? 1 : 0;
            }
            CHECK(none.reports[h].empty_rows == rows);
            CHECK(none.reports[h].decisions.hw_kept == 0);
            CHECK(none.reports[h].kept_pairs == 0);
            CHECK(differences(none.out[h], Matrix<float>(head.n_q(), head.dv())) == 0);
            check_op_list(none.works[h].ops);
            CHECK(dense.reports[h].empty_rows == rows);
            CHECK(relative_error(dense.out[h], exact) < 1e-5);
        }
    }
}

TEST_CASE("sanger's kept set ignores a constant added to the scores of a row", "[property]") {
    const AttentionLayer layer = random_layer({1, 1, 60, 60, 32, 16, false, -1, -1, true}, 90);
    const AttentionHead head = head_view(layer, 0, 0);
    const auto plain = reference::sanger_attention(head, 4, 2e-2, false);
    for (const double shift : {-30.0, 0.5, 40.0})
        CHECK(differences(reference::sanger_attention(head, 4, 2e-2, false, shift).kept,
                          plain.kept) == 0);
    // The fast path: one more element of q and k, codes included, adds L^2 to every score of a row.
    AttentionLayer wide = layer;
    for (Tensor3* x : {&wide.q, &wide.k}) {
        const Tensor3 narrow = *x;
        float high = 0.0F;
        for (const float value : narrow.data) high = std::max(high, std::abs(value));
        x->resize(1, 60, 33);
        for (std::size_t t = 0; t < 60; ++t) {
            std::copy_n(narrow.plane(0).row(t), 32, x->plane(0).row(t));
            x->plane(0)(t, 32) = high;
        }
    }
    const auto kept = [](const AttentionLayer& one) {
        return selected(
            run_sanger({one}, {"sanger.threshold=0.02", "empty_row=zero"}).selections.at(0));
    };
    CHECK(ones(plain.kept) > 0);
    CHECK(differences(kept(layer), kept(wide)) == 0);
}

TEST_CASE("sanger's quantiser is symmetric and uses every level", "[unit]") {
    for (const int bits : {2, 3, 4, 8}) {
        const int levels = (1 << (bits - 1)) - 1;
        AttentionLayer layer = random_layer({1, 1, 64, 64, 32, 8, false, 60, 50, false}, 95);
        // A ramp over the whole range; the rest is normal.
        for (std::size_t i = 0; i < layer.q.data.size(); ++i)
            layer.q.data[i] = 0.003F * (static_cast<float>(i) - 960.0F);
        const AttentionHead head = head_view(layer, 0, 0);
        const CodeScales scales = largest_scales({&head, 1});
        const CodedHead codes = code_head(head, scales, bits);
        CHECK(codes.q_clipped == 0);
        CHECK(codes.k_clipped == 0);
        std::set<float> seen;
        bool near = true;
        for (std::size_t t = 0; t < codes.q.rows(); ++t) {
            for (std::size_t i = 0; i < codes.q.cols(); ++i) {
                const float code = codes.q(t, i);
                seen.insert(code);
                const auto step = static_cast<double>(scales.q) / levels;
                near = near && std::abs(static_cast<double>(code) * step -
                                        static_cast<double>(head.q(t, i))) <= 0.5001 * step;
            }
        }
        CHECK(near);
        CHECK(*seen.begin() == static_cast<float>(-levels));
        CHECK(*seen.rbegin() == static_cast<float>(levels));
        CHECK(seen.size() == static_cast<std::size_t>(2 * levels + 1));
        for (const float code : seen) CHECK(code == std::nearbyint(code));
        // -x has the opposite code.
        AttentionLayer mirrored = layer;
        for (float& q : mirrored.q.data) q = -q;
        const CodedHead opposite = code_head(head_view(mirrored, 0, 0), scales, bits);
        for (std::size_t i = 0; i < codes.q.size(); ++i)
            if (codes.q.data()[i] != -opposite.q.data()[i]) FAIL("not symmetric");
        // Half the range clips, and says so.
        CHECK(code_head(head, {scales.q / 2, scales.k / 2}, bits).q_clipped > 0);
    }
    // Nothing to scale by: zeros, not NaN.
    AttentionLayer zero = random_layer({1, 1, 8, 8, 4, 4, false, -1, -1, false}, 1);
    std::fill(zero.q.data.begin(), zero.q.data.end(), 0.0F);
    const SchemeRun run = run_sanger({zero}, {});
    const AttentionHead head = head_view(zero, 0, 0);
    CHECK(relative_error(run.out[0], reference::exact_attention(head)) < 1e-5);
}

TEST_CASE("sanger's calibrated range is that of the calibration samples", "[unit]") {
    const AttentionLayer layer = random_layer({1, 1, 40, 40, 16, 8, false, -1, -1, false}, 97);
    AttentionLayer half = layer;
    for (float& q : half.q.data) q *= 0.5F;
    const auto scheme = [&] {
        Settings settings = scheme_preset();
        settings.overlay_assignment("sanger.range=calibrated");
        settings.overlay_assignment("sanger.threshold=0.02");
        return make_calibrated("sanger", settings, {half});
    }();
    const SchemeRun run = run_scheme(*scheme, layer);
    const AttentionHead own = head_view(layer, 0, 0), calibrated = head_view(half, 0, 0);
    const CodeScales scales = largest_scales({&calibrated, 1});
    const auto twin = reference::sanger_attention(
        own, 4, 0.02, true, 0.0, static_cast<double>(scales.q), static_cast<double>(scales.k));
    REQUIRE(twin.nearest > 2e-6);
    CHECK(run.reports[0].decisions.hw_kept == ones(twin.kept));
    CHECK(run.reports[0].events.q_clipped > 0);
    CHECK(run.reports[0].events.k_clipped == 0);
    CHECK(relative_error(run.out[0], twin.out) < 1e-5);
}

TEST_CASE("masked and padded pairs are never kept", "[property]") {
    std::uint64_t seed = 110;
    for (const LayerSpec& spec : sanger_layers()) {
        const std::vector<AttentionLayer> layers = {random_layer(spec, ++seed)};
        for (const char* rule : {"dense", "top1-digital", "self", "zero"}) {
            const SchemeRun run =
                run_sanger(layers, {"sanger.threshold=0.05", std::string("empty_row=") + rule});
            for (std::size_t h = 0; h < run.out.size(); ++h) {
                const AttentionHead head = head_view(layers[0], 0, static_cast<int>(h));
                const Matrix<std::uint8_t> kept = selected(run.selections[h]);
                std::int64_t forbidden = 0;
                for (std::size_t t = 0; t < kept.rows(); ++t)
                    for (std::size_t j = 0; j < kept.cols(); ++j) {
                        const bool valid =
                            t < static_cast<std::size_t>(head.valid_q) && head.allowed(t, j);
                        forbidden += kept(t, j) != 0 && !valid ? 1 : 0;
                    }
                CHECK(forbidden == 0);
                CHECK(ones(kept) == run.reports[h].kept_pairs);
                CHECK(run.works[h].kept_pairs == run.reports[h].kept_pairs);
            }
        }
    }
}

TEST_CASE("sanger pays for its prediction and then for what it keeps", "[unit]") {
    const std::int64_t n = 197, d = 64, dv = 48, kept = 5000;
    const OpList list = sanger_ops(square_shape(197, 64, 48), 4, 8, kept);
    check_op_list(list);
    CHECK(names_of(list) == std::vector<std::string>{"q4", "k4", "L4", "softmax4", "mask", "pack",
                                                     "L", "softmax", "A"});
    CHECK(dense_sum(list, OpKind::matmul, Stage::selection) == n * n * d);
    CHECK(dense_sum(list, OpKind::quantise) == 2 * n * d);
    CHECK(dense_sum(list, OpKind::softmax, Stage::selection) == n * n);
    CHECK(dense_sum(list, OpKind::compare) == n * n);
    CHECK(dense_sum(list, OpKind::pack) == n * n);
    CHECK(dense_sum(list, OpKind::matmul, Stage::attention) == n * n * (d + dv));
    CHECK(named(list, "L4").at(0).bits == 4);
    CHECK(named(list, "L4").at(0).nonzeros == n * n * d);
    CHECK(named(list, "softmax4").at(0).bits == 8);
    CHECK(named(list, "pack").at(0).nonzeros == kept);
    CHECK(named(list, "L").at(0).nonzeros == kept * d);
    CHECK(named(list, "softmax").at(0).nonzeros == kept);
    CHECK(named(list, "A").at(0).nonzeros == kept * dv);
    const Operator pack = named(list, "pack").at(0);
    CHECK(list.tensors[static_cast<std::size_t>(pack.output)].total_bits() == kept * 8);
    const Operator mask = named(list, "mask").at(0);
    CHECK(list.tensors[static_cast<std::size_t>(mask.output)].total_bits() == n * n);
}

TEST_CASE("the Work of sanger follows what was kept", "[property]") {
    std::uint64_t seed = 130;
    for (const LayerSpec& spec : sanger_layers()) {
        const std::vector<AttentionLayer> layers = {random_layer(spec, ++seed)};
        const SchemeRun run = run_sanger(layers, {"sanger.threshold=0.03"});
        REQUIRE(run.selections.size() == run.works.size());
        for (std::size_t h = 0; h < run.works.size(); ++h) {
            const HeadWork& work = run.works[h];
            check_op_list(work.ops);
            const auto pairs = static_cast<std::int64_t>(run.selections[h].keys.size());
            CHECK(work.kept_pairs == pairs);
            CHECK(named(work.ops, "L").at(0).nonzeros == pairs * spec.d);
            CHECK(named(work.ops, "L4").at(0).nonzeros == work.shape.allowed_pairs * spec.d);
        }
    }
}

TEST_CASE("sanger refuses a bias and numbers out of range", "[unit]") {
    using Catch::Contains;
    AttentionLayer biased = random_layer({}, 1, 2);
    biased.bias.resize(1, 40, 40);
    SchemeInputs inputs;
    inputs.trace_path = "some/trace.h5";
    inputs.model.layers = 3;
    inputs.model.heads = 2;
    const auto scheme = find_scheme("sanger").make(inputs, scheme_preset());
    CHECK_THROWS_WITH(run_scheme(*scheme, biased),
                      Contains("scheme sanger") && Contains("layer 2") && Contains("layers/02"));
    for (const char* key : {"sanger.bits=1", "sanger.bits=9", "sanger.threshold=1.5",
                            "sanger.threshold=-0.1", "sanger.range=static"}) {
        Settings settings = scheme_preset();
        settings.overlay_assignment(key);
        CAPTURE(key);
        CHECK_THROWS_AS(find_scheme("sanger").make(inputs, settings), UserError);
    }
}
