#include "src/verify/bench.hpp"

#include <algorithm>

namespace attohm {

DrawSite Bench::site(std::uint64_t sample, std::uint64_t chip) const {
    DrawSite site;
    site.seed = seed;
    site.chip = chip;
    site.sample = sample;
    return site;
}

double Bench::volt() const {
    return std::min(0.2, card.read_high_V);
}

Device quiet(Device device) {
    device.programming_mode = ProgrammingMode::direct;
    device.programming.scale = 0.0;
    device.relaxation.reset();
    device.temperature_law.reset();
    device.read_noise.scale = 0.0;
    device.slow_noise.scale = 0.0;
    device.telegraph.scale = 0.0;
    device.cell = {};
    device.stuck.low_rate = device.stuck.high_rate = 0.0;
    return device;
}

Device only_programming(const Device& device) {
    Device part = quiet(device);
    part.programming = device.programming;
    return part;
}

Device only_relaxation(const Device& device) {
    Device part = only_programming(device);
    part.relaxation = device.relaxation;
    return part;
}

Device only_white(const Device& device) {
    Device part = quiet(device);
    part.read_noise = device.read_noise;
    return part;
}

Device only_slow(const Device& device) {
    Device part = quiet(device);
    part.slow_noise = device.slow_noise;
    return part;
}

Device only_telegraph(const Device& device) {
    Device part = quiet(device);
    part.telegraph = device.telegraph;
    return part;
}

Device only_stuck(const Device& device) {
    Device part = quiet(device);
    part.stuck = device.stuck;
    return part;
}

Device varied(const Device& device) {
    Device part = only_programming(device);
    if (!part.programming.none()) return part;
    part.programming = {};
    part.programming.measured_at = device.programming.measured_at;
    part.programming.sigma_coefficients = {0.01 * device.g_max.value()};
    return part;
}

Matrix<double> filled(std::size_t rows, std::size_t columns, double value) {
    return {rows, columns, value};
}

PlainReadSettings read_settings(const Bench& bench, double read_time_s, std::uint64_t reads) {
    PlainReadSettings settings;
    settings.read_time = Second::from_value(read_time_s);
    settings.read_interval = settings.read_time;
    settings.age = Second::from_value(bench.card.measured_at_s);
    settings.reads = reads;
    settings.site = bench.site();
    return settings;
}

}  // namespace attohm
