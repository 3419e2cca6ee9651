#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/text.hpp"
#include "src/replay/result_summary.hpp"
#include "src/replay/result_table.hpp"
#include "src/replay/statistics.hpp"
#include "src/replay/survey.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/reference/graph_reference.hpp"
#include "tests/replay/digits_replay.hpp"
#include "tests/workloads/graph_file.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kCora = "workloads/zoo/cora_gcn/cora_gcn.h5";

SampleOutcome with_nodes(int sample, const std::vector<NodeOutcome>& nodes) {
    SampleOutcome outcome;
    outcome.sample = sample;
    outcome.nodes = nodes;
    return outcome;
}

/// Nodes of class 0 of which the first `right` are predicted so, the others as class 1.
std::vector<NodeOutcome> nodes_right(int right, int all) {
    std::vector<NodeOutcome> nodes;
    for (int i = 0; i < all; ++i) nodes.push_back({i, 0, i < right ? 0 : 1, 0, 0.25});
    return nodes;
}

/// Nodes that the twin's logits classify right, in plain words.
double twin_accuracy(const RandomGraph& graph, const Matrix<double>& logits) {
    int right = 0;
    for (const std::int64_t node : graph.input.eval_index) {
        const double* row = logits.row(static_cast<std::size_t>(node));
        const auto best = std::max_element(row, row + logits.cols()) - row;
        right += best == graph.input.labels[static_cast<std::size_t>(node)] ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(graph.input.eval_index.size());
}

std::string refusal(const std::string& path, const std::vector<std::string>& settings) {
    try {
        (void)replay_file(path, settings);
    } catch (const UserError& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("accuracy over nodes resamples nodes", "[unit]") {
    const Accuracy a = make_accuracy(
        {with_nodes(0, nodes_right(300, 400)), with_nodes(1, nodes_right(50, 100))}, 3);
    CHECK(a.samples == 2);
    CHECK(a.nodes == 500);
    CHECK(a.top1.value == Approx(0.7));
    CHECK(a.top1_exact.value == 1.0);
    CHECK(a.top1_difference.value == Approx(-0.3));
    CHECK(a.agreement.value == Approx(0.7));
    CHECK(a.logit_rms == Approx(0.5));
    // 1.96 sqrt(0.7 0.3 / 500) = 0.0402
    CHECK(a.top1.high - a.top1.value == Approx(0.0402).margin(0.005));
    CHECK(a.top1.value - a.top1.low == Approx(0.0402).margin(0.005));
    // A node without a label is compared with the exact network and no more.
    std::vector<NodeOutcome> some = nodes_right(1, 2);
    some.push_back({2, -1, 1, 1, 0.0});
    const Accuracy b = make_accuracy({with_nodes(0, some)}, 3);
    CHECK(b.top1.value == 0.5);
    CHECK(b.agreement.value == Approx(2.0 / 3.0));
}

TEST_CASE("a change of top-1 is paired node by node", "[unit]") {
    const std::vector<SampleOutcome> base = {with_nodes(0, nodes_right(60, 100))};
    const std::vector<SampleOutcome> less = {with_nodes(0, nodes_right(50, 100))};
    const Interval change = paired_top1_difference(less, base, 1);
    CHECK(change.value == Approx(-0.1));
    // Ten nodes lost and none won: 1.96 sqrt(0.1 0.9 / 100) = 0.059
    CHECK(change.high - change.low == Approx(0.118).margin(0.025));
    CHECK(paired_top1_difference(base, base, 1).high == 0.0);
}

TEST_CASE("a graph network has the accuracy that the twin's logits give", "[property]") {
    const TemporaryDirectory directory;
    for (const std::uint64_t seed : {3U, 4U, 5U}) {
        RandomGraph graph = random_graph({.nodes = 200, .layers = 3, .seed = seed});
        const Matrix<double> twin = reference::graph_forward(
            *graph.weights, graph.input.x,
            std::vector<Matrix<double>>(3, reference::normalised_adjacency(graph.edges)));
        graph.logits = Matrix<float>(twin.rows(), twin.cols());
        for (std::size_t i = 0; i < twin.size(); ++i)
            graph.logits.data()[i] = static_cast<float>(twin.data()[i]);
        const std::string path = directory.file(fmt::format("graph_{}.h5", seed));
        write_graph_trace(path, graph);
        const Result result = replay_file(path, {"scheme=exact"});
        REQUIRE(result.accuracy.has_value());
        CHECK(result.mode == "closed");
        CHECK(result.accuracy->nodes == static_cast<std::int64_t>(graph.input.eval_index.size()));
        CHECK(result.accuracy->top1.value == Approx(twin_accuracy(graph, twin)).epsilon(1e-12));
        CHECK(result.accuracy->top1_exact.value == result.accuracy->top1.value);
        CHECK(result.accuracy->agreement.low == 1.0);
        CHECK(result.accuracy->logit_rms == 0.0);
        const auto golden = largest_golden_error(result, &SampleOutcome::golden_error);
        REQUIRE(golden.has_value());
        CHECK(*golden < 1e-5);
        CHECK(result.network->weights == 9 * 6 + 6 * 6 + 6 * 4);
    }
}

TEST_CASE("Cora's test accuracy is PyTorch's", "[golden]") {
    const auto report = nlohmann::json::parse(read_text_file("workloads/zoo/cora_gcn/report.json"));
    const Result result = replay_file(kCora, {"scheme=exact"});
    const Accuracy& a = result.accuracy.value();
    CHECK(a.nodes == 1000);
    CHECK(std::abs(a.top1.value - report.at("accuracy").at("test").get<double>()) < 5e-4);
    // 1.96 sqrt(0.828 0.172 / 1000) = 0.0234
    CHECK(a.top1.value - a.top1.low == Approx(0.0234).margin(0.003));
    CHECK(a.top1.high - a.top1.value == Approx(0.0234).margin(0.003));
    CHECK(largest_golden_error(result, &SampleOutcome::golden_error).value() < 1e-3);
    CHECK(result.network->weights == 1433 * 16 + 16 * 7);
    CHECK_THAT(result_table(result), Contains("Accuracy over 1000 nodes of 1 graph") &&
                                         Contains("bootstrap over nodes") && Contains("0.8280") &&
                                         Contains("logits of the trace"));
}

TEST_CASE("results of graphs are written, read and shown", "[property]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("graph.h5");
    write_graph_trace(path, random_graph({.nodes = 90}), {.samples = 2});
    const int before = threads();
    set_threads(1);
    const Result one = replay_file(path, {"scheme=flat", "machines=[flat-edge]"});
    set_threads(3);
    const Result three = replay_file(path, {"scheme=flat", "machines=[flat-edge]"});
    set_threads(before);
    CHECK(file_bytes(one) == file_bytes(three));
    const std::string file = directory.file("result.h5");
    write_result(file, one);
    const Result again = read_results(file).front();
    CHECK(file_bytes(again) == file_bytes(one));
    REQUIRE(again.samples.size() == 2);
    CHECK(again.samples[1].nodes.size() == one.samples[1].nodes.size());
    CHECK(again.samples[1].nodes.back().predicted == one.samples[1].nodes.back().predicted);
    CHECK(again.accuracy->nodes == 60);
    const auto json = nlohmann::json::parse(result_json(one));
    CHECK(json["accuracy"]["nodes"] == 60);
    CHECK_THAT(json["accuracy"]["interval"].get<std::string>(), Contains("nodes"));
    CHECK(json["accuracy"]["top1"]["value"] == Approx(one.accuracy->top1.value));
    // What a machine makes of it stands beside the accuracy.
    REQUIRE(one.machines.size() == 1);
    const Survey survey = survey_of(one, one.machines.front()).front();
    CHECK(survey.field("accuracy").number.value() == Approx(one.accuracy->top1.value));
    CHECK_THAT(survey.field("accuracy").note, Contains("60 nodes of 2 samples"));
}

TEST_CASE("schemes that prune scores are refused on a network without attention", "[unit]") {
    for (const char* scheme : {"sprint", "threshold", "threshold-q"})
        CHECK_THAT(refusal(kCora, {std::string("scheme=") + scheme}),
                   Contains(std::string("scheme ") + scheme) && Contains("layer 00") &&
                       Contains("graph") && Contains("exact, vitality, flat, sanger"));
    CHECK_THAT(refusal(kCora, {"scheme=exact", "mode=open"}),
               Contains("nothing is priced") && Contains("exact") && Contains("flat"));
    // Without a choice the network runs as it was trained; a choice of the user stays.
    const ReplayTrace trace(kCora);
    Settings settings = experiment_preset();
    choose_scheme(trace, settings);
    CHECK(settings.text("scheme") == "exact");
    Settings chosen = experiment_preset();
    chosen.overlay_assignment("scheme=flat");
    choose_scheme(trace, chosen);
    CHECK(chosen.text("scheme") == "flat");
    const ReplayTrace transformer(kDigits);
    Settings usual = experiment_preset();
    choose_scheme(transformer, usual);
    CHECK(usual.text("scheme") == "sprint");
}
