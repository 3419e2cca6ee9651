#include "workloads/trace_check.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/small_trace.hpp"
#include "workloads/trace_info.hpp"

using attohm::Tensor3;
using attohm::TraceCheck;
using attohm::testing::Faults;
using attohm::testing::TemporaryDirectory;
using attohm::testing::write_small_trace;
using Catch::Contains;

namespace {

bool names(const TraceCheck& check, const std::string& text) {
    return std::any_of(
        check.problems.begin(), check.problems.end(),
        [&](const std::string& problem) { return problem.find(text) != std::string::npos; });
}

/// A graph network of two layers without samples' tensors: 5 features, 3 hidden units, `classes`.
void write_graph_network(const std::string& path, std::size_t classes, float last_value) {
    attohm::H5File file = attohm::H5File::create(path);
    const attohm::H5Group root = file.root();
    for (const auto& [name, text] : {std::pair{"format", "attohm-trace"},
                                     {"schema_version", "1.0.0"},
                                     {"producer", "test"},
                                     {"producer_version", "1"},
                                     {"created_utc", "2026-11-20T00:00:00Z"},
                                     {"capture_dtype", "float32"},
                                     {"capture_method", "by hand"}})
        root.set_text(name, text);
    const attohm::H5Group model = root.create_group("model");
    for (const auto& [name, text] : {std::pair{"name", "graph"},
                                     {"family", "gcn"},
                                     {"task", "node-classify"},
                                     {"pool", "none"}})
        model.set_text(name, text);
    for (const auto& [name, number] : {std::pair{"layers", 2},
                                       {"heads", 0},
                                       {"kv_heads", 0},
                                       {"head_dim", 0},
                                       {"width", 3},
                                       {"prefix_tokens", 0},
                                       {"classes", 4}})
        model.set_integer(name, number);
    model.set_flag("causal", false);
    const attohm::H5Group weights = model.create_group("weights");
    weights.set_text("activation", "relu");
    std::vector<float> values(15, 0.5F);
    weights.create_group("layer_00").write("w", {3, 5}, std::span<const float>(values));
    values.assign(classes * 3, 0.25F);
    values.back() = last_value;
    weights.create_group("layer_01").write("w", {classes, 3}, std::span<const float>(values));
    root.create_group("samples").create_group("000000").set_text("dataset", "none");
    root.set_flag("complete", true);
    file.close();
}

}  // namespace

TEST_CASE("sound traces pass with the worst head named", "[unit]") {
    const TemporaryDirectory directory;
    write_small_trace(directory.file("a.h5"));
    const TraceCheck small = attohm::check_trace(directory.file("a.h5"));
    CHECK(small.problems.empty());
    CHECK(small.layers_checked == 6);
    CHECK(small.heads_checked == 24);
    CHECK(small.worst_error < 1e-6);
    CHECK_THAT(small.worst_where, Contains("layer") && Contains("head"));
    const TraceCheck digits = attohm::check_trace("workloads/zoo/digits_vit/digits_vit.h5");
    CHECK(digits.problems.empty());
    CHECK(digits.worst_error < 1e-2);
    CHECK(digits.layers_checked > 0);
    CHECK(attohm::check_trace("tests/workloads/data/foreign_trace.h5").good());
}

TEST_CASE("a check names every fault, not the first", "[unit]") {
    const TemporaryDirectory directory;
    Faults faults;
    faults.missing = {"/samples/000000/layers/00/k", "/samples/000000/layers/00/v"};
    faults.shape = {{"/model/thresholds/learned", {3}}};
    faults.as_double = {"/samples/000000/layers/01/out"};
    faults.integer = {{"/calibration/000000@label", 9}};
    faults.change = [](const std::string& path, Tensor3& tensor) {
        if (path == "/samples/000001/layers/00/q")
            tensor.plane(0)(1, 2) = std::numeric_limits<float>::infinity();
        if (path == "/samples/000001/layers/01/out") tensor.plane(3)(0, 0) += 0.5F;
    };
    write_small_trace(directory.file("a.h5"), faults);
    const TraceCheck check = attohm::check_trace(directory.file("a.h5"));
    CHECK_FALSE(check.good());
    CHECK(check.problems.size() == 7);
    CHECK(names(check, "/samples/000000/layers/00/k: missing dataset"));
    CHECK(names(check, "/samples/000000/layers/00/v: missing dataset"));
    CHECK(names(check, "/model/thresholds/learned: wrong shape; got [3]"));
    CHECK(names(check, "/samples/000000/layers/01/out: wrong data type; got float64"));
    CHECK(names(check, "/calibration/000000@label: label out of range; got 9"));
    CHECK(names(check, "/samples/000001/layers/00/q: a value is not finite; got inf at [0, 1, 2]"));
    CHECK(names(check, "/samples/000001/layers/01/out: `out` is not the exact attention"));
    CHECK(check.worst_where == "samples/000001, layer 1, head 3");
    CHECK(check.layers_checked == 3);
    const std::string text = attohm::to_text(check);
    CHECK_THAT(text, Contains("7 problem(s)") && Contains("worst error"));
    const auto json = nlohmann::json::parse(attohm::to_json(check));
    CHECK(json["good"] == false);
    CHECK(json["problems"].size() == 7);
    CHECK(json["worst_where"] == "samples/000001, layer 1, head 3");
}

TEST_CASE("weights of a graph network are checked as a chain to the classes", "[unit]") {
    const TemporaryDirectory directory;
    write_graph_network(directory.file("good.h5"), 4, 0.25F);
    CHECK(attohm::check_trace(directory.file("good.h5")).problems.empty());
    write_graph_network(directory.file("short.h5"), 3, 0.25F);
    CHECK(names(attohm::check_trace(directory.file("short.h5")),
                "/model/weights/layer_01/w: wrong shape; got [3, 3]"));
    write_graph_network(directory.file("nan.h5"), 4, std::numeric_limits<float>::quiet_NaN());
    CHECK(names(attohm::check_trace(directory.file("nan.h5")),
                "/model/weights/layer_01/w: a value is not finite; got nan at [3, 2]"));
    const TraceCheck cora = attohm::check_trace("workloads/zoo/cora_gcn/cora_gcn.h5");
    CHECK(cora.problems.empty());
    CHECK(cora.samples == 1);
}

TEST_CASE("a file that cannot be opened is one problem", "[unit]") {
    const TemporaryDirectory directory;
    const TraceCheck none = attohm::check_trace(directory.file("none.h5"));
    CHECK(none.problems.size() == 1);
    CHECK(names(none, "no such file"));
    write_small_trace(directory.file("a.h5"), {.missing = {"/@complete"}});
    CHECK(names(attohm::check_trace(directory.file("a.h5")), "truncated capture"));
}

TEST_CASE("trace info describes a trace without reading tensors", "[unit]") {
    const attohm::TraceInfo info = attohm::trace_info("tests/workloads/data/foreign_trace.h5");
    CHECK(info.model.name == "foreign");
    CHECK(info.samples == 1);
    CHECK(info.samples_with_layers == 1);
    CHECK(info.thresholds == "per layer and head");
    REQUIRE(info.layers.size() == 3);
    CHECK(info.layers[0].kind == "linear");
    CHECK(info.layers[1].dtype == "float16");
    CHECK(info.layers[1].shape == "q[4, 6, 8]");
    CHECK(info.layers[1].flags == "mask");
    CHECK(info.layers[2].flags == "causal, bias");
    CHECK_THAT(attohm::to_text(info), Contains("2 layers, 4 heads (2 kv heads) of 8 (values 4)"));
    const auto json = nlohmann::json::parse(attohm::to_json(info));
    CHECK(json["model"]["family"] == "gpt");
    CHECK(json["layers"][2]["flags"] == "causal, bias");
    CHECK(json["trace_id"] == info.trace_id);
    CHECK(json["mask_in_layers"] == true);
    CHECK_THAT(attohm::to_text(info), Contains("masks       ") && Contains("in layers\n"));
    CHECK_THROWS_AS(attohm::trace_info("none.h5"), attohm::UserError);
}

TEST_CASE("trace info says whether accuracy, a closed loop and thresholds are there", "[unit]") {
    const auto shown = [](const std::string& path, std::initializer_list<const char*> lines) {
        const std::string text = attohm::to_text(attohm::trace_info(path));
        for (const char* line : lines) CHECK_THAT(text, Contains(line));
    };
    shown("workloads/zoo/digits_vit/digits_vit.h5",
          {"labels      a class, in every sample\n", "thresholds  per layer\n",
           "masks       none\n", "weights     yes (closed loop possible)\n"});
    shown("workloads/zoo/char_gpt/char_gpt.h5", {"labels      the next tokens, in every sample\n"});
    shown("workloads/zoo/cora_gcn/cora_gcn.h5",
          {"labels      a class of every node, in the sample\n"});
    const TemporaryDirectory directory;
    const std::string bare = directory.file("bare.h5");
    write_small_trace(bare, {.missing = {"/model/thresholds", "/samples/000001@label"}});
    shown(bare,
          {"labels      a class, in 1 of 2 samples\n", "thresholds  none (", "no (open loop)"});
    const auto json = nlohmann::json::parse(attohm::to_json(attohm::trace_info(bare)));
    CHECK(json["labels"] == "class");
    CHECK(json["samples_with_labels"] == 1);
    CHECK(json["thresholds"] == "none");
    CHECK(json["weights"] == false);
}
