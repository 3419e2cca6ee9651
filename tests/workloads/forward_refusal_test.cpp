#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/forward.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

/// A change to a network that is right, and the words that the refusal has to say.
struct Refused {
    std::string what;
    NetworkOptions options;
    std::function<void(RandomNetwork&)> change;
    std::vector<std::string> words;
};

NetworkOptions tokens_in() {
    NetworkOptions options;
    options.family = "gpt";
    options.tokens = true;
    options.pool = "none";
    options.task = "next-token";
    return options;
}

NetworkOptions with(const std::function<void(NetworkOptions&)>& change) {
    NetworkOptions options;
    change(options);
    return options;
}

Refused word(const std::string& name, std::string Weights::*member, const std::string& got) {
    return {
        name, {}, [member, got](RandomNetwork& net) { *net.weights.*member = got; }, {name, got}};
}

Refused number(const std::string& name, float Weights::*member, float got) {
    return {name + " number",
            {},
            [member, got](RandomNetwork& net) { *net.weights.*member = got; },
            {name}};
}

Refused rope_dim(int got) {
    return {"rope_dim " + std::to_string(got),
            with([](NetworkOptions& o) { o.rope_theta = 100.0F; }),
            [got](RandomNetwork& net) { net.weights->rope_dim = got; },
            {"rope_dim", std::to_string(got), "2 to 6"}};
}

std::vector<Refused> refused_options() {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinite = std::numeric_limits<float>::infinity();
    std::vector<Refused> table = {word("norm", &Weights::norm, "batchnorm"),
                                  word("norm_position", &Weights::norm_position, "sandwich"),
                                  word("activation", &Weights::activation, "swish"),
                                  word("qk_norm", &Weights::qk_norm, "l2"),
                                  word("rope_style", &Weights::rope_style, "2d"),
                                  number("norm_eps", &Weights::norm_eps, -1e-5F),
                                  number("norm_eps", &Weights::norm_eps, nan),
                                  number("rope_theta", &Weights::rope_theta, -1.0F),
                                  number("rope_theta", &Weights::rope_theta, infinite),
                                  number("embed_scale", &Weights::embed_scale, nan),
                                  number("embed_scale", &Weights::embed_scale, 2.0F),
                                  rope_dim(0),
                                  rope_dim(3),
                                  rope_dim(8)};
    for (const char* family : {"gcn", "cnn", "other", "t5"})
        table.push_back({std::string("family ") + family,
                         {},
                         [family](RandomNetwork& net) { net.model.family = family; },
                         {"family", family, "vit, bert, gpt, llama"}});
    table.push_back({"pool",
                     {},
                     [](RandomNetwork& net) { net.model.pool = "last"; },
                     {"pool", "last", "first, mean, pooler, none"}});
    table.push_back({"next-token pooled",
                     {},
                     [](RandomNetwork& net) { net.model.task = "next-token"; },
                     {"next-token", "pool first", "none"}});
    table.push_back({"pooler without weights",
                     {},
                     [](RandomNetwork& net) { net.model.pool = "pooler"; },
                     {"pooler", "pooler_w"}});
    return table;
}

std::vector<Refused> refused_tensors() {
    const auto gate = [](RandomNetwork& net) {
        net.weights->blocks[1].gate = net.weights->blocks[1].up;
    };
    const auto scale = [](RandomNetwork& net) {
        net.weights->blocks[0].layer_scale1.assign(20, 0.5F);
    };
    const auto head_norm = [](RandomNetwork& net) {
        net.weights->blocks[2].k_norm.w.assign(6, 1.0F);
    };
    return {
        {"gate not asked for", {}, gate, {"gated", "w_gate", "present"}},
        {"gate missing",
         {},
         [](RandomNetwork& net) { net.weights->gated = true; },
         {"gated", "w_gate missing"}},
        {"ls1 not asked for", {}, scale, {"layer_scale", "ls1", "present"}},
        {"ls1 missing",
         {},
         [](RandomNetwork& net) { net.weights->layer_scale = true; },
         {"layer_scale", "ls1 missing"}},
        {"k_norm not asked for", {}, head_norm, {"qk_norm", "k_norm_w", "present"}},
        {"q_norm missing",
         {},
         [](RandomNetwork& net) { net.weights->qk_norm = "rmsnorm"; },
         {"qk_norm", "q_norm_w missing"}},
        {"final norm after post-norm",
         {},
         [](RandomNetwork& net) { net.weights->norm_position = "post"; },
         {"final_norm_w", "post-norm"}},
        {"embed_norm with patches",
         {},
         [](RandomNetwork& net) { net.weights->embed_norm.w.assign(20, 1.0F); },
         {"embed_norm_w", "patch_w"}},
        {"no head", {}, [](RandomNetwork& net) { net.weights->head.w = {}; }, {"head_w", "tied"}},
    };
}

/// Faults of a sample, found when it is embedded.
std::vector<Refused> refused_samples() {
    return {
        {"token too large",
         tokens_in(),
         [](RandomNetwork& net) { net.sample.tokens[3] = 13; },
         {"f.h5:/samples/000007/tokens", "13 at [3]", "0 to 12", "token_embedding"}},
        {"token negative",
         tokens_in(),
         [](RandomNetwork& net) { net.sample.tokens[0] = -1; },
         {"/tokens", "-1 at [0]"}},
        {"too few positions",
         tokens_in(),
         [](RandomNetwork& net) { net.weights->position_embedding = Matrix<float>(10, 20); },
         {"f.h5:/model/weights/position_embedding", "10 rows", "at least 11"}},
        {"positions that do not match patches",
         {},
         [](RandomNetwork& net) { net.weights->position_embedding = Matrix<float>(12, 20); },
         {"position_embedding", "12 rows", "11"}},
        {"no token embedding",
         tokens_in(),
         [](RandomNetwork& net) { net.weights->token_embedding = {}; },
         {"/model/weights/token_embedding", "no such dataset"}},
        {"segments without embedding",
         tokens_in(),
         [](RandomNetwork& net) { net.sample.segments.assign(11, 0); },
         {"/model/weights/segment_embedding", "no such dataset"}},
        {"segment too large",
         with([](NetworkOptions& o) {
             o = tokens_in();
             o.segments = true;
         }),
         [](RandomNetwork& net) { net.sample.segments[10] = 3; },
         {"/samples/000007/segments", "3 at [10]", "0 to 2"}},
        {"a prefix before tokens",
         tokens_in(),
         [](RandomNetwork& net) { net.weights->prefix_embedding = Matrix<float>(1, 20); },
         {"prefix_embedding"}},
        {"no input at all",
         tokens_in(),
         [](RandomNetwork& net) { net.sample.tokens.clear(); },
         {"no input", "f.h5:/samples/000007", "x0"}},
    };
}

std::string message_of(const Refused& row) {
    RandomNetwork net = random_network(row.options);
    net.weights->where = "f.h5:/model/weights";
    net.sample.where = "f.h5:/samples/000007";
    row.change(net);
    try {
        const Network network(net.model, net.weights);
        SampleContext context;
        (void)network.embed(ExactScheme(), net.sample, context);
    } catch (const UserError& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("what the forward pass cannot compute is refused by name", "[unit]") {
    for (const auto& table : {refused_options(), refused_tensors(), refused_samples()})
        for (const Refused& row : table) {
            CAPTURE(row.what);
            const std::string message = message_of(row);
            for (const std::string& part : row.words)
                CHECK_THAT(message, Catch::Matchers::Contains(part));
        }
}

TEST_CASE("without a fault the same networks are accepted", "[unit]") {
    const auto nothing = [](RandomNetwork&) {};
    for (const auto& table : {refused_options(), refused_tensors(), refused_samples()})
        for (const Refused& row : table)
            CHECK(message_of({row.what, row.options, nothing, {}}) == "accepted");
}
