#include "circuits/node_scaling.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

Range limits(const Settings& settings, const std::string& key) {
    const std::vector<double> ends = settings.reals(key, kPositive);
    if (ends.size() != 2 || ends[0] > ends[1])
        throw UserError("`" + key + "` is no range", settings.entry(key).where,
                        fmt::format("{}", fmt::join(ends, ", ")), "lowest and highest");
    return {ends[0], ends[1]};
}

std::vector<double> column(const Settings& settings, const std::string& key, std::size_t nodes) {
    std::vector<double> values = settings.reals(key);
    if (values.size() != nodes)
        throw UserError("`" + key + "` does not pair up with the nodes", settings.entry(key).where,
                        fmt::format("{} values", values.size()), fmt::format("{}", nodes));
    return values;
}

}  // namespace

NodeScaling::NodeScaling(const Settings& settings, ProcessPoint to) : to_(to) {
    method_ = settings.choice("node_scaling.method", {"constant_field", "table"});
    const std::string key = "node_scaling.";
    nodes_ = settings.reals(key + "table_nodes_nm", kPositive);
    if (nodes_.size() < 2 ||
        std::adjacent_find(nodes_.begin(), nodes_.end(), std::less_equal<>()) != nodes_.end())
        throw UserError("`node_scaling.table_nodes_nm` does not fall",
                        settings.entry(key + "table_nodes_nm").where,
                        fmt::format("{}", fmt::join(nodes_, ", ")), "falling values, two or more");
    for (const char* power : {"V2", "V1", "V0"})
        energy_.push_back(
            column(settings, key + "table_energy_coefficients_" + power, nodes_.size()));
    for (const char* power : {"V3", "V2", "V1", "V0"})
        delay_.push_back(
            column(settings, key + "table_delay_coefficients_" + power, nodes_.size()));
    area_ = column(settings, key + "table_area_ratio", nodes_.size());
    source_ = settings.entry(key + "table_energy_coefficients_V2").source;
    const bool by_table = method_ == "table";
    node_range_ =
        by_table ? Range{nodes_.back(), nodes_.front()} : limits(settings, key + "node_nm");
    const Range plain = limits(settings, key + "vdd_V");
    const Range tabulated = limits(settings, key + "table_vdd_V");
    vdd_range_ = by_table ? tabulated : plain;
    where_ = settings.entry(key + "method").where;
    require_inside(
        to_, settings.has("machine.node_nm") ? settings.entry("machine.node_nm").where : "machine");
}

void NodeScaling::require_inside(ProcessPoint at, const std::string& where) const {
    const auto refuse = [&](const char* what, double got, Range range) {
        throw UserError(fmt::format("{} that figures are carried to or from ({})", what, method_),
                        where, format_real(got),
                        fmt::format("{} to {}", format_real(range.low), format_real(range.high)));
    };
    // NaN is in no range.
    if (!(at.node_nm >= node_range_.low && at.node_nm <= node_range_.high))
        refuse("a node (nm)", at.node_nm, node_range_);
    const double vdd = at.vdd.value();
    if (!(vdd >= vdd_range_.low && vdd <= vdd_range_.high)) refuse("a supply (V)", vdd, vdd_range_);
}

std::vector<double> NodeScaling::by_node(const std::vector<std::vector<double>>& coefficients,
                                         Volt v) const {
    std::vector<double> values(nodes_.size(), 0.0);
    for (const std::vector<double>& power : coefficients)
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = values[i] * v.value() + power[i];
    return values;
}

double NodeScaling::interpolated(const std::vector<double>& values, double node_nm) const {
    std::size_t i = 0;
    while (node_nm < nodes_[i + 1]) ++i;
    if (node_nm == nodes_[i]) return values[i];
    if (node_nm == nodes_[i + 1]) return values[i + 1];
    const double share = std::log(node_nm / nodes_[i]) / std::log(nodes_[i + 1] / nodes_[i]);
    return values[i] * std::pow(values[i + 1] / values[i], share);
}

bool NodeScaling::is_tabulated(double node_nm) const {
    return std::find(nodes_.begin(), nodes_.end(), node_nm) != nodes_.end();
}

Cited NodeScaling::factor(double value, ProcessPoint from, const char* law) const {
    const bool cited =
        method_ == "table" && is_tabulated(from.node_nm) && is_tabulated(to_.node_nm);
    return {value,
            fmt::format("{} nm {} V to {} nm {} V, {} ({})", from.node_nm, from.vdd.value(),
                        to_.node_nm, to_.vdd.value(), law, cited ? "cited" : "assumed"),
            cited ? Mark::cited : Mark::assumed};
}

Cited NodeScaling::energy(ProcessPoint from) const {
    require_inside(from, where_);
    if (method_ == "table") {
        const double ratio = interpolated(by_node(energy_, to_.vdd), to_.node_nm) /
                             interpolated(by_node(energy_, from.vdd), from.node_nm);
        return factor(ratio, from, source_.c_str());
    }
    const double node = to_.node_nm / from.node_nm;
    const double supply = to_.vdd / from.vdd;
    return factor(node * supply * supply, from, "node V^2");
}

Cited NodeScaling::area(ProcessPoint from) const {
    require_inside(from, where_);
    if (method_ == "table")
        return factor(interpolated(area_, to_.node_nm) / interpolated(area_, from.node_nm), from,
                      source_.c_str());
    const double node = to_.node_nm / from.node_nm;
    return factor(node * node, from, "node^2");
}

Cited NodeScaling::delay(ProcessPoint from) const {
    require_inside(from, where_);
    if (method_ == "table") {
        const double ratio = interpolated(by_node(delay_, to_.vdd), to_.node_nm) /
                             interpolated(by_node(delay_, from.vdd), from.node_nm);
        return factor(ratio, from, source_.c_str());
    }
    return factor(to_.node_nm / from.node_nm, from, "node");
}

Cited NodeScaling::leakage(ProcessPoint from) const {
    require_inside(from, where_);
    const double ratio = to_.node_nm / from.node_nm * (to_.vdd / from.vdd).value();
    Cited found = factor(ratio, from, "node V");
    // No source says so, whichever method carries the rest.
    found.source = fmt::format("{} nm {} V to {} nm {} V, node V (assumed)", from.node_nm,
                               from.vdd.value(), to_.node_nm, to_.vdd.value());
    found.mark = Mark::assumed;
    return found;
}

}  // namespace attohm
