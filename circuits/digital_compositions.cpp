#include <algorithm>

#include "circuits/digital_library.hpp"
#include "circuits/figure_sum.hpp"
#include "src/base/error.hpp"
#include "src/base/text.hpp"

/// Circuits made of adders, multipliers, registers and gates.
namespace attohm {

namespace {

struct ComposedKind {
    OpKind kind;
    const char* key;
};

constexpr std::array kComposed = {
    ComposedKind{OpKind::exp, "exp"},
    ComposedKind{OpKind::reciprocal, "reciprocal"},
    ComposedKind{OpKind::divide, "divide"},
    ComposedKind{OpKind::softmax, "softmax"},
    ComposedKind{OpKind::normalise, "normalise"},
    ComposedKind{OpKind::activation, "activation"},
    ComposedKind{OpKind::quantise, "quantise"},
    ComposedKind{OpKind::compare, "compare"},
    ComposedKind{OpKind::top_k, "top_k"},
    ComposedKind{OpKind::sort, "sort"},
    ComposedKind{OpKind::pack, "pack"},
    ComposedKind{OpKind::transform, "transform"},
};

/// Check bits of a Hamming code that corrects one error and sees two.
int check_bits(int data_bits) {
    int parity = 2;
    while ((1 << parity) < data_bits + parity + 1) ++parity;
    return parity + 1;
}

}  // namespace

void DigitalLibrary::read_compositions(const Settings& settings) {
    // A MAC is one of each by definition.
    for (const OpKind kind : {OpKind::matmul, OpKind::convolve})
        compositions_[static_cast<std::size_t>(kind)] = {{1.0, 1.0, 0.0, 0.0}, Mark::cited};
    for (const ComposedKind& composed : kComposed) {
        const std::string key = std::string("digital.") + composed.key + "_operations";
        const std::vector<double> counts = settings.reals(key, {0.0, 1000.0});
        const SettingsEntry& entry = settings.entry(key);
        Composition& into = compositions_[static_cast<std::size_t>(composed.kind)];
        double total = 0.0;
        for (const double count : counts) total += count;
        if (counts.size() != kPrimitives || total == 0.0)
            throw UserError("`" + key + "` is no composition", entry.where,
                            fmt::format("{}", fmt::join(counts, ", ")),
                            "multiplications, additions, comparisons, register accesses; not all "
                            "0");
        std::copy(counts.begin(), counts.end(), into.counts.begin());
        into.mark = entry.mark;
    }
}

UnitCost DigitalLibrary::primitive(Primitive primitive, NumberFormat format, int bits) const {
    switch (primitive) {
        case multiplication:
            return arithmetic(multiplication, format, bits);
        // Sums run at the accumulator's width, comparisons at the operands' own.
        case addition:
            return arithmetic(addition, format, std::max(bits, accumulator_bits_));
        case comparison:
            return arithmetic(addition, format, bits);
        case register_access:
            break;
    }
    return registers(bits);
}

UnitCost DigitalLibrary::composed(std::string_view name, const Composition& parts,
                                  NumberFormat format, int bits) const {
    constexpr std::array<std::string_view, kPrimitives> kNouns = {"multiplication", "addition",
                                                                  "comparison", "register access"};
    FigureSum energy, area, leakage;
    for (std::size_t i = 0; i < kPrimitives; ++i) {
        if (parts.counts[i] == 0.0) continue;
        const UnitCost part = primitive(static_cast<Primitive>(i), format, bits);
        energy.add(parts.counts[i], kNouns[i], part.energy);
        area.add(parts.counts[i], kNouns[i], part.area);
        leakage.add(parts.counts[i], kNouns[i], part.leakage);
    }
    UnitCost cost;
    cost.circuit = fmt::format("{}{}_{}", number_format_name(format), bits, name);
    cost.energy = energy.total(parts.mark);
    cost.area = area.total(parts.mark);
    cost.leakage = leakage.total(parts.mark);
    return cost;
}

UnitCost DigitalLibrary::unit(OpKind kind, NumberFormat format, int bits) const {
    require_bits(format, bits);
    const OpKindInfo& info = op_kind_info(kind);
    UnitCost cost;
    if (kind == OpKind::add) {
        cost = arithmetic(addition, format, bits);
    } else if (kind == OpKind::multiply) {
        cost = arithmetic(multiplication, format, bits);
    } else if (kind == OpKind::accumulate) {
        cost = primitive(addition, format, bits);
    } else if (kind == OpKind::gather) {
        cost.circuit = fmt::format("{}{}_gather", number_format_name(format), bits);
    } else {
        cost = composed(info.name, compositions_[static_cast<std::size_t>(kind)], format, bits);
    }
    // The two units of a MAC work one after the other.
    if (kind == OpKind::matmul || kind == OpKind::convolve) {
        cost.circuit = fmt::format("{}{}_mac", number_format_name(format), bits);
        cost.latency =
            FigureSum()
                .add(1.0, "multiplication", primitive(multiplication, format, bits).latency)
                .add(1.0, "addition", primitive(addition, format, bits).latency)
                .total();
    }
    cost.event = info.unit;
    return cost;
}

UnitCost DigitalLibrary::shift_add(int bits) const {
    require_bits(NumberFormat::integer, bits);
    const double share = static_cast<double>(bits) / synthesis_bits_;
    const UnitCost shift =
        block(shifter_, share, "other width by the bit (assumed)", Mark::assumed);
    const UnitCost sum = arithmetic(addition, NumberFormat::integer, bits);
    const Cited slower = scaling_.delay(synthesis_);
    const auto both = [](const std::optional<Cited>& shifted, const std::optional<Cited>& added) {
        return FigureSum().add(1.0, "shift", shifted).add(1.0, "addition", added).total();
    };
    UnitCost cost;
    cost.circuit = fmt::format("shift_add{}", bits);
    cost.event = "shift_add";
    cost.energy = both(shift.energy, sum.energy);
    cost.area = both(shift.area, sum.area);
    cost.leakage = both(shift.leakage, sum.leakage);
    cost.latency = both(carried(shifter_delay_, slower.value, slower), sum.latency);
    return cost;
}

UnitCost DigitalLibrary::ecc(int data_bits) const {
    if (data_bits < 4 || data_bits > 1024)
        throw UserError("a word (bits) of an error-correcting code", limits_where_,
                        fmt::format("{}", data_bits), "4 to 1024");
    const int parity = check_bits(data_bits) - 1;
    // A Hamming check covers about half of the word, the overall parity all of it.
    const double gates = parity * (data_bits / 2.0 - 1.0) + data_bits + parity - 1.0;
    UnitCost cost = block(gates_, gates / synthesis_bits_,
                          fmt::format("{} XORs of a Hamming code for {} + {} bits (assumed)",
                                      format_real(gates), data_bits, parity + 1),
                          Mark::assumed);
    cost.circuit = fmt::format("ecc{}", data_bits);
    cost.event = "word";
    return cost;
}

}  // namespace attohm
