#include "crossbar/device/validity.hpp"

#include <cmath>

#include "crossbar/device/polynomial.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kMicro = 1e-6;
constexpr Range kConductance_uS{0.0, 1e7};

/// [low, high] of a key, in SI units.
template <class Unit>
ValidRange<Unit> load_interval(const Settings& card, std::string_view key, double unit,
                               Range range) {
    const std::vector<double> ends = card.reals(key, range);
    if (ends.size() != 2 || !(ends[0] <= ends[1])) {
        throw UserError(fmt::format("`{}` is not an interval", key), card.entry(key).where,
                        fmt::format("[{}]", fmt::join(ends, ", ")), "[low, high], low <= high");
    }
    return {Unit::from_value(ends[0] * unit), Unit::from_value(ends[1] * unit)};
}

template <class Unit>
void require_inside(const std::optional<ValidRange<Unit>>& interval, Unit x,
                    const Validity& validity, std::string_view quantity, std::string_view unit,
                    const std::string& where) {
    if (!interval || interval->holds(x)) return;
    throw UserError(
        fmt::format("{} outside the range in which device card {} was measured", quantity,
                    validity.card),
        where, fmt::format("{:.6g} {}", x.value(), unit),
        fmt::format("{:.6g} to {:.6g} {}", interval->low.value(), interval->high.value(), unit));
}

}  // namespace

void Validity::require_age(Second since_write) const {
    if (!age || since_write <= age->high) return;
    require_inside(age, since_write, *this, "age of a cell", "s", "validity.age_s");
}

void Validity::require_temperature(Kelvin kelvin) const {
    require_inside(temperature, kelvin, *this, "temperature", "K", "device.temperature_K");
}

void Validity::require_read(Volt voltage, const std::string& where) const {
    require_inside(read, Volt::from_value(std::abs(voltage.value())), *this,
                   "voltage across a cell", "V", where);
}

ConductanceRange load_conductance(const Settings& card) {
    ConductanceRange range;
    range.min = conductance_uS(card, "conductance.g_min_uS");
    range.max = conductance_uS(card, "conductance.g_max_uS");
    range.floor = conductance_uS(card, "conductance.g_floor_uS");
    const auto ceiling = card.real_or("conductance.g_ceil_uS", "none", kConductance_uS);
    if (ceiling) range.ceiling = Siemens::from_value(*ceiling * kMicro);
    const auto refuse = [&](const char* what, std::string_view key, const std::string& got,
                            const char* allowed) {
        throw UserError(what, card.entry(key).where, got, allowed);
    };
    const double min = range.min.value() / kMicro, max = range.max.value() / kMicro;
    const double floor = range.floor.value() / kMicro;
    if (!(min < max)) {
        refuse("conductance range is empty", "conductance.g_min_uS",
               fmt::format("g_min {} uS, g_max {} uS", min, max), "g_min < g_max");
    }
    if (min < floor) {
        refuse("conductance floor lies above the lowest level", "conductance.g_floor_uS",
               fmt::format("g_floor {} uS, g_min {} uS", floor, min), "g_floor <= g_min");
    }
    if (ceiling && *ceiling < max) {
        refuse("conductance ceiling lies below the highest level", "conductance.g_ceil_uS",
               fmt::format("g_ceil {} uS, g_max {} uS", *ceiling, max), "g_ceil >= g_max, or none");
    }
    return range;
}

Validity load_validity(const Settings& card, const ConductanceRange& range,
                       const std::string& name) {
    Validity validity;
    validity.card = name;
    if (!has_section(card, "validity")) return validity;
    validity.conductance =
        load_interval<Siemens>(card, "validity.conductance_uS", kMicro, kConductance_uS);
    validity.age = load_interval<Second>(card, "validity.age_s", 1.0, {0.0, 1e12});
    validity.temperature =
        load_interval<Kelvin>(card, "validity.temperature_K", 1.0, {0.1, 2000.0});
    validity.read = load_interval<Volt>(card, "validity.read_V", 1.0, {0.0, 20.0});
    // A last bit of the unit conversion does not put a level outside.
    constexpr double kRounding = 1e-9;
    if (range.min.value() < validity.conductance->low.value() * (1.0 - kRounding) ||
        range.max.value() > validity.conductance->high.value() * (1.0 + kRounding)) {
        throw UserError("levels outside the range in which the card was measured",
                        card.entry("validity.conductance_uS").where,
                        fmt::format("g_min {} uS, g_max {} uS", range.min.value() / kMicro,
                                    range.max.value() / kMicro),
                        fmt::format("{} to {} uS", validity.conductance->low.value() / kMicro,
                                    validity.conductance->high.value() / kMicro));
    }
    return validity;
}

bool has_section(const Settings& card, std::string_view section) {
    for (const std::string& key : card.keys()) {
        if (key.size() > section.size() && key.starts_with(section) && key[section.size()] == '.')
            return true;
    }
    return false;
}

Siemens conductance_uS(const Settings& card, std::string_view key) {
    return Siemens::from_value(card.real(key, kConductance_uS) * kMicro);
}

std::vector<double> load_polynomial(const Settings& card, std::string_view key, double value_unit,
                                    double argument_unit) {
    std::vector<double> coefficients = card.reals(key);
    if (coefficients.empty() || coefficients.size() > kPolynomialTerms) {
        throw UserError(fmt::format("`{}` is not a polynomial of the third degree at most", key),
                        card.entry(key).where, fmt::format("{} coefficients", coefficients.size()),
                        fmt::format("1 to {} coefficients, constant first", kPolynomialTerms));
    }
    double unit = value_unit;
    for (double& c : coefficients) {
        c *= unit;
        unit /= argument_unit;
    }
    return coefficients;
}

double from_card_or(const Settings& experiment, std::string_view key, const Settings& card,
                    std::string_view card_key, Range range) {
    const auto given = experiment.real_or(key, "card", range);
    if (!given && !card.has(card_key)) {
        throw UserError(fmt::format("the device card says nothing of `{}`", card_key),
                        experiment.entry(key).where, fmt::format("{}: card", key),
                        fmt::format("a number for {}, or a card with a section {}", key,
                                    card_key.substr(0, card_key.find('.'))));
    }
    // The card's own is read, and so checked, even where the experiment goes over it.
    const double own = card.has(card_key) ? card.real(card_key, range) : 0.0;
    return given.value_or(own);
}

double load_scale(const Settings& experiment, std::string_view key, const Settings& card,
                  std::string_view section) {
    const double scale = experiment.real(key, {0.0, 1e6});
    const SettingsEntry& entry = experiment.entry(key);
    if (entry.user && scale != 0.0 && scale != 1.0 && !has_section(card, section)) {
        throw UserError(
            fmt::format("nothing to scale: the device card has no section `{}`", section),
            entry.where, fmt::format("{}: {}", key, scale),
            fmt::format("0 or 1, or a card with a section {}", section));
    }
    return scale;
}

}  // namespace attohm
