#include <catch2/catch.hpp>

#include "circuits/circuit_tables.hpp"
#include "circuits/digital_library.hpp"
#include "src/schemes/ecoformer.hpp"
#include "tests/schemes/op_counts.hpp"
#include "workloads/synth_shapes.hpp"

/// The published operations and energy of EcoFormer, from operator lists and the 45 nm table.
using namespace attohm;

namespace {

Settings preset_with(const std::string& assignment) {
    Settings settings = scheme_preset();
    settings.overlay_assignment(assignment);
    return settings;
}

/// Multiplications and additions as the released energy script books them: by the operators of a
/// list, one of each for a MAC.
struct Booked {
    double mults = 0.0;
    double adds = 0.0;

    void list(const OpList& ops, double times = 1.0) {
        for (const Operator& op : ops.ops) {
            const double count = times * static_cast<double>(op.dense_count());
            // Of distances the script books the squares as additions, of the hash the centring and
            // the sign as multiplications; norms, sigma, exponentials and constants it leaves out.
            if (op.name == "D2") {
                adds += 2.0 * count;
            } else if (op.name == "kappa centre" || op.name == "sign") {
                mults += count;
            } else if (op.name == "norm" || op.name == "D2 constant" || op.name == "sigma" ||
                       op.name == "beta v" || op.name == "add N" || op.name == "V sum" ||
                       op.kind == OpKind::exp || op.kind == OpKind::normalise ||
                       op.kind == OpKind::activation || op.name == "residual") {
                continue;
            } else if (op.kind == OpKind::matmul || op.kind == OpKind::convolve) {
                mults += count;
                adds += count;
            } else if (op.kind == OpKind::accumulate || op.kind == OpKind::add) {
                adds += count;
            } else if (op.kind == OpKind::softmax) {
                // One multiplication an element, by the scale.
                mults += count;
            } else {
                mults += count;
            }
        }
    }
    void macs(std::int64_t count) {
        mults += static_cast<double>(count);
        adds += static_cast<double>(count);
    }
    Booked operator-(const Booked& other) const { return {mults - other.mults, adds - other.adds}; }
};

/// A whole network under a scheme: heads by its Work, blocks by its linear operators, convolutions
/// and classifier as they are. `attention`: of the heads alone, by layer.
struct NetworkCount {
    Booked all;
    std::vector<Booked> attention;
};

NetworkCount count_network(const NamedShape& shape, const Scheme& scheme) {
    NetworkCount count;
    int layer = -1;
    for (const LayerShape& one : shape.layers) {
        if (one.kind != LayerKind::attention) {
            count.all.macs(one.macs());
            continue;
        }
        const AttentionSize& size = one.attention;
        ++layer;
        HeadShape head = square_shape(size.n_q, size.head_dim, size.v_head_dim);
        head.layer = layer;
        SampleContext context;
        REQUIRE(scheme.shape_work(head, context));
        Booked heads;
        heads.list(context.work.heads.at(0).ops, size.heads);
        count.attention.push_back(heads);
        count.all.list(context.work.heads.at(0).ops, size.heads);
        std::vector<LinearShape> linears =
            block_shapes(size.n_q, size.width, size.width, size.width, size.hidden);
        scheme.linear_shapes(layer, size.heads, linears);
        count.all.list(linear_layer_work(layer, linears, 32).ops);
    }
    return count;
}

}  // namespace

TEST_CASE("ecoformer on PVTv2-B0: .53 B mults, .56 B adds, 2.46 B pJ, 73.3 % less than softmax",
          "[golden]") {
    const NamedShape shape = named_shape("pvtv2-b0-msa-whole");
    SchemeInputs inputs;
    const auto dense = count_network(
        shape, *find_scheme("exact").make(inputs, preset_with("exact.operand_bits=32")));
    const auto own = count_network(
        shape,
        *find_scheme("ecoformer").make(inputs, preset_with("ecoformer.exact_layers=[6, 7]")));
    // 45 nm, float32: the table's own figures, 3.7 pJ and 0.9 pJ.
    const Settings table =
        Settings::from_text(*circuit_table("horowitz-45nm"), "horowitz-45nm.yaml");
    const DigitalLibrary library(table, 45.0, Volt::from_value(0.9));
    const auto energy = [&](OpKind kind) {
        return library.unit(kind, NumberFormat::floating, 32).energy.value().value * 1e12;
    };
    const double mult_pJ = energy(OpKind::multiply), add_pJ = energy(OpKind::add);
    CHECK(mult_pJ == Approx(3.7).epsilon(1e-9));
    CHECK(add_pJ == Approx(0.9).epsilon(1e-9));
    const auto billion_pJ = [&](const Booked& booked) {
        return (booked.mults * mult_pJ + booked.adds * add_pJ) / 1e9;
    };
    CHECK(own.all.mults / 1e9 == Approx(0.53).margin(0.005));
    CHECK(own.all.adds / 1e9 == Approx(0.56).margin(0.005));
    CHECK(billion_pJ(own.all) == Approx(2.46).margin(0.005));
    CHECK(billion_pJ(dense.all) == Approx(9.23).margin(0.005));
    CHECK(1.0 - billion_pJ(own.all) / billion_pJ(dense.all) == Approx(0.733).margin(0.0005));
    // Attention alone; the last stage keeps its softmax.
    double dense_attention = 0.0, own_attention = 0.0;
    for (const Booked& layer : dense.attention) dense_attention += billion_pJ(layer);
    for (const Booked& layer : own.attention) own_attention += billion_pJ(layer);
    CHECK(billion_pJ(dense.attention[0]) + billion_pJ(dense.attention[1]) ==
          Approx(5.86).margin(0.005));
    CHECK(dense_attention == Approx(6.72).margin(0.005));
    CHECK(own_attention == Approx(0.064).margin(0.0005));
}

TEST_CASE("the closed form of ecoformer's energy script, head by head", "[golden]") {
    const EcoformerSettings settings = load_ecoformer_settings(scheme_preset());
    const double m = settings.anchors, b = settings.code_bits;
    for (const auto& [tokens, width] : {std::pair{3136, 32}, {784, 32}, {33, 7}}) {
        const double n = tokens, c = width;
        for (const EcoformerBias bias : {EcoformerBias::released, EcoformerBias::exact}) {
            EcoformerSettings own = settings;
            own.bias = bias;
            Booked booked;
            booked.list(ecoformer_ops(square_shape(tokens, width, width), own));
            CHECK(booked.adds == 2 * n * m * c + n * m * b + 2 * n * b + 2 * n * b * c + n * c);
            CHECK(booked.mults == 2 * n * m + n * m * b + n * b + n + n * c);
        }
    }
}
