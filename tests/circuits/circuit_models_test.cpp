#include "circuits/circuit_models.hpp"

#include <catch2/catch.hpp>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

TEST_CASE("every circuit model is complete and has a name of its own", "[property]") {
    CHECK(circuit_model_table().size() >= 7);
    CHECK_NOTHROW(check_circuit_models(circuit_model_table()));
    for (const CircuitModel& model : circuit_model_table()) {
        CHECK(find_circuit_model(model.name) == &model);
        CHECK_FALSE(circuit_table(std::string(model.name)).has_value());
    }
    CHECK(find_circuit_model("no-such-circuit") == nullptr);
}

TEST_CASE("an incomplete circuit model does not pass", "[unit]") {
    const CircuitModel good = circuit_model_table().front();
    const auto refused = [&](auto&& spoil) {
        std::vector<CircuitModel> models = {good};
        spoil(models);
        CHECK_THROWS_AS(check_circuit_models(models), InvariantError);
    };
    refused([&](auto& models) { models.push_back(good); });
    refused([](auto& models) { models[0].help = ""; });
    refused([](auto& models) { models[0].source = ""; });
    refused([](auto& models) { models[0].equations.clear(); });
    refused([](auto& models) { models[0].parameters.clear(); });
    refused([](auto& models) { models[0].not_modelled.clear(); });
    refused([](auto& models) { models[0].parameters[0].range = ""; });
}
