#include "src/schemes/ecoformer.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/random.hpp"
#include "src/schemes/digital_schemes.hpp"
#include "tests/reference/linear_schemes_reference.hpp"
#include "tests/schemes/linear_cases.hpp"
#include "tests/schemes/op_counts.hpp"

using namespace attohm;

namespace {

/// Hash parameters of a small model, random; anchors are unit vectors.
struct RandomHash {
    int heads, m, b, d;
    Matrix<float> anchors;  ///< [heads m, d]
    std::vector<float> mean;
    Matrix<float> a;  ///< [heads b, m]

    RandomHash(int heads_, int m_, int b_, int d_, std::uint64_t seed)
        : heads(heads_), m(m_), b(b_), d(d_) {
        const auto h = static_cast<std::size_t>(heads), mm = static_cast<std::size_t>(m);
        anchors = Matrix<float>(h * mm, static_cast<std::size_t>(d));
        mean.resize(h * mm);
        a = Matrix<float>(h * static_cast<std::size_t>(b), mm);
        Stream(seed, Purpose::synth_content, {1}).normals(0, {anchors.data(), anchors.size()});
        Stream(seed, Purpose::synth_content, {2}).normals(0, {a.data(), a.size()});
        Stream(seed, Purpose::synth_content, {3}).uniforms(0, mean);
        for (std::size_t r = 0; r < anchors.rows(); ++r) {
            double length = 0.0;
            for (std::size_t c = 0; c < anchors.cols(); ++c)
                length += static_cast<double>(anchors(r, c)) * static_cast<double>(anchors(r, c));
            for (std::size_t c = 0; c < anchors.cols(); ++c)
                anchors(r, c) /= static_cast<float>(std::sqrt(length));
        }
    }
    Matrix<float> anchors_of(int head) const { return part(anchors, head, m); }
    Matrix<float> a_of(int head) const { return part(a, head, b); }
    std::vector<float> mean_of(int head) const {
        return {mean.begin() + head * m, mean.begin() + (head + 1) * m};
    }
    ExtraWeights extra(const std::string& layer) const {
        const auto size = [](int n) { return static_cast<std::size_t>(n); };
        ExtraWeights all;
        all.where = "some/trace.h5:/model/weights/extra/ecoformer";
        all.tensors[layer + "/anchors"] = {{size(heads), size(m), size(d)},
                                           {anchors.data(), anchors.data() + anchors.size()}};
        all.tensors[layer + "/mvec"] = {{size(heads), size(m)}, mean};
        all.tensors[layer + "/A"] = {{size(heads), size(b), size(m)},
                                     {a.data(), a.data() + a.size()}};
        return all;
    }

  private:
    static Matrix<float> part(const Matrix<float>& all, int head, int rows) {
        Matrix<float> out(static_cast<std::size_t>(rows), all.cols());
        std::copy_n(all.row(static_cast<std::size_t>(head * rows)), out.size(), out.data());
        return out;
    }
};

/// q and k of one projection.
AttentionLayer shared_layer(const LayerSpec& spec, std::uint64_t seed) {
    AttentionLayer layer = random_layer(spec, seed);
    layer.k = layer.q;
    return layer;
}

std::vector<LayerSpec> shared_layers() {
    return {{2, 2, 40, 40, 32, 32, false, -1, -1, false},
            {3, 3, 37, 37, 21, 24, false, 29, 29, false},
            {1, 1, 1, 1, 7, 3, false, -1, -1, false},
            {2, 2, 197, 197, 32, 33, false, 190, 190, false}};
}

SchemeInputs inputs_for(const LayerSpec& spec, const ExtraWeights& extra) {
    SchemeInputs inputs;
    inputs.model.heads = spec.heads;
    inputs.trace_path = "some/trace.h5";
    inputs.extra = extra;
    return inputs;
}

Settings settings_with(const std::vector<std::string>& assignments) {
    Settings settings = scheme_preset();
    for (const std::string& assignment : assignments) settings.overlay_assignment(assignment);
    return settings;
}

Matrix<double> in_double(const Matrix<float>& x) {
    Matrix<double> out(x.rows(), x.cols());
    for (std::size_t i = 0; i < x.size(); ++i) out.data()[i] = static_cast<double>(x.data()[i]);
    return out;
}

}  // namespace

TEST_CASE("ecoformer with a learned hash equals its twin, both bias forms", "[unit]") {
    std::uint64_t seed = 700;
    for (const LayerSpec& spec : shared_layers()) {
        const AttentionLayer layer = shared_layer(spec, ++seed);
        const RandomHash hash(spec.heads, 25, 16, spec.d, seed);
        for (const bool released : {true, false}) {
            const auto scheme = find_scheme("ecoformer")
                                    .make(inputs_for(spec, hash.extra("layer_00")),
                                          settings_with({released ? "ecoformer.bias_form=released"
                                                                  : "ecoformer.bias_form=exact"}));
            const SchemeRun run = run_scheme(*scheme, layer);
            for (int h = 0; h < spec.heads; ++h) {
                CAPTURE(spec.n_q, spec.d, spec.dv, h, released);
                const AttentionHead head = head_view(layer, 0, h);
                const auto codes = reference::ecoformer_codes(
                    head.q, head.valid_q, hash.anchors_of(h), hash.mean_of(h), hash.a_of(h));
                REQUIRE(codes.nearest > 1e-9);
                const Matrix<double> twin =
                    reference::ecoformer_attention(head, codes.codes, codes.codes, released);
                const auto i = static_cast<std::size_t>(h);
                CHECK(relative_error(run.out[i], twin) < 1e-5);
                check_op_list(run.works[i].ops);
            }
        }
    }
}

TEST_CASE("ecoformer with random projections equals its twin on separate queries and keys",
          "[unit]") {
    std::uint64_t seed = 720;
    for (const LayerSpec& spec : all_pairs_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const auto scheme =
            find_scheme("ecoformer")
                .make(inputs_for(spec, {}),
                      settings_with({"ecoformer.hash=random(5)", "ecoformer.bias_form=exact"}));
        const SchemeRun run = run_scheme(*scheme, layer);
        for (int h = 0; h < spec.heads; ++h) {
            CAPTURE(spec.n_q, spec.n_k, spec.d, spec.dv, h);
            const AttentionHead head = head_view(layer, 0, h);
            const Matrix<float> r = random_projections(5, 0, h, head.d(), 16);
            // Signs of x R, element by element.
            const auto codes = [&](MatrixView<const float> x, int valid) {
                Matrix<double> out(static_cast<std::size_t>(valid), 16);
                for (std::size_t t = 0; t < out.rows(); ++t)
                    for (std::size_t i = 0; i < 16; ++i) {
                        double sum = 0.0;
                        for (std::size_t c = 0; c < x.cols; ++c)
                            sum += static_cast<double>(x(t, c)) * static_cast<double>(r(c, i));
                        out(t, i) = sum > 0.0 ? 1.0 : sum < 0.0 ? -1.0 : 0.0;
                    }
                return out;
            };
            const Matrix<double> twin = reference::ecoformer_attention(
                head, codes(head.q, head.valid_q), codes(head.k, head.valid_k), false);
            CHECK(relative_error(run.out[static_cast<std::size_t>(h)], twin) < 1e-5);
            check_op_list(run.works[static_cast<std::size_t>(h)].ops);
        }
    }
    // Another seed, layer or head is another hash.
    const auto first = random_projections(5, 0, 0, 8, 16);
    CHECK(differences(first, random_projections(6, 0, 0, 8, 16)) > 100);
    CHECK(differences(first, random_projections(5, 1, 0, 8, 16)) > 100);
    CHECK(differences(first, random_projections(5, 0, 1, 8, 16)) > 100);
}

TEST_CASE("products of ecoformer's codes are b - 2 Hamming, and no similarity is below 1",
          "[property]") {
    const AttentionLayer layer = shared_layer({1, 1, 60, 60, 24, 8, false, -1, -1, false}, 731);
    const RandomHash hash(1, 25, 16, 24, 9);
    const AttentionHead head = head_view(layer, 0, 0);
    const Matrix<float> anchors = hash.anchors_of(0), a = hash.a_of(0);
    const std::vector<float> mean = hash.mean_of(0);
    const Matrix<float> codes = kernel_codes(head.q, 60, {anchors.view(), mean, a.view()});
    std::int64_t wrong = 0;
    double least = 1e9;
    for (std::size_t i = 0; i < 60; ++i)
        for (std::size_t j = 0; j < 60; ++j) {
            int product = 0, hamming = 0;
            for (std::size_t c = 0; c < 16; ++c) {
                product += static_cast<int>(codes(i, c) * codes(j, c));
                hamming += codes(i, c) != codes(j, c) ? 1 : 0;
            }
            wrong += product != 16 - 2 * hamming ? 1 : 0;
            least = std::min(least, 17.0 + product);
        }
    CHECK(wrong == 0);
    CHECK(least >= 1.0);
    // Weights of the exact form are a mean: constant values stay what they are.
    AttentionLayer still = layer;
    std::fill(still.v.data.begin(), still.v.data.end(), 2.5F);
    Matrix<float> out(60, 8);
    code_attention(head_view(still, 0, 0), codes, codes, EcoformerBias::exact, out.view());
    for (std::size_t i = 0; i < out.size(); ++i)
        CHECK(static_cast<double>(out.data()[i]) == Approx(2.5).epsilon(1e-6));
    // The released form does not.
    code_attention(head_view(still, 0, 0), codes, codes, EcoformerBias::released, out.view());
    CHECK(std::abs(static_cast<double>(out(0, 0)) - 2.5) > 0.1);
}

TEST_CASE("sign(0) of ecoformer is 0, and its lengths have no say", "[property]") {
    // One anchor exactly at the mean of kappa: every projection is 0.
    Matrix<float> x(3, 2), anchors(1, 2), a(4, 1, 1.0F);
    for (std::size_t t = 0; t < 3; ++t) {
        x(t, 0) = static_cast<float>(t + 1);
        x(t, 1) = 0.0F;
    }
    anchors(0, 0) = 1.0F;
    anchors(0, 1) = 0.0F;
    const std::vector<float> mean = {1.0F};
    const Matrix<float> codes = kernel_codes(x.view(), 3, {anchors.view(), mean, a.view()});
    for (std::size_t i = 0; i < codes.size(); ++i) CHECK(codes.data()[i] == 0.0F);
    const AttentionLayer layer = shared_layer({1, 1, 20, 20, 8, 4, false, -1, -1, false}, 3);
    AttentionLayer longer = layer;
    for (std::size_t t = 0; t < 20; ++t)
        for (std::size_t c = 0; c < 8; ++c)
            longer.q.plane(0)(t, c) *= std::ldexp(1.0F, static_cast<int>(t) - 10);
    const RandomHash hash(1, 25, 16, 8, 4);
    const Matrix<float> own = hash.anchors_of(0), rows = hash.a_of(0);
    const std::vector<float> centre = hash.mean_of(0);
    const KernelHash one{own.view(), centre, rows.view()};
    CHECK(differences(kernel_codes(layer.q.plane(0), 20, one),
                      kernel_codes(longer.q.plane(0), 20, one)) == 0);
}

TEST_CASE("sigma of ecoformer is of the tokens at hand: others change the codes that stay",
          "[property]") {
    AttentionLayer layer = shared_layer({1, 1, 40, 40, 8, 4, false, -1, -1, false}, 3);
    const RandomHash hash(1, 25, 16, 8, 4);
    const Matrix<float> anchors = hash.anchors_of(0), a = hash.a_of(0);
    const std::vector<float> mean = hash.mean_of(0);
    const KernelHash one{anchors.view(), mean, a.view()};
    const Matrix<float> alone = kernel_codes(layer.q.plane(0), 20, one);
    // Tokens that lie on an anchor: smaller distances on the mean.
    for (std::size_t t = 20; t < 40; ++t) std::copy_n(anchors.row(0), 8, layer.q.plane(0).row(t));
    const Matrix<float> all = kernel_codes(layer.q.plane(0), 40, one);
    Matrix<float> same(20, 16);
    std::copy_n(all.data(), same.size(), same.data());
    CHECK(differences(alone, same) > 0);
}

TEST_CASE("padding has no say in ecoformer, and its rows are zero", "[property]") {
    const LayerSpec spec{1, 1, 34, 34, 12, 9, false, 27, 27, false};
    for (const std::string hash : {"trace", "random(1)"}) {
        AttentionLayer layer = shared_layer(spec, 9);
        const RandomHash learned(1, 25, 16, 12, 2);
        const auto scheme =
            find_scheme("ecoformer")
                .make(inputs_for(spec, learned.extra("layer_00")),
                      settings_with({"ecoformer.hash=" + hash, "ecoformer.bias_form=exact"}));
        const SchemeRun before = run_scheme(*scheme, layer);
        for (Tensor3* x : {&layer.q, &layer.k, &layer.v})
            for (std::size_t j = 27; j < 34; ++j) std::fill_n(x->plane(0).row(j), x->cols, 1e6F);
        const SchemeRun after = run_scheme(*scheme, layer);
        CHECK(differences(before.out[0], after.out[0]) == 0);
        for (std::size_t t = 27; t < 34; ++t)
            for (std::size_t c = 0; c < 9; ++c) CHECK(after.out[0](t, c) == 0.0F);
    }
}

TEST_CASE("ecoformer says what is missing and how to make it", "[unit]") {
    using Catch::Contains;
    const LayerSpec spec{2, 2, 12, 12, 8, 8, false, -1, -1, false};
    const AttentionLayer layer = random_layer(spec, 10, 3);
    SchemeInputs inputs = inputs_for(spec, {});
    inputs.extra.where = "some/trace.h5:/model/weights/extra/ecoformer";
    CHECK_THAT(refusal("ecoformer", layer, {}, inputs),
               Contains("scheme ecoformer has no `anchors` for layer 3") &&
                   Contains("extra/ecoformer/layer_03/anchors") && Contains("[2, 25, 8]") &&
                   Contains("ecoformer.hash=random(seed)"));
    const RandomHash small(2, 25, 12, 8, 1), fits(2, 25, 16, 8, 1);
    CHECK_THAT(refusal("ecoformer", layer, {}, inputs_for(spec, small.extra("layer_03"))),
               Contains("`A`") && Contains("[2, 12, 25]") && Contains("[2, 16, 25]"));
    CHECK_THAT(refusal("ecoformer", layer, {}, inputs_for(spec, fits.extra("layer_03"))),
               Contains("one projection for queries and keys") && Contains("wk is its wq"));
    CHECK(refusal("ecoformer", layer, {"ecoformer.hash=random(1)"}, inputs).empty());
    CHECK(refusal("ecoformer", layer, {"ecoformer.exact_layers=[1, 3]"}, inputs).empty());
    AttentionLayer causal = layer;
    causal.causal = true;
    CHECK_THAT(refusal("ecoformer", causal, {"ecoformer.hash=random(1)"}, inputs),
               Contains("scheme ecoformer") && Contains("layer 3") && Contains("a causal layer"));
    LayerSpec other = spec;
    other.n_k = 20;
    CHECK_THAT(
        refusal("ecoformer", random_layer(other, 10, 1), {"ecoformer.hash=random(1)"}, inputs),
        Contains("12 queries, 20 values") && Contains("bias_form=exact"));
    CHECK_THROWS_WITH(load_ecoformer_settings(settings_with({"ecoformer.hash=random(1.5)"})),
                      Contains("whole number"));
    SchemeInputs gpt;
    gpt.model.causal = true;
    CHECK_THROWS_WITH(find_scheme("ecoformer").make(gpt, scheme_preset()),
                      Contains("no causal form"));
    const auto notes = find_scheme("ecoformer").notes(settings_with({"ecoformer.hash=random(3)"}));
    REQUIRE(notes.size() == 1);
    CHECK_THAT(notes[0], Contains("random(3)") && Contains("not a learned"));
    CHECK(find_scheme("ecoformer").notes(scheme_preset()).empty());
}

TEST_CASE("layers that keep softmax are dense attention", "[unit]") {
    const LayerSpec spec{2, 2, 12, 12, 8, 8, false, -1, -1, false};
    const AttentionLayer layer = random_layer(spec, 10, 3);
    const auto scheme =
        find_scheme("ecoformer")
            .make(inputs_for(spec, {}), settings_with({"ecoformer.exact_layers=[3]"}));
    const SchemeRun run = run_scheme(*scheme, layer), exact = run_scheme(ExactScheme(), layer);
    CHECK(differences(run.out[1], exact.out[1]) == 0);
    CHECK(run.works[1].ops == dense_attention_ops(square_shape(12, 8, 8), 8));
    // Queries and keys are projected once, but where softmax stays.
    for (const int l : {2, 3}) {
        std::vector<LinearShape> shapes = block_shapes(12, 16, 16, 16, 64);
        scheme->linear_shapes(l, 2, shapes);
        const bool has_k = std::any_of(shapes.begin(), shapes.end(),
                                       [](const LinearShape& s) { return s.name == "k"; });
        CHECK(has_k == (l == 3));
        CHECK(shapes.size() == (l == 3 ? 6U : 5U));
    }
}

TEST_CASE("ecoformer takes 16,384 tokens without an N x N matrix", "[unit]") {
    const int n = 16384;
    const AttentionLayer layer = shared_layer({1, 1, n, n, 64, 64, false, -1, -1, false}, 78);
    const AttentionHead head = head_view(layer, 0, 0);
    const RandomHash hash(1, 25, 16, 64, 5);
    const Matrix<float> anchors = hash.anchors_of(0), a = hash.a_of(0);
    const std::vector<float> mean = hash.mean_of(0);
    const Matrix<float> codes =
        kernel_codes(head.q, static_cast<std::size_t>(n), {anchors.view(), mean, a.view()});
    Matrix<float> out(static_cast<std::size_t>(n), 64);
    code_attention(head, codes, codes, EcoformerBias::exact, out.view());
    // The twin forms every pair: for a few rows.
    const Matrix<double> all = in_double(codes);
    Matrix<double> few(3, 16);
    AttentionHead rows = head;
    rows.valid_q = 3;
    rows.q = head.q.top(3);
    for (std::size_t t = 0; t < 3; ++t) std::copy_n(all.row(t), 16, few.row(t));
    const Matrix<double> twin = reference::ecoformer_attention(rows, few, all, false);
    double worst = 0.0, largest = 0.0;
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t c = 0; c < 64; ++c) {
            worst = std::max(worst, std::abs(twin(t, c) - static_cast<double>(out(t, c))));
            largest = std::max(largest, std::abs(twin(t, c)));
        }
    CHECK(worst < 1e-5 * largest);
}
