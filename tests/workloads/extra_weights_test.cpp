#include <catch2/catch.hpp>
#include <limits>

#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/trace_draft.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

const std::string kExtra = "/model/weights/extra";

/// The trace with learned parameters of two schemes.
TraceDraft learned_draft() {
    TraceDraft draft = layered_draft();
    for (const std::string group : {"", "/one", "/one/layer_00", "/one/layer_01", "/two"})
        draft.objects[kExtra + group] = {};
    draft.floats(kExtra + "/one/layer_00/a", {4, 3}, 0.25F);
    draft.floats(kExtra + "/one/layer_01/a", {4, 3}, 0.5F);
    draft.floats(kExtra + "/two/b", {2}, 0.75F);
    return draft;
}

}  // namespace

TEST_CASE("a trace gives what one scheme has learned, beside the network", "[unit]") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("learned.h5");
    learned_draft().write(file);
    const TraceReader reader(file);
    const ExtraWeights one = reader.extra_weights("one"), two = reader.extra_weights("two");
    REQUIRE(one.tensors.size() == 2);
    REQUIRE(two.tensors.size() == 1);
    CHECK(two.tensors.at("b").values == std::vector<float>(2, 0.75F));
    CHECK(one.where == file + ":" + kExtra + "/one");
    const ExtraTensor& a = one.layer_tensor("one", 1, "a", {4, 3}, "train it");
    CHECK(a.shape == std::vector<std::size_t>{4, 3});
    CHECK(a.values == std::vector<float>(12, 0.5F));
    CHECK(reader.extra_weights("three").empty());
    // The network is the one without them.
    CHECK(reader.has_weights());
    CHECK(reader.weights()->blocks.size() == 2);
}

TEST_CASE("a learned parameter that is missing or misshaped is refused by name", "[unit]") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("learned.h5");
    learned_draft().write(file);
    const ExtraWeights one = TraceReader(file).extra_weights("one");
    CHECK_THROWS_WITH(one.layer_tensor("one", 7, "a", {4, 3}, "train it"),
                      Contains("scheme one has no `a` for layer 7") &&
                          Contains("extra/one/layer_07/a") && Contains("[4, 3]: train it"));
    CHECK_THROWS_WITH(one.layer_tensor("one", 0, "a", {4, 2}, "train it"),
                      Contains("`a` of scheme one does not fit layer 0") &&
                          Contains("got [4, 3]") && Contains("[4, 2]"));
    TraceDraft broken = learned_draft();
    broken.floats(kExtra + "/two/b", {2}, std::numeric_limits<float>::quiet_NaN());
    const std::string spoilt = directory.file("spoilt.h5"), typed = directory.file("typed.h5");
    broken.write(spoilt);
    const TraceReader reader(spoilt);
    CHECK_THROWS_WITH(reader.extra_weights("two"), Contains("extra/two/b"));
    CHECK(reader.extra_weights("one").tensors.size() == 2);
    TraceDraft whole = learned_draft();
    whole.integers(kExtra + "/two/b", {1, 2});
    whole.write(typed);
    CHECK_THROWS_WITH(TraceReader(typed).extra_weights("two"), Contains("float32"));
}

TEST_CASE("parameters of schemes alone are no network", "[unit]") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("open.h5");
    TraceDraft draft = learned_draft();
    TraceDraft open = draft;
    open.drop("/model/weights");
    for (const auto& [path, object] : draft.objects)
        if (path.starts_with(kExtra)) open.objects[path] = object;
    open.objects["/model/weights"] = {};
    open.write(file);
    const TraceReader reader(file);
    CHECK_FALSE(reader.has_weights());
    CHECK(reader.extra_weights("one").tensors.size() == 2);
}
