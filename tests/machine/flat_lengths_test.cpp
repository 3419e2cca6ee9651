#include <fmt/format.h>

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/work/linear_work.hpp"
#include "src/work/op_builder.hpp"
#include "tests/machine/random_work.hpp"

/// One block of FLAT's models from 512 to 65,536 tokens, from shapes alone: a table that
/// `scripts/study_flat` shows for the lengths that nobody computes.
using namespace attohm;

namespace {

constexpr const char* kGolden = "tests/golden/flat_lengths.csv";
constexpr std::int64_t kBatch = 64;

struct Model {
    const char* name;
    int heads;
    int head_dim;
};
constexpr Model kModels[] = {{"bert", 12, 64}, {"trxl", 16, 64}, {"xlm", 16, 128}, {"t5", 8, 64}};

struct Point {
    Model model;
    int tokens;
    MachineOutcome outcome;

    const PlanSummary& plan(std::string_view name, std::string_view scope) const {
        for (const PlanSummary& summary : outcome.plans)
            if (summary.name == name && summary.scope == scope) return summary;
        throw InvariantError("no such plan");
    }
    double cycles(std::string_view name, std::string_view scope) const {
        return static_cast<double>(plan(name, scope).latency_cycles);
    }
    /// The unfused baseline over FLAT, both with the best mapping.
    double gain(std::string_view scope) const {
        return cycles("unfused", scope) / cycles("flat", scope);
    }
    double dram_bytes(std::string_view name) const {
        double bytes = 0.0;
        for (const TrafficTotal& moved : plan(name, "attention").traffic)
            bytes += moved.read_bytes + moved.written_bytes;
        return bytes;
    }
    double utilisation(std::string_view name) const {
        return plan(name, "attention").resource("array")->utilisation.value();
    }
    double ideal_cycles(double lanes) const {
        const double n = tokens;
        return 2.0 * n * n * model.head_dim * model.heads * kBatch / lanes;
    }
};

Point price(const Model& model, int tokens, const std::string& machine) {
    PlanChoice choice{"flat", {"unfused"}, {}};
    choice.options.batch = kBatch;
    const CostEngine engine(load_machines({machine}), choice, {});
    SamplePlanner planner = engine.planner();
    HeadWork work;
    work.shape = test::plain_shape(tokens, model.head_dim);
    work.bits.q = work.bits.k = work.bits.v = 16;
    work.ops = dense_attention_ops(work.shape, 16);
    for (int h = 0; h < model.heads; ++h) {
        work.shape.head = work.shape.kv_head = h;
        planner.consume(work);
    }
    const std::int64_t w = std::int64_t{model.heads} * model.head_dim;
    planner.layer(linear_layer_work(0, block_shapes({w, w, w, w, w, 4 * w, false}, tokens), 16));
    const std::vector<SampleCost> costs = {planner.finish()};
    return {model, tokens, engine.accumulate(costs).front()};
}

const std::vector<int> kLengths = {512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};

std::string machine_file(const std::string& platform, bool charged) {
    return charged ? "flat-" + platform : "scripts/flat/flat-" + platform + "-free.yaml";
}

std::string row(const Point& p, const std::string& platform, bool charged) {
    const double share = p.cycles("unfused", "attention") / p.cycles("unfused", "model");
    std::string text =
        fmt::format("{},{},{},{}", p.model.name, p.tokens, platform, charged ? "charged" : "free");
    for (const char* plan : {"flat", "unfused"}) {
        const PlanSummary& summary = p.plan(plan, "attention");
        text +=
            fmt::format(",{},{},{:.4f},{:.0f}", summary.latency_cycles,
                        summary.layers.front().bottleneck, p.utilisation(plan), p.dram_bytes(plan));
    }
    return text +
           fmt::format(",{:.4f},{:.4f},{:.4f}\n", p.gain("attention"), p.gain("model"), share);
}

}  // namespace

TEST_CASE("FLAT's lengths up to 65,536 tokens price as they did", "[golden]") {
    std::string table =
        "model,tokens,platform,softmax,flat_cycles,flat_bound,flat_utilisation,flat_dram_bytes,"
        "unfused_cycles,unfused_bound,unfused_utilisation,unfused_dram_bytes,gain_attention,"
        "gain_model,attention_share_unfused\n";
    for (const Model& model : kModels)
        for (const char* platform : {"cloud", "edge"})
            for (const bool charged : {true, false})
                for (const int tokens : kLengths)
                    table += row(price(model, tokens, machine_file(platform, charged)), platform,
                                 charged);
    std::ifstream file(kGolden);
    std::stringstream golden;
    golden << file.rdbuf();
    if (golden.str() != table) {
        std::ofstream(std::string(kGolden) + ".new") << table;
        FAIL("golden " << kGolden << " differs; now: " << kGolden << ".new");
    }
    CHECK(golden.str().size() > 100);
}

TEST_CASE("fusing never loses to the searched unfused mapping where rows fit on chip",
          "[property]") {
    for (const Model& model : kModels)
        for (const char* platform : {"cloud", "edge"})
            for (const bool charged : {true, false})
                for (const int tokens : {512, 2048, 4096}) {
                    const Point p = price(model, tokens, machine_file(platform, charged));
                    INFO(model.name << " " << tokens << " " << platform << " " << charged);
                    CHECK(p.gain("attention") >= 1.0);
                    CHECK(p.gain("model") <= p.gain("attention") * (1.0 + 1e-12));
                    // No unit works faster than its peak, no traffic is below q, k, v and out.
                    const double lanes = std::string(platform) == "cloud" ? 65536.0 : 1024.0;
                    CHECK(p.cycles("flat", "attention") >= p.ideal_cycles(lanes));
                    const double once = 4.0 * tokens * model.heads * model.head_dim * 2.0;
                    CHECK(p.dram_bytes("flat") >= once);
                    CHECK(p.dram_bytes("unfused") >= once);
                }
}

TEST_CASE("charging the softmax turns FLAT from bound by array or memory to bound by lanes",
          "[golden]") {
    const Point charged = price(kModels[0], 4096, machine_file("cloud", true));
    const Point free = price(kModels[0], 4096, machine_file("cloud", false));
    CHECK(charged.plan("flat", "attention").layers.front().bottleneck == "vector");
    CHECK(free.plan("flat", "attention").layers.front().bottleneck != "vector");
    CHECK(free.plan("unfused", "attention").layers.front().bottleneck == "memory");
    // Without the softmax's time fusing looks better than it is.
    CHECK(free.gain("attention") > charged.gain("attention"));
}
