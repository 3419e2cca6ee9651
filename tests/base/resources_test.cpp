#include "src/base/resources.hpp"

#include <catch2/catch.hpp>

#include "src/base/text.hpp"

namespace attohm {
const Resources& test_resources();
}

TEST_CASE("an embedded file has the bytes of the file", "[unit]") {
    const attohm::Resources& resources = attohm::test_resources();
    const auto text = resources.find("data/small.yaml");
    REQUIRE(text.has_value());
    CHECK(std::string(*text) == attohm::read_text_file("tests/base/data/small.yaml"));
    REQUIRE(resources.find("data/empty.yaml").has_value());
    CHECK(resources.find("data/empty.yaml")->empty());
}

TEST_CASE("resources are found by name and listed by prefix", "[unit]") {
    const attohm::Resources& resources = attohm::test_resources();
    CHECK_FALSE(resources.find("data/other.yaml").has_value());
    CHECK(resources.names() == std::vector<std::string>{"data/small.yaml", "data/empty.yaml"});
    CHECK(resources.names("data/s") == std::vector<std::string>{"data/small.yaml"});
    CHECK(resources.names("x").empty());
}
