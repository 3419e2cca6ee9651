#include "src/app/crossbar_case.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "src/base/error.hpp"

namespace attohm {

namespace {

std::string element(const H5Group& root, const std::string& name, std::size_t r, std::size_t c) {
    return fmt::format("{}[{}, {}]", root.where(name), r, c);
}

Ohm resistance(const H5Group& root, const char* name) {
    if (!root.has_attribute(name)) return {};
    const double ohm = root.real(name);
    if (ohm < 0.0)
        throw UserError("negative wire resistance", root.where_attribute(name),
                        fmt::format("{:g} ohm", ohm), "0 or more");
    return Ohm::from_value(ohm);
}

}  // namespace

Matrix<double> read_matrix(const H5Group& root, const std::string& name) {
    const H5DatasetInfo info = root.info(name);
    if (info.shape.size() != 2 || info.elements() == 0)
        throw UserError("not a matrix", root.where(name), shape_text(info.shape),
                        "two dimensions, neither of them 0");
    Matrix<double> matrix(info.shape[0], info.shape[1]);
    if (info.dtype.find("int") != std::string::npos) {
        std::vector<std::int64_t> integers(matrix.size());
        root.read(name, integers);
        for (std::size_t i = 0; i < integers.size(); ++i)
            matrix.data()[i] = static_cast<double>(integers[i]);
    } else {
        root.read(name, std::span(matrix.data(), matrix.size()));
    }
    for (std::size_t r = 0; r < matrix.rows(); ++r) {
        for (std::size_t c = 0; c < matrix.cols(); ++c) {
            if (std::isfinite(matrix(r, c))) continue;
            throw UserError("not a finite number", element(root, name, r, c),
                            fmt::format("{}", matrix(r, c)), "finite numbers");
        }
    }
    return matrix;
}

Matrix<double> read_conductance(const H5Group& root) {
    Matrix<double> conductance = read_matrix(root, "conductance_S");
    for (std::size_t r = 0; r < conductance.rows(); ++r) {
        for (std::size_t c = 0; c < conductance.cols(); ++c) {
            if (conductance(r, c) >= 0.0) continue;
            throw UserError("negative conductance", element(root, "conductance_S", r, c),
                            fmt::format("{:g} S", conductance(r, c)), "0 S or more");
        }
    }
    return conductance;
}

Matrix<double> read_inputs(const H5Group& root, std::size_t rows) {
    Matrix<double> inputs = read_matrix(root, "v_in_V");
    if (inputs.cols() != rows)
        throw UserError("inputs and array do not fit", root.where("v_in_V"),
                        fmt::format("[{}, {}]", inputs.rows(), inputs.cols()),
                        fmt::format("[batch, {}]: one voltage per row of conductance_S", rows));
    return inputs;
}

WireResistances read_wires(const H5Group& root) {
    WireResistances wires;
    wires.row = resistance(root, "r_row_ohm");
    wires.column = resistance(root, "r_col_ohm");
    wires.driver = resistance(root, "r_driver_ohm");
    wires.sense = resistance(root, "r_sense_ohm");
    return wires;
}

}  // namespace attohm
