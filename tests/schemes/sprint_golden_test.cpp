#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

#include "tests/schemes/sprint_pair.hpp"
#include "workloads/trace_reader.hpp"

/// Whether a number moved: SPRINT by its preset on one sample of the digits, head by head. A moved
/// number may be right; then the .new file replaces the golden one, and the commit says why.
using namespace attohm;

namespace {

constexpr const char* kGolden = "tests/golden/sprint_digits.txt";

/// Sample 0 of the committed trace, all layers.
std::vector<AttentionLayer> digits_layers() {
    const TraceReader trace("workloads/zoo/digits_vit/digits_vit.h5");
    const Sample sample = trace.sample(0);
    std::vector<AttentionLayer> layers;
    for (int l = 0; l < trace.model().layers; ++l) layers.push_back(trace.layer(sample, l, false));
    return layers;
}

Settings preset() {
    Settings settings = scheme_preset();
    settings.overlay_assignment("threshold.source=quantile(0.7)");
    return settings;
}

std::string numbers_now() {
    const auto layers = digits_layers();
    const auto scheme = make_calibrated("sprint", preset(), layers);
    std::ostringstream text;
    for (const AttentionLayer& layer : layers) {
        for (const HeadReport& report : run_scheme(*scheme, layer).reports) {
            const DecisionCounts& d = report.decisions;
            text << report.layer << ' ' << report.head << ' ' << d.ref_kept << ' ' << d.quant_kept
                 << ' ' << d.hw_kept << ' ' << d.fp_total << ' ' << d.fk_total << ' '
                 << report.empty_rows << ' ' << report.top1_lost << ' '
                 << report.events.level_errors << ' '
                 << fmt::format("{:.8g} {:.8g} {:.8g}", d.fp_expected, d.fk_expected,
                                report.noise_sigma_score)
                 << '\n';
        }
    }
    return text.str();
}

}  // namespace

TEST_CASE("SPRINT's numbers on the digits do not move", "[golden]") {
    const std::string now = numbers_now();
    std::ifstream file(kGolden);
    std::string header;
    REQUIRE(std::getline(file, header));
    std::istringstream fresh(now);
    bool same = true;
    int count = 0;
    double golden = 0.0, value = 0.0;
    while (file >> golden) {
        REQUIRE(fresh >> value);
        // Counts are exact, sums of floats are not.
        same = same && std::abs(value - golden) <=
                           (golden == std::floor(golden) ? 0.0 : 1e-5) * std::abs(golden);
        ++count;
    }
    same = same && !(fresh >> value);
    if (!same) std::ofstream(std::string(kGolden) + ".new") << header << '\n' << now;
    CAPTURE(now);
    CHECK(same);
    CHECK(count == 4 * 2 * 13);
}

TEST_CASE("every scheme runs on the digits with its preset", "[smoke]") {
    const auto layers = digits_layers();
    for (const SchemeEntry& entry : scheme_table()) {
        CAPTURE(entry.name);
        // What needs more than a network's heads: tests of their own.
        if (!entry.needs.empty()) continue;
        SchemeInputs inputs;
        inputs.model = model_of(layers);
        const auto scheme = entry.make(inputs, preset());
        CHECK(scheme->name() == entry.name);
        for (const AttentionLayer& layer : layers) {
            for (int h = 0; h < 2; ++h) {
                const AttentionHead head = head_view(layer, 0, h);
                scheme->calibrate(layer.layer, h, {&head, 1});
            }
            const SchemeRun run = run_scheme(*scheme, layer);
            for (const Matrix<float>& out : run.out) {
                bool finite = true, written = true;
                for (std::size_t i = 0; i < out.size(); ++i) {
                    finite = finite && std::isfinite(out.data()[i]);
                    written = written && out.data()[i] != -777.0F;
                }
                CHECK(finite);
                CHECK(written);
            }
        }
    }
}

TEST_CASE("heads without valid queries or keys give zeros", "[unit]") {
    for (const auto& [valid_q, valid_k] : {std::pair{0, 20}, std::pair{20, 0}, std::pair{0, 0}}) {
        const std::vector<AttentionLayer> layers = {
            random_layer({2, 1, 20, 20, 16, 8, false, valid_q, valid_k, true}, 1)};
        for (const SchemeEntry& entry : scheme_table()) {
            // The others know no rule for empty rows, or no mask: flat_test.cpp.
            if (!entry.thresholds) continue;
            for (const char* rule : {"dense", "top1-digital", "self", "zero"}) {
                Settings settings = preset();
                settings.overlay_assignment(std::string("empty_row=") + rule);
                const auto scheme = make_calibrated(std::string(entry.name), settings, layers);
                const SchemeRun run = run_scheme(*scheme, layers[0]);
                CAPTURE(entry.name, valid_q, valid_k, rule);
                for (std::size_t h = 0; h < 2; ++h) {
                    CHECK(differences(run.out[h], Matrix<float>(20, 8)) == 0);
                    CHECK(run.selections[h].keys.empty());
                    CHECK(run.reports[h].decisions.valid == 0);
                    CHECK(run.reports[h].empty_rows == 0);
                    CHECK(run.reports[h].mass_dropped == 0.0);
                }
            }
        }
    }
}
