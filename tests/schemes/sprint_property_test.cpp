#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/parallel.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// Laws that hold for every card: exact without noise, blind to a common factor of all
/// conductances, every draw its own, whoever else is loud and however many threads run.
using namespace attohm;

namespace {

const LayerSpec kSpec{2, 2, 60, 60, 32, 8, false, -1, 57, true};

Settings with(const std::vector<std::string>& assignments) {
    Settings settings = scheme_preset();
    settings.overlay_assignment("threshold.source=quantile(0.6)");
    for (const std::string& assignment : assignments) settings.overlay_assignment(assignment);
    return settings;
}

std::vector<AttentionLayer> two_equal_layers() {
    std::vector<AttentionLayer> layers = {random_layer(kSpec, 71, 0), random_layer(kSpec, 71, 1)};
    return layers;
}

/// Selections of all heads of one layer of one sample.
std::vector<Matrix<std::uint8_t>> kept_sets(const Scheme& scheme, const AttentionLayer& layer,
                                            int sample = 0) {
    std::vector<Matrix<std::uint8_t>> sets;
    for (const Selection& selection : run_scheme(scheme, layer, sample).selections) {
        sets.push_back(selected(selection));
    }
    return sets;
}

std::int64_t differences_of(const std::vector<Matrix<std::uint8_t>>& a,
                            const std::vector<Matrix<std::uint8_t>>& b) {
    std::int64_t count = 0;
    for (std::size_t h = 0; h < a.size(); ++h) count += differences(a[h], b[h]);
    return count;
}

/// Decisions with one effect alone.
struct Effect {
    const char* name;
    std::vector<std::string> settings;
};

const std::vector<std::string> kSilent = {"device.card=ideal", "comparator.offset_sigma_V=0",
                                          "comparator.noise_sigma_V=0", "empty_row=zero"};

std::vector<std::string> silent_with(const std::vector<std::string>& more) {
    std::vector<std::string> all = kSilent;
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

}  // namespace

TEST_CASE("every card is threshold-q once its errors are scaled to nothing", "[property]") {
    const std::vector<AttentionLayer> layers = two_equal_layers();
    for (const std::string& card : device_card_names()) {
        const Settings settings =
            with({"device.card=" + card, "device.programming.scale=0", "device.read_noise.scale=0",
                  "device.slow_noise.scale=0", "device.telegraph.scale=0", "device.iv=linear",
                  "device.stuck.low_rate=0", "device.stuck.high_rate=0",
                  "comparator.offset_sigma_V=0", "comparator.noise_sigma_V=0"});
        const auto sprint = make_calibrated("sprint", settings, layers);
        const auto quant = make_calibrated("threshold-q", settings, layers);
        CAPTURE(card);
        CHECK(differences_of(kept_sets(*sprint, layers[0]), kept_sets(*quant, layers[0])) == 0);
        const SchemeRun a = run_scheme(*sprint, layers[0]), b = run_scheme(*quant, layers[0]);
        for (std::size_t h = 0; h < a.out.size(); ++h) CHECK(differences(a.out[h], b.out[h]) == 0);
    }
}

TEST_CASE("every card runs with its own errors, and the counts balance", "[smoke]") {
    const std::vector<AttentionLayer> layers = two_equal_layers();
    for (const std::string& card : device_card_names()) {
        const auto scheme = make_calibrated("sprint", with({"device.card=" + card}), layers);
        const SchemeRun run = run_scheme(*scheme, layers[0]);
        CAPTURE(card);
        for (const HeadReport& report : run.reports) {
            const DecisionCounts& counts = report.decisions;
            CHECK(counts.hw_kept == counts.ref_kept - counts.fp_total + counts.fk_total);
            CHECK(counts.hw_kept == counts.quant_kept - counts.fp_analog + counts.fk_analog);
            CHECK(counts.quant_kept == counts.ref_kept - counts.fp_quant + counts.fk_quant);
            CHECK(counts.decision_variance <= 0.25 * static_cast<double>(counts.valid));
            CHECK(counts.fp_expected >= 0.0);
            CHECK(counts.fp_expected <= static_cast<double>(counts.ref_kept) + 1e-3);
            std::int64_t seen = 0;
            for (int bin = 0; bin < ScoreEye::kBins; ++bin) {
                const auto b = static_cast<std::size_t>(bin);
                seen += report.eye.kept[b] + report.eye.pruned[b];
            }
            CHECK(seen == counts.valid);
        }
    }
}

namespace {

/// The card with every conductance times `factor`, told by the units of its keys.
Settings scaled_card(const std::string& name, double factor) {
    Settings card = device_card(name);
    for (const std::string& key : card.keys()) {
        const auto holds = [&](const char* part) { return key.find(part) != std::string::npos; };
        const bool siemens = holds("_uS"), ohm = key.ends_with("_ohm"),
                   ampere = key.ends_with("_A");
        const bool logarithm = holds("sigma_ln_coefficients");
        const SettingsEntry& entry = card.entry(key);
        if (!(siemens || ohm || ampere || logarithm) || entry.values.front() == "none") continue;
        double power = ohm ? 1.0 / factor : logarithm ? 1.0 : factor;
        std::vector<std::string> values;
        for (const double x : entry.is_list ? card.reals(key) : std::vector{card.real(key)}) {
            values.push_back(fmt::format("{:.17g}", x * power));
            // sigma(f G) = f sigma(G).
            if (key.ends_with("_coefficients")) power /= factor;
        }
        card.overlay(key, values, entry.is_list, "test");
    }
    return card;
}

}  // namespace

TEST_CASE("a common factor of all conductances leaves every decision", "[property]") {
    const std::vector<AttentionLayer> layers = two_equal_layers();
    for (const std::string& name : device_card_names()) {
        const auto decisions = [&](double factor) {
            const auto ohm = [&](double value) { return fmt::format("{:.17g}", value / factor); };
            const Settings settings =
                with({"device.card=" + write_card(scaled_card(name, factor).resolved_yaml()),
                      "device.stuck.low_rate=0.01", "device.stuck.high_rate=0.01",
                      "device.stuck.low_resistance_ohm=" + ohm(1e4),
                      "device.stuck.high_resistance_ohm=" + ohm(1e6),
                      "device.stuck.spatial=independent"});
            const auto scheme = make_calibrated("sprint", settings, layers);
            return run_scheme(*scheme, layers[0], 3);
        };
        const SchemeRun plain = decisions(1.0);
        for (const double factor : {0.25, 4.0}) {
            const SchemeRun scaled = decisions(factor);
            CAPTURE(name, factor);
            for (std::size_t h = 0; h < plain.out.size(); ++h) {
                CHECK(differences(selected(plain.selections[h]), selected(scaled.selections[h])) ==
                      0);
                CHECK(differences(plain.out[h], scaled.out[h]) == 0);
                // Energy follows the conductances.
                CHECK(scaled.works[h][Physical::in_memory_cell_J] ==
                      Approx(factor * plain.works[h][Physical::in_memory_cell_J]).epsilon(1e-6));
                CHECK(scaled.works[h][Physical::mlc_write_J] ==
                      Approx(factor * plain.works[h][Physical::mlc_write_J]).epsilon(1e-6));
            }
        }
    }
}

TEST_CASE("what another chip and another sample change", "[property]") {
    const std::vector<AttentionLayer> layers = two_equal_layers();
    struct Sharing {
        Effect effect;
        bool by_sample;  ///< a new sample draws anew
    };
    const std::vector<Sharing> all = {
        {{"offset", {"comparator.offset_sigma_V=0.03"}}, false},
        {{"faults", {"device.stuck.high_rate=0.1"}}, false},
        {{"programming",
          {"device.card=ibm-cmo-hfox-2pct", "device.programming.scale=8",
           "device.read_noise.scale=0"}},
         true},
        {{"read noise",
          {"device.card=ibm-cmo-hfox-2pct", "device.programming.scale=0",
           "device.read_noise.scale=30"}},
         true},
        {{"comparator noise", {"comparator.noise_sigma_V=0.03"}}, true},
        {{"threshold noise", {"threshold.noise_sigma_V=0.03"}}, true},
    };
    for (const Sharing& sharing : all) {
        const Settings settings = with(silent_with(sharing.effect.settings));
        const auto chip0 =
            make_calibrated("sprint", settings, layers, {1, 0, MetricsLevel::counts});
        const auto chip1 =
            make_calibrated("sprint", settings, layers, {1, 1, MetricsLevel::counts});
        const auto seed2 =
            make_calibrated("sprint", settings, layers, {2, 0, MetricsLevel::counts});
        const auto base = kept_sets(*chip0, layers[0], 0);
        CAPTURE(sharing.effect.name);
        CHECK(differences_of(base, kept_sets(*chip0, layers[0], 0)) == 0);
        CHECK(differences_of(base, kept_sets(*chip1, layers[0], 0)) > 20);
        CHECK(differences_of(base, kept_sets(*seed2, layers[0], 0)) > 20);
        const auto other = differences_of(base, kept_sets(*chip0, layers[0], 1));
        CHECK((sharing.by_sample ? other > 20 : other == 0));
    }
}

TEST_CASE("placement says which layers meet the same faults and offsets", "[property]") {
    const std::vector<AttentionLayer> layers = two_equal_layers();
    for (const Effect& effect :
         {Effect{"offset", {"comparator.offset_sigma_V=0.03"}},
          Effect{"faults", {"device.stuck.low_rate=0.05", "device.stuck.high_rate=0.05"}}}) {
        for (const bool shared : {false, true}) {
            std::vector<std::string> keys = silent_with(effect.settings);
            keys.emplace_back(shared ? "placement=shared" : "placement=own");
            const auto scheme = make_calibrated("sprint", with(keys), layers);
            const auto count =
                differences_of(kept_sets(*scheme, layers[0]), kept_sets(*scheme, layers[1]));
            CAPTURE(effect.name, shared, count);
            CHECK((shared ? count == 0 : count > 20));
        }
    }
    // The writes and reads of another layer are draws of their own, wherever they happen.
    const auto scheme = make_calibrated(
        "sprint", with(silent_with({"placement=shared", "comparator.noise_sigma_V=0.03"})), layers);
    CHECK(differences_of(kept_sets(*scheme, layers[0]), kept_sets(*scheme, layers[1])) > 20);
}

TEST_CASE("query heads of one kv head read the same cells", "[property]") {
    LayerSpec spec = kSpec;
    spec.kv_heads = 1;
    std::vector<AttentionLayer> layers = {random_layer(spec, 72)};
    // The same queries in both heads.
    const auto half = static_cast<std::ptrdiff_t>(layers[0].q.data.size() / 2);
    std::copy_n(layers[0].q.data.begin(), half, layers[0].q.data.begin() + half);
    const auto heads_differ = [&](const std::vector<std::string>& keys) {
        const auto scheme = make_calibrated("sprint", with(silent_with(keys)), layers);
        const auto sets = kept_sets(*scheme, layers[0]);
        return differences(sets[0], sets[1]);
    };
    const std::string card = "device.card=ibm-cmo-hfox-2pct";
    CHECK(heads_differ({card, "device.programming.scale=8", "device.read_noise.scale=0",
                        "device.stuck.high_rate=0.05", "comparator.offset_sigma_V=0.02"}) == 0);
    CHECK(heads_differ({card, "device.programming.scale=0", "device.read_noise.scale=30"}) > 20);
    CHECK(heads_differ({"comparator.noise_sigma_V=0.03"}) > 20);
}

TEST_CASE("a decision that a little noise turns, more of the same draw turns too", "[property]") {
    // One effect, two sizes, the same draws: a pair that k sigma turn is turned by 2k sigma too.
    const std::vector<AttentionLayer> layers = two_equal_layers();
    for (const auto& [name, small, large] :
         {std::tuple{"offset", "comparator.offset_sigma_V=0.01", "comparator.offset_sigma_V=0.02"},
          std::tuple{"noise", "comparator.noise_sigma_V=0.01", "comparator.noise_sigma_V=0.02"},
          std::tuple{"threshold", "threshold.noise_sigma_V=0.01",
                     "threshold.noise_sigma_V=0.02"}}) {
        // Without clipping, the compared value is linear in the noise.
        const auto sets = [&](const char* key) {
            const auto scheme = make_calibrated(
                "sprint", with(silent_with({key, "sense.full_scale=worst-case"})), layers);
            return kept_sets(*scheme, layers[0]);
        };
        const auto open =
            kept_sets(*make_calibrated("threshold-q",
                                       with(silent_with({"sense.full_scale=worst-case"})), layers),
                      layers[0]);
        const auto less = sets(small), more = sets(large);
        std::int64_t turned = 0, back = 0;
        for (std::size_t h = 0; h < open.size(); ++h) {
            for (std::size_t i = 0; i < open[h].size(); ++i) {
                const bool before = less[h].data()[i] != open[h].data()[i];
                turned += before ? 1 : 0;
                back += before && more[h].data()[i] == open[h].data()[i] ? 1 : 0;
            }
        }
        CAPTURE(name, turned);
        CHECK(turned > 20);
        CHECK(back == 0);
    }
}

TEST_CASE("reports and outputs do not depend on threads", "[property]") {
    const std::vector<AttentionLayer> layers = two_equal_layers();
    const auto scheme = make_calibrated("sprint", with({}), layers);
    const auto run_samples = [&](int count) {
        set_threads(count);
        std::vector<SchemeRun> runs(12);
        parallel_for(runs.size(), [&](std::size_t i) {
            runs[i] = run_scheme(*scheme, layers[i % 2], static_cast<int>(i / 2));
        });
        return runs;
    };
    const int before = threads();
    const auto one = run_samples(1), three = run_samples(3);
    set_threads(before);
    for (std::size_t i = 0; i < one.size(); ++i) {
        for (std::size_t h = 0; h < one[i].out.size(); ++h) {
            CHECK(differences(one[i].out[h], three[i].out[h]) == 0);
            CHECK(differences(selected(one[i].selections[h]), selected(three[i].selections[h])) ==
                  0);
            const HeadReport &a = one[i].reports[h], &b = three[i].reports[h];
            CHECK(a.decisions.fp_total == b.decisions.fp_total);
            CHECK(a.decisions.fp_expected == b.decisions.fp_expected);
            CHECK(a.mass_dropped == b.mass_dropped);
            CHECK(a.noise_sigma_score == b.noise_sigma_score);
            CHECK(one[i].works[h].physical == three[i].works[h].physical);
        }
    }
}
