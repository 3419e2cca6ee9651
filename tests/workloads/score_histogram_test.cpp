#include "workloads/score_histogram.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <numeric>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/small_trace.hpp"
#include "workloads/synth.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

/// All allowed scaled scores of a layer, ascending, and how many are at or above the threshold.
std::pair<std::vector<double>, std::int64_t> plain_scores(const TraceReader& reader, int layer) {
    std::vector<double> scores;
    std::int64_t above = 0;
    for (int s = 0; s < reader.samples(); ++s) {
        const Sample sample = reader.sample(s);
        const AttentionLayer part = reader.layer(sample, layer, false);
        for (int h = 0; h < reader.model().heads; ++h) {
            const AttentionHead head = head_view(part, s, h);
            for (std::size_t i = 0; i < static_cast<std::size_t>(head.valid_q); ++i)
                for (std::size_t j = 0; j < head.n_k(); ++j) {
                    if (!head.allowed(i, j)) continue;
                    double score = 0.0;
                    for (std::size_t c = 0; c < head.d(); ++c)
                        score += static_cast<double>(head.q(i, c) * head.scale) *
                                 static_cast<double>(head.k(j, c));
                    scores.push_back(score);
                    if (score >= static_cast<double>(reader.thresholds()->at(layer, h))) ++above;
                }
        }
    }
    std::sort(scores.begin(), scores.end());
    return {scores, above};
}

}  // namespace

TEST_CASE("histograms agree with all scores sorted", "[property]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("trace.h5");
    for (const bool causal : {false, true}) {
        SynthSpec spec;
        spec.layers = 2;
        spec.heads = 4;
        spec.kv_heads = 2;
        spec.tokens = 150;
        spec.head_dim = spec.v_head_dim = 8;
        spec.samples = 2;
        spec.padding = 0.2;
        spec.causal = causal;
        (void)write_synthetic_trace(spec, path);
        const ScoreHistograms all = score_histograms(path);
        const TraceReader reader(path);
        REQUIRE(all.layers.size() == 2);
        for (const ScoreHistogram& layer : all.layers) {
            const auto [scores, above] = plain_scores(reader, layer.layer);
            CHECK(layer.pairs == static_cast<std::int64_t>(scores.size()));
            CHECK(layer.least == Approx(scores.front()).epsilon(1e-4));
            CHECK(layer.most == Approx(scores.back()).epsilon(1e-4));
            CHECK(layer.mean == Approx(std::accumulate(scores.begin(), scores.end(), 0.0) /
                                       static_cast<double>(scores.size()))
                                    .margin(1e-5));
            for (std::size_t i = 0; i < ScoreHistogram::kLevels.size(); ++i) {
                const auto at = static_cast<std::size_t>(ScoreHistogram::kLevels[i] *
                                                         static_cast<double>(scores.size() - 1));
                CHECK(layer.quantiles[i] == Approx(scores[at]).epsilon(0.01).margin(0.01));
            }
            REQUIRE(layer.above_threshold.has_value());
            // A score on the threshold may fall on either side of it.
            CHECK(*layer.above_threshold ==
                  Approx(static_cast<double>(above) / static_cast<double>(scores.size()))
                      .margin(16.0 / static_cast<double>(scores.size())));
            CHECK(std::accumulate(layer.bins.begin(), layer.bins.end(), std::int64_t{0}) ==
                  layer.pairs);
        }
    }
}

TEST_CASE("histograms do not depend on the number of threads", "[property]") {
    const int before = threads();
    std::vector<std::string> texts;
    for (const int count : {1, 2, 5}) {
        set_threads(count);
        texts.push_back(to_json(score_histograms("workloads/zoo/digits_vit/digits_vit.h5")));
    }
    set_threads(before);
    CHECK(texts[0] == texts[1]);
    CHECK(texts[0] == texts[2]);
    const auto json = nlohmann::json::parse(texts[0]);
    CHECK(json.at("layers").size() == 4);
    CHECK(json.at("layers")[0].at("bins").size() == ScoreHistogram::kBins);
}

TEST_CASE("a trace without scores has no histogram", "[unit]") {
    CHECK_THROWS_AS(score_histograms("workloads/zoo/cora_gcn/cora_gcn.h5"), UserError);
    const TemporaryDirectory directory;
    const std::string path = directory.file("trace.h5");
    write_small_trace(path, {.missing = {"/model/thresholds"}});
    const ScoreHistograms all = score_histograms(path);
    CHECK_FALSE(all.layers.at(0).above_threshold.has_value());
    CHECK_THAT(to_text(all), Catch::Contains("histogram") && Catch::Contains(" - "));
}
