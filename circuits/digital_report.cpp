#include "circuits/digital_report.hpp"

#include <algorithm>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr std::string_view kPoints = "points.";
constexpr std::string_view kTable = "horowitz-45nm";

Settings boxed(std::string_view name) {
    const std::string table(name);
    return Settings::from_text(circuit_table(table).value(), table);
}

/// SI of one of the unit that a key of the library ends in.
double unit_of(const std::string& key) {
    return key.ends_with("_pJ") ? kPico : 1e-12;  // pJ, or um2 in m2
}

void add_points(std::vector<FitRow>& rows, const ScalingLaw& law) {
    const double unit = unit_of(law.name());
    for (std::size_t i = 0; i < law.sizes().size(); ++i) {
        FitRow row;
        row.family = law.name();
        row.size = law.sizes()[i];
        row.point = law.values()[i] / unit;
        row.law = law.fit().at(row.size) / unit;
        row.is_exact = law.goes_through_points();
        // A law through its point differs from it by rounding at most.
        row.residual = row.is_exact ? 0.0 : row.law / row.point - 1.0;
        row.exponent = law.fit().exponent;
        row.source = law.source();
        rows.push_back(row);
    }
}

/// Points that no law is fitted to.
void add_checks(std::vector<FitRow>& rows, const ScalingLaw& law, const Settings& settings) {
    const std::vector<double> sizes = settings.reals("digital.int_add_check_bits", kPositive);
    const std::vector<double> values = settings.reals("digital.int_add_check_pJ", kPositive);
    if (sizes.size() != values.size())
        throw UserError("`digital.int_add_check_*` do not pair up",
                        settings.entry("digital.int_add_check_pJ").where,
                        fmt::format("{} and {} values", sizes.size(), values.size()),
                        "one value per width");
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        FitRow row;
        row.family = law.name();
        row.size = sizes[i];
        row.point = values[i];
        row.law = law.fit().at(sizes[i]) / kPico;
        row.residual = row.law / row.point - 1.0;
        row.exponent = law.fit().exponent;
        row.is_fitted = false;
        row.source = settings.entry("digital.int_add_check_pJ").source;
        rows.push_back(row);
    }
}

std::vector<std::string> point_names(const Settings& points) {
    std::vector<std::string> names;
    for (const std::string& key : points.keys()) {
        if (!key.starts_with(kPoints)) continue;
        const std::string name = key.substr(kPoints.size(), key.rfind('.') - kPoints.size());
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

/// The tables in the box, with one way to carry figures to a node.
std::vector<PublishedRow> published_by(const char* method) {
    Settings settings = boxed(kTable);
    settings.overlay_assignment(fmt::format("node_scaling.method={}", method));
    return digital_published_rows(settings, boxed("digital-points"));
}

PublishedRow divide_row(const Settings& digital, const DigitalLibrary& library) {
    const auto pJ = [&](OpKind kind) {
        return library.unit(kind, NumberFormat::floating, 32).energy.value().value / kPico;
    };
    const Cited ratio = cited(digital, "digital.float_divide_ratio", 1.0, kPositive);
    PublishedRow row{"cortex-m4f", "float_divide / float_mul",
                     32,           0.0,
                     ratio.value,  pJ(OpKind::divide) / pJ(OpKind::multiply),
                     0.0,          ratio.mark,
                     ratio.source};
    row.ratio = row.model / row.published;
    return row;
}

}  // namespace

std::string_view FitRow::how() const {
    if (!is_fitted) return "kept out of the fit";
    return is_exact ? "0 by construction: two points" : "fitted";
}

std::vector<FitRow> digital_fit_rows(const Settings& settings) {
    const DigitalLibrary library(
        settings, settings.real("digital.reference_node_nm", kPositive),
        Volt::from_value(settings.real("digital.reference_vdd_V", kPositive)));
    std::vector<FitRow> rows;
    for (const ScalingLaw* law : library.laws()) add_points(rows, *law);
    for (const ScalingLaw* law : library.laws())
        if (law->name() == "digital.int_add_pJ") add_checks(rows, *law, settings);
    return rows;
}

std::vector<PublishedRow> digital_published_rows(const Settings& digital, const Settings& points) {
    struct Quantity {
        const char* key;
        OpKind kind;
    };
    constexpr std::array kQuantities = {Quantity{"int_mac", OpKind::matmul},
                                        Quantity{"int_mul", OpKind::multiply},
                                        Quantity{"int_add", OpKind::add}};
    std::vector<PublishedRow> rows;
    for (const std::string& name : point_names(points)) {
        const std::string prefix = std::string(kPoints) + name + ".";
        const double node_nm = points.real(prefix + "node_nm", kPositive);
        const Volt vdd = Volt::from_value(points.real(prefix + "vdd_V", kPositive));
        const int bits = static_cast<int>(points.integer(prefix + "bits", {1, 64}));
        const DigitalLibrary library(digital, node_nm, vdd);
        for (const Quantity& quantity : kQuantities) {
            const std::string key = prefix + quantity.key + "_pJ";
            if (!points.has(key)) continue;
            const Cited figure = cited(points, key, 1.0, kPositive);
            const UnitCost cost = library.unit(quantity.kind, NumberFormat::integer, bits);
            PublishedRow row{name,    quantity.key, bits,
                             node_nm, figure.value, cost.energy.value().value / kPico,
                             0.0,     figure.mark,  figure.source};
            row.ratio = row.model / row.published;
            rows.push_back(row);
        }
    }
    const DigitalLibrary library(
        digital, digital.real("digital.reference_node_nm", kPositive),
        Volt::from_value(digital.real("digital.reference_vdd_V", kPositive)));
    rows.push_back(divide_row(digital, library));
    return rows;
}

std::string digital_fit_text() {
    std::string text = fmt::format("  {:<28} {:>8} {:>6} {:>8} {:>10} {:>10}  how\n", "family",
                                   "exponent", "size", "point", "law", "residual");
    for (const FitRow& row : digital_fit_rows(boxed(kTable)))
        text +=
            fmt::format("  {:<28} {:>8.3f} {:>6g} {:>8g} {:>10.4g} {:>+10.4f}  {}\n", row.family,
                        row.exponent, row.size, row.point, row.law, row.residual, row.how());
    return text;
}

std::string digital_fit_csv() {
    std::string text = "family,size,point,law,residual,exponent,how,source\n";
    for (const FitRow& row : digital_fit_rows(boxed(kTable)))
        text += fmt::format("{},{},{:g},{:.6g},{:.4f},{:.4f},\"{}\",\"{}\"\n", row.family, row.size,
                            row.point, row.law, row.residual, row.exponent, row.how(), row.source);
    return text;
}

std::string digital_published_text() {
    const std::vector<PublishedRow> constant_field = published_by("constant_field");
    const std::vector<PublishedRow> table = published_by("table");
    std::string text =
        fmt::format("  {:<16} {:<26} {:>4} {:>4} {:>9} {:>14} {:>6} {:>8} {:>6}  {}\n", "name",
                    "quantity (pJ, or a ratio)", "bits", "nm", "published", "constant_field",
                    "ratio", "table", "ratio", "mark");
    for (std::size_t i = 0; i < table.size(); ++i) {
        const PublishedRow& row = constant_field[i];
        text += fmt::format(
            "  {:<16} {:<26} {:>4} {:>4} {:>9.4g} {:>14.4g} {:>6.2f} {:>8.4g} {:>6.2f}  {}\n",
            row.name, row.quantity, row.bits,
            row.node_nm > 0.0 ? fmt::format("{:g}", row.node_nm) : "-", row.published, row.model,
            row.ratio, table[i].model, table[i].ratio, mark_name(row.mark));
    }
    return text;
}

std::string digital_published_csv() {
    std::string text =
        "name,quantity,unit,bits,node_nm,node_scaling,published,library,ratio,mark,source\n";
    for (const char* method : {"constant_field", "table"}) {
        for (const PublishedRow& row : published_by(method)) {
            // A ratio of two energies belongs to no node.
            const bool has_node = row.node_nm > 0.0;
            text += fmt::format(
                "{},{},{},{},{},{},{:g},{:.6g},{:.4f},{},\"{}\"\n", row.name, row.quantity,
                has_node ? "pJ" : "1", row.bits, has_node ? fmt::format("{:g}", row.node_nm) : "-",
                method, row.published, row.model, row.ratio, mark_name(row.mark), row.source);
        }
    }
    return text;
}

}  // namespace attohm
