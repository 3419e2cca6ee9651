#include "circuits/digital_library.hpp"

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

constexpr double kNano = 1e-9;
constexpr double kSquareMicrometre = 1e-12;

Range limits(const Settings& settings, const std::string& key) {
    const std::vector<double> ends = settings.reals(key, kPositive);
    if (ends.size() != 2 || ends[0] > ends[1])
        throw UserError("`" + key + "` is no range", settings.entry(key).where,
                        fmt::format("{}", fmt::join(ends, ", ")), "lowest and highest");
    return {ends[0], ends[1]};
}

void require_inside(double value, Range range, const char* what, const std::string& where) {
    // NaN is in no range.
    if (value >= range.low && value <= range.high) return;
    throw UserError(fmt::format("{} is outside the digital library", what), where,
                    format_real(value),
                    fmt::format("{} to {}", format_real(range.low), format_real(range.high)));
}

ProcessPoint process(const Settings& settings, const std::string& name) {
    return {settings.real("digital." + name + "_node_nm", kPositive),
            Volt::from_value(settings.real("digital." + name + "_vdd_V", kPositive))};
}

/// The figure, with why it was multiplied.
Cited times(Cited figure, double factor, const std::string& how, Mark mark) {
    if (factor == 1.0) return figure;
    figure.value *= factor;
    figure.source += "; " + how;
    figure.mark = weaker(figure.mark, mark);
    return figure;
}

}  // namespace

std::string_view number_format_name(NumberFormat format) {
    return format == NumberFormat::integer ? "int" : "float";
}

DigitalLibrary::Family::Family(const Settings& s, const std::string& name)
    : energy(s, "digital." + name + "_bits", "digital." + name + "_pJ", kPico),
      area(s, "digital." + name + "_area_bits", "digital." + name + "_area_um2", kSquareMicrometre),
      delay(cited(s, "digital." + name + "_delay_ns", kNano, kPositive)),
      leakage(cited(s, "digital." + name + "_leakage_uW", kMicro, kPositive)) {}

DigitalLibrary::DigitalLibrary(const Settings& settings, double node_nm, Volt vdd)
    : reference_(process(settings, "reference")),
      synthesis_(process(settings, "synthesis")),
      scaling_(settings, {node_nm, vdd}),
      families_{Family(settings, "int_add"), Family(settings, "int_mul"),
                Family(settings, "float_add"), Family(settings, "float_mul")},
      sram_(settings, "digital.sram_KB", "digital.sram_access_pJ", kPico) {
    int_bits_ = limits(settings, "digital.int_limits_bits");
    float_bits_ = limits(settings, "digital.float_limits_bits");
    limits_where_ = settings.entry("digital.int_limits_bits").where;
    const Range width{1.0, 64.0};
    accumulator_bits_ = static_cast<int>(settings.integer("digital.accumulator_bits", width));
    synthesis_bits_ = static_cast<int>(settings.integer("digital.synthesis_bits", width));
    // A process outside the range of the scaling is found here, not at the first price.
    node_factor_energy();
    scaling_.energy(synthesis_);
    read_memories(settings);
    read_compositions(settings);
}

void DigitalLibrary::read_memories(const Settings& s) {
    sram_KB_ = limits(s, "digital.sram_limits_KB");
    sram_bits_ = limits(s, "digital.sram_limits_bits");
    register_bytes_ = limits(s, "digital.register_file_limits_bytes");
    sram_access_bits_ = static_cast<double>(s.integer("digital.sram_access_bits", {1, 1e6}));
    sram_by_law_ = s.choice("digital.sram_method", {"points", "law"}) == "law";
    sram_cell_ = cited(s, "digital.sram_cell_um2", kSquareMicrometre, kPositive);
    sram_cell_node_nm_ = s.real("digital.sram_cell_node_nm", kPositive);
    const auto figure = [&](const char* key, double si) {
        return cited(s, std::string("digital.") + key, si, kPositive);
    };
    register_bit_ = {figure("register_bit_pJ", kPico),
                     figure("register_bit_um2", kSquareMicrometre),
                     figure("register_bit_leakage_nW", kNano)};
    shifter_ = {figure("shifter_pJ", kPico), figure("shifter_um2", kSquareMicrometre),
                figure("shifter_leakage_uW", kMicro)};
    gates_ = {figure("gates_pJ", kPico), figure("gates_um2", kSquareMicrometre),
              figure("gates_leakage_uW", kMicro)};
    shifter_delay_ = figure("shifter_delay_ns", kNano);
    softmax_pipeline_ = cited(s, "digital.softmax_pipeline_cycles", 1.0, kPositive);
}

void DigitalLibrary::require_bits(NumberFormat format, int bits) const {
    const bool is_int = format == NumberFormat::integer;
    require_inside(bits, is_int ? int_bits_ : float_bits_,
                   is_int ? "a width (bits) of integers" : "a width (bits) of floats",
                   limits_where_);
}

const DigitalLibrary::Family& DigitalLibrary::family(Primitive primitive,
                                                     NumberFormat format) const {
    const std::size_t of_format = format == NumberFormat::integer ? 0 : 2;
    return families_[of_format + (primitive == multiplication ? 1 : 0)];
}

UnitCost DigitalLibrary::arithmetic(Primitive primitive, NumberFormat format, int bits) const {
    require_bits(format, bits);
    const Family& of = family(primitive, format);
    UnitCost cost;
    cost.circuit = fmt::format("{}{}_{}", number_format_name(format), bits,
                               primitive == multiplication ? "mul" : "add");
    cost.event = primitive == multiplication ? "multiplication" : "addition";
    cost.energy = carried(of.energy.at(bits), node_factor_energy().value, node_factor_energy());
    cost.area = carried(of.area.at(bits), node_factor_area().value, node_factor_area());
    // Leakage of another width than the synthesised one goes by the area of the family.
    const double share =
        bits == synthesis_bits_ ? 1.0 : of.area.fit().at(bits) / of.area.fit().at(synthesis_bits_);
    const Cited factor = scaling_.leakage(synthesis_);
    cost.leakage = carried(times(of.leakage, share, "other width by area (assumed)", Mark::assumed),
                           factor.value, factor);
    if (bits <= synthesis_bits_) {
        const Cited slower = scaling_.delay(synthesis_);
        Cited delay = of.delay;
        if (bits < synthesis_bits_) {
            delay.source +=
                fmt::format("; of {} bits, narrower taken as no faster (assumed)", synthesis_bits_);
            delay.mark = Mark::assumed;
        }
        cost.latency = carried(delay, slower.value, slower);
    }
    return cost;
}

UnitCost DigitalLibrary::block(const Block& of, double factor, const std::string& how,
                               Mark mark) const {
    const Cited energy = scaling_.energy(synthesis_), area = scaling_.area(synthesis_),
                leakage = scaling_.leakage(synthesis_);
    const auto scaled = [&](const Cited& figure, const Cited& node) {
        return carried(times(figure, factor, how, mark), node.value, node);
    };
    UnitCost cost;
    cost.energy = scaled(of.energy, energy);
    cost.area = scaled(of.area, area);
    cost.leakage = scaled(of.leakage, leakage);
    return cost;
}

UnitCost DigitalLibrary::registers(int bits) const {
    UnitCost cost = block(register_bit_, bits, fmt::format("{} bits", bits), Mark::cited);
    cost.circuit = fmt::format("register{}", bits);
    cost.event = "access";
    return cost;
}

UnitCost DigitalLibrary::sram(double capacity_KB, int access_bits) const {
    require_inside(capacity_KB, sram_KB_, "an SRAM capacity (KB)", limits_where_);
    require_inside(access_bits, sram_bits_, "an SRAM access (bits)", limits_where_);
    const double stored_bits = capacity_KB * 1024.0 * 8.0;
    require_inside(access_bits, {1.0, stored_bits}, "an access (bits) wider than its SRAM",
                   limits_where_);
    Cited bit = sram_by_law_ ? sram_.law(capacity_KB) : sram_.between_points(capacity_KB);
    bit.value /= sram_access_bits_;
    UnitCost cost;
    cost.circuit = fmt::format("sram {} KB", format_real(capacity_KB));
    cost.event = "bit_access";
    cost.energy = carried(bit, node_factor_energy().value, node_factor_energy());
    Cited cells = sram_cell_;
    cells.value *= stored_bits;
    cells.source += "; cells alone, decoders and amplifiers not included";
    const Cited area = scaling_.area({sram_cell_node_nm_, reference_.vdd});
    cost.area = carried(cells, area.value, area);
    return cost;
}

UnitCost DigitalLibrary::register_file(double capacity_bytes, int access_bits) const {
    require_inside(capacity_bytes, register_bytes_, "a register file (bytes)", limits_where_);
    const double stored_bits = capacity_bytes * 8.0;
    require_inside(access_bits, {1.0, stored_bits}, "an access (bits) to a register file",
                   limits_where_);
    UnitCost cost = block(register_bit_, stored_bits,
                          fmt::format("{} bits", format_real(stored_bits)), Mark::cited);
    cost.energy = block(register_bit_, 1.0, "", Mark::cited).energy;
    cost.circuit = fmt::format("register file {} bytes", format_real(capacity_bytes));
    cost.event = "bit_access";
    return cost;
}

UnitCost DigitalLibrary::dma() const {
    UnitCost cost;
    cost.circuit = "dma";
    cost.event = "byte";
    return cost;
}

UnitCost DigitalLibrary::io() const {
    UnitCost cost;
    cost.circuit = "io";
    cost.event = "bit";
    return cost;
}

std::vector<const ScalingLaw*> DigitalLibrary::laws() const {
    std::vector<const ScalingLaw*> found;
    for (const Family& of : families_) found.push_back(&of.energy);
    found.push_back(&sram_);
    for (const Family& of : families_) found.push_back(&of.area);
    return found;
}

}  // namespace attohm
