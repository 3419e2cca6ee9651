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
#include "src/replay/token_scores.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/replay/digits_replay.hpp"
#include "tests/workloads/network_file.hpp"
#include "tests/workloads/random_network.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr int kSamples = 24;

Matrix<float> rows(const std::vector<std::vector<float>>& values) {
    Matrix<float> x(values.size(), values.front().size());
    for (std::size_t i = 0; i < x.rows(); ++i) std::copy_n(values[i].data(), x.cols(), x.row(i));
    return x;
}

SampleOutcome with_tokens(int sample, std::int64_t scored, double loss, double loss_exact) {
    SampleOutcome outcome;
    outcome.sample = sample;
    outcome.tokens.emplace();
    outcome.tokens->scored = outcome.tokens->compared = scored;
    outcome.tokens->loss = loss;
    outcome.tokens->loss_exact = loss_exact;
    return outcome;
}

NetworkOptions language(std::uint64_t seed = 5) {
    NetworkOptions options;
    options.family = "llama";
    options.norm = "rmsnorm";
    options.activation = "silu";
    options.gated = true;
    options.rope_theta = 10000.0F;
    options.positions = false;
    options.tokens = true;
    options.causal = true;
    options.pool = "none";
    options.task = "next-token";
    options.seed = seed;
    return options;
}

/// Logits of the twin in double, and the task worked out from them in plain words.
struct Expected {
    Matrix<float> logits;
    double loss = 0.0;
    std::int64_t scored = 0, right = 0;
};

Expected expected_of(const RandomNetwork& net, const Sample& sample) {
    const Matrix<double> logits = reference::forward(
        net.model, *net.weights, reference::embed(*net.weights, sample), {}, sample.valid_len);
    Expected expected;
    expected.logits = Matrix<float>(logits.rows(), logits.cols());
    for (std::size_t e = 0; e < logits.size(); ++e)
        expected.logits.data()[e] = static_cast<float>(logits.data()[e]);
    const auto real =
        sample.valid_len < 0 ? logits.rows() : static_cast<std::size_t>(sample.valid_len);
    for (std::size_t i = 0; i < real; ++i) {
        if (sample.targets[i] < 0) continue;
        double sum = 0.0;
        for (std::size_t c = 0; c < logits.cols(); ++c) sum += std::exp(logits(i, c));
        const auto target = static_cast<std::size_t>(sample.targets[i]);
        expected.loss -= std::log(std::exp(logits(i, target)) / sum);
        expected.right +=
            *std::max_element(logits.row(i), logits.row(i) + logits.cols()) == logits(i, target);
        ++expected.scored;
    }
    return expected;
}

/// A trace of one random language model: samples of several lengths, some targets not scored.
Expected write_language(const std::string& path, const RandomNetwork& net) {
    NetworkFile file(path, net.model, *net.weights);
    file.thresholds({0.1F, 0.1F, 0.1F});
    Expected total;
    for (int i = 0; i < kSamples; ++i) {
        Sample sample = random_network(language(100 + static_cast<std::uint64_t>(i))).sample;
        sample.targets[static_cast<std::size_t>(i % 11)] = -1;
        if (i % 4 == 1) sample.valid_len = 6 + i % 5;
        const Expected one = expected_of(net, sample);
        sample.logits = one.logits;
        total.loss += one.loss;
        total.scored += one.scored;
        total.right += one.right;
        file.sample(sample);
    }
    Sample calibration = random_network(language(99)).sample;
    calibration.calibration = true;
    file.sample(calibration);
    file.finish();
    return total;
}

}  // namespace

TEST_CASE("tokens are scored as by hand", "[unit]") {
    const float ln2 = std::log(2.0F);
    // Probabilities 1/2 1/4 1/4 and 1/4 1/2 1/4; exact: uniform in the second row.
    const Matrix<float> own = rows({{ln2, 0.0F, 0.0F}, {0.0F, ln2, 0.0F}, {9.0F, 0.0F, 0.0F}});
    const Matrix<float> exact = rows({{ln2, 0.0F, 0.0F}, {0.0F, 0.0F, 0.0F}, {0.0F, 0.0F, 9.0F}});
    Sample sample;
    sample.targets = {1, 1, -1};
    const TokenScores scores = score_tokens(sample, own, exact);
    CHECK(scores.scored == 2);
    CHECK(scores.compared == 2);
    CHECK(scores.loss == Approx(std::log(4.0) + std::log(2.0)).epsilon(1e-6));
    CHECK(scores.loss_exact == Approx(std::log(4.0) + std::log(3.0)).epsilon(1e-6));
    CHECK(scores.right == 1);
    CHECK(scores.right_exact == 0);
    CHECK(scores.agreeing == 1);
    // KL(1/3 1/3 1/3 || 1/4 1/2 1/4)
    const double kl = (2.0 * std::log(4.0 / 3.0) + std::log(2.0 / 3.0)) / 3.0;
    CHECK(scores.kl == Approx(kl).epsilon(1e-6));
    CHECK(scores.logit_squared_error == Approx(std::log(2.0) * std::log(2.0) / 3.0).epsilon(1e-6));
    // Without targets every real token is compared and none is scored.
    sample.targets.clear();
    sample.valid_len = 2;
    const TokenScores compared = score_tokens(sample, own, exact);
    CHECK(compared.scored == 0);
    CHECK(compared.compared == 2);
    CHECK(compared.kl == scores.kl);
    sample.targets = {1, 1};
    CHECK_THROWS_AS(score_tokens(sample, own, exact), UserError);
}

TEST_CASE("stored logits are held to the network's over real tokens", "[unit]") {
    const Matrix<float> own = rows({{1.0F, 2.0F}, {3.0F, 4.0F}});
    Sample sample;
    sample.where = "f.h5:/samples/000000";
    CHECK_FALSE(golden_error(sample, "logits", own, {}).has_value());
    const Matrix<float> golden = rows({{1.0F, 2.25F}, {3.0F, 9.0F}});
    CHECK(*golden_error(sample, "logits", own, golden) == 5.0);
    sample.valid_len = 1;
    CHECK(*golden_error(sample, "logits", own, golden) == 0.25);
    CHECK_THROWS_WITH(golden_error(sample, "logits", own, rows({{1.0F, 2.0F}})),
                      Catch::Matchers::Contains("f.h5:/samples/000000/logits"));
}

TEST_CASE("perplexity is that of all tokens and its interval resamples samples", "[unit]") {
    // Two kinds of samples of different length.
    std::vector<SampleOutcome> samples;
    for (int i = 0; i < 40; ++i)
        samples.push_back(i % 2 == 0 ? with_tokens(i, 10, 10.0, 5.0)
                                     : with_tokens(i, 30, 60.0, 30.0));
    const LanguageScore score = make_language(samples, 3);
    CHECK(score.samples == 40);
    CHECK(score.scored == 800);
    CHECK(score.loss.value == Approx(1.75));
    CHECK(score.perplexity.value == Approx(std::exp(1.75)));
    CHECK(score.perplexity_ratio.value == Approx(std::exp(0.875)));
    CHECK(score.perplexity.low == Approx(std::exp(score.loss.low)));
    // Of a resample with m long samples: (10 (40 - m) + 60 m) / (10 (40 - m) + 30 m).
    CHECK(score.loss.low > 1.55);
    CHECK(score.loss.low < 1.72);
    CHECK(score.loss.high > 1.78);
    CHECK(score.loss.high < 1.87);
    // Samples of one kind leave nothing to vary, and one sample says nothing of others.
    const std::vector<SampleOutcome> alike(5, with_tokens(0, 10, 20.0, 20.0));
    CHECK(make_language(alike, 3).loss.low == Approx(2.0));
    CHECK(make_language(alike, 3).perplexity_ratio.high == Approx(1.0));
    const LanguageScore one = make_language({samples.front()}, 3);
    CHECK(one.loss.value == Approx(1.0));
    CHECK(std::isnan(one.perplexity.low));
    CHECK(std::isnan(one.perplexity.high));
}

TEST_CASE("a network without targets has no perplexity but an agreement", "[unit]") {
    SampleOutcome outcome = with_tokens(0, 0, 0.0, 0.0);
    outcome.tokens->compared = 8;
    outcome.tokens->agreeing = 6;
    const LanguageScore score = make_language({outcome, outcome}, 1);
    CHECK(std::isnan(score.perplexity.value));
    CHECK(score.agreement.value == 0.75);
}

TEST_CASE("the exact scheme has the perplexity that the twin's logits give", "[property]") {
    const RandomNetwork net = random_network(language());
    const TemporaryDirectory directory;
    const std::string path = directory.file("language.h5");
    const Expected expected = write_language(path, net);
    const Result exact = replay_file(path, {"scheme=exact"});
    CHECK_FALSE(exact.accuracy.has_value());
    REQUIRE(exact.language.has_value());
    const LanguageScore& score = *exact.language;
    CHECK(score.samples == kSamples);
    CHECK(score.scored == expected.scored);
    CHECK(score.loss.value ==
          Approx(expected.loss / static_cast<double>(expected.scored)).epsilon(1e-5));
    CHECK(score.top1.value * static_cast<double>(score.scored) ==
          Approx(static_cast<double>(expected.right)));
    CHECK(score.perplexity.value == score.perplexity_exact.value);
    CHECK(score.perplexity_ratio.low == 1.0);
    CHECK(score.perplexity_ratio.high == 1.0);
    CHECK(score.agreement.value == 1.0);
    CHECK(score.kl.value == 0.0);
    CHECK(score.logit_rms == 0.0);
    const auto golden = largest_golden_error(exact, &SampleOutcome::golden_error);
    REQUIRE(golden.has_value());
    CHECK(*golden < 1e-4);
    for (const SampleOutcome& sample : exact.samples) CHECK(sample.logits.empty());
    // What a reader sees.
    const std::string text = result_table(exact);
    CHECK_THAT(text, Catch::Matchers::Contains("perplexity of the exact network"));
    CHECK_THAT(text, Catch::Matchers::Contains("logits of the trace"));
}

TEST_CASE("thresholds move perplexity, and any number of threads gives the same bytes",
          "[property]") {
    const RandomNetwork net = random_network(language());
    const TemporaryDirectory directory;
    const std::string path = directory.file("language.h5");
    write_language(path, net);
    const std::vector<std::string> settings{"scheme=threshold"};
    const int before = threads();
    set_threads(1);
    const Result one = replay_file(path, settings);
    set_threads(3);
    const Result three = replay_file(path, settings);
    set_threads(before);
    CHECK(file_bytes(one) == file_bytes(three));
    const LanguageScore& score = one.language.value();
    CHECK(score.kl.value > 0.0);
    CHECK(score.logit_rms > 0.0);
    CHECK(score.perplexity.value != score.perplexity_exact.value);
    CHECK(score.perplexity.value ==
          Approx(score.perplexity_exact.value * score.perplexity_ratio.value));
    CHECK(score.agreement.value < 1.0);
    CHECK(paired_top1_difference(one.samples, one.samples, 1).value == 0.0);
}

TEST_CASE("the character GPT has the perplexity that its training script measured", "[golden]") {
    const std::string folder = "workloads/zoo/char_gpt/";
    const auto report = nlohmann::json::parse(read_text_file(folder + "report.json")).at("trace");
    const Result result =
        replay_file(folder + "char_gpt.h5", {"scheme=threshold", "metrics.level=counts"});
    const LanguageScore& score = result.language.value();
    CHECK(score.scored == report.at("characters"));
    const auto same = [&](const Interval& found, const char* quantity, const char* network) {
        const double measured = report.at(quantity).at(network);
        INFO(quantity << " " << network);
        CHECK(std::abs(found.value - measured) < 5e-4);
        CHECK(found.low < measured);
        CHECK(found.high > measured);
    };
    same(score.perplexity_exact, "perplexity", "dense");
    same(score.perplexity, "perplexity", "hard_thresholds");
    same(score.loss_exact, "nats_per_character", "dense");
    same(score.loss, "nats_per_character", "hard_thresholds");
    same(score.top1_exact, "top1", "dense");
    same(score.top1, "top1", "hard_thresholds");
    CHECK(largest_golden_error(result, &SampleOutcome::golden_error).value() < 1e-3);
    CHECK(largest_golden_error(result, &SampleOutcome::golden_threshold_error).value() < 1e-3);
}

TEST_CASE("few samples are said to be few", "[unit]") {
    const RandomNetwork net = random_network(language());
    const TemporaryDirectory directory;
    const std::string path = directory.file("language.h5");
    write_language(path, net);
    const auto says_few = [&](const std::string& limit) {
        const Result result = replay_file(path, {"scheme=exact", "samples=" + limit});
        return std::any_of(result.notes.begin(), result.notes.end(), [](const std::string& note) {
            return note.find("sample") != std::string::npos &&
                   (note.find("too narrow") != std::string::npos ||
                    note.find("not known") != std::string::npos);
        });
    };
    CHECK(says_few("1"));
    CHECK(says_few("19"));
    CHECK_FALSE(says_few("20"));
}
