#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/text.hpp"
#include "src/replay/result_io.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/result_members.hpp"

using namespace attohm;
using namespace attohm::test;
using attohm::testing::TemporaryDirectory;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Result round_trip(const Result& result) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("results.h5");
    write_result(path, result);
    const std::vector<Result> read = read_results(path);
    REQUIRE(read.size() == 1);
    return read[0];
}

/// Empty where it may be, NaN and infinite where it may be.
Result sparse_result() {
    Result result = full_result();
    result.notes.clear();
    result.fitted.clear();
    result.axes.clear();
    result.accuracy.reset();
    // As in files of minor version 2.0, which have no tables of tokens.
    result.language.reset();
    for (SampleOutcome& sample : result.samples) {
        sample.tokens.reset();
        sample.golden_error.reset();
        sample.golden_threshold_error.reset();
    }
    result.experiment_yaml = "bits.k: 4\n" + std::string(40000, '#') + "\n";
    for (SampleOutcome& sample : result.samples) sample.logits.clear();
    result.heads[0].to_exact.reset();
    for (HeadSummary& head : result.heads) head.to_threshold.reset();
    MachineOutcome& machine = result.machines[0];
    machine.area.reset();
    machine.assumed.clear();
    machine.plans[0].measured[1].amount = kNaN;
    machine.plans[0].resources[0].utilisation.reset();
    machine.plans[1].layers.clear();
    machine.areas[0].area_m2.reset();
    machine.pricings[0].plans[0].lines[1].unit_energy.reset();
    machine.pricings[0].plans[1].lines.clear();
    machine.pricings[1].gains.clear();
    machine.pricings[0].gains[0].energy.high = kInfinity;
    machine.pricings[0].gains[0].energy.break_even[0].value.reset();
    result.machines[1].pricings.clear();
    result.seed = std::numeric_limits<std::uint64_t>::max();
    return result;
}

/// The message of the UserError that reading the file throws.
std::string read_error(const std::string& path) {
    try {
        read_results(path);
    } catch (const UserError& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("A result comes back as it was written, every member of it", "[unit]") {
    const Result full = full_result();
    CHECK(spelled(round_trip(full)) == spelled(full));
    const Result sparse = sparse_result();
    CHECK(spelled(sparse) != spelled(full));
    CHECK(spelled(round_trip(sparse)) == spelled(sparse));
    const Result empty;
    CHECK(spelled(round_trip(empty)) == spelled(empty));
}

TEST_CASE("The results of a sweep keep their order and their axes", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("results.h5");
    std::vector<Result> results(12, full_result());
    for (std::size_t i = 0; i < results.size(); ++i) {
        results[i].seed = i;
        results[i].axes = {{"threshold.margin", std::to_string(i)}};
    }
    results[3] = sparse_result();
    write_results(path, results, "axes: {threshold.margin: [0, 1]}\n");
    const std::vector<Result> read = read_results(path);
    REQUIRE(read.size() == results.size());
    for (std::size_t i = 0; i < results.size(); ++i) CHECK(spelled(read[i]) == spelled(results[i]));
    CHECK(H5File::open(path).root().read_text("sweep") == "axes: {threshold.margin: [0, 1]}\n");
}

TEST_CASE("The same result gives the same bytes, another one others", "[unit]") {
    const TemporaryDirectory directory;
    Result result = full_result();
    write_result(directory.file("a.h5"), result);
    write_result(directory.file("b.h5"), result);
    result.heads[1].report.decisions.fp_total += 1;
    write_result(directory.file("c.h5"), result);
    const std::string a = read_text_file(directory.file("a.h5"));
    CHECK(a.size() > 1000);
    CHECK(a == read_text_file(directory.file("b.h5")));
    CHECK(a != read_text_file(directory.file("c.h5")));
}

TEST_CASE("Columns in the file say their unit and scope", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("results.h5");
    const Result result = full_result();
    write_result(path, result);
    const H5Group root = H5File::open(path).root();
    CHECK(root.text("format") == "attohm-result");
    CHECK(root.text("schema_version") == "2.2.0");

    // Values at fixed places, read without the tables that wrote them.
    std::vector<std::int64_t> pruned(2);
    root.read("heads/fp_total", std::span<std::int64_t>(pruned));
    CHECK(pruned[1] == result.heads[1].report.decisions.fp_total);
    std::vector<double> energy(2U * 2U * 2U * 2U);
    root.read("ledger/energy_J", std::span<double>(energy));
    CHECK(energy[15] == result.machines[1].pricings[1].plans[1].lines[1].energy.value());
    std::vector<float> logits(4);
    root.read("samples/logits", std::span<float>(logits));
    CHECK(logits[3] == result.samples[1].logits[1]);
    std::vector<std::int64_t> counts(4U * 2U);
    root.read("plan_counts/count", std::span<std::int64_t>(counts));
    CHECK(counts[7] == result.machines[1].plans[1].counts[1].count);
    CHECK(root.read_texts("plan_counts/event")[7] == result.machines[1].plans[1].counts[1].event);

    // Every column of every table is annotated.
    std::size_t columns = 0;
    for (const std::string& name : root.groups()) {
        const H5Group table = root.group(name);
        for (const std::string& column : table.datasets()) {
            INFO(name << "/" << column);
            CHECK(table.dataset(column).has_attribute("unit"));
            CHECK(!table.dataset(column).text("help").empty());
            CHECK(!table.dataset(column).text("scope").empty());
            ++columns;
        }
    }
    CHECK(columns > 80);
    CHECK(root.dataset("ledger/energy_J").text("unit") == "J");
}

TEST_CASE("What is no sound result is refused by name", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("results.h5");
    CHECK_THAT(read_error(path), Catch::Contains("no such file"));

    std::ofstream(path) << "text";
    CHECK_THAT(read_error(path), Catch::Contains("not an HDF5 file"));

    {
        H5File other = H5File::create(directory.file("other.h5"));
        other.root().set_text("format", "attohm-trace");
        other.close();
    }
    CHECK_THAT(read_error(directory.file("other.h5")), Catch::Contains("not a result file"));
    {
        H5File bare = H5File::create(directory.file("bare.h5"));
        bare.close();
    }
    CHECK_THAT(read_error(directory.file("bare.h5")), Catch::Contains("not a result file"));
    {
        H5File later = H5File::create(directory.file("later.h5"));
        later.root().set_text("format", "attohm-result");
        later.root().set_text("schema_version", "3.0.0");
        later.close();
    }
    CHECK_THAT(read_error(directory.file("later.h5")),
               Catch::Contains("unknown version") && Catch::Contains("3.0.0"));
    {
        H5File hollow = H5File::create(directory.file("hollow.h5"));
        hollow.root().set_text("format", "attohm-result");
        hollow.root().set_text("schema_version", "2.0.0");
        hollow.close();
    }
    CHECK_THAT(read_error(directory.file("hollow.h5")), Catch::Contains("missing attribute"));

    // Cut at any place.
    write_result(path, full_result());
    const std::string whole = read_text_file(path);
    for (const std::size_t kept : {whole.size() / 10, whole.size() / 2, whole.size() - 1}) {
        std::ofstream(directory.file("cut.h5"), std::ios::binary) << whole.substr(0, kept);
        INFO(kept << " of " << whole.size() << " bytes");
        CHECK_THAT(read_error(directory.file("cut.h5")), Catch::Contains("truncated or damaged"));
    }
}

TEST_CASE("A write that fails leaves the result that was there", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("results.h5");
    write_result(path, full_result());
    const std::string before = read_text_file(path);
    Result broken = full_result();
    broken.samples[1].logits.clear();
    CHECK_THROWS_AS(write_result(path, broken), InvariantError);
    CHECK(read_text_file(path) == before);
    CHECK(directory.entries() == 1);
    CHECK_THROWS_AS(write_result(directory.file("no/such/place.h5"), broken), UserError);
}
