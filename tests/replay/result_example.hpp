#pragma once

#include <cmath>
#include <limits>

#include "src/replay/result.hpp"
#include "src/replay/statistics.hpp"

/// A small result with numbers that a test can work out by hand.
namespace attohm::test {

/// Layer `layer`, head `head`: 1000 valid pairs of which the threshold keeps 200.
inline HeadSummary example_head(int layer, int head) {
    HeadSummary summary;
    HeadReport& report = summary.report;
    report.layer = layer;
    report.head = head;
    DecisionCounts& d = report.decisions;
    d.valid = 1000;
    d.ref_kept = 200;
    d.quant_kept = 250;
    d.hw_kept = 240;
    d.fp_total = 20 + layer;
    d.fk_total = 8;
    d.fp_quant = 10;
    d.fk_quant = 16;
    d.fp_analog = 25;
    d.fk_analog = 15;
    d.fp_expected = 21.5;
    d.fk_expected = 8.25;
    report.rows = 50;
    report.empty_rows = 5;
    report.top1_lost = 1;
    report.kept_pairs = 260;
    report.mass_dropped = 2.5;
    report.eye.kept[40] = 240;
    report.eye.pruned[39] = 760;
    report.events.sense_clipped = 30;
    report.events.cells = 800;
    report.events.keys = 50;
    report.events.level_errors = 2;
    summary.to_exact = Fidelity{1.0 + layer + head, 100.0, 0.5, 49.0, 50};
    summary.to_threshold = Fidelity{0.25, 100.0, 0.25, 49.5, 50};
    return summary;
}

inline LedgerLine example_line(const std::string& component, double count, double joule) {
    LedgerLine line;
    line.component = component;
    line.event = component + "_event";
    line.count_unit = "bit";
    line.count = count;
    line.unit = "J/bit";
    line.scope = "a scope";
    line.energy_source = "unknown";
    line.source = "no figure";
    if (std::isnan(joule)) return line;
    line.unit_energy = joule;
    line.energy = Joule::from_value(count * joule);
    line.energy_source = "paper";
    line.source = "a paper, its table";
    line.mark = Mark::cited;
    return line;
}

/// The scheme at 2 uJ (half of it writes) and 10 us, dense at 6 uJ and 30 us.
inline MachineOutcome example_machine() {
    MachineOutcome machine;
    machine.machine = "sprint-s";
    machine.samples = 4;
    machine.area = SquareMetre::from_value(0.944e-6);
    machine.headline = "paper";
    machine.assumed = {"memory.channels"};
    machine.resolved_yaml = "machine.clock_Hz: 1e9\n";
    for (const bool is_scheme : {true, false}) {
        PlanSummary plan;
        plan.name = is_scheme ? "sprint" : "dense";
        plan.scope = "attention";
        plan.latency_cycles = is_scheme ? 40000 : 120000;
        plan.latency = Second::from_value(is_scheme ? 10e-6 : 30e-6);
        plan.latency_without_writes = Second::from_value(is_scheme ? 5e-6 : 25e-6);
        plan.resources = {{"qk_pu", is_scheme ? 2000.0 : 9000.0, is_scheme ? 8000 : 36000, 0.5,
                           "MAC", 8.0, 40000.0}};
        plan.counts = {{"", "softmax_element", "element", "exponentials", 10},
                       {"", "qk_mac", "MAC", "of q.k", 80},
                       {"", "sv_mac", "MAC", "of the weighted sum of V", 80}};
        plan.measured = {{"", "mlc_write", "J", 2e-6}};
        plan.traffic = {{"k", 64.0, 32.0, 2048, 1024}};
        plan.layers = {{0, 10000.0, "qk_pu", 0.2}};
        plan.buffer_hits = is_scheme ? 17.0 : 0.0;
        machine.plans.push_back(plan);
    }
    for (const char* name : {"paper", "physics"}) {
        Pricing pricing;
        pricing.name = name;
        LedgerLine writes = example_line("reram_write", 1000.0, 1e-9);
        writes.operand_write = true;
        const LedgerLine unknown =
            example_line("locality_engine", 5.0, std::numeric_limits<double>::quiet_NaN());
        PricedPlan scheme{"sprint",
                          "attention",
                          {writes, example_line("reram_read", 1000.0, 1e-9), unknown},
                          {},
                          {}};
        PricedPlan dense{
            "dense", "attention", {writes, example_line("reram_read", 5000.0, 1e-9)}, {}, {}};
        for (PricedPlan* plan : {&scheme, &dense}) {
            plan->energy = total_energy(plan->lines);
            plan->energy_without_writes = total_energy(plan->lines, false);
        }
        for (const bool with_writes : {true, false})
            pricing.gains.push_back({"sprint-s", name, "dense", "attention", with_writes,
                                     *energy_gain(scheme.lines, dense.lines, with_writes),
                                     with_writes ? 3.0 : 5.0});
        pricing.plans = {scheme, dense};
        machine.pricings.push_back(pricing);
    }
    return machine;
}

inline Result example_result() {
    Result result;
    result.experiment_yaml = "bits.k: 4\n";
    result.version = "0.1.0";
    result.scheme = "sprint";
    result.mode = "closed";
    result.trace_id = "abc";
    result.trace_name = "digits_vit";
    result.seed = 7;
    result.blas_core = "Haswell";
    result.notes = {"thresholds calibrated, not learned"};
    result.assumed = {"sense.v_fs_V = 0.3: preset sprint"};
    result.axes = {{"threshold.margin", "0.25"}};
    for (int i = 0; i < 4; ++i) {
        SampleOutcome sample;
        sample.sample = i;
        sample.label = 1;
        sample.predicted = i == 0 ? 0 : 1;
        sample.predicted_exact = 1;
        sample.logit_squared_error = 0.5;
        sample.logits = {0.0F, 1.0F};
        result.samples.push_back(sample);
    }
    result.accuracy = make_accuracy(result.samples, result.seed);
    for (int layer = 0; layer < 2; ++layer)
        for (int head = 0; head < 2; ++head) result.heads.push_back(example_head(layer, head));
    result.machines = {example_machine()};
    return result;
}

}  // namespace attohm::test
