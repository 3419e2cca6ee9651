#include "src/schemes/spatten.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/schemes/selection_pair.hpp"

using namespace attohm;

namespace {

SchemeRun run_spatten(const AttentionLayer& layer, const std::vector<std::string>& keys) {
    return run_scheme(*make_calibrated("spatten", settings_of(keys), {layer}), layer);
}

/// Pairs whose first softmax was not their last, in a run without rows by rule.
std::int64_t normalised(const HeadWork& work) {
    return named(work.ops, "softmax").at(0).nonzeros;
}

/// A layer of the closed loop, with the context that the layers before have left.
struct Stack {
    std::vector<AttentionLayer> layers;
    std::unique_ptr<Scheme> scheme;
    SampleContext context;
    KeptSelections sink;

    Stack(const LayerSpec& spec, int count, const std::vector<std::string>& keys, int prefix) {
        for (int l = 0; l < count; ++l) layers.push_back(random_layer(spec, 700 + l, l));
        SchemeInputs inputs;
        inputs.model = model_of(layers);
        inputs.model.prefix_tokens = prefix;
        scheme = find_scheme("spatten").make(inputs, settings_of(keys));
        context.selections = &sink;
    }
    void start() {
        const Matrix<float> x(static_cast<std::size_t>(layers[0].n_q), 8);
        TokenStep next;
        CHECK_FALSE(scheme->tokens(0, x.view(), {}, context, next));
    }
    SchemeRun run(std::size_t l) {
        std::vector<AttentionHead> heads;
        for (std::size_t h = 0; h < layers[l].q.planes; ++h)
            heads.push_back(head_view(layers[l], 0, static_cast<int>(h)));
        const std::size_t dv = layers[l].v.cols;
        Matrix<float> out(heads[0].n_q(), heads.size() * dv, -777.0F);
        context.reports.clear();
        context.work.heads.clear();
        sink.selections.clear();
        scheme->attention(static_cast<int>(l), heads, out.view(), context);
        SchemeRun result;
        for (std::size_t h = 0; h < heads.size(); ++h) {
            result.out.emplace_back(out.rows(), dv);
            for (std::size_t t = 0; t < out.rows(); ++t)
                std::copy_n(out.row(t) + h * dv, dv, result.out[h].row(t));
        }
        result.reports = context.reports;
        result.works = context.work.heads;
        result.selections = sink.selections;
        return result;
    }
};

}  // namespace

TEST_CASE("spatten on a layer of its own keeps what its twin does", "[unit]") {
    for (const double share : {0.5, 0.21, 1.0}) {
        for (const double bound : {0.1003, 0.3007, 0.0}) {
            std::uint64_t seed = 600;
            for (const LayerSpec& spec : selection_layers()) {
                const AttentionLayer layer = random_layer(spec, ++seed);
                const SchemeRun run =
                    run_spatten(layer, {fmt::format("spatten.token_keep={}", share),
                                        fmt::format("spatten.lsb_bound={}", bound)});
                for (int h = 0; h < spec.heads; ++h) {
                    const auto i = static_cast<std::size_t>(h);
                    const AttentionHead head = head_view(layer, 0, h);
                    reference::SpattenRules rules;
                    rules.share = share;
                    rules.lsb_bound = bound;
                    const auto twin = reference::spatten_attention(head, rules);
                    CAPTURE(share, bound, twin.nearest);
                    if (bound > 0.0) REQUIRE(twin.nearest > 1e-6);
                    check_against(run, i, head, twin, normalised(run.works[i]));
                    const OpList& ops = run.works[i].ops;
                    CHECK(named(ops, "QK msb").at(0).nonzeros == twin.scored * spec.d);
                    CHECK(named(ops, "QK all bits").at(0).nonzeros == twin.again * spec.d);
                    CHECK(named(ops, "importance").at(0).nonzeros == twin.scored);
                    CHECK(twin.scored == run.works[i].shape.allowed_pairs);
                }
            }
        }
    }
}

TEST_CASE("spatten's cascade prunes tokens and heads for all layers behind", "[unit]") {
    for (const int prefix : {0, 2}) {
        const int count = 4, heads = 3;
        Stack stack({heads, heads, 40, 40, 32, 24, false, 37, 37, false}, count,
                    {"spatten.token_keep=0.4", "spatten.head_keep=0.34"}, prefix);
        stack.start();
        std::vector<double> importance(37, 0.0), of_heads(heads, 0.0);
        std::vector<bool> alive(37, true), heads_left(heads, true);
        double gap = 1.0;
        for (int l = 0; l < count; ++l) {
            const SchemeRun run = stack.run(static_cast<std::size_t>(l));
            // ceil(share 37) tokens: 37, 29.6, 22.2, 14.8; heads 3, 2.34, 1.68, 1.02.
            const std::size_t tokens[] = {37, 30, 23, 15}, left[] = {3, 3, 2, 2};
            alive = reference::largest_tokens(importance, alive, tokens[l], gap);
            for (int j = 0; j < prefix; ++j) alive[static_cast<std::size_t>(j)] = true;
            heads_left = reference::largest_tokens(of_heads, heads_left, left[l], gap);
            for (int h = 0; h < heads; ++h) {
                const auto i = static_cast<std::size_t>(h);
                const AttentionHead head =
                    head_view(stack.layers[static_cast<std::size_t>(l)], 0, h);
                CAPTURE(prefix, l, h, gap);
                if (!heads_left[i]) {
                    CHECK(run.works[i].ops.empty());
                    CHECK(run.reports[i].kept_pairs == 0);
                    CHECK(run.reports[i].decisions.valid == 37 * 37);
                    CHECK(differences(run.out[i], Matrix<float>(40, 24)) == 0);
                    continue;
                }
                reference::SpattenRules rules;
                rules.alive = alive;
                const auto twin = reference::spatten_attention(head, rules);
                REQUIRE(gap > 1e-6);
                REQUIRE(twin.nearest > 1e-6);
                check_against(run, i, head, twin, twin.again);
                CHECK(named(run.works[i].ops, "QK msb").at(0).nonzeros == twin.scored * 32);
                for (std::size_t j = 0; j < 37; ++j) importance[j] += twin.importance[j];
                of_heads[i] += twin.output_sum;
            }
        }
        CHECK(std::count(heads_left.begin(), heads_left.end(), true) == 2);
        CHECK(std::count(alive.begin(), alive.end(), true) < 18);
    }
}

TEST_CASE("spatten that prunes nothing and looks at all bits is attention on 8-bit codes",
          "[property]") {
    std::uint64_t seed = 630;
    for (const LayerSpec& spec : selection_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        check_dense(run_spatten(layer, {"spatten.token_keep=1", "spatten.lsb_bound=2"}), layer,
                    3e-2);
        // Pruning less keeps more; a higher bound looks at more bits.
        SchemeRun last = run_spatten(layer, {"spatten.token_keep=1", "empty_row=zero"});
        for (const double share : {0.7, 0.4, 0.1}) {
            SchemeRun next =
                run_spatten(layer, {fmt::format("spatten.token_keep={}", share), "empty_row=zero"});
            CHECK(is_subset(last, next));
            last = std::move(next);
        }
        std::int64_t before = 0;
        for (const double bound : {0.0, 0.05, 0.2, 0.6, 2.0}) {
            const SchemeRun run = run_spatten(layer, {fmt::format("spatten.lsb_bound={}", bound)});
            const std::int64_t again = named(run.works[0].ops, "QK all bits").at(0).nonzeros;
            CHECK(again >= before);
            CHECK((bound == 0.0 ? again == 0 : true));
            if (bound == 2.0) CHECK(again == run.works[0].shape.allowed_pairs * spec.d);
            before = again;
        }
    }
}

TEST_CASE("a cascade belongs to one sample, and starts anew with the next", "[property]") {
    Stack stack({2, 2, 30, 30, 16, 8, false, -1, -1, false}, 3, {"spatten.token_keep=0.3"}, 1);
    stack.start();
    const SchemeRun first = stack.run(0);
    const SchemeRun second = stack.run(1);
    CHECK(second.reports[0].kept_pairs < first.reports[0].kept_pairs);
    stack.start();
    const SchemeRun again = stack.run(0);
    for (std::size_t h = 0; h < 2; ++h) CHECK(differences(again.out[h], first.out[h]) == 0);
    // Without a start there is no cascade: the layer chooses for itself.
    stack.context.state.reset();
    const SchemeRun alone = stack.run(2);
    CHECK(alone.reports[0].kept_pairs == 30 * 9);
}

TEST_CASE("of equal tokens spatten keeps the first", "[unit]") {
    const std::vector<double> importance = {1.0, 3.0, 1.0, 1.0, 5.0};
    const std::vector<std::uint8_t> allowed = {1, 0, 1, 1, 1};
    std::vector<std::uint8_t> keep(5, 9);
    keep_largest(importance, allowed, 3, keep.data());
    CHECK(keep == std::vector<std::uint8_t>{1, 0, 1, 0, 1});
    keep_largest(importance, allowed, 9, keep.data());
    CHECK(keep == allowed);
    keep_largest(importance, allowed, 0, keep.data());
    CHECK(keep == std::vector<std::uint8_t>(5, 0));
}

TEST_CASE("spatten fetches LSBs only where some row asks for them", "[unit]") {
    const std::int64_t n = 197, d = 64, dv = 48;
    for (const std::int64_t again : {0, 1970}) {
        const OpList list =
            spatten_ops(square_shape(197, 64, 48), 8, 4, {n * n, again, 150, 150, 9000, 5000});
        check_op_list(list);
        CHECK(names_of(list) == std::vector<std::string>{"q msb", "QK msb", "softmax msb", "bound",
                                                         "QK all bits", "importance", "top-k",
                                                         "pack", "softmax", "A"});
        std::int64_t key_bits = 0;
        for (const TensorInfo& tensor : list.tensors)
            key_bits += tensor.role == TensorRole::k ? tensor.total_bits() : 0;
        CHECK(key_bits == 150 * d * (again > 0 ? 8 : 4));
        CHECK(named(list, "QK msb").at(0).bits == 4);
        CHECK(named(list, "QK all bits").at(0).bits == 8);
        CHECK(named(list, "QK all bits").at(0).nonzeros == again * d);
        CHECK(named(list, "top-k").at(0).nonzeros == 150 * 8);
        CHECK(named(list, "A").at(0).nonzeros == 5000 * dv);
    }
    CHECK(spatten_ops(square_shape(0, 64, 64), 8, 4, {}).empty());
}

TEST_CASE("spatten refuses what it does not define", "[unit]") {
    check_refuses_bias("spatten");
    check_refuses("spatten",
                  {"spatten.token_keep=0", "spatten.token_keep=1.1", "spatten.head_keep=0",
                   "spatten.bits=9", "spatten.msb_bits=8", "spatten.lsb_bound=-1"});
}
