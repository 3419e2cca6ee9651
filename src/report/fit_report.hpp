#pragma once

#include <string>
#include <vector>

#include "crossbar/fit/device_fit.hpp"
#include "src/report/figures.hpp"
#include "src/report/vega_files.hpp"

/// What a fit of measured data looks like: the page of `attohm device fit --report`.
namespace attohm {

/// The page: every part with its numbers, intervals and residuals as tables, plots, the card
/// itself. Self-contained; the same fit gives the same bytes. Args: title: e.g. the card's name.
std::string fit_report_html(const fit::DeviceFit& fit, const std::string& title,
                            const VegaFiles& vega);

// -- plots, by part -----------------------------------------------------------------------------

std::vector<Figure> programming_fit_figures(const fit::ProgrammingFit& fit);
std::vector<Figure> reads_fit_figures(const fit::ReadsFit& fit);
std::vector<Figure> retention_fit_figures(const fit::RetentionFit& fit);
std::vector<Figure> iv_fit_figures(const fit::IvFit& fit);
std::vector<Figure> pulses_fit_figures(const fit::PulsesFit& fit);

// -- tables, by part ----------------------------------------------------------------------------

std::string programming_fit_tables(const fit::ProgrammingFit& fit);
std::string reads_fit_tables(const fit::ReadsFit& fit);
std::string retention_fit_tables(const fit::RetentionFit& fit);
std::string iv_fit_tables(const fit::IvFit& fit);
std::string pulses_fit_tables(const fit::PulsesFit& fit);
std::string card_fit_table(const fit::DeviceFit& fit);

}  // namespace attohm
