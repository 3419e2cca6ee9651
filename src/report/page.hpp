#pragma once

#include <string>
#include <string_view>

#include "src/report/figures.hpp"
#include "src/report/vega_files.hpp"

/// The frame that every page of the house stands in.
namespace attohm {

/// A whole page: nothing in it is fetched from elsewhere. Without the plot library a notice stands
/// in the place of each plot. Args: title: as text; body: HTML.
std::string page_html(std::string_view title, std::string_view version, const std::string& body,
                      const VegaFiles& vega);

/// A page that draws itself: no plot library. Args: style, script: added to the page's own.
std::string plain_page_html(std::string_view title, std::string_view version,
                            const std::string& body, const std::string& style,
                            const std::string& script);

/// Text of one of the compiled-in files of this folder.
std::string report_resource(std::string_view name);

/// Safe inside a script element: nothing in it ends the element.
std::string inside_script(std::string text);

/// A plot with its heading and caption. Args: id: of the plot on the page.
std::string figure_html(const Figure& figure, const std::string& id);

}  // namespace attohm
