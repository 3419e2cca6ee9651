#include <algorithm>
#include <map>

#include "src/replay/survey_cells.hpp"
#include "src/replay/text_table.hpp"

/// Survey items about the network, its accuracy and what was computed.
namespace attohm::survey_cells {

namespace {

/// "matmul_8bit" -> "8".
std::string bits_in(const std::string& event) {
    const std::size_t end = event.rfind("bit");
    const std::size_t begin = event.rfind('_');
    if (end == std::string::npos || begin == std::string::npos || end + 3 != event.size() ||
        begin + 1 >= end)
        return "";
    return event.substr(begin + 1, end - begin - 1);
}

}  // namespace

// The network and its accuracy.

Cell model(const Case& c) {
    if (c.result.trace_name.empty()) return unknown("the trace has no name");
    return words(c.result.trace_name);
}

Cell dataset(const Case& c) {
    return words(fmt::format("{} samples of trace {}", c.result.samples.size(),
                             c.result.trace_id.substr(0, 16)));
}

Cell next_token(const LanguageScore& score) {
    if (score.scored == 0) return unknown("the samples have no targets");
    return number(
        score.top1.value,
        fmt::format("next token right, 0.95 interval [{}, {}]; perplexity {}, exact "
                    "network {}; closed loop on {} tokens of {} samples",
                    decimal_text(score.top1.low, 4), decimal_text(score.top1.high, 4),
                    decimal_text(score.perplexity.value, 4),
                    decimal_text(score.perplexity_exact.value, 4), score.scored, score.samples));
}

Cell accuracy(const Case& c) {
    if (!c.is_own()) return unknown("not run: a baseline of cost alone");
    if (c.result.language) return next_token(*c.result.language);
    if (!c.result.accuracy)
        return unknown("not run: open loop, the network's output is not computed");
    const Accuracy& a = *c.result.accuracy;
    const std::string over = a.nodes > 0 ? fmt::format("{} nodes of {} samples", a.nodes, a.samples)
                                         : fmt::format("{} samples", a.samples);
    return number(a.top1.value,
                  fmt::format("top-1, 0.95 interval [{}, {}]; exact network {}; closed loop on {}",
                              decimal_text(a.top1.low, 4), decimal_text(a.top1.high, 4),
                              decimal_text(a.top1_exact.value, 4), over));
}

Cell accuracy_source(const Case& c) {
    if (!c.is_own()) return words("not run: a baseline of cost alone");
    if (!c.result.accuracy && !c.result.language) return words("not run: open loop");
    return words(fmt::format("closed loop on {} samples", c.result.samples.size()));
}

// Work.

Cell macs(const Case& c) {
    std::int64_t sum = 0;
    for (const CountTotal& total : c.plan.counts)
        if (total.unit == "MAC") sum += total.count;
    return number(static_cast<double>(sum) / c.inferences(),
                  "carried out, by arrays in memory too; zeros that a unit does not skip included");
}

Cell macs_nonzero(const Case& c) {
    double sum = static_cast<double>(c.plan.counted("in_memory_mac")) / c.inferences();
    for (const ResourceTotal& use : c.plan.resources)
        if (use.work == "MAC") sum += use.useful;
    return number(sum, "of pairs that count; zeros among the tensors' values are not looked for");
}

Cell macs_by_kind(const Case& c) {
    std::map<std::string, std::int64_t> sums;
    for (const CountTotal& total : c.plan.counts)
        if (total.unit == "MAC") sums[total.event] += total.count;
    std::vector<std::string> parts;
    for (const auto& [event, sum] : sums)
        parts.push_back(fmt::format("{} {}", event,
                                    number_text(static_cast<double>(sum) / c.inferences(), 10)));
    return parts.empty() ? unknown("no multiply-accumulate was counted") : words(listed(parts));
}

Cell weights(const Case& c) {
    if (!c.result.network) return unknown("the trace holds no weights of the network");
    return number(static_cast<double>(c.result.network->weights),
                  "of the linear operators, without biases, norms and embeddings");
}

Cell weights_nonzero(const Case& c) {
    if (!c.result.network) return unknown("the trace holds no weights of the network");
    return number(static_cast<double>(c.result.network->nonzero_weights));
}

Cell operand_bits(const Case& c) {
    std::vector<std::string> parts;
    for (const CountTotal& total : c.plan.counts)
        if (const std::string bits = bits_in(total.event); total.unit == "MAC" && !bits.empty())
            if (std::find(parts.begin(), parts.end(), bits) == parts.end()) parts.push_back(bits);
    if (!parts.empty()) return words(listed(parts), "weights and activations of all products");
    // Counts of the SPRINT chip carry no width: digital products are of 8 bits.
    if (c.plan.counted("qk_mac") + c.plan.counted("sv_mac") == 0)
        return unknown("no product was counted");
    std::string text = "8 in digital products";
    for (const char* key : {"bits.k", "bits.q"}) {
        const std::string start = fmt::format("{}: ", key);
        const std::size_t at = ("\n" + c.result.experiment_yaml).find("\n" + start);
        if (c.plan.counted("in_memory_mac") == 0 || at == std::string::npos) continue;
        const std::size_t value = at + start.size();
        text += fmt::format(", {} = {} in memory", key,
                            c.result.experiment_yaml.substr(
                                value, c.result.experiment_yaml.find('\n', value) - value));
    }
    return words(text);
}

}  // namespace attohm::survey_cells
