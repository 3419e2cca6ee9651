// The exact forward pass of a GPT-2-sized stack of blocks on 384 tokens against a plain float32
// sgemm of the MLP's shape in the same run, one core.

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <numeric>
#include <vector>

#include "src/base/blas.hpp"
#include "src/base/random.hpp"
#include "workloads/forward.hpp"

namespace {

using namespace attohm;

constexpr int kTokens = 384, kWidth = 768, kHeads = 12, kHidden = 3072, kLayers = 2, kRuns = 7;

class Exact final : public Scheme {
  public:
    std::string_view name() const override { return "exact"; }
};

Matrix<float> normals(int rows, int cols, std::uint64_t id) {
    Matrix<float> x(static_cast<std::size_t>(rows), static_cast<std::size_t>(cols));
    Stream(1, Purpose::synth_content, {id}).normals(0, {x.data(), x.size()});
    for (std::size_t e = 0; e < x.size(); ++e) x.data()[e] *= 0.03F;
    return x;
}

ModelInfo model() {
    ModelInfo info;
    info.family = "gpt";
    info.layers = kLayers;
    info.heads = info.kv_heads = kHeads;
    info.head_dim = info.v_head_dim = kWidth / kHeads;
    info.width = kWidth;
    info.causal = true;
    info.task = "next-token";
    info.pool = "none";
    info.classes = 64;
    return info;
}

std::shared_ptr<const Weights> weights() {
    auto made = std::make_shared<Weights>();
    made->activation = "gelu_tanh";
    for (int layer = 0; layer < kLayers; ++layer) {
        BlockWeights block;
        std::uint64_t id = 10 * static_cast<std::uint64_t>(layer);
        for (LinearWeights* square : {&block.q, &block.k, &block.v, &block.o})
            square->w = normals(kWidth, kWidth, ++id);
        block.up.w = normals(kHidden, kWidth, ++id);
        block.down.w = normals(kWidth, kHidden, ++id);
        made->blocks.push_back(std::move(block));
    }
    made->head.w = normals(64, kWidth, 99);
    return made;
}

/// Processor seconds of the fastest call, so that other work on the machine does not count.
template <class Work>
double best_of(Work&& work) {
    double best = 1e300;
    for (int run = 0; run < kRuns; ++run) {
        const std::clock_t start = std::clock();
        work();
        best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return best;
}

}  // namespace

int main() {
    const Network network(model(), weights());
    Sample sample;
    sample.x0 = normals(kTokens, kWidth, 1000);
    const double forward = best_of([&] {
        SampleContext context;
        (void)network.run(Exact(), sample, context);
    });
    const Matrix<float> x = normals(kTokens, kWidth, 1), w = normals(kHidden, kWidth, 2);
    Matrix<float> y(kTokens, kHidden);
    const double product = best_of([&] { sgemm_nt(x.view(), w.view(), y.view()); });
    // Linear layers, and q.k and p.v of the pairs that causality allows.
    const double block = 2.0 * kTokens * kWidth * (4.0 * kWidth + 2.0 * kHidden) +
                         4.0 * kWidth * 0.5 * kTokens * (kTokens + 1.0);
    const double flop = kLayers * block;
    const double sgemm_flop = 2.0 * kTokens * kWidth * static_cast<double>(kHidden);
    const double own = flop / forward * 1e-9, plain = sgemm_flop / product * 1e-9;
    fmt::print(
        "{} blocks of width {} on {} tokens: {:.1f} ms, {:.1f} GFLOP/s; sgemm {:.1f} "
        "GFLOP/s; fraction {:.2f}\n",
        kLayers, kWidth, kTokens, forward * 1e3, own, plain, own / plain);
}
