#include "src/schemes/order_statistic.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using attohm::order_statistic;

TEST_CASE("counting in two passes finds the value that sorting finds", "[property]") {
    std::vector<float> values;
    for (int i = 0; i < 3000; ++i)
        values.push_back(static_cast<float>(std::sin(i * 12.9898) * std::exp(0.01 * (i % 700))));
    for (const float special : {0.0F, 1e-40F, -1e-40F, 3.0e38F, -3.0e38F, 7.0F, 7.0F, 7.0F})
        values.push_back(special);
    std::vector<float> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const auto each = [&](auto&& take) {
        for (const float value : values) take(value);
    };
    for (std::uint64_t rank = 0; rank < values.size(); rank += 7) {
        const auto at = [&](std::uint64_t count) {
            REQUIRE(count == values.size());
            return rank;
        };
        const float held = order_statistic(values.size(), each, at);
        const float counted = order_statistic(attohm::kHeldValues + 1, each, at);
        CHECK(held == sorted[rank]);
        CHECK(counted == held);
    }
    const auto none = [](auto&&) {};
    CHECK(order_statistic(0, none, [](std::uint64_t) { return std::uint64_t{0}; }) == 0.0F);
    CHECK(order_statistic(attohm::kHeldValues + 1, none,
                          [](std::uint64_t) { return std::uint64_t{0}; }) == 0.0F);
}
