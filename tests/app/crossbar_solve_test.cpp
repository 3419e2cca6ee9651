#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/base/matrix.hpp"
#include "tests/app/refusal.hpp"

/// `attohm crossbar solve` as a user runs it.
using namespace attohm;
using namespace attohm::testing;

namespace {

/// What a case file holds; a test changes what it is about.
struct CaseFile {
    H5Shape conductance_shape = {3, 2};
    std::vector<double> conductance = {20e-6, 40e-6, 10e-6, 5e-6, 80e-6, 0.0};
    H5Shape input_shape = {2, 3};
    std::vector<double> inputs = {0.2, -0.1, 0.05, 0.0, 0.2, 0.2};
    double row = 5.0, column = 2.0, driver = 100.0, sense = 50.0;
};

void write_case(const std::string& path, const CaseFile& given,
                const std::function<void(const H5Group&)>& more = {}) {
    H5File file = H5File::create(path);
    const H5Group root = file.root();
    root.write("conductance_S", given.conductance_shape,
               std::span<const double>(given.conductance));
    root.write("v_in_V", given.input_shape, std::span<const double>(given.inputs));
    root.set_real("r_row_ohm", given.row);
    root.set_real("r_col_ohm", given.column);
    root.set_real("r_driver_ohm", given.driver);
    root.set_real("r_sense_ohm", given.sense);
    if (more) more(root);
    file.close();
}

class SolveBench : public RefusalBench {
  public:
    SolveBench() { write_case(input(), {}); }
    std::string input() const { return file("case.h5"); }
    std::vector<std::string> command(std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"crossbar", "solve", "--input", input(), "--output", result()});
        return more;
    }
    void refuses_case(const CaseFile& given, const std::vector<std::string>& words,
                      const std::function<void(const H5Group&)>& more = {}) const {
        write_case(input(), given, more);
        refuses(command(), words);
    }
};

std::vector<double> read(const H5Group& root, const char* name, const H5Shape& shape) {
    CHECK(root.info(name).shape == shape);
    std::vector<double> values(shape_elements(shape));
    root.read(name, std::span<double>(values));
    return values;
}

const char* const kSinhCard =
    "conductance: {g_min_uS: 1, g_max_uS: 100, g_floor_uS: 0, g_ceil_uS: none}\n"
    "validity: {conductance_uS: [1, 100], age_s: [1, 10], temperature_K: [290, 310],\n"
    "           read_V: [0, 0.5]}\n"
    "iv: {law: sinh, v_ref_V: 0.2, v0_V: 0.2}\n";

}  // namespace

TEST_CASE("crossbar solve writes currents, transfer and what it was asked", "[smoke]") {
    const SolveBench bench;
    const ProgramRun run = run_attohm(bench.command());
    INFO(run.err);
    REQUIRE(run.code == 0);
    CHECK_THAT(run.out, Catch::Contains("3 rows x 2 columns, 2 inputs"));
    const H5File file = H5File::open(bench.result());
    const H5Group root = file.root();
    const std::vector<double> current = read(root, "i_out_A", {2, 2});
    const std::vector<double> transfer = read(root, "transfer_S", {2, 3});
    const CaseFile given;
    for (std::size_t b = 0; b < 2; ++b) {
        for (std::size_t j = 0; j < 2; ++j) {
            double sum = 0.0, ideal = 0.0;
            for (std::size_t i = 0; i < 3; ++i) {
                sum += transfer[j * 3 + i] * given.inputs[b * 3 + i];
                ideal += given.conductance[i * 2 + j] * given.inputs[b * 3 + i];
            }
            CHECK(current[b * 2 + j] == Approx(sum).epsilon(1e-14));
            // About 160 ohm in series with 10 to 100 kilohm.
            CHECK(current[b * 2 + j] == Approx(ideal).epsilon(0.03));
            CHECK(current[b * 2 + j] != ideal);
        }
    }
    CHECK(root.real("residual") <= 1e-12);
    CHECK(root.real("r_row_ohm") == 5.0);
    CHECK(root.real("r_col_ohm") == 2.0);
    CHECK(root.real("r_driver_ohm") == 100.0);
    CHECK(root.real("r_sense_ohm") == 50.0);
    CHECK(root.text("drive") == "one-side");
    CHECK(root.text("iv") == "linear");
}

TEST_CASE("without resistances crossbar solve is the product", "[unit]") {
    const SolveBench bench;
    CaseFile ideal;
    ideal.row = ideal.column = ideal.driver = ideal.sense = 0.0;
    write_case(bench.input(), ideal);
    REQUIRE(run_attohm(bench.command()).code == 0);
    const H5File file = H5File::open(bench.result());
    const std::vector<double> current = read(file.root(), "i_out_A", {2, 2});
    CHECK(current[0] == Approx(0.2 * 20e-6 - 0.1 * 10e-6 + 0.05 * 80e-6).epsilon(1e-13));
    CHECK(current[1] == Approx(0.2 * 40e-6 - 0.1 * 5e-6).epsilon(1e-13));
    CHECK(current[3] == Approx(0.2 * 5e-6).epsilon(1e-13));
}

TEST_CASE("row and column resistance, and the side of the drive, are told apart", "[property]") {
    const SolveBench bench;
    const auto first_current = [&bench](double row, double column, const char* drive) {
        CaseFile given;
        given.conductance_shape = {1, 2};
        given.conductance = {50e-6, 50e-6};
        given.input_shape = {1, 1};
        given.inputs = {0.2};
        given.row = row;
        given.column = column;
        given.driver = given.sense = 0.0;
        write_case(bench.input(), given,
                   [drive](const H5Group& root) { root.set_text("drive", drive); });
        REQUIRE(run_attohm(bench.command()).code == 0);
        const H5File file = H5File::open(bench.result());
        return read(file.root(), "i_out_A", {1, 2});
    };
    // One row, two columns: a column is one segment to ground, a row two in a line.
    const double g = 50e-6, r = 1000.0;
    const std::vector<double> column = first_current(0.0, r, "one-side");
    CHECK(column[0] == Approx(0.2 / (1.0 / g + r)).epsilon(1e-12));
    CHECK(column[1] == Approx(column[0]).epsilon(1e-12));
    const std::vector<double> row = first_current(r, 0.0, "one-side");
    CHECK(row[1] == Approx(row[0] / (1.0 + r * g)).epsilon(1e-12));
    CHECK(row[0] + row[1] == Approx((0.2 - row[0] / g) / r).epsilon(1e-10));
    const std::vector<double> both = first_current(r, 0.0, "both-sides");
    CHECK(both[1] == Approx(both[0]).epsilon(1e-12));
    CHECK(both[0] > row[0]);
}

TEST_CASE("a card makes the cells non-linear", "[unit]") {
    const SolveBench bench;
    const std::string card = bench.write("cell.yaml", kSinhCard);
    const ProgramRun run = run_attohm(bench.command({"--card", card}));
    INFO(run.err);
    REQUIRE(run.code == 0);
    CHECK_THAT(run.out, Catch::Contains("sinh"));
    const H5File file = H5File::open(bench.result());
    const H5Group root = file.root();
    CHECK_FALSE(root.has_dataset("transfer_S"));
    CHECK(root.text("iv") == "sinh");
    CHECK(root.integer("iterations") > 0);
    CHECK_THAT(root.read_text("card_settings"), Catch::Contains("iv.v0_V: 0.2"));
    // Column 1 of input 1 is one cell of 5 uS at 0.2 V, its v_ref: nearly the linear current.
    const std::vector<double> current = read(root, "i_out_A", {2, 2});
    CHECK(current[3] == Approx(0.2 * 5e-6).epsilon(0.02));
    // Column 0 of input 0 sees voltages below v_ref as well, where a sinh carries less.
    CHECK(current[0] < 0.98 * (0.2 * 20e-6 - 0.1 * 10e-6 + 0.05 * 80e-6));
}

TEST_CASE("crossbar solve exports the circuit", "[unit]") {
    const SolveBench bench;
    REQUIRE(run_attohm(bench.command({"--export-spice", bench.file("case.cir")})).code == 0);
    const std::string netlist = read_text_file(bench.file("case.cir"));
    for (const char* line : {"Rcell_r0_c1 w_r0_c1 b_r0_c1 2499", "Rrow_r2_s1 w_r2_c0 w_r2_c1 5\n",
                             "Rcolumn_c1_s2 b_r2_c1 sense_c1 2\n", "Rsense_c0 sense_c0 out_c0 50\n",
                             "alter Vin_r1 dc = 0.2\n", "set numdgt=16\n"})
        CHECK_THAT(netlist, Catch::Contains(line));
    CHECK_THAT(netlist, !Catch::Contains("Rcell_r2_c1"));
}

TEST_CASE("crossbar cases that are wrong", "[unit]") {
    const SolveBench bench;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto changed = [](auto change) {
        CaseFile given;
        change(given);
        return given;
    };
    bench.refuses_case(changed([](CaseFile& c) { c.conductance[3] = -1e-9; }),
                       {"case.h5:/conductance_S", "[1, 1]", "-1e-09 S"});
    bench.refuses_case(changed([nan](CaseFile& c) { c.conductance[4] = nan; }),
                       {"case.h5:/conductance_S", "[2, 0]", "nan"});
    bench.refuses_case(changed([](CaseFile& c) { c.conductance[0] = 1e12; }),
                       {"case.h5:/conductance_S", "[0, 0]", "0 to 1000000000 S"});
    bench.refuses_case(changed([nan](CaseFile& c) { c.inputs[5] = 1 / nan; }),
                       {"case.h5:/v_in_V", "[1, 2]"});
    bench.refuses_case(changed([](CaseFile& c) {
                           c.input_shape = {3, 2};
                       }),
                       {"case.h5:/v_in_V", "[3, 2]", "[batch, 3]"});
    bench.refuses_case(changed([](CaseFile& c) { c.conductance_shape = {6}; }),
                       {"case.h5:/conductance_S", "[6]"});
    bench.refuses_case(changed([](CaseFile& c) { c.row = -5; }),
                       {"case.h5:/@r_row_ohm", "-5 ohm", "0, or 1e-09"});
    bench.refuses_case(changed([](CaseFile& c) { c.sense = 1e-12; }), {"@r_sense_ohm"});
    bench.refuses_case(changed([nan](CaseFile& c) { c.driver = nan; }), {"@r_driver_ohm"});
    // A megasiemens behind micro-ohms and gigaohms: no digit is left.
    bench.refuses_case(changed([](CaseFile& c) {
                           c.conductance.assign(6, 1e9);
                           c.row = c.column = c.driver = c.sense = 1e15;
                       }),
                       {"singular"});
    bench.refuses_case({}, {"@drive", "left", "one-side, both-sides"},
                       [](const H5Group& root) { root.set_text("drive", "left"); });
    bench.refuses_case({}, {"@r_column_ohm", "unknown attribute", "r_col_ohm"},
                       [](const H5Group& root) { root.set_real("r_column_ohm", 3.0); });
    bench.refuses_case({}, {"@drives", "did you mean `drive`?"},
                       [](const H5Group& root) { root.set_text("drives", "both-sides"); });
}

TEST_CASE("crossbar cases with something missing", "[unit]") {
    const SolveBench bench;
    const auto write = [&bench](const std::function<void(const H5Group&)>& fill) {
        H5File file = H5File::create(bench.input());
        fill(file.root());
        file.close();
    };
    const std::vector<double> one = {1e-5};
    const auto resistances = [](const H5Group& root) {
        for (const char* name : {"r_row_ohm", "r_col_ohm", "r_driver_ohm", "r_sense_ohm"})
            root.set_real(name, 1.0);
    };
    write([&](const H5Group& root) {
        root.write("conductance_S", {1, 1}, std::span<const double>(one));
        resistances(root);
    });
    bench.refuses(bench.command(), {"case.h5", "v_in_V"});
    write([&](const H5Group& root) {
        root.write("v_in_V", {1, 1}, std::span<const double>(one));
        resistances(root);
    });
    bench.refuses(bench.command(), {"case.h5", "conductance_S"});
    // A resistance has no default: 0 has to be said.
    write([&](const H5Group& root) {
        root.write("conductance_S", {1, 1}, std::span<const double>(one));
        root.write("v_in_V", {1, 1}, std::span<const double>(one));
    });
    bench.refuses(bench.command(), {"case.h5", "r_row_ohm"});
    bench.refuses(
        {"crossbar", "solve", "--input", bench.file("none.h5"), "--output", bench.result()},
        {"none.h5", "no such file"});
}

TEST_CASE("crossbar cards and outputs that are wrong", "[unit]") {
    const SolveBench bench;
    const std::string card = bench.write("cell.yaml", kSinhCard);
    bench.refuses(bench.command({"--card", "ideel"}), {"ideel", "did you mean ideal?"});
    bench.refuses(bench.command({"--card", ""}), {"unknown device card"});
    bench.refuses(bench.command({"--export-spice", ""}), {"empty path"});
    bench.refuses(bench.command({"--export-spice", bench.input()}), {"the file that is read"});
    bench.refuses(bench.command({"--export-spice", bench.path() + "/./result.h5"}),
                  {"two outputs have one path"});
    bench.refuses(bench.command({"--card", card, "--export-spice", card}),
                  {"the file that is read"});
    bench.refuses({"crossbar", "solve", "--input", bench.input(), "--output", bench.input()},
                  {"the file that is read"});
    bench.refuses({"crossbar", "solve", "--input", bench.input()}, {"--output"});
    bench.refuses({"crossbar"}, {"subcommand", "solve"});

    CaseFile given;
    given.conductance[2] = 300e-6;
    write_case(bench.input(), given);
    bench.refuses(bench.command({"--card", card}), {"[1, 0]", "300 uS", "1 to 100 uS"});
    given = {};
    given.inputs[4] = -0.7;
    write_case(bench.input(), given);
    bench.refuses(bench.command({"--card", card}), {"[1, 1]", "-0.7 V", "-0.5 to 0.5 V"});

    CaseFile large;
    large.conductance_shape = {129, 128};
    large.conductance.assign(129 * 128, 1e-6);
    large.input_shape = {1, 129};
    large.inputs.assign(129, 0.1);
    write_case(bench.input(), large);
    bench.refuses(bench.command({"--export-spice", bench.file("case.cir")}),
                  {"129 x 128 cells", "at most 16384 cells"});
}
