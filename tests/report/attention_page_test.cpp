#include "src/report/attention_page.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.hpp"
#include "src/replay/replay.hpp"
#include "tests/base/temporary_directory.hpp"
#include "workloads/synth.hpp"
#include "workloads/trace_edit.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

constexpr const char* kDigits = "workloads/zoo/digits_vit/digits_vit.h5";

AttentionMapSpec spec_of(std::vector<int> layers, std::vector<int> heads) {
    AttentionMapSpec spec;
    spec.layers = std::move(layers);
    spec.heads = std::move(heads);
    return spec;
}

Settings scheme_settings(const std::string& scheme) {
    Settings settings = experiment_preset();
    settings.overlay("scheme", {scheme}, false, "test");
    return settings;
}

/// Softmax of a row in double precision.
std::vector<double> plain_row(const AttentionHead& head, std::size_t query) {
    std::vector<double> row(head.n_k(), 0.0);
    double total = 0.0;
    for (std::size_t j = 0; j < head.n_k(); ++j) {
        if (!head.allowed(query, j)) continue;
        double score = 0.0;
        for (std::size_t c = 0; c < head.d(); ++c)
            score += static_cast<double>(head.q(query, c)) * static_cast<double>(head.k(j, c));
        row[j] = std::exp(score * static_cast<double>(head.scale));
        total += row[j];
    }
    for (double& p : row) p /= total;
    return row;
}

}  // namespace

TEST_CASE("maps show the softmax, and coarse maps its largest values", "[unit]") {
    const TraceReader reader(kDigits);
    AttentionMapSpec spec = spec_of({1}, {1});
    const AttentionMap fine = attention_maps(reader, spec, nullptr).maps.at(0);
    const AttentionLayer layer = reader.layer(reader.sample(0), 1, false);
    const AttentionHead head = head_view(layer, 0, 1);
    REQUIRE(fine.rows == head.n_q());
    REQUIRE(fine.cols == head.n_k());
    CHECK(fine.step == 1);
    CHECK(fine.marks.empty());
    double entropy = 0.0;
    for (std::size_t i = 0; i < fine.rows; ++i) {
        const std::vector<double> row = plain_row(head, i);
        for (std::size_t j = 0; j < fine.cols; ++j) {
            const double level = 1.0 + 254.0 * (1.0 + std::log10(std::max(row[j], 1e-6)) / 6.0);
            CHECK(std::abs(static_cast<double>(fine.level[i * fine.cols + j]) - level) < 0.6);
            entropy -= row[j] > 0.0 ? row[j] * std::log2(row[j]) : 0.0;
        }
    }
    CHECK(fine.entropy_bits == Approx(entropy / static_cast<double>(fine.rows)).epsilon(1e-4));
    CHECK(fine.pairs == static_cast<std::int64_t>(fine.rows * fine.cols));

    spec.most_cells = 5;
    const AttentionMap coarse = attention_maps(reader, spec, nullptr).maps.at(0);
    CHECK(coarse.step == (head.n_q() + 4) / 5);
    CHECK(coarse.rows <= 5);
    std::vector<std::uint8_t> largest(coarse.level.size(), 0);
    for (std::size_t i = 0; i < fine.rows; ++i)
        for (std::size_t j = 0; j < fine.cols; ++j) {
            auto& cell = largest[i / coarse.step * coarse.cols + j / coarse.step];
            cell = std::max(cell, fine.level[i * fine.cols + j]);
        }
    CHECK(coarse.level == largest);
}

TEST_CASE("padding and causality are cells without a probability", "[unit]") {
    const TemporaryDirectory directory;
    SynthSpec synth;
    synth.layers = 1;
    synth.heads = synth.kv_heads = 2;
    synth.tokens = 40;
    synth.head_dim = synth.v_head_dim = 8;
    synth.padding = 0.25;
    synth.causal = true;
    (void)write_synthetic_trace(synth, directory.file("t.h5"));
    const TraceReader reader(directory.file("t.h5"));
    const AttentionMap map = attention_maps(reader, spec_of({0}, {1}), nullptr).maps.at(0);
    for (std::size_t i = 0; i < 40; ++i)
        for (std::size_t j = 0; j < 40; ++j) {
            const bool allowed = j <= i && i < static_cast<std::size_t>(map.valid_q);
            CHECK((map.level[i * 40 + j] > 0) == allowed);
        }
}

TEST_CASE("kept keys are the scheme's, errors are those against threshold", "[unit]") {
    const TraceReader reader(kDigits);
    const Settings threshold = scheme_settings("threshold");
    for (const AttentionMap& map :
         attention_maps(reader, spec_of({0, 3}, {0, 1}), &threshold).maps) {
        REQUIRE(map.decisions.has_value());
        CHECK(map.decisions->kept > 0);
        CHECK(map.decisions->kept < map.pairs);
        // It agrees with itself.
        CHECK(map.decisions->falsely_pruned == 0);
        CHECK(map.decisions->falsely_kept == 0);
        std::int64_t kept = 0;
        for (const std::uint8_t mark : map.marks) kept += mark & AttentionMap::kKept;
        CHECK(kept == map.decisions->kept);
        CHECK((map.decisions->mass > 0.0 && map.decisions->mass <= 1.0 + 1e-6));
    }
    const Settings sprint = scheme_settings("sprint");
    const AttentionMaps maps = attention_maps(reader, spec_of({0, 1, 2}, {0, 1}), &sprint);
    std::int64_t wrong = 0;
    for (const AttentionMap& map : maps.maps)
        wrong += *map.decisions->falsely_pruned + *map.decisions->falsely_kept;
    CHECK(wrong > 0);
    const AttentionMaps again = attention_maps(reader, spec_of({0, 1, 2}, {0, 1}), &sprint);
    CHECK(attention_page(maps, "1") == attention_page(again, "1"));
}

TEST_CASE("a view decides as a run does", "[unit]") {
    const TemporaryDirectory directory;
    const std::string one = directory.file("one.h5");
    SliceSpec slice;
    slice.samples = "0";
    (void)slice_trace(kDigits, slice, one);
    Settings settings = scheme_settings("sprint");
    settings.overlay_assignment("mode=open");
    ReplayTrace trace(one);
    const Result result = replay(trace, settings);
    Settings exact_decisions = scheme_settings("threshold");
    exact_decisions.overlay_assignment("mode=open");
    const Result reference = replay(trace, exact_decisions);
    int compared = 0;
    const AttentionMaps maps =
        attention_maps(trace.reader(), spec_of({0, 1, 2, 3}, {0, 1}), &settings);
    REQUIRE(result.heads.size() == maps.maps.size());
    for (std::size_t i = 0; i < maps.maps.size(); ++i) {
        const HeadReport& report = result.heads[i].report;
        const AttentionMap& map = maps.maps[i];
        CHECK(report.layer == map.layer);
        CHECK(report.decisions.valid == map.pairs);
        CHECK(report.kept_pairs == map.decisions->kept);
        // Empty rows are filled again after the comparators were counted.
        if (report.empty_rows + reference.heads[i].report.empty_rows > 0) continue;
        ++compared;
        CHECK(report.decisions.fp_total == map.decisions->falsely_pruned);
        CHECK(report.decisions.fk_total == map.decisions->falsely_kept);
    }
    CHECK(compared >= 4);
}

TEST_CASE("heads with windows show those that are chosen, decided as in a run", "[unit]") {
    const TemporaryDirectory directory;
    SynthSpec synth = synth_shape("swin-t");
    synth.samples = 1;
    // Windows of 49 tokens: 16 with 6 heads, and 4 with 12.
    synth.shapes = {synth.shapes[2], synth.shapes[4]};
    (void)write_synthetic_trace(synth, directory.file("t.h5"));
    const TraceReader reader(directory.file("t.h5"));
    const Settings threshold = scheme_settings("threshold");
    const AttentionMaps maps = attention_maps(reader, spec_of({0, 1}, {0, 5, 11}), &threshold);
    REQUIRE(maps.maps.size() == 5);
    CHECK(maps.maps[0].rows == 49);
    CHECK(maps.notes.back() == "layer 0 has 6 heads");
    for (const AttentionMap& map : maps.maps) {
        CHECK(map.decisions->falsely_pruned == 0);
        CHECK(map.decisions->kept > 0);
        CHECK(map.window == 0);
    }
    AttentionMapSpec some = spec_of({0, 1}, {0, 5});
    some.windows = {0, 3, 15};
    const AttentionMaps three = attention_maps(reader, some, &threshold);
    // Three windows of both heads, then two: the other layer has four.
    REQUIRE(three.maps.size() == 10);
    CHECK(three.notes.back() == "layer 1 has 4 windows");
    CHECK(three.maps[0].level == maps.maps[0].level);
    CHECK(three.maps[1].level != three.maps[0].level);
    CHECK(three.maps[1].window == 3);
    const std::string page = attention_page(three, "9.9");
    CHECK_THAT(page, Contains("<b>layer 0, head 5, window 15 of 16</b>") &&
                         Contains("<b>layer 1, head 0, window 3 of 4</b>"));
    // All windows of a head keep together what a run keeps.
    some.layers = {1};
    some.heads = {2};
    some.windows = {0, 1, 2, 3};
    Settings sprint = scheme_settings("sprint");
    sprint.overlay_assignment("metrics.level=counts");
    ReplayTrace trace(directory.file("t.h5"));
    const Result run = replay(trace, sprint);
    std::int64_t kept = 0, pairs = 0;
    for (const AttentionMap& map : attention_maps(reader, some, &sprint).maps) {
        kept += map.decisions->kept;
        pairs += map.pairs;
    }
    const auto head = std::find_if(run.heads.begin(), run.heads.end(), [](const HeadSummary& h) {
        return h.report.layer == 1 && h.report.head == 2;
    });
    REQUIRE(head != run.heads.end());
    CHECK(head->report.kept_pairs == kept);
    CHECK(head->report.decisions.valid == pairs);
}

TEST_CASE("a page holds everything and asks for nothing", "[unit]") {
    const TraceReader reader(kDigits);
    const Settings sprint = scheme_settings("sprint");
    const AttentionMaps maps = attention_maps(reader, spec_of({0, 2}, {0, 1}), &sprint);
    const std::string page = attention_page(maps, "9.9");
    for (const char* word : {"http:", "https:", "src=", "@import", "url(", "{{", "left out"})
        CHECK_THAT(page, !Contains(word));
    for (const char* word : {"map-3", "layer 2, head 1", "value=\"decisions\"", "falsely pruned",
                             "scheme sprint", "attohm 9.9"})
        CHECK_THAT(page, Contains(word));
    const std::size_t begin = page.find("data-map=\"map-0\">") + 17;
    const auto json =
        nlohmann::json::parse(page.substr(begin, page.find("</script", begin) - begin));
    CHECK(json.at("level") == base64(maps.maps[0].level));
    CHECK(json.at("rows") == maps.maps[0].rows);
    const AttentionMaps bare = attention_maps(reader, spec_of({0}, {1}), nullptr);
    CHECK_THAT(attention_page(bare, "9.9"), !Contains("value=\"kept\""));
}

TEST_CASE("base64 of the standard's test vectors", "[unit]") {
    const auto of = [](const std::string& text) { return base64({text.begin(), text.end()}); };
    CHECK(of("").empty());
    CHECK(of("f") == "Zg==");
    CHECK(of("fo") == "Zm8=");
    CHECK(of("foo") == "Zm9v");
    CHECK(of("foobar") == "Zm9vYmFy");
}

TEST_CASE("a sample without attention cannot be looked at", "[unit]") {
    const TraceReader reader("workloads/zoo/cora_gcn/cora_gcn.h5");
    CHECK_THROWS_WITH(attention_maps(reader, spec_of({0}, {0}), nullptr),
                      Contains("no attention to look at"));
}
