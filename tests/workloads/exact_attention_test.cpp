#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "src/base/random.hpp"
#include "tests/reference/forward_reference.hpp"
#include "workloads/scheme.hpp"

using namespace attohm;

namespace {

Matrix<float> normals(std::uint64_t id, std::size_t rows, std::size_t cols) {
    Matrix<float> x(rows, cols);
    Stream(20221, Purpose::synth_content, {id}).normals(0, {x.data(), x.size()});
    return x;
}

/// A head that owns its tensors.
struct OwnedHead {
    Matrix<float> q, k, v, bias;
    Matrix<std::uint8_t> mask;
    AttentionHead head;

    OwnedHead(std::size_t n_q, std::size_t n_k, std::size_t d, std::size_t dv)
        : q(normals(1, n_q, d)), k(normals(2, n_k, d)), v(normals(3, n_k, dv)) {
        head.q = q.view();
        head.k = k.view();
        head.v = v.view();
        head.valid_q = static_cast<int>(n_q);
        head.valid_k = static_cast<int>(n_k);
        head.scale = 1.0F / std::sqrt(static_cast<float>(d));
    }
    void add_bias() {
        bias = normals(4, q.rows(), k.rows());
        head.bias = bias.view();
    }
    void add_mask() {
        mask = Matrix<std::uint8_t>(q.rows(), k.rows(), 1);
        const Matrix<float> draw = normals(5, q.rows(), k.rows());
        for (std::size_t e = 0; e < mask.size(); ++e)
            mask.data()[e] = draw.data()[e] > 0.0F ? 1 : 0;
        head.mask = mask.view();
    }
};

double largest_difference(const AttentionHead& head) {
    Matrix<float> out(head.n_q(), head.dv(), 7.0F);
    exact_attention(head, out.view());
    const Matrix<double> expected = reference::exact_attention(head);
    double worst = 0.0;
    for (std::size_t e = 0; e < out.size(); ++e)
        worst = std::max(worst, std::abs(static_cast<double>(out.data()[e]) - expected.data()[e]));
    return worst;
}

}  // namespace

TEST_CASE("exact attention agrees with naive double loops", "[unit]") {
    for (const bool causal : {false, true})
        for (const bool bias : {false, true})
            for (const bool mask : {false, true})
                for (const int padding : {0, 9}) {
                    OwnedHead owned(40, 40, 16, 24);
                    owned.head.causal = causal;
                    if (bias) owned.add_bias();
                    if (mask) owned.add_mask();
                    owned.head.valid_q -= padding;
                    owned.head.valid_k -= padding;
                    INFO("causal " << causal << " bias " << bias << " mask " << mask << " padding "
                                   << padding);
                    CHECK(largest_difference(owned.head) < 2e-6);
                }
}

TEST_CASE("exact attention crosses block borders of query rows", "[unit]") {
    for (const std::size_t n : {255U, 256U, 257U, 600U}) {
        OwnedHead owned(n, n, 8, 8);
        owned.head.causal = n == 600U;
        INFO("rows " << n);
        CHECK(largest_difference(owned.head) < 2e-6);
    }
}

TEST_CASE("exact attention of fewer queries than keys and the other way round", "[unit]") {
    for (const bool causal : {false, true}) {
        OwnedHead later(5, 30, 8, 8), earlier(30, 5, 8, 8);
        later.head.causal = earlier.head.causal = causal;
        CHECK(largest_difference(later.head) < 2e-6);
        // Causal: the first 25 of 30 queries stand before all 5 keys and give 0.
        CHECK(largest_difference(earlier.head) < 2e-6);
    }
}

TEST_CASE("a row without an allowed key and padded rows are zero", "[unit]") {
    OwnedHead owned(12, 12, 4, 4);
    owned.add_mask();
    std::fill_n(owned.mask.row(3), 12, std::uint8_t{0});
    owned.head.valid_q = 10;
    Matrix<float> out(12, 4, 7.0F);
    exact_attention(owned.head, out.view());
    for (const std::size_t row : {3U, 10U, 11U})
        for (std::size_t c = 0; c < 4; ++c) CHECK(out(row, c) == 0.0F);
    CHECK(out(0, 0) != 0.0F);

    owned.head.valid_k = 0;
    exact_attention(owned.head, out.view());
    for (std::size_t e = 0; e < out.size(); ++e) CHECK(out.data()[e] == 0.0F);
}

TEST_CASE("large scores neither overflow nor lose the winner", "[unit]") {
    OwnedHead owned(6, 6, 4, 4);
    owned.head.scale = 1e4F;
    Matrix<float> out(6, 4);
    exact_attention(owned.head, out.view());
    for (std::size_t i = 0; i < 6; ++i) {
        std::size_t best = 0;
        double best_score = -1e300;
        for (std::size_t j = 0; j < 6; ++j) {
            double score = 0.0;
            for (std::size_t c = 0; c < 4; ++c)
                score += static_cast<double>(owned.q(i, c)) * static_cast<double>(owned.k(j, c));
            if (score > best_score) {
                best_score = score;
                best = j;
            }
        }
        for (std::size_t c = 0; c < 4; ++c) CHECK(out(i, c) == Approx(owned.v(best, c)));
    }
}

TEST_CASE("the default attention of a scheme fills every head's columns", "[unit]") {
    struct Exact : Scheme {
        std::string_view name() const override { return "exact"; }
    };
    OwnedHead owned(20, 20, 8, 6);
    owned.head.valid_q = 18;
    AttentionHead second = owned.head;
    second.head = 1;
    second.scale *= 2.0F;
    const std::vector<AttentionHead> heads{owned.head, second};
    Matrix<float> out(20, 12, 7.0F), one(20, 6);
    SampleContext context;
    Exact().attention(0, heads, out.view(), context);
    for (std::size_t h = 0; h < 2; ++h) {
        exact_attention(heads[h], one.view());
        for (std::size_t i = 0; i < 20; ++i)
            CHECK(std::memcmp(out.row(i) + 6 * h, one.row(i), 6 * sizeof(float)) == 0);
    }
}

TEST_CASE("the view of a head finds its shared planes", "[unit]") {
    AttentionLayer layer;
    layer.layer = 3;
    layer.n_q = layer.n_k = layer.valid_q = 2;
    layer.valid_k = 1;
    layer.scale = 0.25F;
    layer.windows = 2;
    layer.q.resize(8, 2, 3);
    layer.k.resize(4, 2, 3);
    layer.v.resize(4, 2, 5);
    layer.bias.resize(1, 2, 2);
    layer.mask.assign(8 * 4, 1);
    layer.mask_planes = 8;
    const std::vector<int> kv{0, 0, 1, 1, 2, 2, 3, 3};
    for (int h = 0; h < 8; ++h) {
        const AttentionHead view = head_view(layer, 5, h);
        const auto own = static_cast<std::size_t>(h);
        const auto shared = static_cast<std::size_t>(kv[own]);
        CHECK(view.kv_head == kv[own]);
        CHECK(view.first_of_kv_head == (h % 2 == 0));
        CHECK(view.q.data == layer.q.plane(own).data);
        CHECK(view.k.data == layer.k.plane(shared).data);
        CHECK(view.v.data == layer.v.plane(shared).data);
        CHECK(view.bias.data == layer.bias.data.data());
        CHECK(view.mask.data == layer.mask.data() + 4 * own);
        CHECK(view.golden.empty());
        CHECK(view.scale == 0.25F);
        CHECK((view.sample == 5 && view.layer == 3 && view.head == h % 4 && view.valid_k == 1));
    }
}
