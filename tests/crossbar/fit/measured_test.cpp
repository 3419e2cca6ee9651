#include "crossbar/fit/measured.hpp"

#include <catch2/catch.hpp>

#include "src/base/error.hpp"

using namespace attohm;
using namespace attohm::fit;

namespace {

const std::string kHeader = "chip,row,column,target_uS,conductance_uS,age_s\n";

/// The message of the refusal of a file called data.csv.
std::string refusal(const std::string& text) {
    MeasuredData data;
    try {
        data.add_text(text, "data.csv");
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

void check_refused(const std::string& text, const std::vector<std::string>& words) {
    const std::string message = refusal(text);
    INFO(text << "\n-> " << message);
    CHECK_FALSE(message.empty());
    for (const std::string& word : words) CHECK_THAT(message, Catch::Contains(word));
}

}  // namespace

TEST_CASE("a file is known by its columns, in any order", "[unit]") {
    MeasuredData data;
    data.add_text(
        "# a comment\n\nage_s , conductance_uS,target_uS,column,row,chip\r\n"
        "2,11.5,10,3,2,1\r\n# another\n2,12,10,4,2,1\n",
        "anything.txt");
    const MeasuredTable* table = data.find(MeasuredKind::programming);
    REQUIRE(table != nullptr);
    REQUIRE(table->rows() == 2);
    CHECK(cell_of(*table, 0) == CellId{1, 2, 3});
    CHECK(table->column("conductance")[1] == 12.0);
    CHECK(table->place(1, "conductance") == "anything.txt:6, column `conductance_uS`");
    CHECK(data.find(MeasuredKind::reads) == nullptr);
}

TEST_CASE("files of one kind are joined, each row keeps its place", "[unit]") {
    MeasuredData data;
    data.add_text(kHeader + "0,0,0,10,9,1\n", "a.csv");
    data.add_text(kHeader + "0,0,0,10,9,1\n0,0,1,10,9,1\n", "b.csv");
    const MeasuredTable& table = *data.find(MeasuredKind::programming);
    CHECK(table.rows() == 3);
    CHECK(table.place(2, "age") == "b.csv:3, column `age_s`");
    CHECK(table.source() == "a.csv + b.csv, 3 rows");
}

TEST_CASE("units of the same quantity are converted", "[unit]") {
    MeasuredData data;
    data.add_text("chip,row,column,target_mS,conductance_S,age_h\n0,0,0,0.01,1.25e-5,2\n", "a.csv");
    const MeasuredTable& table = *data.find(MeasuredKind::programming);
    CHECK(table.column("target")[0] == Approx(10.0).epsilon(1e-14));
    CHECK(table.column("conductance")[0] == Approx(12.5).epsilon(1e-14));
    CHECK(table.column("age")[0] == Approx(7200.0).epsilon(1e-14));
    MeasuredData other;
    other.add_text("chip,row,column,voltage_mV,current_nA,temperature_C\n0,0,0,-200,-3000,26.85\n",
                   "iv.csv");
    const MeasuredTable& iv = *other.find(MeasuredKind::iv);
    CHECK(iv.column("voltage")[0] == Approx(-0.2));
    CHECK(iv.column("current")[0] == Approx(-3e-6));
    CHECK(iv.column("temperature")[0] == Approx(300.0));
}

TEST_CASE("every fault of a field names file, row and column", "[unit]") {
    const auto row = [](const std::string& text) { return kHeader + "0,0,0,10,9,1\n" + text; };
    check_refused(row("0,0,1,10,,1\n"), {"empty", "data.csv:3, column `conductance_uS`"});
    check_refused(row("0,0,1,10,nan,1\n"),
                  {"finite", "data.csv:3, column `conductance_uS`", "nan"});
    check_refused(row("0,0,1,10,inf,1\n"), {"finite", "data.csv:3, column `conductance_uS`"});
    check_refused(row("0,0,1,10,1e999,1\n"), {"finite", "data.csv:3"});
    check_refused(row("0,0,1,10,9uS,1\n"), {"finite", "data.csv:3", "9uS"});
    check_refused(row("0,0,1,10,-0.1,1\n"), {"negative", "data.csv:3, column `conductance_uS`"});
    check_refused(row("0,0,1,-10,9,1\n"), {"negative", "data.csv:3, column `target_uS`"});
    check_refused(row("0,0,1,10,9,0\n"), {"zero", "data.csv:3, column `age_s`"});
    check_refused(row("0,0,1.0,10,9,1\n"), {"whole number", "data.csv:3, column `column`", "1.0"});
    check_refused(row("0,-1,1,10,9,1\n"), {"whole number", "data.csv:3, column `row`"});
    check_refused(row("0,0,1,10,9\n"), {"data.csv:3", "5 fields", "6 fields"});
    check_refused(row("0,0,1,10,9,1,7\n"), {"data.csv:3", "7 fields", "6 fields"});
    check_refused(
        "chip,row,column,pulse,voltage_V,width_ns,conductance_before_uS,"
        "conductance_after_uS,target_uS,accepted\n0,0,0,1,1.5,50,5,6,7,yes\n",
        {"not a flag", "data.csv:2, column `accepted`", "yes", "0 or 1"});
    check_refused(
        "chip,row,column,pulse,voltage_V,width_ns,conductance_before_uS,"
        "conductance_after_uS\n0,0,0,0,1.5,50,5,6\n",
        {"whole number", "data.csv:2, column `pulse`", "1, 2, 3"});
}

TEST_CASE("columns: wrong quantity, no unit, unknown, twice, missing", "[unit]") {
    const auto with = [](const std::string& column) {
        return "chip,row,column,target_uS," + column + ",age_s\n0,0,0,10,9,1\n";
    };
    check_refused(with("conductance_uA"), {"another quantity", "conductance_uA", "conductance_uS"});
    check_refused(with("conductance_ohm"), {"another quantity", "data.csv:1"});
    check_refused(with("conductance_percent"), {"another quantity", "conductance_percent"});
    check_refused(with("conductance"), {"states no unit", "conductance_mS"});
    check_refused(with("conductance_MS"), {"unknown unit", "conductance_MS"});
    check_refused(with("conductanc_uS"),
                  {"unknown column", "data.csv:1", "did you mean conductance_uS?"});
    check_refused(with("target_mS"), {"there twice", "target_mS"});
    check_refused("chip,row,column,target_uS,age_s\n0,0,0,10,1\n",
                  {"no kind of file", "programming (chip, row, column, target"});
    check_refused(kHeader, {"no measurement", "data.csv"});
    check_refused("# nothing\n", {"no header"});
    check_refused("chip_s,row,column,target_uS,conductance_uS,age_s\n0,0,0,10,9,1\n",
                  {"without a unit has one", "chip_s"});
    check_refused("chip,row,column,target_uS,conductance_uS,age_s,voltage_V\n0,0,0,10,9,1,1\n",
                  {"programming file has no such column", "voltage"});
    MeasuredData data;
    data.add_text(kHeader + "0,0,0,10,9,1\n", "a.csv");
    CHECK_THROWS_WITH(data.add_text("chip,row,column,target_uS,conductance_uS,age_s,read_V\n"
                                    "0,0,0,10,9,1,0.2\n",
                                    "b.csv"),
                      Catch::Contains("different columns") && Catch::Contains("b.csv"));
}

TEST_CASE("templates hold every column with its unit and are read back", "[unit]") {
    const auto templates = measured_templates();
    CHECK(templates.size() == kMeasuredKinds);
    for (const CsvTemplate& file : templates) {
        INFO(file.name);
        // Empty as it is: refused for that alone.
        CHECK_THAT(refusal(file.text), Catch::Contains("no measurement"));
        const std::string header =
            file.text.substr(file.text.rfind('\n', file.text.size() - 2) + 1);
        std::string row;
        for (std::size_t i = 0; i + 1 < header.size(); ++i)
            if (i == 0 || header[i] == ',') row += i == 0 ? "1" : ",1";
        MeasuredData data;
        data.add_text(file.text + row + "\n", file.name);
        CHECK_THAT(file.text, Catch::Contains("# Columns"));
    }
}
