#include "crossbar/wires/wire_array.hpp"

#include <cmath>

#include "crossbar/wires/wire_residual.hpp"
#include "crossbar/wires/wire_solve.hpp"

namespace attohm {

WireTransfer transposed_conductances(MatrixView<const double> conductance) {
    WireTransfer result;
    result.transfer.resize(conductance.cols, conductance.rows);
    for (std::size_t i = 0; i < conductance.rows; ++i) {
        for (std::size_t j = 0; j < conductance.cols; ++j) {
            result.transfer(j, i) = conductance(i, j);
        }
    }
    return result;
}

WireTransfer finish_transfer(const WireNetwork& net, MatrixView<const double> conductance,
                             KronReduction& reduction) {
    WireTransfer result;
    result.transfer.resize(net.columns, net.rows);
    reduction.transfer(result.transfer.view());
    Matrix<double> row_nodes, column_nodes;
    row_nodes.resize(net.rows, net.columns);
    column_nodes.resize(net.rows, net.columns);
    const std::vector<double> inputs = residual_inputs(net.rows);
    reduction.voltages(inputs.data(), row_nodes.view(), column_nodes.view());
    result.residual = wire_residual(net, conductance, inputs, row_nodes.view(), column_nodes.view(),
                                    result.transfer.view());
    if (!std::isfinite(result.residual)) {
        throw UserError("the network of the array is singular in double precision",
                        "cell and wire conductances", fmt::format("residual {}", result.residual),
                        "conductances whose ratio stays far below 1e300");
    }
    return result;
}

WireTransfer solve_transfer(MatrixView<const double> conductance, const WireResistances& wires) {
    const WireNetwork net = make_wire_network(conductance.rows, conductance.cols, wires);
    check_conductances(conductance);
    if (wires.none()) return transposed_conductances(conductance);
    KronReduction reduction(net, FarEnds::free);
    reduction.reduce(conductance, false);
    return finish_transfer(net, conductance, reduction);
}

}  // namespace attohm
