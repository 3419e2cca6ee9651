#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.hpp"
#include "src/report/figures.hpp"
#include "src/report/report.hpp"
#include "tests/report/synthetic_results.hpp"

using namespace attohm;
using Json = nlohmann::json;

namespace {

const VegaFiles kNoLibrary{{"var vega;", "var vegaLite;", "var vegaEmbed;"}};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++n;
    return n;
}

/// Specifications by the id of their plot, as the page's script reads them.
std::map<std::string, Json> specs_of(const std::string& page) {
    std::map<std::string, Json> specs;
    const std::string open = "<script type=\"application/json\" data-plot=\"";
    for (std::size_t at = page.find(open); at != std::string::npos; at = page.find(open, at)) {
        at += open.size();
        const std::string id = page.substr(at, page.find('"', at) - at);
        const std::size_t begin = page.find('>', at) + 1;
        const std::size_t end = page.find("</script>", begin);
        specs[id] = Json::parse(page.substr(begin, end - begin));
        at = end;
    }
    return specs;
}

std::set<std::string> names(const std::map<std::string, Json>& specs) {
    std::set<std::string> out;
    for (const auto& [id, spec] : specs) out.insert(id);
    return out;
}

/// Every "field" in the specification.
void collect_fields(const Json& spec, std::set<std::string>& fields) {
    if (spec.is_object()) {
        for (const auto& [key, value] : spec.items()) {
            if (key == "data") continue;
            if (key == "field" && value.is_string()) fields.insert(value);
            collect_fields(value, fields);
        }
    }
    if (spec.is_array())
        for (const Json& item : spec) collect_fields(item, fields);
}

}  // namespace

TEST_CASE("without the plot library the page has all text and data, and a notice for each plot",
          "[unit]") {
    const std::vector<Result> results = test::made_up_sweep();
    const std::string page = report_html(results, kNoLibrary);
    const std::string bare = report_html(results, {{}, "no vega.min.js in here"});
    CHECK(specs_of(bare) == specs_of(page));
    CHECK(count(bare, "Not drawn: the plot library was missing") == specs_of(page).size());
    CHECK_FALSE(contains(page, "Not drawn"));
    CHECK(contains(bare, "scripts/setup"));
    CHECK_FALSE(contains(bare, "vegaEmbed("));
    CHECK(contains(page, "vegaEmbed("));
    for (const char* part : {"Gains over the baselines", "Ledger", "Events", "All 43 settings"})
        CHECK(contains(bare, part));
}

TEST_CASE("the page of a sweep has every section, all data, and nothing from elsewhere", "[unit]") {
    const std::vector<Result> results = test::made_up_sweep();
    const std::string page = report_html(results, kNoLibrary);
    CHECK(names(specs_of(page)) ==
          std::set<std::string>{"t0-accuracy-energy-sprint-s", "t0-along-device.read_noise.scale",
                                "t0-plane-quality", "t0-plane-energy-sprint-s",
                                "t0-energy-sprint-s", "t0-latency-sprint-s", "t0-layers",
                                "t0-margins", "t0-eye", "t0-fidelity"});
    for (const char* part : {"Gains over the baselines", "Ledger", "Events", "All 43 settings",
                             "made up for a test", "var vegaEmbed;", "id-of-made-up-vi"})
        CHECK(contains(page, part));
    // Text of results is escaped; nothing is loaded.
    CHECK(contains(page, "a &lt;usual&gt; read voltage"));
    CHECK_FALSE(contains(page, "http://"));
    CHECK_FALSE(contains(page, "https://"));
    CHECK_FALSE(contains(page, "src="));
    CHECK_FALSE(contains(page, "@import"));
    CHECK_FALSE(contains(page, "url("));
    CHECK_FALSE(contains(page, "<link"));
    CHECK_FALSE(contains(page, "{{"));
    CHECK(report_html(results, kNoLibrary) == page);
}

TEST_CASE("plots hold every setting with its intervals and axes", "[unit]") {
    const std::vector<Result> results = test::made_up_sweep();
    const auto specs = specs_of(report_html(results, kNoLibrary));
    const Json& accuracy = specs.at("t0-accuracy-energy-sprint-s");
    const Json& rows = accuracy["data"]["values"];
    REQUIRE(rows.size() == 43);
    for (const Json& row : rows) {
        CHECK(row["lo"] <= row["q"]);
        CHECK(row["q"] <= row["hi"]);
        CHECK(row["e"] > 0.0);
        CHECK(row.contains("a0"));
        CHECK(row.contains("a2"));
    }
    const Json& points = accuracy["layer"][3]["encoding"];
    CHECK(points["x"]["field"] == "e");
    CHECK(contains(points["x"]["title"], "Energy per inference on sprint-s ("));
    CHECK(points["y"]["title"] == "Top-1 (fraction right)");
    CHECK(points["color"]["field"] == "a1");
    CHECK(points["tooltip"].size() == 7);

    const Json& noise = specs.at("t0-along-device.read_noise.scale");
    CHECK(noise["data"]["values"].size() == 5);
    CHECK(noise["vconcat"][0]["layer"][1]["encoding"]["x"]["scale"]["type"] == "log");
    CHECK(specs.at("t0-plane-quality")["data"]["values"].size() == 40);
}

TEST_CASE("every field that a plot encodes is in its data", "[unit]") {
    const std::vector<Result> results = test::made_up_sweep();
    for (const auto& [id, spec] : specs_of(report_html(results, kNoLibrary))) {
        INFO(id);
        std::set<std::string> there = {"n", "at", "k0"};  // of rules, and calculated
        REQUIRE_FALSE(spec["data"]["values"].empty());
        for (const Json& row : spec["data"]["values"])
            for (const auto& [key, value] : row.items()) there.insert(key);
        std::set<std::string> fields;
        collect_fields(spec, fields);
        REQUIRE_FALSE(fields.empty());
        fields.erase("ehi");  // only where there are several chips
        fields.erase("elo");
        for (const std::string& field : fields) {
            INFO(field);
            CHECK(there.contains(field));
        }
    }
}

TEST_CASE("the eye holds every pair, the offset and one step", "[unit]") {
    const std::vector<Result> results = {test::made_up_result({})};
    const auto specs = specs_of(report_html(results, kNoLibrary));
    const Json& rows = specs.at("t0-eye")["data"]["values"];
    std::map<std::string, double> area;
    int marks = 0;
    for (const Json& row : rows) {
        if (row.contains("k")) area[row["l"]] += row["v"].get<double>() * 0.1;
        if (row.contains("o")) {
            ++marks;
            CHECK(row["o"] == Approx(0.06));
            CHECK(row["no"] == Approx(-0.06));
            CHECK(row["b"] == Approx(0.12));
        }
    }
    CHECK(marks == 4);
    REQUIRE(area.size() == 4);
    for (const auto& [layer, sum] : area) CHECK(sum == Approx(1.0).epsilon(0.01));
}

TEST_CASE("rates by layer are of what the reference keeps and prunes", "[unit]") {
    const std::vector<Result> results = {test::made_up_result({})};
    const auto specs = specs_of(report_html(results, kNoLibrary));
    DecisionTotals layer;
    for (const HeadSummary& head : results[0].heads)
        if (head.report.layer == 2) layer.add(head.report);
    const auto& c = layer.counts;
    const auto kept = static_cast<double>(c.ref_kept);
    int seen = 0;
    for (const Json& row : specs.at("t0-layers")["data"]["values"]) {
        if (row["l"] != 2) continue;
        const bool prune = row["f"].get<std::string>().starts_with("False prune");
        if (row["k"] == "total") {
            ++seen;
            CHECK(row["v"] == Approx(prune ? static_cast<double>(c.fp_total) / kept
                                           : static_cast<double>(c.fk_total) /
                                                 (static_cast<double>(c.valid) - kept)));
        }
        if (row["k"] == "total, expected" && prune) {
            ++seen;
            CHECK(row["v"] == Approx(c.fp_expected / kept));
        }
        if (row["k"] == "analog" && prune) {
            ++seen;
            CHECK(row["v"] ==
                  Approx(static_cast<double>(c.fp_analog) / static_cast<double>(c.quant_kept)));
        }
    }
    CHECK(seen == 4);
}

TEST_CASE("stacked energies add up to the ledger's sum", "[unit]") {
    const std::vector<Result> results = {test::made_up_result({})};
    const auto specs = specs_of(report_html(results, kNoLibrary));
    double drawn[2] = {0.0, 0.0};
    for (const Json& row : specs.at("t0-energy-sprint-s")["data"]["values"])
        if (row["plan"] == "dense" && row["p"] == "paper prices")
            drawn[row["w"] == "with operand writes" ? 0 : 1] += row["e"].get<double>();
    const PricedPlan& dense = results[0].machines[0].pricings[0].plans[1];
    REQUIRE(dense.name == "dense");
    CHECK(drawn[1] / drawn[0] ==
          Approx(dense.energy_without_writes.value() / dense.energy.value()).epsilon(1e-4));
    const std::string unit = specs.at("t0-energy-sprint-s")["spec"]["encoding"]["x"]["title"];
    CHECK(unit == "Energy per inference (\u00b5J)");
    CHECK(drawn[0] == Approx(dense.energy.value() * 1e6).epsilon(1e-4));
}

TEST_CASE("one result leaves out what needs several", "[unit]") {
    const std::vector<Result> results = {test::made_up_result({})};
    const std::string page = report_html(results, kNoLibrary);
    CHECK(names(specs_of(page)) == std::set<std::string>{"t0-energy-sprint-s",
                                                         "t0-latency-sprint-s", "t0-layers",
                                                         "t0-margins", "t0-eye", "t0-fidelity"});
    CHECK_FALSE(contains(page, "settings</summary>"));
    CHECK(contains(page, "Gains over the baselines"));
}

TEST_CASE("a digital reference alone leaves out energy, false prunes and the eye", "[unit]") {
    test::MadeUp m;
    m.scheme = "exact";
    const std::vector<Result> results = {test::made_up_result(m)};
    const std::string page = report_html(results, kNoLibrary);
    CHECK(specs_of(page).empty());
    CHECK_FALSE(contains(page, "Gains over"));
    CHECK_FALSE(contains(page, "<h3>Ledger"));
    CHECK_FALSE(contains(page, "<h3>Events"));
    CHECK(contains(page, "Top-1 over 300 samples"));
}

TEST_CASE("traces have sections of their own, chips make one point of a plot", "[unit]") {
    std::vector<Result> results;
    for (const double noise : {1.0, 4.0})
        for (const std::uint64_t chip : {0, 1}) {
            test::MadeUp m;
            m.noise = noise;
            m.chip = chip;
            m.samples = 40;
            results.push_back(test::made_up_result(m));
        }
    test::MadeUp open;
    open.closed = false;
    open.trace = "made-up-bert";
    results.push_back(test::made_up_result(open));
    const std::string page = report_html(results, kNoLibrary);
    CHECK(count(page, "<h2 ") == 2);
    CHECK(contains(page, "made-up-bert (open loop)"));
    const auto specs = specs_of(page);
    const Json& rows = specs.at("t0-accuracy-energy-sprint-s")["data"]["values"];
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].contains("elo"));
    CHECK(specs.contains("t1-eye"));
}

TEST_CASE("hundreds of results make a small page", "[smoke]") {
    std::vector<Result> results;
    test::MadeUp m;
    const Result one = test::made_up_result(m);
    for (int i = 0; i < 20; ++i)
        for (int j = 0; j < 20; ++j) {
            Result r = one;
            r.axes = {{"device.read_noise.scale", std::to_string(i + 1)},
                      {"threshold.margin", std::to_string(j)}};
            r.experiment_yaml += fmt::format("x: {}.{}\n", i, j);
            results.push_back(std::move(r));
        }
    const std::string page = report_html(results, kNoLibrary);
    CHECK(contains(page, "All 400 settings"));
    CHECK(page.size() < 4'000'000);
}

TEST_CASE("comparing shows how two ledgers differ", "[unit]") {
    test::MadeUp a, b;
    b.k_bits = 6;
    const std::vector<Result> results = {test::made_up_result(a), test::made_up_result(b)};
    const std::string page = report_html(results, kNoLibrary, {true});
    CHECK(contains(page, "Ledgers compared"));
    CHECK(contains(page, "lines differ"));
    CHECK_THROWS_AS(report_html(std::span(results).first(1), kNoLibrary, {true}), UserError);
    const std::vector<Result> twice = {results[0], results[0]};
    CHECK(contains(report_html(twice, kNoLibrary, {true}), "do not differ"));
}

TEST_CASE("plots as files are complete specifications", "[unit]") {
    const std::vector<Result> results = test::made_up_sweep();
    const auto files = report_figures(results);
    REQUIRE(files.size() == 10);
    std::set<std::string> unique;
    for (const FigureFile& file : files) {
        unique.insert(file.name);
        CHECK(file.name.starts_with("made-up-vit-"));
        CHECK(file.name.ends_with(".vl.json"));
        const Json spec = Json::parse(file.content);
        CHECK(contains(spec["$schema"], "vega-lite/v6"));
        CHECK_FALSE(spec["data"]["values"].empty());
    }
    CHECK(unique.size() == files.size());
}
