#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crossbar/array/plain_array.hpp"
#include "crossbar/array/plain_read.hpp"
#include "src/app/commands.hpp"
#include "src/app/crossbar_case.hpp"
#include "src/app/crossbar_solve.hpp"
#include "src/app/file_guard.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/text.hpp"
#include "src/base/version.hpp"
#include "src/replay/experiment.hpp"

namespace attohm {

namespace {

constexpr const char* kFormat = "attohm crossbar";

/// What both commands take.
struct DeviceArguments {
    std::string input, output, card;
    std::vector<std::string> assignments;
    std::optional<std::string> seed, chip;  ///< as text: settings parse them
    std::optional<int> threads;
};

struct ProgramArguments : DeviceArguments {
    std::optional<std::string> age_s;
};

struct MvmArguments : DeviceArguments {
    std::string read_time_ns;
    std::string first_read = "0";
    std::optional<std::string> read_interval_ns, age_s, reads;
};

/// Device and draws of one run, with the settings that made them.
struct Bench {
    Settings settings;
    Device device;
    DrawSite site;
};

Bench bench_of(const DeviceArguments& given) {
    Bench bench{experiment_preset(), {}, {}};
    Settings& settings = bench.settings;
    settings.overlay("device.card", {given.card}, false, "--card");
    if (given.seed) settings.overlay("seed", {*given.seed}, false, "--seed");
    if (given.chip) settings.overlay("chip", {*given.chip}, false, "--chip");
    for (const std::string& assignment : given.assignments) settings.overlay_assignment(assignment);
    bench.device = load_device(settings);
    const Range whole{0.0, 9007199254740992.0};
    bench.site.seed = static_cast<std::uint64_t>(settings.integer("seed", whole));
    bench.site.chip = static_cast<std::uint64_t>(settings.integer("chip", whole));
    settings.require_all_read();
    return bench;
}

/// A number on the command line, parsed whole.
double number(const std::string& text, const char* option, Range range) {
    const auto value = parse_real(text);
    if (value && *value >= range.low && *value <= range.high) return *value;
    throw UserError(fmt::format("`{}` takes a number", option), option, text,
                    fmt::format("{:g} to {:g}", range.low, range.high));
}

/// Everything a result says about how it came about.
void describe(const H5Group& root, const char* command, const Bench& bench) {
    root.set_text("format", kFormat);
    root.set_text("command", command);
    root.set_text("version", version());
    root.set_text("card", bench.device.card);
    root.write_text("settings", bench.settings.resolved_yaml(true) + user_files(bench.settings));
}

// -- program --------------------------------------------------------------------------------------

/// Targets in siemens: given as such, or as levels.
Matrix<double> read_targets(const H5Group& root, const Device& device) {
    if (root.has_dataset("target_S") == root.has_dataset("level"))
        throw UserError("no array of targets, or two", root.where(),
                        root.has_dataset("level") ? "target_S and level" : "neither",
                        "target_S[rows, cols], or level[rows, cols] with attribute level_max");
    if (root.has_dataset("target_S")) return read_matrix(root, "target_S");
    Matrix<double> levels = read_matrix(root, "level");
    const H5Group dataset = root.dataset("level");
    const double largest = dataset.real("level_max");
    if (!(largest > 0.0))
        throw UserError("largest level", dataset.where_attribute("level_max"), format_real(largest),
                        "above 0");
    for (std::size_t r = 0; r < levels.rows(); ++r) {
        for (std::size_t c = 0; c < levels.cols(); ++c) {
            double& level = levels(r, c);
            if (level < 0.0 || level > largest)
                throw UserError("level outside the range",
                                fmt::format("{}[{}, {}]", root.where("level"), r, c),
                                format_real(level),
                                fmt::format("0 (g_min) to {} (g_max)", format_real(largest)));
            level = (device.g_min + (device.g_max - device.g_min) * (level / largest)).value();
        }
    }
    return levels;
}

void write_program(const std::string& path, const Bench& bench, const PlainArray& array,
                   std::optional<double> age_s) {
    AtomicFile target(path);
    H5File file = H5File::create(target.temporary_path(), path);
    const H5Group root = file.root();
    describe(root, "program", bench);
    const Matrix<double>& g = array.conductance_S;
    const H5Shape shape{g.rows(), g.cols()};
    root.write("conductance_S", shape, std::span(g.data(), g.size()));
    root.write("stuck", shape, std::span(array.stuck.data(), array.stuck.size()));
    root.dataset("stuck").set_text("values", "0 no, 1 at the low, 2 at the high resistance");
    if (!array.pulses.empty())
        root.write("pulses", shape, std::span(array.pulses.data(), array.pulses.size()));
    root.set_integer("cells", static_cast<std::int64_t>(g.size()));
    root.set_integer("clipped", array.clipped);
    root.set_integer("stuck_low", array.stuck_low);
    root.set_integer("stuck_high", array.stuck_high);
    root.set_real("pulses_total", array.pulses_total);
    root.set_real("write_energy_J", array.write_energy.value());
    root.set_real("write_time_s", array.write_time.value());
    const bool simulated = bench.device.simulates_verify();
    root.set_text("write_cost_source",
                  simulated ? "the simulated verify loop" : "the card's mean number of pulses");
    if (simulated) root.set_integer("verify_failed", array.verify.failed);
    if (age_s) root.set_real("age_s", *age_s);
    root.set_flag("age_clamped", array.age_clamped);
    file.close();
    target.commit();
}

void run_program(const ProgramArguments& given) {
    const Bench bench = bench_of(given);
    refuse_to_replace(given.input, given.output);
    // An output that cannot be written is known before the work, not after.
    { const AtomicFile probe(given.output); }
    const H5File file = H5File::open(given.input);
    const Matrix<double> targets = read_targets(file.root(), bench.device);
    std::optional<double> age_s;
    std::optional<Second> age;
    if (given.age_s) {
        age_s = number(*given.age_s, "--age-s", {0.0, 1e12});
        age = Second::from_value(*age_s);
    }
    const PlainArray array =
        program_plain(targets.view(), bench.device, bench.site, age, file.root().where("target_S"));
    write_program(given.output, bench, array, age_s);
    const auto cells = static_cast<double>(targets.size());
    std::string text = fmt::format(
        "{}\n  cells     {} x {}, card {}\n  clipped   {} draws ({:.4g} of the cells)\n"
        "  stuck     {} low, {} high\n  writing   {:.4g} J, {:.4g} s one cell after the other, "
        "{:.4g} pulses per cell\n",
        given.output, targets.rows(), targets.cols(), bench.device.card, array.clipped,
        static_cast<double>(array.clipped) / cells, array.stuck_low, array.stuck_high,
        array.write_energy.value(), array.write_time.value(), array.pulses_total / cells);
    if (array.clipped > 0 && static_cast<double>(array.clipped) > 0.01 * cells)
        text += "  warning: more than 0.01 of the draws lie outside the card's floor and ceiling\n";
    if (array.age_clamped)
        text += "  warning: younger than the card's measurement; taken at that age\n";
    std::fputs(text.c_str(), stdout);
}

// -- mvm ------------------------------------------------------------------------------------------

/// t_read sum V^2 G over all reads and cells, which see the whole voltage without wires.
double dissipated(const Matrix<double>& conductance, const Matrix<double>& inputs, Second time) {
    double sum = 0.0;
    for (std::size_t r = 0; r < conductance.rows(); ++r) {
        double row_S = 0.0;
        for (std::size_t c = 0; c < conductance.cols(); ++c) row_S += conductance(r, c);
        for (std::size_t b = 0; b < inputs.rows(); ++b) sum += inputs(b, r) * inputs(b, r) * row_S;
    }
    return sum * time.value();
}

/// Conductances, inputs and, where any is named, the resistances of the wires, all of them then.
CrossbarCase read_mvm_case(const std::string& path) {
    const H5File file = H5File::open(path);
    const H5Group root = file.root();
    for (const char* name : {"r_row_ohm", "r_col_ohm", "r_driver_ohm", "r_sense_ohm", "drive"}) {
        if (root.has_attribute(name)) return read_crossbar_case(path);
    }
    CrossbarCase given{path, read_conductance(root), {}, {}};
    given.v_in = read_inputs(root, given.conductance.rows());
    return given;
}

std::string path_text(const PlainReads& reads) {
    std::string text = "white noise drawn at the output";
    if (reads.wired) text += ", first order through the wires";
    if (reads.memory) text += "; slow noise and traps drawn cell by cell";
    return text;
}

void write_mvm(const std::string& path, const Bench& bench, const CrossbarCase& given,
               const PlainReads& reads, const PlainReadSettings& settings) {
    AtomicFile target(path);
    H5File file = H5File::create(target.temporary_path(), path);
    const H5Group root = file.root();
    describe(root, "mvm", bench);
    const H5Shape shape{reads.current_A.rows(), reads.current_A.cols()};
    root.write("i_out_A", shape, std::span(reads.current_A.data(), reads.current_A.size()));
    root.write("noise_sigma_A", shape, std::span(reads.sigma_A.data(), reads.sigma_A.size()));
    root.set_text("path", path_text(reads));
    root.set_real("read_time_s", settings.read_time.value());
    root.set_integer("first_read", static_cast<std::int64_t>(settings.first));
    if (reads.memory) {
        root.set_real("read_interval_s", settings.read_interval->value());
        root.set_real("age_s", settings.age.value());
        root.set_integer("reads", static_cast<std::int64_t>(settings.reads));
    }
    if (reads.wired) {
        root.set_real("residual", reads.residual);
        root.set_real("coupling", reads.coupling);
    } else {
        root.set_real("cell_energy_J",
                      dissipated(given.conductance, given.v_in, settings.read_time));
    }
    file.close();
    target.commit();
}

/// How far first order may be off, for a step of every cell by one standard deviation.
std::string wires_text(const PlainReads& reads) {
    const double step = reads.coupling * reads.largest_step;
    return fmt::format(
        "  wires     residual {:.2e} (max|Y u - b| / max|b|), coupling k {:.3g}; noise to first "
        "order, off by at most {} of it\n",
        reads.residual, reads.coupling,
        step < 1.0 ? fmt::format("{:.2g}", step / (1.0 - step)) : "all");
}

std::uint64_t whole_number(const std::string& text, const char* option) {
    const auto value = parse_integer(text);
    if (value && *value >= 0) return static_cast<std::uint64_t>(*value);
    throw UserError(fmt::format("`{}` takes a whole number", option), option, text, "0 or more");
}

PlainReadSettings read_settings(const MvmArguments& given, const Bench& bench) {
    PlainReadSettings settings;
    const auto ns = [](const std::string& text, const char* option) {
        return Second::from_value(number(text, option, {1e-3, 1e15}) * 1e-9);
    };
    settings.read_time = ns(given.read_time_ns, "--read-time-ns");
    if (given.read_interval_ns)
        settings.read_interval = ns(*given.read_interval_ns, "--read-interval-ns");
    settings.age = bench.device.programming.measured_at;
    if (given.age_s)
        settings.age = Second::from_value(number(*given.age_s, "--age-s", {0.0, 1e12}));
    settings.first = whole_number(given.first_read, "--first-read");
    if (given.reads) settings.reads = whole_number(*given.reads, "--reads");
    settings.site = bench.site;
    return settings;
}

void run_mvm(const MvmArguments& given) {
    if (given.threads) set_threads(*given.threads);
    const Bench bench = bench_of(given);
    refuse_to_replace(given.input, given.output);
    { const AtomicFile probe(given.output); }
    PlainReadSettings settings = read_settings(given, bench);
    const CrossbarCase array = read_mvm_case(given.input);
    settings.wires = array.wires;
    if (!given.reads) settings.reads = settings.first + array.v_in.rows();
    const PlainReads reads =
        read_plain(array.conductance.view(), array.v_in.view(), bench.device, settings);
    write_mvm(given.output, bench, array, reads, settings);
    double most = 0.0;
    for (std::size_t i = 0; i < reads.sigma_A.size(); ++i)
        most = std::max(most, static_cast<double>(reads.sigma_A.data()[i]));
    std::string text = fmt::format(
        "{}\n  reads     {} of {} x {} cells, card {}\n  noise     {}; white sigma up to {:.4g} "
        "A\n",
        given.output, array.v_in.rows(), array.conductance.rows(), array.conductance.cols(),
        bench.device.card, path_text(reads), most);
    if (reads.wired) text += wires_text(reads);
    std::fputs(text.c_str(), stdout);
}

void add_device_options(CLI::App& command, DeviceArguments& given) {
    command.add_option("-o,--output", given.output, "result file (HDF5)")->required();
    command.add_option("--card", given.card, "a name of `attohm list devices`, or a YAML file")
        ->required();
    command.add_option("--set", given.assignments, "device.key=value; may repeat")->take_all();
    command.add_option("--seed", given.seed, "seed of every draw");
    command.add_option("--chip", given.chip, "another chip has other faults and other writes");
}

}  // namespace

void add_crossbar_program_command(CLI::App& crossbar) {
    const auto given = std::make_shared<ProgramArguments>();
    CLI::App* command = crossbar.add_subcommand(
        "program", "Write targets into an array of cells: programming error, faults, age");
    command
        ->add_option("--input", given->input,
                     "target_S[rows, cols], or level[rows, cols] with attribute level_max")
        ->required();
    add_device_options(*command, *given);
    command->add_option("--age-s", given->age_s,
                        "age of the cells [the card's programming.measured_at_s]");
    command->callback([given] { run_program(*given); });
}

void add_crossbar_mvm_command(CLI::App& crossbar) {
    const auto given = std::make_shared<MvmArguments>();
    CLI::App* command = crossbar.add_subcommand(
        "mvm", "Read an array with the card's noise: currents of a batch of inputs");
    command
        ->add_option("--input", given->input,
                     "conductance_S[rows, cols], v_in_V[batch, rows]; wires: attributes as for "
                     "`solve`")
        ->required();
    add_device_options(*command, *given);
    command->add_option("--read-time-ns", given->read_time_ns, "integration time of one read")
        ->required();
    command->add_option("--read-interval-ns", given->read_interval_ns,
                        "from one read to the next; needed where the card has noise with memory");
    command->add_option("--age-s", given->age_s,
                        "age of the cells at the first read of the pass, for noise with memory "
                        "[the card's programming.measured_at_s]");
    command->add_option("--reads", given->reads,
                        "reads of the whole pass, where a batch is a part of it [first + batch]");
    command->add_option("--first-read", given->first_read,
                        "number of the first input among all reads: decides its draws [0]");
    command->add_option("--threads", given->threads, "threads (the result does not depend on it)")
        ->check(CLI::Range(1, 4096));
    command->callback([given] { run_mvm(*given); });
}

}  // namespace attohm
