#include "src/schemes/salo.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <set>

#include "src/base/error.hpp"
#include "src/schemes/salo_element.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/reference/salo_reference.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"

using namespace attohm;

namespace {

SchemeRun run_salo(const AttentionLayer& layer, const std::vector<std::string>& keys) {
    Settings settings = scheme_preset();
    for (const std::string& key : keys) settings.overlay_assignment(key);
    return run_scheme(*make_calibrated("salo", settings, {layer}), layer);
}

/// From the definition, pair by pair.
bool wanted(int query, int key, int window, int dilated, int dilation, int globals, bool causal) {
    if (query < globals || key < globals) return true;
    const auto inside = [&](int width) {
        const int low = causal ? query - width + 1 : query - width / 2;
        return width > 0 && low <= key && key < low + width;
    };
    return inside(window) || (inside(dilated) && (key - query) % dilation == 0);
}

std::vector<LayerSpec> salo_layers() {
    std::vector<LayerSpec> layers = awkward_layers();
    layers.push_back({1, 1, 1, 1, 5, 3, false, -1, -1, false});
    layers.push_back({2, 2, 70, 70, 64, 40, true, -1, -1, false});
    return layers;
}

/// A head of width 64 with scale 1/8.
AttentionLayer wide_layer(int tokens, std::uint64_t seed, bool causal) {
    LayerSpec spec{1, 1, tokens, tokens, 64, 24, causal, -1, -1, false};
    AttentionLayer layer = random_layer(spec, seed);
    layer.scale = 0.125F;
    return layer;
}

}  // namespace

TEST_CASE("salo is softmax over its windows and global tokens", "[unit]") {
    struct Case {
        int window, dilated, dilation, globals;
    };
    std::uint64_t seed = 900;
    for (const Case& c : {Case{5, 0, 1, 1}, Case{1, 0, 1, 0}, Case{8, 40, 3, 2}, Case{200, 0, 1, 0},
                          Case{4, 17, 4, 0}}) {
        for (const LayerSpec& spec : salo_layers()) {
            const AttentionLayer layer = random_layer(spec, ++seed);
            const SchemeRun run =
                run_salo(layer, {fmt::format("salo.window={}", c.window),
                                 fmt::format("salo.dilated_window={}", c.dilated),
                                 fmt::format("salo.dilation={}", c.dilation),
                                 fmt::format("salo.global_tokens={}", c.globals)});
            for (int h = 0; h < spec.heads; ++h) {
                const auto i = static_cast<std::size_t>(h);
                AttentionHead head = head_view(layer, 0, h);
                Matrix<std::uint8_t> both(head.n_q(), head.n_k());
                for (std::size_t t = 0; t < head.n_q(); ++t)
                    for (std::size_t j = 0; j < head.n_k(); ++j)
                        both(t, j) =
                            head.allowed(t, j) && wanted(static_cast<int>(t + head.n_k()) -
                                                             static_cast<int>(head.n_q()),
                                                         static_cast<int>(j), c.window, c.dilated,
                                                         c.dilation, c.globals, head.causal)
                                ? 1
                                : 0;
                Matrix<std::uint8_t> valid = both;
                for (auto t = static_cast<std::size_t>(head.valid_q); t < head.n_q(); ++t)
                    std::fill_n(valid.row(t), head.n_k(), std::uint8_t{0});
                head.mask = both.view();
                CAPTURE(c.window, c.dilated, c.globals, spec.n_q, spec.n_k, spec.causal, h);
                CHECK(relative_error(run.out[i], reference::exact_attention(head)) < 1e-5);
                CHECK(differences(selected(run.selections[i]), valid) == 0);
                check_op_list(run.works[i].ops);
            }
        }
    }
}

TEST_CASE("a window over everything is exact attention", "[property]") {
    for (const LayerSpec& spec : salo_layers()) {
        const AttentionLayer layer = random_layer(spec, 31);
        const SchemeRun run = run_salo(layer, {"salo.window=4000"});
        for (std::size_t h = 0; h < run.out.size(); ++h)
            CHECK(relative_error(run.out[h], reference::exact_attention(
                                                 head_view(layer, 0, static_cast<int>(h)))) < 1e-5);
    }
}

TEST_CASE("salo's fixed point is its twin's, bit for bit", "[unit]") {
    std::uint64_t seed = 40;
    for (const int tokens : {1, 33, 100})
        for (const bool causal : {false, true})
            for (const int window : {7, 64, 90}) {
                AttentionLayer layer = wide_layer(tokens, ++seed, causal);
                // Scores from nothing to beyond the exponent's range.
                for (float& q : layer.q.data) q *= static_cast<float>(seed % 5);
                const SchemeRun run =
                    run_salo(layer, {"salo.arithmetic=fixed", fmt::format("salo.window={}", window),
                                     "salo.global_tokens=1"});
                const AttentionHead head = head_view(layer, 0, 0);
                for (std::size_t t = 0; t < head.n_q(); ++t) {
                    const auto keys = run.selections[0].row(t);
                    const std::vector<double> twin = reference::salo_row(head, t, keys, 32);
                    for (std::size_t c = 0; c < head.dv(); ++c) {
                        CAPTURE(tokens, causal, window, t, c);
                        REQUIRE(static_cast<double>(run.out[0](t, c)) == twin[c]);
                    }
                }
            }
}

TEST_CASE("salo's exponential is in base 2", "[unit]") {
    // 8 fraction bits and a scaling by 1/8: a score of s/8 is the code 256 s.
    for (double s = -15.9; s < 15.9; s += 0.0371) {
        const auto code = static_cast<std::int32_t>(std::floor(s * 8.0 * 256.0));
        const salo::Power power = salo::power_of(code);
        const double value = std::ldexp(power.mantissa, power.exponent - 7);
        CAPTURE(s);
        CHECK(value == Approx(std::exp2(s)).epsilon(0.02));
        CHECK(power.mantissa >= 127);
        CHECK(power.mantissa <= 256);
    }
}

TEST_CASE("windows merged are the row unsplit", "[property]") {
    std::mt19937_64 engine(5);
    std::normal_distribution<float> normal(0.0F, 1.5F);
    for (int round = 0; round < 50; ++round) {
        std::vector<std::vector<std::int32_t>> rows(40);
        for (auto& row : rows)
            for (int c = 0; c < 16; ++c) row.push_back(salo::input_code(normal(engine)));
        std::vector<std::span<const std::int32_t>> all(rows.begin(), rows.end());
        const std::vector<std::int32_t>& q = rows.front();
        const std::span<const std::span<const std::int32_t>> keys(all);
        const std::size_t cut = 1 + static_cast<std::size_t>(round % 39);
        const salo::WindowResult whole = salo::attend(q, keys, keys, 16);
        const salo::WindowResult parts =
            salo::merge(salo::attend(q, keys.first(cut), keys.first(cut), 16),
                        salo::attend(q, keys.subspan(cut), keys.subspan(cut), 16));
        // Weights of 7 bits: one of 40 keys may lose 2^-7 of a value of up to 8 in every step.
        for (std::size_t c = 0; c < 16; ++c)
            CHECK(std::abs(whole.out[c] - parts.out[c]) <= 256 * 8 * 40 / 128);
        // Sums agree but for the bits that alignment drops, one a key.
        const double a = std::ldexp(static_cast<double>(whole.sum.sum), whole.sum.exponent);
        const double b = std::ldexp(static_cast<double>(parts.sum.sum), parts.sum.exponent);
        CHECK(std::abs(a - b) <= 41.0 * std::exp2(whole.sum.exponent));
    }
}

TEST_CASE("salo refuses what its elements cannot do", "[unit]") {
    using Catch::Contains;
    AttentionLayer layer = wide_layer(9, 3, false);
    layer.scale = 0.2F;
    CHECK_THROWS_WITH(run_salo(layer, {"salo.arithmetic=fixed"}),
                      Contains("layer 0") && Contains("scale 0.2") && Contains("arithmetic=float"));
    layer.bias.resize(1, 9, 9);
    CHECK_THROWS_WITH(run_salo(layer, {}), Contains("scheme salo") && Contains("bias"));
    for (const char* key : {"salo.window=0", "salo.dilation=0", "salo.global_tokens=-1",
                            "salo.arithmetic=half", "salo.columns=0"})
        CHECK_THROWS_AS(run_salo(wide_layer(9, 3, false), {key}), UserError);
}

TEST_CASE("salo counts the pairs of a shape as it does of a head", "[property]") {
    for (const LayerSpec& spec : salo_layers()) {
        const AttentionLayer layer = random_layer(spec, 66);
        Settings settings = scheme_preset();
        settings.overlay_assignment("salo.window=6");
        const auto scheme = make_calibrated("salo", settings, {layer});
        const SchemeRun run = run_scheme(*scheme, layer);
        for (const HeadWork& work : run.works) {
            if (work.shape.allowed_pairs < work.kept_pairs || !layer.mask.empty()) continue;
            SampleContext context;
            REQUIRE(scheme->shape_work(work.shape, context));
            CHECK(context.work.heads.front().kept_pairs == work.kept_pairs);
            CHECK(context.work.heads.front().ops == work.ops);
        }
    }
}
