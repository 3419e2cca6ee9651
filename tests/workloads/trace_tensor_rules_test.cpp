#include <limits>

#include "tests/workloads/small_trace.hpp"
#include "tests/workloads/trace_rules.hpp"
#include "workloads/trace_writer.hpp"

/// Every rule of the format broken once: weights, tokens, and layers that are not attention.
using namespace attohm;
using namespace attohm::testing;

namespace {

using Words = std::vector<std::string>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
const std::string kTop = "/model/weights";
const std::string kBlock = "/model/weights/layer_01";
const std::string kSample = "/samples/000000";
const std::string kLayers = "/samples/000000/layers/0";

H5Value text(const char* value) {
    return std::string(value);
}

H5Value number(std::int64_t value) {
    return value;
}

/// A tensor that must be there, of one shape, float32 and finite.
void add_tensor(std::vector<BrokenRule>& rules, const std::string& path, const H5Shape& wrong,
                const std::string& allowed, bool required = true) {
    if (required) rules.push_back(without(path));
    rules.push_back(shaped(path, wrong, allowed));
    rules.push_back(as_double(path, "float32"));
    rules.push_back(element(path, 1, kNan, {"got nan at [", "finite"}));
}

std::vector<BrokenRule> option_rules() {
    std::vector<BrokenRule> rules;
    for (const char* name : {"@norm", "@norm_eps", "@norm_position", "@activation", "@gated"})
        rules.push_back(without(kTop + name));
    for (const char* name : {"@norm", "@norm_position", "@activation", "@rope_style", "@qk_norm"})
        rules.push_back(with(kTop + name, text("strange"), {"unknown", "\"strange\""}));
    for (const char* name : {"@gated", "@layer_scale", "@tied_head"})
        rules.push_back(with(kTop + name, number(2), {"got 2", "0 or 1"}));
    rules.push_back(with(kTop + "@sliding_window", number(4), {"unknown option", "norm"}));
    rules.push_back(with(kTop + "@rope_dim", number(-2), {"got -2", "from 0"}));
    const auto refused = [&](const char* name, const H5Value& value, Words words) {
        BrokenRule rule = with(kTop + name, value, {});
        words.insert(words.end(), {":" + kTop, std::string(name).substr(1)});
        rule.words = words;
        rules.push_back(rule);
    };
    refused("@norm_eps", -1e-5, {"-1e-05", "a number from 0"});
    refused("@rope_theta", -1.0, {"got -1", "above 0"});
    refused("@rope_dim", number(3), {"got 3", "2 to 4"});
    refused("@rope_dim", number(6), {"got 6", "2 to 4"});
    rules.push_back(with(kTop + "@embed_scale", text("big"), {"big"}));
    return rules;
}

std::vector<BrokenRule> llama_rules() {
    std::vector<BrokenRule> rules = option_rules();
    add_tensor(rules, kBlock + "/wq", {12, 16}, "[16, 12]");
    add_tensor(rules, kBlock + "/wk", {16, 12}, "[8, 12]");
    add_tensor(rules, kBlock + "/wv", {12, 4}, "[4, 12]");
    add_tensor(rules, kBlock + "/wo", {8, 12}, "[12, 8]");
    add_tensor(rules, kBlock + "/bq", {12}, "[16]", false);
    add_tensor(rules, kBlock + "/w_up", {7, 11}, "[any, 12]");
    add_tensor(rules, kBlock + "/w_gate", {8, 12}, "[7, 12]");
    add_tensor(rules, kBlock + "/w_down", {7, 12}, "[12, 7]");
    for (const char* name : {"/norm1_w", "/norm2_w", "/ls1", "/ls2"})
        add_tensor(rules, kBlock + name, {11}, "[12]");
    for (const char* name : {"/norm1_b", "/norm2_b"})
        add_tensor(rules, kBlock + name, {11}, "[12]", false);
    for (const char* name : {"/q_norm_w", "/k_norm_w"})
        add_tensor(rules, kBlock + name, {12}, "[4]");
    add_tensor(rules, kTop + "/final_norm_w", {11}, "[12]");
    add_tensor(rules, kTop + "/head_w", {12, 3}, "[3, 12]");
    add_tensor(rules, kTop + "/token_embedding", {9, 11}, "[any, 12]", false);
    add_tensor(rules, kTop + "/segment_embedding", {2, 11}, "[any, 12]", false);
    rules.push_back(without(kBlock));
    for (const std::string& path : {kTop + "/w_extra", kBlock + "/w_extra"})
        rules.push_back({"a tensor that nothing uses",
                         [path](TraceDraft& draft) { draft.floats(path, {12}); },
                         {":" + path, "does not use", "present"}});
    return rules;
}

std::vector<BrokenRule> bert_rules() {
    std::vector<BrokenRule> rules;
    add_tensor(rules, kTop + "/pooler_w", {12, 11}, "[12, 12]");
    add_tensor(rules, kTop + "/pooler_b", {11}, "[12]", false);
    add_tensor(rules, kTop + "/embed_norm_w", {11}, "[12]", false);
    add_tensor(rules, kTop + "/position_embedding", {8, 11}, "[any, 12]", false);
    rules.push_back({"a final norm after post-norm",
                     [](TraceDraft& draft) { draft.floats(kTop + "/final_norm_w", {12}); },
                     {":" + kTop, "final_norm_w", "post-norm", "absent"}});
    return rules;
}

std::vector<BrokenRule> gpt_rules() {
    std::vector<BrokenRule> rules;
    add_tensor(rules, kTop + "/token_embedding", {8, 12}, "[9, 12]");
    rules.push_back(element(kTop + "/head_w", 5, 0.25F, {"tied head", "token_embedding"}));
    const auto indices = [&](const char* name, std::int32_t wrong, const std::string& allowed) {
        rules.push_back(element(
            kSample + name, 2, wrong,
            {"out of range", "got " + std::to_string(wrong) + " at [2]", "allowed: " + allowed}));
    };
    indices("/tokens", 9, "0 to 8");
    indices("/tokens", -1, "0 to 8");
    indices("/segments", 2, "0 to 1");
    indices("/segments", -1, "0 to 1");
    indices("/targets", 9, "-1 to 8");
    indices("/targets", -2, "-1 to 8");
    for (const char* name : {"/tokens", "/segments", "/targets"})
        rules.push_back(as_double(kSample + name, "int32"));
    for (const char* name : {"/segments", "/targets"})
        rules.push_back({std::string("too few ") + name,
                         [name](TraceDraft& draft) {
                             draft.integers(kSample + name, {0, 0});
                         },
                         {":" + kSample + name, "wrong number of tokens", "got 2", "5"}});
    rules.push_back(with(kSample + "@valid_len", number(6), {"exceeds", "got 6", "0 to 5"}));
    rules.push_back({"logits of another length",
                     [](TraceDraft& draft) {
                         draft.floats(kSample + "/logits", {4, 9});
                     },
                     {":" + kSample + "/logits", "wrong number of tokens", "got 4", "5"}});
    return rules;
}

std::vector<BrokenRule> vit_rules() {
    std::vector<BrokenRule> rules;
    add_tensor(rules, kTop + "/patch_w", {6, 12}, "[12, any]", false);
    add_tensor(rules, kTop + "/patch_b", {6}, "[12]", false);
    add_tensor(rules, kTop + "/prefix_embedding", {2, 12}, "[1, 12]", false);
    add_tensor(rules, kTop + "/position_embedding", {12, 5}, "[any, 12]", false);
    return rules;
}

std::vector<BrokenRule> linear_rules() {
    std::vector<BrokenRule> rules;
    for (const std::string& layer : {kLayers + "2", kLayers + "3", kLayers + "4"}) {
        rules.push_back(without(layer + "/x"));
        rules.push_back(as_double(layer + "/x", "float32 or float16"));
        rules.push_back(
            element(layer + "/x", 5, kNan, {"got nan at [", "finite"}, Noticed::by_check));
        rules.push_back(with(layer + "@weight_path", text("/tensors/none"),
                             {"names no dataset", "\"/tensors/none\"", "absolute path"}));
    }
    for (const std::string& layer : {kLayers + "2", kLayers + "3"})
        rules.push_back(without(layer + "@weight_path"));
    for (const char* path :
         {"/tensors/linear", "/tensors/conv", "/tensors/graph", "/tensors/bias"}) {
        rules.push_back(as_double(path, "float32 or float16"));
        rules.push_back(element(path, 3 % (path == std::string("/tensors/bias") ? 2 : 4), kNan,
                                {"got nan at [", "finite"}, Noticed::by_check));
    }
    rules.push_back(shaped(kLayers + "2/x", {5, 4, 1}, "[any, any]"));
    rules.push_back(shaped("/tensors/linear", {4, 6}, "[any, 4] (columns of x)"));
    rules.push_back(shaped("/tensors/bias", {4}, "[6] (outputs of the layer)"));
    rules.push_back(with(kLayers + "2@bias_path", text("/tensors"), {"names no dataset"}));
    return rules;
}

std::vector<BrokenRule> conv_rules() {
    const std::string layer = kLayers + "3";
    std::vector<BrokenRule> rules = {
        without(layer + "@stride"),
        without(layer + "@padding"),
        without(layer + "@groups"),
        with(layer + "@stride", number(0), {"got 0", "from 1"}),
        with(layer + "@padding", number(-1), {"got -1", "from 0"}),
        with(layer + "@padding", number(2147483647), {"2147483647", "at most"}),
        with(layer + "@groups", number(0), {"got 0", "from 1"}),
        shaped(layer + "/x", {4, 35}, "[any, any, any]"),
        shaped("/tensors/conv", {4, 18}, "[any, any, any, any]")};
    BrokenRule groups = with(layer + "@groups", number(3), {});
    groups.words = {":" + layer, "do not fit together", "in 3 groups", "divide the channels"};
    rules.push_back(groups);
    rules.push_back({"a kernel larger than the image",
                     [](TraceDraft& draft) {
                         draft.floats("/tensors/conv", {4, 2, 9, 3});
                     },
                     {":" + layer, "do not fit together", "9 x 3", "inside the padded input"}});
    rules.push_back({"inputs and outputs of a kernel swapped",
                     [](TraceDraft& draft) {
                         draft.floats("/tensors/conv", {2, 4, 3, 3});
                     },
                     {":/tensors/conv", "input channels", "got 4", "2 on axis 1"}});
    return rules;
}

std::vector<BrokenRule> graph_rules() {
    const std::string csr = kLayers + "4/adjacency";
    const auto by_check = [](const std::string& path, auto at, auto value, Words words) {
        return element(path, at, value, std::move(words), Noticed::by_check);
    };
    const Words rows = {"rows of the graph", "never falling, to 4"};
    const auto row = [&](std::size_t at, std::int64_t value, const char* got) {
        Words words = rows;
        words.push_back(got);
        return by_check(csr + "/indptr", at, value, words);
    };
    std::vector<BrokenRule> rules = {
        without(csr),
        without(csr + "/indptr"),
        without(csr + "/indices"),
        without(csr + "/values"),
        shaped(csr + "/indptr", {4}, "[5]"),
        shaped(csr + "/values", {3}, "[4]"),
        shaped(csr + "/indices", {2, 2}, "[any]"),
        as_double(csr + "/indptr", "int64"),
        as_double(csr + "/indices", "int32"),
        as_double(csr + "/values", "float32"),
        row(0, 1, "got 1 at [0]"),
        row(2, 0, "got 0 at [2]"),
        row(3, 5, "got 5 at [3]"),
        row(4, 3, "got 3 at [4]"),
        by_check(csr + "/indices", 2, std::int32_t{4}, {"got 4 at [2]", "0 to 3"}),
        by_check(csr + "/indices", 2, std::int32_t{-1}, {"got -1 at [2]", "0 to 3"}),
        by_check(csr + "/values", 2, kNan, {"got nan at [2]", "finite"}),
        with(kLayers + "4@adjacency_path", text("/none"), {"names no group", "/none", "CSR"}),
        shaped("/tensors/graph", {3, 2}, "[any, 3] (columns of x)")};
    const auto listed = [](const char* name, std::int64_t value, Words words) {
        words.push_back(":" + kSample + name);
        return BrokenRule{name,
                          [name, value](TraceDraft& draft) {
                              draft.longs(kSample + "/labels", {0, 1, 2, 0});
                              draft.longs(kSample + name, {0, value});
                          },
                          words};
    };
    rules.push_back(listed("/labels", 3, {"out of range", "3 at [1]", "0 to 2"}));
    rules.push_back(listed("/labels", -1, {"out of range", "-1 at [1]", "0 to 2"}));
    rules.push_back(listed("/eval_index", 4, {"out of range", "4 at [1]", "0 to 3"}));
    rules.push_back({"labels as int32",
                     [](TraceDraft& draft) {
                         draft.integers(kSample + "/labels", {0, 1});
                     },
                     {":" + kSample + "/labels", "got int32", "int64"}});
    return rules;
}

}  // namespace

TEST_CASE("each rule of the weights is told when it is broken", "[unit]") {
    check_rules(token_draft("llama"), llama_rules());
    check_rules(token_draft("bert"), bert_rules());
    check_rules(layered_draft(), vit_rules());
}

TEST_CASE("each rule of tokens and tied heads is told when it is broken", "[unit]") {
    check_rules(token_draft("gpt"), gpt_rules());
}

TEST_CASE("each rule of linear, convolution and graph layers is told when it is broken", "[unit]") {
    check_rules(layered_draft(), linear_rules());
    check_rules(layered_draft(), conv_rules());
    check_rules(layered_draft(), graph_rules());
}

TEST_CASE("the writer refuses in each tensor what float16 cannot hold", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("out.h5");
    WriterOptions options;
    options.tensors = StoredAs::float16;
    const std::pair<const char*, Tensor3 AttentionLayer::*> tensors[] = {
        {"q", &AttentionLayer::q}, {"k", &AttentionLayer::k}, {"v", &AttentionLayer::v}};
    for (const auto& [name, member] : tensors)
        for (const float value : {65504.0F, 65520.0F, -7e4F}) {
            CAPTURE(name, value);
            AttentionLayer layer = small_layer(0, 1);
            (layer.*member).plane(1)(2, 1) = value;
            std::string message;
            {
                TraceWriter writer(path, small_model(), std::nullopt, options);
                Sample sample;
                sample.label = 0;
                writer.begin_sample(sample);
                try {
                    writer.layer(layer);
                } catch (const UserError& error) {
                    message = error.what();
                }
            }
            CHECK(directory.entries() == 0);
            CHECK(message.empty() == (value == 65504.0F));
            if (message.empty()) continue;
            const std::string where = path + ":/samples/000000/layers/00/" + name;
            CHECK(holds_all(message, {where, "too large for float16", " at [1, 2, 1]",
                                      "allowed: values up to 65504"}));
        }
}
