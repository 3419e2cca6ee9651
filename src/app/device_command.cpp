#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crossbar/fit/device_fit.hpp"
#include "src/app/commands.hpp"
#include "src/app/file_guard.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/report/fit_report.hpp"

namespace attohm {

namespace {

namespace fs = std::filesystem;

struct FitArguments {
    std::vector<std::string> files;
    std::string output;
    std::optional<std::string> report, vega, law, iv_law;
    fit::FitOptions options;
};

void write_templates(const std::string& folder) {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure || !fs::is_directory(folder))
        throw UserError("the folder cannot be made", "--output", folder,
                        "a folder that can be written to");
    // Measured rows are not overwritten by an empty table.
    for (const fit::CsvTemplate& file : fit::measured_templates()) {
        const fs::path path = fs::path(folder) / file.name;
        if (fs::exists(path))
            throw UserError("a template would replace a file", path.string(),
                            "a file that is there", "a folder without it");
    }
    for (const fit::CsvTemplate& file : fit::measured_templates()) {
        const fs::path path = fs::path(folder) / file.name;
        write_file_atomically(path.string(), file.text);
        std::fputs((path.string() + "\n").c_str(), stdout);
    }
}

fit::FitOptions options_of(const FitArguments& given) {
    fit::FitOptions options = given.options;
    for (const ProgrammingLaw law :
         {ProgrammingLaw::polynomial, ProgrammingLaw::table, ProgrammingLaw::log_normal})
        if (given.law == fit::programming_law_name(law)) options.law = law;
    for (const IvLaw law : {IvLaw::linear, IvLaw::sinh, IvLaw::polynomial})
        if (given.iv_law == iv_law_name(law)) options.iv_law = law;
    return options;
}

std::optional<VegaFiles> vega_of(const FitArguments& given) {
    if (!given.report) return std::nullopt;
    VegaPlaces places{given.vega, std::nullopt, program_folder()};
    if (const char* folder = std::getenv("ATTOHM_VEGA_DIR")) places.environment = folder;
    VegaFiles vega = read_vega(places);
    std::fputs(vega.warning().c_str(), stderr);
    return vega;
}

void fit_files(const FitArguments& given) {
    if (!given.output.ends_with(".yaml"))
        throw UserError("the card's name says no card file", "--output", given.output,
                        "a path that ends in .yaml");
    for (const std::string& input : given.files) {
        refuse_to_replace(input, given.output);
        if (given.report) refuse_to_replace(input, *given.report);
    }
    // What is missing is known before the work, not after.
    const std::optional<VegaFiles> vega = vega_of(given);
    const fit::MeasuredData data = fit::MeasuredData::from_files(given.files);
    const fit::DeviceFit fitted = fit::fit_device(data, options_of(given));
    const std::string card = fit::card_text(fitted);
    const std::string title = fs::path(given.output).filename().string();
    if (vega) write_file_atomically(*given.report, fit_report_html(fitted, title, *vega));
    write_file_atomically(given.output, card);
    std::string text = fit::fit_digest(fitted) + "card: " + given.output + "\n";
    if (given.report) text += "report: " + *given.report + "\n";
    std::fputs(text.c_str(), stdout);
}

void add_template_command(CLI::App& device) {
    auto folder = std::make_shared<std::string>();
    CLI::App* command = device.add_subcommand(
        "template", "Write empty CSV tables for measurements, with every column explained");
    command->add_option("-o,--output", *folder, "folder for the tables")->required();
    command->callback([folder] { write_templates(*folder); });
}

void add_fit_command(CLI::App& device) {
    auto given = std::make_shared<FitArguments>();
    CLI::App* command = device.add_subcommand(
        "fit", "Fit a device card to measured data; files are recognised by their columns");
    command->add_option("FILE", given->files, "measurements (CSV, see `attohm device template`)")
        ->required();
    command->add_option("-o,--output", given->output, "card to write (.yaml)")->required();
    command->add_option("--report", given->report, "page with residuals, intervals and plots");
    command->add_option("--base", given->options.base,
                        "card that gives what was not measured, marked assumed");
    command->add_option("--law", given->law, "law of the programming error [chosen from the data]")
        ->check(CLI::IsMember({"polynomial", "table", "log-normal"}));
    command->add_option("--iv-law", given->iv_law, "law of the I-V [chosen from the data]")
        ->check(CLI::IsMember({"linear", "sinh", "polynomial"}));
    command->add_option("--v-ref", given->options.v_ref_V,
                        "voltage in V at which the cell counts as the linear one "
                        "[that of --base, else the middle of the sweeps]");
    command->add_option("--read-V", given->options.read_V,
                        "read voltage of files without a column read_V");
    command->add_option("--temperature-K", given->options.temperature_K,
                        "temperature of files without a column temperature_K");
    command->add_option("--vega", given->vega,
                        "folder of vega.min.js, vega-lite.min.js and vega-embed.min.js");
    command->callback([given] { fit_files(*given); });
}

}  // namespace

void add_device_command(CLI::App& app) {
    CLI::App* device = app.add_subcommand("device", "Measured data in, device card out");
    device->require_subcommand(1);
    add_template_command(*device);
    add_fit_command(*device);
}

}  // namespace attohm
