#include "src/schemes/flat.hpp"

#include <catch2/catch.hpp>

#include "src/schemes/digital_schemes.hpp"
#include "src/schemes/digital_work.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"

using namespace attohm;

namespace {

std::unique_ptr<Scheme> make(const char* name) {
    return find_scheme(name).make({}, scheme_preset());
}

std::vector<LayerSpec> dense_layers() {
    std::vector<LayerSpec> layers = awkward_layers();
    layers.push_back({1, 1, 1, 1, 5, 3, false, -1, -1, false});
    layers.push_back({1, 1, 1, 65, 64, 64, false, -1, -1, false});
    return layers;
}

}  // namespace

TEST_CASE("flat is exact attention, bit for bit", "[property]") {
    std::uint64_t seed = 10;
    for (const LayerSpec& spec : dense_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const SchemeRun flat = run_scheme(*make("flat"), layer);
        const SchemeRun exact = run_scheme(ExactScheme(), layer);
        for (std::size_t h = 0; h < flat.out.size(); ++h) {
            CHECK(differences(flat.out[h], exact.out[h]) == 0);
            const AttentionHead head = head_view(layer, 0, static_cast<int>(h));
            CHECK(relative_error(flat.out[h], reference::exact_attention(head)) < 1e-5);
        }
    }
}

TEST_CASE("dense attention is three operators of known size", "[unit]") {
    const std::int64_t n = 384, d = 64, dv = 48;
    const OpList list = dense_attention_ops(square_shape(384, 64, 48), 16);
    check_op_list(list);
    CHECK(names_of(list) == std::vector<std::string>{"L", "softmax", "A"});
    CHECK(dense_sum(list, OpKind::matmul) == n * n * (d + dv));
    CHECK(dense_sum(list, OpKind::softmax) == n * n);
    // Complete rows: one query a row.
    CHECK(named(list, "softmax").at(0).m == n);
    CHECK(named(list, "softmax").at(0).n == n);
    std::int64_t from_memory = 0, to_memory = 0;
    for (const TensorInfo& tensor : list.tensors) {
        from_memory += tensor.from_memory ? tensor.total_bits() : 0;
        to_memory += tensor.to_memory ? tensor.total_bits() : 0;
    }
    CHECK(from_memory == (2 * n * d + n * dv) * 16);
    CHECK(to_memory == n * dv * 16);
    for (const Operator& op : list.ops) CHECK(op.nonzeros == op.dense_count());
}

TEST_CASE("dense Work knows what mask, causality, padding and bias leave", "[property]") {
    std::uint64_t seed = 30;
    for (const char* name : {"flat", "exact"}) {
        for (const LayerSpec& spec : dense_layers()) {
            AttentionLayer layer = random_layer(spec, ++seed);
            const bool bias = seed % 2 == 0;
            if (bias)
                layer.bias.resize(1, static_cast<std::size_t>(spec.n_q),
                                  static_cast<std::size_t>(spec.n_k));
            for (const HeadWork& work : run_scheme(*make(name), layer).works) {
                const std::int64_t m = layer.valid_q, n = layer.valid_k;
                const std::int64_t pairs = work.shape.allowed_pairs;
                check_op_list(work.ops);
                CHECK(dense_sum(work.ops, OpKind::matmul) == m * n * (spec.d + spec.dv));
                CHECK(dense_sum(work.ops, OpKind::add) == (bias ? m * n : 0));
                CHECK(named(work.ops, "L").at(0).nonzeros == pairs * spec.d);
                CHECK(named(work.ops, "softmax").at(0).nonzeros == pairs);
                CHECK(named(work.ops, "A").at(0).nonzeros == pairs * spec.dv);
                CHECK(work.kept_pairs == pairs);
                CHECK(work.ops.ops.at(0).bits == (std::string(name) == "flat" ? 16 : 8));
            }
        }
    }
    // The exact network that others are compared with leaves no Work behind.
    CHECK(run_scheme(ExactScheme(), random_layer({}, 1)).works.empty());
}

TEST_CASE("operand widths out of range are refused", "[unit]") {
    for (const char* name : {"exact", "flat", "vitality", "sanger"}) {
        for (const char* bits : {"1", "33", "8.5", "ideal"}) {
            Settings settings = scheme_preset();
            settings.overlay_assignment(fmt::format("{}.operand_bits={}", name, bits));
            SchemeInputs inputs;
            CAPTURE(name, bits);
            CHECK_THROWS_AS(find_scheme(name).make(inputs, settings), UserError);
        }
    }
}

TEST_CASE("heads without valid queries or keys are zero and leave no operator", "[unit]") {
    for (const char* name : {"vitality", "flat", "sanger", "exact"}) {
        for (const auto& [valid_q, valid_k] :
             {std::pair{0, 20}, std::pair{20, 0}, std::pair{0, 0}}) {
            const std::vector<AttentionLayer> layers = {
                random_layer({2, 1, 20, 20, 16, 8, false, valid_q, valid_k, false}, 1)};
            const auto scheme = make_calibrated(name, scheme_preset(), layers);
            const SchemeRun run = run_scheme(*scheme, layers[0]);
            CAPTURE(name, valid_q, valid_k);
            for (std::size_t h = 0; h < 2; ++h) {
                CHECK(differences(run.out[h], Matrix<float>(20, 8)) == 0);
                CHECK(run.works.at(h).ops.empty());
            }
        }
    }
}
