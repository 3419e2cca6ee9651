#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "src/report/figures.hpp"

/// Small parts that the plots share. Only for the .cpp files of this folder.
namespace attohm {

using Json = nlohmann::json;

/// The figure's specification: `body` with `data` as its values.
Figure make_figure(std::string id, std::string title, std::string caption, Json body, Json data);

/// Scale of a numeric axis of settings: logarithmic where it spans a factor of four and more, with
/// a linear stretch about zero where it starts there.
Json axis_scale(const std::vector<double>& values);

/// {"field": ..., "type": "quantitative", "title": ..., "scale": {"zero": zero}}
Json quantitative(const std::string& field, const std::string& title, bool zero);
Json nominal(const std::string& field, const std::string& title);
Json tip(const std::string& field, const std::string& title, const std::string& format = "");

/// Adds the values of the group's axes to a row of data, and their tooltips to a list.
void add_axis_values(const Group& group, const Point& point, Json& row);
void add_axis_tips(const Group& group, Json& tips);

/// Makes a plot of one setting choosable: rows carry the label of their point in `r`.
void add_choice(const Group& group, Json& body);
std::string detail_label(const Group& group, const Point& point);

/// Colours that the usual kinds of colour blindness tell apart (Okabe and Ito, 2008).
extern const char* const kBlue;
extern const char* const kOrange;
extern const char* const kGreen;
extern const char* const kRed;
extern const char* const kPurple;
extern const char* const kSky;
extern const char* const kGrey;

}  // namespace attohm
