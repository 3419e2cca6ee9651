#include "src/tile/sprint_tile.hpp"

#include <algorithm>
#include <limits>

#include "src/tile/column_path.hpp"
#include "src/tile/output_path.hpp"
#include "src/tile/slow_reads.hpp"
#include "src/tile/tile_core.hpp"

namespace attohm {

TileTotals& TileTotals::operator+=(const TileTotals& part) {
    sense_clipped += part.sense_clipped;
    column_clipped += part.column_clipped;
    adc_clipped += part.adc_clipped;
    if (part.adc_codes && adc_codes) *adc_codes += *part.adc_codes;
    if (part.adc_codes && !adc_codes) adc_codes = part.adc_codes;
    undecided += part.undecided;
    times += part.times;
    cell_J += part.cell_J;
    driver_J += part.driver_J;
    noise_variance += part.noise_variance;
    decisions += part.decisions;
    return *this;
}

std::string_view read_path_name(ReadPath path) {
    switch (path) {
        case ReadPath::output:
            return "output";
        case ReadPath::cells:
            return "cells";
        case ReadPath::column:
            break;
    }
    return "column";
}

class SprintTile::Impl {
  public:
    Impl(const TileCircuits& circuits, const Mapping& mapping, const Device& device,
         const DrawSite& site, MatrixView<const float> levels, std::size_t n_k)
        : core(circuits, mapping, device, site, levels, n_k) {
        const bool by_column = ColumnPath::needed(circuits, device, core.parts());
        if (by_column) columns.emplace(core);
        if (!device.slow_noise.none() || !device.telegraph.none()) {
            slow.emplace(core.device, core.drive, circuits.schedule, site, circuits.arrays.shape,
                         core.keys(), by_column);
            look();
        }
    }

    /// Amplitudes of the noise with memory follow the cells as they are now.
    void look() {
        if (!slow) return;
        quiet_mean = core.keys().mean;
        for (VoltageClass& one : core.classes) slow->look(one.keys);
    }

    ReadPath path() const {
        if (columns) return ReadPath::column;
        return slow && slow->tracks() ? ReadPath::cells : ReadPath::output;
    }

    /// The block with keys without the frozen part of their noise, all noise in the variance.
    ReadBlock marginal(const ReadBlock& block) const {
        ReadBlock quiet = block;
        slow->marginal_law(quiet_mean, core, quiet);
        core.subtract_reference_noise(quiet);
        return quiet;
    }

    /// Noise with memory where every array has word lines of its own: cell by cell, one query.
    void add_changes(SlowReads& follows, ReadBlock& block) const {
        const std::size_t n = core.n();
        std::vector<Matrix<float>> changes;
        for (std::size_t step = 0; step < core.drive.steps(); ++step) {
            const LineInputs inputs = core.step_inputs(block, step);
            follows.changes(block.first, step, changes);
            const auto weight = static_cast<float>(core.drive.weight(step));
            for (const Matrix<float>& change : changes) {
                Matrix<float> out(1, change.rows());
                core.product(inputs, change.view(), 0, core.d(), false, out.view());
                for (std::size_t j = 0; j < n; ++j) {
                    const std::size_t a = core.circuits.arrays.shape.array_of(j);
                    const float reference = change.rows() > n ? out(0, n + a) : 0.0F;
                    block.analog(0, j) += weight * (out(0, j) - reference);
                }
            }
        }
    }

    void decide(ReadBlock& block, MatrixView<std::uint8_t> keep, MatrixView<float> p_keep,
                MatrixView<float> p_marginal, TileTotals& totals) {
        SlowReads* follows = slow && slow->tracks() ? &*slow : nullptr;
        if (columns) {
            columns->decide(block, follows, keep, totals);
            // Clipped and converted columns have no Gaussian law: the expected rates are unknown.
            for (const MatrixView<float>& p : {p_keep, p_marginal}) {
                for (std::size_t t = 0; t < p.rows; ++t) {
                    std::fill_n(p.row(t), core.n(), std::numeric_limits<float>::quiet_NaN());
                }
            }
        } else {
            const bool other_law = !p_marginal.empty() && slow;
            if (other_law) core.know_variance(block);
            ReadBlock quiet = other_law ? marginal(block) : ReadBlock{};
            if (follows != nullptr && !core.lines.none()) {
                add_changes(*follows, block);
            } else if (follows != nullptr) {
                follows->add_to(block.first, block.codes, block.analog.view());
            }
            core.subtract_reference_noise(block);
            const OutputPath quiet_path(core, quiet);
            OutputPath(core, block)
                .decide(keep, p_keep, totals, other_law ? &quiet_path : nullptr, p_marginal);
            if (!p_marginal.empty() && !slow) {
                for (std::size_t t = 0; t < block.rows(); ++t) {
                    std::copy_n(p_keep.row(t), core.n(), p_marginal.row(t));
                }
            }
        }
        core.add_totals(block, totals);
    }

    TileCore core;
    std::optional<ColumnPath> columns;
    std::optional<SlowReads> slow;
    Matrix<float> quiet_mean;  ///< of the keys, without the frozen part of slow noise
};

SprintTile::SprintTile(const TileCircuits& circuits, const Mapping& mapping, const Device& device,
                       const DrawSite& site, MatrixView<const float> levels, std::size_t n_k) {
    impl_ = std::make_unique<Impl>(circuits, mapping, device, site, levels, n_k);
}

SprintTile::~SprintTile() = default;
SprintTile::SprintTile(SprintTile&&) noexcept = default;

const ProgrammedKeys& SprintTile::keys() const {
    return impl_->core.keys();
}

ReadPath SprintTile::path() const {
    return impl_->path();
}

std::span<const float> SprintTile::threshold_gains() const {
    return impl_->core.gains;
}

std::int64_t SprintTile::trim_measurements() const {
    return impl_->core.trim_measurements;
}

std::int64_t SprintTile::gain_measurements() const {
    return impl_->core.gain_measurements;
}

std::int64_t SprintTile::trim_clamped() const {
    return impl_->core.trim_clamped;
}

TileTotals SprintTile::decide(std::size_t first, MatrixView<const float> nq,
                              std::span<const float> threshold, const CountedKeys& counted,
                              MatrixView<std::uint8_t> keep, MatrixView<float> p_keep,
                              MatrixView<float> p_marginal) {
    TileTotals totals;
    TileCore& core = impl_->core;
    const bool one_by_one =
        (impl_->columns || !core.lines.none()) && impl_->slow && impl_->slow->tracks();
    for (std::size_t t = 0; t < nq.rows;) {
        if (core.refresh(first + t)) impl_->look();
        std::size_t end = core.same_age_until(first + t, first + nq.rows) - first;
        if (one_by_one) end = t + 1;
        const std::size_t count = end - t;
        const CountedKeys some{
            counted.end.subspan(t, count),
            counted.mask.empty() ? counted.mask : counted.mask.rows_from(t, count)};
        ReadBlock block =
            core.make_block(first + t, nq.rows_from(t, count), threshold.subspan(t, count), some);
        const auto rows = [&](MatrixView<float> p) {
            return p.empty() ? p : p.rows_from(t, count);
        };
        impl_->decide(block, keep.rows_from(t, count), rows(p_keep), rows(p_marginal), totals);
        t = end;
    }
    return totals;
}

}  // namespace attohm
