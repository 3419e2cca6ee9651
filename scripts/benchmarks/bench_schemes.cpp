#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "src/replay/experiment.hpp"

/// Every scheme on one head of bert-base-384 (d = 64) against exact float32 attention, one thread:
/// numbers and Work, without prices. Best of several runs, in processor time.
namespace {

using namespace attohm;

constexpr int kTokens = 384, kWidth = 64, kRuns = 15;

AttentionLayer random_layer() {
    AttentionLayer layer;
    layer.n_q = layer.n_k = layer.valid_q = layer.valid_k = kTokens;
    layer.scale = 1.0F / std::sqrt(static_cast<float>(kWidth));
    std::uint64_t id = 0;
    for (Tensor3* x : {&layer.q, &layer.k, &layer.v}) {
        x->resize(1, kTokens, kWidth);
        Stream(1, Purpose::synth_content, {id++}).normals(0, x->data);
    }
    // Scores with a deviation of 2, as heads that have something to choose.
    for (float& q : layer.q.data) q *= 2.0F;
    return layer;
}

double best_seconds(const Scheme& scheme, const AttentionHead& head, Matrix<float>& out) {
    double best = 1e300;
    for (int run = 0; run < kRuns; ++run) {
        SampleContext context;
        const std::clock_t start = std::clock();
        scheme.attention(0, {&head, 1}, out.view(), context);
        const auto ticks = static_cast<double>(std::clock() - start);
        best = std::min(best, ticks / static_cast<double>(CLOCKS_PER_SEC));
    }
    return best;
}

}  // namespace

int main() {
    const AttentionLayer layer = random_layer();
    const AttentionHead head = head_view(layer, 0, 0);
    Matrix<float> out(kTokens, kWidth);
    SchemeInputs inputs;
    inputs.model.layers = inputs.model.heads = inputs.model.kv_heads = 1;
    inputs.metrics = MetricsLevel::counts;
    Settings settings = experiment_preset();
    for (const char* choice :
         {"threshold.source=quantile(0.75)", "mait.grid=[16, 24]", "ecoformer.hash=random(1)",
          "vitcod.masks=average(0.9)", "salo.window=96"})
        settings.overlay_assignment(choice);
    double exact = 0.0;
    fmt::print("scheme           ms/head   times exact   (limit 5)\n");
    for (const SchemeEntry& entry : scheme_table()) {
        try {
            const auto scheme = entry.make(inputs, settings);
            scheme->calibrate(0, 0, {&head, 1});
            const double seconds = best_seconds(*scheme, head, out);
            if (exact == 0.0) exact = seconds;
            fmt::print("{:<16} {:>7.3f} {:>13.2f}\n", entry.name, seconds * 1e3, seconds / exact);
        } catch (const UserError&) {
            fmt::print("{:<16} not defined on a head without a network around it\n", entry.name);
        }
    }
    return 0;
}
