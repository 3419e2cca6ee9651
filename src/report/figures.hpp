#pragma once

#include <string>
#include <vector>

#include "src/report/group.hpp"

/// Plots of a group as Vega-Lite specifications with their data. A plot that needs more results
/// than there are is not made.
namespace attohm {

struct Figure {
    std::string id;  ///< for file names and anchors, e.g. "accuracy-energy-sprint-s"
    std::string title;
    std::string caption;  ///< what is shown, over what intervals run
    std::string spec;     ///< Vega-Lite JSON without $schema
};

/// Settings whose details are offered for choice in plots of one setting; the headline first.
std::vector<const Point*> detail_points(const Group& group);

std::vector<Figure> accuracy_energy_figures(const Group& group);  ///< one per machine
std::vector<Figure> axis_figures(const Group& group);             ///< along the noise axis
std::vector<Figure> heat_map_figures(const Group& group);         ///< across two axes
std::vector<Figure> energy_figures(const Group& group);           ///< one per machine
std::vector<Figure> latency_figures(const Group& group);          ///< one per machine
std::vector<Figure> layer_figures(const Group& group);   ///< false prune and keep, by layer
std::vector<Figure> margin_figures(const Group& group);  ///< the same by distance
std::vector<Figure> eye_figures(const Group& group);
std::vector<Figure> fidelity_figures(const Group& group);
std::vector<Figure> column_figures(const Group& group);  ///< false prunes by place in the array
std::vector<Figure> code_figures(const Group& group);    ///< codes of ADCs

/// All of them in the order of the page.
std::vector<Figure> all_figures(const Group& group);

}  // namespace attohm
