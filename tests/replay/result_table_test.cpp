#include "src/replay/result_table.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <regex>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "src/replay/result_csv.hpp"
#include "src/replay/text_table.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/result_example.hpp"
#include "tests/replay/result_members.hpp"

using namespace attohm;
using namespace attohm::test;
using attohm::testing::TemporaryDirectory;
using Catch::Contains;

namespace {

/// Lines of a text with runs of blanks made one.
std::string squeezed(const std::string& text) {
    return std::regex_replace(text, std::regex(" +"), " ");
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

/// The cell of `column` in line `line` of a CSV without quotes.
std::string cell(const std::string& text, const std::string& column, std::size_t line) {
    const auto split = [](const std::string& row) {
        std::vector<std::string> cells;
        std::size_t begin = 0;
        for (std::size_t comma = 0; comma != std::string::npos; begin = comma + 1) {
            comma = row.find(',', begin);
            cells.push_back(row.substr(begin, comma - begin));
        }
        return cells;
    };
    const std::vector<std::string> lines = lines_of(text);
    const std::vector<std::string> names = split(lines.at(0));
    const auto found = std::find(names.begin(), names.end(), column);
    if (found == names.end()) return "no column " + column;
    return split(lines.at(line)).at(static_cast<std::size_t>(found - names.begin()));
}

}  // namespace

TEST_CASE("Numbers carry an SI prefix and three digits", "[unit]") {
    CHECK(engineering_text(1.234e-5, "J") == "12.3 uJ");
    CHECK(engineering_text(9.999e-7, "J") == "1.00 uJ");
    CHECK(engineering_text(999.4, "B") == "999 B");
    CHECK(engineering_text(999.6, "B") == "1.00 kB");
    CHECK(engineering_text(99.96, "B") == "100 B");
    CHECK(engineering_text(-2.5e-9, "s") == "-2.50 ns");
    CHECK(engineering_text(0.0, "J") == "0 J");
    CHECK(engineering_text(1e-21, "J") == "0.00 aJ");
    CHECK(engineering_text(std::numeric_limits<double>::quiet_NaN(), "J") == "unknown");
    CHECK(number_text(std::numeric_limits<double>::infinity()) == "unbounded");
    CHECK(number_text(0.012345) == "0.0123");
    CHECK(decimal_text(std::numeric_limits<double>::quiet_NaN(), 3) == "-");
}

TEST_CASE("Columns are aligned and lists wrapped", "[unit]") {
    TextTable table;
    table.row({"a", "12", "x"});
    table.row({"long", "3"});
    CHECK(table.text() == "  a     12  x\n  long   3\n");
    CHECK(wrapped_list({"aaa", "bbb", "ccc"}, 2, 11) == "  aaa, bbb,\n  ccc\n");
    CHECK(wrapped_list({}, 2).empty());
}

TEST_CASE("The table on a terminal says every number with unit and scope", "[unit]") {
    const std::string text = squeezed(result_table(example_result()));
    for (const char* line :
         {"sprint on digits_vit: closed loop, 4 samples, seed 7, chip 0 (attohm 0.1.0)",
          "threshold.margin = 0.25",
          "top-1 0.7500 [0.2500, 1.0000]",
          "difference, paired -0.2500 [-0.7500, 0.0000]",
          "agreement with exact 0.7500",
          "logit rms error 0.5",
          "total: hardware against threshold 0.102 (82) 0.01 (32)",
          "analog: hardware against threshold-q 0.1 (100) 0.02 (60)",
          "expected total over read draws 0.107 (86)",
          "kept 0.26 of the valid pairs (threshold 0.2, comparators 0.24)",
          "rows left empty 0.1, top-1 key lost 0.02, softmax mass dropped 0.05 per row",
          "layer kept fp total fk total empty rows top-1 lost mass dropped rms to exact",
          "1 0.26 0.105 0.01 0.1 0.02 0.05 0.158 0.05",
          "against exact: relative rms 0.141, mean cosine 0.98; worst head: layer 1 head 1 with "
          "0.173",
          "! outputs beyond the sense full scale 120 0.03 of the valid pairs",
          " K MSBs sensed as another level than written 8 0.005 of the elements of k",
          "Machine sprint-s, per inference, attention of all layers and heads (area 0.944 mm2)",
          "latency 10.0 us 30.0 us",
          "latency without writes 5.00 us 25.0 us",
          "busy: qk_pu 2.00 us 9.00 us",
          "K/V buffer hits, tokens 17 0",
          "sprint-s, paper prices",
          "reram_write 1.00 uJ 1.00 uJ",
          "locality_engine unknown -",
          "total 2.00 uJ 6.00 uJ",
          "total without writes 1.00 uJ 5.00 uJ",
          "writes of Q, K and V take 0.5 of the energy of sprint",
          "gain of sprint over paper energy range physics energy range speedup",
          "dense, with writes 3x [0, 3] 3x [0, 3] 3x",
          "dense, without writes 5x [0, 5] 5x [0, 5] 5x",
          "Assumed numbers of the experiment (1)\n sense.v_fs_V",
          "Assumed numbers of sprint-s (1)\n memory.channels",
          "Note: thresholds calibrated, not learned"}) {
        INFO(text);
        CHECK_THAT(text, Contains(line));
    }
}

TEST_CASE("The table leaves out what was not measured", "[unit]") {
    Result result = example_result();
    result.accuracy.reset();
    result.machines.clear();
    for (HeadSummary& head : result.heads) {
        head.report.eye = ScoreEye();
        head.to_exact.reset();
    }
    std::string text = result_table(result);
    CHECK_THAT(text, !Contains("Accuracy") && !Contains("Machine") && !Contains("against exact:"));
    CHECK_THAT(text, Contains("metrics.level full") && !Contains("mass dropped"));
    result.heads.clear();
    text = result_table(result);
    CHECK_THAT(text, !Contains("Decisions") && !Contains("By layer"));
    CHECK(!result_table(full_result()).empty());
}

TEST_CASE("CSV files hold one tidy table each", "[unit]") {
    const TemporaryDirectory directory;
    std::vector<Result> results(2, example_result());
    for (Result& result : results)
        result.machines[0].plans[0].traffic.push_back({"partial_output", 8.0, 8.0, 256, 256});
    results[1].seed = 8;
    results[1].axes = {{"bits.k", "5"}};
    results[1].accuracy.reset();
    HeadReport& second = results[0].heads[1].report;
    second.events.rows_output = 1;  // read by an array
    second.columns.false_prune[3] = 17;
    second.decision_times[1 + 8] = 5;  // from 10 ps on
    second.adc_code_first = -7;
    second.adc_code_last = 7;
    second.adc_codes[2] = 11;
    const std::vector<std::string> paths = write_csv(directory.file("deep/csv"), results);
    CHECK(paths.size() == 15);
    const auto content = [&](const char* name) {
        return read_text_file(directory.file(std::string("deep/csv/") + name));
    };
    const std::string summary = content("summary.csv");
    CHECK(lines_of(summary).size() == 3);
    CHECK(cell(summary, "threshold.margin", 1) == "0.25");
    CHECK(cell(summary, "threshold.margin", 2).empty());
    CHECK(cell(summary, "bits.k", 2) == "5");
    CHECK(cell(summary, "seed", 2) == "8");
    CHECK(cell(summary, "top1_value", 1) == "0.75");
    CHECK(cell(summary, "top1_value", 2).empty());
    CHECK(cell(summary, "fp_total_rate", 1) == "0.1025");
    CHECK(std::stod(cell(summary, "energy_pJ", 1)) == Approx(2e6));
    CHECK(std::stod(cell(summary, "latency_ns", 1)) == Approx(1e4));

    const std::string heads = content("heads.csv");
    CHECK(lines_of(heads).size() == 9);
    CHECK(cell(heads, "fp_total", 4) == "21");
    CHECK(std::stod(cell(heads, "to_exact_relative_rms", 4)) == Approx(std::sqrt(0.03)));
    const std::string eye = content("eye.csv");
    CHECK(lines_of(eye).size() == 1 + 2 * 4 * 80);
    CHECK(cell(eye, "kept", 41) == "240");
    CHECK(std::abs(std::stod(cell(eye, "margin_low_sigma", 41))) < 1e-12);
    // One of the two was read by an array, and has comparators that take time.
    const std::string columns = content("columns.csv");
    CHECK(lines_of(columns).size() == 1 + 4 * 32);
    CHECK(cell(columns, "false_prune", 32 + 4) == "17");
    CHECK(std::stod(cell(columns, "place_low", 32 + 4)) == Approx(3.0 / 32));
    const std::string times = content("decision_times.csv");
    CHECK(lines_of(times).size() == 2);
    CHECK(cell(times, "decisions", 1) == "5");
    CHECK(std::stod(cell(times, "time_low_ns", 1)) == Approx(0.01));
    // 15 codes, a row each.
    const std::string codes = content("adc_codes.csv");
    CHECK(lines_of(codes).size() == 1 + 15);
    CHECK(cell(codes, "code_first", 3) == "-5");
    CHECK(cell(codes, "code_last", 3) == "-5");
    CHECK(cell(codes, "conversions", 3) == "11");
    CHECK(lines_of(content("samples.csv")).size() == 9);
    const std::string gains = content("gains.csv");
    CHECK(lines_of(gains).size() == 1 + 2 * 2 * 2);
    CHECK(std::stod(cell(gains, "energy_gain", 1)) == Approx(3.0));
    CHECK(cell(gains, "with_writes", 2) == "0");
    CHECK(lines_of(content("ledger.csv")).size() == 1 + 2 * 2 * 5);
    CHECK_THAT(content("ledger.csv"), Contains(",\"a paper, its table\",cited,"));
    CHECK(lines_of(content("plans.csv")).size() == 1 + 2 * 2 * 2);
    // Plans move different tensors.
    CHECK(lines_of(content("plan_traffic.csv")).size() == 1 + 2 * 3);
    CHECK(cell(content("plan_traffic.csv"), "tensor", 2) == "partial_output");
    CHECK(cell(content("plan_resources.csv"), "resource", 1) == "qk_pu");
    CHECK(cell(content("break_even.csv"), "component", 1) == "locality_engine");

    // A file where the directory should be.
    CHECK_THROWS_AS(write_csv(directory.file("deep/csv/summary.csv"), results), UserError);
}
