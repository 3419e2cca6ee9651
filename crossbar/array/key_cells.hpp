#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "crossbar/array/array_shape.hpp"
#include "crossbar/array/draws.hpp"
#include "crossbar/array/mapping.hpp"
#include "crossbar/device/device.hpp"
#include "src/base/matrix.hpp"

namespace attohm {

/// Cells of one physical column of every key, in units of dG. Rows 0 .. n - 1 are keys; where the
/// mapping has a reference, row n + a is the reference column of array group a.
struct CellPlane {
    Plane plane;
    std::shared_ptr<const Matrix<float>> targets;  ///< [n (+ groups), d]; of the write event
    Matrix<float> conductance;                     ///< the same shape

    const Matrix<float>& target() const { return *targets; }
};

/// What happened to the cells, keys and references together.
struct CellCounts {
    std::int64_t cells = 0;        ///< cells written in this write event (keys only)
    std::int64_t floored = 0;      ///< draws below the floor
    std::int64_t ceiled = 0;       ///< draws above the ceiling
    std::int64_t stuck = 0;        ///< stuck cells among those of the keys
    std::int64_t age_clamped = 0;  ///< keys younger than the age their sigma was measured at
    WriteVerifyTotals verify;      ///< where the write loop is simulated
};

/// One write event: the cells of all keys of one head, plane by plane. Per cell, in this order:
/// target, write (open loop or write-verify), relaxation to its age, clip to floor and ceiling,
/// temperature, stuck value. Source: physics.md section 3.
/// Not modelled: a key that is rewritten while others stay, disturb of neighbours.
class KeyCells {
  public:
    /// Args: levels: [n, d] integer levels (real where the mapping is ideal).
    KeyCells(MatrixView<const float> levels, const Mapping& mapping, const Device& device,
             const ArrayShape& shape, const DrawSite& site);

    /// Cells at their ages.
    /// Args: age_s: [n] seconds since each key's own write; the references are as old as the
    /// oldest.
    std::vector<CellPlane> at(std::span<const double> age_s, CellCounts& counts) const;

    std::size_t keys() const { return keys_; }
    std::size_t depth() const { return depth_; }
    std::size_t references() const { return references_; }
    const WriteVerifyTotals& verify() const { return verify_; }

  private:
    void write_plane(const Plane& plane, MatrixView<const float> levels);
    void write_rows(const Plane& plane, CellPlane& cells, std::size_t first, std::size_t count,
                    std::size_t stream_row, const Stream& programming, const Stream& verify);
    Matrix<float> targets_of(const Plane& plane, MatrixView<const float> levels) const;
    void relax(CellPlane& cells, std::span<const double> age_s, CellCounts& counts) const;
    void stick(CellPlane& cells, CellCounts& counts) const;

    Mapping mapping_;
    Device device_;
    ArrayShape shape_;
    DrawSite site_;
    std::size_t keys_;
    std::size_t depth_;
    std::size_t references_;
    std::vector<CellPlane> written_;
    WriteVerifyTotals verify_;
};

}  // namespace attohm
