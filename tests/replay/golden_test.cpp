#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/replay/digits_replay.hpp"

/// Did a number move? Key numbers of the digits, with the tolerance of each: 0 where only integers
/// decide; a few counts where a float score may fall on the other side of its threshold with other
/// BLAS kernels; more where that then propagates through the network.
using namespace attohm;
using namespace attohm::testing;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kGolden = "tests/golden/digits_summary.json";

class Summary {
  public:
    void add(const std::string& name, double value, double tolerance) {
        numbers_[name] = {{"value", value}, {"tolerance", tolerance}};
    }
    void add(const std::string& name, std::int64_t value, std::int64_t tolerance) {
        numbers_[name] = {{"value", value}, {"tolerance", tolerance}};
    }
    void add_close(const std::string& name, double value, double relative) {
        // Two digits are enough of a tolerance, and do not move with the value.
        const double tolerance = std::abs(value) * relative;
        const double unit =
            tolerance > 0.0 ? std::pow(10.0, std::floor(std::log10(tolerance))) : 1.0;
        add(name, value, std::ceil(tolerance / unit) * unit);
    }
    const Json& numbers() const { return numbers_; }

  private:
    Json numbers_;
};

/// Energy and latency of the scheme's plan at the paper's prices.
void add_cost(const std::string& name, const Result& result, Summary& summary) {
    const MachineOutcome& machine = result.machines.at(0);
    const Pricing& paper = machine.pricings.at(0);
    REQUIRE(paper.name == "paper");
    for (std::size_t plan = 0; plan < machine.plans.size(); ++plan) {
        const std::string at = name + "." + machine.plans[plan].name;
        summary.add_close(at + ".energy_J", paper.plans[plan].energy.value(), 1e-3);
        summary.add_close(at + ".latency_s", machine.plans[plan].latency.value(), 1e-3);
    }
}

void add_open(Summary& summary) {
    const Result digital = replay_digits({"mode=open", "scheme=threshold-q"});
    const DecisionTotals quant = total_decisions(digital);
    summary.add("open.valid", quant.counts.valid, 0);
    summary.add("open.threshold.kept", quant.counts.ref_kept, 4);
    summary.add("open.threshold-q.kept", quant.counts.quant_kept, 0);
    summary.add("open.threshold-q.fp_quant", quant.counts.fp_quant, 4);
    summary.add("open.threshold-q.fk_quant", quant.counts.fk_quant, 4);
    summary.add("open.threshold-q.q_clipped", quant.events.q_clipped, 0);
    summary.add("open.threshold-q.k_clipped", quant.events.k_clipped, 0);
    summary.add("open.threshold-q.threshold_clamped", quant.events.threshold_clamped, 0);
    const Result hardware = replay_digits({"mode=open"});
    const DecisionTotals sprint = total_decisions(hardware);
    summary.add("open.sprint.kept", sprint.counts.hw_kept, 4);
    summary.add("open.sprint.fp_total", sprint.counts.fp_total, 4);
    summary.add("open.sprint.fk_total", sprint.counts.fk_total, 4);
    summary.add("open.sprint.fp_analog", sprint.counts.fp_analog, 4);
    summary.add("open.sprint.cells", sprint.events.cells, 0);
    summary.add("open.sprint.level_errors", sprint.events.level_errors, 0);
    summary.add("open.sprint.conductance_floored", sprint.events.conductance_floored, 0);
    summary.add("open.sprint.sense_clipped", sprint.events.sense_clipped, 4);
    summary.add_close("open.sprint.fp_expected", sprint.counts.fp_expected, 1e-5);
    summary.add_close("open.sprint.fk_expected", sprint.counts.fk_expected, 1e-5);
    summary.add_close("open.sprint.mass_dropped", sprint.mass_dropped, 1e-4);
    add_cost("open.sprint-s", hardware, summary);
}

void add_closed(Summary& summary) {
    for (const std::string scheme : {"exact", "threshold", "threshold-q", "sprint"}) {
        const Result result = replay_digits({"scheme=" + scheme});
        const std::string at = "closed." + scheme;
        std::int64_t right = 0;
        for (const SampleOutcome& outcome : result.samples)
            right += outcome.predicted == outcome.label ? 1 : 0;
        summary.add(at + ".samples", static_cast<std::int64_t>(result.samples.size()), 0);
        summary.add(at + ".right", right, 1);
        if (scheme == "exact") continue;
        const DecisionTotals totals = total_decisions(result);
        summary.add_close(at + ".logit_rms", result.accuracy->logit_rms, 1e-2);
        summary.add_close(at + ".kept", static_cast<double>(totals.counts.hw_kept), 1e-4);
        if (scheme == "threshold") continue;
        summary.add_close(at + ".fp_total", static_cast<double>(totals.counts.fp_total), 2e-3);
        summary.add_close(at + ".fk_total", static_cast<double>(totals.counts.fk_total), 2e-3);
        if (scheme == "sprint") add_cost(at + "-s", result, summary);
    }
}

/// Schemes of digital engines on the network as it was trained, and linear attention on the one
/// that was fine-tuned for it.
void add_engines(Summary& summary) {
    const auto add = [&](const std::string& at, const Result& result) {
        std::int64_t right = 0;
        for (const SampleOutcome& outcome : result.samples)
            right += outcome.predicted == outcome.label ? 1 : 0;
        summary.add(at + ".samples", static_cast<std::int64_t>(result.samples.size()), 0);
        summary.add(at + ".right", right, 1);
        summary.add_close(at + ".logit_rms", result.accuracy->logit_rms, 1e-2);
        const auto kept = static_cast<double>(total_decisions(result).kept_pairs);
        if (kept > 0.0) summary.add_close(at + ".kept", kept, 1e-4);
    };
    for (const std::string scheme : {"vitality", "flat", "sanger"})
        add("closed." + scheme, replay_digits({"scheme=" + scheme}));
    add("closed.sanger-2e-2", replay_digits({"scheme=sanger", "sanger.threshold=0.02"}));
    for (const std::string scheme : {"exact", "vitality"})
        add("closed.fine-tuned." + scheme, replay_file(kTaylorDigits, {"scheme=" + scheme}));
}

/// Empty where every number is within its tolerance.
std::string differences(const Json& golden, const Json& now) {
    std::string text;
    for (const auto& [name, number] : now.items())
        if (!golden.contains(name)) text += name + " is new\n";
    for (const auto& [name, number] : golden.items()) {
        if (!now.contains(name)) {
            text += name + " is gone\n";
            continue;
        }
        const double was = number.at("value"), is = now.at(name).at("value");
        const double tolerance = number.at("tolerance");
        if (std::abs(is - was) <= tolerance) continue;
        text += fmt::format("{}: {} -> {} (tolerance {})\n", name, was, is, tolerance);
    }
    return text;
}

}  // namespace

TEST_CASE("the numbers of the digits have not moved", "[golden]") {
    Summary summary;
    add_open(summary);
    add_closed(summary);
    add_engines(summary);
    std::ifstream file(kGolden);
    const Json golden = file ? Json::parse(file) : Json::object();
    const std::string moved = differences(golden, summary.numbers());
    if (!moved.empty()) {
        const std::string fresh = std::string(kGolden) + ".new";
        std::ofstream(fresh) << summary.numbers().dump(2) << '\n';
        FAIL("golden " << kGolden << "\nnow    " << fresh << "\n" << moved);
    }
    CHECK(golden.size() > 40);
}
