#include "tests/workloads/network_file.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/forward.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

NetworkOptions language_options() {
    NetworkOptions options;
    options.family = "gpt";
    options.tokens = true;
    options.pool = "none";
    options.task = "next-token";
    options.causal = true;
    options.segments = true;
    return options;
}

using Change = std::function<void(const H5Group& root, const H5Group& sample)>;
using Early = std::function<void(RandomNetwork& net)>;

/// What is wrong, how it comes into the file, and what the message has to say.
struct BadFile {
    std::string what;
    Early early;   ///< before the file is written
    Change after;  ///< on the written file
    std::vector<std::string> words;
};

/// Message of the first fault that opening, reading and embedding find; "accepted" without one.
std::string first_fault(const BadFile& row, std::string* checked = nullptr) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("bad.h5");
    RandomNetwork net = random_network(language_options());
    if (row.early) row.early(net);
    NetworkFile file(path, net.model, *net.weights);
    const H5Group sample = file.sample(net.sample);
    if (row.after) row.after(file.root(), sample);
    file.finish();
    if (checked != nullptr) {
        const TraceCheck check = check_trace(path);
        for (const std::string& problem : check.problems) *checked += problem + "\n";
    }
    try {
        const TraceReader reader(path);
        const Network network(reader.model(), reader.weights());
        const Sample read = reader.sample(0);
        reader.require_recomputable(read);
        SampleContext context;
        (void)network.embed(ExactScheme(), read, context);
    } catch (const UserError& error) {
        return error.what();
    }
    return "accepted";
}

H5Group with_layer(const H5Group& sample, double scale, int n_q, const RandomNetwork& net) {
    sample.create_group("layers");
    const ModelInfo& model = net.model;
    const auto plane = [](int heads, int rows, int cols) {
        return H5Shape{static_cast<std::size_t>(heads), static_cast<std::size_t>(rows),
                       static_cast<std::size_t>(cols)};
    };
    for (int i = 0; i < model.layers; ++i) {
        const H5Group layer = sample.create_group("layers/0" + std::to_string(i));
        layer.set_text("kind", "attention");
        layer.set_integer("n_q", n_q);
        layer.set_integer("n_k", 11);
        layer.set_real("scale", scale);
        layer.set_flag("causal", true);
        const auto zeros = [&](const char* name, const H5Shape& shape) {
            layer.write(name, shape, std::vector<float>(shape_elements(shape), 0.0F));
        };
        zeros("q", plane(model.heads, n_q, model.head_dim));
        zeros("k", plane(model.kv_heads, 11, model.head_dim));
        zeros("v", plane(model.kv_heads, 11, model.v_head_dim));
        zeros("out", plane(model.heads, n_q, model.v_head_dim));
    }
    return sample.group("layers/01");
}

std::vector<BadFile> bad_samples() {
    const auto tokens = [](auto change) {
        return [change](RandomNetwork& net) { change(net.sample); };
    };
    return {
        {"token out of range",
         tokens([](Sample& s) { s.tokens[2] = 13; }),
         {},
         {"/samples/000000/tokens", "13 at [2]", "0 to 12"}},
        {"token below 0",
         tokens([](Sample& s) { s.tokens[2] = -1; }),
         {},
         {"/samples/000000/tokens", "-1 at [2]"}},
        {"segment out of range",
         tokens([](Sample& s) { s.segments[10] = 3; }),
         {},
         {"/samples/000000/segments", "3 at [10]", "0 to 2"}},
        {"target out of range",
         tokens([](Sample& s) { s.targets[1] = 7; }),
         {},
         {"/samples/000000/targets", "7 at [1]", "-1 to 6"}},
        {"target below -1",
         tokens([](Sample& s) { s.targets[1] = -2; }),
         {},
         {"/samples/000000/targets", "-2 at [1]"}},
        {"too few targets",
         tokens([](Sample& s) { s.targets.pop_back(); }),
         {},
         {"/samples/000000/targets", "10", "11"}},
        {"too many segments",
         tokens([](Sample& s) { s.segments.push_back(0); }),
         {},
         {"/samples/000000/segments", "12", "11"}},
        {"more valid than there are",
         tokens([](Sample& s) { s.valid_len = 12; }),
         {},
         {"/samples/000000@valid_len", "12", "0 to 11"}},
    };
}

std::vector<BadFile> bad_weights() {
    const auto drop = [](auto member) {
        return [member](RandomNetwork& net) { (*net.weights).*member = {}; };
    };
    return {
        {"unknown option",
         {},
         [](const H5Group& root, const H5Group&) {
             root.group("model/weights").set_real("rope_scaling", 2.0);
         },
         {"/model/weights@rope_scaling", "rope_theta"}},
        {"unknown tensor",
         {},
         [](const H5Group& root, const H5Group&) {
             root.group("model/weights").write("alibi", {2}, std::vector<float>{1.0F, 2.0F});
         },
         {"/model/weights/alibi", "position_embedding"}},
        {"unknown tensor of a layer",
         {},
         [](const H5Group& root, const H5Group&) {
             root.group("model/weights/layer_01").write("norm3_w", {1}, std::vector<float>{1.0F});
         },
         {"/model/weights/layer_01/norm3_w", "norm1_w"}},
        {"gate of a network that is not gated",
         [](RandomNetwork& net) { net.weights->blocks[2].gate.w = net.weights->blocks[2].up.w; },
         {},
         {"/model/weights/layer_02/w_gate"}},
        {"no segment embedding",
         drop(&Weights::segment_embedding),
         {},
         {"/model/weights/segment_embedding", "no such dataset"}},
        {"no token embedding",
         drop(&Weights::token_embedding),
         {},
         {"/model/weights/token_embedding", "no such dataset"}},
        {"too few positions",
         [](RandomNetwork& net) { net.weights->position_embedding = Matrix<float>(7, 20, 0.0F); },
         {},
         {"/model/weights/position_embedding", "7 rows", "at least 11"}},
        {"rope_dim beyond the head",
         [](RandomNetwork& net) {
             net.weights->rope_theta = 10.0F;
             net.weights->rope_dim = 8;
         },
         {},
         {"/model/weights", "rope_dim", "8", "2 to 6"}},
        {"a word that is not known",
         [](RandomNetwork& net) { net.weights->rope_style = "spiral"; },
         {},
         {"/model/weights@rope_style", "spiral", "half, interleaved"}},
        {"pooled next-token",
         [](RandomNetwork& net) { net.model.pool = "mean"; },
         {},
         {"next-token", "pool mean"}},
    };
}

/// Layers that do what the weights cannot say.
std::vector<BadFile> bad_layers() {
    const RandomNetwork net = random_network(language_options());
    const double scale = 1.0 / std::sqrt(6.0);
    return {
        {"another scale",
         {},
         [net](const H5Group&, const H5Group& s) { with_layer(s, 0.5, 11, net); },
         {"/samples/000000/layers/00@scale", "0.5", "1/sqrt(head_dim)", "mode: open"}},
        {"a mask",
         {},
         [net, scale](const H5Group&, const H5Group& s) {
             with_layer(s, scale, 11, net)
                 .write("mask", {1, 11, 11}, std::vector<std::uint8_t>(121, 1));
         },
         {"/samples/000000/layers/01/mask", "valid_len", "mode: open"}},
        {"a bias",
         {},
         [net, scale](const H5Group&, const H5Group& s) {
             with_layer(s, scale, 11, net)
                 .write("bias", {1, 11, 11}, std::vector<float>(121, 0.5F));
         },
         {"/samples/000000/layers/01/bias", "mode: open"}},
        {"one query at a time",
         {},
         [net, scale](const H5Group&, const H5Group& s) { with_layer(s, scale, 1, net); },
         {"/samples/000000/layers/00", "n_q 1, n_k 11", "mode: open"}},
    };
}

}  // namespace

TEST_CASE("a network file that is right comes back as it was", "[unit]") {
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        const NetworkOptions options = random_options(seed);
        RandomNetwork net = random_network(options);
        net.sample.label = 1;
        const TemporaryDirectory directory;
        const std::string path = directory.file("net.h5");
        NetworkFile file(path, net.model, *net.weights);
        file.sample(net.sample);
        file.finish();
        const TraceReader reader(path);
        const Sample read = reader.sample(0);
        INFO(describe(options));
        CHECK(read.tokens == net.sample.tokens);
        CHECK(read.segments == net.sample.segments);
        CHECK(read.targets == net.sample.targets);
        CHECK(check_trace(path).problems == std::vector<std::string>{});
        SampleContext context;
        const Matrix<float> a =
            Network(net.model, net.weights).run(ExactScheme(), net.sample, context);
        const Matrix<float> b =
            Network(reader.model(), reader.weights()).run(ExactScheme(), read, context);
        REQUIRE(a.size() == b.size());
        CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
    }
}

TEST_CASE("bad network files name the path of the fault", "[unit]") {
    for (const auto& table : {bad_samples(), bad_weights(), bad_layers()})
        for (const BadFile& row : table) {
            CAPTURE(row.what);
            const std::string message = first_fault(row);
            CHECK_THAT(message, Catch::Matchers::Contains("bad.h5:/") ||
                                    Catch::Matchers::Contains("next-token"));
            for (const std::string& part : row.words)
                CHECK_THAT(message, Catch::Matchers::Contains(part));
        }
    CHECK(first_fault({"nothing", {}, {}, {}}) == "accepted");
}

TEST_CASE("a check of a trace finds bad samples too", "[unit]") {
    for (const BadFile& row : bad_samples()) {
        CAPTURE(row.what);
        std::string checked;
        first_fault(row, &checked);
        for (const std::string& part : row.words)
            CHECK_THAT(checked, Catch::Matchers::Contains(part));
    }
}
