#include "src/schemes/vitcod.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"

using namespace attohm;

namespace {

constexpr const char* kDeitMask = "workloads/data/deit_tiny_vitcod_mask_95.h5";

Matrix<double> random_map(std::size_t n, std::uint64_t seed) {
    std::mt19937_64 engine(seed);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    Matrix<double> map(n, n);
    for (std::size_t i = 0; i < n * n; ++i) {
        const double u = uniform(engine);
        map.data()[i] = u * u * u * u;
    }
    return map;
}

/// Masks of every head of a layer that keep some pairs; a row may keep none.
std::shared_ptr<const FixedMasks> random_masks(std::size_t layers, std::size_t heads,
                                               std::size_t tokens, std::uint64_t seed) {
    std::mt19937_64 engine(seed);
    std::bernoulli_distribution sparse(0.15), dense(0.8);
    auto masks = std::make_shared<FixedMasks>();
    masks->layers = layers;
    masks->heads = heads;
    masks->tokens = tokens;
    for (std::size_t i = 0; i < layers * heads * tokens * tokens; ++i)
        masks->attend.push_back((i % tokens == 1 ? dense(engine) : sparse(engine)) ? 1 : 0);
    return masks;
}

SchemeInputs inputs_for(const LayerSpec& spec, std::shared_ptr<const FixedMasks> masks) {
    SchemeInputs inputs;
    inputs.trace_path = "some/trace.h5";
    inputs.model.layers = 1;
    inputs.model.heads = spec.heads;
    inputs.model.kv_heads = spec.kv_heads;
    inputs.masks = std::move(masks);
    return inputs;
}

std::vector<LayerSpec> square_layers() {
    std::vector<LayerSpec> layers;
    for (LayerSpec spec : awkward_layers()) {
        if (spec.n_q == spec.n_k) layers.push_back(spec);
    }
    layers.push_back({3, 3, 1, 1, 5, 3, false, -1, -1, false});
    layers.push_back({2, 1, 65, 65, 16, 24, false, -1, -1, false});
    layers.push_back({3, 3, 197, 197, 64, 64, false, -1, -1, false});
    return layers;
}

/// The mask of DeiT-Tiny that was published, 1 = attend.
FixedMasks deit_masks() {
    const H5File file = H5File::open(kDeitMask);
    FixedMasks masks{12, 3, 197, {}, kDeitMask};
    masks.attend.resize(12 * 3 * 197 * 197);
    file.root().read("pruned", std::span(masks.attend));
    for (std::uint8_t& bit : masks.attend) bit = bit == 0 ? 1 : 0;
    return masks;
}

}  // namespace

TEST_CASE("a mask keeps the fewest entries that hold the mass, and one more", "[unit]") {
    const Matrix<double> map = random_map(31, 7);
    for (const double mass : {0.3, 0.58, 0.9, 1.0}) {
        const Matrix<std::uint8_t> mask = pruned_mask(map.view(), mass, 0);
        for (std::size_t i = 0; i < 31; ++i) {
            std::vector<double> kept, left;
            for (std::size_t j = 0; j < 31; ++j)
                (mask(i, j) != 0 ? kept : left).push_back(map(i, j));
            std::sort(kept.begin(), kept.end());
            const double all = std::accumulate(map.row(i), map.row(i) + 31, 0.0);
            const double held = std::accumulate(kept.begin(), kept.end(), 0.0);
            CAPTURE(mass, i);
            CHECK(held >= mass * all * (1.0 - 1e-12));
            if (left.empty()) continue;
            CHECK(*std::max_element(left.begin(), left.end()) <= kept.front());
            // Without the one more it would do, with one fewer still not.
            CHECK(held - kept[0] >= mass * all * (1.0 - 1e-12));
            CHECK(held - kept[0] - kept[1] < mass * all);
        }
    }
}

TEST_CASE("class tokens keep their rows and columns", "[unit]") {
    const Matrix<double> map = random_map(12, 8);
    const Matrix<std::uint8_t> without = pruned_mask(map.view(), 0.3, 0);
    const Matrix<std::uint8_t> with = pruned_mask(map.view(), 0.3, 2);
    for (std::size_t i = 0; i < 12; ++i)
        for (std::size_t j = 0; j < 12; ++j)
            CHECK(with(i, j) == (i < 2 || j < 2 ? 1 : without(i, j)));
}

TEST_CASE("vitcod is softmax over what its mask and the head allow", "[unit]") {
    std::uint64_t seed = 300;
    for (const LayerSpec& spec : square_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const auto masks = random_masks(1, static_cast<std::size_t>(spec.heads),
                                        static_cast<std::size_t>(spec.n_k), seed);
        Settings settings = scheme_preset();
        settings.overlay_assignment("empty_row=zero");
        const auto scheme = find_scheme("vitcod").make(inputs_for(spec, masks), settings);
        const SchemeRun run = run_scheme(*scheme, layer);
        for (int h = 0; h < spec.heads; ++h) {
            const auto i = static_cast<std::size_t>(h);
            AttentionHead head = head_view(layer, 0, h);
            Matrix<std::uint8_t> both(head.n_q(), head.n_k());
            std::int64_t pairs = 0;
            for (std::size_t t = 0; t < head.n_q(); ++t)
                for (std::size_t j = 0; j < head.n_k(); ++j) {
                    both(t, j) = head.allowed(t, j) && masks->of(0, h)(t, j) != 0 ? 1 : 0;
                    pairs += t < static_cast<std::size_t>(head.valid_q) ? both(t, j) : 0;
                }
            head.mask = both.view();
            CAPTURE(spec.n_q, spec.d, spec.causal, h);
            CHECK(relative_error(run.out[i], reference::exact_attention(head)) < 1e-5);
            CHECK(run.reports[i].kept_pairs == pairs);
            CHECK(static_cast<std::int64_t>(run.selections[i].keys.size()) == pairs);
            check_op_list(run.works[i].ops);
        }
    }
}

TEST_CASE("a mask of ones is exact attention, with every key global", "[property]") {
    for (const LayerSpec& spec : square_layers()) {
        const AttentionLayer layer = random_layer(spec, 77);
        FixedMasks ones{1, 1, static_cast<std::size_t>(spec.n_k), {}, ""};
        ones.attend.assign(ones.tokens * ones.tokens, 1);
        const auto scheme = find_scheme("vitcod").make(
            inputs_for(spec, std::make_shared<const FixedMasks>(ones)), scheme_preset());
        const SchemeRun run = run_scheme(*scheme, layer);
        for (std::size_t h = 0; h < run.out.size(); ++h) {
            const AttentionHead head = head_view(layer, 0, static_cast<int>(h));
            CHECK(relative_error(run.out[h], reference::exact_attention(head)) < 1e-5);
            CHECK(named(run.works[h].ops, "L rest").empty());
            REQUIRE(named(run.works[h].ops, "L global").size() == 1);
            CHECK(named(run.works[h].ops, "L global")[0].n == head.valid_k);
        }
    }
}

TEST_CASE("global keys and listed pairs of DeiT-Tiny's published mask", "[golden]") {
    // Head 0 of layers 0 to 11, from the released model.
    const std::vector<std::pair<std::int64_t, std::int64_t>> expected = {
        {1, 2244},  {1, 392},  {70, 2479}, {1, 936}, {1, 1389},  {20, 1785},
        {17, 1333}, {1, 1551}, {1, 454},   {9, 771}, {10, 1039}, {31, 602}};
    SchemeInputs inputs;
    inputs.model.layers = 12;
    inputs.model.heads = 3;
    inputs.masks = std::make_shared<const FixedMasks>(deit_masks());
    const auto scheme = find_scheme("vitcod").make(inputs, scheme_preset());
    for (int layer = 0; layer < 12; ++layer) {
        HeadShape shape = square_shape(197, 64, 64);
        shape.layer = layer;
        SampleContext context;
        REQUIRE(scheme->shape_work(shape, context));
        const OpList& ops = context.work.heads.front().ops;
        CAPTURE(layer);
        CHECK(named(ops, "L global").at(0).n == expected[static_cast<std::size_t>(layer)].first);
        CHECK(named(ops, "L rest").at(0).nonzeros / 64 ==
              expected[static_cast<std::size_t>(layer)].second);
        // Two of three heads travel.
        CHECK(named(ops, "decode q").at(0).dense_count() == 197 * 64 * 2);
    }
}

TEST_CASE("masks from the average attention keep its largest entries", "[unit]") {
    const LayerSpec spec = square_layers().back();
    const std::vector<AttentionLayer> layers = {random_layer(spec, 5)};
    Settings settings = scheme_preset();
    settings.overlay_assignment("vitcod.masks=average(0.7)");
    const auto scheme = make_calibrated("vitcod", settings, layers);
    const std::vector<std::string> notes = find_scheme("vitcod").notes(settings);
    REQUIRE(notes.size() == 1);
    CHECK_THAT(notes.front(), Catch::Contains("not from a model"));
    CHECK(find_scheme("vitcod").notes(scheme_preset()).empty());
    const SchemeRun run = run_scheme(*scheme, layers.front());
    // One calibration sample, the same: a row keeps at least so much of its own softmax.
    for (std::size_t h = 0; h < run.out.size(); ++h) {
        const AttentionHead head = head_view(layers[0], 0, static_cast<int>(h));
        for (std::size_t t = 0; t < head.n_q(); ++t) {
            double all = 0.0, kept = 0.0;
            std::vector<double> weight(head.n_k());
            for (std::size_t j = 0; j < head.n_k(); ++j) {
                double score = 0.0;
                for (std::size_t c = 0; c < head.d(); ++c)
                    score += static_cast<double>(head.q(t, c)) * static_cast<double>(head.k(j, c));
                weight[j] = std::exp(score * static_cast<double>(head.scale));
                all += weight[j];
            }
            for (const std::uint32_t j : run.selections[h].row(t)) kept += weight[j];
            REQUIRE(kept >= 0.7 * all * (1.0 - 1e-5));
            REQUIRE(run.selections[h].row(t).size() < head.n_k());
        }
    }
}

TEST_CASE("vitcod says what is missing", "[unit]") {
    using Catch::Contains;
    SchemeInputs inputs = inputs_for({}, nullptr);
    CHECK_THROWS_WITH(find_scheme("vitcod").make(inputs, scheme_preset()),
                      Contains("some/trace.h5:/model/masks/vitcod") &&
                          Contains("attohm trace mask") && Contains("vitcod.masks=average(0.9)"));
    const LayerSpec spec = square_layers().front();
    const AttentionLayer layer = random_layer(spec, 1);
    const auto other =
        find_scheme("vitcod").make(inputs_for(spec, random_masks(1, 1, 9, 1)), scheme_preset());
    CHECK_THROWS_WITH(run_scheme(*other, layer), Contains("layer 0") && Contains("9 of both"));
    AttentionLayer biased = layer;
    biased.bias.resize(1, static_cast<std::size_t>(spec.n_q), static_cast<std::size_t>(spec.n_k));
    CHECK_THROWS_WITH(run_scheme(*other, biased), Contains("bias"));
    for (const char* key : {"vitcod.masks=average(0)", "vitcod.masks=average(1.5)",
                            "vitcod.global_share=2", "vitcod.auto_encoder=lossy"}) {
        Settings settings = scheme_preset();
        settings.overlay_assignment(key);
        CHECK_THROWS_AS(find_scheme("vitcod").make(inputs, settings), UserError);
    }
}
