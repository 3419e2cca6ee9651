#include "src/schemes/mait.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/schemes/digital_schemes.hpp"
#include "tests/reference/linear_schemes_reference.hpp"
#include "tests/schemes/linear_cases.hpp"
#include "tests/schemes/op_counts.hpp"
#include "workloads/synth_shapes.hpp"

using namespace attohm;

namespace {

struct GridCase {
    TokenGrid grid;
    int window_rows = 3;
    int window_columns = 3;
    bool class_column = true;
    int heads = 1;
    int kv_heads = 1;
    int d = 16;
    int dv = 12;
    int valid = -1;
};

std::vector<GridCase> grid_cases() {
    return {{{1, 8, 8}, 3, 3, true, 2, 2, 32, 32, -1},  {{1, 8, 8}, 3, 3, false, 2, 1, 21, 24, -1},
            {{0, 5, 7}, 3, 5, true, 1, 1, 16, 11, -1},  {{2, 3, 9}, 5, 5, false, 1, 1, 7, 3, -1},
            {{2, 6, 5}, 3, 3, true, 1, 1, 13, 5, 25},  // padding
            {{0, 1, 1}, 3, 3, true, 1, 1, 4, 6, -1},   // one token
            {{1, 4, 4}, 1, 1, false, 1, 1, 9, 9, -1},  // itself alone
            {{3, 1, 1}, 9, 9, true, 1, 1, 8, 2, 2},    // prefix alone
            {{1, 14, 14}, 3, 3, true, 1, 1, 64, 65, -1}};
}

AttentionLayer layer_of(const GridCase& one, std::uint64_t seed) {
    const int n = one.grid.tokens();
    return random_layer(
        {one.heads, one.kv_heads, n, n, one.d, one.dv, false, one.valid, one.valid, false}, seed);
}

std::vector<std::string> assignments_of(const GridCase& one) {
    return {fmt::format("mait.grid=[{}, {}]", one.grid.rows, one.grid.columns),
            fmt::format("mait.window=[{}, {}]", one.window_rows, one.window_columns),
            fmt::format("mait.class_column={}", one.class_column)};
}

Settings settings_with(const std::vector<std::string>& assignments) {
    Settings settings = scheme_preset();
    for (const std::string& assignment : assignments) settings.overlay_assignment(assignment);
    return settings;
}

std::unique_ptr<Scheme> mait(const GridCase& one, std::vector<std::string> more = {}) {
    SchemeInputs inputs;
    inputs.model.prefix_tokens = one.grid.prefix;
    inputs.model.layers = 2;
    inputs.model.heads = one.heads;
    for (const std::string& assignment : assignments_of(one)) more.push_back(assignment);
    return find_scheme("mait").make(inputs, settings_with(more));
}

reference::MaitReference twin(const GridCase& one, const AttentionHead& head) {
    return reference::mait_attention(head, one.grid.prefix, one.grid.rows, one.grid.columns,
                                     one.window_rows, one.window_columns, one.class_column);
}

MaskedPairs pairs_of(const GridCase& one) {
    return mait_pairs(one.grid, load_mait_settings(settings_with(assignments_of(one))),
                      one.valid < 0 ? one.grid.tokens() : one.valid);
}

}  // namespace

TEST_CASE("the sparse form of mait is the dense softmax of multiplied scores", "[unit]") {
    std::uint64_t seed = 600;
    for (const GridCase& one : grid_cases()) {
        const AttentionLayer layer = layer_of(one, ++seed);
        const SchemeRun run = run_scheme(*mait(one), layer);
        for (int h = 0; h < one.heads; ++h) {
            CAPTURE(one.grid.rows, one.grid.columns, one.grid.prefix, one.valid, h);
            const auto i = static_cast<std::size_t>(h);
            const auto dense = twin(one, head_view(layer, 0, h));
            CHECK(relative_error(run.out[i], dense.out) < 1e-5);
            std::int64_t kept = 0;
            for (std::size_t p = 0; p < dense.mask.size(); ++p) kept += dense.mask.data()[p];
            CHECK(run.works[i].kept_pairs == kept);
            CHECK(run.reports.at(i).kept_pairs == kept);
            CHECK(run.reports[i].decisions.valid == std::int64_t{layer.valid_q} * layer.valid_k);
            check_op_list(run.works[i].ops);
        }
    }
}

TEST_CASE("masks of mait are those of the definition, pair by pair", "[property]") {
    for (const GridCase& one : grid_cases()) {
        const AttentionLayer layer = layer_of(one, 1);
        const auto dense = twin(one, head_view(layer, 0, 0));
        const MaskedPairs pairs = pairs_of(one);
        std::int64_t wrong = 0;
        for (std::size_t t = 0; t + 1 < pairs.row_begin.size(); ++t) {
            std::vector<std::uint8_t> row(dense.mask.cols(), 0);
            for (const std::uint32_t j : pairs.row(t)) row[j] = 1;
            CHECK(std::is_sorted(pairs.row(t).begin(), pairs.row(t).end()));
            for (std::size_t j = 0; j < row.size(); ++j) wrong += row[j] != dense.mask(t, j);
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("masked pairs of mait keep the weight of score 0; removed, they would not",
          "[property]") {
    const GridCase one{{1, 8, 8}, 3, 3, true, 1, 1, 32, 32, -1};
    AttentionLayer layer = layer_of(one, 611);
    const SchemeRun own = run_scheme(*mait(one), layer);
    const MaskedPairs pairs = pairs_of(one);
    layer.mask_planes = 1;
    layer.mask.assign(65 * 65, 0);
    for (std::size_t t = 0; t < 65; ++t)
        for (const std::uint32_t j : pairs.row(t)) layer.mask[t * 65 + j] = 1;
    const SchemeRun removed = run_scheme(ExactScheme(), layer);
    double worst = 0.0;
    for (std::size_t i = 0; i < own.out[0].size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(own.out[0].data()[i]) -
                                         static_cast<double>(removed.out[0].data()[i])));
    CHECK(worst > 0.5);
    // A window over the whole grid masks nothing: dense attention.
    GridCase whole = one;
    whole.window_rows = whole.window_columns = 15;
    layer.mask.clear();
    layer.mask_planes = 0;
    const SchemeRun all = run_scheme(*mait(whole), layer);
    const auto dense = twin(whole, head_view(layer, 0, 0));
    CHECK(relative_error(all.out[0], dense.out) < 1e-5);
    CHECK(dense.locality == Approx(1.0).epsilon(1e-12));
}

TEST_CASE("scores far above what e^x can hold do not overflow mait", "[property]") {
    const GridCase one{{1, 6, 6}, 3, 3, true, 1, 1, 16, 8, -1};
    AttentionLayer layer = layer_of(one, 612);
    for (float& q : layer.q.data) q *= 60.0F;
    const SchemeRun run = run_scheme(*mait(one), layer);
    const auto dense = twin(one, head_view(layer, 0, 0));
    bool finite = true;
    for (std::size_t i = 0; i < run.out[0].size(); ++i)
        finite = finite && std::isfinite(run.out[0].data()[i]);
    CHECK(finite);
    // Scores of hundreds carry float rounding of their own.
    CHECK(relative_error(run.out[0], dense.out) < 1e-4);
}

TEST_CASE("which heads of mait are masked: all, some, or the local ones", "[unit]") {
    GridCase one{{1, 5, 5}, 3, 3, true, 2, 2, 16, 8, -1};
    AttentionLayer layer = layer_of(one, 613);
    // Head 1 looks at itself: local.
    for (std::size_t t = 0; t < 26; ++t)
        for (std::size_t c = 0; c < 16; ++c) {
            layer.q.plane(1)(t, c) *= 3.0F;
            layer.k.plane(1)(t, c) = layer.q.plane(1)(t, c);
        }
    const SchemeRun exact = run_scheme(ExactScheme(), layer);
    const auto is_dense = [&](const SchemeRun& run, std::size_t h) {
        return differences(run.out[h], exact.out[h]) == 0;
    };
    const SchemeRun some = run_scheme(*mait(one, {"mait.masked_heads=1"}), layer);
    CHECK_FALSE(is_dense(some, 0));
    CHECK(is_dense(some, 1));
    CHECK(some.works.at(1).ops == dense_attention_ops(square_shape(26, 16, 8), 8));
    const SchemeRun none = run_scheme(*mait(one, {"mait.masked_heads=[0, 2]"}), layer);
    CHECK((is_dense(none, 0) && is_dense(none, 1)));
    layer.layer = 1;
    const SchemeRun both = run_scheme(*mait(one, {"mait.masked_heads=[0, 2]"}), layer);
    CHECK_FALSE((is_dense(both, 0) || is_dense(both, 1)));
    // By locality: the twin's score of each head on either side of the limit.
    const double low = twin(one, head_view(layer, 0, 0)).locality;
    const double high = twin(one, head_view(layer, 0, 1)).locality;
    REQUIRE(low + 0.1 < high);
    const auto scheme =
        mait(one, {fmt::format("mait.masked_heads=locality({})", 0.5 * (low + high))});
    for (int h = 0; h < 2; ++h) {
        const AttentionHead head = head_view(layer, 0, h);
        CHECK(locality_score(head, pairs_of(one)) == Approx(h == 0 ? low : high).epsilon(1e-5));
        scheme->calibrate(1, h, {&head, 1});
    }
    const SchemeRun local = run_scheme(*scheme, layer);
    CHECK(is_dense(local, 0));
    CHECK_FALSE(is_dense(local, 1));
}

TEST_CASE("padding has no say in mait, and its rows are zero", "[property]") {
    const GridCase one{{2, 6, 5}, 3, 3, true, 1, 1, 13, 5, 25};
    AttentionLayer layer = layer_of(one, 614);
    const SchemeRun before = run_scheme(*mait(one), layer);
    for (Tensor3* x : {&layer.q, &layer.k, &layer.v})
        for (std::size_t j = 25; j < 32; ++j) std::fill_n(x->plane(0).row(j), x->cols, 1e6F);
    const SchemeRun after = run_scheme(*mait(one), layer);
    CHECK(differences(before.out[0], after.out[0]) == 0);
    for (std::size_t t = 25; t < 32; ++t)
        for (std::size_t c = 0; c < 5; ++c) CHECK(after.out[0](t, c) == 0.0F);
}

TEST_CASE("mait says which grid is missing, and how to give it", "[unit]") {
    using Catch::Contains;
    const LayerSpec spec{1, 1, 17, 17, 8, 8, false, -1, -1, false};
    CHECK_THAT(refusal("mait", random_layer(spec, 1, 4)),
               Contains("scheme mait") && Contains("layer 4") && Contains("no grid") &&
                   Contains("mait.grid=[rows, columns]"));
    SchemeInputs vit;
    vit.model.prefix_tokens = 1;
    vit.model.grid_h = vit.model.grid_w = 4;
    CHECK(refusal("mait", random_layer(spec, 1), {}, vit).empty());
    vit.model.grid_w = 5;
    CHECK_THAT(refusal("mait", random_layer(spec, 1), {}, vit),
               Contains("17 queries, 17 keys") && Contains("1 prefix + 4 x 5 patches = 21"));
    LayerSpec fewer = spec;
    fewer.n_q = 1;
    CHECK_THAT(refusal("mait", random_layer(fewer, 1), {"mait.grid=[4, 4]"}, vit),
               Contains("1 queries, 17 keys"));
    LayerSpec masked = spec;
    masked.mask = true;
    CHECK_THAT(refusal("mait", random_layer(masked, 1), {}, vit), Contains("a mask"));
    SchemeInputs gpt;
    gpt.model.causal = true;
    CHECK_THROWS_WITH(find_scheme("mait").make(gpt, scheme_preset()), Contains("no causal form"));
    for (const auto& [bad, said] : {std::pair{"mait.window=[2, 3]", "both odd"},
                                    {"mait.window=3", "two numbers"},
                                    {"mait.grid=[4]", "two numbers"},
                                    {"mait.grid=auto", "trace, or [rows, columns]"},
                                    {"mait.masked_heads=some", "locality(x)"},
                                    {"mait.masked_heads=[1, -1]", "-1"}})
        CHECK_THROWS_WITH(load_mait_settings(settings_with({bad})), Contains(said));
}

TEST_CASE("mait 3 x 3 at 224: 1,600 pairs, 1,797 with the class row, 1,993 with its column",
          "[golden]") {
    const AttentionSize size = named_shape("deit-t").layers.front().attention;
    HeadShape shape = square_shape(size.n_q, size.head_dim, size.v_head_dim);
    // What a scheme counts from a shape, grid and class token alone.
    const auto counted = [&](int prefix, bool class_column) {
        SchemeInputs inputs;
        inputs.model.prefix_tokens = prefix;
        inputs.model.grid_h = inputs.model.grid_w = 14;
        HeadShape own = square_shape(196 + prefix, size.head_dim, size.v_head_dim);
        const auto scheme = find_scheme("mait").make(
            inputs, settings_with({fmt::format("mait.class_column={}", class_column)}));
        SampleContext context;
        REQUIRE(scheme->shape_work(own, context));
        return context.work.heads.at(0);
    };
    CHECK(counted(0, false).kept_pairs == 1600);
    CHECK(counted(1, false).kept_pairs == 1797);
    CHECK(counted(1, true).kept_pairs == 1993);
    CHECK(shape.allowed_pairs == 38809);
    const auto fraction = [&](bool class_column) {
        return static_cast<double>(counted(1, class_column).kept_pairs) /
               static_cast<double>(shape.allowed_pairs);
    };
    CHECK(fraction(false) == Approx(0.0463).margin(5e-5));
    CHECK(fraction(true) == Approx(0.0514).margin(5e-5));
    // Scores that are multiplied out: those of M, the class row on the dense path.
    const OpList ops = counted(1, true).ops;
    check_op_list(ops);
    const auto useful = [&](std::initializer_list<const char*> names) {
        std::int64_t sum = 0;
        for (const char* name : names) sum += named(ops, name).at(0).nonzeros;
        return sum;
    };
    CHECK(useful({"class L", "L"}) == 1993 * std::int64_t{size.head_dim});
    CHECK(useful({"class A", "A"}) == 1993 * std::int64_t{size.v_head_dim});
    CHECK(useful({"class softmax", "exp"}) == 1993);
    // Windows at the border are computed whole.
    CHECK(named(ops, "L").at(0).dense_count() == 196 * 10 * std::int64_t{size.head_dim});
    CHECK(named(ops, "V sum").at(0).dense_count() == 197 * size.v_head_dim);
    CHECK(named(ops, "class L").at(0).dense_count() == 197 * size.head_dim);
}
