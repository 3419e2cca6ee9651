#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/app/commands.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/replay/result_csv.hpp"
#include "src/replay/result_io.hpp"
#include "src/report/knees.hpp"
#include "src/report/report.hpp"

namespace attohm {

namespace {

namespace fs = std::filesystem;

struct ReportArguments {
    std::vector<std::string> results;
    std::string output = "report.html";
    std::optional<std::string> csv;
    std::optional<std::string> figures;
    std::optional<std::string> vega;
    bool compare = false;
};

/// A file, or the results of a sweep's folder.
std::string result_file(const std::string& given) {
    return fs::is_directory(given) ? (fs::path(given) / "results.h5").string() : given;
}

std::vector<Result> read_all(const std::vector<std::string>& given) {
    std::vector<Result> all;
    for (const std::string& path : given)
        for (Result& result : read_results(result_file(path))) all.push_back(std::move(result));
    return all;
}

void make_folder(const std::string& folder, const char* option) {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure || !fs::is_directory(folder))
        throw UserError("the folder cannot be made", option, folder,
                        "a folder that can be written to");
}

void report(const ReportArguments& given) {
    VegaPlaces places{given.vega, std::nullopt, program_folder()};
    if (const char* folder = std::getenv("ATTOHM_VEGA_DIR")) places.environment = folder;
    // What is missing is known before the work, not after.
    const VegaFiles vega = read_vega(places);
    std::fputs(vega.warning().c_str(), stderr);
    const std::vector<Result> results = read_all(given.results);
    const std::string page = report_html(results, vega, {given.compare});
    if (given.csv) {
        write_csv(*given.csv, results);
        write_file_atomically((fs::path(*given.csv) / "knees.csv").string(), knees_csv(results));
    }
    if (given.figures) {
        make_folder(*given.figures, "--figures");
        for (const FigureFile& figure : report_figures(results))
            write_file_atomically((fs::path(*given.figures) / figure.name).string(),
                                  figure.content);
    }
    write_file_atomically(given.output, page);
    std::string text = report_digest(results, {given.compare}) + "\nreport: " + given.output + "\n";
    if (given.csv) text += "tables: " + *given.csv + "\n";
    if (given.figures) text += "plots: " + *given.figures + "\n";
    std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_report_command(CLI::App& app) {
    auto given = std::make_shared<ReportArguments>();
    CLI::App* command = app.add_subcommand("report", "Make one page of one result or many");
    command->add_option("RESULT", given->results, "result files (HDF5), or folders of sweeps")
        ->required();
    command->add_option("-o,--output", given->output, "page to write [report.html]");
    command->add_option("--csv", given->csv, "folder for the results as tables");
    command->add_option("--figures", given->figures,
                        "folder for every plot as a Vega-Lite file with its data");
    command->add_flag("--compare", given->compare, "set the ledgers of two results side by side");
    command->add_option("--vega", given->vega,
                        "folder of vega.min.js, vega-lite.min.js and vega-embed.min.js");
    command->callback([given] { report(*given); });
}

}  // namespace attohm
