#include "circuits/reram_memory.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"

namespace attohm {

std::int64_t ReramMemory::mlc_sense_decisions(int bits) {
    return (std::int64_t{1} << bits) - 1;
}

std::int64_t ReramMemory::mlc_sense_steps(int bits) const {
    return sequential_mlc_sense ? mlc_sense_decisions(bits) : 1;
}

std::int64_t ReramMemory::read_cycles(std::int64_t slc_bits, std::int64_t mlc_elements,
                                      int mlc_bits) const {
    const std::int64_t mlc_slots = mlc_elements == 0 ? 0 : mlc_elements * mlc_sense_steps(mlc_bits);
    return ceil_div(slc_bits + mlc_slots, read_bits_per_cycle);
}

std::int64_t ReramMemory::write_cycles(std::int64_t cells, double pulses, double pulse_s,
                                       double clock_Hz) const {
    if (cells == 0) return 0;
    ATTOHM_CHECK(std::isfinite(pulse_s) && pulse_s > 0.0);
    ATTOHM_CHECK(std::isfinite(pulses) && pulses > 0.0);
    // A pulse of 50 ns at 1 GHz is 50 cycles, not 51 because of the last bit of a product.
    const auto pulse_cycles = static_cast<std::int64_t>(std::ceil(pulse_s * clock_Hz - 1e-6));
    const auto rounds = static_cast<std::int64_t>(std::ceil(pulses - 1e-9));
    return ceil_div(cells, write_cells_in_parallel) * rounds * pulse_cycles;
}

std::int64_t ReramMemory::threshold_cycles(int reads, std::int64_t bits) const {
    const std::int64_t conversions = (converts_every_read ? reads : 1) * conversion_cycles;
    return t_cl_cycles + reads * t_ax_th_cycles + conversions + t_cl_cycles +
           ceil_div(bits, read_bits_per_cycle);
}

ReramMemory reram_memory(const Settings& settings) {
    const Range count{1, 1e6};
    ReramMemory memory;
    memory.in_memory_mac = cited(settings, "memory.in_memory_pJ_per_MAC", kPico, kNonNegative);
    memory.read_bit = cited(settings, "memory.read_pJ_per_bit", kPico, kPositive);
    memory.write_bit = cited(settings, "memory.write_pJ_per_bit", kPico, kPositive);
    const std::int64_t channels = settings.integer("memory.channels", count);
    const std::int64_t banks = settings.integer("memory.banks_per_channel", count);
    const std::int64_t bank_bits = settings.integer("memory.bank_read_bits", count);
    const std::int64_t bus = settings.integer("memory.read_bits_per_cycle_per_channel", count);
    memory.t_cl_cycles = settings.integer("memory.t_cl_cycles", count);
    const std::int64_t from_banks =
        std::max<std::int64_t>(1, banks * bank_bits / memory.t_cl_cycles);
    memory.read_bits_per_cycle = channels * std::min(bus, from_banks);
    memory.t_ax_th_cycles = settings.integer("memory.t_ax_th_cycles", count);
    memory.write_cells_in_parallel = settings.integer("memory.write_cells_in_parallel", {1, 1e9});
    memory.sequential_mlc_sense =
        settings.choice("memory.mlc_sense", {"sequential", "parallel"}) == "sequential";
    memory.writes_overlap = settings.choice("memory.write_overlap", {"none", "full"}) == "full";
    return memory;
}

}  // namespace attohm
