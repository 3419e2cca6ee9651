#include "src/replay/experiment.hpp"

#include "circuits/memory/reram_write.hpp"
#include "crossbar/device/device.hpp"
#include "src/base/error.hpp"
#include "src/base/resources.hpp"

namespace attohm {

const Resources& replay_resources();

Settings experiment_preset() {
    constexpr std::string_view kName = "presets/experiment.yaml";
    Settings settings = Settings::from_text(*replay_resources().find(kName), std::string(kName));
    settings.extend(scheme_preset());
    return settings;
}

Experiment load_experiment(const Settings& settings) {
    constexpr double kLargestSeed = 9007199254740992.0;  // 2^53, exact in every tool that reads it
    Experiment experiment;
    experiment.scheme = std::string(find_scheme(settings.text("scheme")).name);
    const std::string mode = settings.choice("mode", {"auto", "open", "closed"});
    experiment.mode = mode == "auto" ? Mode::automatic : mode == "open" ? Mode::open : Mode::closed;
    experiment.seed = static_cast<std::uint64_t>(settings.integer("seed", {0.0, kLargestSeed}));
    experiment.chip = static_cast<std::uint64_t>(settings.integer("chip", {0.0, kLargestSeed}));
    if (const auto limit = settings.integer_or("samples", "all", {1.0, 1e9})) {
        experiment.sample_limit = static_cast<int>(*limit);
    }
    experiment.quant_samples = static_cast<int>(settings.integer("quant.samples", {1.0, 1e6}));
    experiment.metrics = settings.choice("metrics.level", {"full", "counts"}) == "full"
                             ? MetricsLevel::full
                             : MetricsLevel::counts;
    return experiment;
}

std::string user_files(const Settings& settings) {
    const std::string& card = settings.entry("device.card").values.front();
    if (!is_card_file(card)) return "";
    std::string text = "# device.card:\n";
    const Settings numbers = device_card(card);
    for (const std::string& key : numbers.keys()) {
        const SettingsEntry& entry = numbers.entry(key);
        text += fmt::format("#   {}: {} ({}: {})\n", key, fmt::join(entry.values, ", "),
                            mark_name(entry.mark), entry.source);
    }
    return text;
}

std::string stored_user_files(const std::string& experiment_yaml) {
    std::string comments;
    for (std::size_t begin = 0; begin < experiment_yaml.size();) {
        const std::size_t end =
            std::min(experiment_yaml.find('\n', begin), experiment_yaml.size() - 1) + 1;
        if (experiment_yaml[begin] == '#') comments += experiment_yaml.substr(begin, end - begin);
        begin = end;
    }
    return comments;
}

std::vector<std::string> machines_of(const Settings& settings, const SchemeEntry& scheme) {
    std::vector<std::string> machines = settings.entry("machines").values;
    for (std::string& machine : machines)
        if (machine == "scheme") machine = scheme.machine;
    std::erase(machines, "");
    return machines;
}

PricedExperiment load_priced_experiment(const Settings& settings, const SchemeEntry& scheme) {
    PricedExperiment priced;
    settings.texts("machines");  // read here, whatever it stands for
    priced.machines = machines_of(settings, scheme);
    if (settings.choice("phase", {"prefill", "decode"}) == "decode")
        priced.plan.phase = Phase::decode;
    // Only a memory that computes has two sources of energy, and converters of its columns.
    if (scheme.plan == "sprint") {
        priced.energy = energy_options(settings);
        priced.adc = adc_use(settings);
        priced.plan.wear.inferences_per_s = settings.real("lifetime.inferences_per_s", {1e-9, 1e9});
        priced.plan.wear.endurance = endurance_of(device_card(settings.text("device.card")));
    } else {
        priced.plan.batch = settings.integer("batch", {1.0, 1e6});
    }
    return priced;
}

}  // namespace attohm
