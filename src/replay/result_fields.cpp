#include "src/replay/result_fields.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace attohm {

namespace {

/// The number that a value holds, or nothing when it is text.
std::optional<double> number(const FieldValue& value) {
    if (const auto* real = std::get_if<double>(&value)) return *real;
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    return std::nullopt;
}

double nan_if_none(std::optional<double> value) {
    return value.value_or(std::numeric_limits<double>::quiet_NaN());
}

constexpr std::array kMarks = {Mark::choice, Mark::cited, Mark::assumed, Mark::fitted};

std::string_view source_name(EnergySource source) {
    return source == EnergySource::paper ? "paper" : "physics";
}

}  // namespace

FieldValue field_value(int member) {
    return std::int64_t{member};
}
FieldValue field_value(std::int64_t member) {
    return member;
}
FieldValue field_value(bool member) {
    return std::int64_t{member ? 1 : 0};
}
FieldValue field_value(double member) {
    return member;
}
FieldValue field_value(Joule member) {
    return member.value();
}
FieldValue field_value(Second member) {
    return member.value();
}
FieldValue field_value(const std::optional<double>& member) {
    return nan_if_none(member);
}
FieldValue field_value(const std::optional<SquareMetre>& member) {
    return member ? member->value() : nan_if_none({});
}
FieldValue field_value(const std::string& member) {
    return member;
}
FieldValue field_value(Mark member) {
    return std::string(mark_name(member));
}
FieldValue field_value(EnergySource member) {
    return std::string(source_name(member));
}

bool set_field(int& member, const FieldValue& value) {
    const auto* whole = std::get_if<std::int64_t>(&value);
    if (whole == nullptr || *whole < std::numeric_limits<int>::min() ||
        *whole > std::numeric_limits<int>::max())
        return false;
    member = static_cast<int>(*whole);
    return true;
}
bool set_field(std::int64_t& member, const FieldValue& value) {
    const auto* whole = std::get_if<std::int64_t>(&value);
    if (whole != nullptr) member = *whole;
    return whole != nullptr;
}
bool set_field(bool& member, const FieldValue& value) {
    const auto* whole = std::get_if<std::int64_t>(&value);
    if (whole == nullptr || (*whole != 0 && *whole != 1)) return false;
    member = *whole == 1;
    return true;
}
bool set_field(double& member, const FieldValue& value) {
    const auto real = number(value);
    if (real) member = *real;
    return real.has_value();
}
bool set_field(Joule& member, const FieldValue& value) {
    const auto real = number(value);
    if (real) member = Joule::from_value(*real);
    return real.has_value();
}
bool set_field(Second& member, const FieldValue& value) {
    const auto real = number(value);
    if (real) member = Second::from_value(*real);
    return real.has_value();
}
bool set_field(std::optional<double>& member, const FieldValue& value) {
    const auto real = number(value);
    if (!real) return false;
    member = std::isnan(*real) ? std::nullopt : real;
    return true;
}
bool set_field(std::optional<SquareMetre>& member, const FieldValue& value) {
    const auto real = number(value);
    if (!real) return false;
    member.reset();
    if (!std::isnan(*real)) member = SquareMetre::from_value(*real);
    return true;
}
bool set_field(std::string& member, const FieldValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr) member = *text;
    return text != nullptr;
}
bool set_field(Mark& member, const FieldValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return false;
    for (const Mark mark : kMarks)
        if (mark_name(mark) == *text) {
            member = mark;
            return true;
        }
    return false;
}
bool set_field(EnergySource& member, const FieldValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return false;
    for (const EnergySource source : {EnergySource::paper, EnergySource::physics})
        if (source_name(source) == *text) {
            member = source;
            return true;
        }
    return false;
}

ShownName shown_name(std::string_view si_name) {
    struct Suffix {
        std::string_view si, people;
        double factor;
    };
    static constexpr std::array<Suffix, 3> kSuffixes = {
        {{"_J", "_pJ", 1e12}, {"_s", "_ns", 1e9}, {"_m2", "_mm2", 1e6}}};
    // A rate is no time.
    if (si_name.ends_with("_per_s")) return {std::string(si_name), 1.0};
    for (const Suffix& suffix : kSuffixes)
        if (si_name.ends_with(suffix.si))
            return {std::string(si_name.substr(0, si_name.size() - suffix.si.size())) +
                        std::string(suffix.people),
                    suffix.factor};
    return {std::string(si_name), 1.0};
}

}  // namespace attohm
