#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/base/random.hpp"
#include "src/base/text.hpp"
#include "tests/app/refusal.hpp"

/// `attohm crossbar program` and `attohm crossbar mvm` as a user runs them.
using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr std::size_t kRows = 6, kColumns = 5;

std::vector<double> uniforms(std::size_t count, double low, double high, std::uint64_t id) {
    const Stream stream(20221, Purpose::synth_content, {id});
    std::vector<double> x(count);
    for (std::size_t i = 0; i < count; ++i) x[i] = low + (high - low) * stream.uniform(i);
    return x;
}

void write_file(const std::string& path, const std::function<void(const H5Group&)>& content) {
    H5File file = H5File::create(path);
    content(file.root());
    file.close();
}

void write_matrix(const H5Group& root, const char* name, std::size_t rows, std::size_t columns,
                  const std::vector<double>& values) {
    root.write(name, {rows, columns}, std::span<const double>(values));
}

std::vector<float> floats(const std::string& path, const char* name) {
    const H5File file = H5File::open(path);
    std::vector<float> values(file.root().info(name).elements());
    file.root().read(name, std::span(values));
    return values;
}

std::vector<double> doubles(const std::string& path, const char* name) {
    const H5File file = H5File::open(path);
    std::vector<double> values(file.root().info(name).elements());
    file.root().read(name, std::span(values));
    return values;
}

class MvmBench : public RefusalBench {
  public:
    explicit MvmBench(std::size_t batch = 40)
        : conductance(uniforms(kRows * kColumns, 10e-6, 90e-6, 1)),
          inputs(uniforms(batch * kRows, -0.2, 0.2, 2)),
          batch_(batch) {
        write_case();
    }
    std::string input() const { return file("case.h5"); }
    void write_case(const std::function<void(const H5Group&)>& more = {}) const {
        write_file(input(), [&](const H5Group& root) {
            write_matrix(root, "conductance_S", kRows, kColumns, conductance);
            write_matrix(root, "v_in_V", inputs.size() / kRows, kRows, inputs);
            if (more) more(root);
        });
    }
    std::vector<std::string> mvm(const std::string& out, std::vector<std::string> more = {},
                                 const std::string& card = "ibm-cmo-hfox-2pct") const {
        more.insert(more.begin(), {"crossbar", "mvm", "--input", input(), "-o", out, "--card", card,
                                   "--read-time-ns", "10"});
        return more;
    }
    std::string run(const std::string& name, std::vector<std::string> more = {},
                    const std::string& card = "ibm-cmo-hfox-2pct") const {
        const ProgramRun done = run_attohm(mvm(file(name), std::move(more), card));
        INFO(done.err);
        REQUIRE(done.code == 0);
        return file(name);
    }
    /// sum_r v[b, r] x[r, c]
    double sum(std::size_t b, std::size_t c, const std::vector<double>& x, bool squared) const {
        double total = 0.0;
        for (std::size_t r = 0; r < kRows; ++r) {
            const double v = inputs[b * kRows + r], g = x[r * kColumns + c];
            total += squared ? v * v * g * g : v * g;
        }
        return total;
    }
    std::size_t batch() const { return batch_; }

    std::vector<double> conductance, inputs;

  private:
    std::size_t batch_;
};

std::vector<std::string> program(const std::string& input, const std::string& out,
                                 std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"crossbar", "program", "--input", input, "-o", out, "--card",
                               "ibm-cmo-hfox-2pct"});
    return more;
}

}  // namespace

TEST_CASE("mvm gives the product and the sigma of its noise", "[unit]") {
    const MvmBench bench;
    const std::string silent = bench.run("silent.h5", {"--set", "device.read_noise.scale=0"});
    const std::string noisy = bench.run("noisy.h5");
    const auto exact = floats(silent, "i_out_A"), drawn = floats(noisy, "i_out_A");
    const auto none = floats(silent, "noise_sigma_A"), sigma = floats(noisy, "noise_sigma_A");
    for (std::size_t b = 0; b < bench.batch(); ++b) {
        for (std::size_t c = 0; c < kColumns; ++c) {
            const std::size_t i = b * kColumns + c;
            const double mean = bench.sum(b, c, bench.conductance, false);
            CHECK(static_cast<double>(exact[i]) == Approx(mean).margin(2e-11));
            CHECK(none[i] == 0.0F);
            // The card's 0.0034 of every cell's conductance.
            const double s = 0.0034 * std::sqrt(bench.sum(b, c, bench.conductance, true));
            CHECK(static_cast<double>(sigma[i]) == Approx(s).epsilon(1e-5));
            CHECK(std::abs(static_cast<double>(drawn[i]) - mean) < 6.5 * s);
            CHECK(drawn[i] != exact[i]);
        }
    }
    const H5File file = H5File::open(noisy);
    CHECK(file.root().text("card") == "ibm-cmo-hfox-2pct");
    CHECK(file.root().text("path") == "white noise drawn at the output");
    CHECK(file.root().real("read_time_s") == Approx(1e-8));
    double energy = 0.0;
    for (std::size_t b = 0; b < bench.batch(); ++b) {
        for (std::size_t r = 0; r < kRows; ++r) {
            for (std::size_t c = 0; c < kColumns; ++c)
                energy += 1e-8 * std::pow(bench.inputs[b * kRows + r], 2) *
                          bench.conductance[r * kColumns + c];
        }
    }
    CHECK(file.root().real("cell_energy_J") == Approx(energy));
    CHECK_THAT(file.root().read_text("settings"), Catch::Contains("device.card"));
}

TEST_CASE("reads draw by their number, not by how they are batched", "[property]") {
    const MvmBench whole(40);
    MvmBench tail(40);
    tail.inputs.erase(tail.inputs.begin(), tail.inputs.begin() + 15 * kRows);
    tail.write_case();
    const std::string all = whole.run("all.h5");
    const auto one = floats(all, "i_out_A");
    CHECK(read_text_file(all) == read_text_file(whole.run("again.h5", {"--threads", "2"})));
    const auto rest = floats(tail.run("tail.h5", {"--first-read", "15"}), "i_out_A");
    CHECK(std::equal(rest.begin(), rest.end(), one.begin() + 15 * kColumns));
    for (const char* option : {"--seed", "--chip"}) {
        CHECK(floats(whole.run("other.h5", {option, "9"}), "i_out_A") != one);
    }
}

TEST_CASE("mvm through wires of no resistance is mvm", "[unit]") {
    const MvmBench bench;
    const auto ideal = floats(bench.run("ideal.h5"), "i_out_A");
    const auto with_wires = [&](double ohm) {
        bench.write_case([ohm](const H5Group& root) {
            for (const char* name : {"r_row_ohm", "r_col_ohm", "r_driver_ohm", "r_sense_ohm"})
                root.set_real(name, ohm);
        });
    };
    with_wires(0.0);
    CHECK(floats(bench.run("none.h5"), "i_out_A") == ideal);
    with_wires(20.0);
    const std::string wired = bench.run("wired.h5");
    const auto currents = floats(wired, "i_out_A"), sigma = floats(wired, "noise_sigma_A");
    const H5File file = H5File::open(wired);
    CHECK(file.root().real("residual") < 1e-9);
    CHECK(file.root().real("coupling") > 0.0);
    CHECK(file.root().real("coupling") <= 1.0);
    CHECK_THAT(file.root().text("path"), Catch::Contains("first order"));
    // The currents of `solve` are the means.
    const ProgramRun solved = run_attohm(
        {"crossbar", "solve", "--input", bench.input(), "--output", bench.file("solved.h5")});
    INFO(solved.err);
    REQUIRE(solved.code == 0);
    const auto exact = doubles(bench.file("solved.h5"), "i_out_A");
    const auto ideal_sigma = floats(bench.run("again.h5"), "noise_sigma_A");
    REQUIRE(exact.size() == currents.size());
    for (std::size_t i = 0; i < exact.size(); ++i) {
        CHECK(std::abs(static_cast<double>(currents[i]) - exact[i]) <
              6.5 * static_cast<double>(sigma[i]));
    }
    bench.write_case();
    const auto without = floats(bench.run("without.h5"), "noise_sigma_A");
    for (std::size_t i = 0; i < sigma.size(); ++i) {
        CHECK(sigma[i] < without[i]);
        CHECK(sigma[i] > 0.5F * without[i]);
    }
}

TEST_CASE("a card whose noise has memory says how its reads follow each other", "[unit]") {
    const MvmBench bench(8);
    const std::string card = "ibm-cmo-hfox-2pct-1f";
    bench.refuses(bench.mvm(bench.result(), {}, card), {"--read-interval-ns", card});
    bench.refuses(bench.mvm(bench.result(), {"--read-interval-ns", "9"}, card),
                  {"at least the read time, 10 ns"});
    bench.refuses(bench.mvm(bench.result(), {"--read-interval-ns", "20", "--reads", "7"}, card),
                  {"--reads", "at least 8"});
    const std::string slow = bench.run("slow.h5", {"--read-interval-ns", "20"}, card);
    const H5File file = H5File::open(slow);
    CHECK_THAT(file.root().text("path"), Catch::Contains("cell by cell"));
    CHECK(file.root().real("read_interval_s") == Approx(2e-8));
    CHECK(file.root().integer("reads") == 8);
    const auto white =
        floats(bench.run("white.h5", {"--set", "device.slow_noise.scale=0"}, card), "i_out_A");
    CHECK(floats(slow, "i_out_A") != white);
    CHECK(floats(bench.run("again.h5", {"--read-interval-ns", "20", "--threads", "2"}, card),
                 "i_out_A") == floats(slow, "i_out_A"));
}

TEST_CASE("program writes targets and levels", "[unit]") {
    const MvmBench bench;
    const std::string input = bench.file("targets.h5"), out = bench.file("out.h5");
    const std::vector<std::string> silent = {"--set", "device.programming.scale=0"};
    const auto run = [&](const std::vector<std::string>& more) {
        const ProgramRun done = run_attohm(program(input, out, more));
        INFO(done.err);
        REQUIRE(done.code == 0);
        return doubles(out, "conductance_S");
    };
    write_file(input, [&](const H5Group& root) {
        write_matrix(root, "target_S", kRows, kColumns, bench.conductance);
    });
    CHECK(run(silent) == bench.conductance);
    const auto drawn = run({});
    CHECK(drawn != bench.conductance);
    const std::string bytes = read_text_file(out);
    CHECK(run({}) == drawn);
    CHECK(read_text_file(out) == bytes);
    CHECK(run({"--seed", "5"}) != drawn);
    CHECK(run({"--chip", "5"}) != drawn);
    const auto stuck =
        run({"--set", "device.stuck.low_rate=1", "--set", "device.stuck.low_resistance_ohm=20000"});
    for (const double g : stuck) CHECK(g == Approx(50e-6));
    {
        const H5File file = H5File::open(out);
        CHECK(file.root().integer("stuck_low") == static_cast<std::int64_t>(kRows * kColumns));
        CHECK(file.root().integer("clipped") == 0);
        CHECK(file.root().real("pulses_total") == Approx(10.0 * kRows * kColumns));
        CHECK(file.root().real("write_energy_J") > 0.0);
    }
    // Levels 0..4 over the card's 10..90 uS.
    write_file(input, [&](const H5Group& root) {
        const std::vector<std::int32_t> levels = {0, 1, 2, 3, 4, 2};
        root.write("level", {2, 3}, std::span<const std::int32_t>(levels));
        root.dataset("level").set_integer("level_max", 4);
    });
    const auto g = run(silent);
    const std::vector<double> expected = {10e-6, 30e-6, 50e-6, 70e-6, 90e-6, 50e-6};
    REQUIRE(g.size() == expected.size());
    for (std::size_t i = 0; i < g.size(); ++i) CHECK(g[i] == Approx(expected[i]));
}

TEST_CASE("what program writes mvm reads", "[smoke]") {
    const MvmBench bench;
    const std::string input = bench.file("targets.h5");
    write_file(input, [&](const H5Group& root) {
        write_matrix(root, "target_S", kRows, kColumns, bench.conductance);
        write_matrix(root, "v_in_V", bench.batch(), kRows, bench.inputs);
    });
    const std::string out = bench.file("out.h5");
    REQUIRE(run_attohm(program(input, out)).code == 0);
    CHECK(doubles(out, "conductance_S").size() == kRows * kColumns);
    const ProgramRun help = run_attohm({"crossbar", "mvm", "--help"});
    CHECK(help.code == 0);
    CHECK_THAT(help.out, Catch::Contains("--read-time-ns"));
}

TEST_CASE("program refuses targets with their index", "[unit]") {
    const RefusalBench bench;
    const std::string input = bench.file("targets.h5");
    const auto refuses = [&](const std::function<void(const H5Group&)>& content,
                             const std::vector<std::string>& words) {
        write_file(input, content);
        bench.refuses(program(input, bench.result()), words);
    };
    for (const double bad : {5e-6, 95e-6, -20e-6}) {
        refuses(
            [bad](const H5Group& root) {
                write_matrix(root, "target_S", 2, 3, {20e-6, 30e-6, 40e-6, 50e-6, bad, 60e-6});
            },
            {"target_S[1, 1]", "1e-05 to 9e-05 S"});
    }
    refuses(
        [](const H5Group& root) {
            write_matrix(root, "target_S", 1, 2, {20e-6, std::nan("")});
        },
        {"target_S[0, 1]", "finite"});
    refuses(
        [](const H5Group& root) {
            write_matrix(root, "level", 1, 2, {0.0, 4.5});
            root.dataset("level").set_integer("level_max", 4);
        },
        {"level[0, 1]", "4.5", "0 (g_min) to 4 (g_max)"});
    refuses(
        [](const H5Group& root) {
            write_matrix(root, "level", 1, 2, {0.0, 4.5});
        },
        {"level_max"});
    refuses([](const H5Group& root) { root.set_integer("level_max", 4); }, {"target_S", "neither"});
    refuses(
        [](const H5Group& root) {
            root.write("target_S", {3}, std::span<const double>(std::vector<double>(3, 20e-6)));
        },
        {"target_S", "[3]", "two dimensions"});
    write_file(input, [](const H5Group& root) { write_matrix(root, "target_S", 1, 1, {20e-6}); });
    bench.refuses(program(input, bench.result(), {"--set", "bits.k=4"}), {"bits.k", "nothing"});
    bench.refuses(program(input, bench.result(), {"--age-s", "soon"}), {"--age-s", "soon"});
    bench.refuses(program(input, bench.result(), {"--seed", "-1"}), {"seed", "-1"});
    bench.refuses(program(input, input), {"the file that is read"});
    bench.refuses(
        {"crossbar", "program", "--input", input, "-o", bench.result(), "--card", "ideel"},
        {"ideel", "did you mean ideal"});
}

TEST_CASE("mvm refuses arrays and inputs with their index", "[unit]") {
    const MvmBench bench;
    const auto refuses = [](const std::function<void(MvmBench&)>& change,
                            const std::vector<std::string>& words) {
        MvmBench changed;
        change(changed);
        changed.write_case();
        changed.refuses(changed.mvm(changed.result()), words);
    };
    refuses([](MvmBench& b) { b.conductance[2 * kColumns + 3] = -1e-6; },
            {"conductance_S[2, 3]", "-1e-06", "0 S or more"});
    refuses([](MvmBench& b) { b.conductance[1] = std::nan(""); },
            {"conductance_S[0, 1]", "finite"});
    refuses([](MvmBench& b) { b.inputs[kRows] = HUGE_VAL; }, {"v_in_V[1, 0]", "finite"});
    bench.refuses(bench.mvm(bench.result(), {"--read-time-ns", "0"}), {"--read-time-ns"});
    bench.refuses(bench.mvm(bench.result(), {"--first-read", "1.5"}), {"--first-read", "1.5"});
    bench.refuses(bench.mvm(bench.result(), {"--frob"}), {"--frob"});
    bench.refuses(bench.mvm(bench.input()), {"the file that is read"});
    bench.refuses({"crossbar", "mvm", "--input", bench.file("none.h5"), "-o", bench.result(),
                   "--card", "ideal", "--read-time-ns", "10"},
                  {"none.h5", "no such file"});
    write_file(bench.input(), [&](const H5Group& root) {
        write_matrix(root, "conductance_S", kRows, kColumns, bench.conductance);
        write_matrix(root, "v_in_V", 2, 3, std::vector<double>(6, 0.1));
    });
    bench.refuses(bench.mvm(bench.result()), {"v_in_V", "[2, 3]", "[batch, 6]"});
}
