#include "crossbar/wires/spice_netlist.hpp"

#include <fmt/format.h>

#include <iterator>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

/// Names of the circuit's nodes, with those that 0 ohm joins already one.
class NodeNames {
  public:
    explicit NodeNames(const WireResistances& wires) : wires_(wires) {}

    std::string input(std::size_t i) const { return fmt::format("in_r{}", i); }
    std::string driver(std::size_t i) const {
        return wires_.driver.value() == 0.0 ? input(i) : fmt::format("drv_r{}", i);
    }
    /// Output of the second driver; the same node as the first where the row has no resistance.
    std::string far(std::size_t i) const {
        if (wires_.driver.value() == 0.0) return input(i);
        return wires_.row.value() == 0.0 ? driver(i) : fmt::format("far_r{}", i);
    }
    std::string row(std::size_t i, std::size_t j) const {
        return wires_.row.value() == 0.0 ? driver(i) : fmt::format("w_r{}_c{}", i, j);
    }
    std::string meter(std::size_t j) const { return fmt::format("out_c{}", j); }
    std::string sense(std::size_t j) const {
        return wires_.sense.value() == 0.0 ? meter(j) : fmt::format("sense_c{}", j);
    }
    std::string column(std::size_t i, std::size_t j) const {
        return wires_.column.value() == 0.0 ? sense(j) : fmt::format("b_r{}_c{}", i, j);
    }

  private:
    WireResistances wires_;
};

class Writer {
  public:
    template <class... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
        text_ += '\n';
    }
    void resistor(const std::string& name, const std::string& a, const std::string& b, double ohm) {
        if (ohm != 0.0) line("R{} {} {} {}", name, a, b, format_real(ohm));
    }
    std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

void write_header(Writer& out, std::size_t rows, std::size_t columns, const WireResistances& wires,
                  const CellLaw& cell) {
    out.line("attohm crossbar of {} rows and {} columns", rows, columns);
    out.line("* units: V, A, ohm, S; currents are those into the sense circuits");
    out.line("* r_row_ohm {} and r_col_ohm {} per segment, r_driver_ohm {}, r_sense_ohm {}, {}",
             format_real(wires.row.value()), format_real(wires.column.value()),
             format_real(wires.driver.value()), format_real(wires.sense.value()),
             wires.drive == Drive::one_side ? "driven from one side" : "driven from both sides");
    out.line("* cells: {}, selector: {}", iv_law_name(cell.iv.law),
             selector_law_name(cell.selector.law));
    out.line("* resistances of 0 are merged nodes; cells of 0 S are left out");
}

void write_lines(Writer& out, const NodeNames& node, std::size_t rows, std::size_t columns,
                 const WireResistances& wires) {
    for (std::size_t i = 0; i < rows; ++i) {
        out.resistor(fmt::format("driver_r{}", i), node.input(i), node.driver(i),
                     wires.driver.value());
        for (std::size_t j = 0; j < columns; ++j)
            out.resistor(fmt::format("row_r{}_s{}", i, j),
                         j == 0 ? node.driver(i) : node.row(i, j - 1), node.row(i, j),
                         wires.row.value());
        if (wires.drive == Drive::one_side) continue;
        out.resistor(fmt::format("row_r{}_s{}", i, columns), node.row(i, columns - 1), node.far(i),
                     wires.row.value());
        out.resistor(fmt::format("far_r{}", i), node.far(i), node.input(i), wires.driver.value());
    }
    for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t i = 0; i < rows; ++i)
            out.resistor(fmt::format("column_c{}_s{}", j, i), node.column(i, j),
                         i + 1 < rows ? node.column(i + 1, j) : node.sense(j),
                         wires.column.value());
        out.resistor(fmt::format("sense_c{}", j), node.sense(j), node.meter(j),
                     wires.sense.value());
        out.line("Vsense_c{} {} 0 DC 0", j, node.meter(j));
    }
}

/// s(x) of cell_iv.hpp as an expression, x the voltage between two nodes.
std::string shape_expression(const CellIv& iv, const std::string& x) {
    if (iv.law == IvLaw::sinh)
        return fmt::format("{0}*sinh({1}/{2})/sinh({0}/{2})", format_real(iv.v_ref.value()), x,
                           format_real(iv.v0.value()));
    if (iv.law == IvLaw::polynomial) {
        // Horner's rule from the highest power down, at |x| and at v_ref.
        std::string at_x = "0", at_reference = "0";
        for (auto c = iv.coefficients.rbegin(); c != iv.coefficients.rend(); ++c) {
            at_x = fmt::format("abs({})*(({})+{})", x, format_real(*c), at_x);
            at_reference = fmt::format("{}*(({})+{})", format_real(iv.v_ref.value()),
                                       format_real(*c), at_reference);
        }
        return fmt::format("{}*(1+{})/(1+{})", x, at_x, at_reference);
    }
    std::string points;
    for (std::size_t k = iv.v_V.size(); k-- > 1;)
        points += fmt::format(",-{},-{}", format_real(iv.v_V[k]), format_real(iv.shape_V[k]));
    for (std::size_t k = 0; k < iv.v_V.size(); ++k)
        points += fmt::format(",{},{}", format_real(iv.v_V[k]), format_real(iv.shape_V[k]));
    return fmt::format("pwl({}{})", x, points);
}

void write_cell(Writer& out, const std::string& place, const std::string& from,
                const std::string& to, double g, const CellLaw& cell) {
    const bool selected = cell.selector.law != SelectorLaw::none;
    const std::string middle = selected ? "mid_" + place : to;
    if (cell.iv.is_linear()) {
        out.line("Rcell_{} {} {} {}", place, from, middle, format_real(1.0 / g));
    } else {
        out.line("Bcell_{} {} {} I={}*{}", place, from, middle, format_real(g),
                 shape_expression(cell.iv, fmt::format("V({},{})", from, middle)));
    }
    if (cell.selector.law == SelectorLaw::resistance) {
        // 0 ohm would be a merged node; a source of 0 V is one, exactly.
        const double ohm = cell.selector.r_on.value();
        if (ohm == 0.0)
            out.line("Vselector_{} {} {} DC 0", place, middle, to);
        else
            out.resistor("selector_" + place, middle, to, ohm);
    } else if (cell.selector.law == SelectorLaw::exponential) {
        out.line("Bselector_{0} {1} {2} I={3}*sinh(V({1},{2})/{4})", place, middle, to,
                 format_real(cell.selector.i0.value()), format_real(cell.selector.v0.value()));
    }
}

void write_control(Writer& out, std::size_t columns, MatrixView<const double> v_in) {
    out.line(".options reltol=1e-9 abstol=1e-18 vntol=1e-12 gmin=1e-18 itl1=2000");
    out.line(".control");
    out.line("set numdgt=16");
    for (std::size_t b = 0; b < v_in.rows; ++b) {
        for (std::size_t i = 0; b > 0 && i < v_in.cols; ++i)
            out.line("alter Vin_r{} dc = {}", i, format_real(v_in(b, i)));
        out.line("op");
        out.line("echo attohm input {}", b);
        for (std::size_t j = 0; j < columns; ++j) out.line("print i(Vsense_c{})", j);
    }
    out.line("quit 0");
    out.line(".endc");
    out.line(".end");
}

}  // namespace

std::string spice_netlist(MatrixView<const double> conductance, const WireResistances& wires,
                          MatrixView<const double> v_in, const CellLaw& cell) {
    ATTOHM_CHECK_EQ(v_in.cols, conductance.rows);
    const std::size_t rows = conductance.rows, columns = conductance.cols;
    if (rows * columns > kSpiceCellsMax)
        throw UserError("the array is too large for a netlist", "netlist",
                        fmt::format("{} x {} cells", rows, columns),
                        fmt::format("at most {} cells (128 x 128)", kSpiceCellsMax));
    const NodeNames node(wires);
    Writer out;
    write_header(out, rows, columns, wires, cell);
    for (std::size_t i = 0; i < rows; ++i)
        out.line("Vin_r{} {} 0 DC {}", i, node.input(i),
                 format_real(v_in.rows > 0 ? v_in(0, i) : 0.0));
    write_lines(out, node, rows, columns, wires);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
            if (conductance(i, j) == 0.0) continue;
            write_cell(out, fmt::format("r{}_c{}", i, j), node.row(i, j), node.column(i, j),
                       conductance(i, j), cell);
        }
    }
    write_control(out, columns, v_in);
    return out.take();
}

}  // namespace attohm
