#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.hpp"
#include "tests/workloads/synth_count.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_info.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using attohm::testing::TemporaryTrace;

namespace {

std::int64_t weights_of(const NamedShape& shape) {
    std::int64_t sum = 0;
    for (const LayerShape& layer : shape.layers) {
        const ConvSize& c = layer.conv;
        if (layer.kind == LayerKind::conv2d)
            sum += std::int64_t{c.outputs} * (c.channels / c.groups) * c.kernel_h * c.kernel_w;
        if (layer.kind == LayerKind::linear) sum += layer.linear.inputs * layer.linear.outputs;
    }
    return sum;
}

std::set<std::string> names() {
    const std::vector<std::string> all = synth_shape_names();
    std::set<std::string> found(all.begin(), all.end());
    CHECK(found.size() == all.size());
    return found;
}

/// Fields that a trace keeps of a layer.
std::vector<std::int64_t> numbers(const LayerShape& shape) {
    const AttentionSize& a = shape.attention;
    const LinearSize& l = shape.linear;
    const ConvSize& c = shape.conv;
    const GraphSize& g = shape.graph;
    return {static_cast<std::int64_t>(shape.kind),
            a.heads,
            a.kv_heads,
            a.head_dim,
            a.v_head_dim,
            a.n_q,
            a.n_k,
            a.windows,
            a.causal ? 1 : 0,
            a.width,
            a.hidden,
            l.rows,
            l.inputs,
            l.outputs,
            c.channels,
            c.height,
            c.width,
            c.outputs,
            c.kernel_h,
            c.kernel_w,
            c.stride,
            c.padding,
            c.groups,
            g.nodes,
            g.edges,
            g.features,
            g.outputs};
}

}  // namespace

TEST_CASE("published sizes are those of their papers", "[unit]") {
    struct Size {
        const char* name;
        int layers, heads, tokens, width, hidden, class_tokens;
    };
    for (const Size& size :
         {Size{"deit-t", 12, 3, 197, 192, 768, 1}, Size{"deit-s", 12, 6, 197, 384, 1536, 1},
          Size{"deit-b", 12, 12, 197, 768, 3072, 1}, Size{"vit-b", 12, 12, 197, 768, 3072, 1},
          Size{"bert-base-384", 12, 12, 384, 768, 3072, 0},
          Size{"bert-large-384", 24, 16, 384, 1024, 4096, 0},
          Size{"albert-xl", 24, 16, 384, 2048, 8192, 0},
          Size{"albert-xxl", 12, 64, 384, 4096, 16384, 0},
          Size{"gpt2-l-1024", 36, 20, 1024, 1280, 5120, 0},
          Size{"flat-bert", 12, 12, 512, 768, 3072, 0},
          Size{"flat-trxl-2k", 18, 16, 2048, 1024, 4096, 0},
          Size{"flat-xlm-16384", 12, 16, 16384, 2048, 8192, 0},
          Size{"flat-t5-64k", 6, 8, 65536, 512, 2048, 0}}) {
        const SynthSpec spec = synth_shape(size.name);
        INFO(size.name);
        CHECK(spec.layers == size.layers);
        CHECK(spec.heads == size.heads);
        CHECK(spec.tokens == size.tokens);
        CHECK(spec.heads * spec.head_dim == size.width);
        CHECK(spec.width == size.width);
        CHECK(spec.hidden == size.hidden);
        CHECK(spec.class_tokens == size.class_tokens);
        CHECK(spec.causal == (std::string(size.name) == "gpt2-l-1024"));
    }
    SynthSpec spec = attohm::testing::sized("deit-t", 1, 3, 1);
    const TemporaryTrace trace("class-token");
    write_synthetic_trace(spec, trace.path());
    const ModelInfo model = TraceReader(trace.path()).model();
    CHECK(model.width == 192);
    CHECK(model.prefix_tokens == 1);
}

TEST_CASE("every model that the papers evaluate has a shape with its source", "[unit]") {
    const std::set<std::string> found = names();
    for (const char* name :
         {"bert-base",    "bert-large",    "albert-xl",     "albert-xxl",     "gpt2-l",
          "vit-b",        "deit-t",        "deit-s",        "deit-b",         "levit-128s",
          "levit-128",    "levit-192",     "levit-256",     "levit-384",      "pvtv2-b0",
          "pvtv2-b1",     "pvtv2-b2",      "pvtv2-b3",      "pvtv2-b4",       "twins-svt-s",
          "twins-svt-b",  "twins-svt-l",   "twins-pcpvt-s", "twins-pcpvt-b",  "twins-pcpvt-l",
          "swin-t",       "longformer",    "vil-stage1",    "vil-stage2",     "lra-listops",
          "lra-text",     "lra-retrieval", "lra-image",     "lra-pathfinder", "flat-bert",
          "flat-trxl",    "flat-flaubert", "flat-t5",       "flat-xlm",       "resnet50",
          "vgg16",        "mobilenet-v1",  "mobilenet-v2",  "alexnet",        "gcn-cora",
          "gcn-citeseer", "gcn-pubmed",    "gcn-reddit"}) {
        INFO(name);
        CHECK(found.count(name) == 1);
    }
    for (const NamedShape& shape : named_shapes()) {
        INFO(shape.name);
        CHECK(shape.source.size() > 20);
        CHECK(shape.macs() > 0);
        CHECK((shape.mark == Mark::cited || shape.mark == Mark::assumed));
        CHECK(shape_table().find(shape.source) != std::string::npos);
    }
    CHECK(nlohmann::json::parse(shape_json()).size() == found.size());
}

TEST_CASE("convolutional networks have the published work and weights", "[unit]") {
    struct Size {
        const char* name;
        std::int64_t macs, weights;
    };
    // Known totals of these networks: convolutions and fully connected layers, without biases.
    for (const Size& size :
         {Size{"alexnet", 724406816, 60954656}, Size{"vgg16", 15470264320, 138344128},
          Size{"resnet50", 3857973248, 25502912}, Size{"mobilenet-v1", 568740352, 4209088},
          Size{"mobilenet-v2", 300774272, 3469760}}) {
        const NamedShape shape = named_shape(size.name);
        INFO(size.name);
        CHECK(shape.macs() == size.macs);
        CHECK(weights_of(shape) == size.weights);
    }
}

TEST_CASE("stages, windows and patterns have the sizes of their models", "[unit]") {
    // PVTv2-B0 with full attention: N^2 C of q.k and as much of p.v, two layers a stage
    // (EcoFormer).
    std::int64_t expected = 0;
    for (const auto& [n, c] :
         {std::pair<std::int64_t, std::int64_t>{3136, 32}, {784, 64}, {196, 160}, {49, 256}})
        expected += 2 * 2 * n * n * c;
    CHECK(named_shape("pvtv2-b0-msa").macs() == expected);
    // Swin-T: windows of 49 cover all tokens of a stage.
    const std::vector<int> tokens = {3136, 3136, 784, 784, 196, 196, 196, 196, 196, 196, 49, 49};
    const NamedShape swin = named_shape("swin-t");
    REQUIRE(swin.layers.size() == tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const AttentionSize& size = swin.layers[i].attention;
        CHECK(size.n_q * size.windows == tokens[i]);
        CHECK(size.heads * size.head_dim == size.width);
    }
    // Longformer: 513 keys in reach, fewer at the ends; row and column of the global token.
    const AttentionSize longformer = named_shape("longformer").layers.front().attention;
    const std::int64_t band = 4096 * 513 - 256 * 257;
    const std::int64_t global = 2 * (4096 - 257);
    CHECK(longformer.allowed_pairs() == band + global);
    // ViL: 15 x 15 keys in reach; along each side sum over places of keys in reach.
    const AttentionSize vil = named_shape("vil-stage2").layers.front().attention;
    const std::int64_t side = 28 * 15 - 7 * 8;
    CHECK(vil.allowed_pairs() == side * side);
    // LeViT-256: 1.12 G in its paper's table 3 with batch norms and the classifier.
    const NamedShape levit = named_shape("levit-256");
    CHECK(static_cast<double>(levit.macs() + levit.surrounding_macs()) ==
          Approx(1.12e9).epsilon(0.06));
    // Where layers have numbers of tokens of their own, none may be asked for.
    CHECK_THROWS_AS(named_shape("swin-t-100"), UserError);
    CHECK_THROWS_AS(with_tokens(swin, 100), UserError);
    CHECK_THROWS_WITH(named_shape("deit-tt"), Catch::Matchers::Contains("did you mean \"deit-t\""));
    CHECK_THROWS_AS(named_shape("bert-base-0"), UserError);
}

TEST_CASE("a shape-only trace says every size and holds no tensor", "[property]") {
    for (const std::string& name : synth_shape_names()) {
        SynthSpec spec = synth_shape(name);
        spec.shape_only = true;
        spec.samples = 1;
        const TemporaryTrace trace("shapes");
        const SynthReport report = write_synthetic_trace(spec, trace.path());
        const TraceReader reader(trace.path());
        CHECK(reader.shape_only());
        const NamedShape shape = named_shape(name);
        const std::vector<LayerShape> found = reader.layer_shapes(reader.sample(0));
        INFO(name);
        REQUIRE(found.size() == shape.layers.size());
        std::int64_t macs = 0;
        for (std::size_t i = 0; i < found.size(); ++i) {
            CHECK(numbers(found[i]) == numbers(shape.layers[i]));
            macs += found[i].macs();
        }
        CHECK(macs == shape.macs());
        CHECK(report.macs == macs);
        CHECK(std::filesystem::file_size(trace.path()) < 400000);
        CHECK(check_trace(trace.path()).problems == std::vector<std::string>{});
        CHECK(trace_info(trace.path()).layers.size() == found.size());
    }
}

TEST_CASE("layers of every kind read back with the sizes that were asked for", "[unit]") {
    for (const char* name : {"levit-128s", "mobilenet-v1", "gcn-cora"}) {
        SynthSpec spec = synth_shape(name);
        spec.samples = 1;
        spec.calibration = 1;
        if (spec.family == "cnn") spec.density = 0.5;
        const TemporaryTrace trace("kinds");
        write_synthetic_trace(spec, trace.path());
        const TraceReader reader(trace.path());
        const std::vector<LayerShape> found = reader.layer_shapes(reader.sample(0));
        INFO(name);
        REQUIRE(found.size() == spec.shapes.size());
        for (std::size_t i = 0; i < found.size(); ++i)
            CHECK(numbers(found[i]) == numbers(spec.shapes[i]));
        CHECK(check_trace(trace.path()).problems == std::vector<std::string>{});
    }
}
