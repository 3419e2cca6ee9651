#include "src/app/circuit_compare.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "circuits/digital_report.hpp"
#include "src/base/text.hpp"
#include "tests/app/program.hpp"
#include "tests/base/temporary_directory.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;
using Catch::EndsWith;
using Catch::StartsWith;

namespace {

std::vector<CircuitComparison> rows_of(const std::string& table) {
    std::vector<CircuitComparison> found;
    for (const CircuitComparison& row : circuit_comparisons())
        if (row.table == table) found.push_back(row);
    return found;
}

const CircuitComparison& row_with(const std::vector<CircuitComparison>& rows,
                                  const std::string& words) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const CircuitComparison& row) {
        return row.item.find(words) != std::string::npos;
    });
    REQUIRE(found != rows.end());
    return *found;
}

/// Whether the committed table is what the tool writes now; what it writes is left beside it.
void check_committed(const std::string& name, const std::string& now) {
    const std::string path = "results/circuits/" + name;
    const std::string committed = std::filesystem::exists(path) ? read_text_file(path) : "";
    if (committed != now) std::ofstream(path + ".new") << now;
    CHECK(committed == now);
}

}  // namespace

TEST_CASE("every cell of the published ADC table is met within a twentieth", "[unit]") {
    const std::vector<CircuitComparison> cells = rows_of("adc-survey-table");
    // Three nodes of five energies and two areas.
    REQUIRE(cells.size() == 21);
    for (const CircuitComparison& cell : cells) {
        CAPTURE(cell.item, cell.condition);
        CHECK(std::abs(cell.ratio() - 1.0) < 0.05);
    }
}

TEST_CASE("the ratios that the tables are about", "[unit]") {
    const auto points = rows_of("adc-point");
    const CircuitComparison& energy = row_with(points, "energy");
    CHECK(energy.reference == Approx(1.5625));
    CHECK(energy.value == Approx(1.93).epsilon(0.01));
    CHECK(row_with(points, "area").ratio() == Approx(5.4).epsilon(0.02));
    const auto comparator = rows_of("comparator");
    CHECK(row_with(comparator, "over one comparator").ratio() == Approx(53.0).epsilon(0.01));
    CHECK(row_with(comparator, "paper says").reference == 30.0);
    CHECK(row_with(comparator, "paper says").value ==
          Approx(row_with(comparator, "over one comparator").ratio()));
    // 10..90 uS in pairs, dG = 10 uS, mean |m| = 4, mean (n/7)^2 = 280 / 15 / 49: by hand.
    const auto mac = rows_of("in-memory-mac");
    const double mean = 0.04 * 10e-9 * (280.0 / 15.0 / 49.0) * (20e-6 + 4 * 10e-6) * 1e12;
    CHECK(row_with(mac, "equally likely").value == Approx(mean).epsilon(1e-9));
    CHECK(row_with(mac, "largest").value == Approx(0.04 * 10e-9 * 100e-6 * 1e12).epsilon(1e-9));
    for (const CircuitComparison& row : mac) CHECK(row.reference == Approx(0.10));
}

TEST_CASE("comparisons carry units and sources on both sides", "[property]") {
    for (const CircuitComparison& row : circuit_comparisons()) {
        CAPTURE(row.table, row.item);
        CHECK_FALSE(row.unit.empty());
        CHECK_FALSE(row.condition.empty());
        CHECK_FALSE(row.source.empty());
        CHECK_FALSE(row.reference_source.empty());
        CHECK(row.value > 0.0);
        CHECK(row.reference > 0.0);
        CHECK(std::isfinite(row.ratio()));
    }
}

TEST_CASE("blocks without a figure say unknown, never 0", "[property]") {
    const std::string csv = analog_block_csv("sprint-s");
    CHECK_THAT(csv, Contains("adc_logic") && Contains("unknown,unknown,unknown,unknown,unknown"));
    CHECK(csv.find(",0,") == std::string::npos);
    CHECK_THAT(csv, Contains("virtual_ground") && Contains("level_sense") &&
                        Contains("sample_hold") && Contains("analog_shift_add"));
}

TEST_CASE("the committed circuit tables are what the tool writes", "[golden]") {
    check_committed("compare.csv", comparison_csv(circuit_comparisons()));
    check_committed("analog_blocks.csv", analog_block_csv("sprint-s"));
    check_committed("digital_fits.csv", digital_fit_csv());
    check_committed("digital_published.csv", digital_published_csv());
}

TEST_CASE("list circuits --compare prints and writes the tables", "[smoke]") {
    const TemporaryDirectory directory;
    const ProgramRun shown = run_attohm({"list", "circuits", "--compare"});
    CHECK(shown.code == 0);
    CHECK_THAT(shown.out, StartsWith(comparison_text(circuit_comparisons())) &&
                              Contains(digital_fit_text()) && EndsWith(digital_published_text()));
    CHECK_THAT(shown.out, Contains("adc-survey-table") && Contains("in-memory-mac"));
    const std::string place = directory.file("tables");
    const ProgramRun written = run_attohm({"list", "circuits", "--compare", "-o", place});
    CHECK(written.code == 0);
    CHECK(read_text_file(place + "/compare.csv") == comparison_csv(circuit_comparisons()));
    CHECK(read_text_file(place + "/analog_blocks.csv") == analog_block_csv("sprint-s"));
    CHECK(read_text_file(place + "/digital_fits.csv") == digital_fit_csv());
    CHECK(read_text_file(place + "/digital_published.csv") == digital_published_csv());
    const ProgramRun wrong = run_attohm({"list", "schemes", "--compare"});
    CHECK(wrong.code == 2);
    CHECK_THAT(wrong.err, Contains("--compare"));
    CHECK(run_attohm({"list", "circuits", "-o", place}).code == 2);
}
