#include "src/tile/decision_kernels.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "src/base/matrix.hpp"
#include "src/base/random.hpp"

using namespace attohm;

TEST_CASE("rows beyond one vector are decided and summed as single ones", "[unit]") {
    for (const std::size_t n :
         {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{77}}) {
        AlignedVector<float> analog(n), variance(n), normals(n), offset(n), margin(n), squares(n);
        const Stream stream(8, Purpose::synth_content, {n});
        stream.normals(0, analog);
        stream.uniforms(1000, variance);
        stream.normals(2000, normals);
        stream.normals(3000, offset);
        const DecisionRow row{
            analog.data(), variance.data(), normals.data(), offset.data(), 0.3F, 0.5F, 3.0F, n};
        std::vector<std::uint8_t> keep(n), risky(n);
        decide_row(row, keep.data());
        const std::int64_t risks = flag_full_scale(row, risky.data());
        margin_row(row, margin.data());
        square_row(analog.data(), squares.data(), n);
        std::int64_t expected = 0;
        double sum = 0.0;
        for (std::size_t j = 0; j < n; ++j) {
            const auto a = static_cast<double>(analog[j]), v = static_cast<double>(variance[j]);
            const double rest = a + static_cast<double>(offset[j]) - 0.3;
            const double sigma = std::sqrt(v + 0.5);
            CHECK((keep[j] != 0) == (rest + sigma * static_cast<double>(normals[j]) >= 0.0));
            const bool risk = std::abs(a) + 6.4 * std::sqrt(v) > 3.0;
            CHECK((risky[j] != 0) == risk);
            expected += risk ? 1 : 0;
            CHECK(static_cast<double>(margin[j]) == Approx(rest / sigma).margin(1e-5));
            CHECK(static_cast<double>(squares[j]) == Approx(a * a));
            sum += a;
        }
        CHECK(risks == expected);
        CHECK(sum_row(analog.data(), n) == Approx(sum).margin(1e-4));
    }
}
