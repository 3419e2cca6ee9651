#include "workloads/synth_graph.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "workloads/synth_plan.hpp"

namespace attohm {

namespace {

constexpr std::int64_t kMostEdges = std::int64_t{1} << 25;

Stream graph_stream(const GraphSpec& spec, std::uint64_t part) {
    return {spec.seed, Purpose::synth_content, {(std::uint64_t{1} << 33U) + part}};
}

/// Quantiles of a Pareto law between two values, in descending order.
std::vector<double> pareto(const GraphSpec& spec, double smallest, double largest) {
    std::vector<double> values(static_cast<std::size_t>(spec.nodes));
    const double tail = std::pow(largest / smallest, 1.0 - spec.exponent);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double above = (static_cast<double>(i) + 0.5) / static_cast<double>(spec.nodes);
        values[i] = smallest * std::pow(tail + above * (1.0 - tail), -1.0 / (spec.exponent - 1.0));
    }
    return values;
}

std::int64_t floor_sum(const std::vector<double>& values) {
    std::int64_t sum = 0;
    for (const double value : values) sum += static_cast<std::int64_t>(value);
    return sum;
}

void check(const GraphSpec& spec) {
    if (!(spec.exponent > 1.0 && spec.exponent <= 10.0))
        refuse_synth("exponent of the degrees", fmt::format("{}", spec.exponent), "1 < x <= 10");
    if (spec.nodes < 2) refuse_synth("nodes", std::to_string(spec.nodes), "2 and more");
    if (spec.edges % 2 != 0)
        refuse_synth("an odd number of stored edges: each is stored in both directions",
                     std::to_string(spec.edges), "an even number");
}

/// The pairs of a graph, and which of them are there.
class EdgeSet {
  public:
    explicit EdgeSet(std::size_t count) { present_.reserve(count); }
    static std::uint64_t key(std::int64_t a, std::int64_t b) {
        return static_cast<std::uint64_t>(std::min(a, b)) << 32U |
               static_cast<std::uint64_t>(std::max(a, b));
    }
    bool add(std::int64_t a, std::int64_t b) { return a != b && present_.insert(key(a, b)).second; }
    bool has(std::int64_t a, std::int64_t b) const { return present_.count(key(a, b)) != 0; }
    void remove(std::int64_t a, std::int64_t b) { present_.erase(key(a, b)); }

  private:
    std::unordered_set<std::uint64_t> present_;
};

using Pair = std::pair<std::int64_t, std::int64_t>;

void shuffle(std::vector<std::int64_t>& values, const Stream& draws) {
    for (std::size_t i = values.size(); i-- > 1;) {
        // 64 bits of the stream: a list may be longer than 2^23.
        const std::uint64_t word = std::uint64_t{draws.word(2 * i)} << 32U | draws.word(2 * i + 1);
        std::swap(values[i], values[word % (i + 1)]);
    }
}

/// Makes room for each pair that could not be added: its ends change places with those of a pair
/// that is there.
void repair(const std::vector<Pair>& bad, const Stream& draws, std::vector<Pair>& good,
            EdgeSet& present) {
    std::uint64_t word = 0;
    constexpr std::uint64_t kTries = 100000;
    for (const auto& [a, b] : bad) {
        std::uint64_t tries = 0;
        for (;; ++tries) {
            if (tries == kTries)
                refuse_synth("no simple graph of these degrees was found",
                             fmt::format("{} pairs", good.size()), "fewer edges");
            Pair& other = good[draws.word(word++) % good.size()];
            const auto [c, d] = other;
            if (a == d || c == b || present.has(a, d) || present.has(c, b) ||
                EdgeSet::key(a, d) == EdgeSet::key(c, b))
                continue;
            present.remove(c, d);
            present.add(a, d);
            present.add(c, b);
            other = {a, d};
            good.emplace_back(c, b);
            break;
        }
    }
}

SparseMatrix compressed(const std::vector<Pair>& pairs, std::int64_t nodes) {
    SparseMatrix matrix;
    matrix.rows = matrix.cols = static_cast<std::size_t>(nodes);
    matrix.indptr.assign(matrix.rows + 1, 0);
    for (const auto& [a, b] : pairs) {
        ++matrix.indptr[static_cast<std::size_t>(a) + 1];
        ++matrix.indptr[static_cast<std::size_t>(b) + 1];
    }
    std::partial_sum(matrix.indptr.begin(), matrix.indptr.end(), matrix.indptr.begin());
    matrix.indices.resize(2 * pairs.size());
    std::vector<std::int64_t> next(matrix.indptr.begin(), matrix.indptr.end() - 1);
    for (const auto& [a, b] : pairs) {
        matrix.indices[static_cast<std::size_t>(next[static_cast<std::size_t>(a)]++)] =
            static_cast<std::int32_t>(b);
        matrix.indices[static_cast<std::size_t>(next[static_cast<std::size_t>(b)]++)] =
            static_cast<std::int32_t>(a);
    }
    matrix.values.resize(matrix.indices.size());
    const auto degree = [&](std::size_t i) {
        return static_cast<double>(matrix.indptr[i + 1] - matrix.indptr[i]);
    };
    for (std::size_t i = 0; i < matrix.rows; ++i) {
        const auto first = matrix.indices.begin() + matrix.indptr[i];
        const auto last = matrix.indices.begin() + matrix.indptr[i + 1];
        std::sort(first, last);
        for (auto j = first; j != last; ++j)
            matrix.values[static_cast<std::size_t>(j - matrix.indices.begin())] =
                static_cast<float>(1.0 /
                                   std::sqrt(degree(i) * degree(static_cast<std::size_t>(*j))));
    }
    return matrix;
}

}  // namespace

std::vector<std::int64_t> power_law_degrees(const GraphSpec& spec, double* smallest) {
    check(spec);
    const double largest =
        std::min(std::sqrt(static_cast<double>(spec.edges)), static_cast<double>(spec.nodes - 1));
    // Every node has an edge, and none more than the cut allows.
    const std::int64_t least = floor_sum(pareto(spec, 1.0, std::max(largest, 1.0)));
    const auto most = static_cast<std::int64_t>(largest) * spec.nodes;
    if (spec.edges < least || spec.edges > most)
        refuse_synth("edges of a graph with this exponent", std::to_string(spec.edges),
                     fmt::format("{} to {} for {} nodes and exponent {}", least, most, spec.nodes,
                                 spec.exponent));
    double low = 1.0, high = largest;
    for (int i = 0; i < 100; ++i) {
        const double middle = 0.5 * (low + high);
        (floor_sum(pareto(spec, middle, largest)) <= spec.edges ? low : high) = middle;
    }
    const std::vector<double> values = pareto(spec, low, largest);
    std::vector<std::int64_t> degrees;
    for (const double value : values) degrees.push_back(static_cast<std::int64_t>(value));
    // What is missing goes to the nodes that came closest to the next whole number.
    std::int64_t missing = spec.edges - floor_sum(values);
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto rest = [&](std::size_t i) { return values[i] - std::floor(values[i]); };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return rest(a) > rest(b); });
    ATTOHM_CHECK_LE(missing, spec.nodes);
    for (std::size_t i = 0; missing > 0; ++i, --missing) ++degrees[order[i]];
    if (smallest != nullptr) *smallest = low;
    return degrees;
}

SparseMatrix power_law_graph(const GraphSpec& spec) {
    std::vector<std::int64_t> degrees = power_law_degrees(spec);
    if (spec.edges > kMostEdges)
        refuse_synth("graph too large to be drawn", fmt::format("{} stored edges", spec.edges),
                     fmt::format("at most {}, or shapes only", kMostEdges));
    shuffle(degrees, graph_stream(spec, 0));
    std::vector<std::int64_t> stubs;
    for (std::size_t i = 0; i < degrees.size(); ++i)
        stubs.insert(stubs.end(), static_cast<std::size_t>(degrees[i]),
                     static_cast<std::int64_t>(i));
    shuffle(stubs, graph_stream(spec, 1));
    EdgeSet present(stubs.size() / 2);
    std::vector<Pair> good, bad;
    for (std::size_t i = 0; i + 1 < stubs.size(); i += 2) {
        const Pair pair{stubs[i], stubs[i + 1]};
        (present.add(pair.first, pair.second) ? good : bad).push_back(pair);
    }
    if (good.empty()) refuse_synth("graph too small", std::to_string(spec.edges), "more edges");
    repair(bad, graph_stream(spec, 2), good, present);
    return compressed(good, spec.nodes);
}

}  // namespace attohm
