#pragma once

#include <string>
#include <vector>

#include "circuits/digital_library.hpp"

/// How well the laws of the digital library meet their points and figures of other origin.
namespace attohm {

/// One point of a family beside its law, in the unit of the key.
struct FitRow {
    std::string family;     ///< key of the values, its unit at the end
    double size = 0.0;      ///< bits or KB
    double point = 0.0;     ///< as cited
    double law = 0.0;       ///< as fitted
    double residual = 0.0;  ///< law / point - 1
    double exponent = 0.0;  ///< of the family
    bool is_fitted = true;  ///< false: a point kept out of the fit
    bool is_exact = false;  ///< the law goes through the point by construction
    std::string source;     ///< of the point

    /// "0 by construction: two points", "fitted" or "kept out of the fit".
    std::string_view how() const;
};

/// Every point of `digital.*`: those of the laws, then those kept out of them.
std::vector<FitRow> digital_fit_rows(const Settings& settings);

/// One published figure of another origin beside the library at that node and supply.
struct PublishedRow {
    std::string name;      ///< "smartexchange-8b"
    std::string quantity;  ///< "int_mac", "int_mul", "int_add", "float_divide / float_mul"
    int bits = 0;
    double node_nm = 0.0;
    double published = 0.0;    ///< pJ, or a ratio
    double model = 0.0;        ///< the same
    double ratio = 0.0;        ///< model / published
    Mark mark = Mark::choice;  ///< of the published figure
    std::string source;
};

/// The figures of `points.*` that the library has a unit for; `digital` holds the library's tables.
std::vector<PublishedRow> digital_published_rows(const Settings& digital, const Settings& points);

/// The same as aligned text, of the tables in the box; published figures by both ways to a node.
std::string digital_fit_text();
std::string digital_published_text();

/// The same as CSV, with sources.
std::string digital_fit_csv();
std::string digital_published_csv();

}  // namespace attohm
