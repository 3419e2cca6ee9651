#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crossbar/array/noisy_product.hpp"
#include "crossbar/array/plain_array.hpp"
#include "src/app/commands.hpp"
#include "src/app/crossbar_case.hpp"
#include "src/app/crossbar_solve.hpp"
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

/// White noise is drawn at the output; what outlives a read, or bends the current, is not.
void require_white_and_linear(const Device& device) {
    const auto refuse = [](const char* what, const char* key) {
        throw UserError(fmt::format("the card has {}, which `crossbar mvm` does not draw", what),
                        "--card", what, fmt::format("--set {} to leave it out", key));
    };
    if (!device.slow_noise.none())
        refuse("slow noise, which outlives a read", "device.slow_noise.scale=0");
    if (!device.telegraph.none())
        refuse("telegraph noise, which outlives a read", "device.telegraph.scale=0");
    if (!device.cell.is_linear()) refuse("a non-linear current", "device.iv=linear");
}

/// The array as a matrix: what a volt on a row gives in a column, and the variance of it.
struct ReadLaw {
    Matrix<double> gain_S;       ///< [rows, columns]
    Matrix<double> variance_S2;  ///< [rows, columns]
    bool wires = false;
    double residual = 0.0;      ///< of the wire solution
    double coupling = 0.0;      ///< k of physics.md section 4
    double largest_step = 0.0;  ///< sigma of a cell over its conductance, the largest
};

/// Ideal wires: the cells themselves. Else the transfer matrix, and first order for the noise:
/// Var I_j = sum_i V_i^2 (dT_ji / dG_ij)^2 s_ij^2.
ReadLaw read_law(const Matrix<double>& conductance, const WireResistances& wires,
                 const Device& device, Second read_time) {
    ReadLaw law;
    law.gain_S = conductance;
    law.variance_S2 = white_variance(conductance.view(), device, read_time);
    for (std::size_t i = 0; i < conductance.size(); ++i) {
        if (conductance.data()[i] == 0.0) continue;
        law.largest_step = std::max(law.largest_step,
                                    std::sqrt(law.variance_S2.data()[i]) / conductance.data()[i]);
    }
    if (wires.none()) return law;
    const WireSensitivity solved = solve_sensitivity(conductance.view(), wires);
    for (std::size_t r = 0; r < conductance.rows(); ++r) {
        for (std::size_t c = 0; c < conductance.cols(); ++c) {
            law.gain_S(r, c) = solved.base.transfer(c, r);
            law.variance_S2(r, c) *= solved.own(c, r) * solved.own(c, r);
        }
    }
    law.wires = true;
    law.residual = solved.base.residual;
    law.coupling = solved.coupling;
    return law;
}

struct MvmResult {
    Matrix<float> current_A, sigma_A;
    ReadLaw law;
};

MvmResult multiply(ReadLaw law, const Matrix<double>& inputs, const Stream& noise,
                   std::uint64_t first) {
    // In units of the largest gain, so that float32 holds the variances of any card.
    double unit_S = 0.0;
    for (std::size_t i = 0; i < law.gain_S.size(); ++i)
        unit_S = std::max(unit_S, std::abs(law.gain_S.data()[i]));
    if (unit_S == 0.0) unit_S = 1.0;
    Matrix<float> gain(law.gain_S.rows(), law.gain_S.cols());
    Matrix<float> variance(gain.rows(), gain.cols()), v(inputs.rows(), inputs.cols());
    for (std::size_t i = 0; i < gain.size(); ++i) {
        gain.data()[i] = static_cast<float>(law.gain_S.data()[i] / unit_S);
        variance.data()[i] = static_cast<float>(law.variance_S2.data()[i] / (unit_S * unit_S));
    }
    for (std::size_t i = 0; i < v.size(); ++i) v.data()[i] = static_cast<float>(inputs.data()[i]);
    MvmResult result{Matrix<float>(v.rows(), gain.cols()), Matrix<float>(v.rows(), gain.cols()),
                     std::move(law)};
    NoisyProduct(gain.view(), variance.view())
        .read(noise, first, v.view(), result.current_A.view(), result.sigma_A.view());
    for (Matrix<float>* out : {&result.current_A, &result.sigma_A}) {
        for (std::size_t i = 0; i < out->size(); ++i)
            out->data()[i] = static_cast<float>(static_cast<double>(out->data()[i]) * unit_S);
    }
    return result;
}

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

void check_voltages(const CrossbarCase& given, const Device& device) {
    for (std::size_t b = 0; b < given.v_in.rows(); ++b) {
        for (std::size_t r = 0; r < given.v_in.cols(); ++r) {
            device.validity.require_read(Volt::from_value(given.v_in(b, r)),
                                         fmt::format("{}:/v_in_V[{}, {}]", given.path, b, r));
        }
    }
}

void write_mvm(const std::string& path, const Bench& bench, const CrossbarCase& given,
               const MvmResult& result, Second read_time, std::int64_t first) {
    AtomicFile target(path);
    H5File file = H5File::create(target.temporary_path(), path);
    const H5Group root = file.root();
    describe(root, "mvm", bench);
    const H5Shape shape{result.current_A.rows(), result.current_A.cols()};
    root.write("i_out_A", shape, std::span(result.current_A.data(), result.current_A.size()));
    root.write("noise_sigma_A", shape, std::span(result.sigma_A.data(), result.sigma_A.size()));
    root.set_real("read_time_s", read_time.value());
    root.set_integer("first_read", first);
    if (result.law.wires) {
        root.set_text("path", "white noise drawn at the output, first order through the wires");
        root.set_real("residual", result.law.residual);
        root.set_real("coupling", result.law.coupling);
    } else {
        root.set_text("path", "white noise drawn at the output");
        root.set_real("cell_energy_J", dissipated(given.conductance, given.v_in, read_time));
    }
    file.close();
    target.commit();
}

/// How far first order may be off, for a step of every cell by one standard deviation.
std::string wires_text(const ReadLaw& law) {
    const double step = law.coupling * law.largest_step;
    return fmt::format(
        "  wires     residual {:.2e} (max|Y u - b| / max|b|), coupling k {:.3g}; noise to first "
        "order, off by at most {} of it\n",
        law.residual, law.coupling,
        step < 1.0 ? fmt::format("{:.2g}", step / (1.0 - step)) : "all");
}

void run_mvm(const MvmArguments& given) {
    if (given.threads) set_threads(*given.threads);
    const Bench bench = bench_of(given);
    refuse_to_replace(given.input, given.output);
    { const AtomicFile probe(given.output); }
    const Second read_time =
        Second::from_value(number(given.read_time_ns, "--read-time-ns", {1e-3, 1e15}) * 1e-9);
    const auto first = parse_integer(given.first_read);
    if (!first || *first < 0)
        throw UserError("`--first-read` takes a whole number", "--first-read", given.first_read,
                        "0 or more");
    require_white_and_linear(bench.device);
    const CrossbarCase array = read_mvm_case(given.input);
    check_voltages(array, bench.device);
    const MvmResult result =
        multiply(read_law(array.conductance, array.wires, bench.device, read_time), array.v_in,
                 column_noise_stream(bench.site, 0), static_cast<std::uint64_t>(*first));
    write_mvm(given.output, bench, array, result, read_time, *first);
    double most = 0.0;
    for (std::size_t i = 0; i < result.sigma_A.size(); ++i)
        most = std::max(most, static_cast<double>(result.sigma_A.data()[i]));
    std::string text = fmt::format(
        "{}\n  reads     {} of {} x {} cells, card {}\n  noise     sigma up to {:.4g} A\n",
        given.output, array.v_in.rows(), array.conductance.rows(), array.conductance.cols(),
        bench.device.card, most);
    if (result.law.wires) text += wires_text(result.law);
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
        "mvm", "Read an array with white noise: currents of a batch of inputs");
    command
        ->add_option("--input", given->input,
                     "conductance_S[rows, cols], v_in_V[batch, rows]; wires: attributes as for "
                     "`solve`")
        ->required();
    add_device_options(*command, *given);
    command->add_option("--read-time-ns", given->read_time_ns, "integration time of one read")
        ->required();
    command->add_option("--first-read", given->first_read,
                        "number of the first input among all reads: decides its draws [0]");
    command->add_option("--threads", given->threads, "threads (the result does not depend on it)")
        ->check(CLI::Range(1, 4096));
    command->callback([given] { run_mvm(*given); });
}

}  // namespace attohm
