#include "src/report/fit_report.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/crossbar/fit/synthetic.hpp"

using namespace attohm;
using Json = nlohmann::json;

namespace {

const VegaFiles kNoLibrary{{"var vega;", "var vegaLite;", "var vegaEmbed;"}};

fit::DeviceFit example() {
    fit::MeasuredData data;
    for (const auto& [name, text] : testing::measured_example(1)) data.add_text(text, name);
    fit::FitOptions options;
    options.base = "ibm-cmo-hfox-2pct";
    options.read_V = 0.2;
    options.temperature_K = 300.0;
    return fit::fit_device(data, options);
}

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

std::vector<Figure> figures_of(const fit::DeviceFit& fit) {
    std::vector<Figure> all;
    for (const auto& some : {programming_fit_figures(*fit.programming),
                             reads_fit_figures(*fit.reads), retention_fit_figures(*fit.retention),
                             iv_fit_figures(*fit.iv), pulses_fit_figures(*fit.pulses)})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

}  // namespace

TEST_CASE("every plot of a fit draws fields that its data have", "[unit]") {
    std::set<std::string> ids;
    for (const Figure& figure : figures_of(example())) {
        INFO(figure.id);
        ids.insert(figure.id);
        const Json spec = Json::parse(figure.spec);
        std::set<std::string> drawn, there;
        collect_fields(spec, drawn);
        REQUIRE(spec["data"]["values"].size() > 1);
        for (const Json& row : spec["data"]["values"])
            for (const auto& [key, value] : row.items()) {
                // JSON writes what is not finite as null, which no plot shows.
                CHECK_FALSE(value.is_null());
                there.insert(key);
            }
        for (const std::string& field : drawn) {
            INFO(field);
            CHECK(there.count(field) == 1);
        }
        CHECK_FALSE(figure.caption.empty());
    }
    CHECK(ids == std::set<std::string>{"sigma", "histogram", "paper", "quantiles", "spectrum",
                                       "spectrum-residual", "relaxation", "temperature", "chord",
                                       "steps", "counts"});
}

TEST_CASE("the page of a fit is whole, fetches nothing, and is the same each time", "[unit]") {
    const fit::DeviceFit fit = example();
    const std::string page = fit_report_html(fit, "a <new> card", kNoLibrary);
    for (const char* part :
         {"a &lt;new&gt; card", "Overlap between neighbours", "Stuck cells", "Spectrum as numbers",
          "Random telegraph noise is not fitted", "programming.sigma_uS_coefficients",
          "data-plot=\"programming-paper\"", "var vegaEmbed;", "assumed", "Q-Q"})
        CHECK_THAT(page, Catch::Contains(part));
    for (const char* part : {"http://", "https://", "src=", "@import"})
        CHECK_THAT(page, !Catch::Contains(part));
    CHECK(fit_report_html(example(), "a <new> card", kNoLibrary) == page);
}

TEST_CASE("a fit of one part has a page of that part", "[unit]") {
    fit::MeasuredData data;
    data.add_text(testing::iv_csv({}, 1), "iv.csv");
    fit::FitOptions options;
    options.base = "ibm-cmo-hfox-2pct";
    const fit::DeviceFit fit = fit::fit_device(data, options);
    const std::string page = fit_report_html(fit, "iv only", kNoLibrary);
    CHECK_THAT(page, Catch::Contains("data-plot=\"iv-chord\""));
    CHECK_THAT(page, !Catch::Contains("data-plot=\"programming-sigma\""));
}
