#include "src/app/crossbar_solve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "crossbar/device/device.hpp"
#include "crossbar/device/validity.hpp"
#include "crossbar/wires/nonlinear_solve.hpp"
#include "src/app/crossbar_case.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/version.hpp"

namespace attohm {

namespace {

constexpr double kOhmLow = 1e-9, kOhmHigh = 1e15;
constexpr double kSiemensHigh = 1e9;
constexpr double kVoltHigh = 1e6;
constexpr double kResidualMax = 1e-6;  ///< above it no digit of a small current is sure

std::string drive_name(Drive drive) {
    return drive == Drive::one_side ? "one-side" : "both-sides";
}

/// Every element in [low, high]; the message names the first that is not.
void require_elements(const Matrix<double>& matrix, const std::string& where, const char* what,
                      const char* unit, Range range) {
    for (std::size_t i = 0; i < matrix.rows(); ++i) {
        for (std::size_t j = 0; j < matrix.cols(); ++j) {
            const double x = matrix(i, j);
            if (x >= range.low && x <= range.high) continue;
            throw UserError(fmt::format("bad {} at [{}, {}]", what, i, j), where,
                            fmt::format("{} {}", x, unit),
                            fmt::format("{} to {} {}", range.low, range.high, unit));
        }
    }
}

/// A number of physics has no default: 0 has to be said.
Ohm read_resistance(const H5Group& root, const char* name) {
    const double ohm = root.real(name);
    if (ohm == 0.0 || (ohm >= kOhmLow && ohm <= kOhmHigh)) return Ohm::from_value(ohm);
    throw UserError(fmt::format("bad resistance `{}`", name), root.where_attribute(name),
                    fmt::format("{} ohm", ohm),
                    fmt::format("0, or {} to {} ohm", kOhmLow, kOhmHigh));
}

Drive read_drive(const H5Group& root) {
    if (!root.has_attribute("drive")) return Drive::one_side;
    const std::string text = root.text("drive");
    for (const Drive drive : {Drive::one_side, Drive::both_sides})
        if (text == drive_name(drive)) return drive;
    throw UserError("unknown value of `drive`", root.where_attribute("drive"), text,
                    "one-side, both-sides");
}

/// An attribute that nobody reads is a slip where it looks like one that somebody would; others are
/// the user's notes.
void require_known_attributes(const H5Group& root) {
    const std::vector<std::string> known = {"r_row_ohm", "r_col_ohm", "r_driver_ohm", "r_sense_ohm",
                                            "drive"};
    for (const auto& [name, value] : root.attributes()) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const std::string near = nearest(name, known);
        if (near.empty() && !name.ends_with("_ohm")) continue;
        throw UserError(fmt::format("unknown attribute `{}`", name), root.where_attribute(name),
                        "a name that nothing reads",
                        fmt::format("{}{}", fmt::join(known, ", "),
                                    near.empty() ? "" : " (did you mean `" + near + "`?)"));
    }
}

}  // namespace

CrossbarCase read_crossbar_case(const std::string& path) {
    const H5File file = H5File::open(path);
    const H5Group root = file.root();
    CrossbarCase given;
    given.path = path;
    require_known_attributes(root);
    given.wires = {read_resistance(root, "r_row_ohm"), read_resistance(root, "r_col_ohm"),
                   read_resistance(root, "r_driver_ohm"), read_resistance(root, "r_sense_ohm"),
                   read_drive(root)};
    given.conductance = read_conductance(root);
    given.v_in = read_inputs(root, given.conductance.rows());
    require_elements(given.conductance, root.where("conductance_S"), "conductance", "S",
                     {0.0, kSiemensHigh});
    require_elements(given.v_in, root.where("v_in_V"), "input", "V", {-kVoltHigh, kVoltHigh});
    return given;
}

CellLaw cell_law_for(const CrossbarCase& given, const std::string& name) {
    const Settings card = device_card(name);
    const Validity validity = load_validity(card, load_conductance(card), name);
    const std::string place = fmt::format("{} with card {}", given.path, name);
    // Cells of 0 S are not there; all others are the card's.
    for (std::size_t i = 0; i < given.conductance.rows() && validity.conductance; ++i) {
        for (std::size_t j = 0; j < given.conductance.cols(); ++j) {
            const double g = given.conductance(i, j);
            if (g == 0.0 || validity.conductance->holds(Siemens::from_value(g))) continue;
            throw UserError(
                fmt::format("the card says nothing about the conductance at [{}, {}]", i, j), place,
                fmt::format("{:.6g} uS", g * 1e6),
                fmt::format("{:.6g} to {:.6g} uS (validity.conductance_uS)",
                            validity.conductance->low.value() * 1e6,
                            validity.conductance->high.value() * 1e6));
        }
    }
    if (validity.read) {
        const double most = validity.read->high.value();
        require_elements(given.v_in, place, "input for validity.read_V of the card", "V",
                         {-most, most});
    }
    return load_cell_law(card);
}

CrossbarAnswer solve_crossbar(const CrossbarCase& given, const CellLaw& cell) {
    CrossbarAnswer answer;
    if (!cell.is_linear()) {
        NonlinearCurrents found =
            NonlinearArray(given.conductance.view(), given.wires, cell).currents(given.v_in.view());
        answer.current = std::move(found.current);
        answer.residual = found.residual;
        answer.iterations = found.iterations;
    } else {
        WireTransfer found = solve_transfer(given.conductance.view(), given.wires);
        answer.transfer = std::move(found.transfer);
        answer.residual = found.residual;
        answer.current = Matrix<double>(given.v_in.rows(), given.conductance.cols());
        for (std::size_t b = 0; b < given.v_in.rows(); ++b) {
            for (std::size_t j = 0; j < given.conductance.cols(); ++j) {
                double sum = 0.0;
                for (std::size_t i = 0; i < given.conductance.rows(); ++i)
                    sum += answer.transfer(j, i) * given.v_in(b, i);
                answer.current(b, j) = sum;
            }
        }
    }
    const bool finite =
        std::all_of(answer.current.data(), answer.current.data() + answer.current.size(),
                    [](double ampere) { return std::isfinite(ampere); });
    if (!finite || !(answer.residual <= kResidualMax))
        throw UserError("the network is singular to within a double", given.path,
                        fmt::format("residual {:.3g}", answer.residual),
                        "conductances and resistances within 10 decades of each other");
    return answer;
}

void write_crossbar_answer(const std::string& path, const CrossbarCase& given,
                           const std::string& card, const CellLaw& cell,
                           const CrossbarAnswer& answer) {
    AtomicFile place(path);
    H5File file = H5File::create(place.temporary_path(), path);
    const H5Group root = file.root();
    const auto write = [&root](const char* name, const Matrix<double>& matrix) {
        const H5Shape shape = {matrix.rows(), matrix.cols()};
        root.write(name, shape, std::span<const double>(matrix.data(), matrix.size()),
                   H5Layout::standard(shape, sizeof(double)));
    };
    write("i_out_A", answer.current);
    if (!answer.transfer.empty()) write("transfer_S", answer.transfer);
    root.set_text("version", version());
    root.set_real("residual", answer.residual);
    root.set_integer("iterations", answer.iterations);
    root.set_real("r_row_ohm", given.wires.row.value());
    root.set_real("r_col_ohm", given.wires.column.value());
    root.set_real("r_driver_ohm", given.wires.driver.value());
    root.set_real("r_sense_ohm", given.wires.sense.value());
    root.set_text("drive", drive_name(given.wires.drive));
    root.set_integer("rows", static_cast<std::int64_t>(given.conductance.rows()));
    root.set_integer("columns", static_cast<std::int64_t>(given.conductance.cols()));
    root.set_text("card", card.empty() ? "none" : card);
    if (!card.empty()) root.write_text("card_settings", device_card(card).resolved_yaml());
    root.set_text("iv", iv_law_name(cell.iv.law));
    root.set_text("selector", selector_law_name(cell.selector.law));
    file.close();
    place.commit();
}

}  // namespace attohm
