#include "src/replay/metered_scheme.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "workloads/graph.hpp"

using namespace attohm;

namespace {

Matrix<float> matrix(std::size_t rows, std::size_t cols, const std::vector<float>& values) {
    Matrix<float> made(rows, cols);
    std::copy(values.begin(), values.end(), made.data());
    return made;
}

Fidelity fidelity_of(const Matrix<float>& out, const Matrix<float>& reference) {
    Fidelity fidelity;
    add_fidelity(out.view(), reference.view(), out.rows(), fidelity);
    return fidelity;
}

/// One head of three queries and keys, written out.
struct SmallHead {
    Matrix<float> q = matrix(3, 2, {1, 0, 0, 1, 1, 1});
    Matrix<float> k = matrix(3, 2, {1, 0, 0, 1, -1, 1});
    Matrix<float> v = matrix(3, 2, {1, 2, 3, 4, 5, 6});
    AttentionHead head;
    SmallHead() {
        head.q = q.view();
        head.k = k.view();
        head.v = v.view();
        head.valid_q = head.valid_k = 3;
        head.layer = 4;
        head.head = 5;
    }
};

/// Writes the same number everywhere.
class ConstantScheme final : public Scheme {
  public:
    explicit ConstantScheme(float value) : value_(value) {}
    std::string_view name() const override { return "constant"; }
    void attention(int, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override {
        context.reports.push_back({});
        for (std::size_t t = 0; t < out.rows; ++t)
            std::fill_n(out.row(t), heads.size() * heads.front().dv(), value_);
    }

  private:
    float value_;
};

/// Says yes to every other hook and counts the calls.
class YesScheme final : public Scheme {
  public:
    std::string_view name() const override { return "yes"; }
    bool tokens(int layer, MatrixView<const float>, std::span<const int> ids, SampleContext&,
                TokenStep& next) const override {
        next.ids.assign(ids.begin(), ids.end());
        calls[0] += layer;
        return true;
    }
    bool linear(int layer, std::string_view, const LinearWeights&, MatrixView<const float>,
                MatrixView<float>, SampleContext&) const override {
        calls[1] += layer;
        return true;
    }
    bool block(int layer, MatrixView<float>, SampleContext&) const override {
        calls[2] += layer;
        return true;
    }
    bool graph(int layer, const SparseMatrix&, MatrixView<const float>, MatrixView<float>,
               SampleContext&) const override {
        calls[3] += layer;
        return true;
    }
    mutable std::array<int, 4> calls{};
};

}  // namespace

TEST_CASE("fidelity of equal outputs is perfect", "[unit]") {
    const Matrix<float> out = matrix(2, 3, {1, -2, 3, 0.5F, 0, -1});
    const Fidelity same = fidelity_of(out, out);
    CHECK(same.squared_error == 0.0);
    CHECK(same.max_error == 0.0);
    CHECK(same.squared_reference == 14.0 + 1.25);
    CHECK(same.rows == 2);
    CHECK(same.relative_rms() == 0.0);
    CHECK(same.mean_cosine() == Approx(1.0).epsilon(1e-15));
}

TEST_CASE("fidelity by hand", "[unit]") {
    // (3, 4) against (4, 3): error 2, cosine 24 / 25; (1, 0) against (0, 2): error 5, cosine 0.
    const Fidelity two = fidelity_of(matrix(2, 2, {3, 4, 1, 0}), matrix(2, 2, {4, 3, 0, 2}));
    CHECK(two.squared_error == 2.0 + 5.0);
    CHECK(two.squared_reference == 25.0 + 4.0);
    CHECK(two.max_error == 2.0);
    CHECK(two.cosine_sum == Approx(24.0 / 25.0).epsilon(1e-15));
    CHECK(two.relative_rms() == Approx(std::sqrt(7.0 / 29.0)).epsilon(1e-15));
    CHECK(two.mean_cosine() == Approx(12.0 / 25.0).epsilon(1e-15));
    // Opposite outputs.
    const Fidelity opposite = fidelity_of(matrix(1, 2, {3, 4}), matrix(1, 2, {-3, -4}));
    CHECK(opposite.mean_cosine() == Approx(-1.0).epsilon(1e-15));
    CHECK(opposite.relative_rms() == 2.0);
}

TEST_CASE("rows of zeros have a cosine of 1 together and of 0 apart", "[unit]") {
    CHECK(fidelity_of(matrix(1, 2, {0, 0}), matrix(1, 2, {0, 0})).cosine_sum == 1.0);
    CHECK(fidelity_of(matrix(1, 2, {0, 0}), matrix(1, 2, {1, 0})).cosine_sum == 0.0);
    CHECK(fidelity_of(matrix(1, 2, {0, 1}), matrix(1, 2, {0, 0})).cosine_sum == 0.0);
}

TEST_CASE("fidelity counts the rows it is given and adds over calls", "[unit]") {
    const Matrix<float> out = matrix(3, 1, {1, 2, 100});
    const Matrix<float> reference = matrix(3, 1, {1, 1, 1});
    Fidelity fidelity;
    add_fidelity(out.view(), reference.view(), 2, fidelity);
    CHECK(fidelity.rows == 2);
    CHECK(fidelity.squared_error == 1.0);
    CHECK(fidelity.max_error == 1.0);
    add_fidelity(out.view(), reference.view(), 3, fidelity);
    CHECK(fidelity.rows == 5);
    CHECK(fidelity.squared_error == 1.0 + 1.0 + 99.0 * 99.0);
    CHECK(fidelity.max_error == 99.0);
}

TEST_CASE("a metered scheme leaves outputs alone and measures them head by head", "[unit]") {
    const SmallHead small;
    const ConstantScheme inner(2.0F), threshold(1.5F);
    const std::array<AttentionHead, 2> heads = {small.head, small.head};
    const MeteredScheme metered(inner, &threshold);
    Matrix<float> out(3, 4);
    SampleContext context;
    metered.attention(4, heads, out.view(), context);
    CHECK(std::all_of(out.data(), out.data() + out.size(), [](float x) { return x == 2.0F; }));
    // The reference's own report stays out of the sample's.
    CHECK(context.reports.size() == 1);
    REQUIRE(metered.fidelity().size() == 2);
    for (const HeadFidelity& head : metered.fidelity()) {
        CHECK(head.layer == 4);
        CHECK(head.head == 5);
        REQUIRE(head.to_threshold.has_value());
        CHECK(head.to_threshold->squared_error == 6 * 0.25);
        CHECK(head.to_threshold->rows == 3);
    }
    Matrix<float> exact(3, 2);
    exact_attention(small.head, exact.view());
    double error = 0.0;
    for (std::size_t i = 0; i < exact.size(); ++i)
        error += std::pow(2.0 - static_cast<double>(exact.data()[i]), 2);
    CHECK(metered.fidelity().front().to_exact.squared_error == Approx(error).epsilon(1e-12));
}

TEST_CASE("padded rows are not measured", "[unit]") {
    SmallHead small;
    small.head.valid_q = 2;
    const ConstantScheme inner(2.0F);
    const MeteredScheme metered(inner, nullptr);
    Matrix<float> out(3, 2);
    SampleContext context;
    metered.attention(0, {&small.head, 1}, out.view(), context);
    REQUIRE(metered.fidelity().size() == 1);
    CHECK(metered.fidelity().front().to_exact.rows == 2);
    CHECK_FALSE(metered.fidelity().front().to_threshold.has_value());
}

TEST_CASE("every other hook goes through a metered scheme", "[unit]") {
    const YesScheme inner;
    const MeteredScheme metered(inner, nullptr);
    SampleContext context;
    TokenStep next;
    const std::array<int, 2> ids = {7, 9};
    CHECK(metered.name() == "yes");
    CHECK(metered.tokens(1, {}, ids, context, next));
    CHECK(next.ids == std::vector<int>{7, 9});
    CHECK(metered.linear(2, "q", {}, {}, {}, context));
    CHECK(metered.block(3, {}, context));
    CHECK(metered.graph(4, SparseMatrix{}, {}, {}, context));
    CHECK(inner.calls == std::array<int, 4>{1, 2, 3, 4});
    // And exact ones stay exact.
    const ConstantScheme plain(0.0F);
    const MeteredScheme exact(plain, nullptr);
    CHECK_FALSE(exact.tokens(1, {}, ids, context, next));
    CHECK_FALSE(exact.linear(2, "q", {}, {}, {}, context));
    CHECK_FALSE(exact.block(3, {}, context));
    CHECK_FALSE(exact.graph(4, SparseMatrix{}, {}, {}, context));
}
