#include "src/machine/line_maker.hpp"

#include "src/base/error.hpp"

namespace attohm {

LedgerLine& LineMaker::start(LineHead head) {
    LedgerLine line;
    line.component = std::move(head.component);
    line.event = head.event;
    line.count_unit = head.count_unit;
    line.count = head.count;
    line.unit = "J/" + line.count_unit;
    line.energy_source = "unknown";
    line.source = "no figure";
    line.scope = std::move(head.scope);
    line.operand_write = head.operand_write;
    lines_.push_back(std::move(line));
    return lines_.back();
}

void LineMaker::priced(LineHead head, const Cited& unit, std::string energy_source) {
    if (head.count == 0.0) return;
    LedgerLine& line = start(std::move(head));
    line.unit_energy = unit.value;
    line.energy = Joule::from_value(line.count * unit.value);
    line.energy_source = std::move(energy_source);
    line.source = unit.source;
    line.mark = unit.mark;
}

void LineMaker::measured(LineHead head, double joules) {
    if (head.count == 0.0) return;
    LedgerLine& line = start(std::move(head));
    if (!(joules > 0.0)) return;
    line.energy = Joule::from_value(joules);
    line.unit_energy = joules / line.count;
    line.energy_source = "physics";
    line.source = "sum of V^2 G t over the device model";
}

void LineMaker::unknown(LineHead head) {
    if (head.count != 0.0) start(std::move(head));
}

void LineMaker::powered(std::string component, double seconds, const std::optional<Cited>& power,
                        std::string scope, bool operand_write) {
    if (seconds == 0.0) return;
    LedgerLine& line =
        start({std::move(component), "powered", "s", seconds, std::move(scope), operand_write});
    line.unit = "W";
    if (!power) return;
    line.unit_energy = power->value;
    line.energy = Joule::from_value(seconds * power->value);
    line.energy_source = "power";
    line.source = power->source;
    line.mark = power->mark;
}

}  // namespace attohm
