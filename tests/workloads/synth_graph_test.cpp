#include "workloads/synth_graph.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <set>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "tests/workloads/synth_count.hpp"

using namespace attohm;

namespace {

/// Maximum-likelihood exponent of P(k >= K) ~ K^(1 - exponent) on whole numbers from `first` to
/// below `end`, cut there; by golden section. Source of the likelihood: Clauset, Shalizi, Newman,
/// SIAM Review 51 (2009) 661, with the sum over k replaced by the difference of the tails.
double fitted_exponent(const std::vector<std::int64_t>& degrees, double first, double end) {
    const auto likelihood = [&](double exponent) {
        const auto tail = [&](double k) { return std::pow(k, 1.0 - exponent); };
        double sum = 0.0;
        for (const std::int64_t degree : degrees) {
            const auto k = static_cast<double>(degree);
            if (k < first || k >= end) continue;
            sum += std::log((tail(k) - tail(k + 1.0)) / (tail(first) - tail(end)));
        }
        return sum;
    };
    double low = 1.05, high = 6.0;
    constexpr double kGolden = 0.6180339887498949;
    for (int i = 0; i < 60; ++i) {
        const double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
        (likelihood(a) < likelihood(b) ? low : high) = likelihood(a) < likelihood(b) ? a : b;
    }
    return 0.5 * (low + high);
}

std::vector<std::int64_t> degrees_of(const SparseMatrix& graph) {
    std::vector<std::int64_t> degrees;
    for (std::size_t i = 0; i < graph.rows; ++i)
        degrees.push_back(graph.indptr[i + 1] - graph.indptr[i]);
    return degrees;
}

}  // namespace

TEST_CASE("degrees follow the asked power law", "[property]") {
    for (const GraphSpec& spec :
         {GraphSpec{2708, 10556, 2.5, 1}, GraphSpec{19717, 88648, 2.5, 2},
          GraphSpec{19717, 88648, 3.0, 3}, GraphSpec{5000, 40000, 2.2, 4}}) {
        double smallest = 0.0;
        const std::vector<std::int64_t> degrees = power_law_degrees(spec, &smallest);
        CHECK(std::accumulate(degrees.begin(), degrees.end(), std::int64_t{0}) == spec.edges);
        CHECK(*std::min_element(degrees.begin(), degrees.end()) >= 1);
        // Fitted where the law holds: from the first whole number above the smallest value.
        const double first = std::ceil(smallest);
        const double end = std::floor(std::sqrt(static_cast<double>(spec.edges)));
        const auto in_tail =
            static_cast<double>(std::count_if(degrees.begin(), degrees.end(), [&](std::int64_t k) {
                return static_cast<double>(k) >= first && static_cast<double>(k) < end;
            }));
        // Three standard errors of the fit to as many independent draws.
        const double band = 3.0 * (spec.exponent - 1.0) / std::sqrt(in_tail);
        INFO(spec.nodes << " nodes, exponent " << spec.exponent << ", from " << first);
        CHECK(in_tail > 500.0);
        CHECK(std::abs(fitted_exponent(degrees, first, end) - spec.exponent) < band);
        // A law that is off by more than the band is told apart.
        GraphSpec other = spec;
        other.exponent += 0.5;
        double other_smallest = 0.0;
        const std::vector<std::int64_t> steeper = power_law_degrees(other, &other_smallest);
        CHECK(std::abs(fitted_exponent(steeper, std::ceil(other_smallest), end) - spec.exponent) >
              band);
    }
}

TEST_CASE("a graph has its degrees and is simple and symmetric", "[property]") {
    const GraphSpec spec{2708, 10556, 2.5, 7};
    const SparseMatrix graph = power_law_graph(spec);
    CHECK(graph.rows == 2708);
    CHECK(graph.indices.size() == 10556);
    std::vector<std::int64_t> degrees = degrees_of(graph), asked = power_law_degrees(spec);
    // Nodes stand in an order of their own, not by degree.
    CHECK_FALSE(std::is_sorted(degrees.begin(), degrees.end(), std::greater<>()));
    std::set<std::pair<std::size_t, std::size_t>> present;
    for (std::size_t i = 0; i < graph.rows; ++i)
        for (std::int64_t e = graph.indptr[i]; e < graph.indptr[i + 1]; ++e) {
            const auto j = static_cast<std::size_t>(graph.indices[static_cast<std::size_t>(e)]);
            CHECK(i != j);
            CHECK(present.insert({i, j}).second);
            const double value = 1.0 / std::sqrt(static_cast<double>(degrees[i] * degrees[j]));
            CHECK(static_cast<double>(graph.values[static_cast<std::size_t>(e)]) ==
                  Approx(value).epsilon(1e-6));
        }
    for (const auto& [i, j] : present) CHECK(present.count({j, i}) == 1);
    std::sort(degrees.begin(), degrees.end());
    std::sort(asked.begin(), asked.end());
    CHECK(degrees == asked);
    // The seed chooses the graph, not its degrees.
    GraphSpec other = spec;
    other.seed = 8;
    CHECK(power_law_graph(spec).indices == graph.indices);
    CHECK(power_law_graph(other).indices != graph.indices);
}

TEST_CASE("graphs that cannot be are refused with the range", "[unit]") {
    using Catch::Matchers::Contains;
    const auto message = [](const GraphSpec& spec) -> std::string {
        try {
            power_law_graph(spec);
        } catch (const UserError& error) {
            return error.what();
        }
        return "accepted";
    };
    CHECK_THAT(message({1000, 1200, 2.5, 1}), Contains("1200") && Contains("1000 nodes"));
    CHECK_THAT(message({100, 9999, 2.5, 1}), Contains("even"));
    CHECK_THAT(message({100, 100000, 2.5, 1}), Contains("100000"));
    CHECK_THAT(message({1000, 4000, 1.0, 1}), Contains("1 < x"));
    CHECK_THAT(message({232965, 114615892, 2.5, 1}), Contains("shapes only"));
    // A dense graph of few nodes still has a simple form.
    const SparseMatrix small = power_law_graph({40, 200, 2.2, 1});
    CHECK(small.indices.size() == 200);
}

TEST_CASE("features have the asked density", "[property]") {
    SynthSpec spec;
    LayerShape layer;
    layer.kind = LayerKind::graph;
    layer.graph = {1000, 4000, 300, 16};
    spec.shapes = {layer};
    spec.family = "gcn";
    spec.density = 0.05;
    spec.samples = 1;
    spec.calibration = 0;
    const attohm::testing::TemporaryTrace trace("density");
    write_synthetic_trace(spec, trace.path());
    const H5Group root = H5File::open(trace.path()).root();
    std::vector<float> x(300000);
    root.read("samples/000000/layers/00/x", std::span(x));
    const auto nonzero = static_cast<double>(
        std::count_if(x.begin(), x.end(), [](float value) { return value != 0.0F; }));
    // Five standard deviations of as many independent draws.
    CHECK(std::abs(nonzero - 15000.0) < 5.0 * std::sqrt(15000.0 * 0.95));
    CHECK(*std::min_element(x.begin(), x.end()) >= 0.0F);
}
