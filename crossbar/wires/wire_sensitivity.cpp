#include "crossbar/wires/wire_coupling.hpp"
#include "crossbar/wires/wire_solve.hpp"

namespace attohm {

WireSensitivity solve_sensitivity(MatrixView<const double> conductance,
                                  const WireResistances& wires) {
    const WireNetwork net = make_wire_network(conductance.rows, conductance.cols, wires);
    check_conductances(conductance);
    WireSensitivity result;
    if (wires.none()) {
        result.base = transposed_conductances(conductance);
        result.own = Matrix<double>(conductance.cols, conductance.rows, 1.0);
        return result;
    }
    KronReduction reduction(net, FarEnds::free);
    reduction.reduce(conductance, false);
    result.base = finish_transfer(net, conductance, reduction);
    result.own.resize(net.columns, net.rows);
    reduction.own_sensitivity(result.own.view());
    result.coupling = wire_coupling(conductance, wires);
    return result;
}

}  // namespace attohm
