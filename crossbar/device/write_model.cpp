#include "crossbar/device/write_model.hpp"

namespace attohm {

double WriteModel::pulse_energy_per_S() const {
    const double pulse = mlc_pulse_voltage.value();
    const double verify = verify_voltage.value();
    return pulse * pulse * mlc_pulse_time.value() + verify * verify * verify_time.value();
}

WriteModel load_write(const Settings& card) {
    WriteModel write;
    const Range voltage{0.0, 20.0};
    const Range time_ns{0.0, 1e9};
    const auto volt = [&](std::string_view key) {
        return Volt::from_value(card.real(key, voltage));
    };
    const auto ns = [&](std::string_view key) {
        return Second::from_value(card.real(key, time_ns) * 1e-9);
    };
    write.mlc_pulse_voltage = volt("write.mlc_pulse_V");
    write.mlc_pulse_time = ns("write.mlc_pulse_ns");
    write.mlc_pulses_mean = card.real("write.mlc_pulses_mean", {0.0, 1e6});
    write.verify_voltage = volt("write.verify_V");
    write.verify_time = ns("write.verify_ns");
    write.slc_pulse_voltage = volt("write.slc_pulse_V");
    write.slc_pulse_time = ns("write.slc_pulse_ns");
    return write;
}

}  // namespace attohm
