#include "tests/crossbar/device/card_points.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>

#include "crossbar/device/polynomial.hpp"

namespace attohm::testing {

namespace {

constexpr const char* kFolder = "crossbar/device/cards/points";
constexpr const char* kColumns = "quantity,unit,x,y,tolerance,source,doi,figure,kind";
constexpr double kMicro = 1e-6;

std::vector<std::string> split(const std::string& line, char separator) {
    std::vector<std::string> fields;
    std::string field;
    for (std::istringstream rest(line + separator); std::getline(rest, field, separator);)
        fields.push_back(field);
    return fields;
}

double number(const std::string& text) {
    std::size_t used = 0;
    const double value = std::stod(text, &used);
    if (used != text.size()) throw std::runtime_error("not a number: " + text);
    return value;
}

CardPoint parse_point(const std::string& line) {
    const std::vector<std::string> fields = split(line, ',');
    if (fields.size() != 9) throw std::runtime_error("nine fields expected");
    CardPoint point;
    const std::vector<std::string> name = split(fields[0], '@');
    point.quantity = name[0];
    if (name.size() > 1) point.at_uS = number(name[1]);
    point.x = number(fields[2]);
    point.y = number(fields[3]);
    point.kind = fields[8];
    if (fields[5].empty()) throw std::runtime_error("a point without a source");
    if (point.kind != "found" && point.kind != "derived" && point.kind != "recalled")
        throw std::runtime_error("kind: found, derived or recalled");
    point.compared = point.kind != "recalled";
    if (point.compared) point.tolerance = number(fields[4]);
    return point;
}

StatedResidual parse_residual(const std::string& line) {
    std::istringstream words(line);
    std::string hash, residual, rms, largest;
    StatedResidual stated;
    words >> hash >> residual >> stated.quantity >> rms >> stated.rms >> largest >> stated.largest;
    if (!words || rms != "rms" || largest != "max")
        throw std::runtime_error("# residual: QUANTITY rms R max M expected");
    return stated;
}

CardPoints read_table(const std::filesystem::path& path) {
    CardPoints table;
    table.card = path.stem().string();
    table.file = "points/" + path.filename().string();
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    table.bytes = bytes.str();
    std::istringstream lines(table.bytes);
    std::string line;
    bool header = false;
    for (int count = 1; std::getline(lines, line); ++count) {
        const std::string where = path.string() + ":" + std::to_string(count);
        try {
            if (line.starts_with("# residual:")) {
                table.residuals.push_back(parse_residual(line));
            } else if (line.starts_with("#")) {
                continue;
            } else if (!header) {
                if (line != kColumns) throw std::runtime_error(std::string("columns: ") + kColumns);
                header = true;
            } else {
                table.points.push_back(parse_point(line));
                table.points.back().where = where;
            }
        } catch (const std::exception& error) {
            throw std::runtime_error(where + ": " + error.what());
        }
    }
    return table;
}

Siemens uS(double value) {
    return Siemens::from_value(value * kMicro);
}

const Relaxation& relaxation_of(const Device& device) {
    if (!device.relaxation) throw std::runtime_error(device.card + " has no relaxation");
    return *device.relaxation;
}

/// s(a) of the log-time law, siemens: what the relaxation spreads in all, t0 included.
double spread(const Device& device, Siemens g, Second age) {
    const Relaxation& law = relaxation_of(device);
    const double at_t0 = polynomial(law.spread_coefficients, g.value());
    return std::hypot(law.sigma(g, age).value(), at_t0);
}

/// Standard deviation of a read: white part of one read and slow part over the card's whole band.
double read_sigma(const Device& device, Siemens g) {
    const WhiteReadNoise& white = device.read_noise;
    double variance = 0.0;
    if (!white.none()) {
        variance += std::pow(white.relative_at(white.integration_time) * g.value(), 2) +
                    std::pow(white.absolute_at(white.integration_time).value(), 2);
    }
    if (const SlowNoise& slow = device.slow_noise; !slow.none()) {
        if (slow.exponent != 1.0) throw std::runtime_error("read_sigma: exponent 1 only");
        variance += slow.amplitude_rel2 * std::log((slow.f_high / slow.f_low).value()) * g.value() *
                    g.value();
    }
    return std::sqrt(variance);
}

double largest_sigma(const Device& device) {
    constexpr int kSteps = 200;
    double largest = 0.0;
    for (int i = 0; i <= kSteps; ++i) {
        const Siemens g = device.g_min + (device.g_max - device.g_min) * (double(i) / kSteps);
        largest = std::max(largest, device.programming.sigma(g).value());
    }
    return largest;
}

using Law = std::function<double(const Device&, const CardPoint&)>;

const std::map<std::string, Law>& laws() {
    static const auto age = [](const CardPoint& p) { return Second::from_value(p.x); };
    static const std::map<std::string, Law> table = {
        {"programming_sigma",
         [](const Device& d, const CardPoint& p) {
             return d.programming.raw_sigma(uS(p.x)).value() / kMicro;
         }},
        {"half_gap_in_sigma",
         [](const Device& d, const CardPoint& p) {
             return (d.g_max - d.g_min).value() / (2.0 * (p.x - 1.0)) / largest_sigma(d);
         }},
        {"relaxation_mean",
         [](const Device& d, const CardPoint& p) {
             return relaxation_of(d).mean(uS(p.at_uS), age(p)).value() / kMicro;
         }},
        {"relaxation_sigma",
         [](const Device& d, const CardPoint& p) {
             return spread(d, uS(p.at_uS), age(p)) / kMicro;
         }},
        {"total_sigma",
         [](const Device& d, const CardPoint& p) {
             return std::hypot(d.programming.sigma(uS(p.at_uS)).value(),
                               relaxation_of(d).sigma(uS(p.at_uS), age(p)).value()) /
                    kMicro;
         }},
        {"drift_nu",
         [](const Device& d, const CardPoint& p) {
             return polynomial(relaxation_of(d).mean_coefficients, uS(p.x) / d.g_max);
         }},
        {"read_sigma",
         [](const Device& d, const CardPoint& p) { return read_sigma(d, uS(p.x)) / kMicro; }},
        {"resistance_at_g_min",
         [](const Device& d, const CardPoint&) { return 1.0 / d.g_min.value(); }},
        {"resistance_at_g_max",
         [](const Device& d, const CardPoint&) { return 1.0 / d.g_max.value(); }},
        {"stuck_rate",
         [](const Device& d, const CardPoint&) { return d.stuck.low_rate + d.stuck.high_rate; }},
        {"stuck_rate_low", [](const Device& d, const CardPoint&) { return d.stuck.low_rate; }},
        {"stuck_rate_high", [](const Device& d, const CardPoint&) { return d.stuck.high_rate; }},
        {"write_energy",
         [](const Device& d, const CardPoint& p) {
             return d.write.mlc_pulses_mean * d.write.pulse_energy_per_S() * p.x * kMicro * 1e12;
         }},
        {"slc_write_energy",
         [](const Device& d, const CardPoint& p) {
             return std::pow(d.write.slc_pulse_voltage.value(), 2) * p.x * kMicro *
                    d.write.slc_pulse_time.value() * 1e12;
         }},
        {"write_time",
         [](const Device& d, const CardPoint&) {
             return d.write.mlc_pulses_mean * d.write.pulse_and_verify_time().value() * 1e6;
         }},
    };
    return table;
}

}  // namespace

std::vector<CardPoints> all_card_points() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
        if (entry.path().extension() == ".csv") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    std::vector<CardPoints> tables;
    for (const auto& path : paths) tables.push_back(read_table(path));
    return tables;
}

double card_says(const Device& device, const CardPoint& point) {
    const auto law = laws().find(point.quantity);
    if (law == laws().end()) throw std::runtime_error("no law answers " + point.quantity);
    return law->second(device, point);
}

double card_says(const Device& device, const std::string& quantity, double x, double at_uS) {
    CardPoint point;
    point.quantity = quantity;
    point.at_uS = at_uS;
    point.x = x;
    return card_says(device, point);
}

}  // namespace attohm::testing
