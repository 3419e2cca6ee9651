#include "crossbar/array/key_cells.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/array/cell_kernels.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// The law of the programming error at every digit of a cell, in dG.
LevelTable level_table(const ProgrammingError& law, const Mapping& mapping) {
    LevelTable table;
    const double dG = mapping.dG().value();
    for (int digit = 0; digit <= mapping.largest_digit(); ++digit) {
        const Siemens target = mapping.g_min() + mapping.dG() * static_cast<double>(digit);
        const ProgrammingError::Level level = law.level(target);
        // The mean as the target in single precision plus the bias: no bias, no rounding.
        const auto exact = static_cast<float>(mapping.base_level() + static_cast<double>(digit));
        const double bias = (level.mean - target.value()) / dG;
        table.mean.push_back(bias == 0.0 ? exact : exact + static_cast<float>(bias));
        table.sigma.push_back(static_cast<float>(level.sigma / dG));
        table.sigma_ln.push_back(static_cast<float>(level.sigma_ln));
    }
    return table;
}

}  // namespace

KeyCells::KeyCells(MatrixView<const float> levels, const Mapping& mapping, const Device& device,
                   const ArrayShape& shape, const DrawSite& site)
    : mapping_(mapping),
      device_(device),
      shape_(shape),
      site_(site),
      keys_(levels.rows),
      depth_(levels.cols),
      references_(mapping.has_reference() ? shape.arrays(levels.rows) : 0) {
    for (const Plane& plane : mapping_.planes()) write_plane(plane, levels);
}

Matrix<float> KeyCells::targets_of(const Plane& plane, MatrixView<const float> levels) const {
    const auto base = static_cast<float>(mapping_.base_level());
    Matrix<float> targets;
    targets.resize(keys_ + references_, depth_);
    for (std::size_t j = 0; j < keys_; ++j) {
        const float* m = levels.row(j);
        float* target = targets.row(j);
        if (mapping_.signs() == Signs::differential && mapping_.slices() == 1) {
            const float sign = plane.polarity == Polarity::plus ? 1.0F : -1.0F;
            pair_targets(base, sign, m, target, depth_);
            continue;
        }
        for (std::size_t i = 0; i < depth_; ++i) {
            target[i] = base + static_cast<float>(mapping_.digit(plane, static_cast<double>(m[i])));
        }
    }
    const float reference = base + static_cast<float>(mapping_.reference_digit(plane));
    for (std::size_t a = 0; a < references_; ++a) {
        std::fill_n(targets.row(keys_ + a), depth_, reference);
    }
    return targets;
}

void KeyCells::write_plane(const Plane& plane, MatrixView<const float> levels) {
    CellPlane cells{plane, std::make_shared<const Matrix<float>>(targets_of(plane, levels)), {}};
    cells.conductance.resize(keys_ + references_, depth_);
    write_rows(plane, cells, 0, keys_, 0, programming_stream(site_, plane.id()),
               verify_stream(site_, plane.id()));
    for (std::size_t a = 0; a < references_; ++a) {
        write_rows(plane, cells, keys_ + a, 1, 0,
                   reference_programming_stream(site_, a, plane.id()),
                   reference_verify_stream(site_, a, plane.id()));
    }
    written_.push_back(std::move(cells));
}

/// Writes `count` rows of cells; their draws are those of rows stream_row, stream_row + 1, ...
void KeyCells::write_rows(const Plane&, CellPlane& cells, std::size_t first, std::size_t count,
                          std::size_t stream_row, const Stream& programming, const Stream& verify) {
    const std::size_t n = count * depth_;
    const float* target = cells.target().row(first);
    float* conductance = cells.conductance.row(first);
    const std::uint64_t index = stream_row * depth_;
    const double dG = mapping_.dG().value();
    if (device_.simulates_verify()) {
        std::vector<double> targets(n), written(n);
        for (std::size_t i = 0; i < n; ++i) targets[i] = static_cast<double>(target[i]) * dG;
        const WriteVerifyTotals totals = write_cells(*device_.verify, device_.conductance_range(),
                                                     targets, verify, index, written);
        if (first < keys_) verify_ += totals;
        for (std::size_t i = 0; i < n; ++i) conductance[i] = static_cast<float>(written[i] / dG);
        return;
    }
    if (device_.programming.none()) {
        std::copy_n(target, n, conductance);
        return;
    }
    AlignedVector<float> normals(n);
    programming.normals(index, normals);
    if (mapping_.bits()) {
        const LevelTable table = level_table(device_.programming, mapping_);
        write_levels(table, static_cast<float>(mapping_.base_level()), target, normals.data(),
                     conductance, n);
        return;
    }
    for (std::size_t i = 0; i < n; ++i) {
        const Siemens asked = Siemens::from_value(static_cast<double>(target[i]) * dG);
        const Siemens got = device_.programming.written(asked, static_cast<double>(normals[i]));
        conductance[i] = static_cast<float>(got.value() / dG);
    }
}

std::vector<CellPlane> KeyCells::at(std::span<const double> age_s, CellCounts& counts) const {
    ATTOHM_CHECK_EQ(age_s.size(), keys_);
    std::vector<CellPlane> planes = written_;
    const double dG = mapping_.dG().value();
    const auto floor = static_cast<float>(device_.g_floor.value() / dG);
    const auto ceiling = device_.g_ceiling ? static_cast<float>(device_.g_ceiling->value() / dG)
                                           : std::numeric_limits<float>::infinity();
    counts.cells = static_cast<std::int64_t>(planes.size() * keys_ * depth_);
    counts.verify = verify_;
    for (CellPlane& cells : planes) {
        relax(cells, age_s, counts);
        clip_cells(floor, ceiling, cells.conductance.data(), cells.conductance.size(),
                   counts.floored, counts.ceiled);
        const Temperature::Factors factors = device_.temperature_factors();
        if (!factors.none()) {
            factors.apply(mapping_.dG(), {cells.conductance.data(), cells.conductance.size()});
        }
        if (!device_.stuck.none()) stick(cells, counts);
    }
    return planes;
}

void KeyCells::relax(CellPlane& cells, std::span<const double> age_s, CellCounts& counts) const {
    if (!device_.relaxation) return;
    const bool first_plane = cells.plane.id() == written_.front().plane.id();
    const double oldest = age_s.empty() ? 0.0 : *std::max_element(age_s.begin(), age_s.end());
    AlignedVector<float> z(depth_);
    for (std::size_t j = 0; j < cells.conductance.rows(); ++j) {
        const bool key = j < keys_;
        const Relaxation::At law =
            device_.relaxation->at(Second::from_value(key ? age_s[j] : oldest));
        counts.age_clamped += law.clamped() && key && first_plane ? 1 : 0;
        if (law.none()) continue;
        const Stream stream = key ? relaxation_stream(site_, cells.plane.id())
                                  : reference_relaxation_stream(site_, j - keys_, cells.plane.id());
        stream.normals(key ? j * depth_ : 0, z);
        law.apply(mapping_.dG(), z, {cells.conductance.row(j), depth_});
    }
}

/// Faulty locations show their resistance, whatever was written.
void KeyCells::stick(CellPlane& cells, CellCounts& counts) const {
    const double dG = mapping_.dG().value();
    const auto low = static_cast<float>(device_.stuck.conductance(StuckKind::low).value() / dG);
    const auto high = static_cast<float>(device_.stuck.conductance(StuckKind::high).value() / dG);
    const std::size_t parts = shape_.parts(depth_);
    // The reference column lies behind the key slots.
    const std::size_t columns = shape_.slots() + (mapping_.has_reference() ? 1 : 0);
    Matrix<std::uint8_t> map(columns, shape_.word_lines());
    for (std::size_t array = 0; array < shape_.arrays(keys_); ++array) {
        const std::size_t begin = array * shape_.slots();
        const std::size_t end = std::min(keys_, begin + shape_.slots());
        for (std::size_t part = 0; part < parts; ++part) {
            const std::size_t physical = shape_.physical(array, part, depth_);
            fill_stuck_map(device_.stuck, stuck_streams(site_, physical, cells.plane.id()),
                           map.view());
            const auto show = [&](std::size_t slot, float* conductance) {
                std::int64_t stuck = 0;
                const std::size_t first = shape_.part_begin(part);
                for (std::size_t i = first; i < shape_.part_end(part, depth_); ++i) {
                    const auto kind = static_cast<StuckKind>(map(slot, i - first));
                    if (kind == StuckKind::none) continue;
                    conductance[i] = kind == StuckKind::low ? low : high;
                    ++stuck;
                }
                return stuck;
            };
            for (std::size_t j = begin; j < end; ++j) {
                counts.stuck += show(j - begin, cells.conductance.row(j));
            }
            if (references_ > 0) show(shape_.slots(), cells.conductance.row(keys_ + array));
        }
    }
}

}  // namespace attohm
