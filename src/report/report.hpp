#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/replay/result.hpp"
#include "src/report/vega_files.hpp"

/// What people look at: one self-contained page, plots as files, findings in words.
namespace attohm {

struct ReportOptions {
    bool compare = false;  ///< first section: how the ledgers of two results differ
};

/// The page. Self-contained: nothing in it is fetched from elsewhere. The same results give the
/// same bytes. Args: at least one result; two for `compare`.
std::string report_html(std::span<const Result> results, const VegaFiles& vega,
                        const ReportOptions& options = {});

/// Findings of every trace, one a line under the trace's name, and before them how two results
/// compare: for a terminal.
std::string report_digest(std::span<const Result> results, const ReportOptions& options = {});

/// Every plot as a standalone Vega-Lite file with its data.
struct FigureFile {
    std::string name;  ///< "digits_vit-eye.vl.json"
    std::string content;
};
std::vector<FigureFile> report_figures(std::span<const Result> results);

}  // namespace attohm
