#include "tests/reference/decode_reference.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace attohm::reference {

namespace {

/// How many groups of `size` hold n things, by filling them.
std::int64_t groups_of(std::int64_t n, std::int64_t size) {
    std::int64_t groups = 0;
    for (std::int64_t left = n; left > 0; left -= size) ++groups;
    return groups;
}

}  // namespace

ReferenceDecode walk_decode(const HeadWork& work, const Selection& selection,
                            const DecodeChip& chip, DecodePlan plan, bool is_warm) {
    const HeadShape& s = work.shape;
    const bool in_memory = plan == DecodePlan::sprint;
    const int msb = in_memory ? work.bits.k_msb : 0;
    const bool has_copy = in_memory && work.bits.k_msb_copy;
    const int sensed = has_copy ? 0 : msb;  // bits of K read from multi-level cells
    ReferenceDecode sum;
    std::set<int> written;
    std::set<int> buffer;
    for (int query = 0; query < s.valid_q; ++query) {
        // The query and the tokens up to its own are written, all cells of a kind side by side.
        std::int64_t slc = s.d * 8;
        std::int64_t mlc = 0;
        for (int key = 0; key < s.valid_k; ++key) {
            if (key > query + s.valid_k - s.valid_q || !written.insert(key).second) continue;
            if (!s.first_of_kv_head) continue;
            slc += s.d * (8 - msb) + s.dv * 8 + (has_copy ? s.d * msb : 0);
            mlc += msb > 0 ? 2 * s.d : 0;
        }
        sum.append_cycles +=
            groups_of(slc, chip.cells_in_parallel) * chip.slc_pulse +
            groups_of(mlc, chip.cells_in_parallel) * chip.mlc_pulses * chip.mlc_pulse;
        // CopyQ, one array read, ReadP of a bit per written key.
        std::int64_t cycles = 0;
        if (in_memory) {
            sum.keys_compared += static_cast<std::int64_t>(written.size());
            cycles += chip.t_cl + work.bits.reads_per_decision * chip.t_ax_th + chip.t_cl +
                      groups_of(static_cast<std::int64_t>(written.size()), chip.bits_per_cycle);
        }
        if (!is_warm) buffer.clear();
        std::vector<int> used;
        if (in_memory)
            for (const std::uint32_t key : selection.row(static_cast<std::size_t>(query)))
                used.push_back(static_cast<int>(key));
        else
            used.assign(written.begin(), written.end());
        std::int64_t read_slots = s.d * 8;
        std::vector<std::int64_t> load(static_cast<std::size_t>(chip.corelets), 0);
        for (std::size_t i = 0; i < used.size(); ++i) {
            // Baselines spread keys evenly, whichever they are.
            const std::size_t owner = in_memory ? static_cast<std::size_t>(used[i]) : i;
            ++load[owner % load.size()];
            if (!buffer.insert(used[i]).second) {
                ++sum.tokens_found;
                continue;
            }
            ++sum.tokens_fetched;
            read_slots += s.d * (8 - sensed) + s.dv * 8;
            if (sensed > 0) read_slots += s.d * ((std::int64_t{1} << sensed) - 1);
        }
        if (chip.is_sld) buffer = std::set<int>(used.begin(), used.end());
        const std::int64_t slots = *std::max_element(load.begin(), load.end());
        cycles += chip.t_cl + groups_of(read_slots, chip.bits_per_cycle);
        cycles += slots * groups_of(s.d, chip.macs);
        cycles += slots + chip.softmax_latency;
        cycles += slots * groups_of(s.dv, chip.macs);
        sum.chain_cycles += cycles;
    }
    return sum;
}

}  // namespace attohm::reference
