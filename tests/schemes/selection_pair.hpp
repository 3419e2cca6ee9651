#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/reference/forward_reference.hpp"
#include "tests/reference/selection_reference.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// What every scheme that chooses pairs is asked, against its twin.
namespace attohm {

inline std::vector<LayerSpec> selection_layers() {
    std::vector<LayerSpec> layers = awkward_layers();
    layers.push_back({1, 1, 1, 1, 5, 3, false, -1, -1, false});
    layers.push_back({1, 1, 1, 65, 64, 64, false, -1, -1, false});
    layers.push_back({1, 1, 129, 129, 64, 64, false, -1, -1, false});
    return layers;
}

inline Settings settings_of(const std::vector<std::string>& keys) {
    Settings settings = scheme_preset();
    for (const std::string& key : keys) settings.overlay_assignment(key);
    return settings;
}

inline std::int64_t ones(const Matrix<std::uint8_t>& kept) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kept.size(); ++i) sum += kept.data()[i];
    return sum;
}

/// One head of a run against its twin: decisions one by one, counts, output, Work. Args:
/// normalised: pairs through the softmax of what was kept; negative: all of them.
inline void check_against(const SchemeRun& run, std::size_t h, const AttentionHead& head,
                          const reference::KeptReference& twin, std::int64_t normalised = -1) {
    CAPTURE(head.n_q(), head.n_k(), head.d(), head.causal, h);
    const HeadReport& report = run.reports.at(h);
    const HeadWork& work = run.works.at(h);
    CHECK(report.decisions.hw_kept == ones(twin.kept));
    CHECK(report.decisions.valid == work.shape.allowed_pairs);
    CHECK(report.empty_rows == twin.empty_rows);
    CHECK(report.kept_pairs == twin.kept_pairs);
    CHECK(work.kept_pairs == twin.kept_pairs);
    // Rows that kept something: the Selection is the decision.
    const Matrix<std::uint8_t> kept = selected(run.selections.at(h));
    std::int64_t wrong = 0;
    for (std::size_t t = 0; t < kept.rows(); ++t) {
        bool any = false;
        for (std::size_t j = 0; j < kept.cols(); ++j) any = any || twin.kept(t, j) != 0;
        for (std::size_t j = 0; any && j < kept.cols(); ++j)
            wrong += kept(t, j) != twin.kept(t, j) ? 1 : 0;
    }
    CHECK(wrong == 0);
    CHECK(relative_error(run.out.at(h), twin.out) < 1e-5);
    check_op_list(work.ops);
    CHECK(named(work.ops, "softmax").at(0).nonzeros ==
          (normalised < 0 ? twin.kept_pairs : normalised));
    CHECK(named(work.ops, "A").at(0).nonzeros ==
          twin.kept_pairs * static_cast<std::int64_t>(head.dv()));
}

/// Every pair that is allowed is kept, and the output is exact attention.
inline void check_dense(const SchemeRun& run, const AttentionLayer& layer, double tolerance) {
    for (std::size_t h = 0; h < run.out.size(); ++h) {
        const AttentionHead head = head_view(layer, 0, static_cast<int>(h));
        CAPTURE(head.n_q(), head.n_k(), h);
        CHECK(run.reports[h].kept_pairs == run.works[h].shape.allowed_pairs);
        CHECK(run.reports[h].decisions.hw_kept == run.works[h].shape.allowed_pairs);
        CHECK(run.reports[h].empty_rows == 0);
        CHECK(relative_error(run.out[h], reference::exact_attention(head)) < tolerance);
    }
}

/// b keeps nothing that a does not.
inline bool is_subset(const SchemeRun& a, const SchemeRun& b) {
    for (std::size_t h = 0; h < a.selections.size(); ++h) {
        const Matrix<std::uint8_t> outer = selected(a.selections[h]);
        const Matrix<std::uint8_t> inner = selected(b.selections[h]);
        for (std::size_t i = 0; i < outer.size(); ++i)
            if (inner.data()[i] > outer.data()[i]) return false;
    }
    return true;
}

inline void check_refuses_bias(const std::string& name) {
    AttentionLayer biased = random_layer({}, 1, 2);
    biased.bias.resize(1, 40, 40);
    SchemeInputs inputs;
    inputs.trace_path = "some/trace.h5";
    inputs.model.layers = 3;
    inputs.model.heads = 2;
    inputs.thresholds.emplace().values = Matrix<float>(3, 1, 0.0F);
    const auto scheme = find_scheme(name).make(inputs, scheme_preset());
    CHECK_THROWS_WITH(run_scheme(*scheme, biased),
                      Catch::Contains("scheme " + name) && Catch::Contains("layers/02"));
}

inline void check_refuses(const std::string& name, const std::vector<std::string>& keys) {
    SchemeInputs inputs;
    inputs.model.layers = inputs.model.heads = 1;
    inputs.thresholds.emplace().values = Matrix<float>(1, 1, 0.0F);
    for (const std::string& key : keys) {
        CAPTURE(key);
        CHECK_THROWS_AS(find_scheme(name).make(inputs, settings_of({key})), UserError);
    }
}

}  // namespace attohm
