#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "src/base/random.hpp"
#include "src/replay/result_summary.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/digits_replay.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_writer.hpp"

/// Decoding token by token against keys that stay: query t sees keys 0 .. t, as row t of a causal
/// prefill does.
using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr int kTokens = 40;

ModelInfo decoder() {
    ModelInfo model;
    model.name = "decoder";
    model.family = "other";
    model.layers = 2;
    model.heads = 4;
    model.kv_heads = 2;
    model.head_dim = model.v_head_dim = 16;
    model.width = 64;
    model.causal = true;
    model.task = "none";
    return model;
}

void fill(Tensor3& tensor, int planes, int rows, std::uint64_t id) {
    const ModelInfo model = decoder();
    tensor.resize(static_cast<std::size_t>(planes), static_cast<std::size_t>(rows),
                  static_cast<std::size_t>(model.head_dim));
    Stream(11, Purpose::synth_content, {id}).normals(0, tensor.data);
}

/// A causal prefill of all tokens.
AttentionLayer prefill(int layer, std::uint64_t sample) {
    AttentionLayer made;
    made.layer = layer;
    made.n_q = made.n_k = made.valid_q = made.valid_k = kTokens;
    made.scale = 0.25F;
    made.causal = true;
    const std::uint64_t id = 10 * sample + static_cast<std::uint64_t>(layer);
    fill(made.q, 4, kTokens, 3 * id);
    fill(made.k, 2, kTokens, 3 * id + 1);
    fill(made.v, 2, kTokens, 3 * id + 2);
    return made;
}

Tensor3 rows_of(const Tensor3& all, std::size_t first, std::size_t count) {
    Tensor3 part;
    part.resize(all.planes, count, all.cols);
    for (std::size_t p = 0; p < all.planes; ++p)
        for (std::size_t i = 0; i < count; ++i)
            std::copy_n(all.plane(p).row(first + i), all.cols, part.plane(p).row(i));
    return part;
}

/// Queries first .. first + count - 1 of it, with the keys up to the last of them.
AttentionLayer steps(const AttentionLayer& all, int first, int count) {
    AttentionLayer step = all;
    step.n_q = step.valid_q = count;
    step.n_k = step.valid_k = first + count;
    const auto from = static_cast<std::size_t>(first);
    step.q = rows_of(all.q, from, static_cast<std::size_t>(count));
    step.k = rows_of(all.k, 0, static_cast<std::size_t>(step.n_k));
    step.v = rows_of(all.v, 0, static_cast<std::size_t>(step.n_k));
    return step;
}

/// One calibration sample, then one sample for every `stride` queries.
void write_trace(const std::string& path, int stride) {
    Thresholds thresholds;
    thresholds.values.resize(2, 1);
    thresholds.values(0, 0) = 0.4F;
    thresholds.values(1, 0) = 0.1F;
    TraceWriter writer(path, decoder(), thresholds, {});
    Sample calibration;
    calibration.calibration = true;
    writer.begin_sample(calibration);
    for (int layer = 0; layer < 2; ++layer) writer.layer(prefill(layer, 1));
    for (int first = 0; first < kTokens; first += stride) {
        writer.begin_sample({});
        for (int layer = 0; layer < 2; ++layer)
            writer.layer(steps(prefill(layer, 2), first, stride));
    }
    writer.finish();
}

/// Nothing is drawn at a write or a read; comparator offsets, drawn once per chip, stay.
std::vector<std::string> chip_draws_only() {
    return {"scheme=sprint", "device.card=ideal", "comparator.noise_sigma_V=0",
            "sense.i_max_A=ideal"};
}

void check_same_decisions(const std::vector<std::string>& settings) {
    const TemporaryDirectory directory;
    const std::string whole = directory.file("prefill.h5");
    write_trace(whole, kTokens);
    const Result expected = replay_file(whole, settings);
    REQUIRE(total_decisions(expected).counts.valid == 2 * 4 * kTokens * (kTokens + 1) / 2);
    // Token by token, and four at a time (several queries against a longer cache).
    for (const int stride : {1, 4}) {
        const std::string path = directory.file("decode" + std::to_string(stride) + ".h5");
        write_trace(path, stride);
        const TraceCheck check = check_trace(path);
        CHECK(check.problems.empty());
        CHECK(check.layers_checked == 2 * (kTokens / stride + 1));
        const Result found = replay_file(path, settings);
        REQUIRE(found.samples.size() == static_cast<std::size_t>(kTokens / stride));
        const DecisionCounts a = total_decisions(expected).counts;
        const DecisionCounts b = total_decisions(found).counts;
        CHECK(b.valid == a.valid);
        CHECK(b.ref_kept == a.ref_kept);
        CHECK(b.quant_kept == a.quant_kept);
        CHECK(b.hw_kept == a.hw_kept);
        CHECK(b.fp_total == a.fp_total);
        CHECK(b.fk_total == a.fk_total);
        CHECK(b.fp_analog == a.fp_analog);
        CHECK(b.fk_analog == a.fk_analog);
        CHECK(total_decisions(found).kept_pairs == total_decisions(expected).kept_pairs);
        for (std::size_t h = 0; h < expected.heads.size(); ++h)
            CHECK(found.heads[h].to_exact->squared_error ==
                  Approx(expected.heads[h].to_exact->squared_error).epsilon(1e-4).margin(1e-9));
    }
}

}  // namespace

TEST_CASE("decoding step by step decides as a causal prefill does", "[property]") {
    check_same_decisions({"scheme=threshold"});
    check_same_decisions({"scheme=threshold-q"});
}

TEST_CASE("draws of a chip are the same for every step of decoding", "[property]") {
    check_same_decisions(chip_draws_only());
    // And they do decide something: offsets make errors that the codes alone do not.
    const TemporaryDirectory directory;
    const std::string path = directory.file("prefill.h5");
    write_trace(path, kTokens);
    const DecisionCounts counts = total_decisions(replay_file(path, chip_draws_only())).counts;
    CHECK(counts.fp_analog + counts.fk_analog > 0);
}

TEST_CASE("steps that are samples of their own draw their writes and reads anew", "[property]") {
    // Both are keyed by the sample's ordinal, reads by the query's in its sample too.
    const TemporaryDirectory directory;
    std::vector<DecisionCounts> found;
    for (const int stride : {kTokens, 1}) {
        const std::string path = directory.file("steps" + std::to_string(stride) + ".h5");
        write_trace(path, stride);
        found.push_back(total_decisions(replay_file(path, {"scheme=sprint"})).counts);
    }
    CHECK(found[0].ref_kept == found[1].ref_kept);
    CHECK(found[0].quant_kept == found[1].quant_kept);
    const auto errors = [](const DecisionCounts& c) { return c.fp_analog * 10000 + c.fk_analog; };
    CHECK(errors(found[0]) != errors(found[1]));
}
