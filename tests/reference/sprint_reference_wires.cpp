#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference_parts.hpp"

/// The twin's arrays as circuits: one nodal solve for every array and step, with the conductances
/// that the step meets.
///
/// Columns from the drivers on: the reference column's planes, then slot by slot the planes of a
/// key. A part has cells on the word lines of its elements; all word lines are there. A
/// slot without a key has no columns (`open`), or cells of exactly G_min on the same word lines
/// (`reset`).
namespace attohm::reference {

namespace {

/// One physical column of an array of the part that is read.
struct Line {
    bool reference = false;
    bool written = true;
    std::size_t plane = 0;
    std::size_t key = 0;
};

std::vector<Line> lines_of(const ReadFrame& frame, std::size_t array) {
    std::vector<Line> lines;
    if (frame.has_reference())
        for (std::size_t p = 0; p < frame.planes(); ++p) lines.push_back({true, true, p, 0});
    const std::size_t first = array * frame.places.keys_per_array;
    for (std::size_t j = first; j < first + frame.places.keys_per_array; ++j) {
        const bool written = j < static_cast<std::size_t>(frame.head.valid_k);
        if (!written && frame.settings.unwritten == ReferenceUnwritten::open) continue;
        for (std::size_t p = 0; p < frame.planes(); ++p) lines.push_back({false, written, p, j});
    }
    return lines;
}

/// Mean over the valid keys of what the cells of a plane hold.
double mean_digit(const ReadFrame& frame, std::size_t plane) {
    const Matrix<double>& digit = frame.cells.planes[plane].digit;
    const auto keys = static_cast<std::size_t>(frame.head.valid_k);
    double sum = 0.0;
    for (std::size_t j = 0; j < keys; ++j)
        for (std::size_t i = 0; i < digit.cols(); ++i) sum += digit(j, i);
    return sum / static_cast<double>(keys * digit.cols());
}

/// A cell with that digit, warm or cold, as it was written.
double digit_S(const ReadFrame& frame, double digit) {
    const double G = frame.settings.G_min_S + frame.cells.dG_S * digit;
    return frame.settings.temperature_factor ? G * frame.settings.temperature_factor(G) : G;
}

double cell_S(const ReadFrame& frame, const CellNoise& noise, std::size_t event, std::size_t array,
              const Line& line, std::size_t i) {
    const SprintReferencePlane& plane = frame.cells.planes[line.plane];
    const double G_min_S = frame.settings.G_min_S, dG_S = frame.cells.dG_S;
    if (line.reference)
        return G_min_S + dG_S * plane.reference_digit +
               frame.shot.reference_error_S[line.plane](array, i) +
               noise.reference_S(event, line.plane, array, i);
    if (!line.written) return G_min_S;
    return G_min_S + dG_S * plane.digit(line.key, i) + frame.shot.error_S[line.plane](line.key, i) +
           noise.key_S(event, line.plane, line.key, i);
}

Matrix<double> conductances(const ReadFrame& frame, const CellNoise& noise, std::size_t event,
                            std::size_t array, const std::vector<Line>& lines) {
    Matrix<double> G_S(frame.places.rows, lines.size());
    for (std::size_t c = 0; c < lines.size(); ++c)
        for (std::size_t r = 0; r < frame.places.depth(frame.part_of(event)); ++r)
            G_S(r, c) = cell_S(frame, noise, event, array, lines[c], frame.element(event, r));
    return G_S;
}

std::vector<double> inputs_V(const ReadFrame& frame, std::size_t event) {
    std::vector<double> v(frame.places.rows, 0.0);
    for (std::size_t r = 0; r < v.size(); ++r) {
        const std::size_t i = frame.element(event, r);
        if (i < frame.places.d) v[r] = frame.step_of(event).drive[i] * frame.unit_V;
    }
    return v;
}

/// The network of an array, factorised anew where any conductance differs from the last one's.
const NodalReference& network(Matrix<double> G_S, const WireResistances& wires, std::size_t array,
                              SolvedArrays& solved) {
    if (solved.arrays.size() <= array) solved.arrays.resize(array + 1);
    SolvedArrays::One& one = solved.arrays[array];
    const bool same = one.network && one.conductance_S.cols() == G_S.cols() &&
                      one.conductance_S.rows() == G_S.rows() &&
                      std::equal(G_S.data(), G_S.data() + G_S.size(), one.conductance_S.data());
    if (!same) {
        one.network = std::make_unique<NodalReference>(
            MatrixView<const double>(G_S.data(), G_S.rows(), G_S.cols()), wires);
        one.conductance_S = std::move(G_S);
    }
    return *one.network;
}

std::vector<double> line_currents_A(const ReadFrame& frame, Matrix<double> G_S, std::size_t array,
                                    const std::vector<double>& v_in, SolvedArrays& solved) {
    const SprintReferenceSettings& settings = frame.settings;
    if (!settings.iv_shape_V)
        return network(std::move(G_S), settings.wires, array, solved).solve(v_in).current;
    const CellCurrent cell = [&](double G, double volt) { return G * settings.iv_shape_V(volt); };
    const NodalSolution found = solve_by_secants(
        MatrixView<const double>(G_S.data(), G_S.rows(), G_S.cols()), settings.wires, cell, v_in);
    return found.current;
}

}  // namespace

Currents wired_currents(const ReadFrame& frame, const CellNoise& noise, std::size_t event,
                        SolvedArrays& solved) {
    Currents currents;
    currents.keys.assign(frame.planes(), std::vector<Current>(frame.head.n_k()));
    currents.references.assign(frame.planes(), std::vector<Current>(frame.arrays()));
    const std::vector<double> v_in = inputs_V(frame, event);
    for (std::size_t a = 0; a < frame.arrays(); ++a) {
        const std::vector<Line> lines = lines_of(frame, a);
        const std::vector<double> ampere =
            line_currents_A(frame, conductances(frame, noise, event, a, lines),
                            frame.places.physical(a, frame.part_of(event)), v_in, solved);
        for (std::size_t c = 0; c < lines.size(); ++c) {
            const Line& line = lines[c];
            if (line.reference)
                currents.references[line.plane][a].level = ampere[c] / frame.unit_A();
            else if (line.written)
                currents.keys[line.plane][line.key].level = ampere[c] / frame.unit_A();
        }
    }
    return currents;
}

std::vector<Matrix<double>> wired_reference_sensitivity(const ReadFrame& frame, std::size_t event) {
    // Non-linear cells: those of the linear network, which only steer where the given draw goes.
    std::vector<Matrix<double>> sensitivity(frame.planes(),
                                            Matrix<double>(frame.arrays(), frame.places.d));
    const std::vector<double> v_in = inputs_V(frame, event);
    for (std::size_t a = 0; a < frame.arrays(); ++a) {
        const std::vector<Line> lines = lines_of(frame, a);
        const Matrix<double> G_S = conductances(frame, CellNoise(frame), event, a, lines);
        const NodalReference network(MatrixView<const double>(G_S.data(), G_S.rows(), G_S.cols()),
                                     frame.settings.wires);
        const NodalSolution at = network.solve(v_in);
        for (std::size_t p = 0; p < frame.planes(); ++p) {
            const Matrix<double> h = network.adjoint(p);
            for (std::size_t r = 0; r < frame.places.depth(frame.part_of(event)); ++r)
                sensitivity[p](a, frame.element(event, r)) =
                    h(r, p) * (at.row_voltage(r, p) - at.column_voltage(r, p)) / frame.unit_V;
        }
    }
    return sensitivity;
}

std::vector<double> wire_gains(const ReadFrame& frame) {
    const std::size_t n = static_cast<std::size_t>(frame.head.valid_k);
    std::vector<double> measured(n, 0.0), nominal(n, 0.0);
    for (std::size_t part = 0; part < frame.places.parts; ++part) {
        for (std::size_t a = 0; a < frame.arrays(); ++a) {
            const std::vector<Line> lines = lines_of(frame, a);
            Matrix<double> G_S(frame.places.rows, lines.size());
            for (std::size_t c = 0; c < lines.size(); ++c) {
                double digit = frame.cells.planes[lines[c].plane].reference_digit;
                if (!lines[c].reference) digit = mean_digit(frame, lines[c].plane);
                const double G = lines[c].written ? digit_S(frame, digit) : frame.settings.G_min_S;
                for (std::size_t r = 0; r < frame.places.depth(part); ++r) G_S(r, c) = G;
            }
            const NodalReference network(
                MatrixView<const double>(G_S.data(), G_S.rows(), G_S.cols()), frame.settings.wires);
            // A volt on every row: a column without wires would give the sum of its cells.
            const std::vector<double> ones(frame.places.rows, 1.0);
            const std::vector<double> ampere = network.solve(ones).current;
            for (std::size_t c = 0; c < lines.size(); ++c) {
                if (lines[c].reference || !lines[c].written) continue;
                const double weight = std::abs(frame.cells.planes[lines[c].plane].weight);
                measured[lines[c].key] += weight * ampere[c];
                for (std::size_t r = 0; r < frame.places.depth(part); ++r)
                    nominal[lines[c].key] += weight * G_S(r, c);
            }
        }
    }
    for (std::size_t j = 0; j < n; ++j) measured[j] /= nominal[j];
    return measured;
}

double cell_gain(const ReadFrame& frame) {
    double rise_S = 0.0, digits = 0.0;
    for (std::size_t p = 0; p < frame.planes(); ++p) {
        const double mean = mean_digit(frame, p), weight = std::abs(frame.cells.planes[p].weight);
        rise_S += weight * (digit_S(frame, 1.5 * mean) - digit_S(frame, 0.5 * mean));
        digits += weight * mean;
    }
    return rise_S / (digits * frame.cells.dG_S);
}

}  // namespace attohm::reference

namespace attohm {

std::vector<double> sprint_reference_gains(const AttentionHead& head,
                                           const SprintReferenceCodes& codes,
                                           const SprintReferenceCells& cells,
                                           const SprintReferenceSettings& settings,
                                           const DrawSite& site, bool by_array) {
    ATTOHM_CHECK(!settings.aged_S && !settings.relaxation_mean_S && !settings.iv_shape_V);
    const reference::ReadFrame frame(head, codes, cells, settings, site, 0);
    std::vector<double> gains = reference::wire_gains(frame);
    const double cell = reference::cell_gain(frame);
    for (double& gain : gains) gain *= cell;
    if (!by_array) return gains;
    std::vector<double> sum(frame.arrays(), 0.0), count(frame.arrays(), 0.0);
    for (std::size_t j = 0; j < gains.size(); ++j) {
        sum[frame.places.array(j)] += gains[j];
        count[frame.places.array(j)] += 1.0;
    }
    for (std::size_t j = 0; j < gains.size(); ++j)
        gains[j] = sum[frame.places.array(j)] / count[frame.places.array(j)];
    return gains;
}

}  // namespace attohm
