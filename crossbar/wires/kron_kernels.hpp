#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/simd_level.hpp"

/// Arithmetic of the Kron reduction: eliminate nodes of a network of conductances.
///
/// Matrices hold the conductance N_ij >= 0 between two nodes, upper triangle only, without a
/// diagonal: a node's own entry is the sum of its row. Nothing is ever subtracted from a
/// conductance, so all entries keep their relative accuracy whatever the ratio of wire to cell.
///
/// Two layouts:
/// - lanes: kKronLanes networks of one shape side by side; entry (i, j), i < j, of an n-node
///   triangle is the vector at lane_index(n, i, j). For small leaves.
/// - panels: rows of the eliminated nodes of one network, cut into panels of kKronPanel columns;
///   panel J holds columns 8J .. 8J+7, row after row. Row and column counts are multiples of 8:
///   padding is 0.
/// Every sum runs in one order, so all SIMD levels give the same bytes.
namespace attohm {

inline constexpr std::size_t kKronLanes = 8;
inline constexpr std::size_t kKronPanel = 8;

/// Position of the first entry behind the diagonal of row i is lane_index(n, i, i + 1).
constexpr std::size_t lane_index(std::size_t n, std::size_t i, std::size_t j) {
    return i * (2 * n - i - 1) / 2 + (j - i - 1);
}
/// Vectors in the triangle of n nodes.
constexpr std::size_t lane_triangle(std::size_t n) {
    return n * (n - 1) / 2;
}

/// Panels of one front: `rows` eliminated nodes, columns = the same nodes, then the ports.
struct KronPanels {
    double* data = nullptr;
    double* inverse = nullptr;  ///< [rows] 1 / pivot
    std::size_t rows = 0;
    std::size_t panels = 0;
    std::size_t stride() const { return rows * kKronPanel; }
};

struct KronKernels {
    /// Eliminates the first `e` of `n` nodes of a lane triangle one after the other: the rest of
    /// the triangle becomes the network without them, inverse[k] = 1 / (sum of row k then).
    void (*eliminate_lanes)(double* front, std::size_t n, std::size_t e, double* inverse);
    /// front(map[i], map[j]) += child(e + i, e + j); `map` ascends.
    void (*add_lanes)(double* front, std::size_t n, const double* child, std::size_t child_n,
                      std::size_t child_e, const std::uint8_t* map);
    /// Voltages x [n][width] of lanes: fills the first e rows from the others.
    void (*substitute_lanes)(const double* front, std::size_t n, std::size_t e,
                             const double* inverse, double* x, std::size_t width);
    /// Cholesky factor of the eliminated nodes and what it makes of the ports' columns, in place:
    /// with Y_ee = U'U, the panels hold -U behind the diagonal, U'^-1 N_er, and 1 / diagonal of U.
    /// Nodes from `used` on are padding.
    void (*factor)(const KronPanels& front, std::size_t used);
    /// c [rows][ld] = inverse of a symmetric positive definite matrix: its entries behind the
    /// diagonal with the sign turned in the first `rows` columns, its diagonal in `inverse`. The
    /// front has twice as many columns as rows; both are overwritten.
    void (*invert)(const KronPanels& front, double* c, std::size_t ld);
    /// c += X'X for the ports' columns X: row panels [i0, i1) and column panels [j0, j1), counted
    /// from the first port. `upper`: only panels on or right of the diagonal. c has stride `ld` and
    /// starts at port 0.
    void (*update)(const KronPanels& front, std::size_t i0, std::size_t i1, std::size_t j0,
                   std::size_t j1, bool upper, double* c, std::size_t ld);
    /// Voltages x [8 panels][width], width a multiple of 8: fills the first `rows` from the others.
    void (*substitute)(const KronPanels& front, double* x, std::size_t ld, std::size_t width);
    /// The same for one vector.
    void (*substitute_one)(const KronPanels& front, double* x);
    /// c [m][n] += a b with the same tiles; m, n, k and the strides are multiples of 8. `at` is a
    /// transposed, [k][m].
    void (*multiply)(const double* at, std::size_t lda, const double* b, std::size_t ldb,
                     std::size_t m, std::size_t n, std::size_t k, double* c, std::size_t ldc);
};

/// The kernels of a level (of the nearest lower one where the compiler cannot build it).
const KronKernels& kron_kernels(SimdLevel level);

}  // namespace attohm
