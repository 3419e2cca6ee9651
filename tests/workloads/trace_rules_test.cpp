#include <cmath>
#include <limits>

#include "tests/workloads/trace_rules.hpp"

/// Every rule of the format broken once: root, model, samples and layers.
using namespace attohm;
using namespace attohm::testing;

namespace {

using Words = std::vector<std::string>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
const std::string kSample = "/samples/000000";
const std::string kLayer = "/samples/000000/layers/00";

H5Value text(const char* value) {
    return std::string(value);
}

H5Value number(std::int64_t value) {
    return value;
}

BrokenRule rename(const std::string& from, const std::string& to, Words words) {
    const auto change = [from, to](TraceDraft& draft) {
        std::map<std::string, DraftObject> objects;
        for (const auto& [path, object] : draft.objects)
            objects[path == from || path.starts_with(from + "/") ? to + path.substr(from.size())
                                                                 : path] = object;
        draft.objects = objects;
    };
    return {from + " as " + to, change, std::move(words)};
}

std::vector<BrokenRule> root_rules() {
    return {{"no format",
             [](TraceDraft& draft) { draft.drop("/@format"); },
             {":/@format", "not an attohm trace", "no such attribute"}},
            with("/@format", text("attohm-result"), {"\"attohm-result\"", "\"attohm-trace\""}),
            without("/@schema_version"),
            with("/@schema_version", text("2.0.0"), {"unknown major version", "2.0.0", "1.x.y"}),
            with("/@schema_version", text("10.0.0"), {"unknown major version", "10.0.0", "1.x.y"}),
            with("/@complete", number(0), {"truncated capture", "got 0", "1, written last"}),
            {"no complete",
             [](TraceDraft& draft) { draft.drop("/@complete"); },
             {":/@complete", "truncated capture", "no such attribute", "1, written last"}},
            with("/@shape_only", number(2), {"got 2", "0 or 1"}),
            without("/model"),
            without("/samples")};
}

std::vector<BrokenRule> model_rules() {
    std::vector<BrokenRule> rules;
    for (const char* name : {"name", "family", "layers", "heads", "kv_heads", "head_dim", "width",
                             "causal", "prefix_tokens", "task", "classes"})
        rules.push_back(without(std::string("/model@") + name));
    for (const char* name : {"layers", "heads", "kv_heads", "head_dim", "v_head_dim", "width"}) {
        const std::string at = std::string("/model@") + name;
        rules.push_back(with(at, number(0), {"out of range", "got 0", "from 1"}));
        rules.push_back(with(at, number(-1), {"out of range", "got -1", "from 1"}));
        rules.push_back(with(at, number(std::int64_t{1} << 31), {"out of range", "2147483648"}));
        rules.push_back(with(at, text("two"), {"two"}));
        rules.push_back(with(at, 2.5, {"2.5"}));
    }
    for (const char* name : {"prefix_tokens", "grid_h", "grid_w", "classes"})
        rules.push_back(with(std::string("/model@") + name, number(-1), {"got -1", "from 0"}));
    rules.push_back(with("/model@pad_token", number(-2), {"got -2", "from -1"}));
    rules.push_back(with("/model@causal", number(2), {"got 2", "0 or 1"}));
    rules.push_back(with("/model@family", text("vti"), {"\"vti\"", "vit, bert, gpt, llama, gcn"}));
    rules.push_back(with("/model@task", text("detect"), {"\"detect\"", "classify, next-token"}));
    rules.push_back(with("/model@pool", text("last"), {"\"last\"", "first, mean, pooler, none"}));
    rules.push_back(
        with("/model@kv_heads", number(3), {"evenly", "4 heads, 3 kv heads", "multiple"}));
    const std::string learned = "/model/thresholds/learned";
    rules.push_back(without(learned));
    rules.push_back(shaped(learned, {3}, "[2] or [2, 4]"));
    rules.push_back(shaped(learned, {4, 2}, "[2] or [2, 4]"));
    rules.push_back(shaped(learned, {2, 2}, "[2] or [2, 4]"));
    rules.push_back(as_double(learned, "float32"));
    rules.push_back(element(learned, 5, kNan, {"got nan at [1, 1]", "finite"}));
    rules.push_back(without(learned + "@compares"));
    rules.push_back(
        with(learned + "@compares", text("probability"), {"\"probability\"", "scaled score"}));
    const std::string mask = "/model/masks/fixed";
    rules.push_back(shaped(mask, {3, 1, 5, 5}, "[2, 4, any, any] or [2, 1, any, any]"));
    rules.push_back(shaped(mask, {2, 3, 5, 5}, "[2, 4, any, any] or [2, 1, any, any]"));
    rules.push_back(shaped(mask, {2, 5, 5}, "[2, 4, any, any] or [2, 1, any, any]"));
    rules.push_back(shaped(mask, {2, 1, 5, 4}, "as many queries as keys"));
    rules.push_back(as_double(mask, "uint8"));
    rules.push_back(element(mask, 27, std::uint8_t{2}, {"got 2 at [1, 0, 0, 2]", "0 (forbidden)"},
                            Noticed::by_check));
    return rules;
}

std::vector<BrokenRule> sample_rules() {
    const auto by_number = [](Words words) {
        words.push_back("numbered 0, 1, 2, ...");
        return words;
    };
    std::vector<BrokenRule> rules = {
        rename("/samples/000001", "/samples/000002",
               by_number({":/samples/000002", "got 000002", "number 1"})),
        rename("/samples/000001", "/samples/0", by_number({":/samples/0", "allowed: number 1"})),
        rename("/calibration/000000", "/calibration/000001",
               by_number({":/calibration/000001", "number 0"})),
        rename(kSample + "/layers/04", kSample + "/layers/05",
               by_number({":" + kSample + "/layers/05", "got 05", "number 4"})),
        {"no sample",
         [](TraceDraft& draft) {
             draft.drop("/samples");
             draft.objects["/samples"] = {};
         },
         {":/samples", "no samples", "000000, 000001"}},
        {"an attention layer less",
         [](TraceDraft& draft) { draft.drop("/samples/000001/layers/01"); },
         {":/samples/000001/layers", "got 1", "allowed: 2 (layers of /model)"}},
        {"neither layers nor weights",
         [](TraceDraft& draft) {
             draft.drop("/samples/000001/layers");
             draft.drop("/model/weights");
         },
         {":/samples/000001/layers", "neither layers nor weights", "/model/weights"}},
        without(kSample + "@label"),
        with(kSample + "@label", number(3), {"label out of range", "got 3", "0 to 2"}),
        with(kSample + "@label", number(-1), {"label out of range", "got -1", "0 to 2"}),
        with(kSample + "@valid_len", number(-1), {"got -1", "from 0"}),
        with(kSample + "@valid_len", number(6), {"exceeds the tokens", "got 6", "0 to 5"}),
        shaped(kSample + "/x0", {12, 5}, "[12] or [any, 12]"),
        as_double(kSample + "/x0", "float32"),
        element(kSample + "/x0", 13, kNan, {"got nan at [1, 1]", "finite"}),
        as_double(kSample + "/patches", "float32"),
        element(kSample + "/patches", 6, kInfinity, {"got inf at [1, 0]", "finite"}),
        shaped(kSample + "/patches", {6, 4}, "[any, 6] (columns of patch_w)"),
        with(kSample + "/logits_threshold@empty_row", text("zero"), {"\"zero\"", "dense"})};
    for (const char* name : {"/logits", "/logits_threshold"}) {
        rules.push_back(shaped(kSample + name, {4}, "[3] or [any, 3]"));
        rules.push_back(shaped(kSample + name, {3, 5}, "[3] or [any, 3]"));
        rules.push_back(as_double(kSample + name, "float32"));
        rules.push_back(element(kSample + name, 1, kNan, {"got nan at [1]", "finite"}));
    }
    rules.push_back({"logits of too many tokens",
                     [](TraceDraft& draft) {
                         draft.floats(kSample + "/logits", {6, 3});
                     },
                     {":" + kSample + "/logits", "wrong number of tokens", "got 6", "5"}});
    return rules;
}

std::vector<BrokenRule> attention_rules() {
    std::vector<BrokenRule> rules;
    for (const char* name : {"@kind", "@n_q", "@n_k", "@scale", "@causal"})
        rules.push_back(without(kLayer + name));
    for (const char* name :
         {"@n_q", "@n_k", "@windows", "@heads", "@kv_heads", "@head_dim", "@v_head_dim", "@width"})
        rules.push_back(with(kLayer + name, number(0), {"out of range", "got 0", "from 1"}));
    for (const char* name : {"@hidden", "@reach", "@grid_w", "@globals"})
        rules.push_back(with(kLayer + name, number(-1), {"out of range", "got -1", "from 0"}));
    rules.push_back(
        with(kLayer + "@kind", text("atention"), {"\"atention\"", "attention, linear"}));
    rules.push_back(with(kLayer + "@scale", 0.0, {"got 0", "above 0"}));
    rules.push_back(with(kLayer + "@scale", -0.5, {"got -0.5", "above 0"}));
    rules.push_back(with(kLayer + "@causal", number(2), {"got 2", "0 or 1"}));
    rules.push_back(with(kLayer + "@q_prescaled", number(1), {"got 1", "0 (q is stored"}));
    rules.push_back(with(kLayer + "@heads", number(5), {"5 heads", "at most 4"}));
    rules.push_back(with(kLayer + "@windows", number(2147483647), {"2147483647", "below 2^31"}));
    const auto tensor = [&](const char* name, const H5Shape& swapped, const std::string& allowed) {
        const std::string path = kLayer + name;
        rules.push_back(without(path));
        rules.push_back(shaped(path, swapped, allowed));
        rules.push_back(shaped(path, {swapped[0], swapped[2] * swapped[1]}, allowed));
        rules.push_back(as_double(path, "float32 or float16"));
        rules.push_back(element(path, 8, kNan, {"got nan at [", "finite"}));
        rules.push_back(element(path, 8, -kInfinity, {"got -inf at [", "finite"}));
    };
    tensor("/q", {4, 3, 5}, "[4, 5, 3]");
    tensor("/k", {2, 3, 5}, "[2, 5, 3]");
    tensor("/v", {2, 2, 5}, "[2, 5, 2]");
    tensor("/out", {4, 2, 5}, "[4, 5, 2]");
    rules.push_back(shaped(kLayer + "/k", {4, 5, 3}, "[2, 5, 3]"));
    rules.push_back(shaped(kLayer + "/bias", {2, 5, 5}, "[4, 5, 5] or [1, 5, 5]"));
    rules.push_back(as_double(kLayer + "/bias", "float32"));
    rules.push_back(element(kLayer + "/bias", 7, -kInfinity, {"-inf at [0, 1, 2]", "a mask"}));
    rules.push_back(shaped(kLayer + "/mask", {2, 5, 5}, "[4, 5, 5] or [1, 5, 5]"));
    rules.push_back(as_double(kLayer + "/mask", "uint8"));
    rules.push_back(
        element(kLayer + "/mask", 7, std::uint8_t{3}, {"3 at [0, 1, 2]", "1 (attend)"}));
    rules.push_back(shaped(kLayer + "/x_in", {12, 5}, "[5, 12]"));
    rules.push_back(as_double(kLayer + "/x_in", "float32"));
    rules.push_back(
        element(kLayer + "/x_in", 12, kNan, {"got nan at [1, 0]", "finite"}, Noticed::by_check));
    rules.push_back(shaped(kLayer + "/token_ids", {6}, "[5]"));
    rules.push_back(as_double(kLayer + "/token_ids", "int32"));
    const Words wrong = {"not the exact attention", "in head ", "at most 0.001"};
    rules.push_back(element(kLayer + "/out", 8, 0.5F, wrong, Noticed::by_check));
    rules.push_back({"out of another scale",
                     [](TraceDraft& draft) { draft.set(kLayer + "@scale", 0.25); },
                     {":" + kLayer + "/out", "not the exact attention", "in head 0"},
                     Noticed::by_check});
    rules.push_back(
        {"out of a mask left out",
         [](TraceDraft& draft) {
             draft.bytes(kLayer + "/mask", {1, 5, 5}, 1);
             std::get<std::vector<std::uint8_t>>(draft.at(kLayer + "/mask").values).at(4) = 0;
         },
         {":" + kLayer + "/out", "not the exact attention"},
         Noticed::by_check});
    return rules;
}

}  // namespace

TEST_CASE("each rule of a trace's root and model is told when it is broken", "[unit]") {
    check_rules(layered_draft(), root_rules());
    check_rules(layered_draft(), model_rules());
}

TEST_CASE("each rule of samples and attention layers is told when it is broken", "[unit]") {
    check_rules(layered_draft(), sample_rules());
    check_rules(layered_draft(), attention_rules());
}
