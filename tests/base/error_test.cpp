#include "src/base/error.hpp"

#include <catch2/catch.hpp>

TEST_CASE("a user error says what, where, got, allowed", "[unit]") {
    const attohm::UserError error("unknown key `device.crad`", "exp.yaml:3:5", "crad", "card");
    CHECK(std::string(error.what()) ==
          "exp.yaml:3:5: unknown key `device.crad`; got crad; allowed: card");
}

TEST_CASE("a broken invariant prints both values", "[unit]") {
    const int rows = 3;
    CHECK_THROWS_WITH([&] { ATTOHM_CHECK_EQ(rows, 4); }(),
                      Catch::Contains("rows == 4") && Catch::Contains("3 vs 4"));
}
