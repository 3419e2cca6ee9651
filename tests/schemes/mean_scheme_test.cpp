#include "tests/schemes/mean_scheme.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "src/base/text.hpp"
#include "tests/reference/forward_reference.hpp"
#include "tests/schemes/op_counts.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// That docs/add-a-scheme.md shows what compiles and works.
using namespace attohm;

namespace {

constexpr const char* kPage = "docs/add-a-scheme.md";

/// Code blocks of a language.
std::vector<std::string> blocks_of(const std::string& page, const std::string& language) {
    std::vector<std::string> blocks;
    std::istringstream lines(page);
    std::string line;
    bool inside = false;
    while (std::getline(lines, line)) {
        if (line == "```") {
            inside = false;
        } else if (line == "```" + language) {
            inside = true;
            blocks.emplace_back();
        } else if (inside) {
            blocks.back() += line + "\n";
        }
    }
    return blocks;
}

Settings page_preset() {
    const auto presets = blocks_of(read_text_file(kPage), "yaml");
    REQUIRE(presets.size() == 1);
    return Settings::from_text(presets.front(), "presets/mean.yaml");
}

}  // namespace

TEST_CASE("the code on the page is the code of the example", "[unit]") {
    const std::string code = read_text_file("tests/schemes/mean_scheme.hpp") +
                             read_text_file("tests/schemes/mean_scheme.cpp");
    const auto blocks = blocks_of(read_text_file(kPage), "cpp");
    REQUIRE(blocks.size() >= 4);
    for (const std::string& block : blocks) {
        CAPTURE(block);
        CHECK(code.find(block) != std::string::npos);
    }
}

TEST_CASE("the example computes a mean and says what it costs", "[unit]") {
    const SchemeEntry entry = mean_entry();
    std::uint64_t seed = 40;
    for (const LayerSpec& spec : awkward_layers()) {
        const AttentionLayer layer = random_layer(spec, ++seed);
        const auto scheme = entry.make({}, page_preset());
        CHECK(scheme->name() == entry.name);
        const SchemeRun run = run_scheme(*scheme, layer);
        // Softmax attention of queries that are all zero.
        AttentionLayer still = layer;
        std::fill(still.q.data.begin(), still.q.data.end(), 0.0F);
        for (int h = 0; h < spec.heads; ++h) {
            const auto i = static_cast<std::size_t>(h);
            const Matrix<double> twin = reference::exact_attention(head_view(still, 0, h));
            CHECK(relative_error(run.out[i], twin) < 1e-5);
            check_op_list(run.works[i].ops);
            CHECK(dense_sum(run.works[i].ops, OpKind::accumulate) ==
                  std::int64_t{layer.valid_q} * layer.valid_k * spec.dv);
        }
    }
}
