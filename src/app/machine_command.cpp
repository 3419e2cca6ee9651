#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/app/commands.hpp"
#include "src/base/error.hpp"
#include "src/machine/ledger.hpp"
#include "src/machine/plans/planner.hpp"
#include "src/machine/summary.hpp"
#include "src/schemes/sanger.hpp"
#include "src/schemes/vitality.hpp"
#include "src/work/linear_work.hpp"
#include "src/work/op_builder.hpp"

namespace attohm {

namespace {

/// A small head that keeps every pair, with each of its events counted once: what a machine has no
/// unit for is found, what it has no figure for shows in the ledger.
struct Probe {
    std::string name;  ///< of the attention whose operators it has
    HeadWork head;
    Selection selection;
    LayerWork layer;
};

constexpr int kProbeTokens = 8;
constexpr int kProbeWidth = 8;

Probe make_probe(const std::string& name, OpList (*ops_of)(const HeadShape&, int)) {
    Probe probe;
    probe.name = name;
    HeadShape& shape = probe.head.shape;
    shape.n_q = shape.n_k = shape.valid_q = shape.valid_k = kProbeTokens;
    shape.d = shape.dv = kProbeWidth;
    shape.allowed_pairs = kProbeTokens * kProbeTokens;
    probe.head.bits.k_msb = probe.head.bits.q_line = 4;
    probe.head.bits.one_bit_lines = true;
    probe.head.kept_pairs = shape.allowed_pairs;
    for (std::int64_t& events : probe.head.events) events = 1;
    // Times of cells belong to the device, not to the machine: any will do, none is looked at.
    probe.head.cell.slc_write_s = probe.head.cell.mlc_pulse_s = 1.0;
    probe.head[Physical::mlc_write_pulses] = 1.0;
    probe.head.ops = ops_of(shape, probe.head.bits.q);
    probe.selection.shape = shape;
    for (std::uint32_t pair = 0; pair <= shape.allowed_pairs; ++pair) {
        if (pair % kProbeTokens == 0) probe.selection.row_begin.push_back(pair);
        if (pair < shape.allowed_pairs) probe.selection.keys.push_back(pair % kProbeTokens);
    }
    const auto block = block_shapes(kProbeTokens, kProbeWidth, kProbeWidth, kProbeWidth, 16);
    probe.layer = linear_layer_work(0, block, probe.head.bits.q);
    return probe;
}

/// Attention by the operators that it takes.
std::vector<Probe> probes() {
    return {
        make_probe("softmax attention", [](const HeadShape& shape,
                                           int bits) { return dense_attention_ops(shape, bits); }),
        make_probe(
            "linear attention (vitality)",
            [](const HeadShape& shape, int bits) { return taylor_attention_ops(shape, bits); }),
        make_probe("predicted attention (sanger)", [](const HeadShape& shape, int bits) {
            return sanger_ops(shape, 4, bits, shape.allowed_pairs);
        })};
}

/// The probes that say what a plan can do: the scheme's own operators may be any, the plans of kept
/// pairs are for predicted attention, the others have dense attention of their own whatever the
/// scheme did.
bool speaks_for(const Probe& probe, const PlanEntry& plan, const std::vector<Probe>& all) {
    if (plan.machine == MachineKind::sprint) return &probe == &all.front();
    if (plan.name == "operators") return true;
    const bool kept = plan.name == "sanger" || plan.name == "kept-pairs";
    return &probe == &(kept ? all.back() : all.front());
}

/// What trying every plan of a machine found.
struct Trial {
    std::vector<std::string> plans;           ///< what each can do, and what not and why
    std::vector<std::string> without_figure;  ///< counted by some plan, without a price
};

/// Runs one plan on one probe. Returns: why it cannot; nothing: it can.
template <class Collect>
std::optional<UserError> attempt(const PlanEntry& plan, const Machine& machine, const Probe& probe,
                                 bool whole_model, Collect collect) {
    try {
        const auto planner = plan.make(machine, {});
        planner->head(probe.head, probe.selection);
        if (whole_model) planner->layer(probe.layer);
        for (const Tally& tally : planner->finish()) collect(tally);
    } catch (const UserError& error) {
        return error;
    }
    return std::nullopt;
}

/// Throws: UserError where the machine can run none of its plans.
Trial try_plans(const Machine& machine) {
    const std::vector<Probe> all = probes();
    Trial trial;
    std::set<std::string> seen;
    std::optional<UserError> first_reason;
    bool any = false;
    const auto collect = [&](const Tally& tally) {
        for (const LedgerLine& line : price(tally, 1, machine, {})) {
            if (line.known()) continue;
            std::string text = fmt::format("{}, {} ({})", line.component, line.event, line.unit);
            if (line.event == "powered")
                text = fmt::format("{}, power {} (W)", line.component, line.scope);
            if (seen.insert(text).second) trial.without_figure.push_back(text);
        }
    };
    for (const PlanEntry& plan : plan_table()) {
        if (plan.machine != machine_kind(machine)) continue;
        trial.plans.push_back(fmt::format("{}: {}", plan.name, plan.help));
        for (const Probe& probe : all) {
            if (!speaks_for(probe, plan, all)) continue;
            const auto attention = attempt(plan, machine, probe, false, collect);
            const auto model = attention ? attention : attempt(plan, machine, probe, true, collect);
            any = any || !attention;
            if (attention && !first_reason) first_reason = attention;
            if (model)
                trial.plans.push_back(fmt::format("  not {}{}: {}", probe.name,
                                                  attention ? "" : " with the network around it",
                                                  model->what()));
        }
    }
    if (!any) throw *first_reason;
    for (const AreaLine& area : areas_of(machine))
        if (!area.area_m2)
            trial.without_figure.push_back(fmt::format("{}, area (m2)", area.component));
    return trial;
}

std::string kinds_text(const EngineUnit& unit) {
    std::string text;
    for (const OpKind kind : unit.does)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", op_kind_info(kind).name);
    return unit.ops.empty() ? text : fmt::format("{} of {}", text, fmt::join(unit.ops, ", "));
}

std::string engine_text(const Engine& engine) {
    std::string text = "units\n";
    for (const EngineUnit& unit : engine.units)
        text +=
            fmt::format("  {}: {} {} per cycle, {:.4g} G/s: {}\n", unit.name, unit.peak(),
                        unit.kind == EngineUnit::Kind::array ? "MACs" : "elements",
                        static_cast<double>(unit.peak()) * engine.clock_Hz / 1e9, kinds_text(unit));
    text += "buffers\n";
    for (const EngineBuffer& buffer : engine.buffers) {
        std::string holds;
        for (const TensorRole role : buffer.holds)
            holds += fmt::format("{}{}", holds.empty() ? "" : ", ", tensor_role_name(role));
        text += fmt::format("  {}: {:.6g} KB, {}, {}, holds {}\n", buffer.name,
                            static_cast<double>(buffer.bits) / 8192.0,
                            buffer.bits_per_cycle == 0
                                ? "as many bits per cycle as are asked for"
                                : fmt::format("{} bits per cycle", buffer.bits_per_cycle),
                            buffer.slots == 2 ? "double buffered" : "single buffered",
                            holds.empty() ? "every tensor" : holds);
    }
    return text + fmt::format("memory\n  {}: {:.4g} GB/s at most\n", engine.memory->kind(),
                              engine.memory->peak_bytes_per_s() / 1e9);
}

std::string chip_text(const SprintChip& chip) {
    const auto unit = [&](const char* name, std::int64_t each, const char* what) {
        const std::int64_t peak = each * chip.corelets;
        return fmt::format("  {}: {} {} per cycle, {:.4g} G/s\n", name, peak, what,
                           static_cast<double>(peak) * chip.clock_Hz / 1e9);
    };
    return "units\n" + unit("qk_pu", chip.qk_macs_per_cycle, "MACs") +
           unit("softmax", chip.softmax_per_cycle, "elements") +
           unit("v_pu", chip.v_macs_per_cycle, "MACs") +
           fmt::format("buffers\n  K and V of {} CORELET(s): {:.6g} KB\n", chip.corelets,
                       static_cast<double>(chip.buffer_bits) / 8192.0) +
           fmt::format(
               "memory\n  ReRAM: {:.4g} GB/s at most\n",
               static_cast<double>(chip.memory.read_bits_per_cycle) / 8.0 * chip.clock_Hz / 1e9);
}

std::string check_text(const Machine& machine) {
    const MachineKind kind = machine_kind(machine);
    std::string text = fmt::format("machine {}\nkind\n  {}, {} GHz, {} nm, {} V\n", machine.name,
                                   machine_kind_name(kind), machine.clock_Hz / 1e9, machine.node_nm,
                                   machine.vdd_V);
    text +=
        machine.sprint() != nullptr ? chip_text(*machine.sprint()) : engine_text(*machine.engine());
    const Trial trial = try_plans(machine);
    text += "plans\n";
    for (const std::string& line : trial.plans) text += fmt::format("  {}\n", line);
    const auto list = [&](const char* title, const std::vector<std::string>& lines) {
        text += fmt::format("{}\n", title);
        for (const std::string& line : lines) text += fmt::format("  {}\n", line);
        if (lines.empty()) text += "  none\n";
    };
    list("without a figure (`unknown` in the ledger, with break-even)", trial.without_figure);
    std::vector<std::string> assumed;
    for (const std::string& key : machine.settings.read_with_mark(Mark::assumed)) {
        const SettingsEntry& entry = machine.settings.entry(key);
        assumed.push_back(fmt::format("{} = {} ({})", key, fmt::join(entry.values, ", "),
                                      entry.source.empty() ? entry.where : entry.source));
    }
    list("assumed numbers", assumed);
    return text;
}

}  // namespace

void add_machine_command(CLI::App& app) {
    CLI::App* machine = app.add_subcommand("machine", "Machine files");
    machine->require_subcommand(1);
    const auto file = std::make_shared<std::string>();
    CLI::App* check = machine->add_subcommand(
        "check", "What a machine is made of, what it can run and what it does not say");
    check->add_option("FILE", *file, "a machine file, or a name of `attohm list machines`")
        ->required();
    check->callback([file] { std::fputs(check_text(load_machine(*file)).c_str(), stdout); });
}

}  // namespace attohm
