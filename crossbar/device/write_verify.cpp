#include "crossbar/device/write_verify.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kMicro = 1e-6;
/// Cells that run side by side; no draw depends on it.
constexpr std::size_t kBlock = 512;

/// The cells of a block that are not accepted yet, and their state.
struct Block {
    std::array<std::uint32_t, kBlock> cell;  ///< place in the block
    std::array<double, kBlock> conductance;  ///< G_p, by place
    std::array<double, kBlock> reading;      ///< R_p, by place
    std::array<float, kBlock> z;             ///< by rank among the active
    std::array<float, kBlock> dense;
    std::array<std::uint64_t, kBlock> index;
    std::size_t active = 0;
};

/// Draws of the active cells: the same values, by the cheaper of two ways.
void draw(const Stream& stream, std::uint64_t first, std::size_t cells, Block& block) {
    // A block of the generator gives four draws, so picking single ones costs up to four times.
    if (4 * block.active >= cells) {
        stream.normals(first, {block.dense.data(), cells});
        for (std::size_t a = 0; a < block.active; ++a) block.z[a] = block.dense[block.cell[a]];
        return;
    }
    for (std::size_t a = 0; a < block.active; ++a) block.index[a] = first + block.cell[a];
    stream.normals_at({block.index.data(), block.active}, {block.z.data(), block.active});
}

/// One pulse of every active cell.
void pulse_cells(const WriteVerify& loop, const ConductanceRange& range, int pulse,
                 const double* targets, Block& block, WriteVerifyTotals& totals) {
    const double floor = range.floor.value();
    const double ceiling = range.ceiling ? range.ceiling->value() : HUGE_VAL;
    const double step = loop.pulse_step.value(), sigma = loop.pulse_sigma.value();
    for (std::size_t a = 0; a < block.active; ++a) {
        const std::uint32_t i = block.cell[a];
        double g = range.min.value();
        if (pulse > 0) g = block.conductance[i] + (targets[i] > block.reading[i] ? step : -step);
        g += sigma * static_cast<double>(block.z[a]);
        const double kept = std::clamp(g, floor, ceiling);
        totals.clipped += kept != g ? 1 : 0;
        block.conductance[i] = kept;
        totals.conductance_S += kept;
    }
    totals.pulses += static_cast<std::int64_t>(block.active);
}

/// One verify read of every active cell; those that it accepts leave.
void verify_cells(const WriteVerify& loop, const double* targets, const double* windows,
                  Block& block) {
    std::size_t left = 0;
    for (std::size_t a = 0; a < block.active; ++a) {
        const std::uint32_t i = block.cell[a];
        block.reading[i] =
            block.conductance[i] * (1.0 + loop.read_sigma_rel * static_cast<double>(block.z[a]));
        if (!(std::abs(block.reading[i] - targets[i]) <= windows[i])) block.cell[left++] = i;
    }
    block.active = left;
}

WriteVerifyTotals write_block(const WriteVerify& loop, const ConductanceRange& range,
                              std::span<const double> targets, const Stream& stream,
                              std::uint64_t first, std::span<double> written,
                              std::span<std::uint32_t> pulses) {
    WriteVerifyTotals totals;
    Block block;
    std::array<double, kBlock> windows;
    const std::size_t n = targets.size();
    for (std::size_t i = 0; i < n; ++i) {
        block.cell[i] = static_cast<std::uint32_t>(i);
        windows[i] = loop.window_of(Siemens::from_value(targets[i])).value();
    }
    block.active = n;
    for (int p = 0; p < loop.pulses_max && block.active > 0; ++p) {
        const auto pulse = static_cast<std::uint64_t>(p);
        if (!pulses.empty()) {
            for (std::size_t a = 0; a < block.active; ++a)
                pulses[block.cell[a]] = static_cast<std::uint32_t>(p + 1);
        }
        draw(stream.with(2 * pulse), first, n, block);
        pulse_cells(loop, range, p, targets.data(), block, totals);
        draw(stream.with(2 * pulse + 1), first, n, block);
        verify_cells(loop, targets.data(), windows.data(), block);
    }
    totals.cells = static_cast<std::int64_t>(n);
    totals.failed = static_cast<std::int64_t>(block.active);
    std::copy_n(block.conductance.begin(), n, written.begin());
    return totals;
}

}  // namespace

Joule WriteVerifyTotals::energy(const WriteModel& write) const {
    return Joule::from_value(write.pulse_energy_per_S() * conductance_S);
}

Second WriteVerifyTotals::time(const WriteModel& write) const {
    return write.pulse_and_verify_time() * static_cast<double>(pulses);
}

WriteVerifyTotals& WriteVerifyTotals::operator+=(const WriteVerifyTotals& more) {
    cells += more.cells;
    pulses += more.pulses;
    failed += more.failed;
    clipped += more.clipped;
    conductance_S += more.conductance_S;
    return *this;
}

WriteVerifyTotals write_cells(const WriteVerify& loop, const ConductanceRange& range,
                              std::span<const double> targets, const Stream& stream,
                              std::uint64_t first_cell, std::span<double> written,
                              std::span<std::uint32_t> pulses) {
    ATTOHM_CHECK_EQ(targets.size(), written.size());
    ATTOHM_CHECK(pulses.empty() || pulses.size() == targets.size());
    WriteVerifyTotals totals;
    for (std::size_t start = 0; start < targets.size(); start += kBlock) {
        const std::size_t n = std::min(kBlock, targets.size() - start);
        totals += write_block(loop, range, targets.subspan(start, n), stream, first_cell + start,
                              written.subspan(start, n),
                              pulses.empty() ? pulses : pulses.subspan(start, n));
    }
    return totals;
}

EnduranceCounter::EnduranceCounter(std::size_t cells, std::optional<double> endurance_cycles)
    : pulses_(cells, 0), limit_(endurance_cycles) {
    ATTOHM_CHECK_LT(std::size_t{0}, cells);
}

void EnduranceCounter::add(std::size_t first, std::span<const std::uint32_t> pulses) {
    ATTOHM_CHECK_LE(first + pulses.size(), pulses_.size());
    for (std::size_t i = 0; i < pulses.size(); ++i) pulses_[first + i] += pulses[i];
}

std::uint64_t EnduranceCounter::worst() const {
    return *std::max_element(pulses_.begin(), pulses_.end());
}

double EnduranceCounter::mean() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t p : pulses_) sum += p;
    return static_cast<double>(sum) / static_cast<double>(pulses_.size());
}

std::size_t EnduranceCounter::over() const {
    if (!limit_) return 0;
    return static_cast<std::size_t>(
        std::count_if(pulses_.begin(), pulses_.end(),
                      [&](std::uint64_t p) { return static_cast<double>(p) > *limit_; }));
}

std::optional<double> EnduranceCounter::writes_left(std::int64_t writes_so_far) const {
    const auto most = static_cast<double>(worst());
    if (!limit_ || most == 0.0 || writes_so_far <= 0) return std::nullopt;
    return std::max(*limit_ - most, 0.0) * static_cast<double>(writes_so_far) / most;
}

std::optional<WriteVerify> load_write_verify(const Settings& card) {
    if (!has_section(card, "verify")) return std::nullopt;
    WriteVerify loop;
    const bool relative = card.has("verify.window_rel");
    if (relative && card.has("verify.window_uS")) {
        throw UserError("the window of the verify loop is given twice",
                        card.entry("verify.window_rel").where, "window_uS and window_rel",
                        "one of the two");
    }
    const Range positive_uS{1e-9, 1e7};
    const auto micro = [&](std::string_view key, Range range) {
        return Siemens::from_value(card.real(key, range) * kMicro);
    };
    if (relative) {
        loop.window_rel = card.real("verify.window_rel", {1e-9, 1.0});
    } else {
        loop.window = micro("verify.window_uS", positive_uS);
    }
    loop.pulse_step = micro("verify.pulse_step_uS", positive_uS);
    loop.pulse_sigma = micro("verify.pulse_sigma_uS", {0.0, 1e7});
    loop.pulses_max = static_cast<int>(card.integer("verify.pulses_max", {1, 1000000}));
    loop.read_sigma_rel = card.real("verify.read_sigma_rel", {0.0, 10.0});
    loop.endurance_cycles = card.real_or("verify.endurance_cycles", "none", {1.0, 1e18});
    return loop;
}

}  // namespace attohm
