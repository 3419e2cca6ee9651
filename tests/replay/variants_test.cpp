#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/replay/digits_replay.hpp"

/// The digits' network fine-tuned for one scheme after the other: each scheme's forward pass here
/// and the framework's, written apart, must be the same function of the same weights.
using namespace attohm;
using namespace attohm::testing;
using Json = nlohmann::ordered_json;

namespace {

const std::string kFolder = "workloads/zoo/digits_variants/";

Result replay_variant(const std::string& scheme, const Json& part) {
    std::vector<std::string> assignments = {"scheme=" + scheme};
    for (const Json& setting : part.at("settings")) assignments.push_back(setting);
    return replay_file(kFolder + part.at("trace").get<std::string>(), assignments);
}

/// Largest difference between the first samples' logits and the report's.
double logit_error(const Result& result, const Json& first) {
    double worst = 0.0;
    for (std::size_t i = 0; i < first.size(); ++i)
        for (std::size_t c = 0; c < first[i].size(); ++c)
            worst = std::max(worst, std::abs(static_cast<double>(result.samples[i].logits.at(c)) -
                                             first[i][c].get<double>()));
    return worst;
}

}  // namespace

TEST_CASE("networks fine-tuned for a scheme reach the accuracy of their report", "[golden]") {
    std::ifstream file(kFolder + "report.json");
    const Json report = Json::parse(file);
    CHECK(report.size() == 5);
    for (const auto& [scheme, part] : report.items()) {
        CAPTURE(scheme);
        const Result result = replay_variant(scheme, part);
        REQUIRE(result.accuracy);
        REQUIRE(static_cast<int>(result.samples.size()) == kDigitsSamples);
        CHECK(result.accuracy->top1.value ==
              Approx(part.at("accuracy").get<double>()).margin(5e-4));
        REQUIRE(part.at("first_logits").size() >= 4);
        CHECK(logit_error(result, part.at("first_logits")) < 1e-3);
        // Fine-tuning repaired what the scheme broke, or there was nothing to repair.
        CHECK(part.at("accuracy").get<double>() > 0.85);
    }
}
