#include <catch2/catch.hpp>

#include "tests/app/refusal.hpp"
#include "tests/workloads/small_trace.hpp"

/// Settings, options, outputs and sweep files that are wrong, through the command line.
using namespace attohm::testing;

namespace {

/// A bench with a sound trace in it.
class InputBench : public RefusalBench {
  public:
    InputBench() { write_small_trace(trace()); }
    std::string trace() const { return file("trace.h5"); }
    void refuses_setting(const std::string& assignment,
                         const std::vector<std::string>& words) const {
        refuses_run(trace(), {"--set", assignment}, words);
    }
    void refuses_config(const std::string& yaml, const std::vector<std::string>& words) const {
        refuses_run(trace(), {"--config", write("experiment.yaml", yaml)}, words);
    }
    void refuses_sweep(const std::string& yaml, const std::vector<std::string>& words) const {
        const std::string sweep = write("sweep.yaml", "trace: trace.h5\n" + yaml);
        refuses({"sweep", sweep, "-o", path()}, words);
    }
};

}  // namespace

TEST_CASE("keys that are unknown, twice there, or read by nobody", "[unit]") {
    const InputBench bench;
    bench.refuses_setting("bits.kk=4",
                          {"--set", "unknown key `bits.kk`", "did you mean `bits.k`?"});
    bench.refuses_setting("bits=4", {"--set", "unknown key `bits`", "bits.k"});
    bench.refuses_setting("threads=2", {"--set", "unknown key `threads`"});
    bench.refuses_config("bits:\n  kk: 4\n", {"experiment.yaml:2:3", "`bits.kk`", "`bits.k`"});
    bench.refuses_config("bits.k: 4\nbits:\n  k: 3\n",
                         {"experiment.yaml:3:3", "duplicate key `bits.k`", "experiment.yaml:1:1"});
    bench.refuses_config("seed: 1\nseed: 1\n", {"experiment.yaml:2:1", "duplicate key `seed`"});
    bench.refuses_run(bench.trace(), {"--scheme", "exact", "--set", "array.rows=128"},
                      {"array.rows", "--set", "nothing in this run reads"});
    bench.refuses_run(bench.trace(),
                      {"--scheme", "threshold-q", "--set", "comparator.noise_sigma_V=0"},
                      {"comparator.noise_sigma_V"});
    bench.refuses_config("scheme: threshold\nbits.k: 3\n", {"bits.k", "experiment.yaml:2:"});
}

TEST_CASE("values that are malformed or out of range", "[unit]") {
    const InputBench bench;
    bench.refuses_setting("bits.k=99", {"bits.k", "`99`", "1 to 8"});
    bench.refuses_setting("bits.k=0", {"bits.k", "`0`", "1 to 8"});
    bench.refuses_setting("bits.q=1", {"bits.q", "`1`", "2 to 8"});
    bench.refuses_setting("bits.k=4.0", {"bits.k", "`4.0`", "whole number"});
    bench.refuses_setting("bits.k=010", {"bits.k", "`010`", "leading zero"});
    bench.refuses_setting("drive.v_read_V=0.2V", {"drive.v_read_V", "`0.2V`", "without a unit"});
    bench.refuses_setting("drive.v_read_V=nan", {"drive.v_read_V", "`nan`", "finite"});
    bench.refuses_setting("drive.v_read_V=0", {"drive.v_read_V", "`0`"});
    bench.refuses_setting("quant.percentile=1.5", {"quant.percentile", "`1.5`", "0.5 to 1"});
    bench.refuses_setting("comparator.offset_sigma_V=-1", {"comparator.offset_sigma_V", "`-1`"});
    bench.refuses_setting("device.read_noise.scale=-1", {"device.read_noise.scale", "`-1`"});
    bench.refuses_setting("device.stuck.low_rate=2", {"device.stuck.low_rate", "`2`"});
    bench.refuses_setting("split.midpoint=maybe", {"split.midpoint", "`maybe`", "true"});
    bench.refuses_setting("empty_row=ones", {"empty_row", "`ones`", "top1-digital"});
    bench.refuses_setting("threshold.source=quantile(2)", {"quantile", "2", "0..1"});
    bench.refuses_setting("threshold.source=quantile", {"threshold.source", "quantile(x)"});
    bench.refuses_setting("threshold.source=median", {"threshold.source", "median"});
    bench.refuses_setting("sense.full_scale=current_A(-1)", {"sense full scale", "-1"});
    bench.refuses_setting("threshold.range=steps(0)", {"threshold DAC", "steps(0)"});
    bench.refuses_setting("drive.mode=twos-complement", {"--set", "bit-serial"});
    bench.refuses_setting("mapping.signs=unit-column", {"--set", "sense.readout: adc"});
    bench.refuses_setting("timing.read_interval_ns=1", {"--set", "1 ns", "10 ns"});
    bench.refuses_run(bench.trace(), {"--set", "sense.readout=adc", "--set", "adc.clock_GHz=1"},
                      {"--set", "adc.clock_GHz", "nothing in this run reads"});
    bench.refuses_run(bench.trace(),
                      {"--set", "sense.readout=adc", "--set", "energy.source.adc=parts"},
                      {"--set", "ideal-uniform", "energy.source.adc: survey"});
    // 8 bits of a ramp: 256 clocks a column behind a read of 10 ns, and nothing in between.
    bench.refuses_run(bench.trace(),
                      {"--set", "sense.readout=adc", "--set", "adc.architecture=ramp", "--set",
                       "timing.read_interval_ns=100", "--set", "adc.columns=2"},
                      {"--set", "100 ns", "522 ns", "512 ns of it conversions", "back-to-back"});
    bench.refuses_run(bench.trace(),
                      {"--set", "sense.readout=adc", "--set", "adc.architecture=sar", "--set",
                       "adc.clock_GHz=2", "--set", "energy.source.adc=parts"},
                      {"--set", "2 GHz", "up to 1 GHz", "survey"});
    bench.refuses_setting("samples=0", {"samples", "`0`"});
    bench.refuses_setting("seed=-1", {"seed", "`-1`"});
    bench.refuses_setting("mode=half", {"mode", "`half`", "closed"});
    bench.refuses_setting("machines=[]", {"machine"});
    bench.refuses_setting("phase=half", {"phase", "`half`", "decode"});
    bench.refuses_setting("phase=decode",
                          {"phase", "one by one", "a trace whose heads are causal"});
    bench.refuses_run(bench.trace(), {"--scheme", "sprint", "--set", "batch=2"}, {"batch"});
    bench.refuses_run(bench.trace(), {"--scheme", "vitality", "--set", "machines=[sprint-s]"},
                      {"sprint-s", "operators", "sprint, dense, mask-only, dense-tiled"});
    bench.refuses_setting("machines=[sprint-s, sprint-s]", {"sprint-s"});
    bench.refuses_run(bench.trace(), {"--set", "split.mode=round"}, {"recompute.k_msb", "round"});
    bench.refuses_run(bench.trace(), {"--set", "split.mode=sign-magnitude", "--set", "bits.k=1"},
                      {"bits.k", "sign-magnitude"});
    bench.refuses_setting("bits.k", {"--set", "`bits.k`", "key=value"});
    bench.refuses_setting("=4", {"--set", "`=4`", "key=value"});
    bench.refuses_setting("bits.k=", {"--set", "bits.k"});
    bench.refuses_setting("bits.k=[1, 2]", {"bits.k"});
    bench.refuses_setting("bits.k={a: 1}", {"bits.k"});
    bench.refuses_setting("always_keep=[1", {"--set", "YAML"});
}

TEST_CASE("models that are not there", "[unit]") {
    const InputBench bench;
    bench.refuses_run(bench.trace(), {"--scheme", "sprnt"},
                      {"scheme", "sprnt", "did you mean sprint"});
    bench.refuses_setting("device.card=ideel", {"device.card", "ideel", "did you mean ideal"});
    bench.refuses_setting("machines=[sprint-x]", {"machine", "sprint-x", "sprint-s"});
    bench.refuses_setting("device.card=" + bench.file("none.yaml"), {"none.yaml", "no such file"});
    bench.refuses_setting("machines=[" + bench.file("none.yaml") + "]",
                          {"none.yaml", "or a machine file"});
    const std::string card = bench.write("card.yaml", "conductance:\n  g_min_uS: 10\n");
    bench.refuses_setting("device.card=" + card, {card});
    const std::string machine = bench.write("machine.yaml", "base: sprint-s\nmachine.cores: 4\n");
    bench.refuses_setting("machines=[" + machine + "]", {"machine.yaml", "machine.cores"});
}

TEST_CASE("experiment files that cannot be read", "[unit]") {
    const InputBench bench;
    bench.refuses_run(bench.trace(), {"--config", bench.file("none.yaml")},
                      {"none.yaml", "no such file"});
    bench.refuses_run(bench.trace(), {"--config", bench.path()}, {bench.path()});
    bench.refuses_config("- a list\n", {"experiment.yaml:1:1", "map"});
    bench.refuses_config("bits: {k: 4\n", {"experiment.yaml:", "not valid YAML"});
    bench.refuses_config("bits.k: &a 4\n", {"experiment.yaml:1:", "anchors"});
    bench.refuses_config("bits.k: 4\n---\nbits.q: 4\n",
                         {"experiment.yaml:", "second YAML document"});
}

TEST_CASE("a result that is there is replaced only when that is asked for", "[unit]") {
    const InputBench bench;
    bench.refuses({"run", bench.trace(), "-o", bench.result()},
                  {bench.result(), "--force", "another file"});
    CHECK(run_attohm({"run", bench.trace(), "-o", bench.result(), "--force"}).code == 0);
    CHECK(run_attohm({"run", bench.trace(), "-o", bench.file("other.h5")}).code == 0);
    CHECK(attohm::read_text_file(bench.result()) == attohm::read_text_file(bench.file("other.h5")));
    // So is another sweep's folder.
    bench.write("sweep.yaml", "trace: trace.h5\naxes: {bits.k: [3, 4]}\n");
    const std::vector<std::string> sweep = {"sweep", bench.file("sweep.yaml"), "-o",
                                            bench.file("out")};
    CHECK(run_attohm(sweep).code == 0);
    CHECK(run_attohm(sweep).code == 0);
    bench.write("sweep.yaml", "trace: trace.h5\naxes: {bits.k: [2, 4]}\n");
    const ProgramRun other = run_attohm(sweep);
    CHECK(other.code == 2);
    CHECK_THAT(other.err, Catch::Contains("out/results.h5: ") &&
                              Catch::Contains("got the results of another sweep") &&
                              Catch::Contains("allowed: --force to replace it, or another"));
    CHECK(
        run_attohm({"sweep", bench.file("sweep.yaml"), "-o", bench.file("out"), "--force"}).code ==
        0);
}

TEST_CASE("outputs that cannot be written", "[unit]") {
    const InputBench bench;
    const auto refuses_output = [&bench](const std::string& output, const std::string& why) {
        bench.refuses({"run", bench.trace(), "-o", output}, {output, why});
    };
    refuses_output(bench.file("none/out.h5"), "No such file or directory");
    refuses_output(bench.result() + "/out.h5", "Not a directory");
    refuses_output(bench.path(), "a directory");
    refuses_output("/dev/null", "not a regular file");
    refuses_output("", "empty path");
    // A trace is an input, whatever it is called.
    refuses_output(bench.trace(), "the file that is read");
    bench.refuses({"run", bench.trace(), "-o", bench.path() + "/./trace.h5"},
                  {"the file that is read"});
    const std::string config = bench.write("experiment.yaml", "bits.k: 4\n");
    bench.refuses({"run", bench.trace(), "-o", config, "--config", config}, {config});
    CHECK(run_attohm({"trace", "check", bench.trace()}).code == 0);
    const std::string sweep = bench.write("sweep.yaml", "trace: trace.h5\n");
    bench.refuses({"sweep", sweep, "-o", bench.result()}, {bench.result(), "directory"});
    bench.refuses({"sweep", sweep, "-o", bench.result() + "/below"}, {bench.result(), "directory"});
    bench.refuses({"trace", "synth", "--tokens", "9", "-o", bench.file("none/t.h5")},
                  {"none/t.h5"});
}

TEST_CASE("a bad output is found before the trace is read", "[unit]") {
    const InputBench bench;
    bench.refuses({"run", bench.file("no-trace.h5"), "-o", bench.file("none/out.h5")},
                  {"none/out.h5"});
}

TEST_CASE("sweep files that are wrong", "[unit]") {
    const InputBench bench;
    bench.refuses_sweep("axis: {bits.k: [4]}\n", {"sweep.yaml:2:1", "did you mean `axes`?"});
    bench.refuses_sweep("parts: [{nome: a}]\n", {"sweep.yaml:2:", "nome", "did you mean `name`?"});
    bench.refuses_sweep("parts: [{name: a}, {name: a}]\n",
                        {"sweep.yaml:2:", "two parts have one name"});
    bench.refuses_sweep("axes: {bits.k: []}\n", {"sweep.yaml:2:", "bits.k", "empty list"});
    bench.refuses_sweep("extend: {key: chip, from: 1, factor: 1, limit: 8}\n",
                        {"sweep.yaml:2:", "does not grow", "factor > 1"});
    bench.refuses_sweep("axes: {bits.k: [4, 99]}\n", {"sweep.yaml:2:", "bits.k", "`99`", "1 to 8"});
    bench.refuses_sweep("axes: {bits.kk: [4]}\n", {"sweep.yaml:2:", "did you mean `bits.k`?"});
    bench.refuses_sweep("set: {scheme: exact, array.rows: 128}\n", {"sweep.yaml:2:", "array.rows"});
    bench.refuses({"sweep", bench.file("none.yaml"), "-o", bench.path()}, {"none.yaml"});
    const std::string sweep = bench.write("lost.yaml", "trace: lost.h5\n");
    bench.refuses({"sweep", sweep, "-o", bench.path()}, {"lost.h5", "no such file"});
}

TEST_CASE("arguments that are wrong", "[unit]") {
    const InputBench bench;
    bench.refuses({}, {"subcommand",
                       "run, sweep, price, report, trace, crossbar, device, machine, verify, list, "
                       "explain"});
    bench.refuses({"rum"}, {"rum", "run, sweep"});
    bench.refuses({"trace", "chekc", "x.h5"}, {"chekc", "info, check, synth"});
    bench.refuses({"run"}, {"TRACE", "attohm run --help"});
    bench.refuses({"run", bench.trace()}, {"--output", "attohm run --help"});
    bench.refuses({"sweep"}, {"SWEEP", "attohm sweep --help"});
    bench.refuses({"list"}, {"KIND"});
    bench.refuses({"list", "things"},
                  {"things", "schemes, devices, models, arrays, machines, circuits"});
    bench.refuses({"explain", "a", "b", "c"}, {"NAME"});
    bench.refuses({"explain", "sprnt"}, {"sprnt", "did you mean sprint?"});
    bench.refuses_run(bench.trace(), {"--frob"}, {"--frob"});
    bench.refuses_run(bench.trace(), {"--threads", "0"}, {"--threads", "0"});
    bench.refuses_run(bench.trace(), {"--threads", "two"}, {"--threads", "two"});
    bench.refuses_run(bench.trace(), {"--seed", "-1"}, {"--seed", "`-1`"});
    bench.refuses_run(bench.trace(), {"--seed", "1e3"}, {"--seed", "`1e3`"});
    bench.refuses_run(bench.trace(), {"--set"}, {"--set"});
    bench.refuses_run(bench.trace(), {bench.trace()}, {"trace.h5"});
}

TEST_CASE("help and version are no mistakes", "[smoke]") {
    for (const char* command :
         {"run", "sweep", "report", "trace", "crossbar", "device", "machine", "list", "explain"}) {
        const ProgramRun help = run_attohm({command, "--help"});
        INFO(command);
        CHECK(help.code == 0);
        CHECK_FALSE(help.out.empty());
        CHECK(help.err.empty());
    }
    CHECK(run_attohm({"--help"}).code == 0);
    CHECK(run_attohm({"--version"}).out.find('.') != std::string::npos);
}
