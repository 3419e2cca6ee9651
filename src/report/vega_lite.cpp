#include "src/report/vega_lite.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace attohm {

const char* const kBlue = "#0072b2";
const char* const kOrange = "#e69f00";
const char* const kGreen = "#009e73";
const char* const kRed = "#d55e00";
const char* const kPurple = "#cc79a7";
const char* const kSky = "#56b4e9";
const char* const kGrey = "#8c8c8c";

Figure make_figure(std::string id, std::string title, std::string caption, Json body, Json data) {
    body["data"] = {{"values", std::move(data)}};
    body["description"] = title;
    return {std::move(id), std::move(title), std::move(caption), body.dump()};
}

Json axis_scale(const std::vector<double>& values) {
    double least_positive = 0.0, most = 0.0;
    bool negative = false, zero = false;
    for (const double v : values) {
        negative = negative || v < 0.0;
        zero = zero || v == 0.0;
        most = std::max(most, v);
        if (v > 0.0 && (least_positive == 0.0 || v < least_positive)) least_positive = v;
    }
    if (negative || least_positive == 0.0 || most / least_positive < 4.0)
        return {{"zero", false}, {"nice", true}};
    if (zero) return {{"type", "symlog"}, {"constant", least_positive}, {"nice", false}};
    return {{"type", "log"}, {"nice", false}};
}

Json quantitative(const std::string& field, const std::string& title, bool zero) {
    return {
        {"field", field}, {"type", "quantitative"}, {"title", title}, {"scale", {{"zero", zero}}}};
}

Json nominal(const std::string& field, const std::string& title) {
    return {{"field", field}, {"type", "nominal"}, {"title", title}, {"sort", nullptr}};
}

Json tip(const std::string& field, const std::string& title, const std::string& format) {
    Json out = {{"field", field}, {"title", title}};
    if (!format.empty()) {
        out["type"] = "quantitative";
        out["format"] = format;
    }
    return out;
}

void add_axis_values(const Group& group, const Point& point, Json& row) {
    for (std::size_t a = 0; a < group.axes.size(); ++a) {
        const std::string field = "a" + std::to_string(a);
        if (group.axes[a].numeric)
            row[field] = group.number(point, a);
        else
            row[field] = point.values[a];
    }
}

void add_axis_tips(const Group& group, Json& tips) {
    for (std::size_t a = 0; a < group.axes.size(); ++a)
        tips.push_back(tip("a" + std::to_string(a), group.axes[a].key));
}

std::string detail_label(const Group& group, const Point& point) {
    return point_label(group, point);
}

void add_choice(const Group& group, Json& body) {
    Json labels = Json::array();
    for (const Point* p : detail_points(group)) labels.push_back(detail_label(group, *p));
    if (labels.size() < 2) return;
    const std::string first = labels.front();
    body["params"] =
        Json::array({{{"name", "setting"},
                      {"value", first},
                      {"bind", {{"input", "select"}, {"options", labels}, {"name", "Setting "}}}}});
    Json transforms = body.value("transform", Json::array());
    transforms.insert(transforms.begin(), Json{{"filter", "datum.r === setting"}});
    body["transform"] = transforms;
}

}  // namespace attohm
