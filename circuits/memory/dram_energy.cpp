#include "circuits/memory/dram_energy.hpp"

namespace attohm {

DramEnergy dram_energy(const DramTable& table) {
    const DramTiming& t = table.timing;
    const DramCurrents& c = table.currents;
    const double devices = table.geometry.devices();
    const auto lasts = [&t](std::int64_t cycles) { return t.clock * static_cast<double>(cycles); };
    const auto per_channel = [&c, devices](Coulomb charge) -> Joule {
        return c.supply * charge * devices;
    };
    DramEnergy e;
    e.read_burst = per_channel((c.idd4r - c.idd3n) * lasts(t.burst));
    e.write_burst = per_channel((c.idd4w - c.idd3n) * lasts(t.burst));
    e.activation =
        per_channel(c.idd0 * lasts(t.rc()) - c.idd3n * lasts(t.ras) - c.idd2n * lasts(t.rp));
    e.refresh = per_channel((c.idd5ab - c.idd2n) * lasts(t.rfc));
    e.active_standby = c.supply * c.idd3n * devices;
    e.precharge_standby = c.supply * c.idd2n * devices;
    return e;
}

}  // namespace attohm
