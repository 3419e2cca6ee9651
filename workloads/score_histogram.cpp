#include "workloads/score_histogram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/progress.hpp"
#include "workloads/trace_reader.hpp"

namespace attohm {

namespace {

/// Scores of this many queries are held at once.
constexpr std::size_t kRows = 64;

/// Fine bins are the leading 17 bits of a float, ordered as its values are: 8 bits of mantissa.
constexpr int kDropped = 15;
constexpr std::size_t kFineBins = std::size_t{1} << (32 - kDropped);

std::uint32_t ordered_bits(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

float value_of(std::uint32_t ordered) {
    return std::bit_cast<float>((ordered & 0x80000000U) != 0 ? ordered & 0x7fffffffU : ~ordered);
}

/// Lower and upper end of a fine bin.
double bin_begin(std::size_t bin) {
    return static_cast<double>(value_of(static_cast<std::uint32_t>(bin << kDropped)));
}
double bin_end(std::size_t bin) {
    return bin + 1 == kFineBins ? bin_begin(bin) : bin_begin(bin + 1);
}

/// Counts of one head, or of one layer.
struct Tally {
    std::vector<std::int64_t> bins = std::vector<std::int64_t>(kFineBins, 0);
    std::int64_t pairs = 0;
    std::int64_t above = 0;
    double sum = 0.0;
    double squares = 0.0;
    float least = std::numeric_limits<float>::infinity();
    float most = -std::numeric_limits<float>::infinity();

    void add(const Tally& part) {
        for (std::size_t i = 0; i < kFineBins; ++i) bins[i] += part.bins[i];
        pairs += part.pairs;
        above += part.above;
        sum += part.sum;
        squares += part.squares;
        least = std::min(least, part.least);
        most = std::max(most, part.most);
    }
};

void add_score(float score, float threshold, Tally& tally) {
    ++tally.bins[ordered_bits(score) >> kDropped];
    ++tally.pairs;
    tally.above += score >= threshold ? 1 : 0;
    const auto wide = static_cast<double>(score);
    tally.sum += wide;
    tally.squares += wide * wide;
    tally.least = std::min(tally.least, score);
    tally.most = std::max(tally.most, score);
}

void add_head(const AttentionHead& head, float threshold, Tally& tally) {
    const auto queries = static_cast<std::size_t>(head.valid_q);
    Matrix<float> scores(std::min(kRows, queries), head.n_k());
    for (std::size_t first = 0; first < queries; first += kRows) {
        const std::size_t rows = std::min(kRows, queries - first);
        sgemm_nt(head.scale, head.q.rows_from(first, rows), head.k, 0.0F, scores.view().top(rows));
        for (std::size_t i = 0; i < rows; ++i) {
            const std::size_t end = head.key_end(first + i);
            for (std::size_t j = 0; j < end; ++j)
                if (head.mask.empty() || head.mask(first + i, j) != 0)
                    add_score(scores(i, j), threshold, tally);
        }
    }
}

/// Value below which `share` of the pairs lie, even within its fine bin.
double quantile(const Tally& tally, double share) {
    const double wanted = share * static_cast<double>(tally.pairs);
    double before = 0.0;
    for (std::size_t bin = 0; bin < kFineBins; ++bin) {
        const auto count = static_cast<double>(tally.bins[bin]);
        if (count == 0.0 || before + count < wanted) {
            before += count;
            continue;
        }
        const double part = (wanted - before) / count;
        const double value = bin_begin(bin) + part * (bin_end(bin) - bin_begin(bin));
        return std::clamp(value, static_cast<double>(tally.least), static_cast<double>(tally.most));
    }
    return static_cast<double>(tally.most);
}

/// Equal bins between `low` and `high`; a fine bin goes where its middle lies.
void fill_bins(const Tally& tally, ScoreHistogram& histogram) {
    histogram.bins.assign(ScoreHistogram::kBins, 0);
    const double width = (histogram.high - histogram.low) / ScoreHistogram::kBins;
    for (std::size_t bin = 0; bin < kFineBins; ++bin) {
        if (tally.bins[bin] == 0) continue;
        const double middle = 0.5 * (bin_begin(bin) + bin_end(bin));
        const double place = width > 0.0 ? (middle - histogram.low) / width : 0.0;
        const auto to = static_cast<std::size_t>(
            std::clamp(std::floor(place), 0.0, static_cast<double>(ScoreHistogram::kBins - 1)));
        histogram.bins[to] += tally.bins[bin];
    }
}

ScoreHistogram finish(int layer, const Tally& tally, bool with_threshold) {
    ScoreHistogram histogram;
    histogram.layer = layer;
    histogram.pairs = tally.pairs;
    histogram.bins.assign(ScoreHistogram::kBins, 0);
    if (tally.pairs == 0) return histogram;
    const auto count = static_cast<double>(tally.pairs);
    histogram.least = static_cast<double>(tally.least);
    histogram.most = static_cast<double>(tally.most);
    histogram.mean = tally.sum / count;
    histogram.sigma =
        std::sqrt(std::max(0.0, tally.squares / count - histogram.mean * histogram.mean));
    for (std::size_t i = 0; i < ScoreHistogram::kLevels.size(); ++i)
        histogram.quantiles[i] = quantile(tally, ScoreHistogram::kLevels[i]);
    if (with_threshold) histogram.above_threshold = static_cast<double>(tally.above) / count;
    histogram.low = quantile(tally, 0.001);
    histogram.high = quantile(tally, 0.999);
    fill_bins(tally, histogram);
    return histogram;
}

/// Adds a layer of a sample, some heads at a time; heads in their order, so that sums do not depend
/// on the number of threads.
void add_layer(const TraceReader& reader, const Sample& sample, int layer, Tally& tally) {
    for (const HeadRange& range : reader.head_ranges(sample, layer, kReadBytes)) {
        const AttentionLayer part = reader.heads(sample, layer, range, false);
        const std::size_t together = 4 * static_cast<std::size_t>(threads());
        for (std::size_t first = 0; first < part.q.planes; first += together) {
            std::vector<Tally> tallies(std::min(together, part.q.planes - first));
            parallel_for(tallies.size(), [&](std::size_t i) {
                const AttentionHead head =
                    head_view(part, sample.index, part.first_head + static_cast<int>(first + i));
                const float threshold = reader.thresholds()
                                            ? reader.thresholds()->at(layer, head.head)
                                            : std::numeric_limits<float>::infinity();
                add_head(head, threshold, tallies[i]);
            });
            for (const Tally& one : tallies) tally.add(one);
        }
    }
}

/// Eight heights of a bar; nothing is a space.
std::string sparkline(const std::vector<std::int64_t>& bins) {
    static constexpr std::array<const char*, 9> kBars = {" ", "▁", "▂", "▃", "▄",
                                                         "▅", "▆", "▇", "█"};
    const std::int64_t most = *std::max_element(bins.begin(), bins.end());
    std::string line;
    for (const std::int64_t count : bins)
        line += kBars[count == 0 ? 0 : static_cast<std::size_t>(1 + count * 7 / most)];
    return line;
}

}  // namespace

ScoreHistograms score_histograms(const std::string& path) {
    const TraceReader reader(path);
    std::vector<Sample> samples;
    for (int i = 0; i < reader.samples() && !reader.shape_only(); ++i) {
        Sample sample = reader.sample(i);
        if (sample.layers_stored < reader.model().layers || reader.model().heads == 0) continue;
        sample.x0 = {};
        sample.patches = {};
        samples.push_back(std::move(sample));
    }
    if (samples.empty())
        throw UserError("no scores to look at", path + ":/samples", "no stored attention layers",
                        "samples with layers and tensors");
    ScoreHistograms all;
    all.samples = static_cast<std::int64_t>(samples.size());
    const int layers = reader.model().layers;
    Progress progress("scores", "layers", layers * all.samples);
    for (int layer = 0; layer < layers; ++layer) {
        Tally tally;
        for (const Sample& sample : samples) {
            add_layer(reader, sample, layer, tally);
            progress.tick();
        }
        all.layers.push_back(finish(layer, tally, reader.thresholds().has_value()));
    }
    return all;
}

std::string to_text(const ScoreHistograms& histograms) {
    std::string text = fmt::format(
        "  scaled scores (scale * q.k of allowed pairs) of {} samples; bars from the 0.001 to the "
        "0.999 quantile\n"
        "    {:<7}{:>12}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}  histogram\n",
        histograms.samples, "layer", "pairs", "least", "q 0.05", "median", "q 0.95", "q 0.99",
        "most", "kept");
    for (const ScoreHistogram& layer : histograms.layers) {
        const std::string above =
            layer.above_threshold ? fmt::format("{:.6f}", *layer.above_threshold) : "-";
        text += fmt::format(
            "    {:<7}{:>12}{:>11.4g}{:>11.4g}{:>11.4g}{:>11.4g}{:>11.4g}{:>11.4g}"
            "{:>11}  {}\n",
            layer.layer, layer.pairs, layer.least, layer.quantiles[1], layer.quantiles[3],
            layer.quantiles[5], layer.quantiles[6], layer.most, above, sparkline(layer.bins));
    }
    return text + "    kept: share at or above the learned threshold of the head\n";
}

std::string to_json(const ScoreHistograms& histograms) {
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const ScoreHistogram& layer : histograms.layers) {
        nlohmann::ordered_json quantiles;
        for (std::size_t i = 0; i < ScoreHistogram::kLevels.size(); ++i)
            quantiles[fmt::format("{}", ScoreHistogram::kLevels[i])] = layer.quantiles[i];
        layers.push_back({{"layer", layer.layer},
                          {"pairs", layer.pairs},
                          {"least", layer.least},
                          {"most", layer.most},
                          {"mean", layer.mean},
                          {"sigma", layer.sigma},
                          {"quantiles", quantiles},
                          {"above_threshold", layer.above_threshold
                                                  ? nlohmann::ordered_json(*layer.above_threshold)
                                                  : nlohmann::ordered_json(nullptr)},
                          {"bins_low", layer.low},
                          {"bins_high", layer.high},
                          {"bins", layer.bins}});
    }
    const nlohmann::ordered_json json = {{"samples", histograms.samples}, {"layers", layers}};
    return json.dump(2);
}

}  // namespace attohm
