#include "src/replay/price.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/replay/experiment.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/result_work_io.hpp"

namespace attohm {

const std::vector<std::string>& pricing_keys() {
    static const std::vector<std::string> keys = {"machines",
                                                  "energy.source.in_memory",
                                                  "energy.source.read",
                                                  "energy.source.write",
                                                  "phase",
                                                  "batch",
                                                  "lifetime.inferences_per_s"};
    return keys;
}

namespace {

std::string key_of(const std::string& assignment) {
    return assignment.substr(0, assignment.find('='));
}

/// Throws: UserError for a known key that does more than price.
void refuse_other_keys(const Settings& settings, const std::vector<std::string>& assignments) {
    const std::vector<std::string>& allowed = pricing_keys();
    for (const std::string& assignment : assignments) {
        const std::string key = key_of(assignment);
        if (!settings.has(key)) continue;  // the overlay says what is near
        if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
        throw UserError("this key changes what is computed, not only its price", "--set",
                        assignment,
                        fmt::format("{}; or `attohm run` again", fmt::join(allowed, ", ")));
    }
}

/// The settings of a stored experiment, its keys marked as read.
Settings stored_settings(const Result& result, const std::string& where) {
    Settings settings = experiment_preset();
    settings.overlay_text(result.experiment_yaml, where);
    const Settings stored = Settings::from_text(result.experiment_yaml, where);
    for (const std::string& key : stored.keys()) stored.texts(key);
    settings.merge_read(stored);
    return settings;
}

/// Throws: UserError for a given key that nothing read.
void require_read(const Settings& settings, const std::vector<std::string>& assignments) {
    const std::vector<std::string> unread = settings.unread_user_keys();
    for (const std::string& assignment : assignments)
        for (const std::string& key : unread)
            if (key.starts_with(key_of(assignment)))
                throw UserError(
                    fmt::format("nothing in this result reads `{}`", key_of(assignment)), "--set",
                    assignment, "keys of the scheme that was run");
}

SampleCost plan_sample(const CostEngine& costs, const StoredSample& sample) {
    SamplePlanner planner = costs.planner();
    std::size_t layer = 0;
    const auto layers_after = [&](std::size_t heads) {
        for (; layer < sample.layers.size() && sample.layers[layer].after_heads <= heads; ++layer)
            planner.layer(sample.layers[layer].work, sample.layers[layer].user);
    };
    for (std::size_t i = 0; i < sample.heads.size(); ++i) {
        layers_after(i);
        const StoredHead& head = sample.heads[i];
        if (head.kept)
            planner.consume(head.work, *head.kept);
        else
            planner.consume(head.work);
    }
    layers_after(sample.heads.size());
    return planner.finish();
}

Result single_result(const std::string& path) {
    std::vector<Result> results = read_results(path);
    if (results.size() != 1)
        throw UserError("a sweep keeps no work to price", path,
                        fmt::format("{} results", results.size()),
                        "a result of `attohm run` with results.work: summaries");
    return std::move(results.front());
}

}  // namespace

Result price_result(const std::string& path, const PriceChanges& changes, WorkSink& work) {
    Result result = single_result(path);
    const SchemeEntry& entry = find_scheme(result.scheme);
    Settings settings = stored_settings(result, path + ":/experiment");
    refuse_other_keys(settings, changes.assignments);
    for (const std::string& assignment : changes.assignments)
        settings.overlay_assignment(assignment);
    if (!changes.machines.empty())
        settings.overlay("machines", changes.machines, true, "--machine");
    if (entry.plan.empty())
        throw UserError("this scheme has no plan on any machine", path, result.scheme,
                        "a result of a scheme with a plan (`attohm list schemes`)");
    const PricedExperiment priced = load_priced_experiment(settings, entry);
    // What changes a price is the user's only where it is read; what was stored was read once.
    require_read(settings, changes.assignments);
    const CostEngine costs(
        load_machines(priced.machines),
        {std::string(entry.plan), {entry.baselines.begin(), entry.baselines.end()}, priced.plan},
        priced.energy, priced.adc);
    std::vector<SampleCost> sample_costs;
    read_work(path, [&](std::vector<StoredSample> block) {
        const std::size_t first = sample_costs.size();
        sample_costs.resize(first + block.size());
        parallel_for(block.size(), [&](std::size_t i) {
            sample_costs[first + i] = plan_sample(costs, block[i]);
        });
        for (StoredSample& sample : block) work.add(std::move(sample));
    });
    result.machines = costs.accumulate(sample_costs);
    const std::string files = stored_user_files(result.experiment_yaml);
    result.experiment_yaml = settings.resolved_yaml(true) + files;
    return result;
}

}  // namespace attohm
