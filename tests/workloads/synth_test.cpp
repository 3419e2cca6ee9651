#include "workloads/synth.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/workloads/synth_count.hpp"
#include "workloads/synth_head.hpp"
#include "workloads/synth_kernels.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;

using attohm::testing::refusal;
using attohm::testing::sized;
using attohm::testing::TemporaryTrace;

namespace {

void check_as_asked(SynthSpec spec, double kept, double new_keys, double padding) {
    spec.kept = kept;
    spec.new_keys = new_keys;
    spec.padding = padding;
    attohm::testing::check_as_asked(spec);
}

}  // namespace

TEST_CASE("kept keys, new keys and padding come out as asked", "[property]") {
    check_as_asked(sized("bert-base-384", 1, 12, 2), 0.25, 0.021, 0.46);
    check_as_asked(sized("bert-base-384", 2, 3, 1), 0.10, 0.050, 0.30);
    check_as_asked(sized("bert-base-384", 1, 3, 1), 0.50, 0.450, 0.0);
    check_as_asked(sized("deit-t", 3, 3, 2), 0.20, 0.100, 0.0);
    check_as_asked(sized("deit-s", 2, 6, 1), 0.90, 0.004, 0.10);
    check_as_asked(sized("gpt2-l-1024", 1, 2, 1), 0.25, 0.021, 0.0);
    check_as_asked(sized("gpt2-l-1024", 1, 2, 1), 0.10, 0.005, 0.20);
    // The ends of the range.
    check_as_asked(sized("deit-t", 1, 3, 1), 0.25, 0.25, 0.0);
    check_as_asked(sized("deit-t", 1, 3, 1), 0.25, 0.0, 0.0);
    check_as_asked(sized("deit-t", 1, 3, 1), 0.75, 0.25, 0.0);
    // Few tokens: single counts matter.
    SynthSpec small = sized("deit-t", 2, 4, 2);
    small.tokens = 32;
    check_as_asked(small, 0.25, 0.02, 0.25);
    // Grouped heads of another width, in half precision.
    SynthSpec grouped = sized("deit-s", 2, 6, 2);
    grouped.kv_heads = 2;
    grouped.head_dim = 32;
    grouped.v_head_dim = 48;
    grouped.tensors = StoredAs::float16;
    check_as_asked(grouped, 0.15, 0.03, 0.0);
}

TEST_CASE("the whole of bert-base-384 comes out as asked", "[stat]") {
    SynthSpec spec = synth_shape("bert-base-384");
    spec.samples = 1;
    check_as_asked(spec, 0.25, 0.021, 0.46);
}

TEST_CASE("a synthetic trace is a valid trace", "[unit]") {
    SynthSpec spec = sized("deit-t", 2, 4, 2);
    spec.tokens = 24;
    spec.kv_heads = 2;
    spec.head_dim = 8;
    spec.v_head_dim = 6;
    spec.padding = 0.25;
    spec.calibration = 3;
    const TemporaryTrace trace("valid");
    write_synthetic_trace(spec, trace.path());
    const TraceReader reader(trace.path());
    CHECK(reader.model().kv_heads == 2);
    CHECK(reader.samples() == 2);
    CHECK(reader.calibration_samples() == 3);
    REQUIRE(reader.thresholds());
    CHECK(reader.thresholds()->values.cols() == 4);
    const AttentionLayer first = reader.layer(reader.sample(0), 1, true);
    const AttentionLayer other = reader.layer(reader.calibration_sample(0), 1, true);
    CHECK(first.valid_k == 18);
    CHECK(first.q.data != other.q.data);
    for (int h = 0; h < 4; ++h) {
        const AttentionHead head = head_view(first, 0, h);
        const Matrix<double> expected = reference::exact_attention(head);
        for (std::size_t i = 0; i < head.n_q(); ++i)
            for (std::size_t c = 0; c < head.dv(); ++c)
                CHECK(static_cast<double>(head.golden(i, c)) ==
                      Approx(expected(i, c)).margin(1e-5));
    }
}

TEST_CASE("a synthetic trace depends on its seed and not on threads", "[unit]") {
    SynthSpec spec = sized("deit-t", 2, 3, 1);
    spec.tokens = 40;
    spec.new_keys = 0.05;
    const auto tensors = [&spec](const char* name, int count_of_threads) {
        const int before = threads();
        set_threads(count_of_threads);
        const TemporaryTrace trace(name);
        write_synthetic_trace(spec, trace.path());
        set_threads(before);
        const TraceReader reader(trace.path());
        std::vector<float> all(reader.thresholds()->values.data(),
                               reader.thresholds()->values.data() + 6);
        for (int l = 0; l < 2; ++l) {
            const AttentionLayer layer = reader.layer(reader.sample(0), l, true);
            for (const Tensor3* tensor : {&layer.q, &layer.k, &layer.v, &layer.out})
                all.insert(all.end(), tensor->data.begin(), tensor->data.end());
        }
        return all;
    };
    const std::vector<float> one = tensors("one", 1);
    CHECK(one == tensors("two", 2));
    CHECK(one == tensors("three", 3));
    spec.seed = 2;
    CHECK(one != tensors("other", 1));
}

TEST_CASE("what cannot be had is refused with its range", "[unit]") {
    using Catch::Matchers::Contains;
    SynthSpec spec = sized("deit-t", 1, 3, 1);
    const auto with = [&spec](auto change) {
        SynthSpec changed = spec;
        change(changed);
        return refusal(changed);
    };
    CHECK_THAT(with([](SynthSpec& s) { s.new_keys = 0.3; }),
               Contains("new keys") && Contains("0.3") && Contains("0 to 0.25 at kept = 0.25"));
    CHECK_THAT(with([](SynthSpec& s) {
                   s.kept = 0.9;
                   s.new_keys = 0.2;
               }),
               Contains("0 to 0.1 at kept = 0.9"));
    // Causal queries meet a new key each, which is kept as often as any other.
    CHECK_THAT(with([](SynthSpec& s) {
                   s.causal = true;
                   s.new_keys = 0.001;
               }),
               Contains("new keys") && Contains("0.0062"));
    CHECK_THAT(with([](SynthSpec& s) { s.kept = 0.0; }), Contains("kept"));
    CHECK_THAT(with([](SynthSpec& s) { s.padding = 0.999; }), Contains("two real tokens"));
    CHECK_THAT(with([](SynthSpec& s) {
                   s.tokens = 10;
                   s.padding = 0.46;
               }),
               Contains("padding") && Contains("nearest: 0.5"));
    CHECK_THAT(with([](SynthSpec& s) { s.kv_heads = 2; }), Contains("divisor of 3"));
    CHECK_THAT(with([](SynthSpec& s) { s.tokens = 0; }), Contains("tokens"));
    CHECK_THROWS_AS(synth_shape("bert"), UserError);
}

TEST_CASE("the Gaussian rate of new keys has its known values", "[unit]") {
    // Independent neighbours: kept (1 - kept); opposite ones: min(kept, 1 - kept).
    const double right = std::acos(0.0), opposite = std::acos(-1.0);
    for (const double kept : {0.02, 0.25, 0.5, 0.8}) {
        CHECK(gaussian_new_keys(kept, right) == Approx(kept * (1.0 - kept)).epsilon(1e-4));
        CHECK(gaussian_new_keys(kept, opposite) ==
              Approx(std::min(kept, 1.0 - kept)).epsilon(1e-3));
        CHECK(gaussian_new_keys(kept, 0.0) == 0.0);
        const double rate = 0.3 * kept * (1.0 - kept);
        CHECK(gaussian_new_keys(kept, gaussian_angle(kept, rate)) == Approx(rate).epsilon(1e-6));
    }
    // Median split: angle / (2 pi), an elementary result for two Gaussians.
    CHECK(gaussian_new_keys(0.5, 0.7) == Approx(0.7 / (4.0 * right)).epsilon(1e-9));
}

TEST_CASE("counting kernels agree with loops", "[unit]") {
    std::vector<float> row, before;
    for (int j = 0; j < 301; ++j) {
        row.push_back(static_cast<float>((j * 37) % 101) / 50.0F - 1.0F);
        before.push_back(static_cast<float>((j * 53) % 97) / 48.0F - 1.0F);
    }
    for (const std::size_t n : {0U, 1U, 15U, 16U, 64U, 301U}) {
        const std::span<const float> a(row.data(), n), b(before.data(), n);
        const float threshold = row[7];
        std::int64_t kept = 0, fresh = 0;
        for (std::size_t j = 0; j < n; ++j) {
            kept += a[j] >= threshold ? 1 : 0;
            fresh += a[j] >= threshold && b[j] < threshold ? 1 : 0;
        }
        CHECK(count_kept(a, threshold) == kept);
        CHECK(count_new(a, b, threshold) == fresh);
    }
    std::vector<std::uint32_t> counts(8, 0);
    const ScoreBins bins{-1.0F, 4.0F, counts};
    bins.add(std::vector<float>{-5.0F, -1.0F, -0.76F, -0.74F, 0.0F, 0.99F, 1.0F, 7.0F});
    CHECK(counts == std::vector<std::uint32_t>{3, 1, 0, 0, 1, 0, 0, 3});
}
