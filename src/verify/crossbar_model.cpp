#include "src/verify/crossbar_model.hpp"

#include "crossbar/array/programmed_keys.hpp"
#include "crossbar/wires/kron_reduction.hpp"

namespace attohm {

namespace {

KeyColumns write_keys(const Device& device, const KeyRequest& asked) {
    const Mapping mapping(device.g_min, device.g_max, CrossbarModel::kKeyBits,
                          {asked.signs, std::nullopt});
    ArraySettings arrays;
    arrays.shape = {static_cast<int>(asked.levels.cols), static_cast<int>(asked.levels.rows)};
    const KeyCells cells(asked.levels, mapping, device, arrays.shape, asked.site);
    const std::vector<double> age_s(asked.levels.rows, device.programming.measured_at.value());
    ReadState state;
    state.age_s = age_s;
    state.step_time = Second::from_value(1e-8);
    state.step_voltage = Volt::from_value(0.1);
    ProgrammedKeys keys = programmed_keys(cells, asked.levels, mapping, device, arrays, state);
    KeyColumns columns;
    columns.mean = std::move(keys.mean);
    for (CellPlane& plane : keys.cells)
        columns.columns.push_back({plane.plane.polarity, std::move(plane.conductance)});
    return columns;
}

WireSolution solve_nodes(MatrixView<const double> conductance, const WireResistances& wires,
                         const std::vector<double>& inputs) {
    WireSolution solution;
    solution.transfer = solve_transfer(conductance, wires).transfer;
    const WireNetwork net = make_wire_network(conductance.rows, conductance.cols, wires);
    solution.row_nodes.resize(conductance.rows, conductance.cols);
    solution.column_nodes.resize(conductance.rows, conductance.cols);
    KronReduction reduction(net, FarEnds::free);
    reduction.reduce(conductance, false);
    reduction.voltages(inputs.data(), solution.row_nodes.view(), solution.column_nodes.view());
    return solution;
}

}  // namespace

CrossbarModel real_model(const Device& device) {
    CrossbarModel model;
    model.device = device;
    model.program = [](const Device& d, MatrixView<const double> target_S, const DrawSite& site,
                       std::optional<Second> age) { return program_plain(target_S, d, site, age); };
    model.read = [](const Device& d, MatrixView<const double> g, MatrixView<const double> v,
                    const PlainReadSettings& settings) {
        return read_plain(g, v, d, settings).current_A;
    };
    model.keys = write_keys;
    model.solve = solve_nodes;
    model.segment = segment_resistance;
    model.cell_current = [](const Device& d, Siemens g, Volt v) { return d.cell.current(g, v); };
    return model;
}

}  // namespace attohm
